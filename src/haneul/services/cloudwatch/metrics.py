"""Metrics: put data, and list what there is."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any

from haneul import converge
from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.cloudwatch.errors import combination, invalid, missing
from haneul.services.cloudwatch.plane import points
from haneul.services.cloudwatch.plane.points import Bucket, bucket_of
from haneul.services.cloudwatch.state import METRICS, Metric
from haneul.state.store import Reader, Writer

UNITS = (
    "None", "Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes",
    "Bits", "Kilobits", "Megabits", "Gigabits", "Terabits", "Percent", "Count", "Bytes/Second", "Kilobytes/Second",
    "Megabytes/Second", "Gigabytes/Second", "Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second",
    "Gigabits/Second", "Terabits/Second", "Count/Second",
)  # fmt: skip
"""By their place in this list a unit is known in the store: only ever add at the end."""
_UNIT_NUMBERS = {unit: number for number, unit in enumerate(UNITS)}
OLDEST, NEWEST = 14 * 86_400, 2 * 3600
LISTED = 500
PIECE = 50
"""Data stored in one go on the event loop."""
ACTIVE = 3 * 3600
SWEEP_EVERY = 86_400.0
_NUMBER = b"cw/n"


def unit_number(unit: str | None) -> int:
    return _UNIT_NUMBERS.get(unit or "None", 0)


def key_of(dimensions: Iterable[Mapping[str, str]] | None) -> tuple[str, list[tuple[str, str]]]:
    """Dimensions as the text that tells metrics apart, and as pairs in the order of names."""
    pairs = sorted((one["Name"], one["Value"]) for one in dimensions or ())
    return "\x01".join(f"{name}\x02{value}" for name, value in pairs), pairs


def find(tx: Reader, scope: Scope, namespace: str, name: str, dimensions: Any) -> Metric | None:
    return METRICS.get(tx, scope, namespace, name, key_of(dimensions)[0])


@operation()
def put_metric_data(call: Call, request: Mapping[str, Any]) -> Awaitable[None] | None:
    """PutMetricData: up to a thousand data; they count at once. Many are stored piece by piece."""
    data: Sequence[Mapping[str, Any]] = request.get("MetricData") or ()
    for entity in request.get("EntityMetricData") or ():
        data = [*data, *(entity.get("MetricData") or ())]
    if not data:
        raise missing("The parameter MetricData is required.")
    if len(data) > 1000:
        raise invalid("The collection MetricData must not have a size greater than 1000.")
    namespace, now = request["Namespace"], call.now()
    made = [_bucket(number, datum, now) for number, datum in enumerate(data, 1)]
    pairs = list(zip(data, made, strict=True))
    if len(pairs) > PIECE:
        return _store_pieces(call, namespace, pairs, now)
    with call.write() as tx:
        for datum, bucket in pairs:
            _store(tx, call, namespace, datum, bucket, now)
    return None


async def _store_pieces(
    call: Call, namespace: str, pairs: Sequence[tuple[Mapping[str, Any], Bucket]], now: float
) -> None:
    for start in range(0, len(pairs), PIECE):

        def store(tx: Writer, piece: Sequence[tuple[Mapping[str, Any], Bucket]] = pairs[start : start + PIECE]) -> None:
            for datum, bucket in piece:
                _store(tx, call, namespace, datum, bucket, now)

        await call.transact(store)
        await asyncio.sleep(0)  # others have their turn between two pieces


def _bucket(number: int, datum: Mapping[str, Any], now: float) -> Bucket:
    """A datum's values. Raises what AWS raises for one that can't be."""
    at = f"MetricData.member.{number}"
    given = [name for name in ("Value", "StatisticValues", "Values") if datum.get(name) is not None]
    if len(given) > 1:
        raise combination(
            f"The parameters {at}.{given[0]} and {at}.{given[1]} are mutually exclusive and you have specified both."
        )
    if not given:
        raise missing(
            f"At least one of the parameters must be specified: {at}.Value, {at}.StatisticValues or {at}.Values."
        )
    if len(datum.get("Dimensions") or ()) > 30:
        raise invalid(f"The collection {at}.Dimensions must not have a size greater than 30.")
    time = datum.get("Timestamp")
    if time is not None and not now - OLDEST <= time <= now + NEWEST:
        raise invalid(
            f"The parameter {at}.Timestamp must specify a time within the past two weeks and no more than two hours "
            "in the future."
        )
    if "Value" in given:
        _check(f"{at}.Value", datum["Value"])
        return bucket_of({float(datum["Value"]): 1.0})
    if "StatisticValues" in given:
        held = datum["StatisticValues"]
        count, total, low, high = (float(held[name]) for name in ("SampleCount", "Sum", "Minimum", "Maximum"))
        for name, value in held.items():
            _check(f"{at}.StatisticValues.{name}", value)
        return Bucket(count, total, low, high, {low: count} if low == high else None)
    values, counts = datum["Values"], datum.get("Counts") or [1.0] * len(datum["Values"])
    if len(values) != len(counts):
        raise invalid(f"The parameters {at}.Values and {at}.Counts must be of the same size.")
    if len(values) > 150:
        raise invalid(f"The collection {at}.Values must not have a size greater than 150.")
    seen: dict[float, float] = {}
    for value, count in zip(values, counts, strict=True):
        _check(f"{at}.Values", value)
        seen[float(value)] = seen.get(float(value), 0.0) + float(count)
    if not seen:
        raise missing(f"The parameter {at}.Values is required.")
    return bucket_of(seen)


def _check(parameter: str, value: float) -> None:
    if not math.isfinite(value):
        shown = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        raise invalid(f"The value {shown} for parameter {parameter} is invalid.")


def _store(tx: Writer, call: Call, namespace: str, datum: Mapping[str, Any], bucket: Bucket, now: float) -> None:
    dimensions, pairs = key_of(datum.get("Dimensions"))
    name = datum["MetricName"]
    metric = METRICS.get(tx, call.scope, namespace, name, dimensions)
    time = datum.get("Timestamp")
    time = now if time is None else time
    if metric is None:
        metric = Metric(
            namespace=namespace, name=name, dimensions=dimensions, number=_next_number(tx), pairs=pairs, newest=time
        )
        METRICS.put(tx, call.scope, metric)
        converge.wake(tx, "cloudwatch.metric", call.scope, (namespace, name, dimensions), now + SWEEP_EVERY)
    elif time > metric.newest + 60:
        metric.newest = time
        METRICS.put(tx, call.scope, metric)
    resolution = 1 if datum.get("StorageResolution") == 1 else 60
    points.put(tx, metric.number, int(time), resolution, unit_number(datum.get("Unit")), bucket)


def _next_number(tx: Writer) -> int:
    value = tx.get(_NUMBER)
    number = (int.from_bytes(value, "big") if value else 0) + 1
    tx.put(_NUMBER, number.to_bytes(8, "big"))
    return number


@operation()
def list_metrics(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListMetrics that had data within two weeks, by namespace, name and dimensions."""
    namespace, name = request.get("Namespace"), request.get("MetricName")
    wanted = [(one["Name"], one.get("Value")) for one in request.get("Dimensions") or ()]
    since = call.now() - (ACTIVE if request.get("RecentlyActive") else OLDEST)
    after = _open(request.get("NextToken"))
    found: list[Metric] = []
    with call.read() as tx:
        for metric in METRICS.scan(tx, call.scope, after_key=after):
            if namespace not in (None, metric.namespace) or name not in (None, metric.name) or metric.newest < since:
                continue
            held = dict(metric.pairs)
            if all(dimension in held and value in (None, held[dimension]) for dimension, value in wanted):
                found.append(metric)
                if len(found) > LISTED:
                    break
    result: dict[str, Any] = {"Metrics": [shown(metric) for metric in found[:LISTED]]}
    if len(found) > LISTED:
        last = found[LISTED - 1]
        result["NextToken"] = tokens.seal_page(last.namespace, last.name, last.dimensions)
    return result


def shown(metric: Metric) -> dict[str, Any]:
    return {
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in metric.pairs],
    }


def _open(token: str | None) -> tuple[str | int, ...] | None:
    if not token:
        return None
    position = tokens.open_page(token)
    if position is None or len(position) != 3:
        raise invalid("Request parameter NextToken is invalid")
    return tuple(position)
