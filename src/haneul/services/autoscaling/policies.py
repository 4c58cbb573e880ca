"""Scaling policies: put, describe, execute, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.converge.timers import settle
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.autoscaling import alarming, patience, scaling, tracking
from haneul.services.autoscaling.account import ADJUSTMENTS
from haneul.services.autoscaling.capacity import honour_cooldown
from haneul.services.autoscaling.errors import errors, invalid, not_here
from haneul.services.autoscaling.listing import page
from haneul.services.autoscaling.names import by_group, group_of, policy_arn
from haneul.services.autoscaling.neighbours import ask
from haneul.services.autoscaling.state import GROUPS, POLICIES, Group, Policy
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

LIMIT = 50
KINDS = ("SimpleScaling", "StepScaling", "TargetTrackingScaling", "PredictiveScaling")
_KEPT = {
    "SimpleScaling": ("AdjustmentType", "MinAdjustmentStep", "MinAdjustmentMagnitude", "ScalingAdjustment", "Cooldown"),
    "StepScaling": (
        "AdjustmentType",
        "MinAdjustmentStep",
        "MinAdjustmentMagnitude",
        "StepAdjustments",
        "MetricAggregationType",
        "EstimatedInstanceWarmup",
    ),
    "TargetTrackingScaling": ("TargetTrackingConfiguration", "EstimatedInstanceWarmup"),
}


@operation(resource=by_group)
async def put_scaling_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutScalingPolicy; a target tracking policy makes its alarms. Raises LimitExceeded, ValidationError."""
    kind, settings = _settings(request)
    dropped: list[str] = []

    def put(tx: Writer) -> Policy:
        group = group_of(tx, call.scope, request["AutoScalingGroupName"])
        known = POLICIES.get(tx, call.scope, group.name, request["PolicyName"])
        if known is None and sum(1 for _ in POLICIES.scan(tx, call.scope, group.name)) >= LIMIT:
            raise errors.LimitExceeded(f"The maximum number of scaling policies of an Auto Scaling group is {LIMIT}.")
        row = Policy(
            group=group.name,
            name=request["PolicyName"],
            id=tokens.uuid() if known is None else known.id,
            kind=kind,
            settings=settings,
            enabled=request.get("Enabled", True),
            making=kind == "TargetTrackingScaling",
        )
        if known is not None:
            dropped.extend(set(tracking.alarm_names(known)) - set(tracking.alarm_names(row)))
        POLICIES.put(tx, call.scope, row)
        if row.making:
            wake(tx, "autoscaling.policy", call.scope, (row.group, row.name), call.now() + 2.0)
        return row

    row = await call.transact(put)
    for name in dropped:
        await _drop(call, name)
    if row.making:
        for alarm in tracking.alarms(call.scope, row):
            await ask(call, "cloudwatch", "PutMetricAlarm", alarm)
    arn = policy_arn(call.scope, row.id, row.group, row.name)
    return {"PolicyARN": arn, "Alarms": [_alarm(call, name) for name in tracking.alarm_names(row)]}


def _alarm(call: Call, name: str) -> dict[str, str]:
    return {"AlarmName": name, "AlarmARN": f"arn:aws:cloudwatch:{call.region}:{call.account}:alarm:{name}"}


async def _drop(call: Call, name: str) -> None:
    try:
        await ask(call, "cloudwatch", "DeleteAlarms", {"AlarmNames": [name]})
    except AwsError:
        pass  # somebody else did it


