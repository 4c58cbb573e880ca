"""An alarm's state changes: what is noted, who is told, and which composite alarms follow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.kit.instants import iso8601
from haneul.service import Call, Scope
from haneul.services.cloudwatch.histories import note
from haneul.services.cloudwatch.rules import RuleError, compile_rule
from haneul.services.cloudwatch.state import ALARMS, Alarm, Pending
from haneul.state.store import Writer

ROUNDS = 20
"""Composite alarms over composite alarms: how deep a change goes."""
_ACTIONS = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
_REGIONS = {
    "us-east-1": "US East (N. Virginia)",
    "us-east-2": "US East (Ohio)",
    "us-west-1": "US West (N. California)",
    "us-west-2": "US West (Oregon)",
    "eu-west-1": "EU (Ireland)",
    "eu-central-1": "EU (Frankfurt)",
    "ap-northeast-1": "Asia Pacific (Tokyo)",
    "ap-northeast-2": "Asia Pacific (Seoul)",
}


def alarm_arn(scope: Scope, name: str) -> str:
    return f"arn:aws:cloudwatch:{scope.region}:{scope.account}:alarm:{name}"


def transition(tx: Writer, call: Call, alarm: Alarm, state: str, reason: str, data: str | None) -> bool:
    """Give an alarm a state (and write it); True when it is another one than before."""
    before, now = alarm.state, call.now()
    changed = before != state
    old_reason = alarm.reason
    alarm.state, alarm.reason, alarm.data, alarm.updated = state, reason, data, now
    if changed:
        alarm.transitioned = now
        told = {
            "version": "1.0",
            "oldState": {"stateValue": before, "stateReason": old_reason},
            "newState": {"stateValue": state, "stateReason": reason},
        }
        note(tx, call, alarm, "StateUpdate", f"Alarm updated from {before} to {state}", told)
        alarm.pending = [*alarm.pending, _pending(call, alarm, before)]
        converge.wake(tx, "cloudwatch.alarm", call.scope, (alarm.name,), now)
    ALARMS.put(tx, call.scope, alarm)
    return changed


def _pending(call: Call, alarm: Alarm, before: str) -> Pending:
    settings = alarm.settings
    actions = list(settings.get(_ACTIONS[alarm.state]) or ()) if settings.get("ActionsEnabled", True) else []
    region = _REGIONS.get(call.region, call.region)
    message: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmDescription": settings.get("AlarmDescription"),
        "AWSAccountId": call.account,
        "AlarmConfigurationUpdatedTimestamp": _stamp(alarm.configured),
        "NewStateValue": alarm.state,
        "NewStateReason": alarm.reason,
        "StateChangeTime": _stamp(alarm.updated),
        "Region": region,
        "AlarmArn": alarm_arn(call.scope, alarm.name),
        "OldStateValue": before,
        "OKActions": settings.get("OKActions") or [],
        "AlarmActions": settings.get("AlarmActions") or [],
        "InsufficientDataActions": settings.get("InsufficientDataActions") or [],
    }
    if alarm.composite:
        message["AlarmRule"] = settings["AlarmRule"]
    else:
        message["Trigger"] = _trigger(settings)
    return Pending(
        actions=actions, subject=f'{alarm.state}: "{alarm.name}" in {region}'[:100], message=json.dumps(message)
    )


def _stamp(time: float) -> str:
    return iso8601(time).replace("Z", "+0000")


def _trigger(settings: Mapping[str, Any]) -> dict[str, Any]:
    trigger: dict[str, Any] = {
        "Period": settings.get("Period", 0),
        "EvaluationPeriods": settings.get("EvaluationPeriods"),
        "DatapointsToAlarm": settings.get("DatapointsToAlarm"),
        "ComparisonOperator": settings.get("ComparisonOperator"),
        "Threshold": settings.get("Threshold"),
        "TreatMissingData": settings.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": settings.get("EvaluateLowSampleCountPercentile") or "",
    }
    if trigger["DatapointsToAlarm"] is None:
        del trigger["DatapointsToAlarm"]
    if "Metrics" in settings:
        return {**trigger, "Metrics": settings["Metrics"]}
    return {
        "MetricName": settings.get("MetricName"),
        "Namespace": settings.get("Namespace"),
        "StatisticType": "ExtendedStatistic" if settings.get("ExtendedStatistic") else "Statistic",
        "Statistic": str(settings.get("ExtendedStatistic") or settings.get("Statistic") or "").upper(),
        "Unit": settings.get("Unit"),
        "Dimensions": [{"value": one["Value"], "name": one["Name"]} for one in settings.get("Dimensions") or ()],
        **trigger,
    }


def settle_composites(tx: Writer, call: Call) -> None:
    """Compute every composite alarm anew until none changes any more."""
    for _ in range(ROUNDS):
        rows = list(ALARMS.scan(tx, call.scope))
        states = {alarm.name: alarm.state for alarm in rows}
        changed = False
        for alarm in rows:
            if not alarm.composite:
                continue
            try:
                holds = compile_rule(alarm.settings["AlarmRule"])(states)
            except RuleError:
                continue
            state = "ALARM" if holds else "OK"
            if state != alarm.state:
                rule = alarm.settings["AlarmRule"]
                reason = f"{alarm_arn(call.scope, alarm.name)} transitioned to {state} by its rule {rule}"
                changed = transition(tx, call, alarm, state, reason[:1023], None) or changed
        if not changed:
            return
