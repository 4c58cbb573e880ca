"""Instances that come to a group, leave it, or stand by: attach, detach, enter and exit standby."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.autoscaling import activities
from haneul.services.autoscaling.activities import sentence
from haneul.services.autoscaling.errors import errors, invalid
from haneul.services.autoscaling.instances import chosen
from haneul.services.autoscaling.launching import TAG
from haneul.services.autoscaling.names import by_group, group_of, member_of, members_of, wake_group, wake_member
from haneul.services.autoscaling.neighbours import ask
from haneul.services.autoscaling.selection import capacity
from haneul.services.autoscaling.state import GROUPS, MEMBERS, Group, Member
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

LIMIT = 20


def _wanted(request: Mapping[str, Any]) -> list[str]:
    wanted = list(dict.fromkeys(request.get("InstanceIds") or ()))
    if not wanted:
        raise invalid("At least one instance must be specified.")
    if len(wanted) > LIMIT:
        raise invalid(f"The number of instances exceeds the maximum of {LIMIT}.")
    return wanted


@operation(resource=by_group)
async def attach_instances(call: Call, request: Mapping[str, Any]) -> None:
    """AttachInstances: running ones of the group's zones; the desired capacity grows with them. Raises
    ValidationError."""
    wanted = _wanted(request)
    with call.read() as tx:
        _may_attach(tx, call, request["AutoScalingGroupName"], wanted)
    try:
        answer = await ask(call, "ec2", "DescribeInstances", {"InstanceIds": wanted})
    except AwsError as error:
        raise invalid(f"Invalid Instance ID(s): {wanted}. {error.message}") from None
    shown = {one["InstanceId"]: one for part in answer["Reservations"] for one in part["Instances"]}

    def attach(tx: Writer) -> None:
        group = _may_attach(tx, call, request["AutoScalingGroupName"], wanted)
        for identifier in wanted:
            _attach(tx, call, group, shown[identifier])
        GROUPS.put(tx, call.scope, group)
        wake_group(tx, call.scope, group.name, call.now())

    await call.transact(attach)
    await ask(call, "ec2", "CreateTags", {
        "Resources": wanted, "Tags": [{"Key": TAG, "Value": request["AutoScalingGroupName"]}]})  # fmt: skip


def _may_attach(tx: Reader, call: Call, name: str, wanted: Sequence[str]) -> Group:
    group = group_of(tx, call.scope, name)
    for identifier in wanted:
        other = member_of(tx, call.scope, identifier)
        if other is not None:
            raise invalid(
                f"Invalid Instance ID(s): [{identifier}]. Instance {identifier} is already part of "
                f"AutoScalingGroup:{other.group} with lifecycle state {other.state}."
            )
    if group.desired + len(wanted) > group.maximum:
        raise invalid(
            f"Attaching the following instances: [{', '.join(wanted)}] to AutoScalingGroup:{group.name} would violate "
            f"group's max size constraint ({group.maximum}). Either detach some instances or increase the max size."
        )
    return group


def _attach(tx: Writer, call: Call, group: Group, shown: Mapping[str, Any]) -> None:
    identifier, zone = shown["InstanceId"], shown["Placement"]["AvailabilityZone"]
    if shown["State"]["Name"] != "running":
        raise invalid(
            f"Invalid Instance ID(s): [{identifier}]. Instance {identifier} is not in correct state. Instance(s) must "
            "be in running state."
        )
    if zone not in group.zones:
        raise invalid(
            f"Instance {identifier} is in the Availability Zone {zone}, which is not one of AutoScalingGroup:"
            f"{group.name}'s: {group.zones}."
        )
    now = call.now()
    row = Member(
        group=group.name,
        id=tokens.ordered_id(),
        state="Pending",
        zone=zone,
        subnet=shown.get("SubnetId") or "",
        created=now,
        entered=now,
        instance=identifier,
        type=shown["InstanceType"],
        image=shown.get("ImageId") or "",
        protected=bool(group.settings.get("NewInstancesProtectedFromScaleIn")),
    )
    group.desired += 1
    cause = f"an instance was attached in response to user request. Keeping the capacity at the new {group.desired}."
    what = f"Attaching an existing EC2 instance: {identifier}"
    activities.begin(tx, call.scope, group, now, what, [sentence(now, cause)], row, 50)
    MEMBERS.put(tx, call.scope, row)
    wake_member(tx, call.scope, row, now)


def _leave(
    call: Call, request: Mapping[str, Any], state: str, what: tuple[str, str], verb: str, told: Sequence[str]
) -> dict[str, Any]:
    """Instances go another way, each with an activity; the desired capacity shrinks with them or not."""
    wanted, less = _wanted(request), request["ShouldDecrementDesiredCapacity"]
    shown = []
    with call.write() as tx:
        group = group_of(tx, call.scope, request["AutoScalingGroupName"])
        rows = chosen(tx, call, group, wanted)
        for row in rows:
            if row.state not in told:
                raise invalid(f"The instance {row.instance} is not in {' or '.join(told)}.")
        serving = sum(one.weight for one in rows if one.state == "InService")
        if less and group.desired - serving < group.minimum:
            raise invalid(
                f"{verb} the instances [{', '.join(wanted)}] would violate group's min size constraint. Either set "
                "shouldDecrementDesiredCapacity flag to false or lower group's min size."
            )
        for row in rows:
            actual, cause = capacity(members_of(tx, call.scope, group.name)), f"{what[1]} in response to a user request"
            if less and row.state == "InService":
                group.desired -= row.weight
                cause += f", shrinking the capacity from {actual} to {actual - row.weight}"
            cause = sentence(call.now(), f"instance {row.instance} was {cause}.")
            activity = activities.begin(
                tx, call.scope, group, call.now(), f"{what[0]}: {row.instance}", [cause], row, 50
            )
            row.state, row.entered, row.leaving = state, call.now(), ""
            MEMBERS.put(tx, call.scope, row)
            wake_member(tx, call.scope, row, call.now())
            shown.append(activities.describe(group.status, activity))
        GROUPS.put(tx, call.scope, group)
        wake_group(tx, call.scope, group.name, call.now())
    return {"Activities": shown}


@operation(resource=by_group)
def detach_instances(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DetachInstances: they go on without the group. Raises ValidationError."""
    states = ("InService", "Standby", "Warmed:Stopped", "Warmed:Running")
    return _leave(call, request, "Detaching", ("Detaching EC2 instance", "detached"), "Detaching", states)


