"""VPC endpoints: gateway ones are routes to a service's prefix list, interface ones addresses of the VPC's own at which
the service answers, by its usual name too when private DNS is on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2.account import hours
from haneul.services.ec2.errors import coded, errors, invalid, missing
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc import endpoint_services, givens, interfaces, realise
from haneul.services.ec2.vpc.endpoint_names import entries
from haneul.services.ec2.vpc.state import (
    ENDPOINT,
    GROUP,
    INTERFACE,
    ROUTE_TABLE,
    SUBNET,
    VPC,
    Endpoint,
)
from haneul.state.store import Reader, Writer

ARN = "arn:aws:ec2:{region}:{account}:vpc-endpoint/{VpcEndpointId}"
OPEN = '{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}'
_FILTERS = {
    "ip-address-type": "IpAddressType",
    "service-name": "ServiceName",
    "service-region": "ServiceRegion",
    "vpc-endpoint-id": "VpcEndpointId",
    "vpc-endpoint-state": "State",
    "vpc-endpoint-type": "VpcEndpointType",
    "vpc-id": "VpcId",
}


@operation("arn:aws:ec2:{region}:{account}:vpc-endpoint/*")
async def create_vpc_endpoint(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateVpcEndpoint, Gateway or Interface, to one of the cloud's services. Raises InvalidServiceName,
    RouteAlreadyExists, DuplicateSubnetsInSameZone, InvalidParameter."""
    if not request.get("ServiceName"):
        raise missing("ServiceName")
    kind = request.get("VpcEndpointType") or "Gateway"
    if kind not in ("Gateway", "Interface") or (request.get("IpAddressType") or "ipv4") != "ipv4":
        raise errors.UnsupportedOperation("Endpoints here are of type Gateway or Interface, and have IPv4 addresses.")
    endpoint_services.check(call, request["ServiceName"], kind)
    policy = _policy(request.get("PolicyDocument"))
    tags = tagging.of_new(request, "vpc-endpoint")

    def change(tx: Writer) -> realise.Changed:
        made = idempotency.made_before(tx, call, request)
        if made is not None:
            return _answer(tx, call, request, ENDPOINT.get(tx, call.scope, made[0])), []
        vpc = VPC.get(tx, call.scope, request["VpcId"])
        row = Endpoint(
            id=ENDPOINT.new_id(),
            vpc=vpc.id,
            service=request["ServiceName"],
            kind=kind,
            created=call.now(),
            policy=policy,
            tags=tags,
        )
        if kind == "Gateway":
            _route(tx, call.scope, row, request.get("RouteTableIds") or ())
        else:
            row.private_dns = request.get("PrivateDnsEnabled") is not False
            row.groups = interfaces.groups_of(tx, call.scope, vpc.id, request.get("SecurityGroupIds") or ())
            _check_names(tx, call, row)
            chosen = {one.get("SubnetId"): one.get("Ipv4") or "" for one in request.get("SubnetConfigurations") or ()}
            _enter(tx, call, row, request.get("SubnetIds") or (), chosen)
        ENDPOINT.table.put(tx, call.scope, row)
        hours.begin(tx, call.scope, call.now())
        idempotency.remember(tx, call, request, [row.id])
        return _answer(tx, call, request, row), [row.vpc]

    return await realise.apply(call, change)


