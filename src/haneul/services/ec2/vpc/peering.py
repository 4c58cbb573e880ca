"""VPC peering connections, across accounts and regions. Each side's scope has a row of its own; packets pass once both
VPCs' networks name the connection and routes lead to it."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call, Scope, Step
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.errors import coded, errors, missing
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc import plan, realise
from haneul.services.ec2.vpc.state import PEERING, VPC, Peering, Vpc
from haneul.state.store import Reader, Writer

ARN = "arn:aws:ec2:{region}:{account}:vpc-peering-connection/{VpcPeeringConnectionId}"
PATIENCE = 7 * 86400.0
"""Seconds that a request waits for its acceptance."""
KEPT = {"failed": 7200.0, "rejected": 7200.0, "expired": 7200.0, "deleted": 3600.0}
"""Seconds for which an ended connection is still told."""
OPTIONS = (
    "AllowDnsResolutionFromRemoteVpc",
    "AllowEgressFromLocalClassicLinkToRemoteVpc",
    "AllowEgressFromLocalVpcToRemoteClassicLink",
)
_FILTERS = {
    "accepter-vpc-info.cidr-block": "AccepterVpcInfo.CidrBlock",
    "accepter-vpc-info.owner-id": "AccepterVpcInfo.OwnerId",
    "accepter-vpc-info.vpc-id": "AccepterVpcInfo.VpcId",
    "expiration-time": "ExpirationTime",
    "requester-vpc-info.cidr-block": "RequesterVpcInfo.CidrBlock",
    "requester-vpc-info.owner-id": "RequesterVpcInfo.OwnerId",
    "requester-vpc-info.vpc-id": "RequesterVpcInfo.VpcId",
    "status-code": "Status.Code",
    "status-message": "Status.Message",
    "vpc-peering-connection-id": "VpcPeeringConnectionId",
}


def _arns(call: Call, request: Mapping[str, Any]) -> list[str]:
    start = f"arn:aws:ec2:{call.region}:{call.account}"
    return [f"{start}:vpc/{request.get('VpcId')}", f"{start}:vpc-peering-connection/*"]


@operation(_arns)
def create_vpc_peering_connection(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateVpcPeeringConnection: a request that waits a week for its acceptance; failed at once when the blocks of
    addresses overlap or the other VPC isn't there."""
    if not request.get("PeerVpcId"):
        raise missing("peerVpcId")
    other = Scope(request.get("PeerOwnerId") or call.account, request.get("PeerRegion") or call.region)
    tags = tagging.of_new(request, "vpc-peering-connection")
    now = call.now()
    with call.write() as tx:
        ours = VPC.get(tx, call.scope, request["VpcId"])
        theirs = VPC.find(tx, other, request["PeerVpcId"])
        if theirs is None and other == call.scope:
            raise VPC.missing([request["PeerVpcId"]])
        row = Peering(
            id=PEERING.new_id(),
            requester=_side(call.scope, ours),
            accepter={"OwnerId": other.account, "VpcId": request["PeerVpcId"], "Region": other.region},
            status="pending-acceptance",
            message=f"Pending Acceptance by {other.account}",
            created=now,
            expires=now + PATIENCE,
            tags=tags,
        )
        if theirs is None or (theirs.id == ours.id and other == call.scope) or _overlap(ours, theirs):
            row.message = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"
            row.status, row.expires = "failed", now + KEPT["failed"]
            _put(tx, call.scope, row)
        else:
            _put_both(tx, row)
    shown = describe(row)
    if row.status == "pending-acceptance":
        shown["Status"] = {"Code": "initiating-request", "Message": f"Initiating Request to {other.account}"}
    return {"VpcPeeringConnection": shown}


