"""Instances of groups on their way: one step for every lifecycle state. Each may be repeated, and interrupted, at any
point: a launch is asked for with a client token that was written down before."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from haneul.service import Call, Step
from haneul.services.autoscaling import activities, capacity, hooks, notices
from haneul.services.autoscaling.activities import sentence
from haneul.services.autoscaling.launching import FIRST, TAG
from haneul.services.autoscaling.names import member_of, wake_group, wake_member
from haneul.services.autoscaling.neighbours import instance, instances
from haneul.services.autoscaling.state import ACTIVITIES, GROUPS, MEMBERS, Group, Member
from haneul.services.autoscaling.writing import written
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

log = logging.getLogger("haneul.autoscaling")
PAUSES = (15.0, 30.0, 60.0, 120.0, 300.0)
"""Seconds before the next launch, after so many failures."""
_GONE = (None, "terminated")
SEAT = "CapacityReservationSpecification"


class Turn:
    """One look at a member: what it is, whose, and how to write down what became of it."""

    def __init__(self, call: Call, group: Group, row: Member) -> None:
        self.call = call
        self.group = group
        self.row = row
        self._before = MEMBERS.packed(row)

    def write(self, change: Callable[[Writer, Group, Member], bool]) -> Step:
        """Change the member with all that belongs to the change, at once, unless somebody else changed it meanwhile.
        `change` gives False when the row is to go. The loop sees a row that is not the one it read, and looks again."""
        scope, key = self.call.scope, (self.row.group, self.row.id)

        def attempt(tx: Writer) -> None:
            fresh = MEMBERS.get(tx, scope, *key)
            group = GROUPS.get(tx, scope, self.row.group)
            if fresh is None or group is None or MEMBERS.packed(fresh) != self._before:
                return
            if change(tx, group, fresh):
                fresh.entered = self.call.now()
                MEMBERS.put(tx, scope, fresh)
            else:
                MEMBERS.delete(tx, scope, *key)

        written(self.call, attempt)
        return Step(self.row, 0.0)

    def wait(self) -> Step:
        """Look again: soon while it is young in its state, seldom later (events say it sooner)."""
        age = self.call.now() - self.row.entered
        return Step(self.row, 0.1 if age < 5 else 1.0 if age < 60 else 5.0)

    def shown(self) -> dict[str, Any] | None:
        """What EC2 says of the instance."""
        return instance(self.call, self.row.instance)


def step_member(call: Call, row: Member) -> Step:
    """Bring an instance one lifecycle state further."""
    with call.read() as tx:
        group = GROUPS.get(tx, call.scope, row.group)
    if group is None:
        return Step(None)
    step = _STEPS.get(row.state.removeprefix("Warmed:"))
    return Step(row) if step is None else step(Turn(call, group, row))


def _launch(turn: Turn) -> Step:
    """Pending: there is an instance, and it runs."""
    row = turn.row
    if not row.instance:
        return _run(turn)
    shown = turn.shown()
    state = None if shown is None else shown["State"]["Name"]
    if state == "running":
        return _ready(turn)
    if state == "stopped" and row.starting:
        try:
            turn.call.invoke("ec2", "StartInstances", {"InstanceIds": [row.instance]})
        except AwsError as error:
            return _failed(turn, error.message)
        return turn.wait()
    if state == "pending" or (state == "stopping" and row.starting):
        return turn.wait()
    reason = ((shown or {}).get("StateReason") or {}).get("Message") or "Instance terminated or stopped"
    told = (
        f"Instance became unhealthy while waiting for instance to be in InService state. Termination Reason: {reason}"
    )
    return _failed(turn, told)


def _run(turn: Turn) -> Step:
    """Ask EC2 for it. The request is the one that was written down, so that a repetition finds what the first made."""
    row = turn.row
    try:
        answer = turn.call.invoke("ec2", "RunInstances", row.launch)
    except AwsError as error:
        if error.code == "InsufficientInstanceCapacity" and row.others:
            return turn.write(_next_choice)
        if error.code == "ReservationCapacityExceeded" and _may_run_elsewhere(turn.group, row):
            return turn.write(_without_seat)
        return _failed(turn, error.message)
    made = answer["Instances"][0]

    def change(tx: Writer, group: Group, row: Member) -> bool:
        row.instance, row.type = made["InstanceId"], made["InstanceType"]
        row.image = made.get("ImageId") or ""
        row.subnet = made.get("SubnetId") or row.subnet
        row.zone = (made.get("Placement") or {}).get("AvailabilityZone") or row.zone
        row.launch, row.others = {}, []
        activity = activities.of(tx, turn.call.scope, row)
        if activity is not None:
            activity.description = f"Launching a new EC2 instance: {row.instance}"
            activity.details = {"Subnet ID": row.subnet, "Availability Zone": row.zone}
            ACTIVITIES.put(tx, turn.call.scope, activity)
        return True

    return turn.write(change)


def _next_choice(tx: Writer, group: Group, row: Member) -> bool:
    """No capacity of this type: nothing was launched under the token, so that another may be."""
    (row.type, row.weight), row.others = row.others[0], row.others[1:]
    row.launch = {**row.launch, "InstanceType": row.type}
    return True


def _may_run_elsewhere(group: Group, row: Member) -> bool:
    wish = group.settings.get("CapacityReservationSpecification") or {}
    return wish.get("CapacityReservationPreference") == FIRST and SEAT in row.launch


def _without_seat(tx: Writer, group: Group, row: Member) -> bool:
    """The reservation is full: outside of it there is room."""
    row.launch = {name: value for name, value in row.launch.items() if name != SEAT}
    return True


def _failed(turn: Turn, message: str) -> Step:
    """The launch came to nothing: told, and tried again later."""

    def change(tx: Writer, group: Group, row: Member) -> bool:
        call, now = turn.call, turn.call.now()
        activity = activities.of(tx, call.scope, row)
        if activity is not None:
            told = f"{message} Launching EC2 instance failed."
            activity.description = f"{activity.description}.  Status Reason: {told}"
            activities.finish(tx, call.scope, activity, now, "Failed", told)
            notices.tell(tx, call.scope, group, row, activity, notices.LAUNCH_ERROR)
        if now >= group.paused:  # those that fail together count once
            group.paused = now + PAUSES[min(group.failures, len(PAUSES) - 1)]
            group.failures += 1
        GROUPS.put(tx, call.scope, group)
        wake_group(tx, call.scope, group.name, now)
        if not row.instance:
            return False
        row.state, row.hooked, row.activity = f"{'Warmed:' if row.warm else ''}Terminating", True, ""
        return True

    return turn.write(change)


def _ready(turn: Turn) -> Step:
    """It runs: hooks have their turn, then it serves."""

    def change(tx: Writer, group: Group, row: Member) -> bool:
        call = turn.call
        row.starting = False
        if not row.hooked and hooks.start(tx, call.scope, group, row, notices.LAUNCHING, call.now()):
            row.state = f"{row.state}:Wait"
            activity = activities.of(tx, call.scope, row)
            if activity is not None:
                activity.status, activity.progress = "MidLifecycleAction", 60
                ACTIVITIES.put(tx, call.scope, activity)
            return True
        return _arrive(turn, tx, group, row)

    return turn.write(change)


def _arrive(turn: Turn, tx: Writer, group: Group, row: Member) -> bool:
    """Into service, or to rest in the warm pool."""
    row.actions, row.hooked = {}, False
    if row.warm and (group.warm or {}).get("PoolState", "Stopped") != "Running":
        row.state = "Warmed:Pending:Proceed"
        return True
    row.state = "Warmed:Running" if row.warm else "InService"
    _served(turn, tx, group, row, turn.call.now())
    return True


def _served(turn: Turn, tx: Writer, group: Group, row: Member, now: float) -> None:
    scope = turn.call.scope
    row.served, row.extra = now, False
    activity = activities.of(tx, scope, row)
    if activity is not None:
        activities.finish(tx, scope, activity, now)
        if activity.description.startswith(("Launching", "Attaching")) and not row.warm:
            notices.tell(tx, scope, group, row, activity, notices.LAUNCH)
    row.activity = ""
    group.failures, group.paused = 0, 0.0
    if not row.warm:
        capacity.cool(group, now)
    GROUPS.put(tx, scope, group)
    wake_group(tx, scope, group.name, now)


def _proceed(turn: Turn) -> Step:
    """Warmed:Pending:Proceed: it is stopped, to be started when it is needed."""
    row = turn.row
    if not row.warm:
        return turn.write(lambda tx, group, row: _arrive(turn, tx, group, row))
    shown = turn.shown()
    state = None if shown is None else shown["State"]["Name"]
    if state in ("pending", "stopping"):
        return turn.wait()
    if state == "running":
        try:
            turn.call.invoke("ec2", "StopInstances", {"InstanceIds": [row.instance]})
        except AwsError as error:
            return _failed(turn, error.message)
        return turn.wait()
    if state != "stopped":
        return _failed(turn, "The instance ended on its way to the warm pool.")

    def change(tx: Writer, group: Group, row: Member) -> bool:
        row.state = "Warmed:Stopped"
        _served(turn, tx, group, row, turn.call.now())
        return True

    return turn.write(change)


def _wait_launch(turn: Turn) -> Step:
    """Pending:Wait: until every hook was answered for, or has timed out."""
    result, again = hooks.outcome(turn.row, turn.call.now())
    if not result:
        return Step(turn.row, again)

    def change(tx: Writer, group: Group, row: Member) -> bool:
        call, now = turn.call, turn.call.now()
        if result == "CONTINUE":
            row.hooked = True
            return _arrive(turn, tx, group, row)
        activity = activities.of(tx, call.scope, row)
        if activity is not None:
            told = "Instance failed to complete user's Lifecycle Action: Lifecycle Action with token "
            token = next(iter(row.actions.values())).token
            told = f"{told}{token} was abandoned: Heartbeat Timeout" if _late(row) else f"{told}{token} was abandoned"
            activities.finish(tx, call.scope, activity, now, "Failed", told)
            notices.tell(tx, call.scope, group, row, activity, notices.LAUNCH_ERROR)
        cause = sentence(now, "an instance was taken out of service in response to a launch lifecycle action being "
                              "abandoned.")  # fmt: skip
        end(tx, call, group, row, [cause], hooked=True)
        return True

    return turn.write(change)


def _late(row: Member) -> bool:
    return not any(one.result == "ABANDON" for one in row.actions.values())


def end(tx: Writer, call: Call, group: Group, row: Member, causes: list[str], *, hooked: bool = False) -> None:
    """Have an instance leave the group for good; an activity tells why. The row is written, its step woken."""
    before = activities.of(tx, call.scope, row)
    if before is not None and before.status not in ("Successful", "Failed", "Cancelled"):
        activities.finish(tx, call.scope, before, call.now(), "Cancelled")
    what = f"Terminating EC2 instance: {row.instance}" if row.instance else "Terminating EC2 instance"
    activities.begin(tx, call.scope, group, call.now(), what, causes, row)
    row.state = f"{'Warmed:' if row.warm else ''}Terminating"
    row.actions, row.extra, row.leaving, row.starting = {}, False, "", False
    row.hooked, row.entered = hooked or not row.instance, call.now()
    MEMBERS.put(tx, call.scope, row)
    wake_member(tx, call.scope, row, call.now())


def _leave(turn: Turn) -> Step:
    """Terminating: hooks have their turn, unless the group is deleted by force."""

    def change(tx: Writer, group: Group, row: Member) -> bool:
        call = turn.call
        skipped = row.hooked or group.forced
        if not skipped and hooks.start(tx, call.scope, group, row, notices.TERMINATING, call.now()):
            row.state = f"{row.state}:Wait"
            return True
        row.state = f"{row.state}:Proceed"
        return True

    return turn.write(change)


def _wait_end(turn: Turn) -> Step:
    result, again = hooks.outcome(turn.row, turn.call.now())
    if not result and not turn.group.forced:
        return Step(turn.row, again)

    def change(tx: Writer, group: Group, row: Member) -> bool:
        triggers = (group.settings.get("InstanceLifecyclePolicy") or {}).get("RetentionTriggers") or {}
        row.actions = {}
        if result == "ABANDON" and triggers.get("TerminateHookAbandon") == "retain" and not group.forced:
            row.state = row.state.replace(":Wait", ":Retained")
            return True
        row.state = row.state.replace(":Wait", ":Proceed")
        return True

    return turn.write(change)


def _terminate(turn: Turn) -> Step:
    """Terminating:Proceed: until EC2 says that it is terminated; what was launched and not yet known is looked for."""
    row, call = turn.row, turn.call
    if row.reused and row.instance:
        return turn.write(lambda tx, group, row: _return(turn, tx, group, row))
    if not row.instance:
        made = instances(call, "client-token", [row.id])
        if not made:
            return turn.write(lambda tx, group, row: _gone(turn, tx, group, row))
        row.instance = next(iter(made))
    shown = turn.shown()
    state = None if shown is None else shown["State"]["Name"]
    if state in _GONE:
        return turn.write(lambda tx, group, row: _gone(turn, tx, group, row))
    if state != "shutting-down":
        try:
            _terminate_instance(call, row.instance)
        except AwsError as error:
            log.warning("instance %s of group %s was not terminated: %s", row.instance, row.group, error.message)
            return Step(row, 5.0)
    return turn.wait()


def _terminate_instance(call: Call, identifier: str) -> None:
    """Termination protection is against users' mistakes: a group lifts it."""
    try:
        call.invoke("ec2", "TerminateInstances", {"InstanceIds": [identifier]})
    except AwsError as error:
        if error.code != "OperationNotPermitted":
            raise
        lifted = {"InstanceId": identifier, "DisableApiTermination": {"Value": False}}
        call.invoke("ec2", "ModifyInstanceAttribute", lifted)
        call.invoke("ec2", "TerminateInstances", {"InstanceIds": [identifier]})


