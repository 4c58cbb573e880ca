"""Routes of route tables: where a subnet's packets go, by their destination."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope
from haneul.services.ec2.errors import coded, errors, invalid, mixed
from haneul.services.ec2.instances.state import INSTANCE
from haneul.services.ec2.operations import operation
from haneul.services.ec2.transit import ways
from haneul.services.ec2.transit.state import TRANSIT_GATEWAY, VPN_GATEWAY
from haneul.services.ec2.vpc import interfaces, permissions, realise
from haneul.services.ec2.vpc.state import (
    EGRESS_GATEWAY,
    GATEWAY,
    INTERFACE,
    NAT,
    PEERING,
    PREFIX_LIST,
    ROUTE_TABLE,
    VPC,
    RouteTable,
)
from haneul.state.store import Reader, Writer

ARN = "arn:aws:ec2:{region}:{account}:route-table/{RouteTableId}"
LIMIT = 500
DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
_ELSEWHERE = ("VpcEndpointId", "LocalGatewayId", "CarrierGatewayId", "CoreNetworkArn", "OdbNetworkArn")
_TARGETS = (
    "GatewayId",
    "NatGatewayId",
    "InstanceId",
    "NetworkInterfaceId",
    "VpcPeeringConnectionId",
    "EgressOnlyInternetGatewayId",
    "TransitGatewayId",
    *_ELSEWHERE,
)
Request = Mapping[str, Any]


@operation(ARN)
async def create_route(call: Call, request: Request) -> dict[str, Any]:
    """CreateRoute. Raises RouteAlreadyExists, RouteLimitExceeded, and the NotFound error of its target."""

    def change(tx: Writer) -> realise.Changed:
        table = ROUTE_TABLE.get(tx, call.scope, request["RouteTableId"])
        where = destination(tx, call.scope, request)
        (value,) = where.values()
        if value in _local(tx, call.scope, table) or _find(table, where) is not None:
            raise errors.RouteAlreadyExists(f"The route identified by {value} already exists.")
        if len(table.routes) >= LIMIT:
            raise errors.RouteLimitExceeded("The maximum number of routes has been reached.")
        to = _target(tx, call.scope, table, request)
        _check_inside(tx, call.scope, table, value, to)
        table.routes = [*table.routes, {**where, **to, "Origin": "CreateRoute"}]
        ROUTE_TABLE.table.put(tx, call.scope, table)
        return {"Return": True}, [table.vpc]

    return await realise.apply(call, change)


@operation(ARN)
async def replace_route(call: Call, request: Request) -> dict[str, Any]:
    """ReplaceRoute. Raises InvalidParameterValue when there is no such route."""

    def change(tx: Writer) -> realise.Changed:
        table = ROUTE_TABLE.get(tx, call.scope, request["RouteTableId"])
        where = destination(tx, call.scope, request)
        (value,) = where.values()
        if value in _local(tx, call.scope, table):
            if request.get("LocalTarget") or request.get("GatewayId") == "local":
                return {}, []  # it leads nowhere else here
            raise errors.UnsupportedOperation("Local routes lead to the VPC itself here.")
        old = _find(table, where)
        if old is None:
            raise invalid(f"There is no route defined for '{value}' in the route table. Use CreateRoute instead.")
        to = _target(tx, call.scope, table, request)
        _check_inside(tx, call.scope, table, value, to)
        table.routes = [{**where, **to, "Origin": "CreateRoute"} if one is old else one for one in table.routes]
        ROUTE_TABLE.table.put(tx, call.scope, table)
        return {}, [table.vpc]

    return await realise.apply(call, change)


@operation(ARN)
async def delete_route(call: Call, request: Request) -> dict[str, Any]:
    """DeleteRoute. Raises InvalidRoute.NotFound, InvalidParameterValue for a local one."""

    def change(tx: Writer) -> realise.Changed:
        table = ROUTE_TABLE.get(tx, call.scope, request["RouteTableId"])
        where = destination(tx, call.scope, request)
        ((name, value),) = where.items()
        if value in _local(tx, call.scope, table):
            raise invalid(f"cannot remove local route {value} in route table {table.id}")
        old = _find(table, where)
        if old is None:
            words = {"DestinationCidrBlock": "destination-cidr-block", "DestinationPrefixListId": "prefix-list-id"}
            raise coded(
                "InvalidRoute.NotFound",
                f"no route with {words.get(name, 'destination-ipv6-cidr-block')} {value} in route table {table.id}",
            )
        table.routes = [one for one in table.routes if one is not old]
        ROUTE_TABLE.table.put(tx, call.scope, table)
        return {}, [table.vpc]

    return await realise.apply(call, change)


def destination(tx: Reader, scope: Scope, request: Request) -> dict[str, str]:
    """The one destination that a request names, in its canonical form."""
    given = [name for name in DESTINATIONS if request.get(name)]
    if not given:
        raise errors.MissingParameter("The request must contain the parameter destinationCidrBlock")
    if len(given) > 1:
        raise mixed("Only one destination may be specified.")
    value = request[given[0]]
    if given[0] == "DestinationPrefixListId":
        return {given[0]: PREFIX_LIST.get(tx, scope, value).id}
    if given[0] == "DestinationIpv6CidrBlock":
        return {given[0]: permissions.block6(value)}
    try:
        return {given[0]: str(ipaddress.IPv4Network(value, strict=False))}
    except ValueError:
        raise invalid(
            f"Value ({value}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block."
        ) from None


def shown(tx: Reader, scope: Scope, table: RouteTable) -> list[dict[str, Any]]:
    """A table's routes as answers show them: the local ones first, each with the state that it is in now."""
    vpc = VPC.find(tx, scope, table.vpc)
    blocks = [] if vpc is None else list(vpc.cidrs.values())
    blocks6 = [] if vpc is None else list(vpc.ipv6.values())
    local = {"GatewayId": "local", "Origin": "CreateRouteTable", "State": "active"}
    found: list[dict[str, Any]] = [{"DestinationCidrBlock": one, **local} for one in blocks]
    found += [{"DestinationIpv6CidrBlock": one, **local} for one in blocks6]
    for route in table.routes:
        one = {"Origin": "CreateRoute", **route, "State": "active" if _works(tx, scope, table, route) else "blackhole"}
        interface = INTERFACE.find(tx, scope, route.get("NetworkInterfaceId") or "")
        if interface is not None and interface.attachment.get("instance"):
            one |= {"InstanceId": interface.attachment["instance"], "InstanceOwnerId": scope.account}
        found.append(one)
    return found


