"""Lifecycle hooks, and the answers of those who act on waiting instances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.autoscaling import notices, rights
from haneul.services.autoscaling.errors import errors, invalid
from haneul.services.autoscaling.names import by_group, group_of, managed, members_of, wake_member
from haneul.services.autoscaling.state import HOOKS, MEMBERS, Action, Group, Hook, Member
from haneul.state.store import Reader, Writer

LIMIT = 50
TRANSITIONS = (notices.LAUNCHING, notices.TERMINATING)
RESULTS = ("CONTINUE", "ABANDON")
LONGEST = 172_800
"""Seconds that an instance waits at most, whatever heartbeats there are."""


def of_request(group: str, request: Mapping[str, Any], known: Hook | None = None) -> Hook:
    """The hook that a put describes; what it doesn't give stays as it was. Raises ValidationError."""
    transition = request.get("LifecycleTransition") or (known.transition if known else "")
    if transition not in TRANSITIONS:
        if not transition:
            raise invalid("LifecycleTransition must be specified when creating a new lifecycle hook.")
        raise invalid(f"LifecycleTransition must be one of {list(TRANSITIONS)}, not {transition}.")
    timeout = request.get("HeartbeatTimeout", known.timeout if known else 3600)
    if not 30 <= timeout <= 7200:
        raise invalid("HeartbeatTimeout must be between 30 and 7200 seconds.")
    default = request.get("DefaultResult") or (known.default if known else "ABANDON")
    if default not in RESULTS:
        raise invalid(f"DefaultResult must be one of {list(RESULTS)}, not {default}.")
    return Hook(
        group=group,
        name=request["LifecycleHookName"],
        transition=transition,
        timeout=timeout,
        default=default,
        role=request.get("RoleARN", known.role if known else ""),
        target=request.get("NotificationTargetARN", known.target if known else ""),
        metadata=request.get("NotificationMetadata", known.metadata if known else ""),
    )


def put(tx: Writer, call: Call, group: Group, hook: Hook) -> None:
    """Write it, and let its target know. Raises LimitExceeded, ValidationError."""
    if hook.target:
        if hook.target.split(":")[2:3] not in (["sqs"], ["sns"]):
            raise invalid(f"Unable to publish test message to notification target {hook.target} using IAM role "
                          f"{hook.role}. Please check your target and role configuration and try to put lifecycle "
                          "hook again.")  # fmt: skip
        notices.test(tx, call.scope, group, call.now(), hook.target)
    held = list(HOOKS.scan(tx, call.scope, group.name))
    if len(held) >= LIMIT and all(one.name != hook.name for one in held):
        raise errors.LimitExceeded(f"The maximum number of lifecycle hooks of an Auto Scaling group is {LIMIT}.")
    HOOKS.put(tx, call.scope, hook)


