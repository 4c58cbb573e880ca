"""What happened to fleets: kept for two days, told by both APIs in their own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from haneul.kit import tokens
from haneul.service import Call
from haneul.services.ec2 import listing
from haneul.services.ec2.errors import missing
from haneul.services.ec2.fleets import notices
from haneul.services.ec2.fleets.state import FLEET_EVENTS, Fleet, FleetEvent
from haneul.services.ec2.instances.state import Instance
from haneul.state.store import Writer

KEPT = 48 * 3600.0
MOST = 1000
"""Records of one fleet that are kept."""
_SPOT_FLEET = {"instance-change": "instanceChange", "fleet-change": "fleetRequestChange", "service-error": "error"}


def changed(tx: Writer, call: Call, row: Fleet, subtype: str) -> None:
    """The fleet's state is another one."""
    _put(
        tx, call, FleetEvent(fleet=row.id, id=tokens.ordered_id(), at=call.now(), type="fleet-change", subtype=subtype)
    )


def failed(tx: Writer, call: Call, row: Fleet, code: str, message: str) -> None:
    """A launch was refused. The same refusal again is one record."""
    event = FleetEvent(
        fleet=row.id,
        id=f"error-{code}",
        at=call.now(),
        type="service-error",
        subtype=code,
        description=message[:1000],
    )
    _put(tx, call, event)


def launched(tx: Writer, call: Call, fleet: str, instance: Instance) -> None:
    _of_instance(tx, call, fleet, instance.id, "launched", instance)


def ended(tx: Writer, call: Call, fleet: str, identifier: str, instance: Instance | None) -> None:
    _of_instance(tx, call, fleet, identifier, "terminated", instance)


def tell(call: Call, row: Fleet, request: Mapping[str, Any], *, spot_fleet: bool) -> dict[str, Any]:
    """A page of records since StartTime, the oldest first."""
    if request.get("StartTime") is None:
        raise missing("startTime")
    with call.read() as tx:
        events = [one for one in FLEET_EVENTS.scan(tx, call.scope, row.id) if one.at >= request["StartTime"]]
    items = []
    for one in events:
        type = _SPOT_FLEET[one.type] if spot_fleet else one.type
        if request.get("EventType") not in (None, type):
            continue
        information = {
            "EventDescription": one.description or None,
            "EventSubType": one.subtype,
            "InstanceId": one.instance or None,
        }
        shown = {"EventInformation": information, "EventType": type, "Timestamp": one.at}
        items.append((f"{one.at:017.6f}{one.id}", shown))
    output = listing.paged({**request, "Filters": None}, "HistoryRecords", items, {}, (1, 1000))
    return {**output, "StartTime": request["StartTime"], "LastEvaluatedTime": call.now()}


def _of_instance(tx: Writer, call: Call, fleet: str, identifier: str, subtype: str, instance: Instance | None) -> None:
    description = ""
    if instance is not None:
        told = {
            "instanceType": instance.type,
            "image": instance.image,
            "productDescription": "Linux/UNIX",
            "availabilityZone": instance.zone,
        }
        description = orjson.dumps(told).decode()
    event = FleetEvent(
        fleet=fleet,
        id=f"{subtype}-{identifier}",
        at=call.now(),
        type="instance-change",
        subtype=subtype,
        description=description,
        instance=identifier,
    )
    _put(tx, call, event)


def _put(tx: Writer, call: Call, event: FleetEvent) -> None:
    FLEET_EVENTS.put(tx, call.scope, event)
    notices.tell(tx, call.scope, event)


def trim(tx: Writer, call: Call, fleet: str) -> None:
    """Forget what is old, and the oldest of too many."""
    events = sorted(FLEET_EVENTS.scan(tx, call.scope, fleet), key=lambda one: one.at)
    for index, one in enumerate(events):
        if one.at < call.now() - KEPT or index < len(events) - MOST:
            FLEET_EVENTS.delete(tx, call.scope, fleet, one.id)
