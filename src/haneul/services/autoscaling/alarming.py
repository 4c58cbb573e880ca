"""What alarms make policies do: once when they go off, and again every minute while they last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from haneul.service import Call, Step
from haneul.services.autoscaling import capacity, scaling, selection, tracking
from haneul.services.autoscaling.names import members_of, policy_arn, wake_group
from haneul.services.autoscaling.selection import PENDING, TERMINATING
from haneul.services.autoscaling.state import GROUPS, Group, Member, Policy
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

AGAIN = 60.0
_ACTIONS = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}


def actions_of(alarm: Mapping[str, Any]) -> list[str]:
    return [arn for member in _ACTIONS.values() for arn in alarm.get(member) or ()]


def step_policy(call: Call, row: Policy) -> Step:
    """Make the alarms that are still to be made; then do what those say that are on."""
    if row.making:
        for alarm in tracking.alarms(call.scope, row):
            call.invoke("cloudwatch", "PutMetricAlarm", alarm)
        return Step(msgspec.structs.replace(row, making=False), 0.0)
    alarms = _on(call, row)
    if not alarms or not row.enabled:
        return Step(row)
    for alarm in alarms:
        value = _value(call, alarm)
        with call.write() as tx:
            group = GROUPS.get(tx, call.scope, row.group)
            if group is None or group.status:
                return Step(row)
            if "AlarmNotification" in group.suspended:
                continue
            who = f"a monitor alarm {alarm['AlarmName']} in state {alarm['StateValue']} triggered policy {row.name}"
            if row.kind == "SimpleScaling":
                if _resting(tx, call, group):
                    continue
                apply(tx, call, group, row, None, None, who)
            elif row.kind == "StepScaling":
                if value is None or alarm.get("Threshold") is None:
                    continue
                apply(tx, call, group, row, value, alarm["Threshold"], who)
            elif value is not None:
                _track(tx, call, group, row, value, "-AlarmLow-" in alarm["AlarmName"], who)
            GROUPS.put(tx, call.scope, group)
    return Step(row, AGAIN)


def _on(call: Call, row: Policy) -> list[dict[str, Any]]:
    """The alarms in a state for which this policy is an action."""
    arn = policy_arn(call.scope, row.id, row.group, row.name)
    asked = {"ActionPrefix": arn, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
    answer = call.invoke("cloudwatch", "DescribeAlarms", asked)
    found = [*(answer.get("MetricAlarms") or ()), *(answer.get("CompositeAlarms") or ())]
    return [
        one for one in found if one.get("ActionsEnabled", True) and arn in (one.get(_ACTIONS[one["StateValue"]]) or ())
    ]


def _value(call: Call, alarm: Mapping[str, Any]) -> float | None:
    """The newest value of an alarm's metric: from CloudWatch, or else as the alarm saw it when it went off."""
    if alarm.get("Metrics"):
        queries = list(alarm["Metrics"])
        period = max([one.get("Period") or (one.get("MetricStat") or {}).get("Period") or 60 for one in queries])
    elif alarm.get("MetricName"):
        metric = {name: alarm[name] for name in ("Namespace", "MetricName", "Dimensions") if alarm.get(name)}
        period = alarm["Period"]
        stat = {"Metric": metric, "Period": period, "Stat": alarm.get("Statistic") or alarm.get("ExtendedStatistic")}
        queries = [{"Id": "m1", "MetricStat": stat, "ReturnData": True}]
    else:
        return _seen(alarm)
    span = period * max(3, alarm.get("EvaluationPeriods") or 1)
    now = call.now()
    asked = {"MetricDataQueries": queries, "StartTime": now - span, "EndTime": now + period}
    try:
        answer = call.invoke("cloudwatch", "GetMetricData", {**asked, "ScanBy": "TimestampDescending"})
        values = answer["MetricDataResults"][0]["Values"]
    except (AwsError, KeyError, IndexError):
        values = []
    return float(values[0]) if values else _seen(alarm)


def _seen(alarm: Mapping[str, Any]) -> float | None:
    try:
        points = orjson.loads(alarm.get("StateReasonData") or "{}").get("recentDatapoints") or []
    except ValueError:
        return None
    known = [one for one in points if isinstance(one, int | float)]
    return float(known[-1]) if known else None


def _resting(tx: Writer, call: Call, group: Group) -> bool:
    """A simple policy waits for what is under way, and for the cooldown."""
    moving = any(one.state in (*PENDING, *TERMINATING) for one in members_of(tx, call.scope, group.name))
    return moving or call.now() < group.cooled


def _warming(call: Call, group: Group, policy: Policy, members: list[Member]) -> list[Member]:
    """Instances that count as launched, and don't serve in full yet."""
    seconds = policy.settings.get("EstimatedInstanceWarmup")
    if seconds is None:
        seconds = group.settings.get("DefaultInstanceWarmup", group.settings.get("DefaultCooldown", 300))
    now = call.now()
    return [one for one in members if selection.counts(one) and (one.state in PENDING or now < one.served + seconds)]


def apply(
    tx: Writer, call: Call, group: Group, policy: Policy, value: float | None, threshold: float | None, who: str
) -> None:
    """A simple or step policy changes the desired capacity, within the group's bounds; the group isn't written.
    Instances that warm up don't count on the way up, and hold up the way down."""
    settings = policy.settings
    base, by = group.desired, settings.get("ScalingAdjustment")
    if policy.kind == "StepScaling":
        by = scaling.step_for(settings["StepAdjustments"], (value or 0.0) - (threshold or 0.0))
        if by is None:
            return
        members = members_of(tx, call.scope, group.name)
        warming = _warming(call, group, policy, members)
        ready = group.desired - sum(one.weight for one in warming)
        base = ready if settings["AdjustmentType"] != "ExactCapacity" and by > 0 else base
        if by < 0 and settings["AdjustmentType"] != "ExactCapacity" and warming:
            return
    magnitude = settings.get("MinAdjustmentMagnitude") or settings.get("MinAdjustmentStep")
    wanted = scaling.adjusted(base, settings["AdjustmentType"], int(by or 0), magnitude)
    if policy.kind == "StepScaling" and (by or 0) > 0 and settings["AdjustmentType"] != "ExactCapacity":
        wanted = max(wanted, group.desired)
    before = group.desired
    _settle(tx, call, group, wanted, who)
    if policy.kind == "SimpleScaling" and group.desired != before:
        group.rest = settings.get("Cooldown")
        capacity.cool(group, call.now())


def _track(tx: Writer, call: Call, group: Group, policy: Policy, value: float, low: bool, who: str) -> None:
    """Target tracking: out in proportion, in only when nothing is on its way."""
    members = members_of(tx, call.scope, group.name)
    warming = _warming(call, group, policy, members)
    target = float(policy.settings["TargetTrackingConfiguration"]["TargetValue"])
    serving = selection.capacity(members) - sum(one.weight for one in warming)
    if not low:
        wanted = scaling.towards(max(serving, 1), value, target)
        if wanted > group.desired:
            _settle(tx, call, group, wanted, who)
        return
    if warming or selection.capacity(members) != group.desired:
        return
    wanted = scaling.towards(serving, value, target)
    if wanted < group.desired:
        _settle(tx, call, group, wanted, who)


def _settle(tx: Writer, call: Call, group: Group, wanted: int, who: str) -> None:
    capacity.change(group, max(group.minimum, min(group.maximum, wanted)), call.now(), who)
    wake_group(tx, call.scope, group.name, call.now())
