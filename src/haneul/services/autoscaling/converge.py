"""What a group wants is made true: as many instances as desired, well, in balance; what is deleted goes.

All decisions of one look are written in one transaction; the instances' own steps carry them out.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from haneul.kit import tokens
from haneul.service import Call, Step
from haneul.services.autoscaling import activities, ending, health, launching, lifecycle, refreshing, selection
from haneul.services.autoscaling.activities import sentence
from haneul.services.autoscaling.names import DELETING, members_of, wake_member
from haneul.services.autoscaling.recipes import Recipe
from haneul.services.autoscaling.selection import PENDING, counts
from haneul.services.autoscaling.state import GROUPS, MEMBERS, Group, Member
from haneul.services.autoscaling.writing import written
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

LOOK = 15.0
"""Seconds between looks at a group with instances."""


class Plan:
    """One look at a group, with the transaction that it is written in."""

    def __init__(self, tx: Writer, call: Call, group: Group, recipe: Recipe | None, replaced: int = 0) -> None:
        self.tx = tx
        self.call = call
        self.group = group
        self.recipe = recipe
        self.now = call.now()
        self.members = members_of(tx, call.scope, group.name)
        self.lacking = False
        """Whether something is to be launched, for which there is no recipe yet."""
        self.replaced = replaced
        """How many were ended because they were unhealthy, and are to be replaced."""

    def may(self, process: str) -> bool:
        return process not in self.group.suspended

    def end(self, member: Member, causes: list[str]) -> None:
        lifecycle.end(self.tx, self.call, self.group, member, causes)

    def launch(self, causes: list[str], *, extra: bool = False, warm: bool = False) -> Member | None:
        """Write down a new instance; None when nothing can be launched now."""
        if not self.may("Launch") or self.now < self.group.paused:
            return None
        if self.recipe is None:
            self.lacking = True
            return None
        zone, subnet = selection.next_place(self.group, self.members)
        row = Member(
            group=self.group.name,
            id=tokens.ordered_id(),
            state="Warmed:Pending" if warm else "Pending",
            zone=zone,
            subnet=subnet,
            created=self.now,
            entered=self.now,
            extra=extra,
            warm=warm,
        )
        launching.fill(self.group, self.recipe, row, self.members)
        scope = self.call.scope
        activities.begin(
            self.tx, scope, self.group, self.now, "Launching a new EC2 instance", causes, row, 30, "PreInService"
        )
        MEMBERS.put(self.tx, scope, row)
        wake_member(self.tx, scope, row, self.now)
        self.members.append(row)
        return row


def step_group(call: Call, row: Group) -> Step:
    """Look at a group; asks EC2 first, then decides."""
    if row.status == DELETING:
        return ending.step(call, row)
    with call.read() as tx:
        members = members_of(tx, call.scope, row.name)
    states = {one.id: one.state for one in members}
    illnesses = health.examine(call, row, members)
    plan = written(call, partial(_look, call, row, None, 0, illnesses, states))
    if plan is not None and plan.lacking:
        recipe = _recipe(call, row)
        if recipe is not None:
            plan = written(call, partial(_look, call, row, recipe, plan.replaced, illnesses, states))
    return Step(row, 0.0 if plan is None else _again(plan, call))


def _look(
    call: Call,
    row: Group,
    recipe: Recipe | None,
    replaced: int,
    illnesses: dict[str, str],
    states: dict[str, str],
    tx: Writer,
) -> Plan | None:
    """Decide, in one transaction; None when the group has become another one, and is to be looked at anew."""
    group = GROUPS.get(tx, call.scope, row.name)
    if group is None or group.status or (recipe is not None and group.settings != row.settings):
        return None
    before = GROUPS.packed(group)
    plan = Plan(tx, call, group, recipe, replaced)
    _note(plan, illnesses, states)
    _decide(plan)
    if GROUPS.packed(group) != before:
        GROUPS.put(tx, call.scope, group)
    return plan


def _again(plan: Plan, call: Call) -> float | None:
    if plan.group.paused > call.now():
        return min(LOOK, plan.group.paused - call.now())
    return LOOK if plan.members or plan.group.desired else None


def _recipe(call: Call, row: Group) -> Recipe | None:
    """How to launch now; when that can't be told, an activity says why and launches rest."""
    try:
        return launching.recipe(call, row, refreshing.configuration(call, row))
    except AwsError as error:
        with call.write() as tx:
            group = GROUPS.get(tx, call.scope, row.name)
            if group is None:
                return None
            now = call.now()
            told = f"{error.message} Launching EC2 instance failed."
            cause = sentence(now, "an instance was started in response to a difference between desired and actual "
                                  "capacity.")  # fmt: skip
            what = f"Launching a new EC2 instance.  Status Reason: {told}"
            activity = activities.begin(tx, call.scope, group, now, what, [*group.causes, cause])
            activities.finish(tx, call.scope, activity, now, "Failed", told)
            group.paused = now + lifecycle.PAUSES[min(group.failures, len(lifecycle.PAUSES) - 1)]
            group.failures, group.causes = group.failures + 1, []
            GROUPS.put(tx, call.scope, group)
        return None