def _gone(turn: Turn, tx: Writer, group: Group, row: Member) -> bool:
    call, now = turn.call, turn.call.now()
    activity = activities.of(tx, call.scope, row)
    if activity is not None:
        if row.instance:
            activity.description = f"Terminating EC2 instance: {row.instance}"
        activities.finish(tx, call.scope, activity, now)
        notices.tell(tx, call.scope, group, row, activity, notices.TERMINATE)
    if not group.status:
        capacity.cool(group, now)
        GROUPS.put(tx, call.scope, group)
    wake_group(tx, call.scope, group.name, now)
    return False


def _return(turn: Turn, tx: Writer, group: Group, row: Member) -> bool:
    """Back to the warm pool."""
    activity = activities.of(tx, turn.call.scope, row)
    if activity is not None:
        activities.finish(tx, turn.call.scope, activity, turn.call.now())
    row.activity, row.warm, row.reused, row.hooked = "", True, False, True
    row.state = "Warmed:Pending"
    return True


def _standby(turn: Turn) -> Step:
    """EnteringStandby: nothing sends it traffic that would have to end first."""

    def change(tx: Writer, group: Group, row: Member) -> bool:
        row.state = "Standby"
        activity = activities.of(tx, turn.call.scope, row)
        if activity is not None:
            activities.finish(tx, turn.call.scope, activity, turn.call.now())
        row.activity = ""
        wake_group(tx, turn.call.scope, group.name, turn.call.now())
        return True

    return turn.write(change)