@operation(resource=by_group)
def put_lifecycle_hook(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutLifecycleHook. Raises LimitExceeded, ValidationError."""
    rights.check_role(call, request.get("RoleARN"))
    with call.write() as tx:
        group = group_of(tx, call.scope, request["AutoScalingGroupName"])
        known = HOOKS.get(tx, call.scope, group.name, request["LifecycleHookName"])
        put(tx, call, group, of_request(group.name, request, known))
    return {}


@operation()
def describe_lifecycle_hooks(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeLifecycleHooks. Raises ValidationError."""
    wanted = set(request.get("LifecycleHookNames") or ())
    with call.read() as tx:
        group = group_of(tx, call.scope, request["AutoScalingGroupName"], dying=True)
        rows = [one for one in HOOKS.scan(tx, call.scope, group.name) if not wanted or one.name in wanted]
    return {"LifecycleHooks": [_describe(one) for one in rows]}


def _describe(row: Hook) -> dict[str, Any]:
    return {
        "LifecycleHookName": row.name,
        "AutoScalingGroupName": row.group,
        "LifecycleTransition": row.transition,
        "NotificationTargetARN": row.target or None,
        "RoleARN": row.role or None,
        "NotificationMetadata": row.metadata or None,
        "HeartbeatTimeout": row.timeout,
        "GlobalTimeout": _final(row),
        "DefaultResult": row.default,
    }


def _final(row: Hook) -> int:
    return min(LONGEST, 100 * row.timeout)


@operation(resource=by_group)
def delete_lifecycle_hook(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteLifecycleHook: whoever waits for it goes on (ABANDON at launch, CONTINUE at the end). Raises
    ValidationError."""
    with call.write() as tx:
        group = group_of(tx, call.scope, request["AutoScalingGroupName"], dying=True)
        hook = HOOKS.get(tx, call.scope, group.name, request["LifecycleHookName"])
        if hook is None:
            raise invalid(f"No Lifecycle Hook found with name {request['LifecycleHookName']}")
        HOOKS.delete(tx, call.scope, group.name, hook.name)
        result = "ABANDON" if hook.transition == notices.LAUNCHING else "CONTINUE"
        for member in members_of(tx, call.scope, group.name):
            action = member.actions.get(hook.name)
            if action is not None and not action.result:
                _answer(tx, call, member, hook.name, result)
    return {}


def start(tx: Writer, scope: Scope, group: Group, member: Member, transition: str, now: float) -> bool:
    """Begin the actions of a transition, and tell of them; False when there are none. The member isn't written."""
    found = [one for one in HOOKS.scan(tx, scope, group.name) if one.transition == transition]
    member.actions = {}
    for hook in found:
        action = Action(
            token=tokens.uuid(),
            deadline=now + hook.timeout,
            final=now + _final(hook),
            timeout=hook.timeout,
            default=hook.default,
        )
        member.actions[hook.name] = action
        notices.ask_for_action(tx, scope, group, member, hook, action, now)
    return bool(found)


def outcome(member: Member, now: float) -> tuple[str, float]:
    """What came of a waiting member's actions, or "" and the seconds until the next one times out. An ABANDON
    ends the others."""
    results = [one.result or (one.default if now >= min(one.deadline, one.final) else "") for one in
               member.actions.values()]  # fmt: skip
    if "ABANDON" in results:
        return "ABANDON", 0.0
    if all(results):
        return "CONTINUE", 0.0
    pending = [min(one.deadline, one.final) for one in member.actions.values() if not one.result]
    return "", max(0.01, min(pending) - now)


def _waiting(tx: Reader, call: Call, request: Mapping[str, Any]) -> tuple[Member, Action]:
    """The member and the action that a request names, by token or by instance. Raises ValidationError."""
    group = group_of(tx, call.scope, request["AutoScalingGroupName"], dying=True)
    name, token, instance = (request.get(one) or "" for one in (
        "LifecycleHookName", "LifecycleActionToken", "InstanceId"))  # fmt: skip
    if not token and not instance:
        raise invalid("Either LifecycleActionToken or InstanceId must be specified.")
    if HOOKS.get(tx, call.scope, group.name, name) is None:
        raise invalid(f"No Lifecycle Hook found with name {name}")
    if instance and not token:
        managed(tx, call.scope, instance)
    for member in members_of(tx, call.scope, group.name):
        action = member.actions.get(name)
        if action is None or action.result or not member.state.endswith(":Wait"):
            continue
        if (token and action.token == token) or (not token and member.instance == instance):
            return member, action
    told = f"token {token}" if token else f"instance ID {instance}"
    raise invalid(f"No active Lifecycle Action found with {told}")


def _answer(tx: Writer, call: Call, member: Member, name: str, result: str) -> None:
    member.actions[name].result = result
    MEMBERS.put(tx, call.scope, member)
    wake_member(tx, call.scope, member, call.now())


@operation(resource=by_group)
def complete_lifecycle_action(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CompleteLifecycleAction: the instance goes on, or is given up. Raises ValidationError."""
    result = request["LifecycleActionResult"]
    if result not in RESULTS:
        raise invalid(f"LifecycleActionResult must be one of {list(RESULTS)}, not {result}.")
    with call.write() as tx:
        member, _ = _waiting(tx, call, request)
        _answer(tx, call, member, request["LifecycleHookName"], result)
    return {}


@operation(resource=by_group)
def record_lifecycle_action_heartbeat(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RecordLifecycleActionHeartbeat: its timeout begins anew. Raises ValidationError."""
    with call.write() as tx:
        member, action = _waiting(tx, call, request)
        action.deadline = call.now() + action.timeout
        MEMBERS.put(tx, call.scope, member)
        wake_member(tx, call.scope, member, min(action.deadline, action.final))
    return {}


@operation()
def describe_lifecycle_hook_types(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeLifecycleHookTypes."""
    return {"LifecycleHookTypes": list(TRANSITIONS)}
