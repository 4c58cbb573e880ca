"""Calls that wait a moment for what is on its way, and needs milliseconds here.

A client that launches and asks finds its instance running, instead of `pending` and fifteen seconds of a waiter's
sleep. Only what somebody set off within the last two seconds is waited for, one second at most, and only by calls from
outside: rooms that call each other never wait.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from haneul.service import Call
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.errors import errors
from haneul.services.ec2.fleets.state import SPOT_REQUEST, SpotRequest
from haneul.services.ec2.instances.state import IMAGE, INSTANCE, Instance
from haneul.services.ec2.kinds import Kind
from haneul.services.ec2.volumes.state import SNAPSHOT, VOLUME, Volume
from haneul.services.ec2.vpc.state import NAT
from haneul.state.store import Conflict, Reader

FRESH = 2.0
LIMIT = 1.0
TRIES = 12
_LOOK = 0.02


def _instance(row: Instance) -> bool:
    return row.state in ("pending", "stopping", "shutting-down")


def _volume(row: Volume) -> bool:
    ways = {held["state"] for held in row.attachments.values()}
    return row.state in ("creating", "deleting") or bool(ways & {"attaching", "detaching"})


def _pending(row: Any) -> bool:
    return bool(row.state == "pending")


def _spot(row: SpotRequest) -> bool:
    return row.state == "open" and row.code == "pending-evaluation"


Moving = tuple[Kind[Any], Callable[[Any], bool]]
_INSTANCES: Moving = (INSTANCE, _instance)
_VOLUMES: Moving = (VOLUME, _volume)
_SNAPSHOTS: Moving = (SNAPSHOT, _pending)
_IMAGES: Moving = (IMAGE, _pending)
_NATS: Moving = (NAT, _pending)
_SPOTS: Moving = (SPOT_REQUEST, _spot)
_READING: dict[str, tuple[Moving, ...]] = {
    "DescribeInstances": (_INSTANCES,),
    "DescribeInstanceStatus": (_INSTANCES,),
    "DescribeVolumes": (_VOLUMES,),
    "DescribeVolumeStatus": (_VOLUMES,),
    "DescribeSnapshots": (_SNAPSHOTS,),
    "DescribeImages": (_IMAGES,),
    "DescribeNatGateways": (_NATS,),
    "DescribeSpotInstanceRequests": (_SPOTS,),
}
_CHANGING: dict[str, tuple[Moving, ...]] = {
    "StartInstances": (_INSTANCES,),
    "StopInstances": (_INSTANCES,),
    "RebootInstances": (_INSTANCES,),
    "ModifyInstanceAttribute": (_INSTANCES,),
    "AttachVolume": (_INSTANCES, _VOLUMES),
    "DetachVolume": (_INSTANCES, _VOLUMES),
    "DeleteVolume": (_VOLUMES,),
    "ModifyVolume": (_VOLUMES,),
    "CreateVolume": (_SNAPSHOTS,),
    "CreateSnapshot": (_VOLUMES,),
    "RunInstances": (_IMAGES,),
    "CreateImage": (_INSTANCES, _VOLUMES),
    "AttachNetworkInterface": (_INSTANCES,),
    "RegisterImage": (_SNAPSHOTS,),
    "CopyImage": (_IMAGES,),
    "CopySnapshot": (_SNAPSHOTS,),
    "ModifySnapshotTier": (_SNAPSHOTS,),
}


def run(call: Call, request: Mapping[str, Any], function: Callable[..., Any]) -> Any:
    """The operation's answer, or an awaitable of it."""
    if call.http is None or not _waits(call, request):
        found = function(call, request)
    else:
        found = _later(call, request, function)
    if not call.operation.startswith(("Describe", "Get", "List")):
        planes.of(call.cloud).moved[call.scope] = call.now()
    return found


async def _later(call: Call, request: Mapping[str, Any], function: Callable[..., Any]) -> Any:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + LIMIT
    while loop.time() < deadline and await _aside(call, _waits, call, request):
        await asyncio.sleep(_LOOK)
    found = await _tried(call, request, function)
    return await found if inspect.isawaitable(found) else found


async def _tried(call: Call, request: Mapping[str, Any], function: Callable[..., Any]) -> Any:
    """Again where transactions conflict, as the gateway does for calls that don't wait."""
    for turn in range(TRIES):
        try:
            return await _aside(call, function, call, request)
        except Conflict:
            await asyncio.sleep(0.001 * (1 << min(turn, 6)))
    raise errors.Unavailable("Too many concurrent changes; try again.")


async def _aside(call: Call, function: Callable[..., Any], *arguments: Any) -> Any:
    """Inline where the store is quick, in a thread where it is not."""
    return await asyncio.to_thread(function, *arguments) if call.cloud.store.concurrent else function(*arguments)


def _waits(call: Call, request: Mapping[str, Any]) -> bool:
    """Whether the call touches something that is between two states, and was just sent on its way."""
    kinds = _READING.get(call.operation) or _CHANGING.get(call.operation, ())
    if not kinds or not call.now() - planes.of(call.cloud).moved.get(call.scope, 0.0) < FRESH:
        return False
    with call.read() as tx:
        return any(moving(row) for kind, moving in kinds for row in _rows(call, tx, kind, request))


def _rows(call: Call, tx: Reader, kind: Kind[Any], request: Mapping[str, Any]) -> Iterator[Any]:
    """The rows of a kind that a request names; all of the account's when it names nothing at all."""
    named = list(_named(request))
    if not named:
        yield from kind.table.scan(tx, call.scope)
        return
    for one in named:
        row = kind.find(tx, call.scope, one) if one.startswith(f"{kind.prefix}-") else None
        if row is not None:
            yield row


def _named(request: Mapping[str, Any]) -> Iterator[str]:
    for name, value in request.items():
        if name.endswith("Id") and isinstance(value, str):
            yield value
        elif name.endswith("Ids") and isinstance(value, list):
            yield from value
