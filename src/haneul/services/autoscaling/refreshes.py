"""Instance refreshes: start, cancel, roll back, describe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.autoscaling import notices, settings
from haneul.services.autoscaling.errors import errors, invalid, not_here
from haneul.services.autoscaling.listing import page
from haneul.services.autoscaling.names import by_group, group_of
from haneul.services.autoscaling.refreshing import ACTIVE, active
from haneul.services.autoscaling.state import REFRESHES, Group, Refresh
from haneul.state.store import Reader, Writer

KEPT = 42 * 86_400.0
_SHOWN = (
    "MinHealthyPercentage",
    "MaxHealthyPercentage",
    "InstanceWarmup",
    "CheckpointPercentages",
    "CheckpointDelay",
    "SkipMatching",
    "AutoRollback",
    "ScaleInProtectedInstances",
    "StandbyInstances",
    "AlarmSpecification",
    "BakeTime",
)


@operation(resource=by_group)
async def start_instance_refresh(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """StartInstanceRefresh. Raises InstanceRefreshInProgress, ValidationError."""
    if request.get("Strategy") == "ReplaceRootVolume":
        raise not_here("The strategy ReplaceRootVolume")
    asked = dict(request.get("Preferences") or {})
    desired = dict(request.get("DesiredConfiguration") or {})
    if settings.one_source(desired):
        name = settings.one_source(desired)
        desired = {name: await settings.resolved(call, name, desired[name])}
    else:
        desired = {}
    _check(asked, desired)

    def start(tx: Writer) -> Refresh:
        group = group_of(tx, call.scope, request["AutoScalingGroupName"])
        if active(tx, call, group.name) is not None:
            raise errors.InstanceRefreshInProgress(
                "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh."
            )
        row = Refresh(
            group=group.name,
            order=tokens.ordered_id(),
            id=tokens.uuid(),
            status="Pending",
            started=call.now(),
            moved=call.now(),
            asked=asked,
            preferences=_preferences(group, asked),
            desired=desired,
        )
        for old in list(REFRESHES.scan(tx, call.scope, group.name, limit=3)):
            if old.started < call.now() - KEPT:
                REFRESHES.delete(tx, call.scope, old.group, old.order)
        REFRESHES.put(tx, call.scope, row)
        notices.tell_bus(tx, call.scope, group, "EC2 Auto Scaling Instance Refresh Started", told(row))
        wake(tx, "autoscaling.refresh", call.scope, (row.group, row.order), call.now())
        return row

    return {"InstanceRefreshId": (await call.transact(start)).id}


def told(row: Refresh) -> dict[str, Any]:
    """What EventBridge hears of a refresh."""
    return {"InstanceRefreshId": row.id, "AutoScalingGroupName": row.group}


def _check(asked: Mapping[str, Any], desired: Mapping[str, Any]) -> None:
    points = asked.get("CheckpointPercentages") or []
    if points != sorted(set(points)):
        raise invalid("CheckpointPercentages must be unique and in ascending order.")
    if asked.get("CheckpointDelay") is not None and not points:
        raise invalid("CheckpointDelay can only be specified with CheckpointPercentages.")
    most = asked.get("MaxHealthyPercentage")
    if most is not None and asked.get("MinHealthyPercentage") is None:
        raise invalid("MinHealthyPercentage must be specified with MaxHealthyPercentage.")
    if most is not None and most - asked["MinHealthyPercentage"] > 100:
        raise invalid("The difference between MaxHealthyPercentage and MinHealthyPercentage must be at most 100.")
    if asked.get("AutoRollback") and not reversible(desired):
        raise invalid(
            "AutoRollback requires a desired configuration, with a launch template version that is not $Latest or "
            "$Default."
        )


def reversible(desired: Mapping[str, Any]) -> bool:
    """Whether there is something to go back from."""
    inner = (desired.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    template = desired.get("LaunchTemplate") or inner.get("LaunchTemplateSpecification") or {}
    return bool(template) and template.get("Version", "$Default") not in ("$Latest", "$Default")


def _preferences(group: Group, asked: Mapping[str, Any]) -> dict[str, Any]:
    """All of them: as given, by the group's maintenance policy, or AWS's defaults."""
    policy = group.settings.get("InstanceMaintenancePolicy") or {}
    usual = {
        "MinHealthyPercentage": policy.get("MinHealthyPercentage", 90),
        "MaxHealthyPercentage": policy.get("MaxHealthyPercentage", 100),
        "InstanceWarmup": group.settings.get("DefaultInstanceWarmup", group.settings.get("HealthCheckGracePeriod", 0)),
        "SkipMatching": False,
        "AutoRollback": False,
        "ScaleInProtectedInstances": "Wait",
        "StandbyInstances": "Wait",
    }
    if asked.get("CheckpointPercentages"):
        usual["CheckpointDelay"] = 3600
    return {**usual, **asked}


def _active(tx: Reader, call: Call, group: Group) -> Refresh:
    row = active(tx, call, group.name)
    if row is None or row.status == "Cancelling":
        raise errors.ActiveInstanceRefreshNotFound(
            f"No in progress or pending Instance Refresh found for Auto Scaling group {group.name}"
        )
    return row


@operation(resource=by_group)
def cancel_instance_refresh(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CancelInstanceRefresh: what was replaced stays so. Raises ActiveInstanceRefreshNotFound, ValidationError."""
    with call.write() as tx:
        group = group_of(tx, call.scope, request["AutoScalingGroupName"])
        row = _active(tx, call, group)
        row.status, row.reason = "Cancelling", "Cancelled due to user request."
        row.patient = bool(request.get("WaitForTransitioningInstances", True))
        REFRESHES.put(tx, call.scope, row)
        wake(tx, "autoscaling.refresh", call.scope, (row.group, row.order), call.now())
    return {"InstanceRefreshId": row.id}


