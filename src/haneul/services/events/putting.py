"""Events on their way in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.events import names
from haneul.services.events.errors import invalid
from haneul.services.events.router import dispatch
from haneul.services.events.state import BUSES, DEFAULT

LIMIT = 1_048_576


@operation(resource=names.by_entries)
def put_events(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutEvents: each entry by itself is taken or refused."""
    entries = request["Entries"]
    if sum(size_of(entry) for entry in entries) > LIMIT:
        raise invalid("Total size of the entries in the request is over the limit.")
    results: list[dict[str, Any]] = []
    for entry in entries:
        problem = _problem(call, entry)
        if problem is not None:
            results.append({"ErrorCode": problem[0], "ErrorMessage": problem[1]})
            continue
        results.append({"EventId": _take(call, entry)})
    failed = sum(1 for result in results if "ErrorCode" in result)
    return {"FailedEntryCount": failed, "Entries": results}


def size_of(entry: Mapping[str, Any]) -> int:
    """An entry's size as AWS counts it."""
    size = 14 if entry.get("Time") is not None else 0
    size += sum(len(str(entry.get(name) or "").encode()) for name in ("Source", "DetailType", "Detail"))
    return size + sum(len(resource.encode()) for resource in entry.get("Resources") or ())


def _problem(call: Call, entry: Mapping[str, Any]) -> tuple[str, str] | None:
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            return "InvalidArgument", f"Parameter {name} is not valid. Reason: {name} is a required argument."
    if entry["Source"].startswith("aws.") and call.principal.kind != "service":
        return "NotAuthorizedForSourceException", "Not authorized for the source."
    try:
        detail = orjson.loads(entry["Detail"])
    except ValueError:
        detail = None
    if not isinstance(detail, dict):
        return "MalformedDetail", "Detail is malformed."
    return None


def _take(call: Call, entry: Mapping[str, Any]) -> str:
    scope, bus = names.locate_bus(call, entry.get("EventBusName"))
    identity = tokens.uuid()
    if bus != DEFAULT:
        with call.read() as tx:
            if BUSES.get(tx, scope, bus) is None:
                return identity  # AWS takes events for buses that aren't there, and drops them
    time = entry.get("Time")
    event = make_event(
        identity,
        entry["DetailType"],
        entry["Source"],
        call.account,
        call.region,
        time if time is not None else call.now(),
        list(entry.get("Resources") or ()),
        orjson.loads(entry["Detail"]),
    )
    dispatch(call, scope, bus, event)
    return identity


def make_event(
    identity: str,
    kind: str,
    source: str,
    account: str,
    region: str,
    time: float,
    resources: list[str],
    detail: dict[str, Any],
) -> dict[str, Any]:
    """An event as targets see it."""
    return {
        "version": "0",
        "id": identity,
        "detail-type": kind,
        "source": source,
        "account": account,
        "time": f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": region,
        "resources": resources,
        "detail": detail,
    }
