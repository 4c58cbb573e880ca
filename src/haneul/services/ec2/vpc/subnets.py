"""Subnets: a zone's part of a VPC."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2.errors import coded, errors, invalid
from haneul.services.ec2.operations import operation
from haneul.services.ec2.transit.state import TRANSIT_ATTACHMENT
from haneul.services.ec2.vpc import interfaces, realise, six
from haneul.services.ec2.vpc.places import zone_id, zone_named, zones_of
from haneul.services.ec2.vpc.state import ACL, INTERFACE, ROUTE_TABLE, SUBNET, VPC, Subnet, Vpc
from haneul.state.store import Reader, Writer

ARN = "arn:aws:ec2:{region}:{account}:subnet/{SubnetId}"
_FILTERS = {
    "availability-zone": "AvailabilityZone",
    "availabilityZone": "AvailabilityZone",
    "availability-zone-id": "AvailabilityZoneId",
    "availabilityZoneId": "AvailabilityZoneId",
    "available-ip-address-count": "AvailableIpAddressCount",
    "cidr": "CidrBlock",
    "cidr-block": "CidrBlock",
    "cidrBlock": "CidrBlock",
    "customer-owned-ipv4-pool": "CustomerOwnedIpv4Pool",
    "default-for-az": "DefaultForAz",
    "defaultForAz": "DefaultForAz",
    "enable-dns64": "EnableDns64",
    "enable-lni-at-device-index": "EnableLniAtDeviceIndex",
    "ipv6-cidr-block-association.association-id": "Ipv6CidrBlockAssociationSet.AssociationId",
    "ipv6-cidr-block-association.ipv6-cidr-block": "Ipv6CidrBlockAssociationSet.Ipv6CidrBlock",
    "ipv6-cidr-block-association.state": "Ipv6CidrBlockAssociationSet.Ipv6CidrBlockState.State",
    "ipv6-native": "Ipv6Native",
    "map-customer-owned-ip-on-launch": "MapCustomerOwnedIpOnLaunch",
    "map-public-ip-on-launch": "MapPublicIpOnLaunch",
    "outpost-arn": "OutpostArn",
    "owner-id": "OwnerId",
    "private-dns-name-options-on-launch.enable-resource-name-dns-a-record": (
        "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsARecord"
    ),
    "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record": (
        "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsAAAARecord"
    ),
    "private-dns-name-options-on-launch.hostname-type": "PrivateDnsNameOptionsOnLaunch.HostnameType",
    "state": "State",
    "subnet-arn": "SubnetArn",
    "subnet-id": "SubnetId",
    "vpc-id": "VpcId",
}


@operation("arn:aws:ec2:{region}:{account}:subnet/*")
def create_subnet(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateSubnet. Raises InvalidSubnet.Range, InvalidSubnet.Conflict, InvalidParameterValue."""
    _check_blocks(request)
    tags = tagging.of_new(request, "subnet")
    zone = _zone(call.region, request)
    with call.write() as tx:
        vpc = VPC.get(tx, call.scope, request["VpcId"])
        cidr = _block(tx, call.scope, vpc, request["CidrBlock"]) if request.get("CidrBlock") else ""
        row = _add(tx, call.scope, vpc, zone, cidr, call.now())
        row.tags, row.assign_ipv6 = tags, not cidr
        if request.get("Ipv6CidrBlock"):
            six.give(tx, call.scope, vpc, row, request["Ipv6CidrBlock"])
        SUBNET.table.put(tx, call.scope, row)
        realise.touch(tx, call.scope, vpc.id)
        return {"Subnet": describe(tx, call.scope, row)}


