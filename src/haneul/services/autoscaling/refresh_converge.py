"""An instance refresh on its way: some instances at a time are replaced, never more than may be missing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from haneul.service import Call, Step
from haneul.services.autoscaling import launching, lifecycle, notices
from haneul.services.autoscaling.activities import sentence
from haneul.services.autoscaling.names import members_of, wake_group
from haneul.services.autoscaling.recipes import Recipe
from haneul.services.autoscaling.refreshes import reversible, told, turn_back
from haneul.services.autoscaling.selection import PENDING, TERMINATING, counts
from haneul.services.autoscaling.settings import SOURCES
from haneul.services.autoscaling.state import GROUPS, MEMBERS, REFRESHES, Group, Member, Refresh
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

LOOK = 1.0
PATIENCE = 3600.0
"""Seconds without progress before a refresh fails."""
_CAUSE = "an instance was taken out of service in response to an instance refresh."
_EVENTS = {
    "Successful": "EC2 Auto Scaling Instance Refresh Succeeded",
    "Failed": "EC2 Auto Scaling Instance Refresh Failed",
    "Cancelled": "EC2 Auto Scaling Instance Refresh Cancelled",
    "RollbackSuccessful": "EC2 Auto Scaling Instance Refresh Rollback Succeeded",
    "RollbackFailed": "EC2 Auto Scaling Instance Refresh Rollback Failed",
}


class Look:
    """One look at a refresh, with the transaction that it is written in."""

    def __init__(self, tx: Writer, call: Call, group: Group, row: Refresh) -> None:
        self.tx = tx
        self.call = call
        self.group = group
        self.row = row
        self.now = call.now()
        self.members = [one for one in members_of(tx, call.scope, group.name) if not one.warm]
        self.left = [one for one in self.members if one.id in row.old and one.state in ("InService", "Standby")]
        warmup = row.preferences.get("InstanceWarmup") or 0
        serving = [one for one in self.members if one.state == "InService"]
        self.warming = [one for one in serving if one.id not in row.old and self.now < one.served + warmup]
        self.ready = len(serving) - len(self.warming)
        self.moving = len(self.warming) + sum(1 for one in self.members if one.state in (*PENDING, *TERMINATING))
        self.moving += max(0, group.desired - len(serving) - sum(1 for one in self.members if one.state in PENDING))

    def close(self, status: str, why: str = "") -> None:
        row = self.row
        row.status, row.ended, row.reason = status, self.now, why or row.reason
        if status in ("Successful", "RollbackSuccessful"):
            row.percentage, row.left = 100, 0
        for one in self.members:
            if one.leaving == "refresh":
                one.leaving = ""
                MEMBERS.put(self.tx, self.call.scope, one)
        notices.tell_bus(self.tx, self.call.scope, self.group, _EVENTS[status], told(row))
        wake_group(self.tx, self.call.scope, self.group.name, self.now)

    def fail(self, why: str) -> None:
        row = self.row
        if row.status == "RollbackInProgress":
            self.close("RollbackFailed", why)
        elif row.preferences.get("AutoRollback") and reversible(row.desired):
            turn_back(self.tx, self.call, self.group, row, why)
        else:
            self.close("Failed", why)


def step_refresh(call: Call, row: Refresh) -> Step:
    """Bring a refresh further. EC2 and CloudWatch are asked first, then all is decided in one transaction."""
    if row.ended:
        return Step(row)
    recipe = _recipe(call, row) if not row.old and not row.total else None
    alarm = _alarm(call, row)
    with call.write() as tx:
        fresh = REFRESHES.get(tx, call.scope, row.group, row.order)
        group = GROUPS.get(tx, call.scope, row.group)
        if fresh is None or group is None or group.status:
            return Step(None if group is None else row, None)
        before = REFRESHES.packed(fresh)
        if "InstanceRefresh" not in group.suspended:
            _decide(Look(tx, call, group, fresh), recipe, alarm)
        if REFRESHES.packed(fresh) != before:
            REFRESHES.put(tx, call.scope, fresh)
    return Step(row, LOOK)


def _recipe(call: Call, row: Refresh) -> Recipe | None:
    """What instances are to be, or None when that can't be told."""
    with call.read() as tx:
        group = GROUPS.get(tx, call.scope, row.group)
    if group is None:
        return None
    try:
        return launching.recipe(call, group, row.desired if row.status == "Pending" else None)
    except AwsError:
        return None


def _alarm(call: Call, row: Refresh) -> str:
    """One of the refresh's alarms that is on."""
    names = (row.preferences.get("AlarmSpecification") or {}).get("Alarms") or []
    if not names or row.status not in ("InProgress", "Baking"):
        return ""
    answer = call.invoke("cloudwatch", "DescribeAlarms", {"AlarmNames": names, "StateValue": "ALARM"})
    return next((str(one["AlarmName"]) for one in answer.get("MetricAlarms") or ()), "")


