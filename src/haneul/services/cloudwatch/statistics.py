"""Statistics of metrics: one metric's, and many with maths over them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.cloudwatch.errors import combination, errors, invalid, validation
from haneul.services.cloudwatch.maths import insights
from haneul.services.cloudwatch.maths.expressions import Context, Parsed
from haneul.services.cloudwatch.maths.functions import MathError, Series, Value
from haneul.services.cloudwatch.metrics import UNITS, find, unit_number
from haneul.services.cloudwatch.plane import points, stats
from haneul.services.cloudwatch.plane.points import Bucket
from haneul.services.cloudwatch.selecting import select
from haneul.services.cloudwatch.state import METRICS, Metric
from haneul.state.store import Reader

MOST_POINTS = 1440
MOST_QUERIES = 500
PAGE = 100_800
_SECONDS = frozenset({1, 5, 10, 20, 30})
_ID = re.compile(r"[a-z][a-zA-Z0-9_]*")
_TERM = re.compile(r'(\w+)="([^"]*)"|"([^"]*)"|(\S+)')


def bins(
    tx: Reader, metric: Metric, start: int, end: int, period: int, now: float, unit: str | None
) -> dict[tuple[int, int], Bucket]:
    """(start of a period, unit) -> everything that came in it."""
    units = None if unit is None else (unit_number(unit),)
    found: dict[tuple[int, int], Bucket] = {}
    for second, number, bucket in points.between(tx, metric.number, start, end, now, units):
        place = (start + (second - start) // period * period, number)
        held = found.get(place)
        if held is None:
            found[place] = bucket
        else:
            held.add(bucket)
    return found


def series_of(
    tx: Reader, metric: Metric | None, start: int, end: int, period: int, now: float, stat: str, unit: str | None
) -> Series:
    """A statistic over time. Values of different units are taken together."""
    if metric is None:
        return {}
    together: dict[int, Bucket] = {}
    for (time, _), bucket in bins(tx, metric, start, end, period, now, unit).items():
        if time in together:
            together[time].add(bucket)
        else:
            together[time] = bucket
    values = ((time, stats.statistic(bucket, stat)) for time, bucket in together.items())
    return {time: value for time, value in values if value is not None}


def check_period(period: int) -> None:
    if period < 1 or (period not in _SECONDS and period % 60):
        raise invalid(
            "The parameter Period must be a multiple of 60 or one of 1, 5, 10, 20 and 30."
            if period >= 1
            else "The parameter Period must be greater than or equal to 1."
        )


def rounded(start: float, period: int, now: float) -> int:
    """A start as AWS rounds it: the older, the coarser."""
    age = now - start
    grain = 3600 if age > 63 * 86_400 else 300 if age > 15 * 86_400 else period if period < 60 else 60
    return int(start) // grain * grain


@operation()
def get_metric_statistics(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetMetricStatistics: up to 1,440 data points."""
    wanted: Sequence[str] = request.get("Statistics") or ()
    extended: Sequence[str] = request.get("ExtendedStatistics") or ()
    if not wanted and not extended:
        raise combination("Must specify either Statistics or ExtendedStatistics")
    period, now = request["Period"], call.now()
    check_period(period)
    if int(request["StartTime"]) >= int(request["EndTime"]):
        raise invalid("The parameter StartTime must be less than the parameter EndTime.")
    count = (request["EndTime"] - request["StartTime"]) / period
    if count > MOST_POINTS:
        raise combination(
            f"You have requested up to {int(count)} datapoints, which exceeds the limit of 1,440. You may reduce the "
            "datapoints requested by increasing Period, or decreasing the time range."
        )
    for name in extended:
        if not stats.is_stat(name):
            raise invalid(f"The value {name} for parameter ExtendedStatistics.member.1 is not supported.")
    start, end = rounded(request["StartTime"], period, now), int(request["EndTime"])
    with call.read() as tx:
        metric = find(tx, call.scope, request["Namespace"], request["MetricName"], request.get("Dimensions"))
        found = {} if metric is None else bins(tx, metric, start, end, period, now, request.get("Unit"))
    datapoints = []
    for (time, unit), bucket in sorted(found.items()):
        point: dict[str, Any] = {"Timestamp": time, "Unit": UNITS[unit]}
        for name in wanted:
            point[name] = stats.statistic(bucket, name)
        if extended:
            values = {name: stats.statistic(bucket, name) for name in extended}
            point["ExtendedStatistics"] = {name: value for name, value in values.items() if value is not None}
        datapoints.append(point)
    return {"Label": request["MetricName"], "Datapoints": datapoints}


