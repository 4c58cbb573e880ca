"""Route tables of transit gateways: which attachments go by them, which are told in them, and static routes."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2.errors import coded, errors, invalid
from haneul.services.ec2.filters import Filter, Filters
from haneul.services.ec2.operations import operation
from haneul.services.ec2.transit import attachments, ways
from haneul.services.ec2.transit.state import (
    KEPT,
    TRANSIT_ATTACHMENT,
    TRANSIT_GATEWAY,
    TRANSIT_TABLE,
    TransitAttachment,
    TransitRouteTable,
)
from haneul.services.ec2.vpc import realise
from haneul.state.store import Reader, Writer

ARN = "arn:aws:ec2:{region}:{account}:transit-gateway-route-table/{TransitGatewayRouteTableId}"
LIMIT = 20
"""Tables of a gateway."""
ROUTES = 1000
_FILTERS = {
    "default-association-route-table": "DefaultAssociationRouteTable",
    "default-propagation-route-table": "DefaultPropagationRouteTable",
    "state": "State",
    "transit-gateway-id": "TransitGatewayId",
    "transit-gateway-route-table-id": "TransitGatewayRouteTableId",
}
_MEMBERS = {
    "resource-id": "ResourceId",
    "resource-type": "ResourceType",
    "transit-gateway-attachment-id": "TransitGatewayAttachmentId",
}
Request = Mapping[str, Any]


@operation("arn:aws:ec2:{region}:{account}:transit-gateway-route-table/*")
def create_transit_gateway_route_table(call: Call, request: Request) -> dict[str, Any]:
    """CreateTransitGatewayRouteTable: empty, and nobody's."""
    tags = tagging.of_new(request, "transit-gateway-route-table")
    with call.write() as tx:
        gateway = TRANSIT_GATEWAY.get(tx, call.scope, request["TransitGatewayId"])
        if sum(one.gateway == gateway.id for one in TRANSIT_TABLE.living(tx, call.scope)) >= LIMIT:
            raise errors.TransitGatewayRouteTableLimitExceeded(f"{gateway.id} has {LIMIT} route tables already.")
        row = TransitRouteTable(id=TRANSIT_TABLE.new_id(), gateway=gateway.id, created=call.now(), tags=tags)
        TRANSIT_TABLE.table.put(tx, call.scope, row)
        return {"TransitGatewayRouteTable": _describe(tx, call, row) | {"State": "pending"}}


@operation()
def describe_transit_gateway_route_tables(call: Call, request: Request) -> dict[str, Any]:
    """DescribeTransitGatewayRouteTables."""
    return listing.describe(
        call,
        request,
        TRANSIT_TABLE,
        member="TransitGatewayRouteTables",
        ids="TransitGatewayRouteTableIds",
        filters=_FILTERS,
        render=lambda tx, row: _describe(tx, call, row),
        wanted=lambda row: not row.deleted or row.deleted > call.now() - KEPT,
    )


@operation(ARN)
def delete_transit_gateway_route_table(call: Call, request: Request) -> dict[str, Any]:
    """DeleteTransitGatewayRouteTable. Raises IncorrectState while attachments go by it."""
    with call.write() as tx:
        row = TRANSIT_TABLE.get(tx, call.scope, request["TransitGatewayRouteTableId"])
        if any(one.table == row.id for one in ways.attachments_of(tx, call.scope, row.gateway)):
            raise errors.IncorrectState(f"{row.id} has associated attachments.")
        shown = _describe(tx, call, row)
        if shown["DefaultAssociationRouteTable"] or shown["DefaultPropagationRouteTable"]:
            raise errors.IncorrectState(f"{row.id} is a default route table of {row.gateway}.")
        TRANSIT_TABLE.end(tx, call.scope, row, call.now())
    return {"TransitGatewayRouteTable": shown | {"State": "deleting"}}


