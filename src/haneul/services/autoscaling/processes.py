"""Processes of a group that can be suspended and resumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.autoscaling.errors import errors, invalid
from haneul.services.autoscaling.names import by_group, group_of, wake_group
from haneul.services.autoscaling.state import GROUPS, Group

PROCESSES = (
    "AZRebalance",
    "AddToLoadBalancer",
    "AlarmNotification",
    "HealthCheck",
    "InstanceRefresh",
    "Launch",
    "ReplaceUnhealthy",
    "ScheduledActions",
    "Terminate",
)


def _named(request: Mapping[str, Any]) -> list[str]:
    named = list(request.get("ScalingProcesses") or PROCESSES)
    wrong = [one for one in named if one not in PROCESSES]
    if wrong:
        raise invalid(f"{wrong[0]} is not a valid scaling process. Valid values are {list(PROCESSES)}.")
    return named


@operation(resource=by_group)
def suspend_processes(call: Call, request: Mapping[str, Any]) -> None:
    """SuspendProcesses: those named, or all. Raises ValidationError."""
    named = _named(request)
    with call.write() as tx:
        row = _found(call, tx, request)
        why = "User suspended at " + _moment(call)
        row.suspended = {**row.suspended, **{one: row.suspended.get(one) or why for one in named}}
        GROUPS.put(tx, call.scope, row)


@operation(resource=by_group)
def resume_processes(call: Call, request: Mapping[str, Any]) -> None:
    """ResumeProcesses: those named, or all. Raises ValidationError."""
    named = _named(request)
    with call.write() as tx:
        row = _found(call, tx, request)
        row.suspended = {name: why for name, why in row.suspended.items() if name not in named}
        GROUPS.put(tx, call.scope, row)
        wake_group(tx, call.scope, row.name, call.now())


def _found(call: Call, tx: Any, request: Mapping[str, Any]) -> Group:
    row = group_of(tx, call.scope, request["AutoScalingGroupName"], dying=True)
    if row.status:
        raise errors.ResourceInUse(f"AutoScalingGroup {row.name} is pending delete")
    return row


def _moment(call: Call) -> str:
    from haneul.kit.instants import iso8601

    return iso8601(call.now())[:19] + "Z"


@operation()
def describe_scaling_process_types(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeScalingProcessTypes."""
    return {"Processes": [{"ProcessName": one} for one in PROCESSES]}
