"""Metric alarms: put, describe, set, switch, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.converge.timers import settle
from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.cloudwatch.errors import errors, invalid, missing, validation
from haneul.services.cloudwatch.histories import note
from haneul.services.cloudwatch.metrics import key_of
from haneul.services.cloudwatch.plane import stats
from haneul.services.cloudwatch.state import ALARMS, HISTORIES, Alarm
from haneul.services.cloudwatch.statistics import Computation, check_period
from haneul.services.cloudwatch.transitions import alarm_arn, settle_composites, transition

PAGE = 100
_METRIC_MEMBERS = (
    "AlarmDescription",
    "ActionsEnabled",
    "OKActions",
    "AlarmActions",
    "InsufficientDataActions",
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Dimensions",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
    "Metrics",
    "ThresholdMetricId",
)


def by_alarm(call: Call, request: Mapping[str, Any]) -> str:
    return alarm_arn(call.scope, request["AlarmName"])


def by_alarms(call: Call, request: Mapping[str, Any]) -> list[str]:
    return [alarm_arn(call.scope, name) for name in request["AlarmNames"]]


@operation(resource=by_alarm)
def put_metric_alarm(call: Call, request: Mapping[str, Any]) -> None:
    """PutMetricAlarm: a new alarm starts without data; a known one keeps its state."""
    _check(call, request)
    settings = {name: request[name] for name in _METRIC_MEMBERS if request.get(name) is not None}
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()}
    store(call, request["AlarmName"], settings, tags, composite=False)


def store(call: Call, name: str, settings: dict[str, Any], tags: dict[str, str], *, composite: bool) -> None:
    """Write an alarm and have it looked at."""
    settings.setdefault("ActionsEnabled", True)
    for member in ("OKActions", "AlarmActions", "InsufficientDataActions"):
        settings.setdefault(member, [])
    now = call.now()
    with call.write() as tx:
        alarm = ALARMS.get(tx, call.scope, name)
        if alarm is None or alarm.composite != composite:
            alarm = Alarm(
                name=name,
                settings=settings,
                configured=now,
                composite=composite,
                updated=now,
                transitioned=now,
                tags=tags,
            )
            note(tx, call, alarm, "ConfigurationUpdate", f'Alarm "{name}" created')
        else:
            alarm.settings, alarm.configured = settings, now
            note(tx, call, alarm, "ConfigurationUpdate", f'Alarm "{name}" updated')
        ALARMS.put(tx, call.scope, alarm)
        if composite:
            settle_composites(tx, call)
        else:
            converge.wake(tx, "cloudwatch.alarm", call.scope, (name,), now)


def _check(call: Call, request: Mapping[str, Any]) -> None:
    if not request.get("EvaluationPeriods") and request.get("EvaluationPeriods") != 0:
        raise missing("The parameter EvaluationPeriods is required.")
    for name in ("EvaluationPeriods", "DatapointsToAlarm"):
        if request.get(name) is not None and request[name] < 1:
            raise validation(f"The parameter {name} must be greater than or equal to 1.")
    if (request.get("DatapointsToAlarm") or 0) > request["EvaluationPeriods"]:
        raise validation("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
    if request.get("TreatMissingData") not in (None, "breaching", "notBreaching", "ignore", "missing"):
        raise validation(
            f"1 validation error detected: Value '{request['TreatMissingData']}' at 'treatMissingData' failed to "
            "satisfy constraint: Member must satisfy enum value set: [breaching, notBreaching, ignore, missing]"
        )
    queries = request.get("Metrics")
    if queries:
        if request.get("MetricName"):
            raise validation("Metrics list cannot be used together with MetricName.")
        with call.read() as tx:
            Computation(call, tx, queries, 0, 1).check()
        if sum(1 for query in queries if query.get("ReturnData", True)) != 1:
            raise validation("Exactly one element of the metrics list should return data.")
        return
    if request.get("ComparisonOperator") is None:
        raise missing("The parameter ComparisonOperator is required.")
    for name in ("MetricName", "Namespace", "Period"):
        if not request.get(name):
            raise validation(f"The parameter {name} is required.")
    if request.get("Threshold") is None:
        raise validation("The parameter Threshold is required.")
    if bool(request.get("Statistic")) == bool(request.get("ExtendedStatistic")):
        raise validation("Exactly one of Statistic and ExtendedStatistic must be specified.")
    if (extended := request.get("ExtendedStatistic")) and not stats.is_stat(extended):
        raise invalid(f"The value {extended} for parameter ExtendedStatistic is not supported.")
    if (few := request.get("EvaluateLowSampleCountPercentile")) not in (None, "", "evaluate", "ignore"):
        raise validation(
            f"Option {few} is not supported. "
            "Supported options for parameter EvaluateLowSampleCountPercentile are evaluate and ignore."
        )
    check_period(request["Period"])


def describe(scope: Scope, alarm: Alarm) -> dict[str, Any]:
    """An alarm as DescribeAlarms tells it."""
    described: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmArn": alarm_arn(scope, alarm.name),
        "AlarmConfigurationUpdatedTimestamp": alarm.configured,
        "StateValue": alarm.state,
        "StateReason": alarm.reason,
        "StateReasonData": alarm.data,
        "StateUpdatedTimestamp": alarm.updated,
        "StateTransitionedTimestamp": alarm.transitioned,
        **alarm.settings,
    }
    if not alarm.composite and "Metrics" not in alarm.settings:
        described.setdefault("Dimensions", [])
    return described


@operation(resource=lambda call, request: alarm_arn(call.scope, "*"))
def describe_alarms(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeAlarms: metric alarms, unless AlarmTypes says which."""
    kinds = request.get("AlarmTypes") or ["MetricAlarm"]
    names, prefix = request.get("AlarmNames"), request.get("AlarmNamePrefix") or ""
    if names and prefix:
        raise validation("AlarmNames and AlarmNamePrefix can't be specified together.")
    limit, after = request.get("MaxRecords") or PAGE, _open(request.get("NextToken"))
    with call.read() as tx:
        rows = list(ALARMS.scan(tx, call.scope, after_key=(after,) if after else None))
    chosen = [alarm for alarm in rows if _wanted(alarm, request, kinds, names, prefix)]
    result: dict[str, Any] = {"MetricAlarms": [], "CompositeAlarms": []}
    for alarm in chosen[:limit]:
        result["CompositeAlarms" if alarm.composite else "MetricAlarms"].append(describe(call.scope, alarm))
    if len(chosen) > limit:
        result["NextToken"] = tokens.seal_page(chosen[limit - 1].name)
    return result