@operation(ARN)
async def accept_vpc_peering_connection(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """AcceptVpcPeeringConnection, by the other VPC's owner. Raises OperationNotPermitted, InvalidStateTransition,
    VpcPeeringConnectionAlreadyExists."""

    def change(tx: Writer) -> Peering:
        row = PEERING.get(tx, call.scope, request["VpcPeeringConnectionId"])
        _check_accepter(call, row, "accept")
        if row.status == "active":
            return row
        _check_pending(row)
        if any(one.status == "active" and _pair(one) == _pair(row) for one in PEERING.table.scan(tx, call.scope)):
            raise errors.VpcPeeringConnectionAlreadyExists(
                f"The vpc peering connection identified by {row.id} already exists."
            )
        vpc = VPC.get(tx, call.scope, row.accepter["VpcId"])

        def accepted(one: Peering) -> None:
            one.accepter = _side(call.scope, vpc)
            one.status, one.message, one.expires = "active", "Active", 0.0

        return _both(tx, call.scope, row, accepted)

    return {"VpcPeeringConnection": describe(await _applied(call, change))}


@operation(ARN)
def reject_vpc_peering_connection(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RejectVpcPeeringConnection, by the other VPC's owner."""
    with call.write() as tx:
        row = PEERING.get(tx, call.scope, request["VpcPeeringConnectionId"])
        _check_accepter(call, row, "reject")
        _check_pending(row)
        _both(tx, call.scope, row, lambda one: _end(one, "rejected", f"Rejected by {call.account}", call.now()))
    return {"Return": True}


@operation(ARN)
async def delete_vpc_peering_connection(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteVpcPeeringConnection, by either side: no packet passes any more; routes to it become black holes."""

    def change(tx: Writer) -> Peering:
        row = PEERING.get(tx, call.scope, request["VpcPeeringConnectionId"])
        if row.status not in ("active", "pending-acceptance", "deleted"):
            raise _wrong_state(row)
        if row.status == "deleted":
            return row
        return _both(tx, call.scope, row, lambda one: _end(one, "deleted", f"Deleted by {call.account}", call.now()))

    await _applied(call, change)
    return {"Return": True}


@operation()
def describe_vpc_peering_connections(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeVpcPeeringConnections: those that this account asked for in the region, and those that it was asked."""
    return listing.describe(
        call,
        request,
        PEERING,
        member="VpcPeeringConnections",
        ids="VpcPeeringConnectionIds",
        filters=_FILTERS,
        render=lambda _, row: describe(row),
    )


@operation(ARN)
async def modify_vpc_peering_connection_options(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyVpcPeeringConnectionOptions: each side its own; with AllowDnsResolutionFromRemoteVpc the other side's
    resolver gives private addresses for the public names of this one."""
    asked = {side: request.get(f"{side}PeeringConnectionOptions") for side in ("Accepter", "Requester")}

    def change(tx: Writer) -> Peering:
        row = PEERING.get(tx, call.scope, request["VpcPeeringConnectionId"])
        if row.status != "active":
            raise _wrong_state(row)
        for name, options in asked.items():
            side = row.accepter if name == "Accepter" else row.requester
            if options is None:
                continue
            if plan.scope_of(call.scope, side) != call.scope:
                raise errors.OperationNotPermitted(
                    f"User ({call.account}) cannot modify {name.lower()} peering connection options for {row.id}."
                )
            if any(options.get(one) for one in OPTIONS[1:]):
                raise errors.UnsupportedOperation("There is no EC2-Classic to link to.")

        def changed(one: Peering) -> None:
            for name, options in asked.items():
                side = one.accepter if name == "Accepter" else one.requester
                if options is not None:
                    given = {key: options[key] for key in OPTIONS if key in options}
                    side["PeeringOptions"] = {**side["PeeringOptions"], **given}

        return _both(tx, call.scope, row, changed)

    row = await _applied(call, change)
    shown = {}
    for name, options in asked.items():
        if options is not None:
            side = row.accepter if name == "Accepter" else row.requester
            shown[f"{name}PeeringConnectionOptions"] = side["PeeringOptions"]
    return shown


def step_peering(call: Call, row: Peering) -> Step:
    """Requests expire; what ended is forgotten after a while."""
    left = row.expires - call.now()
    if row.status == "active":
        return Step(row)
    if left > 0:
        return Step(row, left)
    if row.status != "pending-acceptance":
        return Step(None)
    _end(row, "expired", "Expired", call.now())
    return Step(row, KEPT["expired"])


def describe(row: Peering) -> dict[str, Any]:
    """A peering connection as every answer shows it."""
    shown: dict[str, Any] = {
        "VpcPeeringConnectionId": row.id,
        "RequesterVpcInfo": row.requester,
        "AccepterVpcInfo": row.accepter,
        "Status": {"Code": row.status, "Message": row.message},
        "Tags": tagging.render(row.tags),
    }
    if row.status == "pending-acceptance":
        shown["ExpirationTime"] = row.expires
    return shown


def forget(tx: Writer, scope: Scope, vpc: str, now: float) -> None:
    """The VPC is deleted: its peerings are, too."""
    realise.touch_peers(tx, scope, vpc)
    for row in list(PEERING.table.scan(tx, scope)):
        if row.status in ("active", "pending-acceptance") and vpc in (row.requester["VpcId"], row.accepter["VpcId"]):
            _both(tx, scope, row, lambda one: _end(one, "deleted", f"Deleted by {scope.account}", now))


def _side(scope: Scope, vpc: Vpc) -> dict[str, Any]:
    blocks = list(vpc.cidrs.values())
    return {
        "OwnerId": scope.account,
        "VpcId": vpc.id,
        "Region": scope.region,
        "CidrBlock": blocks[0],
        "CidrBlockSet": [{"CidrBlock": one} for one in blocks],
        "PeeringOptions": dict.fromkeys(OPTIONS, False),
    }


def _overlap(one: Vpc, two: Vpc) -> bool:
    return any(
        ipaddress.IPv4Network(first).overlaps(ipaddress.IPv4Network(second))
        for first in one.cidrs.values()
        for second in two.cidrs.values()
    )


def _pair(row: Peering) -> frozenset[str]:
    return frozenset((row.requester["VpcId"], row.accepter["VpcId"]))


def _check_accepter(call: Call, row: Peering, what: str) -> None:
    if row.accepter["OwnerId"] != call.account:
        raise errors.OperationNotPermitted(f"User ({call.account}) cannot {what} peering {row.id}")
    if row.accepter["Region"] != call.region:
        raise errors.OperationNotPermitted(
            f"Incorrect region ({call.region}) specified for this request. "
            f"VPC peering connection {row.id} must be {what}ed in region {row.accepter['Region']}"
        )


def _check_pending(row: Peering) -> None:
    if row.status != "pending-acceptance":
        raise _wrong_state(row)


def _wrong_state(row: Peering) -> Exception:
    return coded("InvalidStateTransition", f"{row.id} is not in the correct state for the request.")


def _end(row: Peering, status: str, message: str, now: float) -> None:
    row.status, row.message, row.expires = status, message, now + KEPT[status]


def _scopes(row: Peering) -> Iterator[Scope]:
    yield from {Scope(side["OwnerId"], side["Region"]) for side in (row.requester, row.accepter)}


def _put(tx: Writer, scope: Scope, row: Peering) -> None:
    PEERING.table.put(tx, scope, row)
    if row.expires:
        wake(tx, "ec2.peering", scope, (row.id,), row.expires)


def _put_both(tx: Writer, row: Peering) -> None:
    """The request is in both scopes; the tags are its maker's."""
    tags = row.tags
    for scope in _scopes(row):
        row.tags = tags if scope == Scope(row.requester["OwnerId"], row.requester["Region"]) else {}
        _put(tx, scope, row)
    row.tags = tags


def _both(tx: Writer, scope: Scope, row: Peering, change: Callable[[Peering], None]) -> Peering:
    """Change both sides' rows; the caller's."""
    for where in _scopes(row):
        one = PEERING.find(tx, where, row.id)
        if one is None:
            continue
        change(one)
        _put(tx, where, one)
        if where == scope:
            row = one
    return row


async def _applied(call: Call, change: Callable[[Writer], Peering]) -> Peering:
    """One transaction, then the networks of both VPCs where they run."""

    def changed(tx: Writer) -> tuple[Peering, list[tuple[Scope, str]]]:
        row = change(tx)
        live = _live(tx, row)
        for scope, vpc in live:
            wake(tx, "ec2.vpc", scope, (vpc,), 0.0)
        return row, live

    row, live = await call.transact(changed)
    for scope, vpc in live:
        await asyncio.to_thread(realise.realise, planes.of(call.cloud), scope, vpc)
    return row


def _live(tx: Reader, row: Peering) -> list[tuple[Scope, str]]:
    sides = [(Scope(side["OwnerId"], side["Region"]), side["VpcId"]) for side in (row.requester, row.accepter)]
    return [(scope, vpc) for scope, vpc in sides if plan.live_interfaces(tx, scope, vpc)]