@operation()
def create_default_subnet(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDefaultSubnet: of a zone that has none in the default VPC. Raises
    DefaultSubnetAlreadyExistsInAvailabilityZone, DefaultVpcDoesNotExist."""
    zone = _zone(call.region, request)
    with call.write() as tx:
        vpc = next((one for one in VPC.table.scan(tx, call.scope) if one.default), None)
        if vpc is None:
            raise errors.DefaultVpcDoesNotExist("No default VPC exists for this account in this region.")
        used = [one for one in SUBNET.table.scan(tx, call.scope) if one.vpc == vpc.id]
        there = next((one for one in used if one.default and one.zone == zone), None)
        if there is not None:
            raise errors.DefaultSubnetAlreadyExistsInAvailabilityZone(
                f"'{there.id}' is already the default subnet in {zone}."
            )
        networks = [ipaddress.IPv4Network(one.cidr) for one in used if one.cidr]
        whole = ipaddress.IPv4Network(next(iter(vpc.cidrs.values())))
        free = (one for one in whole.subnets(new_prefix=20) if not any(one.overlaps(other) for other in networks))
        cidr = next(free, None)
        if cidr is None:
            raise coded("InvalidSubnet.Conflict", "There is no free /20 block in the default VPC")
        row = _add(tx, call.scope, vpc, zone, str(cidr), call.now())
        row.default = row.map_public = True
        SUBNET.table.put(tx, call.scope, row)
        return {"Subnet": describe(tx, call.scope, row)}


@operation()
def describe_subnets(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeSubnets."""
    with call.read() as tx:
        taken = interfaces.numbers_taken(tx, call.scope)
    return listing.describe(
        call,
        request,
        SUBNET,
        member="Subnets",
        ids="SubnetIds",
        filters=_FILTERS,
        render=lambda tx, row: describe(tx, call.scope, row, taken),
    )


@operation(ARN)
def delete_subnet(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteSubnet. Raises DependencyViolation while an interface is in it."""
    with call.write() as tx:
        row = SUBNET.get(tx, call.scope, request["SubnetId"])
        attached = (one for one in TRANSIT_ATTACHMENT.living(tx, call.scope) if row.id in one.subnets)
        if any(one.subnet == row.id for one in INTERFACE.table.scan(tx, call.scope)) or any(attached):
            raise errors.DependencyViolation(f"The subnet '{row.id}' has dependencies and cannot be deleted.")
        for table in list(ROUTE_TABLE.table.scan(tx, call.scope)):
            if row.id in table.associations.values():
                table.associations = {key: value for key, value in table.associations.items() if value != row.id}
                ROUTE_TABLE.table.put(tx, call.scope, table)
        SUBNET.table.delete(tx, call.scope, row.id)
        realise.touch(tx, call.scope, row.vpc)
    return {}


@operation(ARN)
def modify_subnet_attribute(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifySubnetAttribute: MapPublicIpOnLaunch and the names that instances get."""
    names = ("EnableResourceNameDnsARecordOnLaunch", "EnableResourceNameDnsAAAARecordOnLaunch")
    given = [name for name in request if name not in ("SubnetId", "DryRun")]
    if len(given) != 1:
        raise errors.InvalidParameterCombination("Exactly one attribute can be modified in a single call")
    with call.write() as tx:
        row = SUBNET.get(tx, call.scope, request["SubnetId"])
        if "MapPublicIpOnLaunch" in request:
            row.map_public = bool(request["MapPublicIpOnLaunch"].get("Value"))
        elif "AssignIpv6AddressOnCreation" in request:
            row.assign_ipv6 = bool(request["AssignIpv6AddressOnCreation"].get("Value"))
            if row.assign_ipv6 and not row.ipv6:
                raise invalid(
                    "Invalid value 'true' for assignIpv6AddressOnCreation. "
                    f"Subnet {row.id} does not have an IPv6 CIDR block."
                )
        elif "PrivateDnsHostnameTypeOnLaunch" in request:
            row.host_names = {**row.host_names, "HostnameType": request["PrivateDnsHostnameTypeOnLaunch"]}
        elif given[0] in names:
            key = given[0].removesuffix("OnLaunch")
            row.host_names = {**row.host_names, key: bool(request[given[0]].get("Value"))}
        elif request[given[0]].get("Value") if isinstance(request[given[0]], Mapping) else True:
            raise errors.UnsupportedOperation(f"{given[0]} is not supported here.")
        SUBNET.table.put(tx, call.scope, row)
    return {}


def describe(tx: Reader, scope: Scope, row: Subnet, taken: Mapping[str, int] | None = None) -> dict[str, Any]:
    """A subnet as every answer shows it. taken: see `interfaces.numbers_taken`, for whoever describes many."""
    taken = interfaces.numbers_taken(tx, scope) if taken is None else taken
    names = {"HostnameType": "ip-name", "EnableResourceNameDnsARecord": False, "EnableResourceNameDnsAAAARecord": False}
    size = ipaddress.IPv4Network(row.cidr).num_addresses if row.cidr else 0
    shown = {
        "SubnetId": row.id,
        "SubnetArn": SUBNET.arn(scope, row.id),
        "VpcId": row.vpc,
        "OwnerId": scope.account,
        "State": "available",
        "CidrBlock": row.cidr,
        "AvailabilityZone": row.zone,
        "AvailabilityZoneId": zone_id(row.zone),
        "AvailableIpAddressCount": size - 5 - taken.get(row.id, 0) if row.cidr else 0,
        "DefaultForAz": row.default,
        "MapPublicIpOnLaunch": row.map_public,
        "MapCustomerOwnedIpOnLaunch": False,
        "AssignIpv6AddressOnCreation": row.assign_ipv6,
        "Ipv6CidrBlockAssociationSet": [six.of_subnet(row, one) for one in row.ipv6],
        "Ipv6Native": not row.cidr,
        "EnableDns64": False,
        "PrivateDnsNameOptionsOnLaunch": names | row.host_names,
        "Tags": tagging.render(row.tags),
    }
    return shown if row.cidr else {name: value for name, value in shown.items() if name != "CidrBlock"}


def _check_blocks(request: Mapping[str, Any]) -> None:
    """Which blocks a subnet must and may have: an IPv6-only one no IPv4 block."""
    four, six_ = request.get("CidrBlock"), request.get("Ipv6CidrBlock")
    if not request.get("Ipv6Native"):
        if not four:
            raise errors.MissingParameter("Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.")
    elif not six_:
        raise errors.MissingParameter("Either 'ipv6CidrBlock' or 'ipv6IpamPoolId' should be provided.")
    elif four:
        raise errors.InvalidParameterCombination(
            "When specifying ipv4 parameters, cidrBlock or ipv4IpamPoolId, you cannot set ipv6Native to true."
        )


def _zone(region: str, request: Mapping[str, Any]) -> str:
    zones = zones_of(region)
    if request.get("AvailabilityZoneId"):
        zone = zone_named(region, request["AvailabilityZoneId"])
        if zone is None:
            raise invalid(f"Value ({request['AvailabilityZoneId']}) for parameter availabilityZoneId is invalid.")
        return zone
    zone = request.get("AvailabilityZone") or zones[0]
    if zone not in zones:
        raise invalid(
            f"Value ({zone}) for parameter availabilityZone is invalid. Subnets can currently only be created in the "
            f"following availability zones: {', '.join(zones)}."
        )
    return zone


def _block(tx: Reader, scope: Scope, vpc: Vpc, text: str) -> str:
    try:
        network = ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        raise invalid(f"Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block.") from None
    if "/" not in text:
        raise invalid(f"Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block.")
    inside = any(network.subnet_of(ipaddress.IPv4Network(cidr)) for cidr in vpc.cidrs.values())
    if not 16 <= network.prefixlen <= 28 or not inside:
        raise coded("InvalidSubnet.Range", f"The CIDR '{text}' is invalid.")
    for other in SUBNET.table.scan(tx, scope):
        if other.vpc == vpc.id and other.cidr and network.overlaps(ipaddress.IPv4Network(other.cidr)):
            raise coded("InvalidSubnet.Conflict", f"The CIDR '{text}' conflicts with another subnet")
    return str(network)


def _add(tx: Writer, scope: Scope, vpc: Vpc, zone: str, cidr: str, now: float) -> Subnet:
    acl = next(one for one in ACL.table.scan(tx, scope) if one.vpc == vpc.id and one.default)
    return Subnet(
        id=SUBNET.new_id(),
        vpc=vpc.id,
        zone=zone,
        cidr=cidr,
        created=now,
        acl=acl.id,
        acl_association=tokens.resource_id("aclassoc"),
    )