def _decide(look: Look, recipe: Recipe | None, alarm: str) -> None:
    row = look.row
    if row.status == "Cancelling":
        if not look.moving or not row.patient:
            look.close("Cancelled")
        return
    if alarm:
        look.fail(f"The CloudWatch alarm {alarm} is in the ALARM state.")
        return
    if row.status == "Pending" or (row.status == "RollbackInProgress" and not row.total):
        _begin(look, recipe)
        return
    if row.status == "Baking":
        if look.now >= row.resting:
            _succeed(look)
        return
    _progress(look)
    if not look.left and not look.moving and not look.now < row.resting:
        _finish(look)
        return
    if look.now < row.resting:
        return
    if look.now - row.moved > PATIENCE:
        look.fail("Instances were not replaced within an hour: they are protected from scale-in, stand by, or failed "
                  "to launch.")  # fmt: skip
        return
    _replace(look)


def _begin(look: Look, recipe: Recipe | None) -> None:
    """Which instances are to be replaced."""
    row, wants = look.row, look.row.preferences
    back = row.status == "RollbackInProgress"
    found = [one for one in look.members if counts(one) or one.state == "Standby"]
    if wants.get("SkipMatching") or back:
        found = [one for one in found if recipe is None or not _matches(one, recipe)]
    if wants["ScaleInProtectedInstances"] == "Ignore":
        found = [one for one in found if not one.protected]
    if wants["StandbyInstances"] == "Ignore":
        found = [one for one in found if one.state != "Standby"]
    row.old = [one.id for one in found]
    row.total = row.left = len(found)
    row.moved = look.now
    if not back:
        row.status = "InProgress"
    row.percentage = 0
    if not found:
        _succeed(look)


def _matches(member: Member, recipe: Recipe) -> bool:
    if recipe.configuration:
        return member.configuration == recipe.configuration
    return any(member.type == one.type and member.template == dict(one.template) for one in recipe.choices)


def _progress(look: Look) -> None:
    row = look.row
    done = max(0, row.total - len(look.left) - min(look.moving, row.total - len(look.left)))
    percentage = done * 100 // row.total if row.total else 100
    if (len(look.left), percentage) != (row.left, row.percentage):
        row.moved = look.now
    row.left = len(look.left)
    row.percentage = max(row.percentage, percentage)
    points = row.preferences.get("CheckpointPercentages") or []
    if row.status == "InProgress" and row.passed < len(points) and row.percentage >= points[row.passed]:
        last = points[row.passed] == 100
        row.passed += 1
        row.resting = look.now + (0 if last else row.preferences.get("CheckpointDelay", 3600))
        row.moved = row.resting
        kind = "EC2 Auto Scaling Instance Refresh Checkpoint Reached"
        notices.tell_bus(look.tx, look.call.scope, look.group, kind, told(row))


def _finish(look: Look) -> None:
    row = look.row
    bake = row.preferences.get("BakeTime") or 0
    if bake and row.status == "InProgress":
        row.status, row.resting = "Baking", look.now + bake
        return
    _succeed(look)


def _succeed(look: Look) -> None:
    """The group is what it was refreshed to."""
    row, group = look.row, look.group
    if row.status == "RollbackInProgress":
        look.close("RollbackSuccessful")
        return
    if row.desired:
        kept = {name: value for name, value in group.settings.items() if name not in SOURCES}
        group.settings = {**kept, **row.desired}
        GROUPS.put(look.tx, look.call.scope, group)
    look.close("Successful")


def _replace(look: Look) -> None:
    """Take as many out of service as may be missing; where none may, have others come first."""
    row, wants = look.row, look.row.preferences
    free = [one for one in look.left if _may(one, row)]
    points = wants.get("CheckpointPercentages") or []
    if row.status == "InProgress" and points:
        bound = points[row.passed] if row.passed < len(points) else points[-1]
        gone = row.total - len(look.left)
        free = free[: max(0, math.ceil(row.total * bound / 100) - gone)]
        if not free and not look.moving and row.passed >= len(points):
            _finish(look)  # the last checkpoint isn't the whole group
            return
    least = math.ceil(look.group.desired * wants["MinHealthyPercentage"] / 100)
    most = look.group.desired * wants.get("MaxHealthyPercentage", 100) // 100
    if wants["MinHealthyPercentage"] == 100 or most > look.group.desired:
        _first_launch(look, free, max(1, most - look.group.desired))
        return
    room = look.ready - least
    if room <= 0 and not look.moving:
        room = 1
    for one in free[: max(0, room)]:
        lifecycle.end(look.tx, look.call, look.group, one, [sentence(look.now, _CAUSE)])
    wake_group(look.tx, look.call.scope, look.group.name, look.now)


def _may(member: Member, row: Refresh) -> bool:
    if member.state == "Standby":
        return bool(row.preferences["StandbyInstances"] == "Terminate")
    return not member.protected or row.preferences["ScaleInProtectedInstances"] == "Refresh"


def _first_launch(look: Look, free: Sequence[Member], many: int) -> None:
    """Mark those that go once another has come."""
    under_way = look.moving + sum(1 for one in look.left if one.leaving)
    for one in free:
        if one.leaving:
            continue
        if under_way >= many:
            break
        if one.state == "Standby":
            lifecycle.end(look.tx, look.call, look.group, one, [sentence(look.now, _CAUSE)])
        else:
            one.leaving, one.protected = "refresh", False
            MEMBERS.put(look.tx, look.call.scope, one)
        under_way += 1
    wake_group(look.tx, look.call.scope, look.group.name, look.now)
