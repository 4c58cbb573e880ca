"""VPCs themselves: create, describe, delete, attributes, the default one."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2.errors import coded, errors, invalid, mixed
from haneul.services.ec2.kinds import Kind
from haneul.services.ec2.operations import operation
from haneul.services.ec2.transit.state import TRANSIT_ATTACHMENT, VPN_GATEWAY
from haneul.services.ec2.vpc import defaults, peering, realise, six
from haneul.services.ec2.vpc.state import (
    ACL,
    EGRESS_GATEWAY,
    ENDPOINT,
    GATEWAY,
    GROUP,
    INTERFACE,
    ROUTE_TABLE,
    RULE,
    SUBNET,
    VPC,
    Vpc,
)
from haneul.state.store import Reader, Writer

ARN = "arn:aws:ec2:{region}:{account}:vpc/{VpcId}"
LIMIT = 100
_FILTERS = {
    "cidr": "CidrBlock",
    "cidr-block-association.association-id": "CidrBlockAssociationSet.AssociationId",
    "cidr-block-association.cidr-block": "CidrBlockAssociationSet.CidrBlock",
    "cidr-block-association.state": "CidrBlockAssociationSet.CidrBlockState.State",
    "dhcp-options-id": "DhcpOptionsId",
    "ipv6-cidr-block-association.association-id": "Ipv6CidrBlockAssociationSet.AssociationId",
    "ipv6-cidr-block-association.ipv6-cidr-block": "Ipv6CidrBlockAssociationSet.Ipv6CidrBlock",
    "ipv6-cidr-block-association.ipv6-pool": "Ipv6CidrBlockAssociationSet.Ipv6Pool",
    "ipv6-cidr-block-association.state": "Ipv6CidrBlockAssociationSet.Ipv6CidrBlockState.State",
    "is-default": "IsDefault",
    "isDefault": "IsDefault",
    "owner-id": "OwnerId",
    "state": "State",
    "vpc-id": "VpcId",
}


@operation("arn:aws:ec2:{region}:{account}:vpc/*")
def create_vpc(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateVpc. Raises InvalidVpc.Range, InvalidParameterValue, VpcLimitExceeded."""
    if not request.get("CidrBlock"):
        raise errors.MissingParameter("Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.")
    cidr = block(request["CidrBlock"])
    tags = tagging.of_new(request, "vpc")
    with call.write() as tx:
        if sum(1 for _ in VPC.table.scan(tx, call.scope)) >= LIMIT:
            raise errors.VpcLimitExceeded("The maximum number of VPCs has been reached.")
        vpc = defaults.make_vpc(
            tx, call.scope, cidr, call.now(), tenancy=request.get("InstanceTenancy") or "default", tags=tags
        )
        if request.get("AmazonProvidedIpv6CidrBlock"):
            vpc.ipv6 = {tokens.resource_id("vpc-cidr-assoc"): six.new_block(tx)}
            VPC.table.put(tx, call.scope, vpc)
        return {"Vpc": describe(call.scope, vpc)}


