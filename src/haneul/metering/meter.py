"""Counts what passed through the cloud: in memory while it happens, durable within a second, by hour and scope.

A count is added in the same transaction that reads it, so nothing is ever counted twice; a crash
loses at most the last second's.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from haneul.service import Scope
from haneul.state.store import Reader, Store
from haneul.state.table import Table

HOUR = 3600


class Usage(msgspec.Struct):
    """`amount` of a usage type in one hour (epoch hours), by service and operation, in AWS's own names."""

    hour: int
    service: str
    usage: str
    operation: str
    amount: float


USAGE = Table("metering.usage", Usage, key=("hour", "service", "usage", "operation"))
Key = tuple[str, str, str, str, str]


class Meter:
    """The cloud's counter. `add` is for the event loop and cheap; `flush` is for any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counts: dict[Key, float] = {}

    def add(self, scope: Scope, service: str, operation: str, usage: str, amount: float) -> None:
        key = (scope.account, scope.region, service, usage, operation)
        counts = self._counts
        counts[key] = counts.get(key, 0.0) + amount

    def flush(self, now: float) -> None:
        """Add what was counted since the last flush to the hour of `now`."""
        counts, self._counts = self._counts, {}
        if not counts:
            return
        hour = int(now // HOUR)
        with self._store.write() as tx:
            for (account, region, service, usage, operation), amount in counts.items():
                scope = Scope(account, region)
                row = USAGE.get(tx, scope, hour, service, usage, operation)
                before = row.amount if row is not None else 0.0
                USAGE.put(tx, scope, Usage(hour, service, usage, operation, before + amount))

    def hours(self, tx: Reader, scope: Scope, first: int, last: int) -> Iterator[Usage]:
        """Usage rows of `scope` from hour `first` up to and without hour `last`."""
        for row in USAGE.scan(tx, scope, from_key=(first,)):
            if row.hour >= last:
                return
            yield row