@operation(ARN)
async def associate_transit_gateway_route_table(call: Call, request: Request) -> dict[str, Any]:
    """AssociateTransitGatewayRouteTable. Raises Resource.AlreadyAssociated while the attachment goes by another one."""

    def change(tx: Writer) -> realise.Changed:
        table, attachment = _both(tx, call, request)
        if attachment.table:
            raise coded(
                "Resource.AlreadyAssociated",
                f"Transit Gateway Attachment {attachment.id} is already associated to a route table.",
            )
        attachment.table = table.id
        TRANSIT_ATTACHMENT.table.put(tx, call.scope, attachment)
        told = {"TransitGatewayRouteTableId": table.id, **attachments.named(attachment), "State": "associating"}
        return {"Association": told}, ways.vpcs_of(tx, call.scope, table.gateway)

    return await realise.apply(call, change)


@operation(ARN)
async def disassociate_transit_gateway_route_table(call: Call, request: Request) -> dict[str, Any]:
    """DisassociateTransitGatewayRouteTable: what the attachment sends is lost from then on."""

    def change(tx: Writer) -> realise.Changed:
        table, attachment = _both(tx, call, request)
        if attachment.table != table.id:
            raise coded("InvalidAssociation.NotFound", f"{attachment.id} is not associated with {table.id}.")
        attachment.table = ""
        TRANSIT_ATTACHMENT.table.put(tx, call.scope, attachment)
        told = {"TransitGatewayRouteTableId": table.id, **attachments.named(attachment), "State": "disassociating"}
        return {"Association": told}, ways.vpcs_of(tx, call.scope, table.gateway)

    return await realise.apply(call, change)


@operation(ARN)
def get_transit_gateway_route_table_associations(call: Call, request: Request) -> dict[str, Any]:
    """GetTransitGatewayRouteTableAssociations."""
    with call.read() as tx:
        table = TRANSIT_TABLE.get(tx, call.scope, request["TransitGatewayRouteTableId"])
        found = [
            (one.id, attachments.named(one) | {"State": "associated"})
            for one in ways.attachments_of(tx, call.scope, table.gateway)
            if one.table == table.id
        ]
    return listing.paged(request, "Associations", found, _MEMBERS)


@operation(ARN)
async def enable_transit_gateway_route_table_propagation(call: Call, request: Request) -> dict[str, Any]:
    """EnableTransitGatewayRouteTablePropagation: the blocks of the attachment's VPC are routes of the table."""

    def change(tx: Writer) -> realise.Changed:
        table, attachment = _both(tx, call, request)
        if attachment.id in table.propagations:
            raise coded(
                "TransitGatewayRouteTablePropagation.Duplicate",
                f"Propagation already exists in Transit Gateway Route Table {table.id}.",
            )
        table.propagations = [*table.propagations, attachment.id]
        TRANSIT_TABLE.table.put(tx, call.scope, table)
        told = {**attachments.named(attachment), "TransitGatewayRouteTableId": table.id, "State": "enabled"}
        return {"Propagation": told}, ways.vpcs_of(tx, call.scope, table.gateway)

    return await realise.apply(call, change)


@operation(ARN)
async def disable_transit_gateway_route_table_propagation(call: Call, request: Request) -> dict[str, Any]:
    """DisableTransitGatewayRouteTablePropagation."""

    def change(tx: Writer) -> realise.Changed:
        table, attachment = _both(tx, call, request)
        if attachment.id not in table.propagations:
            raise coded(
                "TransitGatewayRouteTablePropagation.NotFound",
                f"Propagation does not exist in Transit Gateway Route Table {table.id}.",
            )
        table.propagations = [one for one in table.propagations if one != attachment.id]
        TRANSIT_TABLE.table.put(tx, call.scope, table)
        told = {**attachments.named(attachment), "TransitGatewayRouteTableId": table.id, "State": "disabled"}
        return {"Propagation": told}, ways.vpcs_of(tx, call.scope, table.gateway)

    return await realise.apply(call, change)