@operation()
def create_default_vpc(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDefaultVpc: only when it was deleted. Raises DefaultVpcAlreadyExists."""
    with call.write() as tx:
        if any(vpc.default for vpc in VPC.table.scan(tx, call.scope)):
            raise errors.DefaultVpcAlreadyExists("A Default VPC already exists for this account in this region.")
        return {"Vpc": describe(call.scope, defaults.make_default(tx, call.scope, call.now()))}


@operation()
def describe_vpcs(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeVpcs."""
    return listing.describe(
        call,
        request,
        VPC,
        member="Vpcs",
        ids="VpcIds",
        filters=_FILTERS,
        render=lambda _, vpc: describe(call.scope, vpc),
    )


@operation(ARN)
def delete_vpc(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteVpc: with its own main table, list and group, and its peerings; whatever else is in it must go first
    (DependencyViolation)."""
    with call.write() as tx:
        vpc = VPC.get(tx, call.scope, request["VpcId"])
        if _occupied(tx, call.scope, vpc.id):
            raise errors.DependencyViolation(f"The vpc '{vpc.id}' has dependencies and cannot be deleted.")
        peering.forget(tx, call.scope, vpc.id, call.now())
        _delete(tx, call.scope, vpc.id)
    return {}


@operation(ARN)
def describe_vpc_attribute(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeVpcAttribute: enableDnsSupport, enableDnsHostnames or enableNetworkAddressUsageMetrics."""
    with call.read() as tx:
        vpc = VPC.get(tx, call.scope, request["VpcId"])
    shown = {
        "enableDnsSupport": ("EnableDnsSupport", vpc.dns_support),
        "enableDnsHostnames": ("EnableDnsHostnames", vpc.dns_hostnames),
        "enableNetworkAddressUsageMetrics": ("EnableNetworkAddressUsageMetrics", vpc.usage_metrics),
    }.get(request["Attribute"])
    if shown is None:
        raise invalid(f"Value ({request['Attribute']}) for parameter attribute is invalid. Unknown attribute.")
    return {"VpcId": vpc.id, shown[0]: {"Value": shown[1]}}


@operation(ARN)
async def modify_vpc_attribute(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyVpcAttribute: one attribute a time."""
    given = [name for name in _ATTRIBUTES if request.get(name) is not None]
    if len(given) != 1:
        raise mixed("Only one attribute can be modified at a time" if given else "No attributes specified.")

    def change(tx: Writer) -> realise.Changed:
        vpc = VPC.get(tx, call.scope, request["VpcId"])
        setattr(vpc, _ATTRIBUTES[given[0]], bool((request[given[0]] or {}).get("Value")))
        VPC.table.put(tx, call.scope, vpc)
        return {}, [vpc.id]

    return await realise.apply(call, change)


@operation(ARN)
def modify_vpc_tenancy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyVpcTenancy: from dedicated to default, for instances launched from now on."""
    if request["InstanceTenancy"] != "default":
        raise errors.UnsupportedTenancy(f"The tenancy value {request['InstanceTenancy']} is not supported.")
    with call.write() as tx:
        vpc = VPC.get(tx, call.scope, request["VpcId"])
        vpc.tenancy = "default"
        VPC.table.put(tx, call.scope, vpc)
    return {"ReturnValue": True}


_ATTRIBUTES = {
    "EnableDnsSupport": "dns_support",
    "EnableDnsHostnames": "dns_hostnames",
    "EnableNetworkAddressUsageMetrics": "usage_metrics",
}


def block(text: str) -> str:
    """A VPC's IPv4 block, /16 to /28, in its canonical form. Raises InvalidParameterValue, InvalidVpc.Range."""
    try:
        network = ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        network = None
    if network is None or "/" not in text:
        raise invalid(f"Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block.")
    if not 16 <= network.prefixlen <= 28:
        raise coded("InvalidVpc.Range", f"The CIDR '{text}' is invalid.")
    return str(network)


def describe(scope: Scope, vpc: Vpc) -> dict[str, Any]:
    """A VPC as every answer shows it."""
    shown: dict[str, Any] = {
        "VpcId": vpc.id,
        "OwnerId": scope.account,
        "State": "available",
        "CidrBlock": next(iter(vpc.cidrs.values())),
        "CidrBlockAssociationSet": [
            {"AssociationId": identifier, "CidrBlock": cidr, "CidrBlockState": {"State": "associated"}}
            for identifier, cidr in vpc.cidrs.items()
        ],
        "Ipv6CidrBlockAssociationSet": [six.of_vpc(scope.region, vpc, one) for one in vpc.ipv6],
        "DhcpOptionsId": vpc.dhcp,
        "InstanceTenancy": vpc.tenancy,
        "IsDefault": vpc.default,
        "Tags": tagging.render(vpc.tags),
    }
    return shown


def _occupied(tx: Reader, scope: Scope, vpc: str) -> bool:
    rows: list[Any] = [
        *SUBNET.table.scan(tx, scope),
        *INTERFACE.table.scan(tx, scope),
        *GATEWAY.table.scan(tx, scope),
        *ENDPOINT.table.scan(tx, scope),
        *EGRESS_GATEWAY.table.scan(tx, scope),
        *TRANSIT_ATTACHMENT.living(tx, scope),
        *(group for group in GROUP.table.scan(tx, scope) if group.name != "default"),
        *(table for table in ROUTE_TABLE.table.scan(tx, scope) if not table.main),
        *(acl for acl in ACL.table.scan(tx, scope) if not acl.default),
    ]
    return any(row.vpc == vpc for row in rows) or any(
        one.attachments.get(vpc) == "attached" for one in VPN_GATEWAY.table.scan(tx, scope)
    )


def _delete(tx: Writer, scope: Scope, vpc: str) -> None:
    groups = set()
    kinds: tuple[Kind[Any], ...] = (GROUP, ROUTE_TABLE, ACL)
    for kind in kinds:
        for row in list(kind.table.scan(tx, scope)):
            if row.vpc == vpc:
                kind.table.delete(tx, scope, row.id)
                groups.add(row.id)
    for rule in list(RULE.table.scan(tx, scope)):
        if rule.group in groups:
            RULE.table.delete(tx, scope, rule.id)
    VPC.table.delete(tx, scope, vpc)
