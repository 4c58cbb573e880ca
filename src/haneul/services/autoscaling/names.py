"""ARNs, and finding what a request names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call, Scope
from haneul.services.autoscaling.errors import errors, no_group, no_instance
from haneul.services.autoscaling.state import CONFIGURATIONS, GROUPS, MEMBERS, Configuration, Group, Member
from haneul.state.store import Reader, Writer

DELETING = "Delete in progress"
ROLE = "aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"


def _arn(scope: Scope, rest: str) -> str:
    return f"arn:aws:autoscaling:{scope.region}:{scope.account}:{rest}"


def group_arn(scope: Scope, group: Group) -> str:
    return _arn(scope, f"autoScalingGroup:{group.id}:autoScalingGroupName/{group.name}")


def configuration_arn(scope: Scope, row: Configuration) -> str:
    return _arn(scope, f"launchConfiguration:{row.id}:launchConfigurationName/{row.name}")


def policy_arn(scope: Scope, identifier: str, group: str, name: str) -> str:
    return _arn(scope, f"scalingPolicy:{identifier}:autoScalingGroupName/{group}:policyName/{name}")


def scheduled_arn(scope: Scope, identifier: str, group: str, name: str) -> str:
    return _arn(
        scope, f"scheduledUpdateGroupAction:{identifier}:autoScalingGroupName/{group}:scheduledActionName/{name}"
    )


def role_arn(account: str) -> str:
    return f"arn:aws:iam::{account}:role/{ROLE}"


def by_group(call: Call, request: Mapping[str, Any]) -> str:
    """The ARN of the group that a request names; with any id for one that isn't there."""
    name = request.get("AutoScalingGroupName") or "*"
    name = name.rpartition("autoScalingGroupName/")[2] or name
    with call.read() as tx:
        group = GROUPS.get(tx, call.scope, name)
    if group is not None:
        return group_arn(call.scope, group)
    return _arn(call.scope, f"autoScalingGroup:*:autoScalingGroupName/{name}")


def by_configuration(call: Call, request: Mapping[str, Any]) -> str:
    name = request["LaunchConfigurationName"]
    with call.read() as tx:
        row = CONFIGURATIONS.get(tx, call.scope, name)
    if row is not None:
        return configuration_arn(call.scope, row)
    return _arn(call.scope, f"launchConfiguration:*:launchConfigurationName/{name}")


def by_instance(call: Call, request: Mapping[str, Any]) -> str:
    """The ARN of the group whose instance a request names."""
    if request.get("AutoScalingGroupName"):
        return by_group(call, request)
    with call.read() as tx:
        member = member_of(tx, call.scope, request.get("InstanceId") or "")
        group = None if member is None else GROUPS.get(tx, call.scope, member.group)
    if group is not None:
        return group_arn(call.scope, group)
    return _arn(call.scope, "autoScalingGroup:*:autoScalingGroupName/*")


def group_of(tx: Reader, scope: Scope, name: str, *, dying: bool = False, missing: str = "") -> Group:
    """The group by its name, or its ARN. Raises ValidationError; ScalingActivityInProgress for one that is being
    deleted, unless that is welcome. missing: what AWS says instead of the name of one that isn't there."""
    if name.startswith("arn:"):
        name = name.rpartition("autoScalingGroupName/")[2]
    group = GROUPS.get(tx, scope, name)
    if group is None:
        raise no_group(name, missing)
    if group.status and not dying:
        raise errors.ScalingActivityInProgress(f"AutoScalingGroup {name} is pending delete")
    return group


def members_of(tx: Reader, scope: Scope, group: str) -> list[Member]:
    """A group's instances, those of its warm pool too, the oldest first."""
    return list(MEMBERS.scan(tx, scope, group))


def member_of(tx: Reader, scope: Scope, instance: str) -> Member | None:
    """Whatever group the instance is in."""
    if not instance:
        return None
    return next((one for one in MEMBERS.scan(tx, scope) if one.instance == instance), None)


def managed(tx: Reader, scope: Scope, instance: str) -> Member:
    """Raises ValidationError when no group has the instance."""
    member = member_of(tx, scope, instance)
    if member is None:
        raise no_instance(instance)
    return member


def wake_group(tx: Writer, scope: Scope, name: str, now: float) -> None:
    wake(tx, "autoscaling.group", scope, (name,), now)


def wake_member(tx: Writer, scope: Scope, member: Member, now: float) -> None:
    wake(tx, "autoscaling.member", scope, (member.group, member.id), now)