class Computation:
    """Queries of one GetMetricData (or one alarm), each computed once, when it is first asked for."""

    def __init__(self, call: Call, tx: Reader, queries: Sequence[Mapping[str, Any]], start: float, end: float) -> None:
        self._call = call
        self._tx = tx
        self._now = call.now()
        self._queries = {query["Id"]: query for query in queries}
        self._parsed: dict[str, Parsed] = {}
        self._selections: dict[str, insights.Selection] = {}
        self.groups: dict[str, list[str]] = {}
        """What a query of Metrics Insights grouped by: the names of its series."""
        self._values: dict[str, Value] = {}
        self._under_way: set[str] = set()
        self.start = start
        self.end = end

    def check(self) -> None:
        """Raise ValidationError for what can't be computed, before anything is."""
        for identity, query in self._queries.items():
            if not _ID.fullmatch(identity):
                raise validation(f"The value {identity} for parameter MetricDataQueries.member.Id is invalid.")
            if bool(query.get("MetricStat")) == bool(query.get("Expression")):
                raise validation("Exactly one of MetricStat and Expression must be specified.")
            if stat := query.get("MetricStat"):
                check_period(stat["Period"])
                if not stats.is_stat(stat["Stat"]):
                    raise validation(
                        f"The value {stat['Stat']} for parameter MetricDataQueries.member.MetricStat.Stat "
                        "is not supported."
                    )
            elif not self._selection(identity):
                self._parse(identity)
        for identity, parsed in self._parsed.items():
            for name in parsed.names:
                if name not in self._queries:
                    raise validation(
                        f"Error in expression '{identity}': The expression contains an undefined id: {name}"
                    )

    def _selection(self, identity: str) -> insights.Selection | None:
        """What an expression selects, when it is a query of Metrics Insights."""
        expression = self._queries[identity].get("Expression") or ""
        if not insights.is_query(expression):
            return None
        if identity not in self._selections:
            try:
                self._selections[identity] = insights.parse(expression)
            except MathError as error:
                raise validation(f"Error in expression '{identity}': {error}") from None
        return self._selections[identity]

    def _select(self, identity: str, selection: insights.Selection) -> Value:
        period = self.period_of(identity)
        start = rounded(self.start, period, self._now)
        found = select(self._tx, self._call, selection, start, int(self.end), period)
        if not selection.groups:
            return found[0][1] if found else {}
        self.groups[identity] = [name for name, _ in found]
        return [series for _, series in found]

    def _parse(self, identity: str) -> Parsed:
        found = self._parsed.get(identity)
        if found is None:
            try:
                found = self._parsed[identity] = Parsed(self._queries[identity]["Expression"])
            except MathError as error:
                raise validation(f"Error in expression '{identity}': {error}") from None
        return found

    def period_of(self, identity: str) -> int:
        """A metric's own period; an expression's is that of what it is made of."""
        query = self._queries[identity]
        if stat := query.get("MetricStat"):
            return int(stat["Period"])
        if query.get("Period"):
            return int(query["Period"])
        if self._selection(identity):
            return 300
        parsed = self._parse(identity)
        names = set(parsed.names) | (self._metric_ids() if parsed.all_metrics else set())
        periods = [self.period_of(name) for name in names if name in self._queries and name != identity]
        return max(periods, default=300)

    def _metric_ids(self) -> set[str]:
        return {identity for identity, query in self._queries.items() if query.get("MetricStat")}

    def value(self, identity: str) -> Value:
        if identity in self._values:
            return self._values[identity]
        if identity in self._under_way:
            raise validation(f"Error in expression '{identity}': the expression depends on itself")
        self._under_way.add(identity)
        query = self._queries[identity]
        if stat := query.get("MetricStat"):
            value: Value = self._metric(stat)
        elif selection := self._selection(identity):
            value = self._select(identity, selection)
        else:
            try:
                value = self._parse(identity).compute(self._context(identity))
            except MathError as error:
                raise validation(f"Error in expression '{identity}': {error}") from None
        self._under_way.discard(identity)
        self._values[identity] = value
        return value

    def _metric(self, stat: Mapping[str, Any]) -> Series:
        wanted, period = stat["Metric"], int(stat["Period"])
        metric = find(self._tx, self._call.scope, wanted["Namespace"], wanted["MetricName"], wanted.get("Dimensions"))
        start = rounded(self.start, period, self._now)
        return series_of(self._tx, metric, start, int(self.end), period, self._now, stat["Stat"], stat.get("Unit"))

    def _context(self, identity: str) -> Context:
        period = self.period_of(identity)
        return Context(
            values=self.value,
            metrics=lambda: [self.value(one) for one in self._queries if one in self._metric_ids()],
            period=period,
            start=rounded(self.start, period, self._now),
            end=int(self.end),
            search=lambda arguments: self._search(arguments, period),
        )

    def _search(self, arguments: list[Any], period: int) -> list[Series]:
        """SEARCH('{Namespace,Dimension} MetricName="x" part', 'Average', 300)"""
        text, stat = str(arguments[0]), str(arguments[1]) if len(arguments) > 1 else "Average"
        period = int(arguments[2]) if len(arguments) > 2 else period
        start = rounded(self.start, period, self._now)
        found = []
        for metric in METRICS.scan(self._tx, self._call.scope):
            if searched(metric, text):
                series = series_of(self._tx, metric, start, int(self.end), period, self._now, stat, None)
                if series:
                    found.append(series)
        return found[:100]


