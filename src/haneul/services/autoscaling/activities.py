"""Scaling activities: what was done to a group, why, and what came of it; told for six weeks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from haneul.kit import tokens
from haneul.kit.instants import iso8601
from haneul.service import Call, Scope, operation
from haneul.services.autoscaling.errors import invalid
from haneul.services.autoscaling.listing import page
from haneul.services.autoscaling.names import DELETING, group_arn
from haneul.services.autoscaling.state import ACTIVITIES, GROUPS, Activity, Group, Member
from haneul.state.store import Reader, Writer

KEPT = 42 * 86_400.0
_FILTERS = ("StartTimeLowerBound", "StartTimeUpperBound", "Status")


def sentence(now: float, text: str) -> str:
    """A cause: when, and what."""
    return f"At {iso8601(now)[:19]}Z {text}"


def begin(
    tx: Writer,
    scope: Scope,
    group: Group,
    now: float,
    description: str,
    causes: Sequence[str],
    member: Member | None = None,
    progress: int = 0,
    status: str = "InProgress",
) -> Activity:
    """A new activity, written; the member (if any) is not."""
    details: dict[str, Any] = {}
    if member is not None:
        details = {"Subnet ID": member.subnet} if member.subnet else {}
        details |= {"Availability Zone": member.zone}
    row = Activity(
        group=group.name,
        order=tokens.ordered_id(),
        id=tokens.uuid(),
        arn=group_arn(scope, group),
        description=description,
        cause="  ".join(causes)[:1023],
        started=now,
        progress=progress,
        status=status,
        details=details,
    )
    ACTIVITIES.put(tx, scope, row)
    if member is not None:
        member.activity = row.order
    for old in list(ACTIVITIES.scan(tx, scope, group.name, limit=3)):
        if old.started < now - KEPT:
            ACTIVITIES.delete(tx, scope, old.group, old.order)
    return row


def of(tx: Reader, scope: Scope, member: Member) -> Activity | None:
    """The activity that the member is part of now."""
    return ACTIVITIES.get(tx, scope, member.group, member.activity) if member.activity else None


def finish(tx: Writer, scope: Scope, row: Activity, now: float, status: str = "Successful", message: str = "") -> None:
    row.status, row.message, row.ended, row.progress = status, message[:255], now, 100
    ACTIVITIES.put(tx, scope, row)


def describe(group_state: str, row: Activity) -> dict[str, Any]:
    """An activity as every answer shows it."""
    return {
        "ActivityId": row.id,
        "AutoScalingGroupName": row.group,
        "AutoScalingGroupARN": row.arn,
        "AutoScalingGroupState": group_state or None,
        "Description": row.description,
        "Cause": row.cause,
        "StartTime": row.started,
        "EndTime": row.ended or None,
        "StatusCode": row.status,
        "StatusMessage": row.message or None,
        "Progress": row.progress,
        "Details": orjson.dumps(row.details).decode(),
    }


@operation()
def describe_scaling_activities(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeScalingActivities, the newest first; of deleted groups when asked for."""
    name, wanted = request.get("AutoScalingGroupName"), set(request.get("ActivityIds") or ())
    if name and name.startswith("arn:"):
        name = name.rpartition("autoScalingGroupName/")[2]
    deleted = bool(request.get("IncludeDeletedGroups"))
    bounds = _filters(request)
    since = call.now() - KEPT
    with call.read() as tx:
        groups = {group_arn(call.scope, one): one for one in GROUPS.scan(tx, call.scope)}
        if name and not deleted and all(one.name != name for one in groups.values()):
            raise invalid(f"AutoScalingGroup name not found - AutoScalingGroup {name} not found")
        rows = [
            row
            for row in ACTIVITIES.scan(tx, call.scope, *((name,) if name else ()))
            if row.started >= since
            and (not wanted or row.id in wanted)
            and (deleted or row.arn in groups)
            and _within(row, bounds)
        ]
    rows.sort(key=lambda row: row.order, reverse=True)

    def render(row: Activity) -> dict[str, Any]:
        group = groups.get(row.arn)
        return describe("Deleted" if group is None else "" if group.status != DELETING else "Deleting", row)

    return page(request, "Activities", rows, render, usual=100)


def _filters(request: Mapping[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in request.get("Filters") or ():
        if one.get("Name") not in _FILTERS:
            raise invalid(f"Filter name {one.get('Name')} is not valid. Valid filter names are {list(_FILTERS)}.")
        found[one["Name"]] = list(one.get("Values") or ())
    return found


def _within(row: Activity, bounds: Mapping[str, list[str]]) -> bool:
    moment = iso8601(row.started)[:19]
    low, high = bounds.get("StartTimeLowerBound"), bounds.get("StartTimeUpperBound")
    if (low and moment < low[0][:19]) or (high and moment > high[0][:19]):
        return False
    return "Status" not in bounds or row.status in bounds["Status"]
