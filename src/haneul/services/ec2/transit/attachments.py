"""VPCs at transit gateways: their attachments, and which route tables they go by and are told in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haneul.service import Call, Scope
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2.errors import coded, errors, invalid
from haneul.services.ec2.operations import operation
from haneul.services.ec2.transit import ways
from haneul.services.ec2.transit.state import (
    KEPT,
    TRANSIT_ATTACHMENT,
    TRANSIT_GATEWAY,
    TRANSIT_TABLE,
    TransitAttachment,
)
from haneul.services.ec2.vpc import realise
from haneul.services.ec2.vpc.state import SUBNET, VPC
from haneul.state.store import Reader, Writer

ARN = "arn:aws:ec2:{region}:{account}:transit-gateway-attachment/{TransitGatewayAttachmentId}"
LIMIT = 5
"""Transit gateways that a VPC is at."""
_OPTIONS = {
    "DnsSupport": "enable",
    "SecurityGroupReferencingSupport": "enable",
    "Ipv6Support": "disable",
    "ApplianceModeSupport": "disable",
}
_VPC_FILTERS = {
    "state": "State",
    "transit-gateway-attachment-id": "TransitGatewayAttachmentId",
    "transit-gateway-id": "TransitGatewayId",
    "vpc-id": "VpcId",
}
_FILTERS = {
    "association.state": "Association.State",
    "association.transit-gateway-route-table-id": "Association.TransitGatewayRouteTableId",
    "resource-id": "ResourceId",
    "resource-owner-id": "ResourceOwnerId",
    "resource-type": "ResourceType",
    "state": "State",
    "transit-gateway-attachment-id": "TransitGatewayAttachmentId",
    "transit-gateway-id": "TransitGatewayId",
    "transit-gateway-owner-id": "TransitGatewayOwnerId",
}
Request = Mapping[str, Any]


def _arns(call: Call, request: Request) -> list[str]:
    return [
        f"arn:aws:ec2:{call.region}:{call.account}:transit-gateway-attachment/*",
        TRANSIT_GATEWAY.arn(call.scope, request["TransitGatewayId"]),
        VPC.arn(call.scope, request["VpcId"]),
        *(SUBNET.arn(call.scope, one) for one in request.get("SubnetIds") or ()),
    ]


@operation(_arns)
async def create_transit_gateway_vpc_attachment(call: Call, request: Request) -> dict[str, Any]:
    """CreateTransitGatewayVpcAttachment: at once in the gateway's default tables. Raises
    DuplicateTransitGatewayAttachment, DuplicateSubnetsInSameZone, InvalidSubnetID.NotFound."""
    tags = tagging.of_new(request, "transit-gateway-attachment")
    options = {name: (request.get("Options") or {}).get(name) or default for name, default in _OPTIONS.items()}

    def change(tx: Writer) -> realise.Changed:
        vpc = VPC.get(tx, call.scope, request["VpcId"])
        _check_subnets(tx, call.scope, vpc.id, request["SubnetIds"])
        gateway = TRANSIT_GATEWAY.get(tx, call.scope, request["TransitGatewayId"])
        mine = ways.of_vpc(tx, call.scope, vpc.id)
        if any(one.gateway == gateway.id for one in mine):
            raise errors.DuplicateTransitGatewayAttachment(
                f"{gateway.id} has non-deleted Transit Gateway Attachments with same VPC ID."
            )
        if len(mine) >= LIMIT:
            raise errors.TransitGatewayAttachmentLimitExceeded(f"{vpc.id} is at {LIMIT} transit gateways already.")
        row = TransitAttachment(
            id=TRANSIT_ATTACHMENT.new_id(),
            gateway=gateway.id,
            vpc=vpc.id,
            subnets=list(request["SubnetIds"]),
            created=call.now(),
            table=gateway.options.get("AssociationDefaultRouteTableId") or "",
            options=options,
            tags=tags,
        )
        TRANSIT_ATTACHMENT.table.put(tx, call.scope, row)
        told = TRANSIT_TABLE.find(tx, call.scope, gateway.options.get("PropagationDefaultRouteTableId") or "")
        if told is not None:
            told.propagations = [*told.propagations, row.id]
            TRANSIT_TABLE.table.put(tx, call.scope, told)
        shown = describe(call.scope, row) | {"State": "pending"}
        return {"TransitGatewayVpcAttachment": shown}, ways.vpcs_of(tx, call.scope, gateway.id)

    return await realise.apply(call, change)


@operation()
def describe_transit_gateway_vpc_attachments(call: Call, request: Request) -> dict[str, Any]:
    """DescribeTransitGatewayVpcAttachments."""
    return listing.describe(
        call,
        request,
        TRANSIT_ATTACHMENT,
        member="TransitGatewayVpcAttachments",
        ids="TransitGatewayAttachmentIds",
        filters=_VPC_FILTERS,
        render=lambda _, row: describe(call.scope, row),
        wanted=lambda row: not row.deleted or row.deleted > call.now() - KEPT,
    )


@operation()
def describe_transit_gateway_attachments(call: Call, request: Request) -> dict[str, Any]:
    """DescribeTransitGatewayAttachments: of VPCs, which are the only ones here."""
    return listing.describe(
        call,
        request,
        TRANSIT_ATTACHMENT,
        member="TransitGatewayAttachments",
        ids="TransitGatewayAttachmentIds",
        filters=_FILTERS,
        render=lambda _, row: _plain(call.scope, row),
        wanted=lambda row: not row.deleted or row.deleted > call.now() - KEPT,
    )


@operation(ARN)
async def modify_transit_gateway_vpc_attachment(call: Call, request: Request) -> dict[str, Any]:
    """ModifyTransitGatewayVpcAttachment: its subnets, and options."""

    def change(tx: Writer) -> realise.Changed:
        row = TRANSIT_ATTACHMENT.get(tx, call.scope, request["TransitGatewayAttachmentId"])
        gone = set(request.get("RemoveSubnetIds") or ())
        left = [one for one in row.subnets if one not in gone]
        row.subnets = list(dict.fromkeys([*left, *(request.get("AddSubnetIds") or ())]))
        if not row.subnets:
            raise errors.InsufficientSubnetsException("An attachment needs one subnet at least.")
        _check_subnets(tx, call.scope, row.vpc, row.subnets)
        row.options = {**row.options, **{k: v for k, v in (request.get("Options") or {}).items() if v}}
        TRANSIT_ATTACHMENT.table.put(tx, call.scope, row)
        return {"TransitGatewayVpcAttachment": describe(call.scope, row) | {"State": "modifying"}}, [row.vpc]

    return await realise.apply(call, change)


@operation(ARN)
async def delete_transit_gateway_vpc_attachment(call: Call, request: Request) -> dict[str, Any]:
    """DeleteTransitGatewayVpcAttachment: when it answers, no packet passes any more; its routes are black holes."""

    def change(tx: Writer) -> realise.Changed:
        row = TRANSIT_ATTACHMENT.get(tx, call.scope, request["TransitGatewayAttachmentId"])
        concerned = ways.vpcs_of(tx, call.scope, row.gateway)
        for table in list(TRANSIT_TABLE.living(tx, call.scope)):
            if row.id in table.propagations:
                table.propagations = [one for one in table.propagations if one != row.id]
                TRANSIT_TABLE.table.put(tx, call.scope, table)
        TRANSIT_ATTACHMENT.end(tx, call.scope, row, call.now())
        return {"TransitGatewayVpcAttachment": describe(call.scope, row) | {"State": "deleting"}}, concerned

    return await realise.apply(call, change)


@operation(ARN)
def get_transit_gateway_attachment_propagations(call: Call, request: Request) -> dict[str, Any]:
    """GetTransitGatewayAttachmentPropagations: the tables that the attachment's VPC is told in."""
    with call.read() as tx:
        row = TRANSIT_ATTACHMENT.get(tx, call.scope, request["TransitGatewayAttachmentId"])
        found = [
            (table.id, {"TransitGatewayRouteTableId": table.id, "State": "enabled"})
            for table in TRANSIT_TABLE.living(tx, call.scope)
            if row.id in table.propagations
        ]
    filters = {"transit-gateway-route-table-id": "TransitGatewayRouteTableId"}
    return listing.paged(request, "TransitGatewayAttachmentPropagations", found, filters)