def _works(tx: Reader, scope: Scope, table: RouteTable, route: Request) -> bool:
    gateway = route.get("GatewayId") or ""
    if gateway.startswith("igw-"):
        row = GATEWAY.find(tx, scope, gateway)
        return row is not None and row.vpc == table.vpc
    if gateway.startswith("vgw-"):
        virtual = VPN_GATEWAY.find(tx, scope, gateway)
        return virtual is not None and virtual.attachments.get(table.vpc) == "attached"
    if route.get("TransitGatewayId"):
        return any(one.gateway == route["TransitGatewayId"] for one in ways.of_vpc(tx, scope, table.vpc))
    if route.get("NatGatewayId"):
        nat = NAT.find(tx, scope, route["NatGatewayId"])
        return nat is not None and nat.state in ("pending", "available")
    if route.get("VpcPeeringConnectionId"):
        peering = PEERING.find(tx, scope, route["VpcPeeringConnectionId"])
        return peering is not None and peering.status == "active"
    if route.get("NetworkInterfaceId"):
        interface = INTERFACE.find(tx, scope, route["NetworkInterfaceId"])
        return interface is not None and bool(interface.attachment)
    if route.get("EgressOnlyInternetGatewayId"):
        return EGRESS_GATEWAY.find(tx, scope, route["EgressOnlyInternetGatewayId"]) is not None
    return True


def _local(tx: Reader, scope: Scope, table: RouteTable) -> list[str]:
    vpc = VPC.get(tx, scope, table.vpc)
    return [*vpc.cidrs.values(), *vpc.ipv6.values()]


def _find(table: RouteTable, where: dict[str, str]) -> dict[str, Any] | None:
    ((name, value),) = where.items()
    return next((one for one in table.routes if one.get(name) == value), None)