def searched(metric: Metric, text: str) -> bool:
    """A metric fits a search: its namespace and dimensions in braces, then words, or names with exact values."""
    schema, _, rest = text.strip().partition("}")
    if text.strip().startswith("{"):
        parts = [part.strip().strip('"') for part in schema.lstrip("{").split(",")]
        if parts[0] != metric.namespace or {name for name, _ in metric.pairs} != set(parts[1:]):
            return False
    else:
        rest = text
    held = dict(metric.pairs)
    for name, value, quoted, word in _TERM.findall(rest):
        if name:
            actual = {"MetricName": metric.name, "Namespace": metric.namespace}.get(name, held.get(name))
            if actual != value:
                return False
        elif (part := quoted or word) and part.upper() not in ("AND", "OR"):
            texts = [metric.name, metric.namespace, *(piece for pair in metric.pairs for piece in pair)]
            if not any(part.lower() in one.lower() for one in texts):
                return False
    return True


@operation()
def get_metric_data(call: Call, request: Mapping[str, Any]) -> Awaitable[dict[str, Any]]:
    """GetMetricData: metrics and expressions over them, in a thread: it may look at much."""
    return asyncio.to_thread(_metric_data, call, request)


def _metric_data(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """The newest first unless asked otherwise."""
    queries = request["MetricDataQueries"]
    if len(queries) > MOST_QUERIES:
        raise validation("The collection MetricDataQueries must not have a size greater than 500.")
    if len({query["Id"] for query in queries}) != len(queries):
        raise validation("The values for parameter Id in MetricDataQueries are not unique.")
    if int(request["StartTime"]) == int(request["EndTime"]):
        raise validation("The parameter StartTime must not equal parameter EndTime.")
    if request["StartTime"] > request["EndTime"]:
        raise validation("The parameter EndTime must be greater than StartTime.")
    ascending = request.get("ScanBy") == "TimestampAscending"
    limit = request.get("MaxDatapoints") or PAGE
    skip = _offset(request.get("NextToken"))
    results: list[dict[str, Any]] = []
    with call.read() as tx:
        computation = Computation(call, tx, queries, request["StartTime"], request["EndTime"])
        computation.check()
        for query in queries:
            if query.get("ReturnData", True) is False:
                continue
            results += _results(computation, query, ascending)
    more = _cut(results, skip, limit)
    return {"MetricDataResults": results, "Messages": [], **more}


def _offset(token: str | None) -> int:
    if not token:
        return 0
    position = tokens.open_page(token)
    if not position or not isinstance(position[0], int):
        raise errors.InvalidNextToken("The token is invalid.")
    return position[0]


def _results(computation: Computation, query: Mapping[str, Any], ascending: bool) -> list[dict[str, Any]]:
    identity = query["Id"]
    value = computation.value(identity)
    if isinstance(value, str):
        raise validation(f"Error in expression '{identity}': the result is no time series")
    stat = query.get("MetricStat")
    label = query.get("Label") or (stat["Metric"]["MetricName"] if stat else identity)
    if isinstance(value, int | float) or value is None:
        if value is not None:
            raise validation(f"Error in expression '{identity}': Expression did not return a time series")
        value = {}
    series = value if isinstance(value, list) else [value]
    groups = computation.groups.get(identity) or [""] * len(series)
    results = []
    for group, one in zip(groups, series, strict=True):
        times = sorted(one, reverse=not ascending) if isinstance(one, dict) else []
        results.append(
            {
                "Id": identity,
                "Label": query.get("Label") or group or label,
                "Timestamps": times,
                "Values": [float(one[time]) for time in times],
                "StatusCode": "Complete",
            }
        )
    return results


def _cut(results: list[dict[str, Any]], skip: int, limit: int) -> dict[str, Any]:
    """Keep one page of data points over all results, in place."""
    end, seen, more = skip + limit, 0, False
    for result in results:
        size = len(result["Timestamps"])
        first, last = max(0, skip - seen), max(0, min(size, end - seen))
        if last < size:
            more = True
            result["StatusCode"] = "PartialData"
        result["Timestamps"] = result["Timestamps"][first:last]
        result["Values"] = result["Values"][first:last]
        seen += size
    return {"NextToken": tokens.seal_page(end)} if more else {}
