"""Operators and functions of metric maths."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from haneul.services.cloudwatch.maths.expressions import Context

Series = dict[int, float]
Value = Any
"""A scalar (float), a text, a Series, or a list of Series."""


class MathError(Exception):
    """An expression that can't be computed."""


def _divide(a: float, b: float) -> float | None:
    return None if b == 0 else a / b


def _raise(a: float, b: float) -> float | None:
    try:
        result = a**b
    except (OverflowError, ZeroDivisionError):
        return None
    return None if isinstance(result, complex) else float(result)


OPERATORS: dict[str, Callable[[float, float], float | None]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divide,
    "^": _raise,
    "==": lambda a, b: float(a == b),
    "!=": lambda a, b: float(a != b),
    "<": lambda a, b: float(a < b),
    "<=": lambda a, b: float(a <= b),
    ">": lambda a, b: float(a > b),
    ">=": lambda a, b: float(a >= b),
    "AND": lambda a, b: float(bool(a) and bool(b)),
    "&&": lambda a, b: float(bool(a) and bool(b)),
    "OR": lambda a, b: float(bool(a) or bool(b)),
    "||": lambda a, b: float(bool(a) or bool(b)),
}


def combine(function: Callable[[float, float], float | None], left: Value, right: Value) -> Value:
    """An operator on scalars, series (where both have a value) and lists of series (one by one)."""
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            raise MathError("Error in expression: arrays of different sizes")
        return [combine(function, one, other) for one, other in zip(left, right, strict=True)]
    if isinstance(left, list):
        return [combine(function, one, right) for one in left]
    if isinstance(right, list):
        return [combine(function, left, other) for other in right]
    if isinstance(left, str) or isinstance(right, str):
        raise MathError("Error in expression: a text can't be computed with")
    if isinstance(left, dict) and isinstance(right, dict):
        pairs = ((time, function(value, right[time])) for time, value in left.items() if time in right)
    elif isinstance(left, dict):
        pairs = ((time, function(value, right)) for time, value in left.items())
    elif isinstance(right, dict):
        pairs = ((time, function(left, value)) for time, value in right.items())
    else:
        return function(left, right)
    return {time: value for time, value in pairs if value is not None}


Function = Callable[[list[Any], "Context"], Value]


def _each(function: Callable[[float], float | None]) -> Function:
    def apply(arguments: list[Any], context: Context) -> Value:
        return combine(lambda a, b: function(a), arguments[0], 0.0)

    return apply


def _log(base: Callable[[float], float]) -> Callable[[float], float | None]:
    return lambda value: base(value) if value > 0 else None


def _reduce(function: Callable[[list[float]], float]) -> Function:
    """Of a series: one number; of several series: a series of what is there at each time."""

    def apply(arguments: list[Any], context: Context) -> Value:
        value = arguments[0] if len(arguments) == 1 else arguments
        if isinstance(value, dict):
            return function(list(value.values())) if value else None
        if isinstance(value, list):
            series = [one for one in value if isinstance(one, dict)]
            if not series:
                numbers = [one for one in value if isinstance(one, int | float)]
                return function(numbers) if numbers else None
            times = sorted({time for one in series for time in one})
            return {time: float(function([one[time] for one in series if time in one])) for time in times}
        return value

    return apply


