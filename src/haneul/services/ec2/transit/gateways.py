"""Transit gateways themselves: create, describe, modify, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2.errors import errors, invalid
from haneul.services.ec2.operations import operation
from haneul.services.ec2.transit import ways
from haneul.services.ec2.transit.state import KEPT, TRANSIT_GATEWAY, TRANSIT_TABLE, TransitGateway, TransitRouteTable

ARN = "arn:aws:ec2:{region}:{account}:transit-gateway/{TransitGatewayId}"
LIMIT = 5
"""Gateways that an account has in a region."""
_SWITCHES = {
    "AutoAcceptSharedAttachments": "disable",
    "DefaultRouteTableAssociation": "enable",
    "DefaultRouteTablePropagation": "enable",
    "VpnEcmpSupport": "enable",
    "DnsSupport": "enable",
    "SecurityGroupReferencingSupport": "disable",
    "MulticastSupport": "disable",
}
_FILTERS = {
    "options.propagation-default-route-table-id": "Options.PropagationDefaultRouteTableId",
    "options.amazon-side-asn": "Options.AmazonSideAsn",
    "options.association-default-route-table-id": "Options.AssociationDefaultRouteTableId",
    "options.auto-accept-shared-attachments": "Options.AutoAcceptSharedAttachments",
    "options.default-route-table-association": "Options.DefaultRouteTableAssociation",
    "options.default-route-table-propagation": "Options.DefaultRouteTablePropagation",
    "options.dns-support": "Options.DnsSupport",
    "options.vpn-ecmp-support": "Options.VpnEcmpSupport",
    "owner-id": "OwnerId",
    "state": "State",
    "transit-gateway-id": "TransitGatewayId",
}
Request = Mapping[str, Any]


@operation("arn:aws:ec2:{region}:{account}:transit-gateway/*")
def create_transit_gateway(call: Call, request: Request) -> dict[str, Any]:
    """CreateTransitGateway: there at once, and told as `pending`, as AWS tells it. Raises
    TransitGatewayLimitExceeded, InvalidParameterValue."""
    asked = request.get("Options") or {}
    tags = tagging.of_new(request, "transit-gateway")
    options: dict[str, Any] = {"AmazonSideAsn": asn(asked.get("AmazonSideAsn"), 64512)}
    options |= {name: asked.get(name) or default for name, default in _SWITCHES.items()}
    _check(asked)
    with call.write() as tx:
        if sum(1 for _ in TRANSIT_GATEWAY.living(tx, call.scope)) >= LIMIT:
            raise errors.TransitGatewayLimitExceeded("You have reached the maximum number of transit gateways.")
        row = TransitGateway(
            id=TRANSIT_GATEWAY.new_id(),
            created=call.now(),
            description=request.get("Description") or "",
            options=options,
            tags=tags,
        )
        if "enable" in (options["DefaultRouteTableAssociation"], options["DefaultRouteTablePropagation"]):
            table = TransitRouteTable(id=TRANSIT_TABLE.new_id(), gateway=row.id, created=call.now())
            TRANSIT_TABLE.table.put(tx, call.scope, table)
            if options["DefaultRouteTableAssociation"] == "enable":
                options["AssociationDefaultRouteTableId"] = table.id
            if options["DefaultRouteTablePropagation"] == "enable":
                options["PropagationDefaultRouteTableId"] = table.id
        TRANSIT_GATEWAY.table.put(tx, call.scope, row)
    return {"TransitGateway": describe(call.scope, row) | {"State": "pending"}}


@operation()
def describe_transit_gateways(call: Call, request: Request) -> dict[str, Any]:
    """DescribeTransitGateways."""
    return listing.describe(
        call,
        request,
        TRANSIT_GATEWAY,
        member="TransitGateways",
        ids="TransitGatewayIds",
        filters=_FILTERS,
        render=lambda _, row: describe(call.scope, row),
        wanted=lambda row: not row.deleted or row.deleted > call.now() - KEPT,
    )


@operation(ARN)
def modify_transit_gateway(call: Call, request: Request) -> dict[str, Any]:
    """ModifyTransitGateway: its description, switches and default route tables."""
    asked = dict(request.get("Options") or {})
    _check(asked)
    with call.write() as tx:
        row = TRANSIT_GATEWAY.get(tx, call.scope, request["TransitGatewayId"])
        for name in ("AssociationDefaultRouteTableId", "PropagationDefaultRouteTableId"):
            if asked.get(name) and TRANSIT_TABLE.get(tx, call.scope, asked[name]).gateway != row.id:
                raise invalid(f"{asked[name]} belongs to another transit gateway than {row.id}.")
        if request.get("Description") is not None:
            row.description = request["Description"]
        if asked.get("AmazonSideAsn"):
            asked["AmazonSideAsn"] = asn(asked["AmazonSideAsn"], 64512)
        row.options = {**row.options, **{name: value for name, value in asked.items() if value}}
        for switch, name in (
            ("DefaultRouteTableAssociation", "AssociationDefaultRouteTableId"),
            ("DefaultRouteTablePropagation", "PropagationDefaultRouteTableId"),
        ):
            if row.options.get(switch) == "disable":
                row.options.pop(name, None)
        TRANSIT_GATEWAY.table.put(tx, call.scope, row)
    return {"TransitGateway": describe(call.scope, row) | {"State": "modifying"}}


@operation(ARN)
def delete_transit_gateway(call: Call, request: Request) -> dict[str, Any]:
    """DeleteTransitGateway, with its route tables. Raises IncorrectState while something is attached."""
    with call.write() as tx:
        row = TRANSIT_GATEWAY.get(tx, call.scope, request["TransitGatewayId"])
        attached = ways.attachments_of(tx, call.scope, row.id)
        if attached:
            named = ", ".join(one.id for one in attached)
            raise errors.IncorrectState(f"{row.id} has non-deleted VPC Attachments: {named}.")
        for table in list(TRANSIT_TABLE.living(tx, call.scope)):
            if table.gateway == row.id:
                TRANSIT_TABLE.end(tx, call.scope, table, call.now())
        TRANSIT_GATEWAY.end(tx, call.scope, row, call.now())
    return {"TransitGateway": describe(call.scope, row) | {"State": "deleting"}}


def asn(value: int | None, default: int) -> int:
    """A private number of an autonomous system, 16 or 32 bits. Raises InvalidParameterValue."""
    number = default if value is None else int(value)
    if 64512 <= number <= 65534 or 4200000000 <= number <= 4294967294:
        return number
    raise invalid(f"Value ({number}) for parameter amazonSideAsn is invalid. It must be a private ASN.")


def describe(scope: Scope, row: TransitGateway) -> dict[str, Any]:
    """A transit gateway as every answer shows it."""
    return {
        "TransitGatewayId": row.id,
        "TransitGatewayArn": TRANSIT_GATEWAY.arn(scope, row.id),
        "State": "deleted" if row.deleted else "available",
        "OwnerId": scope.account,
        "Description": row.description,
        "CreationTime": row.created,
        "Options": {"TransitGatewayCidrBlocks": [], **row.options},
        "Tags": tagging.render(row.tags),
    }


def _check(asked: Request) -> None:
    """What carries no packets here is refused, not kept."""
    if asked.get("MulticastSupport") == "enable":
        raise errors.UnsupportedOperation("Multicast is not supported by the transit gateways here.")
    if asked.get("TransitGatewayCidrBlocks") or asked.get("AddTransitGatewayCidrBlocks"):
        raise errors.UnsupportedOperation("Transit gateways have no blocks of their own here.")
    if asked.get("EncryptionSupport") == "enable":
        raise errors.UnsupportedOperation("Transit gateways don't encrypt here.")
