"""Functions of Insights: on values, and on groups of records."""

from __future__ import annotations

import ipaddress
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

PERIODS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "mo": 2_592_000_000,
    "q": 7_776_000_000,
    "y": 31_536_000_000,
}


def number(value: Any) -> float | None:
    """A value as a number, if it is one."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def text(value: Any) -> str:
    """A value as it is shown."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        if not math.isfinite(value):
            return ""
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(round(value, 4))
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else json.dumps(value)


def period(word: str) -> int:
    """Milliseconds of 5m, 1h, 30s ..."""
    digits = len(word) - len(word.lstrip("0123456789"))
    return int(word[:digits]) * PERIODS[word[digits:]]


def _numeric(function: Callable[[float], float]) -> Callable[..., Any]:
    def apply(value: Any) -> Any:
        held = number(value)
        if held is None:
            return None
        try:
            return function(held)
        except (ValueError, OverflowError):
            return None

    return apply


def _floor(moment: Any, width: Any) -> Any:
    held, span = number(moment), number(width)
    return None if held is None or not span else held // span * span


def _ceil(moment: Any, width: Any) -> Any:
    held, span = number(moment), number(width)
    return None if held is None or not span else -(-held // span) * span


def _substr(value: Any, start: Any, length: Any = None) -> str:
    begin = int(number(start) or 0)
    held = text(value)[begin:]
    return held if length is None else held[: int(number(length) or 0)]


def _contains(value: Any, part: Any) -> int:
    return 1 if text(part) in text(value) else 0


def _valid_ip(version: int | None) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        try:
            address = ipaddress.ip_address(text(value))
        except ValueError:
            return 0
        return 1 if version in (None, address.version) else 0

    return check


def _in_subnet(value: Any, subnet: Any) -> int:
    try:
        return 1 if ipaddress.ip_address(text(value)) in ipaddress.ip_network(text(subnet), strict=False) else 0
    except ValueError:
        return 0


def _extreme(choose: Callable[..., float]) -> Callable[..., Any]:
    def pick(*values: Any) -> Any:
        held = [v for v in (number(value) for value in values) if v is not None]
        return choose(held) if held else None

    return pick


def _json_parse(value: Any) -> Any:
    try:
        return json.loads(text(value))
    except ValueError:
        return None


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": _numeric(abs),
    "ceil": _numeric(math.ceil),
    "floor": _numeric(math.floor),
    "sqrt": _numeric(math.sqrt),
    "log": _numeric(math.log),
    "greatest": _extreme(max),
    "least": _extreme(min),
    "strlen": lambda value: len(text(value)),
    "trim": lambda value, what=None: text(value).strip(what),
    "ltrim": lambda value, what=None: text(value).lstrip(what),
    "rtrim": lambda value, what=None: text(value).rstrip(what),
    "tolower": lambda value: text(value).lower(),
    "toupper": lambda value: text(value).upper(),
    "lower": lambda value: text(value).lower(),
    "upper": lambda value: text(value).upper(),
    "concat": lambda *values: "".join(text(value) for value in values),
    "substr": _substr,
    "replace": lambda value, old, new: text(value).replace(text(old), text(new)),
    "strcontains": _contains,
    "isempty": lambda value: 1 if value is None or value == "" else 0,
    "isblank": lambda value: 1 if value is None or not text(value).strip() else 0,
    "ispresent": lambda value: 1 if value is not None else 0,
    "coalesce": lambda *values: next((value for value in values if value is not None), None),
    "datefloor": _floor,
    "dateceil": _ceil,
    "frommillis": number,
    "tomillis": number,
    "isvalidip": _valid_ip(None),
    "isvalidipv4": _valid_ip(4),
    "isvalidipv6": _valid_ip(6),
    "isipinsubnet": _in_subnet,
    "isipv4insubnet": _in_subnet,
    "isipv6insubnet": _in_subnet,
    "jsonparse": _json_parse,
    "jsonstringify": json.dumps,
}
TIMES = frozenset({"datefloor", "dateceil", "bin", "frommillis"})
"""Functions whose values are instants, shown as such."""


def _numbers(values: Sequence[Any]) -> list[float]:
    return [held for held in (number(value) for value in values) if held is not None]


def _average(values: Sequence[Any]) -> float | None:
    held = _numbers(values)
    return sum(held) / len(held) if held else None


def _deviation(values: Sequence[Any]) -> float | None:
    held = _numbers(values)
    if not held:
        return None
    mean = sum(held) / len(held)
    return math.sqrt(sum((value - mean) ** 2 for value in held) / len(held))


def percentile(values: Sequence[Any], percent: float) -> float | None:
    """With interpolation between neighbours."""
    held = sorted(_numbers(values))
    if not held:
        return None
    place = (len(held) - 1) * percent / 100
    low = math.floor(place)
    high = min(low + 1, len(held) - 1)
    return held[low] + (held[high] - held[low]) * (place - low)


def _bound(choose: Callable[..., Any]) -> Callable[[Sequence[Any]], Any]:
    def pick(values: Sequence[Any]) -> Any:
        present = [value for value in values if value is not None]
        held = _numbers(present)
        if held and len(held) == len(present):
            return choose(held)
        return choose([text(value) for value in present]) if present else None

    return pick


AGGREGATES: dict[str, Callable[[Sequence[Any]], Any]] = {
    "count": lambda values: sum(1 for value in values if value is not None),
    "count_distinct": lambda values: len({text(value) for value in values if value is not None}),
    "sum": lambda values: sum(_numbers(values)) if _numbers(values) else None,
    "avg": _average,
    "min": _bound(min),
    "max": _bound(max),
    "stddev": _deviation,
    "median": lambda values: percentile(values, 50),
    "sortsfirst": lambda values: min((text(v) for v in values if v is not None), default=None),
    "sortslast": lambda values: max((text(v) for v in values if v is not None), default=None),
}