def _wanted(alarm: Alarm, request: Mapping[str, Any], kinds: Any, names: Any, prefix: str) -> bool:
    if ("CompositeAlarm" if alarm.composite else "MetricAlarm") not in kinds:
        return False
    if (names and alarm.name not in names) or not alarm.name.startswith(prefix):
        return False
    if request.get("StateValue") not in (None, alarm.state):
        return False
    if action := request.get("ActionPrefix"):
        members = ("OKActions", "AlarmActions", "InsufficientDataActions")
        return any(arn.startswith(action) for member in members for arn in alarm.settings.get(member) or ())
    return True


def _open(token: str | None) -> str:
    if not token:
        return ""
    position = tokens.open_page(token)
    if not position or not isinstance(position[0], str):
        raise errors.InvalidNextToken("The token is invalid.")
    return position[0]


@operation()
def describe_alarms_for_metric(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeAlarmsForMetric."""
    wanted = key_of(request.get("Dimensions"))[0]
    with call.read() as tx:
        rows = list(ALARMS.scan(tx, call.scope))
    found = []
    for alarm in rows:
        held = alarm.settings
        if alarm.composite or (held.get("Namespace"), held.get("MetricName")) != (
            request["Namespace"],
            request["MetricName"],
        ):
            continue
        if key_of(held.get("Dimensions"))[0] != wanted:
            continue
        optional = ("Statistic", "ExtendedStatistic", "Period", "Unit")
        if all(request.get(name) in (None, held.get(name)) for name in optional):
            found.append(describe(call.scope, alarm))
    return {"MetricAlarms": found}


@operation(resource=by_alarm)
def set_alarm_state(call: Call, request: Mapping[str, Any]) -> None:
    """SetAlarmState: until the next evaluation says otherwise; its actions run."""
    with call.write() as tx:
        alarm = ALARMS.get(tx, call.scope, request["AlarmName"])
        if alarm is None:
            raise errors.ResourceNotFound("Unknown")
        transition(tx, call, alarm, request["StateValue"], request["StateReason"], request.get("StateReasonData"))
        settle_composites(tx, call)


@operation(resource=by_alarms)
def enable_alarm_actions(call: Call, request: Mapping[str, Any]) -> None:
    """EnableAlarmActions."""
    _switch(call, request, enabled=True)


@operation(resource=by_alarms)
def disable_alarm_actions(call: Call, request: Mapping[str, Any]) -> None:
    """DisableAlarmActions."""
    _switch(call, request, enabled=False)


def _switch(call: Call, request: Mapping[str, Any], *, enabled: bool) -> None:
    with call.write() as tx:
        for name in request["AlarmNames"]:
            alarm = ALARMS.get(tx, call.scope, name)
            if alarm is not None:
                alarm.settings = {**alarm.settings, "ActionsEnabled": enabled}
                ALARMS.put(tx, call.scope, alarm)


@operation(resource=by_alarms)
def delete_alarms(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteAlarms. When one isn't there none is deleted, and nothing is said."""
    with call.write() as tx:
        if any(ALARMS.get(tx, call.scope, name) is None for name in request["AlarmNames"]):
            return
        for name in request["AlarmNames"]:
            ALARMS.delete(tx, call.scope, name)
            HISTORIES.delete_all(tx, call.scope, name)
            settle(tx, "cloudwatch.alarm", call.scope, (name,))
