"""How many instances a group is to have, when a user says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.autoscaling import patience
from haneul.services.autoscaling.activities import sentence
from haneul.services.autoscaling.errors import errors, invalid
from haneul.services.autoscaling.names import by_group, group_of, members_of, wake_group
from haneul.services.autoscaling.selection import PENDING, TERMINATING
from haneul.services.autoscaling.state import ACTIVITIES, GROUPS, Group
from haneul.state.store import Reader, Writer


@operation(resource=by_group)
async def set_desired_capacity(call: Call, request: Mapping[str, Any]) -> None:
    """SetDesiredCapacity. Raises ScalingActivityInProgress when the cooldown is to be honoured, ValidationError."""
    desired = request["DesiredCapacity"]

    def resize(tx: Writer) -> None:
        row = group_of(tx, call.scope, request["AutoScalingGroupName"])
        if desired < row.minimum:
            raise invalid(
                f"New SetDesiredCapacity value {desired} is below min value {row.minimum} for the AutoScalingGroup."
            )
        if desired > row.maximum:
            raise invalid(
                f"New SetDesiredCapacity value {desired} is above max value {row.maximum} for the AutoScalingGroup."
            )
        if request.get("HonorCooldown"):
            honour_cooldown(tx, call, row)
        change(row, desired, call.now(), "a user request explicitly set group desired capacity")
        GROUPS.put(tx, call.scope, row)
        wake_group(tx, call.scope, row.name, call.now())

    await call.transact(resize)
    await patience.begun(call, request["AutoScalingGroupName"])


def change(row: Group, desired: int, now: float, who: str) -> None:
    """Another desired capacity, and the sentence that tells why; the group isn't written."""
    if desired == row.desired:
        return
    cause = f"{who} changing the desired capacity from {row.desired} to {desired}."
    row.causes = [*row.causes[-3:], sentence(now, cause)]
    row.desired, row.paused, row.failures, row.rest = desired, 0.0, 0, None


def cool(row: Group, now: float) -> None:
    """The cooldown begins with the end of what was under way."""
    seconds = row.settings.get("DefaultCooldown", 300) if row.rest is None else row.rest
    row.cooled = max(row.cooled, now + seconds)


def honour_cooldown(tx: Reader, call: Call, row: Group) -> None:
    """Raises ScalingActivityInProgress while instances come or go, or the cooldown lasts."""
    moving = [
        one for one in members_of(tx, call.scope, row.name) if not one.warm and one.state in (*PENDING, *TERMINATING)
    ]
    if moving or call.now() < row.cooled:
        last = next(ACTIVITIES.scan(tx, call.scope, row.name, reverse=True, limit=1), None)
        name = last.id if last is not None else row.id
        raise errors.ScalingActivityInProgress(f"Scaling activity {name} is in progress and blocks this action")