@operation(ARN)
def get_transit_gateway_route_table_propagations(call: Call, request: Request) -> dict[str, Any]:
    """GetTransitGatewayRouteTablePropagations."""
    with call.read() as tx:
        table = TRANSIT_TABLE.get(tx, call.scope, request["TransitGatewayRouteTableId"])
        rows = [TRANSIT_ATTACHMENT.find(tx, call.scope, one) for one in table.propagations]
    found = [(row.id, attachments.named(row) | {"State": "enabled"}) for row in rows if row is not None]
    return listing.paged(request, "TransitGatewayRouteTablePropagations", found, _MEMBERS)


@operation(ARN)
async def create_transit_gateway_route(call: Call, request: Request) -> dict[str, Any]:
    """CreateTransitGatewayRoute: to an attachment, or a black hole. Raises RouteAlreadyExists."""
    return await _static(call, request, replace=False)


@operation(ARN)
async def replace_transit_gateway_route(call: Call, request: Request) -> dict[str, Any]:
    """ReplaceTransitGatewayRoute. Raises InvalidRoute.NotFound."""
    return await _static(call, request, replace=True)


async def _static(call: Call, request: Request, *, replace: bool) -> dict[str, Any]:
    block, hole = _block(request["DestinationCidrBlock"]), bool(request.get("Blackhole"))
    if hole == bool(request.get("TransitGatewayAttachmentId")):
        raise invalid("A route needs either an attachment or to be a black hole.")

    def change(tx: Writer) -> realise.Changed:
        table = TRANSIT_TABLE.get(tx, call.scope, request["TransitGatewayRouteTableId"])
        to = "" if hole else _both(tx, call, request)[1].id
        if replace and block not in table.routes:
            raise _unknown(block, table)
        if not replace and block in table.routes:
            raise errors.RouteAlreadyExists(
                f"Route with DestinationCidrBlock {block} already exists in Transit Gateway Route Table {table.id}."
            )
        if len(table.routes) >= ROUTES:
            raise errors.RouteLimitExceeded(f"{table.id} has {ROUTES} static routes already.")
        table.routes = {**table.routes, block: to}
        TRANSIT_TABLE.table.put(tx, call.scope, table)
        return {"Route": _route(tx, call, block, to, "static")}, ways.vpcs_of(tx, call.scope, table.gateway)

    return await realise.apply(call, change)


@operation(ARN)
async def delete_transit_gateway_route(call: Call, request: Request) -> dict[str, Any]:
    """DeleteTransitGatewayRoute: a static one. Raises InvalidRoute.NotFound."""
    block = _block(request["DestinationCidrBlock"])

    def change(tx: Writer) -> realise.Changed:
        table = TRANSIT_TABLE.get(tx, call.scope, request["TransitGatewayRouteTableId"])
        if block not in table.routes:
            raise _unknown(block, table)
        shown = _route(tx, call, block, table.routes[block], "static") | {"State": "deleted"}
        table.routes = {one: to for one, to in table.routes.items() if one != block}
        TRANSIT_TABLE.table.put(tx, call.scope, table)
        return {"Route": shown}, ways.vpcs_of(tx, call.scope, table.gateway)

    return await realise.apply(call, change)


@operation(ARN)
def search_transit_gateway_routes(call: Call, request: Request) -> dict[str, Any]:
    """SearchTransitGatewayRoutes, in the order of their blocks; AWS tells no more than a thousand."""
    limit = request.get("MaxResults") or ROUTES
    with call.read() as tx:
        table = TRANSIT_TABLE.get(tx, call.scope, request["TransitGatewayRouteTableId"])
        found = [_route(tx, call, block, to, how) for block, (to, how) in ways.routes_of(tx, call.scope, table).items()]
    found.sort(key=lambda one: _order(one["DestinationCidrBlock"]))
    chosen = Filter(request.get("Filters"), _searches(request))
    passing = [one for one in found if chosen.matches(one)]
    return {"Routes": passing[:limit], "AdditionalRoutesAvailable": len(passing) > limit}