def _target(tx: Reader, scope: Scope, table: RouteTable, request: Request) -> dict[str, str]:
    """Where the route leads, checked: what it names is there and of the same VPC."""
    given = [name for name in _TARGETS if request.get(name)]
    if len(given) != 1:
        raise invalid(
            "The request must contain exactly one of gatewayId, networkInterfaceId, vpcPeeringConnectionId, "
            "egressOnlyInternetGatewayId, natGatewayId, instanceId, transitGatewayId"
        )
    name, value = given[0], str(request[given[0]])
    match name:
        case "GatewayId":
            _check_gateway(tx, scope, table, value)
        case "NatGatewayId":
            nat = NAT.find(tx, scope, value)
            if nat is None or nat.state == "deleted":
                raise coded("InvalidNatGatewayID.NotFound", f"The natGateway ID '{value}' does not exist")
            _check_same(table, nat.vpc, value)
        case "InstanceId":
            return _through_instance(tx, scope, table, value)
        case "NetworkInterfaceId":
            _check_same(table, INTERFACE.get(tx, scope, value).vpc, value)
        case "VpcPeeringConnectionId":
            _check_peering(tx, scope, table, value)
        case "EgressOnlyInternetGatewayId":
            if not request.get("DestinationIpv6CidrBlock"):
                raise invalid("Egress-only internet gateways take IPv6 destinations only.")
            _check_same(table, EGRESS_GATEWAY.get(tx, scope, value).vpc, value)
        case "TransitGatewayId":
            _check_transit(tx, scope, table, value)
        case _:
            raise errors.UnsupportedOperation(f"Routes to a {name.removesuffix('Id')} are not supported here.")
    return {name: value}


def _check_gateway(tx: Reader, scope: Scope, table: RouteTable, gateway: str) -> None:
    if gateway == "local":
        raise invalid("Local routes are made with the VPC's blocks.")
    if gateway.startswith("vgw-"):
        virtual = VPN_GATEWAY.get(tx, scope, gateway)
        if virtual.attachments.get(table.vpc) != "attached":
            raise invalid(f"route table {table.id} and network gateway {gateway} belong to different networks")
        return
    row = GATEWAY.find(tx, scope, gateway) if gateway.startswith("igw-") else None
    if row is None:
        raise coded("InvalidGatewayID.NotFound", f"The gateway ID '{gateway}' does not exist")
    if row.vpc != table.vpc:
        raise invalid(f"route table {table.id} and network gateway {gateway} belong to different networks")


def _check_transit(tx: Reader, scope: Scope, table: RouteTable, gateway: str) -> None:
    if TRANSIT_GATEWAY.find(tx, scope, gateway) is None or not any(
        one.gateway == gateway for one in ways.of_vpc(tx, scope, table.vpc)
    ):
        raise coded("InvalidTransitGatewayID.NotFound", f"The transitGateway ID '{gateway}' does not exist.")


def _through_instance(tx: Reader, scope: Scope, table: RouteTable, identifier: str) -> dict[str, str]:
    INSTANCE.get(tx, scope, identifier)
    found = interfaces.of_instance(tx, scope, identifier)
    if len(found) != 1:
        raise coded(
            "InvalidInstanceID",
            f"There are multiple interfaces attached to instance '{identifier}'. "
            "Please specify an interface ID for the operation instead.",
        )
    _check_same(table, found[0].vpc, identifier)
    return {"NetworkInterfaceId": found[0].id}


def _check_peering(tx: Reader, scope: Scope, table: RouteTable, identifier: str) -> None:
    row = PEERING.get(tx, scope, identifier)
    if table.vpc not in (row.requester.get("VpcId"), row.accepter.get("VpcId")):
        raise invalid(f"route table {table.id} and VPC peering connection {identifier} belong to different networks")


def _check_same(table: RouteTable, vpc: str, identifier: str) -> None:
    if vpc != table.vpc:
        raise invalid(f"route table {table.id} and {identifier} belong to different networks")


def _check_inside(tx: Reader, scope: Scope, table: RouteTable, value: str, to: dict[str, str]) -> None:
    """What lies inside of the VPC may lead to one of its interfaces only."""
    if "/" not in value or ":" in value or "NetworkInterfaceId" in to:
        return
    network = ipaddress.IPv4Network(value)
    for cidr in VPC.get(tx, scope, table.vpc).cidrs.values():
        if network.subnet_of(ipaddress.IPv4Network(cidr)):
            raise invalid(
                f"The destination CIDR block {value} is equal to or more specific than one of this VPC's CIDR blocks. "
                "This route can target only an interface or an instance."
            )
