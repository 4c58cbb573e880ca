"""What a query of Metrics Insights finds: the metrics it takes, laid together group by group."""

from __future__ import annotations

from haneul.service import Call
from haneul.services.cloudwatch.maths.functions import Series
from haneul.services.cloudwatch.maths.insights import Selection
from haneul.services.cloudwatch.plane import points, stats
from haneul.services.cloudwatch.plane.points import Bucket
from haneul.services.cloudwatch.state import METRICS
from haneul.state.store import Reader


def select(tx: Reader, call: Call, selection: Selection, start: int, end: int, period: int) -> list[tuple[str, Series]]:
    """(group, its values over time), as the query orders them."""
    groups: dict[str, dict[int, Bucket]] = {}
    now = call.now()
    for metric in METRICS.scan(tx, call.scope):
        if not selection.takes(metric.namespace, metric.name, metric.pairs):
            continue
        held = dict(metric.pairs)
        places = groups.setdefault(" ".join(held[name] for name in selection.groups), {})
        for second, _, bucket in points.between(tx, metric.number, start, end, now, None):
            place = start + (second - start) // period * period
            if place in places:
                places[place].add(bucket)
            else:
                places[place] = bucket
    names = sorted(name for name, places in groups.items() if places)
    if selection.descending is not None:
        names.sort(key=lambda name: _whole(groups[name], selection.order), reverse=selection.descending)
    return [(name, _values(groups[name], selection.function)) for name in names[: selection.limit]]


def _values(places: dict[int, Bucket], statistic: str) -> Series:
    values = ((time, stats.statistic(bucket, statistic)) for time, bucket in places.items())
    return {time: value for time, value in values if value is not None}


def _whole(places: dict[int, Bucket], statistic: str) -> float:
    """A group's statistic over the whole time, by which groups are ordered."""
    whole = Bucket()
    for bucket in places.values():
        whole.add(bucket)
    return stats.statistic(whole, statistic) or 0.0
