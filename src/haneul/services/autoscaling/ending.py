"""A group that is deleted: its instances end, what belongs to it goes, then it."""

from __future__ import annotations

from haneul.converge import wake
from haneul.converge.timers import settle
from haneul.service import Call, Step
from haneul.services.autoscaling import lifecycle
from haneul.services.autoscaling.activities import KEPT, sentence
from haneul.services.autoscaling.names import group_arn, members_of, wake_member
from haneul.services.autoscaling.state import (
    ACTIVITIES,
    GROUPS,
    HOOKS,
    PASTS,
    POLICIES,
    REFRESHES,
    SCHEDULED,
    SUBSCRIPTIONS,
    Group,
    Past,
)
from haneul.services.autoscaling.tracking import drop_alarms

LOOK = 5.0


def step(call: Call, row: Group) -> Step:
    """Bring the deletion further."""
    with call.write() as tx:
        group = GROUPS.get(tx, call.scope, row.name)
        if group is None:
            return Step(None)
        members = members_of(tx, call.scope, row.name)
        for one in members:
            retained = one.state.endswith(":Retained")
            if retained or ("Terminating" not in one.state and one.state != "Detaching"):
                cause = "an instance was taken out of service in response to a user request to delete the group."
                lifecycle.end(tx, call, group, one, [sentence(call.now(), cause)], hooked=group.forced or retained)
            elif one.state.endswith(":Wait"):
                wake_member(tx, call.scope, one, call.now())
        policies = list(POLICIES.scan(tx, call.scope, row.name))
        scheduled = list(SCHEDULED.scan(tx, call.scope, row.name))
        refreshes = list(REFRESHES.scan(tx, call.scope, row.name))
    if members:
        return Step(row, LOOK)
    for policy in policies:
        drop_alarms(call, policy)
    with call.write() as tx:
        for table in (HOOKS, POLICIES, SCHEDULED, SUBSCRIPTIONS, REFRESHES):
            table.delete_all(tx, call.scope, row.name)
        for policy in policies:
            settle(tx, "autoscaling.policy", call.scope, (row.name, policy.name))
        for action in scheduled:
            settle(tx, "autoscaling.scheduled", call.scope, (row.name, action.name))
        for refresh in refreshes:
            settle(tx, "autoscaling.refresh", call.scope, (row.name, refresh.order))
        settle(tx, "autoscaling.metrics", call.scope, (row.name,))
        GROUPS.delete(tx, call.scope, row.name)
        PASTS.put(tx, call.scope, Past(id=row.id, group=row.name, arn=group_arn(call.scope, row)))
        wake(tx, "autoscaling.past", call.scope, (row.id,), call.now() + KEPT)
    return Step(None)


def step_past(call: Call, row: Past) -> Step:
    """Six weeks later nothing is told of it any more."""
    with call.write() as tx:
        for old in list(ACTIVITIES.scan(tx, call.scope, row.group)):
            if old.arn == row.arn:
                ACTIVITIES.delete(tx, call.scope, old.group, old.order)
    return Step(None)
