"""Schedules fire when they are due, and their targets are called until they take it."""

from __future__ import annotations

import msgspec

from haneul import converge
from haneul.kit import tokens
from haneul.service import Call, Step
from haneul.services.scheduler.schedules import arn_of, following
from haneul.services.scheduler.sending import bury, fire
from haneul.services.scheduler.state import DELIVERIES, Delivery, Schedule
from haneul.wire.errors import AwsError

MAX_PAUSE = 60.0


def step_schedule(call: Call, schedule: Schedule) -> Step:
    """Fire if it is due. Moments that were slept through are fired once.

    A crash between firing and noting it fires twice: at least once."""
    now = call.now()
    if schedule.due is None or schedule.fires is None:
        return Step(schedule)
    if schedule.fires > now:
        return Step(schedule, schedule.fires - now)
    arn = arn_of(call.scope, schedule.group, schedule.name)
    delivery = Delivery(
        id=tokens.uuid(), schedule=arn, target=schedule.settings["Target"], due=schedule.due, started=now
    )
    with call.write() as tx:
        DELIVERIES.put(tx, call.scope, delivery)
        converge.wake(tx, "scheduler.delivery", call.scope, (delivery.id,), now)
    due, fires = following(call, schedule, max(now, schedule.due))
    if fires is None and schedule.settings["ActionAfterCompletion"] == "DELETE":
        return Step(None)
    return Step(msgspec.structs.replace(schedule, due=due, fires=fires), None if fires is None else fires - now)


def step_delivery(call: Call, delivery: Delivery) -> Step:
    """One try. A crash after the target took it means that it gets it again: at least once."""
    try:
        fire(call, delivery)
        return Step(None)
    except AwsError as error:
        policy = delivery.target.get("RetryPolicy") or {}
        tries, condition = delivery.tries + 1, ""
        if error.status >= 500 and error.status != 501:
            if tries > policy.get("MaximumRetryAttempts", 185):
                condition = "MaximumRetryAttempts"
            elif call.now() - delivery.started > policy.get("MaximumEventAgeInSeconds", 86_400):
                condition = "MaximumEventAgeInSeconds"
            else:
                return Step(msgspec.structs.replace(delivery, tries=tries), min(MAX_PAUSE, 2.0 ** min(tries - 1, 10)))
        bury(call, delivery, error, condition)
        return Step(None)