def describe(scope: Scope, row: TransitAttachment) -> dict[str, Any]:
    """A TransitGatewayVpcAttachment; without tags there is no member for them."""
    shown: dict[str, Any] = {
        "TransitGatewayAttachmentId": row.id,
        "TransitGatewayId": row.gateway,
        "VpcId": row.vpc,
        "VpcOwnerId": scope.account,
        "State": "deleted" if row.deleted else "available",
        "SubnetIds": row.subnets,
        "CreationTime": row.created,
        "Options": row.options,
    }
    return shown | ({"Tags": tagging.render(row.tags)} if row.tags else {})


def named(row: TransitAttachment) -> dict[str, Any]:
    """What associations and propagations tell of an attachment."""
    return {"TransitGatewayAttachmentId": row.id, "ResourceId": row.vpc, "ResourceType": "vpc"}


def _plain(scope: Scope, row: TransitAttachment) -> dict[str, Any]:
    association = {"TransitGatewayRouteTableId": row.table, "State": "associated"} if row.table else None
    association = None if row.deleted else association
    return {
        **named(row),
        "TransitGatewayId": row.gateway,
        "TransitGatewayOwnerId": scope.account,
        "ResourceOwnerId": scope.account,
        "State": "deleted" if row.deleted else "available",
        "Association": association,
        "CreationTime": row.created,
        "Tags": tagging.render(row.tags),
    }


def _check_subnets(tx: Reader, scope: Scope, vpc: str, identifiers: Sequence[str]) -> None:
    """One of each zone, all of them the VPC's."""
    zones: dict[str, str] = {}
    for row in SUBNET.get_all(tx, scope, identifiers):
        if row.vpc != vpc:
            raise coded("InvalidSubnetID.NotFound", f"The subnet ID '{row.id}' does not exist in {vpc}")
        if row.zone in zones:
            raise errors.DuplicateSubnetsInSameZone(
                f"Duplicate Subnets ({zones[row.zone]}, {row.id}) for same AZ ({row.zone})"
            )
        zones[row.zone] = row.id
    if not zones:
        raise invalid("An attachment needs one subnet at least.")
