"""What state an alarm should have, by the last periods of its metric."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from haneul.kit.instants import iso8601
from haneul.service import Call
from haneul.services.cloudwatch.maths.functions import Series
from haneul.services.cloudwatch.state import Alarm
from haneul.services.cloudwatch.statistics import Computation

Verdict = tuple[str, str, str]
"""State, reason, reason data (JSON)."""
_EXTRA = 2
"""Periods further back that stand in for missing ones."""
_COMPARE: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (lambda value, bound: value > bound, "greater than"),
    "GreaterThanOrEqualToThreshold": (lambda value, bound: value >= bound, "greater than or equal to"),
    "LessThanThreshold": (lambda value, bound: value < bound, "less than"),
    "LessThanOrEqualToThreshold": (lambda value, bound: value <= bound, "less than or equal to"),
}


def queries_of(settings: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], str]:
    """The queries behind an alarm, and the id of the one that counts."""
    if "Metrics" in settings:
        queries = settings["Metrics"]
        return queries, next(query["Id"] for query in queries if query.get("ReturnData", True))
    stat = {
        "Metric": {
            "Namespace": settings["Namespace"],
            "MetricName": settings["MetricName"],
            "Dimensions": settings.get("Dimensions") or [],
        },
        "Period": settings["Period"],
        "Stat": settings.get("Statistic") or settings.get("ExtendedStatistic"),
        "Unit": settings.get("Unit"),
    }
    return [{"Id": "m1", "MetricStat": stat}], "m1"


def period_of(call: Call, alarm: Alarm) -> int:
    queries, identity = queries_of(alarm.settings)
    with call.read() as tx:
        return Computation(call, tx, queries, 0, 1).period_of(identity)


def evaluate(call: Call, alarm: Alarm) -> Verdict | None:
    """The verdict now; None when the alarm keeps its state."""
    settings = alarm.settings
    queries, identity = queries_of(settings)
    period = period_of(call, alarm)
    count = settings["EvaluationPeriods"]
    end = int(call.now()) // period * period + period
    start = end - period * (count + _EXTRA + 1)
    with call.read() as tx:
        value = Computation(call, tx, queries, start, end).value(identity)
    series: Series = value if isinstance(value, dict) else value[0] if isinstance(value, list) and value else {}
    # A threshold that is crossed already in the period under way needn't wait for its end; one from below must.
    upward = (settings.get("ComparisonOperator") or "Greater").startswith("Greater")
    newest = end - period if upward and end - period in series else end - 2 * period
    places = [newest - period * back for back in range(count + _EXTRA)]
    chosen = [(place, series[place]) for place in places if place in series][:count]
    data = _data(settings, chosen, period)
    state = _state(settings, [value for _, value in chosen], count)
    return None if state is None else (state, _reason(settings, state, chosen, count), data)


def _state(settings: Mapping[str, Any], values: list[float], count: int) -> str | None:
    """The state by the values of the last periods that had one; None: as it was."""
    compare, _ = _COMPARE[settings.get("ComparisonOperator") or "GreaterThanThreshold"]
    threshold = float(settings.get("Threshold") or 0.0)
    needed = settings.get("DatapointsToAlarm") or count
    treatment = settings.get("TreatMissingData") or "missing"
    breaching = sum(1 for value in values if compare(value, threshold))
    missing = count - len(values)
    if breaching >= needed or (treatment == "breaching" and breaching + missing >= needed):
        return "ALARM"
    if not missing or treatment in ("breaching", "notBreaching"):
        return "OK"
    if treatment == "ignore":
        return "OK" if len(values) - breaching > count - needed else None
    if not values:
        return "INSUFFICIENT_DATA"
    return "ALARM" if breaching == len(values) else "OK"


def _reason(settings: Mapping[str, Any], state: str, chosen: list[tuple[int, float]], count: int) -> str:
    """Why, in AWS's words."""
    compare, words = _COMPARE[settings.get("ComparisonOperator") or "GreaterThanThreshold"]
    threshold = float(settings.get("Threshold") or 0.0)
    if state == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {count} {'datapoint was' if count == 1 else 'datapoints were'} unknown."
    if not chosen:
        treated = "Breaching" if state == "ALARM" else "NonBreaching"
        return (
            f"Threshold Crossed: no datapoints were received for {_periods(count)} and {_missing(count)} "
            f"treated as [{treated}]."
        )
    needed = settings.get("DatapointsToAlarm")
    if state == "ALARM":
        crossed = [(time, value) for time, value in chosen if compare(value, threshold)]
        if needed:
            return (
                f"Threshold Crossed: {len(crossed)} out of the last {count} datapoints [{_listed(crossed)}] "
                f"{_were(crossed)} {words} the threshold ({threshold}) (minimum {needed} "
                f"{'datapoint' if needed == 1 else 'datapoints'} for OK -> ALARM transition)."
            )
        chosen = crossed or chosen
    number = "1 datapoint" if len(chosen) == 1 else f"{len(chosen)} datapoints"
    verb = _were(chosen) if state == "ALARM" else f"{_were(chosen)} not"
    return f"Threshold Crossed: {number} [{_listed(chosen)}] {verb} {words} the threshold ({threshold})."


def _listed(chosen: list[tuple[int, float]]) -> str:
    return ", ".join(f"{value} ({_date(time)})" for time, value in chosen)


def _were(chosen: list[tuple[int, float]]) -> str:
    return "was" if len(chosen) == 1 else "were"


def _periods(count: int) -> str:
    return "1 period" if count == 1 else f"{count} periods"


def _missing(count: int) -> str:
    return "1 missing datapoint was" if count == 1 else f"{count} missing datapoints were"


def _date(time: int) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%d/%m/%y %H:%M:%S}"


def _data(settings: Mapping[str, Any], chosen: list[tuple[int, float]], period: int) -> str:
    return json.dumps(
        {
            "version": "1.0",
            "queryDate": None if not chosen else _stamp(chosen[0][0]),
            "startDate": None if not chosen else _stamp(chosen[-1][0]),
            "statistic": settings.get("Statistic") or settings.get("ExtendedStatistic"),
            "period": period,
            "recentDatapoints": [value for _, value in reversed(chosen)],
            "threshold": settings.get("Threshold"),
            "evaluatedDatapoints": [{"timestamp": _stamp(time), "value": value} for time, value in chosen],
        }
    )


def _stamp(time: int) -> str:
    return iso8601(time).replace("Z", "+0000")
