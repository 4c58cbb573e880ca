"""What the room keeps in memory while the cloud runs: schemas, counters not yet stored, sequences, throttles.

Nothing here grows with a table's size, and nothing here is needed after a crash.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from haneul.service import Scope
from haneul.services.dynamodb.plane import logs
from haneul.services.dynamodb.schemas import Schema
from haneul.services.dynamodb.state import TABLES
from haneul.state.store import Reader, Writer

if TYPE_CHECKING:
    from haneul.cloud import Cloud

SCHEMA_LIMIT = 20_000
WAKE_EVERY = 0.5
_COUNTS = b"ddbn/"
_MARKS = b"ddbm/"
Counts = dict[int, list[int]]


class Memory:
    """One per cloud; see `of`."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._checked = cloud.store.concurrent
        self._schemas: dict[Scope, dict[str, Schema]] = {}
        self._size = 0
        self._changing: dict[tuple[Scope, str], int] = {}
        self._lock = threading.Lock()
        self._deltas: dict[bytes, Counts] = {}
        self._marked: set[bytes] = set()
        self._stale: set[bytes] = set()
        self.expiry_due: dict[bytes, float] = {}
        """When each table's expired items will be looked for next, as far as this process knows."""
        self._sequences: dict[bytes, int] = {}
        self._stamp = 0
        self._woken: dict[bytes, float] = {}
        self.buckets: dict[tuple[bytes, int, str], Any] = {}
        self.prepared: dict[Any, Any] = {}

    # Schemas

    def schema(self, tx: Reader, scope: Scope, name: str) -> Schema | None:
        """The table as `tx` sees it."""
        tables = self._schemas.get(scope)
        found = None if tables is None else tables.get(name)
        if found is not None and not self._checked and not self._changing:
            return found
        return self._load(tx, scope, name, found)

    def _load(self, tx: Reader, scope: Scope, name: str, found: Schema | None) -> Schema | None:
        row = TABLES.get(tx, scope, name)
        if row is None:
            return None
        packed = TABLES.packed(row)
        if found is not None and found.packed == packed:
            return found
        schema = Schema(scope, row, packed)
        if (scope, name) not in self._changing:
            if self._size > SCHEMA_LIMIT:
                self._schemas.clear()
                self._size = 0
            self._schemas.setdefault(scope, {})[name] = schema
            self._size += 1
        return schema

    def forget(self, scope: Scope, name: str) -> None:
        tables = self._schemas.get(scope)
        if tables is not None:
            tables.pop(name, None)

    @contextmanager
    def changing(self, scope: Scope, name: str) -> Iterator[None]:
        """Around a transaction that changes the table's row: until it is over, everybody reads the row itself."""
        key = (scope, name)
        with self._lock:
            self._changing[key] = self._changing.get(key, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                self.forget(scope, name)
                self._changing[key] -= 1
                if not self._changing[key]:
                    del self._changing[key]

    # Counters

    def count(self, tx: Writer, data: bytes, number: int, items: int, size: int) -> None:
        """Note that the table (number 0) or index `number` now has so many more items and bytes."""
        with self._lock:
            counts = self._deltas.setdefault(data, {})
            pair = counts.setdefault(number, [0, 0])
            pair[0] += items
            pair[1] += size
            marked = data in self._marked
            if not marked:
                self._marked.add(data)
        if not marked:
            if tx.get(_MARKS + data) is not None:
                self._stale.add(data)
            tx.put(_MARKS + data, b"")

    def counts(self, tx: Reader, data: bytes) -> Counts:
        """Items and bytes of the table and its indexes."""
        stored = tx.get(_COUNTS + data)
        counts: Counts = {} if stored is None else msgspec.msgpack.decode(stored, type=Counts)
        with self._lock:
            for number, (items, size) in self._deltas.get(data, {}).items():
                pair = counts.setdefault(number, [0, 0])
                pair[0] += items
                pair[1] += size
        return counts

    def is_behind(self, tx: Reader, data: bytes) -> bool:
        """Another process died before it stored its counts: they must be taken again."""
        return data in self._stale or (data not in self._marked and tx.get(_MARKS + data) is not None)

    def start_count(self, tx: Writer, data: bytes) -> None:
        """Items are about to be counted as this transaction sees them: differences begin anew."""
        with self._lock:
            self._deltas.pop(data, None)
            self._marked.add(data)
        tx.put(_MARKS + data, b"")

    def set_counts(self, tx: Writer, data: bytes, counts: Counts) -> None:
        """Store what was counted."""
        self._stale.discard(data)
        tx.put(_COUNTS + data, msgspec.msgpack.encode(counts))

    def drop_counts(self, tx: Writer, data: bytes) -> None:
        with self._lock:
            self._deltas.pop(data, None)
            self._marked.discard(data)
            self._stale.discard(data)
        tx.delete(_COUNTS + data)
        tx.delete(_MARKS + data)

    def close(self) -> None:
        """Store the counters; called when the cloud stops."""
        with self._lock:
            data = list(self._deltas)
        for at in range(0, len(data), 1000):
            with self._cloud.store.write() as tx:
                for each in data[at : at + 1000]:
                    counts = self.counts(tx, each)
                    tx.put(_COUNTS + each, msgspec.msgpack.encode(counts))
                    tx.delete(_MARKS + each)
        self._deltas.clear()

    # Sequences

    def stamp(self, now: float, before: int) -> int:
        """When a replicated item is written (microseconds): unlike any other, and later than it was `before`."""
        with self._lock:
            self._stamp = max(self._stamp + 1, int(now * 1_000_000), before + 1)
            return self._stamp

    def next_number(self, tx: Reader, prefix: bytes, now: float, after: int = 0) -> int:
        """A number for a log entry: later ones are larger (microseconds), and larger than `after`, the item's last.

        Where several gateways write, they don't wait for each other: a number that is taken is passed over.
        """
        last = self._sequences.get(prefix)
        if self._checked:
            number = max((last or 0) + 1, int(now * 1_000_000), after + 1)
            while tx.get(logs.position(prefix, number) + b"\x00") is not None:
                number += 1
        else:
            if last is None:
                newest = next(iter(tx.scan(prefix, prefix + b"\xff" * 9, reverse=True, limit=1)), None)
                last = 0 if newest is None else int.from_bytes(newest[0][len(prefix) : len(prefix) + 8], "big")
            number = max(last + 1, int(now * 1_000_000))
        if len(self._sequences) > SCHEMA_LIMIT:
            self._sequences.clear()
        self._sequences[prefix] = number
        return number

    def should_wake(self, data: bytes, now: float) -> bool:
        """Whether a change of a replicated table asks for the step that carries it to other regions.

        Where several gateways write, the timer's row would be what they all fight for: once in a while is enough, the
        step looks again by itself.
        """
        if not self._checked:
            return True
        if now - self._woken.get(data, 0.0) < WAKE_EVERY:
            return False
        self._woken[data] = now
        return True

    @property
    def several(self) -> bool:
        """Transactions run side by side, perhaps in several gateways (PostgreSQL)."""
        return self._checked


def of(cloud: Cloud) -> Memory:
    """The cloud's one Memory (both APIs of the room share it)."""
    found = cloud.planes.get("dynamodb")
    if found is None:
        found = cloud.planes["dynamodb"] = Memory(cloud)
    assert isinstance(found, Memory)
    return found
