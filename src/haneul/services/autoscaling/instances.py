"""Instances of groups: describe, health, protection, termination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haneul.service import Call, operation
from haneul.services.autoscaling import activities, describing, health, lifecycle
from haneul.services.autoscaling.activities import sentence
from haneul.services.autoscaling.errors import errors, invalid, not_member
from haneul.services.autoscaling.listing import page
from haneul.services.autoscaling.names import by_group, by_instance, group_of, managed, members_of, wake_group
from haneul.services.autoscaling.selection import capacity, counts
from haneul.services.autoscaling.state import GROUPS, MEMBERS, Group, Member
from haneul.state.store import Reader

LIMIT = 50


@operation()
def describe_auto_scaling_instances(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeAutoScalingInstances, those of warm pools too; ids that no group has are passed over."""
    wanted = set(request.get("InstanceIds") or ())
    if len(wanted) > LIMIT:
        raise invalid(f"The number of instances exceeds the maximum of {LIMIT}.")
    with call.read() as tx:
        rows = [one for one in MEMBERS.scan(tx, call.scope) if one.instance and (not wanted or one.instance in wanted)]
    rows.sort(key=lambda one: one.instance)

    def render(row: Member) -> dict[str, Any]:
        return {**describing.instance(row), "AutoScalingGroupName": row.group, "HealthStatus": row.health.upper()}

    return page(request, "AutoScalingInstances", rows, render, most=LIMIT)


@operation(resource=by_instance)
def set_instance_health(call: Call, request: Mapping[str, Any]) -> None:
    """SetInstanceHealth: an unhealthy one is replaced. Raises ValidationError."""
    status = request["HealthStatus"]
    if status not in ("Healthy", "Unhealthy"):
        raise invalid(f"Valid instance health states are: [Healthy, Unhealthy], not {status}.")
    with call.write() as tx:
        row = managed(tx, call.scope, request["InstanceId"])
        group = group_of(tx, call.scope, row.group)
        grace = group.settings.get("HealthCheckGracePeriod", 0)
        young = row.state == "InService" and call.now() < row.served + grace
        if status == "Unhealthy" and young and request.get("ShouldRespectGracePeriod", True):
            return
        row.health, row.illness = status, health.USER if status == "Unhealthy" else ""
        MEMBERS.put(tx, call.scope, row)
        wake_group(tx, call.scope, row.group, call.now())


@operation(resource=by_group)
def set_instance_protection(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """SetInstanceProtection. Raises LimitExceeded, ValidationError."""
    wanted = list(dict.fromkeys(request["InstanceIds"]))
    if len(wanted) > LIMIT:
        raise errors.LimitExceeded(f"The number of instances exceeds the maximum of {LIMIT}.")
    with call.write() as tx:
        group = group_of(tx, call.scope, request["AutoScalingGroupName"])
        for row in chosen(tx, call, group, wanted):
            if not counts(row) and row.state not in ("Standby", "EnteringStandby") and not row.warm:
                raise invalid(f"The instance {row.instance} is not in InService or EnteringStandby or Standby.")
            row.protected = request["ProtectedFromScaleIn"]
            MEMBERS.put(tx, call.scope, row)
        wake_group(tx, call.scope, group.name, call.now())
    return {}


def chosen(tx: Reader, call: Call, group: Group, wanted: Sequence[str]) -> list[Member]:
    """The group's members by instance id, in the order asked for. Raises ValidationError."""
    held = {one.instance: one for one in members_of(tx, call.scope, group.name) if one.instance}
    for identifier in wanted:
        if identifier not in held:
            raise not_member(identifier, group.name)
    return [held[identifier] for identifier in wanted]


@operation(resource=by_instance)
def terminate_instance_in_auto_scaling_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """TerminateInstanceInAutoScalingGroup: replaced, unless the desired capacity is to shrink. Raises
    ValidationError, ScalingActivityInProgress."""
    less = request["ShouldDecrementDesiredCapacity"]
    wanted = list(dict.fromkeys(request.get("InstanceIds") or ()))
    if bool(wanted) == bool(request.get("InstanceId")):
        raise invalid("Exactly one of InstanceId and InstanceIds must be specified.")
    if wanted and not request.get("AutoScalingGroupName"):
        raise invalid("AutoScalingGroupName must be specified when using InstanceIds.")
    with call.write() as tx:
        if wanted:
            group = group_of(tx, call.scope, request["AutoScalingGroupName"])
            rows = chosen(tx, call, group, wanted)
        else:
            rows = [managed(tx, call.scope, request["InstanceId"])]
            group = group_of(tx, call.scope, rows[0].group)
        told = []
        for row in rows:
            if "Terminating" in row.state and not row.state.endswith(":Retained"):
                raise errors.ScalingActivityInProgress(f"Instance {row.instance} is already being terminated.")
            shrinks = less and (counts(row) or row.state == "Standby") and not row.state.startswith("Warmed")
            cause = f"instance {row.instance} was taken out of service in response to a user request"
            if shrinks and row.state != "Standby":
                actual = capacity(members_of(tx, call.scope, group.name))
                decrement(group, row.weight)
                cause += f", shrinking the capacity from {actual} to {actual - row.weight}"
            lifecycle.end(tx, call, group, row, [sentence(call.now(), f"{cause}.")],
                          hooked=row.state.endswith(":Retained"))  # fmt: skip
            activity = activities.of(tx, call.scope, row)
            assert activity is not None
            told.append(activities.describe(group.status, activity))
        GROUPS.put(tx, call.scope, group)
        wake_group(tx, call.scope, group.name, call.now())
    return {"Activities": told} if wanted else {"Activity": told[0]}


def decrement(group: Group, weight: int) -> None:
    """Raises ValidationError when the group would get smaller than it may."""
    if group.desired - weight < group.minimum:
        raise invalid(
            f"Currently, desiredSize equals minSize ({group.minimum}). Terminating instance without replacement will "
            f"violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower "
            "group's min size."
        )
    group.desired -= weight
