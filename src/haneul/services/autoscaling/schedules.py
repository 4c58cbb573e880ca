"""Scheduled actions: put, describe, delete, one or many; and their moments."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.converge import wake
from haneul.converge.timers import settle
from haneul.kit import tokens
from haneul.kit.schedules import ScheduleError
from haneul.service import Call, Step, operation
from haneul.services.autoscaling import activities, groups
from haneul.services.autoscaling.errors import errors, invalid
from haneul.services.autoscaling.listing import page
from haneul.services.autoscaling.names import by_group, group_of, scheduled_arn, wake_group
from haneul.services.autoscaling.recurrence import Recurrence
from haneul.services.autoscaling.state import GROUPS, SCHEDULED, Scheduled
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

log = logging.getLogger("haneul.autoscaling")
LIMIT, BATCH = 125, 50


@operation(resource=by_group)
def put_scheduled_update_group_action(call: Call, request: Mapping[str, Any]) -> None:
    """PutScheduledUpdateGroupAction. Raises LimitExceeded, ValidationError."""
    with call.write() as tx:
        _put(tx, call, group_of(tx, call.scope, request["AutoScalingGroupName"]).name, request)


@operation(resource=by_group)
def batch_put_scheduled_update_group_action(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """BatchPutScheduledUpdateGroupAction: those that fail are told, the others are there."""
    asked, failed = list(request["ScheduledUpdateGroupActions"]), []
    if len(asked) > BATCH:
        raise invalid(f"The number of scheduled actions exceeds the maximum of {BATCH}.")
    with call.write() as tx:
        group = group_of(tx, call.scope, request["AutoScalingGroupName"])
        for one in asked:
            try:
                _put(tx, call, group.name, one)
            except AwsError as error:
                failed.append(_failure(one["ScheduledActionName"], error))
    return {"FailedScheduledUpdateGroupActions": failed}


def _failure(name: str, error: AwsError) -> dict[str, str]:
    return {"ScheduledActionName": name, "ErrorCode": error.code, "ErrorMessage": error.message}


def _put(tx: Writer, call: Call, group: str, request: Mapping[str, Any]) -> None:
    """Write it with its first moment. Raises LimitExceeded, ValidationError."""
    known = SCHEDULED.get(tx, call.scope, group, request["ScheduledActionName"])
    if known is None and sum(1 for _ in SCHEDULED.scan(tx, call.scope, group)) >= LIMIT:
        raise errors.LimitExceeded(f"The maximum number of scheduled actions of an Auto Scaling group is {LIMIT}.")
    row = Scheduled(
        group=group,
        name=request["ScheduledActionName"],
        id=tokens.uuid() if known is None else known.id,
        start=request.get("StartTime", request.get("Time")),
        end=request.get("EndTime"),
        recurrence=request.get("Recurrence") or "",
        zone=request.get("TimeZone") or "",
        minimum=request.get("MinSize"),
        maximum=request.get("MaxSize"),
        desired=request.get("DesiredCapacity"),
    )
    _check(call, row)
    row.due = _first(call, row)
    if row.due is None:
        raise invalid("The recurrence has no moment between the start and the end time.")
    SCHEDULED.put(tx, call.scope, row)
    wake(tx, "autoscaling.scheduled", call.scope, (row.group, row.name), row.due)


def _check(call: Call, row: Scheduled) -> None:
    if row.minimum is None and row.maximum is None and row.desired is None:
        raise invalid("At least one of MinSize, MaxSize and DesiredCapacity must be specified.")
    sizes = [one for one in (row.minimum, row.desired, row.maximum) if one is not None]
    if any(one < 0 for one in sizes) or sizes != sorted(sizes):
        raise invalid("MinSize, DesiredCapacity and MaxSize must be at least 0 and in ascending order.")
    if row.start is not None and row.start < call.now() - 60:
        raise invalid("Given start time is in the past")
    if row.end is not None and row.end < call.now():
        raise invalid("Given end time is in the past")
    if row.start is not None and row.end is not None and row.end <= row.start:
        raise invalid("Given start time is after the end time")
    if row.start is None and not row.recurrence:
        raise invalid("Either StartTime or Recurrence must be specified.")
    if row.recurrence:
        try:
            Recurrence(row.recurrence, row.zone)
        except ScheduleError as error:
            if "time zone" in str(error):
                raise invalid(f"Given time zone {row.zone} is invalid") from None
            raise invalid(f"Given recurrence string:{row.recurrence} is invalid") from None
    elif row.zone:
        raise invalid("TimeZone can only be specified with a Recurrence.")


def _first(call: Call, row: Scheduled) -> float | None:
    if not row.recurrence:
        return row.start
    return _next(row, max(call.now(), (row.start or 0.0) - 1e-3))


def _next(row: Scheduled, after: float) -> float | None:
    if not row.recurrence:
        return None
    due = Recurrence(row.recurrence, row.zone).next_after(after, row.start or 0.0)
    return None if due is None or (row.end is not None and due > row.end) else due


def step_scheduled(call: Call, row: Scheduled) -> Step:
    """Its moment has come. Moments that were slept through are made up for once."""
    now = call.now()
    if row.due is None:
        return Step(None)
    if row.due > now:
        return Step(row, row.due - now)
    due = _next(row, max(now, row.due))
    with call.write() as tx:
        fresh = SCHEDULED.get(tx, call.scope, row.group, row.name)
        if fresh is None or SCHEDULED.packed(fresh) != SCHEDULED.packed(row):
            return Step(row, 0.0)
        _run(tx, call, row)
        row = msgspec.structs.replace(row, due=due)
        if due is None:  # in the transaction of its effect, so that it happens once
            SCHEDULED.delete(tx, call.scope, row.group, row.name)
            settle(tx, "autoscaling.scheduled", call.scope, (row.group, row.name))
        else:
            SCHEDULED.put(tx, call.scope, row)
            wake(tx, "autoscaling.scheduled", call.scope, (row.group, row.name), due)
    return Step(row if due is not None else None, None if due is None else due - now)


def _run(tx: Writer, call: Call, row: Scheduled) -> None:
    group = GROUPS.get(tx, call.scope, row.group)
    if group is None or group.status or "ScheduledActions" in group.suspended:
        return
    asked = {"MinSize": row.minimum, "MaxSize": row.maximum, "DesiredCapacity": row.desired}
    asked = {name: value for name, value in asked.items() if value is not None}
    try:
        groups.resize(call, group, asked, "a scheduled action update")
    except AwsError as error:
        log.info("scheduled action %s of group %s failed: %s", row.name, row.group, error.message)
        cause = activities.sentence(call.now(), f"the scheduled action {row.name} failed: {error.message}")
        what = f"Executing scheduled action {row.name}."
        failed = activities.begin(tx, call.scope, group, call.now(), what, [cause])
        activities.finish(tx, call.scope, failed, call.now(), "Failed", error.message)
        return
    GROUPS.put(tx, call.scope, group)
    wake_group(tx, call.scope, group.name, call.now())


@operation()
def describe_scheduled_actions(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeScheduledActions, by group, name and time; a recurring one's start is its next moment."""
    group, names = request.get("AutoScalingGroupName"), set(request.get("ScheduledActionNames") or ())
    low, high = request.get("StartTime"), request.get("EndTime")
    with call.read() as tx:
        if group:
            group = group_of(tx, call.scope, group, dying=True).name
        rows = [
            row
            for row in SCHEDULED.scan(tx, call.scope, *((group,) if group else ()))
            if (not names or row.name in names or scheduled_arn(call.scope, row.id, row.group, row.name) in names)
            and (low is None or (row.due or 0.0) >= low)
            and (high is None or (row.due or 0.0) <= high)
        ]

    def render(row: Scheduled) -> dict[str, Any]:
        return {
            "AutoScalingGroupName": row.group,
            "ScheduledActionName": row.name,
            "ScheduledActionARN": scheduled_arn(call.scope, row.id, row.group, row.name),
            "Time": row.due,
            "StartTime": row.due,
            "EndTime": row.end,
            "Recurrence": row.recurrence or None,
            "TimeZone": row.zone or None,
            "MinSize": row.minimum,
            "MaxSize": row.maximum,
            "DesiredCapacity": row.desired,
        }

    return page(request, "ScheduledUpdateGroupActions", rows, render)


def _delete(tx: Writer, call: Call, group: str, name: str) -> None:
    if SCHEDULED.get(tx, call.scope, group, name) is None:
        raise invalid(f"Scheduled action name not found - Scheduled action {name} not found")
    SCHEDULED.delete(tx, call.scope, group, name)
    settle(tx, "autoscaling.scheduled", call.scope, (group, name))


@operation(resource=by_group)
def delete_scheduled_action(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteScheduledAction. Raises ValidationError."""
    with call.write() as tx:
        group = group_of(tx, call.scope, request["AutoScalingGroupName"], dying=True)
        _delete(tx, call, group.name, request["ScheduledActionName"])


@operation(resource=by_group)
def batch_delete_scheduled_action(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """BatchDeleteScheduledAction: those that aren't there are told."""
    names, failed = list(request["ScheduledActionNames"]), []
    if len(names) > BATCH:
        raise invalid(f"The number of scheduled actions exceeds the maximum of {BATCH}.")
    with call.write() as tx:
        group = group_of(tx, call.scope, request["AutoScalingGroupName"], dying=True)
        for name in names:
            try:
                _delete(tx, call, group.name, name)
            except AwsError as error:
                failed.append(_failure(name, error))
    return {"FailedScheduledActions": failed}
