"""Costs and usage over a span of time, and a forecast from them."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from haneul.metering.bill import Line, bills, lines
from haneul.metering.names import service_name
from haneul.service import Call, operation
from haneul.services.ce.errors import errors

HOUR = 3600
_METRICS = frozenset(
    {
        *("AmortizedCost", "BlendedCost", "NetAmortizedCost", "NetUnblendedCost", "UnblendedCost"),
        *("UsageQuantity", "NormalizedUsageAmount"),
    }
)
DIMENSIONS: Mapping[str, Callable[[Line], str]] = {
    "SERVICE": lambda line: service_name(line.service, line.type),
    "USAGE_TYPE": lambda line: line.type,
    "OPERATION": lambda line: line.operation,
    "REGION": lambda line: "global" if line.region == "aws-global" else line.region,
    "LINKED_ACCOUNT": lambda line: line.account,
}
"""Dimension -> what a line of the bill says about it."""


class Period(NamedTuple):
    """[start, end) in epoch hours, and as AWS writes them."""

    start: int
    end: int
    shown: dict[str, str]


@operation()
async def get_cost_and_usage(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetCostAndUsage. Raises ValidationException, DataUnavailableException."""
    metrics = request.get("Metrics") or []
    if not metrics:
        raise errors.ValidationException("Metrics should be present and not be empty")
    unknown = [metric for metric in metrics if metric not in _METRICS]
    if unknown:
        raise errors.ValidationException(f"Invalid metric {unknown[0]}")
    groups = request.get("GroupBy") or []
    if len(groups) > 2:
        raise errors.ValidationException("The maximum number of GroupBy is 2")
    for group in groups:
        if group.get("Type") != "DIMENSION" or group.get("Key") not in DIMENSIONS:
            raise errors.ValidationException(f"Group Definition {group.get('Key')} is invalid")
    spans = list(periods(interval(request), request.get("Granularity") or "DAILY"))
    found = await asyncio.to_thread(_bills, call, spans, request.get("Filter"))
    keys = [group["Key"] for group in groups]
    results = [_result(period, bill, metrics, keys) for period, bill in zip(spans, found, strict=True)]
    return {
        "GroupDefinitions": groups or None,
        "ResultsByTime": results,
        "DimensionValueAttributes": [],
    }


@operation()
def get_cost_forecast(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetCostForecast: the mean hourly cost of the last 30 days, carried on."""
    return _forecast(call, request, lambda line: line.cost, "USD")


@operation()
def get_usage_forecast(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetUsageForecast, likewise."""
    return _forecast(call, request, lambda line: line.quantity, "N/A")


def interval(request: Mapping[str, Any]) -> tuple[datetime.datetime, datetime.datetime]:
    """Start and end (exclusive) of a request's TimePeriod, UTC."""
    period = request.get("TimePeriod") or {}
    start, end = _moment(period.get("Start")), _moment(period.get("End"))
    if start >= end:
        raise errors.ValidationException("Start date (and hour) should be before end date (and hour)")
    return start, end


def _bills(call: Call, spans: list[Period], wanted: Mapping[str, Any] | None) -> list[list[Line]]:
    """What each period's bill has that passes the filter: from one reading, which may take a while."""
    until = int(call.now()) // HOUR + 1  # what is stored now costs nothing yet in hours to come
    hours = [(period.start, min(period.end, until)) for period in spans]
    with call.read() as tx:
        found = bills(tx, [call.account], hours, call.cloud.config.free_tier, True)
    return [[line for line in bill if matches(wanted, line)] for bill in found]


def matches(expression: Mapping[str, Any] | None, line: Line) -> bool:
    """Whether a line passes a Filter. Raises ValidationException for what isn't one."""
    if not expression:
        return True
    if "Or" in expression:
        return any(matches(part, line) for part in expression["Or"])
    if "And" in expression:
        return all(matches(part, line) for part in expression["And"])
    if "Not" in expression:
        return not matches(expression["Not"], line)
    if "Tags" in expression or "CostCategories" in expression:
        return False
    dimension = expression.get("Dimensions") or {}
    read = DIMENSIONS.get(dimension.get("Key", ""))
    if read is None:
        raise errors.ValidationException(f"Invalid dimension {dimension.get('Key')}")
    return read(line) in (dimension.get("Values") or [])


def periods(span: tuple[datetime.datetime, datetime.datetime], granularity: str) -> Iterator[Period]:
    """The span cut at hours, days or months."""
    start, end = span
    while start < end:
        stop = min(end, _next(start, granularity))
        form = "%Y-%m-%dT%H:%M:%SZ" if granularity == "HOURLY" else "%Y-%m-%d"
        shown = {"Start": start.strftime(form), "End": stop.strftime(form)}
        yield Period(int(start.timestamp()) // HOUR, int(stop.timestamp()) // HOUR, shown)
        start = stop


def _next(moment: datetime.datetime, granularity: str) -> datetime.datetime:
    if granularity == "HOURLY":
        return moment + datetime.timedelta(hours=1)
    if granularity == "DAILY":
        return moment + datetime.timedelta(days=1)
    if granularity != "MONTHLY":
        raise errors.ValidationException(f"Invalid granularity {granularity}")
    return (moment.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)


def _moment(text: str | None) -> datetime.datetime:
    try:
        moment = datetime.datetime.fromisoformat((text or "").replace("Z", "+00:00"))
    except ValueError:
        raise errors.ValidationException(f"Invalid date {text}: use YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.UTC)


def _result(period: Period, bill: list[Line], metrics: list[str], keys: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {"TimePeriod": period.shown, "Estimated": True, "Groups": [], "Total": {}}
    if not keys:
        result["Total"] = _amounts(bill, metrics)
        return result
    grouped: dict[tuple[str, ...], list[Line]] = {}
    for line in bill:
        grouped.setdefault(tuple(DIMENSIONS[key](line) for key in keys), []).append(line)
    result["Groups"] = [
        {"Keys": list(names), "Metrics": _amounts(grouped[names], metrics)} for names in sorted(grouped)
    ]
    return result


def _amounts(bill: list[Line], metrics: list[str]) -> dict[str, Any]:
    cost = sum((line.cost for line in bill), Decimal(0))
    quantity = sum((line.quantity for line in bill), Decimal(0))
    units = {line.unit for line in bill}
    amounts = {}
    for metric in metrics:
        if metric in ("UsageQuantity", "NormalizedUsageAmount"):
            amounts[metric] = {"Amount": _text(quantity), "Unit": units.pop() if len(units) == 1 else "N/A"}
        else:
            amounts[metric] = {"Amount": _text(cost), "Unit": "USD"}
    return amounts


def _forecast(call: Call, request: Mapping[str, Any], read: Callable[[Line], Decimal], unit: str) -> dict[str, Any]:
    span = interval(request)
    now = int(call.now()) // HOUR
    with call.read() as tx:
        past = lines(tx, [call.account], now - 30 * 24, now, False)
    hourly = sum((read(line) for line in past if matches(request.get("Filter"), line)), Decimal(0)) / (30 * 24)
    rows = []
    total = Decimal(0)
    for period in periods(span, request.get("Granularity") or "MONTHLY"):
        amount = hourly * (period.end - period.start)
        total += amount
        rows.append({"TimePeriod": period.shown, "MeanValue": _text(amount)})
    return {"Total": {"Amount": _text(total), "Unit": unit}, "ForecastResultsByTime": rows}


def _text(amount: Decimal) -> str:
    return f"{amount:.10f}"
