"""Events: what happened to instances, clusters, snapshots and groups, kept for 14 days and told to subscribers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul import events
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.rds import listing, names
from haneul.services.rds.errors import invalid, mixed
from haneul.services.rds.state import HAPPENINGS, Happening
from haneul.state.store import Writer

KEPT = 14 * 86_400
_KINDS = {
    "db-instance": ("db", ["availability", "backup", "configuration change", "creation", "deletion", "failover",
                           "failure", "low storage", "maintenance", "notification", "read replica", "recovery",
                           "restoration", "security", "security patching"]),
    "db-cluster": ("cluster", ["configuration change", "creation", "deletion", "failover", "failure", "global-failover",
                               "maintenance", "migration", "notification", "serverless"]),
    "db-snapshot": ("snapshot", ["creation", "deletion", "notification", "restoration"]),
    "db-cluster-snapshot": ("cluster-snapshot", ["backup", "creation", "deletion", "notification"]),
    "db-parameter-group": ("pg", ["configuration change"]),
    "db-security-group": ("secgrp", ["configuration change", "failure"]),
    "custom-engine-version": ("cev", ["creation", "failure", "restoring"]),
    "db-proxy": ("db-proxy", ["configuration change", "creation", "deletion", "failure"]),
    "blue-green-deployment": ("deployment", ["creation", "deletion", "failure", "notification"]),
    "db-shard-group": ("shard-group", ["maintenance", "notification"]),
    "zero-etl": ("integration", ["creation", "deletion", "failure", "notification"]),
}  # fmt: skip


def tell(
    tx: Writer, call: Call, source_type: str, source: str, message: str, *categories: str, event: str = ""
) -> None:
    """Record an event, forget those older than 14 days, and let subscribers and the bus know."""
    now = call.now()
    kind = _KINDS[source_type][0]
    row = Happening(
        at=int(now * 1000),
        number=tokens.random_hex(8),
        source_type=source_type,
        source=source,
        arn=names.arn(call.scope, kind, source),
        message=message,
        categories=list(categories),
        event=event,
    )
    HAPPENINGS.put(tx, call.scope, row)
    for old in HAPPENINGS.scan(tx, call.scope, limit=5):
        if old.at < (now - KEPT) * 1000:
            HAPPENINGS.delete(tx, call.scope, old.at, old.number)
    detail = {
        "SourceType": source_type.replace("-", "_").upper(),
        "SourceIdentifier": source,
        "SourceArn": row.arn,
        "Message": message,
        "EventCategories": list(categories),
        "EventID": event,
        "Date": now,
    }
    events.publish(tx, "rds.event", call.scope, detail)


@operation()
def describe_events(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeEvents: of the last hour unless told otherwise, of the last 14 days at most."""
    kind, source = request.get("SourceType"), request.get("SourceIdentifier")
    if source and not kind:
        raise mixed("SourceType must be provided when SourceIdentifier is provided.")
    if kind is not None and kind not in _KINDS:
        raise invalid(f"Invalid source type: {kind}")
    listing.filters(request, ())
    begin, end = _span(call, request)
    wanted = set(request.get("EventCategories") or ())
    with call.read() as tx:
        found = [
            row
            for row in HAPPENINGS.scan(tx, call.scope)
            if begin * 1000 <= row.at <= end * 1000
            and (kind is None or row.source_type == kind)
            and (not source or row.source == source.lower())
            and (not wanted or wanted & set(row.categories))
        ]
    return listing.page(request, "Events", found, lambda row: f"{row.at:015}{row.number}", _render)


def _span(call: Call, request: Mapping[str, Any]) -> tuple[float, float]:
    now = call.now()
    duration = request.get("Duration")
    if duration is not None:
        begin = request.get("StartTime", now - duration * 60)
        return begin, begin + duration * 60
    begin, end = request.get("StartTime"), request.get("EndTime")
    if begin is None:
        return (now - 3600 if end is None else end - 3600), (now + 1 if end is None else end)
    if end is not None and end < begin:
        raise mixed("The specified end time is before the start time.")
    return begin, now + 1 if end is None else end


@operation()
def describe_event_categories(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeEventCategories."""
    kind = request.get("SourceType")
    if kind is not None and kind not in _KINDS:
        raise invalid(f"Invalid source type: {kind}")
    listing.filters(request, ())
    return {
        "EventCategoriesMapList": [
            {"SourceType": name, "EventCategories": categories}
            for name, (_, categories) in sorted(_KINDS.items())
            if kind in (None, name)
        ]
    }


def categories(kind: str) -> list[str] | None:
    found = _KINDS.get(kind)
    return None if found is None else found[1]


def _render(row: Happening) -> dict[str, Any]:
    return {
        "SourceIdentifier": row.source,
        "SourceType": row.source_type,
        "Message": row.message,
        "EventCategories": row.categories,
        "Date": row.at / 1000,
        "SourceArn": row.arn,
    }