def _deviation(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


def _on_series(function: Callable[[Series, list[Any], Context], Value]) -> Function:
    def apply(arguments: list[Any], context: Context) -> Value:
        value, rest = arguments[0], arguments[1:]
        if isinstance(value, list):
            return [function(one, rest, context) for one in value if isinstance(one, dict)]
        if not isinstance(value, dict):
            raise MathError("Error in expression: a time series expected")
        return function(value, rest, context)

    return apply


def _fill(series: Series, rest: list[Any], context: Context) -> Series:
    filler = rest[0] if rest else 0.0
    times = range(context.start, context.end, context.period)
    if filler == "REPEAT":
        return _repeat(series, times)
    if filler == "LINEAR":
        return _linear(series, times)
    if isinstance(filler, dict):
        merged: Series = {**filler, **series}
        return {time: merged[time] for time in times if time in merged}
    return {time: series.get(time, float(filler)) for time in times}


def _repeat(series: Series, times: range) -> Series:
    result: Series = {}
    last: float | None = None
    for time in times:
        last = series.get(time, last)
        if last is not None:
            result[time] = last
    return result


def _linear(series: Series, times: range) -> Series:
    known = sorted(series)
    result: Series = {}
    for time in times:
        if time in series:
            result[time] = series[time]
            continue
        before = [t for t in known if t < time]
        after = [t for t in known if t > time]
        if before and after:
            a, b = before[-1], after[0]
            result[time] = series[a] + (series[b] - series[a]) * (time - a) / (b - a)
    return result


def _differences(series: Series, divide: bool) -> Series:
    times = sorted(series)
    result: Series = {}
    for earlier, later in pairwise(times):
        change = series[later] - series[earlier]
        result[later] = change / (later - earlier) if divide else change
    return result


def _running(series: Series) -> Series:
    total, result = 0.0, {}
    for time in sorted(series):
        total += series[time]
        result[time] = total
    return result


def _if(arguments: list[Any], context: Context) -> Value:
    if len(arguments) not in (2, 3):
        raise MathError("Error in expression: IF takes two or three arguments")
    condition, then = arguments[0], arguments[1]
    otherwise = arguments[2] if len(arguments) == 3 else None
    if not isinstance(condition, dict):
        return then if condition else otherwise
    result: Series = {}
    for time, held in condition.items():
        chosen = then if held else otherwise
        value = chosen.get(time) if isinstance(chosen, dict) else chosen
        if value is not None:
            result[time] = float(value)
    return result


def _sort(arguments: list[Any], context: Context) -> Value:
    """SORT(list, SUM, DESC, 10)"""
    series = [one for one in arguments[0] if isinstance(one, dict)] if isinstance(arguments[0], list) else []
    words = [str(word).upper() for word in arguments[1:] if isinstance(word, str)]
    counts = [int(word) for word in arguments[1:] if isinstance(word, float)]
    by = next((word for word in words if word in _BY), "AVG")
    series.sort(key=lambda one: _BY[by](list(one.values())) if one else 0.0, reverse="ASC" not in words)
    return series[: counts[0]] if counts else series


def _slice(arguments: list[Any], context: Context) -> Value:
    series = arguments[0] if isinstance(arguments[0], list) else [arguments[0]]
    bounds = [int(bound) for bound in arguments[1:]]
    return series[bounds[0] : bounds[1]] if len(bounds) == 2 else series[bounds[0] :] if bounds else series


def _clock(part: Callable[[datetime], float]) -> Function:
    return _on_series(lambda series, rest, context: {t: part(datetime.fromtimestamp(t, UTC)) for t in series})


def _edge(at: int) -> Function:
    def pick(arguments: list[Any], context: Context) -> Value:
        value = arguments[0]
        if isinstance(value, list):
            return value[at] if value else None
        return value[sorted(value)[at]] if value else None

    return pick


def _scalar_series(arguments: list[Any], context: Context) -> Value:
    if isinstance(arguments[0], dict | list):
        return arguments[0]
    return {time: float(arguments[0]) for time in range(context.start, context.end, context.period)}


_BY: dict[str, Callable[[list[float]], float]] = {
    "AVG": lambda values: sum(values) / len(values),
    "SUM": sum,
    "MIN": min,
    "MAX": max,
}
FUNCTIONS: dict[str, Function] = {
    "ABS": _each(abs),
    "CEIL": _each(lambda value: float(math.ceil(value))),
    "FLOOR": _each(lambda value: float(math.floor(value))),
    "LOG": _each(_log(math.log)),
    "LOG10": _each(_log(math.log10)),
    "AVG": _reduce(_BY["AVG"]),
    "SUM": _reduce(sum),
    "MIN": _reduce(min),
    "MAX": _reduce(max),
    "STDDEV": _reduce(_deviation),
    "FILL": _on_series(_fill),
    "RATE": _on_series(lambda series, rest, context: _differences(series, divide=True)),
    "DIFF": _on_series(lambda series, rest, context: _differences(series, divide=False)),
    "DIFF_TIME": _on_series(
        lambda series, rest, context: {later: float(later - earlier) for earlier, later in pairwise(sorted(series))}
    ),
    "PERIOD": lambda arguments, context: float(context.period),
    "RUNNING_SUM": _on_series(lambda series, rest, context: _running(series)),
    "IF": _if,
    "SORT": _sort,
    "SLICE": _slice,
    "FIRST": _edge(0),
    "LAST": _edge(-1),
    "METRIC_COUNT": lambda arguments, context: float(len(arguments[0]) if isinstance(arguments[0], list) else 1),
    "DATAPOINT_COUNT": _on_series(lambda series, rest, context: float(len(series))),
    "REMOVE_EMPTY": lambda arguments, context: [one for one in arguments[0] if one],
    "TIME_SERIES": _scalar_series,
    "MINUTE": _clock(lambda moment: float(moment.minute)),
    "HOUR": _clock(lambda moment: float(moment.hour)),
    "DAY": _clock(lambda moment: float(moment.isoweekday())),
    "DATE": _clock(lambda moment: float(moment.day)),
    "MONTH": _clock(lambda moment: float(moment.month)),
    "YEAR": _clock(lambda moment: float(moment.year)),
    "EPOCH": _clock(lambda moment: moment.timestamp()),
}