@operation(resource=by_group)
def rollback_instance_refresh(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RollbackInstanceRefresh: what was replaced is replaced again. Raises ActiveInstanceRefreshNotFound,
    IrreversibleInstanceRefresh, ValidationError."""
    with call.write() as tx:
        group = group_of(tx, call.scope, request["AutoScalingGroupName"])
        row = _active(tx, call, group)
        if row.status == "RollbackInProgress" or not reversible(row.desired):
            raise errors.IrreversibleInstanceRefresh(
                "The instance refresh can't be rolled back: it has no desired configuration, or one with the version "
                "$Latest or $Default, or it is being rolled back."
            )
        turn_back(tx, call, group, row, "Rollback due to user request.")
    return {"InstanceRefreshId": row.id}


def turn_back(tx: Writer, call: Call, group: Group, row: Refresh, why: str) -> None:
    """From now on, what was replaced is to be replaced by what there was before."""
    row.status, row.reason = "RollbackInProgress", why
    row.rollback = {
        "RollbackReason": why,
        "RollbackStartTime": call.now(),
        "PercentageCompleteOnRollback": row.percentage,
        "InstancesToUpdateOnRollback": row.left,
    }
    row.old, row.total, row.resting, row.moved = [], 0, 0.0, call.now()
    REFRESHES.put(tx, call.scope, row)
    kind = "EC2 Auto Scaling Instance Refresh Rollback Started"
    notices.tell_bus(tx, call.scope, group, kind, told(row))
    wake(tx, "autoscaling.refresh", call.scope, (row.group, row.order), call.now())


@operation()
def describe_instance_refreshes(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeInstanceRefreshes of the last six weeks, the newest first. Raises ValidationError."""
    wanted = set(request.get("InstanceRefreshIds") or ())
    with call.read() as tx:
        group = group_of(tx, call.scope, request["AutoScalingGroupName"], dying=True)
        rows = [
            row
            for row in REFRESHES.scan(tx, call.scope, group.name, reverse=True)
            if (not wanted or row.id in wanted) and row.started >= call.now() - KEPT
        ]
    return page(request, "InstanceRefreshes", rows, _describe)


def _describe(row: Refresh) -> dict[str, Any]:
    desired = row.desired or None
    return {
        "InstanceRefreshId": row.id,
        "AutoScalingGroupName": row.group,
        "Status": row.status,
        "StatusReason": row.reason or None,
        "StartTime": row.started,
        "EndTime": row.ended or None,
        "PercentageComplete": row.percentage,
        "InstancesToUpdate": row.left,
        "Strategy": "Rolling",
        "Preferences": {
            name: row.preferences.get(name)
            for name in _SHOWN
            if name in row.asked or name not in ("MaxHealthyPercentage", "InstanceWarmup")
        },
        "DesiredConfiguration": desired,
        "RollbackDetails": row.rollback or None,
        "ProgressDetails": {"LivePoolProgress": {"PercentageComplete": row.percentage, "InstancesToUpdate": row.left}}
        if row.status in ACTIVE
        else None,
    }