def _decide(plan: Plan) -> None:
    """Everything that one look decides, in this order."""
    _end_unhealthy(plan)
    _mark_old(plan)
    _scale_out(plan)
    _scale_in(plan)
    if selection.capacity(plan.members) == plan.group.desired:
        plan.group.causes = []  # what they asked for is so
    _balance(plan)
    _replace(plan)
    _warm(plan)


def _note(plan: Plan, illnesses: dict[str, str], states: dict[str, str]) -> None:
    """What was found out about instances that are in the same state still."""
    for one in plan.members:
        illness = illnesses.get(one.id) if states.get(one.id) == one.state else None
        if illness and (one.health != "Unhealthy" or one.illness != illness):
            one.health, one.illness = "Unhealthy", illness
            MEMBERS.put(plan.tx, plan.call.scope, one)


def _end_unhealthy(plan: Plan) -> None:
    """Take the unhealthy out of service. With a maintenance policy that keeps all in service, their replacements come
    first."""
    if not plan.may("ReplaceUnhealthy") or not plan.may("Terminate"):
        return
    policy = plan.group.settings.get("InstanceMaintenancePolicy") or {}
    first = policy.get("MinHealthyPercentage") == 100
    for one in plan.members:
        if one.health != "Unhealthy" or not (counts(one) or one.warm or one.state == "Standby"):
            continue
        if "Terminating" in one.state:
            continue
        if first and one.state == "InService" and one.illness != health.ENDED:
            _leave(plan, one, "unhealthy")
            continue
        plan.replaced += counts(one)
        cause = f"an instance was taken out of service in response to {one.illness or health.USER}"
        plan.end(one, [sentence(plan.now, cause)])


