"""Statistics of a bucket by AWS's names: Average, p99, tm(10%:90%), PR(:300) ..."""

from __future__ import annotations

import re
from collections.abc import Callable

from haneul.services.cloudwatch.plane.points import Bucket

BASIC: dict[str, Callable[[Bucket], float]] = {
    "SampleCount": lambda bucket: bucket.count,
    "Sum": lambda bucket: bucket.total,
    "Average": lambda bucket: bucket.total / bucket.count if bucket.count else 0.0,
    "Minimum": lambda bucket: bucket.low,
    "Maximum": lambda bucket: bucket.high,
}
_SIMPLE = re.compile(r"(p|tm|wm|tc|ts)(\d{1,2}(?:\.\d{1,10})?|100)", re.IGNORECASE)
_RANGE = re.compile(r"(tm|wm|tc|ts|pr)\(\s*([\d.]*%?)\s*:\s*([\d.]*%?)\s*\)", re.IGNORECASE)


def is_stat(name: str) -> bool:
    return name in BASIC or name.lower() == "iqm" or bool(_SIMPLE.fullmatch(name) or _RANGE.fullmatch(name))


def statistic(bucket: Bucket, name: str) -> float | None:
    """A statistic of a bucket; None when the values themselves aren't known."""
    basic = BASIC.get(name)
    if basic is not None:
        return basic(bucket)
    pairs = _pairs(bucket)
    if pairs is None:
        return None
    if name.lower() == "iqm":
        return _trimmed("tm", pairs, _quantile(pairs, 25), _quantile(pairs, 75))
    if found := _SIMPLE.fullmatch(name):
        kind, percent = found.group(1).lower(), float(found.group(2))
        if kind == "p":
            return _quantile(pairs, percent)
        return _trimmed(kind, pairs, None, _quantile(pairs, percent))
    if found := _RANGE.fullmatch(name):
        kind = found.group(1).lower()
        low, high = (_bound(pairs, text) for text in found.group(2, 3))
        return _trimmed(kind, pairs, low, high)
    return None


def _pairs(bucket: Bucket) -> list[tuple[float, float]] | None:
    if bucket.values:
        return sorted(bucket.values.items())
    if bucket.count == 1 or bucket.low == bucket.high:
        return [(bucket.low, bucket.count)]
    return None


def _bound(pairs: list[tuple[float, float]], text: str) -> float | None:
    if not text:
        return None
    return _quantile(pairs, float(text[:-1])) if text.endswith("%") else float(text)


def _quantile(pairs: list[tuple[float, float]], percent: float) -> float:
    """The value below which that share of all values lies, with interpolation between neighbours."""
    total = sum(count for _, count in pairs)
    place = (total - 1) * percent / 100
    seen = 0.0
    for at, (value, count) in enumerate(pairs):
        if place <= seen + count - 1:
            return value
        if place < seen + count and at + 1 < len(pairs):
            return value + (pairs[at + 1][0] - value) * (place - (seen + count - 1))
        seen += count
    return pairs[-1][0]


def _trimmed(kind: str, pairs: list[tuple[float, float]], low: float | None, high: float | None) -> float | None:
    """A statistic of the values above `low` and up to `high`."""
    total = sum(count for _, count in pairs)
    if kind == "wm":
        held = [(min(max(v, low if low is not None else v), high if high is not None else v), n) for v, n in pairs]
    else:
        held = [(v, n) for v, n in pairs if (low is None or v > low) and (high is None or v <= high)]
    count = sum(n for _, n in held)
    if kind == "tc":
        return count
    if kind == "pr":
        return 100.0 * count / total if total else None
    amount = sum(v * n for v, n in held)
    if kind == "ts":
        return amount
    return amount / count if count else None
