"""Internet gateways: the door of a VPC; and egress-only ones, which are for IPv6 and so are rows alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2.errors import coded, errors, invalid
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc import realise
from haneul.services.ec2.vpc.state import (
    EGRESS_GATEWAY,
    GATEWAY,
    INTERFACE,
    VPC,
    EgressGateway,
    InternetGateway,
)
from haneul.state.store import Writer

ARN = "arn:aws:ec2:{region}:{account}:internet-gateway/{InternetGatewayId}"
EGRESS_ARN = "arn:aws:ec2:{region}:{account}:egress-only-internet-gateway/{EgressOnlyInternetGatewayId}"
_FILTERS = {
    "attachment.state": "Attachments.State",
    "attachment.vpc-id": "Attachments.VpcId",
    "internet-gateway-id": "InternetGatewayId",
    "owner-id": "OwnerId",
}
Request = Mapping[str, Any]


@operation("arn:aws:ec2:{region}:{account}:internet-gateway/*")
def create_internet_gateway(call: Call, request: Request) -> dict[str, Any]:
    """CreateInternetGateway: attached to nothing yet."""
    tags = tagging.of_new(request, "internet-gateway")
    with call.write() as tx:
        row = InternetGateway(id=GATEWAY.new_id(), created=call.now(), tags=tags)
        GATEWAY.table.put(tx, call.scope, row)
    return {"InternetGateway": describe(call.scope, row)}


@operation()
def describe_internet_gateways(call: Call, request: Request) -> dict[str, Any]:
    """DescribeInternetGateways."""
    return listing.describe(
        call,
        request,
        GATEWAY,
        member="InternetGateways",
        ids="InternetGatewayIds",
        filters=_FILTERS,
        render=lambda _, row: describe(call.scope, row),
    )


@operation(ARN)
async def attach_internet_gateway(call: Call, request: Request) -> dict[str, Any]:
    """AttachInternetGateway. Raises Resource.AlreadyAssociated, InvalidParameterValue when the VPC has one."""

    def change(tx: Writer) -> realise.Changed:
        row = GATEWAY.get(tx, call.scope, request["InternetGatewayId"])
        vpc = VPC.get(tx, call.scope, request["VpcId"])
        if row.vpc:
            raise coded("Resource.AlreadyAssociated", f"resource {row.id} is already attached to network {row.vpc}")
        if any(one.vpc == vpc.id for one in GATEWAY.table.scan(tx, call.scope)):
            raise invalid(f"Network {vpc.id} already has an internet gateway attached")
        row.vpc = vpc.id
        GATEWAY.table.put(tx, call.scope, row)
        return {}, [vpc.id]

    return await realise.apply(call, change)


@operation(ARN)
async def detach_internet_gateway(call: Call, request: Request) -> dict[str, Any]:
    """DetachInternetGateway. Raises Gateway.NotAttached, DependencyViolation while public addresses lead in."""

    def change(tx: Writer) -> realise.Changed:
        row = GATEWAY.get(tx, call.scope, request["InternetGatewayId"])
        if row.vpc != request["VpcId"]:
            raise coded("Gateway.NotAttached", f"resource {row.id} is not attached to network {request['VpcId']}")
        vpc = VPC.get(tx, call.scope, request["VpcId"])
        if any(one.vpc == vpc.id and one.publics for one in INTERFACE.table.scan(tx, call.scope)):
            raise errors.DependencyViolation(
                f"Network {vpc.id} has some mapped public address(es). "
                "Please unmap those public address(es) before detaching the gateway."
            )
        row.vpc = ""
        GATEWAY.table.put(tx, call.scope, row)
        return {}, [vpc.id]

    return await realise.apply(call, change)


@operation(ARN)
def delete_internet_gateway(call: Call, request: Request) -> dict[str, Any]:
    """DeleteInternetGateway. Raises DependencyViolation while it is attached."""
    with call.write() as tx:
        row = GATEWAY.get(tx, call.scope, request["InternetGatewayId"])
        if row.vpc:
            raise errors.DependencyViolation(f"The internetGateway '{row.id}' has dependencies and cannot be deleted.")
        GATEWAY.table.delete(tx, call.scope, row.id)
    return {}


@operation("arn:aws:ec2:{region}:{account}:egress-only-internet-gateway/*")
def create_egress_only_internet_gateway(call: Call, request: Request) -> dict[str, Any]:
    """CreateEgressOnlyInternetGateway. Packets are IPv4's here, so it is told and moves none."""
    tags = tagging.of_new(request, "egress-only-internet-gateway")
    with call.write() as tx:
        vpc = VPC.get(tx, call.scope, request["VpcId"])
        before = idempotency.made_before(tx, call, request)
        if before:
            row = EGRESS_GATEWAY.get(tx, call.scope, before[0])
        else:
            row = EgressGateway(id=EGRESS_GATEWAY.new_id(), vpc=vpc.id, created=call.now(), tags=tags)
            EGRESS_GATEWAY.table.put(tx, call.scope, row)
            idempotency.remember(tx, call, request, [row.id])
    return {"EgressOnlyInternetGateway": _egress(row), "ClientToken": request.get("ClientToken") or ""}


@operation()
def describe_egress_only_internet_gateways(call: Call, request: Request) -> dict[str, Any]:
    """DescribeEgressOnlyInternetGateways."""
    return listing.describe(
        call,
        request,
        EGRESS_GATEWAY,
        member="EgressOnlyInternetGateways",
        ids="EgressOnlyInternetGatewayIds",
        filters={},
        render=lambda _, row: _egress(row),
        limits=(5, 255),
        forgiving=True,
    )


@operation(EGRESS_ARN)
def delete_egress_only_internet_gateway(call: Call, request: Request) -> dict[str, Any]:
    """DeleteEgressOnlyInternetGateway: routes to it become black holes."""
    with call.write() as tx:
        row = EGRESS_GATEWAY.get(tx, call.scope, request["EgressOnlyInternetGatewayId"])
        EGRESS_GATEWAY.table.delete(tx, call.scope, row.id)
    return {"ReturnCode": True}


def describe(scope: Scope, row: InternetGateway) -> dict[str, Any]:
    """An internet gateway as every answer shows it."""
    return {
        "InternetGatewayId": row.id,
        "OwnerId": scope.account,
        "Attachments": [{"State": "available", "VpcId": row.vpc}] if row.vpc else [],
        "Tags": tagging.render(row.tags),
    }


def _egress(row: EgressGateway) -> dict[str, Any]:
    return {
        "EgressOnlyInternetGatewayId": row.id,
        "Attachments": [{"State": "attached", "VpcId": row.vpc}],
        "Tags": tagging.render(row.tags),
    }
