"""Schedules: create, describe, list, update, delete."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.converge.timers import settle
from haneul.kit import schedules, tokens
from haneul.service import Call, Scope, operation
from haneul.services.scheduler.errors import errors, invalid
from haneul.services.scheduler.groups import arn_of as group_arn
from haneul.services.scheduler.groups import find, page
from haneul.services.scheduler.state import DEFAULT, SCHEDULES, Schedule
from haneul.state.store import Reader, Writer

PRECISION = 60.0
"""AWS fires within a minute of the moment: a new schedule for a moment just gone is not too late."""

_MEMBERS = (
    "ScheduleExpression",
    "StartDate",
    "EndDate",
    "Description",
    "ScheduleExpressionTimezone",
    "State",
    "KmsKeyArn",
    "Target",
    "FlexibleTimeWindow",
    "ActionAfterCompletion",
)


def arn_of(scope: Scope, group: str, name: str) -> str:
    return f"arn:aws:scheduler:{scope.region}:{scope.account}:schedule/{group}/{name}"


EARLIEST = 300.0
"""How long ago a new schedule may start, in seconds."""


def by_schedule(call: Call, request: Mapping[str, Any]) -> str:
    return arn_of(call.scope, request.get("GroupName") or DEFAULT, request["Name"])


def _settings(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a schedule is to be. Raises ValidationException."""
    settings = {name: request[name] for name in _MEMBERS if request.get(name) is not None}
    settings.setdefault("ScheduleExpressionTimezone", "UTC")
    settings.setdefault("State", "ENABLED")
    settings.setdefault("ActionAfterCompletion", "NONE")
    target = settings["Target"] = dict(settings["Target"])
    target.setdefault("RetryPolicy", {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185})
    parse(settings)
    window = settings["FlexibleTimeWindow"]
    if window["Mode"] == "FLEXIBLE" and not window.get("MaximumWindowInMinutes"):
        raise invalid("MaximumWindowInMinutes must be provided when mode is set to FLEXIBLE.")
    if window["Mode"] == "OFF" and window.get("MaximumWindowInMinutes"):
        raise invalid("MaximumWindowInMinutes must not be provided when mode is set to OFF.")
    if settings.get("StartDate") and settings.get("EndDate") and settings["StartDate"] >= settings["EndDate"]:
        raise invalid("The StartDate you specify must come before the EndDate.")
    _check_target(target)
    return settings


def _check_target(target: Mapping[str, Any]) -> None:
    arn = target["Arn"]
    parts = arn.split(":")
    if len(parts) < 6 or parts[0] != "arn":
        raise invalid(f"Provided Arn is not in correct format. Value: {arn}")
    if parts[2] == "sqs" and arn.endswith(".fifo") and not (target.get("SqsParameters") or {}).get("MessageGroupId"):
        raise invalid("SqsParameters must be provided for targets that are FIFO queues.")
    if parts[2] == "events" and not target.get("EventBridgeParameters"):
        raise invalid("EventBridgeParameters must be provided for targets that are event buses.")
    if arn.startswith("arn:aws:scheduler:::aws-sdk:") and target.get("Input"):
        try:
            json.loads(target["Input"])
        except ValueError:
            raise invalid("Invalid Input: it must be valid JSON.") from None


def parse(settings: Mapping[str, Any]) -> schedules.Schedule:
    try:
        return schedules.parse(settings["ScheduleExpression"], settings["ScheduleExpressionTimezone"], strict=False)
    except schedules.ScheduleError as error:
        if "time zone" in str(error):
            raise invalid(f"Invalid Schedule Expression Timezone {settings['ScheduleExpressionTimezone']}.") from None
        raise invalid(f"Invalid Schedule Expression {settings['ScheduleExpression']}.") from None


def plan(tx: Writer, call: Call, scope: Scope, schedule: Schedule) -> None:
    """Write a schedule with its next moment, and have it woken then."""
    late = PRECISION if schedule.created == schedule.modified else 0.0
    schedule.due, schedule.fires = following(call, schedule, call.now() - late)
    SCHEDULES.put(tx, scope, schedule)
    if schedule.fires is not None:
        converge.wake(tx, "scheduler.schedule", scope, (schedule.group, schedule.name), schedule.fires)
    else:
        settle(tx, "scheduler.schedule", scope, (schedule.group, schedule.name))