def _searches(request: Request) -> Filters:
    """The filters of a search; those of route-search compare blocks instead of texts."""
    known: Filters = {
        "attachment.transit-gateway-attachment-id": "TransitGatewayAttachments.TransitGatewayAttachmentId",
        "attachment.resource-id": "TransitGatewayAttachments.ResourceId",
        "attachment.resource-type": "TransitGatewayAttachments.ResourceType",
        "prefix-list-id": "PrefixListId",
        "state": "State",
        "type": "Type",
    }
    ways_of: dict[str, Any] = {
        "route-search.exact-match": lambda route, asked: route == asked,
        "route-search.longest-prefix-match": lambda route, asked: asked.subnet_of(route),
        "route-search.subnet-of-match": lambda route, asked: route.subnet_of(asked),
        "route-search.supernet-of-match": lambda route, asked: route.supernet_of(asked),
    }

    def searched(name: str) -> Any:
        values = [value for one in request.get("Filters") or () if one.get("Name") == name for value in one["Values"]]

        def matching(item: Request) -> list[str]:
            route = ipaddress.ip_network(item["DestinationCidrBlock"])
            asked = [(text, ipaddress.ip_network(_block(text))) for text in values]
            return [text for text, one in asked if one.version == route.version and ways_of[name](route, one)]

        return matching

    return {**known, **{name: searched(name) for name in ways_of}}


def _describe(tx: Reader, call: Call, row: TransitRouteTable) -> dict[str, Any]:
    gateway = TRANSIT_GATEWAY.find(tx, call.scope, row.gateway)
    options = gateway.options if gateway is not None else {}
    return {
        "TransitGatewayRouteTableId": row.id,
        "TransitGatewayId": row.gateway,
        "State": "deleted" if row.deleted else "available",
        "DefaultAssociationRouteTable": options.get("AssociationDefaultRouteTableId") == row.id,
        "DefaultPropagationRouteTable": options.get("PropagationDefaultRouteTableId") == row.id,
        "CreationTime": row.created,
        "Tags": tagging.render(row.tags),
    }


def _route(tx: Reader, call: Call, block: str, to: str, how: str) -> dict[str, Any]:
    """A route as answers show it: a black hole when its attachment is gone."""
    attachment = TRANSIT_ATTACHMENT.find(tx, call.scope, to) if to else None
    shown = {"DestinationCidrBlock": block, "Type": how, "State": "blackhole" if attachment is None else "active"}
    return shown | ({} if attachment is None else {"TransitGatewayAttachments": [attachments.named(attachment)]})


def _both(tx: Reader, call: Call, request: Request) -> tuple[TransitRouteTable, TransitAttachment]:
    """The table and the attachment that a request names, of the same gateway."""
    table = TRANSIT_TABLE.get(tx, call.scope, request["TransitGatewayRouteTableId"])
    identifier = request.get("TransitGatewayAttachmentId")
    if not identifier:
        raise errors.MissingParameter("The request must contain the parameter TransitGatewayAttachmentId")
    attachment = TRANSIT_ATTACHMENT.get(tx, call.scope, identifier)
    if attachment.gateway != table.gateway:
        raise invalid(f"{attachment.id} and {table.id} belong to different transit gateways.")
    return table, attachment


def _unknown(block: str, table: TransitRouteTable) -> Exception:
    return coded("InvalidRoute.NotFound", f"Route {block} does not exist in Transit Gateway Route Table {table.id}.")


def _block(text: str) -> str:
    try:
        if "/" not in text:
            raise ValueError
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise invalid(
            f"Value ({text}) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block."
        ) from None


def _order(block: str) -> tuple[int, int, int]:
    network = ipaddress.ip_network(block)
    return network.version, int(network.network_address), network.prefixlen
