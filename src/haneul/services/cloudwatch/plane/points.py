"""Points of metrics: one bucket a minute (or a second, when asked for), and one an hour that stays for longer.

    cw/m/<metric><second><unit>    a minute's or second's bucket, kept for 15 days
    cw/h/<metric><second><unit>    an hour's bucket, kept for 455 days

A bucket holds count, sum, minimum, maximum, and how often which value came, as long as those are few: the values of
a crowded bucket are rounded to three digits, so that percentiles stay near.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from haneul.state.store import Reader, Writer

_PLACE = struct.Struct(">QQ")
_FINE, _HOURS = b"cw/m/", b"cw/h/"
FINE_KEPT, HOURS_KEPT = 15 * 86_400, 455 * 86_400
CROWDED = 1000


class Bucket(msgspec.Struct, array_like=True):
    """Values of one span of time. `values`: value -> how often; None when only statistics came."""

    count: float = 0.0
    total: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    values: dict[float, float] | None = {}

    def add(self, other: Bucket) -> None:
        """Take another bucket's values in."""
        self.count += other.count
        self.total += other.total
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)
        if self.values is None or other.values is None:
            self.values = None
            return
        values = dict(self.values)
        for value, count in other.values.items():
            values[value] = values.get(value, 0.0) + count
        if len(values) > CROWDED:
            coarse: dict[float, float] = {}
            for value, count in values.items():
                near = _rounded(value)
                coarse[near] = coarse.get(near, 0.0) + count
            values = coarse
        self.values = values


def _rounded(value: float) -> float:
    if value == 0 or not math.isfinite(value):
        return value
    digits = 2 - math.floor(math.log10(abs(value)))
    return round(value, digits)


def bucket_of(values: Mapping[float, float]) -> Bucket:
    """A bucket of values and how often each came."""
    count = sum(values.values())
    total = sum(value * times for value, times in values.items())
    return Bucket(count, total, min(values), max(values), dict(values))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Bucket).decode


def put(tx: Writer, metric: int, second: int, resolution: int, unit: int, bucket: Bucket) -> None:
    """Add a bucket's values to a metric at an instant."""
    for root, span in ((_FINE, resolution), (_HOURS, 3600)):
        key = root + _PLACE.pack(metric, second // span * span) + bytes([unit])
        held = tx.get(key)
        if held is None:
            tx.put(key, _encode(bucket))
            continue
        merged = _decode(held)
        merged.add(bucket)
        tx.put(key, _encode(merged))


def between(
    tx: Reader, metric: int, start: int, end: int, now: float, units: Iterable[int] | None = None
) -> Iterator[tuple[int, int, Bucket]]:
    """(second, unit, bucket) of start <= second < end, in order; beyond the fine buckets' time from the hours."""
    wanted = None if units is None else set(units)
    edge = int(now - FINE_KEPT) // 3600 * 3600
    spans = (
        [(_FINE, start, end)] if start >= edge else [(_HOURS, start, min(end, edge)), (_FINE, max(start, edge), end)]
    )
    for root, first, last in spans:
        if first >= last:
            continue
        begin, stop = root + _PLACE.pack(metric, max(0, first)), root + _PLACE.pack(metric, max(0, last))
        for key, value in tx.scan(begin, stop):
            _, second = _PLACE.unpack_from(key, len(root))
            unit = key[-1]
            if wanted is None or unit in wanted:
                yield second, unit, _decode(value)


def forget(tx: Writer, metric: int, now: float) -> bool:
    """Delete buckets past their time; True when nothing of the metric is left."""
    for root, kept in ((_FINE, FINE_KEPT), (_HOURS, HOURS_KEPT)):
        tx.delete_range(root + _PLACE.pack(metric, 0), root + _PLACE.pack(metric, max(0, int(now - kept))))
    start, end = _HOURS + _PLACE.pack(metric, 0), _HOURS + _PLACE.pack(metric + 1, 0)
    return next(iter(tx.scan(start, end, limit=1)), None) is None
