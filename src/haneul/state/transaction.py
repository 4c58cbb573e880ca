"""What a transaction keeps until it commits: its changes, laid over what the store has. Shared by every engine."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from haneul.state.store import KEY_LIMIT, TRANSACTION_LIMIT, VALUE_LIMIT, TransactionTooLarge, check_pair

Pair = tuple[bytes, bytes]

_MISSING: Any = object()
_OVERHEAD = 16


class Transaction:
    """The Writer port over an engine's `_stored` and `_walk`. A scan shows the transaction as it was when the scan
    began, so rows may be changed and deleted on the way."""

    __slots__ = ("_changes", "_ranges", "_size", "ticket")

    few = 0
    """Ranges of up to this many keys are deleted key by key."""

    def __init__(self) -> None:
        self.ticket = 0
        self._clear()

    def _clear(self) -> None:
        self._changes: dict[bytes, bytes | None] = {}
        """Key -> value, None: deleted."""
        self._ranges: list[Pair] = []
        """Ranges deleted before everything in `_changes`."""
        self._size = 0

    def _stored(self, key: bytes) -> bytes | None:
        """A value as the store has it."""
        raise NotImplementedError

    def _walk(self, start: bytes, end: bytes, reverse: bool, limit: int | None) -> Iterator[Pair]:
        """The store's pairs from `start` up to `end`, as they are now; `limit` is a hint."""
        raise NotImplementedError

    def get(self, key: bytes) -> bytes | None:
        value = self._changes.get(key, _MISSING)
        if value is not _MISSING:
            found: bytes | None = value
            return found
        if self._ranges and any(start <= key < end for start, end in self._ranges):
            return None
        return self._stored(key)

    def put(self, key: bytes, value: bytes) -> None:
        if len(key) > KEY_LIMIT or len(value) > VALUE_LIMIT:
            check_pair(key, value)
        self._size += len(key) + len(value) + _OVERHEAD
        if self._size > TRANSACTION_LIMIT:
            raise TransactionTooLarge(f"more than {TRANSACTION_LIMIT} bytes in one transaction")
        self._changes[key] = value

    def delete(self, key: bytes) -> None:
        if len(key) > KEY_LIMIT:
            check_pair(key, b"")
        self._size += len(key) + _OVERHEAD
        if self._size > TRANSACTION_LIMIT:
            raise TransactionTooLarge(f"more than {TRANSACTION_LIMIT} bytes in one transaction")
        self._changes[key] = None

    def delete_range(self, start: bytes, end: bytes) -> None:
        if start >= end:
            return
        for key in [key for key in self._changes if start <= key < end]:
            del self._changes[key]
        if self.few:
            stored = [key for key, _ in itertools.islice(self._walk(start, end, False, self.few + 1), self.few + 1)]
            if len(stored) <= self.few:
                for key in stored:
                    self.delete(key)
                return
        self._ranges.append((start, end))

    def scan(self, start: bytes, end: bytes, *, reverse: bool = False, limit: int | None = None) -> Iterator[Pair]:
        if start >= end or (limit is not None and limit <= 0):
            return iter(())
        mine: list[tuple[bytes, bytes | None]] = []
        if self._changes:
            mine = sorted(((k, v) for k, v in self._changes.items() if start <= k < end), reverse=reverse)
        pairs = self._walk(start, end, reverse, None if mine or self._ranges else limit)
        if self._ranges:
            gone = tuple(self._ranges)
            pairs = (pair for pair in pairs if not any(low <= pair[0] < high for low, high in gone))
        if mine:
            pairs = _merge(pairs, mine, reverse)
        return pairs if limit is None else itertools.islice(pairs, limit)


def _merge(stored: Iterator[Pair], mine: list[tuple[bytes, bytes | None]], reverse: bool) -> Iterator[Pair]:
    """Stored pairs with a transaction's own changes (in the same order) laid over them."""
    position, count = 0, len(mine)
    for pair in stored:
        key = pair[0]
        while position < count and (mine[position][0] > key if reverse else mine[position][0] < key):
            own, value = mine[position]
            position += 1
            if value is not None:
                yield own, value
        if position < count and mine[position][0] == key:
            value = mine[position][1]
            position += 1
            if value is not None:
                yield key, value
        else:
            yield pair
    for own, value in itertools.islice(mine, position, None):
        if value is not None:
            yield own, value
