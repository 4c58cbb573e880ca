"""Replays: archived events sent to their bus again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.service import Call, Scope, operation
from haneul.services.events import names
from haneul.services.events.errors import errors, invalid
from haneul.services.events.state import ARCHIVES, REPLAYS, Replay
from haneul.state.store import Reader


def arn_of(scope: Scope, name: str) -> str:
    return f"arn:aws:events:{scope.region}:{scope.account}:replay/{name}"


def by_replay(call: Call, request: Mapping[str, Any]) -> str:
    return arn_of(call.scope, request["ReplayName"])


def _find(tx: Reader, scope: Scope, name: str) -> Replay:
    replay = REPLAYS.get(tx, scope, name)
    if replay is None:
        raise errors.ResourceNotFoundException(f"Replay {name} does not exist.")
    return replay


@operation(resource=by_replay)
def start_replay(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """StartReplay of an archive's events between two instants, to the bus they came from."""
    name, destination = request["ReplayName"], request["Destination"]
    if request["EventStartTime"] >= request["EventEndTime"]:
        raise invalid("Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.")
    archive_name = request["EventSourceArn"].rpartition("/")[2]
    if ":event-bus/" not in destination["Arn"]:
        raise invalid("Parameter Destination.Arn is not valid. Reason: Must contain an event bus ARN.")
    with call.write() as tx:
        _, bus = names.locate_bus(call, destination["Arn"])
        names.find_bus(tx, call.scope, bus)
        archive = ARCHIVES.get(tx, call.scope, archive_name)
        if archive is None:
            raise invalid(f"Parameter EventSourceArn is not valid. Reason: Archive {archive_name} does not exist.")
        if REPLAYS.get(tx, call.scope, name) is not None:
            raise errors.ResourceAlreadyExistsException(f"Replay {name} already exists.")
        if destination["Arn"] != archive.source:
            raise invalid("Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.")
        replay = Replay(
            name=name,
            archive=archive_name,
            source=request["EventSourceArn"],
            bus=bus,
            begin=request["EventStartTime"],
            end=request["EventEndTime"],
            description=request.get("Description"),
            filters=list(destination.get("FilterArns") or ()),
            started=call.now(),
        )
        REPLAYS.put(tx, call.scope, replay)
        converge.wake(tx, "events.replay", call.scope, (name,), call.now())
    return {"ReplayArn": arn_of(call.scope, name), "State": replay.state, "ReplayStartTime": replay.started}


def _describe(replay: Replay) -> dict[str, Any]:
    return {
        "ReplayName": replay.name,
        "EventSourceArn": replay.source,
        "State": replay.state,
        "StateReason": replay.reason,
        "EventStartTime": replay.begin,
        "EventEndTime": replay.end,
        "EventLastReplayedTime": replay.last,
        "ReplayStartTime": replay.started,
        "ReplayEndTime": replay.finished,
    }


@operation(resource=by_replay)
def describe_replay(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeReplay."""
    with call.read() as tx:
        replay = _find(tx, call.scope, request["ReplayName"])
    destination: dict[str, Any] = {"Arn": names.bus_arn(call.scope, replay.bus)}
    if replay.filters:
        destination["FilterArns"] = replay.filters
    return {
        "ReplayArn": arn_of(call.scope, replay.name),
        "Description": replay.description,
        "Destination": destination,
        **_describe(replay),
    }


@operation()
def list_replays(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListReplays, by prefix, source or state."""
    if sum(bool(request.get(name)) for name in ("NamePrefix", "EventSourceArn", "State")) > 1:
        raise invalid(
            "At most one filter is allowed for ListReplays. Use either : State, EventSourceArn, or NamePrefix."
        )
    prefix, source, state = request.get("NamePrefix") or "", request.get("EventSourceArn"), request.get("State")
    with call.read() as tx:
        rows = [
            replay
            for replay in REPLAYS.scan(tx, call.scope)
            if replay.name.startswith(prefix) and source in (None, replay.source) and state in (None, replay.state)
        ]
    chosen, more = names.page(rows, request, lambda replay: replay.name)
    return {"Replays": [_describe(replay) for replay in chosen], **more}


@operation(resource=by_replay)
def cancel_replay(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CancelReplay."""
    with call.write() as tx:
        replay = _find(tx, call.scope, request["ReplayName"])
        if replay.state not in ("STARTING", "RUNNING"):
            raise errors.IllegalStatusException(f"Replay {replay.name} is not in a valid state for this operation.")
        replay.state = "CANCELLING"
        REPLAYS.put(tx, call.scope, replay)
        converge.wake(tx, "events.replay", call.scope, (replay.name,), call.now())
    return {"ReplayArn": arn_of(call.scope, replay.name), "State": replay.state}