def _detach(turn: Turn) -> Step:
    """Detaching: the instance stays, its tag goes."""
    row, call = turn.row, turn.call
    try:
        call.invoke("ec2", "DeleteTags", {"Resources": [row.instance], "Tags": [{"Key": TAG}]})
    except AwsError as error:
        log.info("the tag of %s stayed: %s", row.instance, error.message)

    def change(tx: Writer, group: Group, row: Member) -> bool:
        activity = activities.of(tx, call.scope, row)
        if activity is not None:
            activities.finish(tx, call.scope, activity, call.now())
        wake_group(tx, call.scope, group.name, call.now())
        return False

    return turn.write(change)


def on_instance(call: Call, event: Any) -> None:
    """An EC2 instance has come into another state: whoever waits for it looks."""
    detail = event.detail
    with call.read() as tx:
        member = member_of(tx, call.scope, detail["instance"])
    if member is None:
        return

    def wake(tx: Writer) -> None:
        wake_member(tx, call.scope, member, call.now())
        if member.state in ("InService", "Standby") or member.state.startswith("Warmed:"):
            wake_group(tx, call.scope, member.group, call.now())

    written(call, wake)


_STEPS: dict[str, Callable[[Turn], Step]] = {
    "Pending": _launch,
    "Pending:Wait": _wait_launch,
    "Pending:Proceed": _proceed,
    "Terminating": _leave,
    "Terminating:Wait": _wait_end,
    "Terminating:Proceed": _terminate,
    "EnteringStandby": _standby,
    "Detaching": _detach,
}
