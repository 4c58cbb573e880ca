"""Route tables and which subnets go by them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2.errors import coded, errors, invalid
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc import realise, routes
from haneul.services.ec2.vpc.state import ROUTE_TABLE, SUBNET, VPC, RouteTable
from haneul.state.store import Reader, Writer

ARN = "arn:aws:ec2:{region}:{account}:route-table/{RouteTableId}"
LIMIT = 200
_FILTERS = {
    "association.gateway-id": "Associations.GatewayId",
    "association.main": "Associations.Main",
    "association.route-table-association-id": "Associations.RouteTableAssociationId",
    "association.route-table-id": "Associations.RouteTableId",
    "association.subnet-id": "Associations.SubnetId",
    "owner-id": "OwnerId",
    "route-table-id": "RouteTableId",
    "route.carrier-gateway-id": "Routes.CarrierGatewayId",
    "route.destination-cidr-block": "Routes.DestinationCidrBlock",
    "route.destination-ipv6-cidr-block": "Routes.DestinationIpv6CidrBlock",
    "route.destination-prefix-list-id": "Routes.DestinationPrefixListId",
    "route.egress-only-internet-gateway-id": "Routes.EgressOnlyInternetGatewayId",
    "route.gateway-id": "Routes.GatewayId",
    "route.instance-id": "Routes.InstanceId",
    "route.nat-gateway-id": "Routes.NatGatewayId",
    "route.network-interface-id": "Routes.NetworkInterfaceId",
    "route.origin": "Routes.Origin",
    "route.state": "Routes.State",
    "route.transit-gateway-id": "Routes.TransitGatewayId",
    "route.vpc-peering-connection-id": "Routes.VpcPeeringConnectionId",
    "vpc-id": "VpcId",
}
_DONE = {"AssociationState": {"State": "associated"}}
Request = Mapping[str, Any]


@operation("arn:aws:ec2:{region}:{account}:route-table/*")
def create_route_table(call: Call, request: Request) -> dict[str, Any]:
    """CreateRouteTable: it starts with the local routes alone. Raises RouteTableLimitExceeded."""
    tags = tagging.of_new(request, "route-table")
    with call.write() as tx:
        vpc = VPC.get(tx, call.scope, request["VpcId"])
        before = idempotency.made_before(tx, call, request)
        if before:
            row = ROUTE_TABLE.get(tx, call.scope, before[0])
        else:
            if sum(one.vpc == vpc.id for one in ROUTE_TABLE.table.scan(tx, call.scope)) >= LIMIT:
                raise errors.RouteTableLimitExceeded("The maximum number of route tables has been reached.")
            row = RouteTable(id=ROUTE_TABLE.new_id(), vpc=vpc.id, created=call.now(), tags=tags)
            ROUTE_TABLE.table.put(tx, call.scope, row)
            idempotency.remember(tx, call, request, [row.id])
        shown = describe(tx, call.scope, row)
    return {"RouteTable": shown, "ClientToken": request.get("ClientToken") or ""}


@operation()
def describe_route_tables(call: Call, request: Request) -> dict[str, Any]:
    """DescribeRouteTables."""
    return listing.describe(
        call,
        request,
        ROUTE_TABLE,
        member="RouteTables",
        ids="RouteTableIds",
        filters=_FILTERS,
        render=lambda tx, row: describe(tx, call.scope, row),
    )


@operation(ARN)
def delete_route_table(call: Call, request: Request) -> dict[str, Any]:
    """DeleteRouteTable. Raises DependencyViolation while a subnet goes by it, and for the main one."""
    with call.write() as tx:
        row = ROUTE_TABLE.get(tx, call.scope, request["RouteTableId"])
        if row.associations:
            raise errors.DependencyViolation(f"The routeTable '{row.id}' has dependencies and cannot be deleted.")
        ROUTE_TABLE.table.delete(tx, call.scope, row.id)
    return {}


@operation(ARN)
async def associate_route_table(call: Call, request: Request) -> dict[str, Any]:
    """AssociateRouteTable with a subnet. Raises Resource.AlreadyAssociated when it goes by another one."""
    if request.get("GatewayId"):
        raise errors.UnsupportedOperation("Gateways go by no route table here.")
    if not request.get("SubnetId"):
        raise errors.MissingParameter("The request must contain the parameter subnetId or gatewayId")

    def change(tx: Writer) -> realise.Changed:
        table = ROUTE_TABLE.get(tx, call.scope, request["RouteTableId"])
        subnet = SUBNET.get(tx, call.scope, request["SubnetId"])
        if subnet.vpc != table.vpc:
            raise invalid(f"route table {table.id} and subnet {subnet.id} belong to different networks")
        for other in ROUTE_TABLE.table.scan(tx, call.scope):
            for identifier, what in other.associations.items():
                if what == subnet.id and other.id == table.id:
                    return {"AssociationId": identifier, **_DONE}, []
                if what == subnet.id:
                    raise coded(
                        "Resource.AlreadyAssociated",
                        f"the specified association for route table {table.id} conflicts with an existing association",
                    )
        return {"AssociationId": _associate(tx, call.scope, table, subnet.id), **_DONE}, [table.vpc]

    return await realise.apply(call, change)


@operation("arn:aws:ec2:{region}:{account}:route-table/*")
async def disassociate_route_table(call: Call, request: Request) -> dict[str, Any]:
    """DisassociateRouteTable: the subnet goes by the main table. Raises InvalidAssociationID.NotFound."""

    def change(tx: Writer) -> realise.Changed:
        identifier = request["AssociationId"]
        table = _associated(tx, call.scope, identifier)
        if table.associations[identifier] == "":
            raise invalid(f"cannot disassociate the main route table association {identifier}")
        del table.associations[identifier]
        ROUTE_TABLE.table.put(tx, call.scope, table)
        return {}, [table.vpc]

    return await realise.apply(call, change)


@operation(ARN)
async def replace_route_table_association(call: Call, request: Request) -> dict[str, Any]:
    """ReplaceRouteTableAssociation: also what makes another table the main one."""

    def change(tx: Writer) -> realise.Changed:
        old = _associated(tx, call.scope, request["AssociationId"])
        table = ROUTE_TABLE.get(tx, call.scope, request["RouteTableId"])
        if old.vpc != table.vpc:
            raise invalid(f"route tables {old.id} and {table.id} belong to different networks")
        if old.id == table.id:
            return {"NewAssociationId": request["AssociationId"], **_DONE}, []
        what = old.associations.pop(request["AssociationId"])
        ROUTE_TABLE.table.put(tx, call.scope, old)
        return {"NewAssociationId": _associate(tx, call.scope, table, what), **_DONE}, [table.vpc]

    return await realise.apply(call, change)


def describe(tx: Reader, scope: Scope, row: RouteTable) -> dict[str, Any]:
    """A route table as every answer shows it."""
    associations = []
    for identifier, what in row.associations.items():
        one: dict[str, Any] = {
            "RouteTableAssociationId": identifier,
            "RouteTableId": row.id,
            "Main": what == "",
            "AssociationState": {"State": "associated"},
        }
        if what:
            one["SubnetId"] = what
        associations.append(one)
    return {
        "RouteTableId": row.id,
        "VpcId": row.vpc,
        "OwnerId": scope.account,
        "Associations": associations,
        "PropagatingVgws": [{"GatewayId": one} for one in row.propagating],
        "Routes": routes.shown(tx, scope, row),
        "Tags": tagging.render(row.tags),
    }


def _associate(tx: Writer, scope: Scope, table: RouteTable, what: str) -> str:
    identifier = tokens.resource_id("rtbassoc")
    table.associations = {**table.associations, identifier: what}
    ROUTE_TABLE.table.put(tx, scope, table)
    return identifier


def _associated(tx: Reader, scope: Scope, identifier: str) -> RouteTable:
    for table in ROUTE_TABLE.table.scan(tx, scope):
        if identifier in table.associations:
            return table
    raise coded("InvalidAssociationID.NotFound", f"The association ID '{identifier}' does not exist")