@operation()
def describe_vpc_endpoints(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeVpcEndpoints."""
    return listing.describe(
        call,
        request,
        ENDPOINT,
        member="VpcEndpoints",
        ids="VpcEndpointIds",
        filters=_FILTERS,
        render=lambda tx, row: describe(tx, call.scope, row),
        limits=(1, 1000),
    )


@operation(ARN)
async def modify_vpc_endpoint(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyVpcEndpoint: policy, route tables of a gateway one; subnets, groups, private DNS of an interface one."""
    gateway = [name for name in ("AddRouteTableIds", "RemoveRouteTableIds") if request.get(name)]
    interface = [
        name
        for name in ("AddSubnetIds", "RemoveSubnetIds", "AddSecurityGroupIds", "RemoveSecurityGroupIds")
        if request.get(name)
    ]

    def change(tx: Writer) -> realise.Changed:
        row = ENDPOINT.get(tx, call.scope, request["VpcEndpointId"])
        if (row.kind == "Gateway" and interface) or (row.kind == "Interface" and gateway):
            raise coded("InvalidParameter", f"{[*gateway, *interface][0]} does not apply to {row.kind} endpoints.")
        if request.get("ResetPolicy"):
            row.policy = OPEN
        elif request.get("PolicyDocument"):
            row.policy = _policy(request["PolicyDocument"])
        _unroute(tx, call.scope, row, set(request.get("RemoveRouteTableIds") or ()))
        _route(tx, call.scope, row, request.get("AddRouteTableIds") or ())
        _leave(tx, call.scope, row, request.get("RemoveSubnetIds") or ())
        if row.kind == "Interface":
            _modify_interfaces(tx, call, row, request)
        ENDPOINT.table.put(tx, call.scope, row)
        return {"Return": True}, [row.vpc]

    return await realise.apply(call, change)


@operation(
    lambda call, request: [
        f"arn:aws:ec2:{call.region}:{call.account}:vpc-endpoint/{one}" for one in request.get("VpcEndpointIds") or ()
    ]
)
async def delete_vpc_endpoints(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteVpcEndpoints, with their routes and interfaces; those that aren't there are told apart."""

    def change(tx: Writer) -> realise.Changed:
        failed, vpcs = [], []
        for identifier in dict.fromkeys(request["VpcEndpointIds"]):
            row = ENDPOINT.find(tx, call.scope, identifier)
            if row is None:
                text = f"The Vpc Endpoint Id '{identifier}' does not exist"
                failed.append(
                    {"ResourceId": identifier, "Error": {"Code": "InvalidVpcEndpoint.NotFound", "Message": text}}
                )
                continue
            _unroute(tx, call.scope, row, set(row.tables))
            _leave(tx, call.scope, row, list(row.interfaces))
            ENDPOINT.table.delete(tx, call.scope, row.id)
            vpcs.append(row.vpc)
        return {"Unsuccessful": failed}, vpcs

    return await realise.apply(call, change)


def describe(tx: Reader, scope: Scope, row: Endpoint) -> dict[str, Any]:
    """An endpoint as every answer shows it."""
    groups = [GROUP.find(tx, scope, one) for one in row.groups]
    shown: dict[str, Any] = {
        "VpcEndpointId": row.id,
        "VpcEndpointType": row.kind,
        "VpcId": row.vpc,
        "ServiceName": row.service,
        "ServiceRegion": scope.region,
        "State": "available",
        "PolicyDocument": row.policy,
        "RouteTableIds": [one for one in row.tables if ROUTE_TABLE.find(tx, scope, one) is not None],
        "SubnetIds": list(row.interfaces),
        "Groups": [{"GroupId": one.id, "GroupName": one.name} for one in groups if one is not None],
        "IpAddressType": "ipv4",
        "PrivateDnsEnabled": row.private_dns,
        "RequesterManaged": False,
        "NetworkInterfaceIds": list(row.interfaces.values()),
        "DnsEntries": [],
        "CreationTimestamp": row.created,
        "OwnerId": scope.account,
        "Tags": tagging.render(row.tags),
    }
    if row.kind == "Interface":
        shown["DnsOptions"] = {"DnsRecordIpType": "ipv4"}
        shown["DnsEntries"] = [{"DnsName": name, "HostedZoneId": zone} for name, zone in entries(tx, scope, row)]
    return shown


def _answer(tx: Reader, call: Call, request: Mapping[str, Any], row: Endpoint) -> dict[str, Any]:
    shown = describe(tx, call.scope, row)
    if row.kind == "Interface":
        shown["State"] = "pending"
    token = request.get("ClientToken")
    return {"VpcEndpoint": shown} | ({"ClientToken": token} if token else {})


def _policy(text: str | None) -> str:
    if not text:
        return OPEN
    try:
        known = isinstance(json.loads(text), dict) and "Statement" in json.loads(text)
    except ValueError:
        known = False
    if not known or len(text) > 20480:
        raise coded("InvalidPolicyDocument", "Policy document is not valid")
    return text


def _route(tx: Writer, scope: Scope, row: Endpoint, tables: Any) -> None:
    destination = givens.list_id(row.service.rpartition(".")[2]) if tables else ""
    for table in ROUTE_TABLE.get_all(tx, scope, tables):
        if table.vpc != row.vpc:
            raise invalid(f"Route table {table.id} belongs to a different VPC than {row.vpc}.")
        if table.id in row.tables:
            continue
        if any(one.get("DestinationPrefixListId") == destination for one in table.routes):
            raise errors.RouteAlreadyExists(
                f"route table {table.id} already has a route with destination-prefix-list-id {destination}"
            )
        route = {"DestinationPrefixListId": destination, "GatewayId": row.id, "Origin": "CreateRoute"}
        table.routes = [*table.routes, route]
        ROUTE_TABLE.table.put(tx, scope, table)
        row.tables = [*row.tables, table.id]


def _unroute(tx: Writer, scope: Scope, row: Endpoint, tables: set[str]) -> None:
    for identifier in sorted(tables):
        table = ROUTE_TABLE.find(tx, scope, identifier)
        if table is not None:
            table.routes = [one for one in table.routes if one.get("GatewayId") != row.id]
            ROUTE_TABLE.table.put(tx, scope, table)
    row.tables = [one for one in row.tables if one not in tables]


def _enter(tx: Writer, call: Call, row: Endpoint, subnets: Any, chosen: Mapping[Any, str]) -> None:
    """An interface in each of the subnets, of which no two may be in one zone."""
    zones = {one.zone for one in SUBNET.get_all(tx, call.scope, row.interfaces)}
    for subnet in SUBNET.get_all(tx, call.scope, subnets):
        if subnet.vpc != row.vpc:
            raise invalid(f"Subnet {subnet.id} belongs to a different VPC than {row.vpc}.")
        if subnet.id in row.interfaces:
            continue
        if subnet.zone in zones:
            raise errors.DuplicateSubnetsInSameZone(
                f"Found another VPC endpoint subnet in the availability zone of {subnet.id}. VPC endpoint subnets "
                "should be in different availability zones supported by the VPC endpoint service."
            )
        zones.add(subnet.zone)
        made = interfaces.make(
            tx,
            call.scope,
            call.now(),
            subnet,
            groups=row.groups,
            address=chosen.get(subnet.id, ""),
            description=f"VPC Endpoint Interface {row.id}",
            kind="vpc_endpoint",
            requester=call.account,
        )
        made.attachment = {
            "id": tokens.resource_id("ela-attach"),
            "index": 1,
            "card": 0,
            "status": "attached",
            "time": call.now(),
            "delete": False,
        }
        INTERFACE.table.put(tx, call.scope, made)
        row.interfaces = {**row.interfaces, subnet.id: made.id}


def _leave(tx: Writer, scope: Scope, row: Endpoint, subnets: Any) -> None:
    for identifier in subnets:
        interface = INTERFACE.find(tx, scope, row.interfaces.get(identifier, ""))
        if interface is not None:
            interfaces.remove(tx, scope, interface)
    row.interfaces = {key: value for key, value in row.interfaces.items() if key not in set(subnets)}


def _modify_interfaces(tx: Writer, call: Call, row: Endpoint, request: Mapping[str, Any]) -> None:
    if request.get("PrivateDnsEnabled") is not None:
        row.private_dns = bool(request["PrivateDnsEnabled"])
        _check_names(tx, call, row)
    removed = set(request.get("RemoveSecurityGroupIds") or ())
    groups = [one for one in row.groups if one not in removed]
    groups += [one for one in request.get("AddSecurityGroupIds") or () if one not in groups]
    row.groups = interfaces.groups_of(tx, call.scope, row.vpc, groups)
    for identifier in row.interfaces.values():
        interface = INTERFACE.get(tx, call.scope, identifier)
        interface.groups = row.groups
        INTERFACE.table.put(tx, call.scope, interface)
    _enter(tx, call, row, request.get("AddSubnetIds") or (), {})


def _check_names(tx: Reader, call: Call, row: Endpoint) -> None:
    """A service's own name leads to one endpoint of a VPC at most."""
    if not row.private_dns:
        return
    vpc = VPC.get(tx, call.scope, row.vpc)
    if not (vpc.dns_support and vpc.dns_hostnames):
        raise coded(
            "InvalidParameter",
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true "
            f"for {vpc.id}",
        )
    for other in ENDPOINT.table.scan(tx, call.scope):
        if other.id != row.id and (other.vpc, other.service) == (row.vpc, row.service) and other.private_dns:
            name = endpoint_services.private_name(call.region, row.service.rpartition(".")[2])
            raise coded(
                "InvalidParameter",
                f"private-dns-enabled cannot be set because there is already a conflicting DNS domain for {name} in "
                f"the VPC {vpc.id}",
            )
