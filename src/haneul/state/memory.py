"""The store's double for pure tests: everything in memory, each commit durable at once, nothing on disk."""

from __future__ import annotations

import itertools
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import NamedTuple

from haneul.state.store import StoreFailed
from haneul.state.transaction import Pair, Transaction


class _State(NamedTuple):
    """What a commit left behind; never changed, so whoever holds one has a consistent view."""

    keys: tuple[bytes, ...]
    values: dict[bytes, bytes]

    def scan(self, start: bytes, end: bytes, reverse: bool) -> Iterator[Pair]:
        low, high = bisect_left(self.keys, start), bisect_left(self.keys, end)
        indexes = range(high - 1, low - 1, -1) if reverse else range(low, high)
        return ((self.keys[at], self.values[self.keys[at]]) for at in indexes)


class MemoryStore:
    """A store of at most some thousand keys: each commit copies all of them."""

    concurrent = False

    def __init__(self) -> None:
        self._state = _State((), {})
        self._writing = threading.Lock()
        self._writer: int | None = None
        self._closed = False
        self._ticket = 0

    def read(self) -> MemoryReader:
        return MemoryReader(self)

    def write(self) -> MemoryWriter:
        return MemoryWriter(self)

    def is_durable(self, ticket: int) -> bool:
        return ticket <= self._ticket

    def when_durable(self, ticket: int, callback: Callable[[BaseException | None], None]) -> None:
        callback(None if ticket <= self._ticket else StoreFailed(f"no commit has the ticket {ticket}"))

    def wait(self, ticket: int) -> None:
        if ticket > self._ticket:
            raise StoreFailed(f"no commit has the ticket {ticket}")

    def checkpoint(self, path: str) -> None:
        raise NotImplementedError("a store in memory has no copy on disk")

    def close(self) -> None:
        self._closed = True


class MemoryReader:
    """The state as it was when the block first looked."""

    __slots__ = ("_state", "_store", "ticket")

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._state: _State | None = None
        self.ticket = 0

    def __enter__(self) -> MemoryReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self._state = None

    def _look(self) -> _State:
        if self._store._closed:
            raise StoreFailed("the store is closed")
        if self._state is None:
            self._state = self._store._state
            self.ticket = self._store._ticket
        return self._state

    def get(self, key: bytes) -> bytes | None:
        return self._look().values.get(key)

    def scan(self, start: bytes, end: bytes, *, reverse: bool = False, limit: int | None = None) -> Iterator[Pair]:
        pairs = self._look().scan(start, end, reverse)
        return pairs if limit is None else itertools.islice(pairs, max(0, limit))


class MemoryWriter(Transaction):
    """A transaction; the only one while its block is open."""

    __slots__ = ("_store",)

    def __init__(self, store: MemoryStore) -> None:
        super().__init__()
        self._store = store

    def __enter__(self) -> MemoryWriter:
        store = self._store
        if store._writer == threading.get_ident():
            raise RuntimeError("a transaction is open in this thread already")
        store._writing.acquire()
        store._writer = threading.get_ident()
        if store._closed:
            self._release()
            raise StoreFailed("the store takes no writes: it is closed")
        self._clear()
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        store = self._store
        if kind is None and (self._changes or self._ranges):
            values = dict(store._state.values)
            for start, end in self._ranges:
                for key, _ in store._state.scan(start, end, False):
                    values.pop(key, None)
            for key, value in self._changes.items():
                if value is None:
                    values.pop(key, None)
                else:
                    values[key] = value
            store._state = _State(tuple(sorted(values)), values)
            store._ticket += 1
        self.ticket = store._ticket
        self._release()

    def _release(self) -> None:
        self._store._writer = None
        self._store._writing.release()

    def _stored(self, key: bytes) -> bytes | None:
        return self._store._state.values.get(key)

    def _walk(self, start: bytes, end: bytes, reverse: bool, limit: int | None) -> Iterator[Pair]:
        return self._store._state.scan(start, end, reverse)