def _settings(request: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The kind of a policy, and what is kept of its members. Raises ValidationError, 501."""
    kind = request.get("PolicyType") or "SimpleScaling"
    if kind not in KINDS:
        raise invalid(f"Policy type {kind} is not valid. Valid values are {list(KINDS)}.")
    if kind == "PredictiveScaling":
        raise not_here("Predictive scaling")
    settings = {name: request[name] for name in _KEPT[kind] if request.get(name) is not None}
    if kind == "TargetTrackingScaling":
        if "TargetTrackingConfiguration" not in settings:
            raise invalid("TargetTrackingConfiguration must be specified for a policy of type TargetTrackingScaling.")
        tracking.check(settings["TargetTrackingConfiguration"])
        tracked = settings["TargetTrackingConfiguration"]
        settings["TargetTrackingConfiguration"] = {"DisableScaleIn": False, **tracked}
        return kind, settings
    if settings.get("AdjustmentType") not in ADJUSTMENTS:
        raise invalid(f"AdjustmentType must be one of {list(ADJUSTMENTS)}, not {settings.get('AdjustmentType')}.")
    if kind == "StepScaling":
        return kind, _stepped(settings)
    if request.get("StepAdjustments"):
        raise invalid("StepAdjustments are not allowed for a policy of type SimpleScaling.")
    if "ScalingAdjustment" not in settings:
        raise invalid("ScalingAdjustment must be specified for a policy of type SimpleScaling.")
    return kind, settings


def _stepped(settings: dict[str, Any]) -> dict[str, Any]:
    if not settings.get("StepAdjustments"):
        raise invalid("One or more step adjustments must be specified for a policy of type StepScaling.")
    wrong = scaling.wrong_steps(settings["StepAdjustments"])
    if wrong:
        raise invalid(f"{wrong}.")
    settings.setdefault("MetricAggregationType", "Average")
    if settings["MetricAggregationType"] not in ("Minimum", "Maximum", "Average"):
        raise invalid("MetricAggregationType must be one of [Minimum, Maximum, Average].")
    return settings


def policy_of(tx: Reader, call: Call, request: Mapping[str, Any]) -> Policy:
    """By its name in a group, or by its ARN. Raises ValidationError."""
    name, group = request["PolicyName"], request.get("AutoScalingGroupName") or ""
    if name.startswith("arn:"):
        group = name.rpartition("autoScalingGroupName/")[2].partition(":")[0]
        name = name.rpartition("policyName/")[2]
    if not group:
        found = [one for one in POLICIES.scan(tx, call.scope) if one.name == name]
        if len(found) > 1:
            raise invalid("AutoScalingGroupName must be specified: several groups have a policy of this name.")
        row = found[0] if found else None
    else:
        row = POLICIES.get(tx, call.scope, group.rpartition("autoScalingGroupName/")[2] or group, name)
    if row is None:
        raise invalid(f"PolicyName not found - policy {name} not found")
    return row


@operation()
async def describe_policies(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribePolicies, with the alarms that lead to them."""
    group, kinds = request.get("AutoScalingGroupName"), set(request.get("PolicyTypes") or ())
    wanted = {one.rpartition("policyName/")[2] or one for one in request.get("PolicyNames") or ()}
    with call.read() as tx:
        if group:
            group = group_of(tx, call.scope, group, dying=True).name
        rows = [
            row
            for row in POLICIES.scan(tx, call.scope, *((group,) if group else ()))
            if (not wanted or row.name in wanted) and (not kinds or row.kind in kinds)
        ]
    leading = await _leading(call)

    def render(row: Policy) -> dict[str, Any]:
        arn = policy_arn(call.scope, row.id, row.group, row.name)
        return {
            "StepAdjustments": [],
            **row.settings,
            "AutoScalingGroupName": row.group,
            "PolicyName": row.name,
            "PolicyARN": arn,
            "PolicyType": row.kind,
            "Enabled": row.enabled,
            "Alarms": [_alarm(call, name) for name in leading.get(arn, [])],
        }

    return page(request, "ScalingPolicies", rows, render)


async def _leading(call: Call) -> dict[str, list[str]]:
    """Policy's ARN -> alarms that have it as an action."""
    found: dict[str, list[str]] = {}
    prefix = f"arn:aws:autoscaling:{call.region}:{call.account}:scalingPolicy:"
    asked: dict[str, Any] = {"ActionPrefix": prefix, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
    while True:
        try:
            answer = await ask(call, "cloudwatch", "DescribeAlarms", asked)
        except AwsError:
            return found
        for alarm in (*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())):
            for arn in alarming.actions_of(alarm):
                found.setdefault(arn, []).append(alarm["AlarmName"])
        if not answer.get("NextToken"):
            return found
        asked["NextToken"] = answer["NextToken"]


@operation(resource=by_group)
async def execute_policy(call: Call, request: Mapping[str, Any]) -> None:
    """ExecutePolicy: by a user at once; an alarm's is judged by the policy's step, which knows the metric. Raises
    ScalingActivityInProgress, ValidationError."""

    def execute(tx: Writer) -> str:
        policy = policy_of(tx, call, request)
        if call.principal.kind == "service":
            wake(tx, "autoscaling.policy", call.scope, (policy.group, policy.name), call.now())
            return ""
        group = group_of(tx, call.scope, policy.group)
        _check_execution(tx, call, group, policy, request)
        value, threshold = request.get("MetricValue"), request.get("BreachThreshold")
        alarming.apply(tx, call, group, policy, value, threshold, f"a user request executed policy {policy.name}")
        GROUPS.put(tx, call.scope, group)
        return group.name

    name = await call.transact(execute)
    if name:
        await patience.begun(call, name)


def _check_execution(tx: Reader, call: Call, group: Group, policy: Policy, request: Mapping[str, Any]) -> None:
    if policy.kind == "TargetTrackingScaling":
        raise invalid("ExecutePolicy is not supported for policies of type TargetTrackingScaling.")
    if not policy.enabled:
        raise invalid(f"The policy {policy.name} is disabled.")
    if policy.kind == "StepScaling":
        if request.get("MetricValue") is None or request.get("BreachThreshold") is None:
            raise invalid("MetricValue and BreachThreshold must be specified for a policy of type StepScaling.")
        breach = request["MetricValue"] - request["BreachThreshold"]
        if scaling.step_for(policy.settings["StepAdjustments"], breach) is None:
            raise invalid("No step adjustment found for the metric value and breach threshold.")
    elif request.get("HonorCooldown"):
        honour_cooldown(tx, call, group)


@operation(resource=by_group)
async def delete_policy(call: Call, request: Mapping[str, Any]) -> None:
    """DeletePolicy; target tracking alarms go with it. Raises ValidationError."""
    with call.read() as tx:
        row = policy_of(tx, call, request)
    for name in tracking.alarm_names(row):
        await _drop(call, name)

    def delete(tx: Writer) -> None:
        POLICIES.delete(tx, call.scope, row.group, row.name)
        settle(tx, "autoscaling.policy", call.scope, (row.group, row.name))

    await call.transact(delete)