def following(call: Call, schedule: Schedule, after: float) -> tuple[float | None, float | None]:
    """The next moment, and when it really fires; None, None when there is none."""
    settings = schedule.settings
    if settings["State"] != "ENABLED":
        return None, None
    once = settings["ScheduleExpression"].startswith("at(")
    start, end = (None, None) if once else (settings.get("StartDate"), settings.get("EndDate"))
    begin = max(schedule.modified, start or 0.0)
    if not once:
        after = max(after, begin - 1e-6 if start else schedule.modified)
    due = parse(settings).next_after(after, begin)
    if due is None or (end is not None and due > end):
        return None, None
    window = settings["FlexibleTimeWindow"].get("MaximumWindowInMinutes") or 0
    spread = int(tokens.random_hex(8), 16) / 2**32 * window * 60
    return due, due + spread


@operation(resource=by_schedule)
def create_schedule(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateSchedule."""
    settings = _settings(request)
    if settings.get("StartDate") and settings["StartDate"] < call.now() - EARLIEST:
        raise invalid("The StartDate you specify cannot be earlier than 5 minutes ago.")
    group, name = request.get("GroupName") or DEFAULT, request["Name"]
    with call.write() as tx:
        find(tx, call.scope, group)
        if SCHEDULES.get(tx, call.scope, group, name) is not None:
            raise errors.ConflictException(f"Schedule {name} already exists.")
        now = call.now()
        plan(tx, call, call.scope, Schedule(group=group, name=name, settings=settings, created=now, modified=now))
    return {"ScheduleArn": arn_of(call.scope, group, name)}


def _get(tx: Reader, call: Call, request: Mapping[str, Any]) -> Schedule:
    group = request.get("GroupName") or DEFAULT
    find(tx, call.scope, group)
    schedule = SCHEDULES.get(tx, call.scope, group, request["Name"])
    if schedule is None:
        raise errors.ResourceNotFoundException(f"Schedule {request['Name']} does not exist.")
    return schedule


@operation(resource=by_schedule)
def get_schedule(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetSchedule."""
    with call.read() as tx:
        schedule = _get(tx, call, request)
    return {
        "Arn": arn_of(call.scope, schedule.group, schedule.name),
        "GroupName": schedule.group,
        "Name": schedule.name,
        "CreationDate": schedule.created,
        "LastModificationDate": schedule.modified,
        **schedule.settings,
    }


@operation(resource=by_schedule)
def update_schedule(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateSchedule: what isn't given goes back to its default."""
    settings = _settings(request)
    with call.write() as tx:
        schedule = _get(tx, call, request)
        schedule.settings, schedule.modified = settings, call.now()
        plan(tx, call, call.scope, schedule)
    return {"ScheduleArn": arn_of(call.scope, schedule.group, schedule.name)}


@operation(resource=by_schedule)
def delete_schedule(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteSchedule."""
    with call.write() as tx:
        schedule = _get(tx, call, request)
        SCHEDULES.delete(tx, call.scope, schedule.group, schedule.name)
        settle(tx, "scheduler.schedule", call.scope, (schedule.group, schedule.name))
    return {}


@operation(resource=lambda call, request: group_arn(call.scope, request.get("GroupName") or "*"))
def list_schedules(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListSchedules: of a group or of all, by prefix and state."""
    group, prefix, state = request.get("GroupName"), request.get("NamePrefix") or "", request.get("State")
    with call.read() as tx:
        if group:
            find(tx, call.scope, group)
        rows = [
            schedule
            for schedule in SCHEDULES.scan(tx, call.scope, *((group,) if group else ()))
            if schedule.name.startswith(prefix) and state in (None, schedule.settings["State"])
        ]
    chosen, more = page(rows, request, lambda schedule: f"{schedule.group}/{schedule.name}")
    listed = [
        {
            "Arn": arn_of(call.scope, row.group, row.name),
            "Name": row.name,
            "GroupName": row.group,
            "State": row.settings["State"],
            "CreationDate": row.created,
            "LastModificationDate": row.modified,
            "Target": {"Arn": row.settings["Target"]["Arn"]},
        }
        for row in chosen
    ]
    return {"Schedules": listed, **more}