def _mark_old(plan: Plan) -> None:
    """Instances past the group's maximum lifetime are to be replaced, a tenth of the group at a time."""
    lifetime = plan.group.settings.get("MaxInstanceLifetime") or 0
    if not lifetime:
        return
    leaving = sum(1 for one in plan.members if one.leaving)
    room = max(1, plan.group.desired // 10) - leaving
    for one in plan.members:
        if room > 0 and one.state == "InService" and not one.leaving and plan.now - one.created >= lifetime:
            _leave(plan, one, "lifetime")
            room -= 1


def _leave(plan: Plan, member: Member, why: str) -> None:
    if not member.leaving:
        member.leaving = why
        MEMBERS.put(plan.tx, plan.call.scope, member)


def _scale_out(plan: Plan) -> None:
    """Launch what is missing, from the warm pool first."""
    if not plan.may("Launch") or plan.now < plan.group.paused:
        return
    reasons, used = list(plan.group.causes), False
    actual = selection.capacity(plan.members)
    while selection.capacity(plan.members) < plan.group.desired:
        if plan.replaced > 0:
            causes = [sentence(plan.now, "an instance was launched in response to an unhealthy instance needing to be "
                                         "replaced.")]  # fmt: skip
        elif not reasons and refreshing.active(plan.tx, plan.call, plan.group.name) is not None:
            causes = [sentence(plan.now, _REPLACING["refresh"])]
        else:
            more = f"increasing the capacity from {actual} to {plan.group.desired}."
            causes = [*reasons, sentence(plan.now, "an instance was started in response to a difference between "
                                                   f"desired and actual capacity, {more}")]  # fmt: skip
        if not _from_pool(plan, causes) and plan.launch(causes) is None:
            return
        used = used or plan.replaced <= 0
        plan.replaced -= 1
    if used:
        plan.group.causes = []


def _from_pool(plan: Plan, causes: list[str]) -> bool:
    """An instance of the warm pool comes into the group."""
    ready = [one for one in plan.members if one.warm and one.state in ("Warmed:Stopped", "Warmed:Running")]
    if not ready:
        return False
    one = ready[0]
    what = f"Launching a new EC2 instance from warm pool: {one.instance}"
    activities.begin(plan.tx, plan.call.scope, plan.group, plan.now, what, causes, one, 30, "PreInService")
    one.starting = one.state == "Warmed:Stopped"
    one.warm, one.state, one.hooked, one.entered = False, "Pending", False, plan.now
    MEMBERS.put(plan.tx, plan.call.scope, one)
    wake_member(plan.tx, plan.call.scope, one, plan.now)
    return True


_WHY = {
    "balance": "an instance was taken out of service to aid in balancing the group's zones.",
    "lifetime": "an instance was taken out of service in response to maximum instance lifetime.",
    "refresh": "an instance was taken out of service in response to an instance refresh.",
    "unhealthy": f"an instance was taken out of service in response to {health.USER}",
    "capacity": "an instance was taken out of service in response to an EC2 capacity rebalance recommendation.",
}


def _scale_in(plan: Plan) -> None:
    """End what is too much: those that others replaced first, then by the termination policies."""
    if not plan.may("Terminate"):
        return
    reasons = list(plan.group.causes)
    template = _template(plan.group)
    name = plan.group.settings.get("LaunchConfigurationName") or ""
    start, used = selection.capacity(plan.members), False
    while (actual := selection.capacity(plan.members)) > plan.group.desired:
        one = selection.first_to_go(plan.group, plan.members, template, name, plan.now)
        if one is None or actual - one.weight < plan.group.desired:
            break
        if one.leaving in _WHY:
            causes = [sentence(plan.now, _WHY[one.leaving])]
        else:
            causes = [*reasons, *_shrinking(plan, one, start)]
            used = True
        if one.state == "InService" and _reuses(plan.group) and not one.leaving:
            one.reused = True
        plan.end(one, causes)
    if used:
        plan.group.causes = []


def _reuses(group: Group) -> bool:
    return bool(((group.warm or {}).get("InstanceReusePolicy") or {}).get("ReuseOnScaleIn"))


def _shrinking(plan: Plan, one: Member, start: int) -> list[str]:
    cause = (
        "an instance was taken out of service in response to a difference between desired and actual capacity, "
        f"shrinking the capacity from {start} to {plan.group.desired}."
    )
    chosen = f"instance {one.instance} was selected for termination."
    return [sentence(plan.now, cause), *([sentence(plan.now, chosen)] if one.instance else [])]


def _template(group: Group) -> dict[str, str]:
    mixed = (group.settings.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    return group.settings.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification") or {}


def _balance(plan: Plan) -> None:
    """Move one instance to another zone, once nothing else moves."""
    still = all(one.state in ("InService", "Standby") or one.warm for one in plan.members)
    if not still or not plan.may("AZRebalance") or any(one.leaving for one in plan.members):
        return
    if selection.capacity(plan.members) != plan.group.desired:
        return
    one = selection.unbalanced(plan.group, plan.members)
    if one is not None:
        _leave(plan, one, "balance")


_REPLACING = {
    "balance": "an instance was launched to aid in balancing the group's zones.",
    "lifetime": "an instance was launched in response to maximum instance lifetime.",
    "refresh": "an instance was launched in response to an instance refresh.",
    "unhealthy": "an instance was launched in response to an unhealthy instance needing to be replaced.",
    "capacity": "an instance was launched in response to an EC2 capacity rebalance recommendation.",
}


def _replace(plan: Plan) -> None:
    """For each instance that is to leave, one that comes first."""
    leaving = [one for one in plan.members if one.leaving and one.state == "InService"]
    coming = sum(1 for one in plan.members if one.extra and one.state in PENDING)
    surplus = max(0, selection.capacity(plan.members) - plan.group.desired)
    for one in leaving[coming + surplus :]:
        if plan.launch([sentence(plan.now, _REPLACING[one.leaving])], extra=True) is None:
            return


def _warm(plan: Plan) -> None:
    """Keep the warm pool as large as it is to be."""
    pool = plan.group.warm
    held = [one for one in plan.members if one.warm and "Terminating" not in one.state]
    wanted = 0 if pool is None or pool.get("Status") else pool_size(plan.group)
    cause = sentence(plan.now, "a difference between desired and actual capacity of the warm pool was noticed.")
    for _ in range(wanted - len(held)):
        if plan.launch([cause], warm=True) is None:
            return
    for one in _spare(held, len(held) - wanted):
        if plan.may("Terminate"):
            plan.end(one, [cause])
    if pool is not None and pool.get("Status") and not any(one.warm for one in plan.members):
        plan.group.warm = None


def _spare(held: Sequence[Member], many: int) -> Sequence[Member]:
    return held[-many:] if many > 0 else ()


def pool_size(group: Group) -> int:
    """Instances that a group's warm pool is to have."""
    pool = group.warm or {}
    most = pool.get("MaxGroupPreparedCapacity", -1)
    return max(int(pool.get("MinSize") or 0), (group.maximum if most in (-1, None) else int(most)) - group.desired, 0)