@operation(resource=by_group)
def enter_standby(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """EnterStandby: they stay, and don't count. Raises ValidationError."""
    what = ("Moving EC2 instance to Standby", "moved to standby")
    return _leave(call, request, "EnteringStandby", what, "Moving to standby", ("InService",))


@operation(resource=by_group)
def exit_standby(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ExitStandby: they count again. Raises ValidationError."""
    wanted, shown = _wanted(request), []
    with call.write() as tx:
        group = group_of(tx, call.scope, request["AutoScalingGroupName"])
        rows = chosen(tx, call, group, wanted)
        for row in rows:
            if row.state != "Standby":
                raise invalid(f"The instance {row.instance} is not in Standby.")
        if group.desired + sum(one.weight for one in rows) > group.maximum:
            raise errors.ValidationError(
                f"Exiting standby for the instances [{', '.join(wanted)}] would violate group's max size constraint "
                f"({group.maximum})."
            )
        for row in rows:
            actual = capacity(members_of(tx, call.scope, group.name))
            group.desired += row.weight
            cause = (
                f"instance {row.instance} was moved out of standby in response to a user request, increasing the "
                f"capacity from {actual} to {actual + row.weight}."
            )
            what = f"Moving EC2 instance out of Standby: {row.instance}"
            causes = [sentence(call.now(), cause)]
            activity = activities.begin(tx, call.scope, group, call.now(), what, causes, row, 30, "PreInService")
            row.state, row.entered = "Pending", call.now()
            MEMBERS.put(tx, call.scope, row)
            wake_member(tx, call.scope, row, call.now())
            shown.append(activities.describe(group.status, activity))
        GROUPS.put(tx, call.scope, group)
        wake_group(tx, call.scope, group.name, call.now())
    return {"Activities": shown}
