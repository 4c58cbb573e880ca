"""The store port: ordered keys and bytes in transactions. Nothing above it knows which engine runs.

Implementations: `rocks.RocksStore` (the default, embedded), `postgres.PostgresStore` (any
PostgreSQL-wire database) and `memory.MemoryStore` (the double for pure tests). One suite proves all.

    with store.write() as tx:          # serial with every other writer; reads its own writes
        tx.put(b"k", b"v")             # leaving the block commits, an exception rolls back
    store.when_durable(tx.ticket, answer)   # the fsync is shared; answer only after it

A commit is visible to everybody at once and durable a moment later. Whoever answers a client
waits for the ticket; a reader that met a value not yet durable gets that value's ticket, so
nothing that anybody was shown is ever lost.

Limits, so that a distributed ordered store (FoundationDB, TiKV) can stand here: keys of at most
10,000 bytes, values of at most 100,000 bytes (`state.chunks` splits larger ones), 10 MB a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

KEY_LIMIT = 10_000
VALUE_LIMIT = 100_000
TRANSACTION_LIMIT = 10_000_000


class Conflict(Exception):
    """Another gateway's transaction got in between: run the whole transaction again."""


class TransactionTooLarge(Exception):
    """More than TRANSACTION_LIMIT bytes in one transaction: split the work."""


class StoreFailed(Exception):
    """The store could not make something durable, or is closed: it takes no more writes until it is opened anew."""


class StoreLocked(Exception):
    """Another process has the store open."""


def check_pair(key: bytes, value: bytes) -> None:
    """Raise ValueError for a key or a value that no store takes."""
    if len(key) > KEY_LIMIT:
        raise ValueError(f"a key of {len(key)} bytes; at most {KEY_LIMIT} are allowed")
    if len(value) > VALUE_LIMIT:
        raise ValueError(f"a value of {len(value)} bytes; at most {VALUE_LIMIT} are allowed: use state.chunks")


class Reader(Protocol):
    """A consistent view while its block is open. `ticket` names the newest commit it has shown."""

    ticket: int

    def get(self, key: bytes) -> bytes | None: ...

    def scan(
        self, start: bytes, end: bytes, *, reverse: bool = False, limit: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Pairs with start <= key < end, in key order (descending when `reverse`), lazily."""
        ...


class Writer(Reader, Protocol):
    """A transaction: sees its own writes, commits when its block ends without an exception."""

    def put(self, key: bytes, value: bytes) -> None: ...

    def delete(self, key: bytes) -> None: ...

    def delete_range(self, start: bytes, end: bytes) -> None:
        """Delete every key with start <= key < end (cheap, whatever their number)."""
        ...


class Store(Protocol):
    """An open database. Safe to use from any thread."""

    concurrent: bool
    """True when transactions run in parallel threads and may raise Conflict (PostgreSQL);
    False when they are serial and short enough for the event loop (RocksDB)."""

    def read(self) -> AbstractContextManager[Reader]: ...

    def write(self) -> AbstractContextManager[Writer]: ...

    def is_durable(self, ticket: int) -> bool: ...

    def when_durable(self, ticket: int, callback: Callable[[BaseException | None], None]) -> None:
        """Call back (on the store's own thread, or at once) when `ticket` is on disk; with the error
        when it can't be, after which the store refuses every write."""
        ...

    def wait(self, ticket: int) -> None:
        """Block until `ticket` is durable (for threads; never call it on the event loop)."""
        ...

    def checkpoint(self, path: str) -> None:
        """A consistent copy of the whole store in the new folder `path` (cheap: hard links)."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Gathering(Protocol):
    """A store whose commits are made durable in groups, and that lets an event loop say when a group is complete."""

    def gather(self, soon: Callable[[Callable[[], None]], object]) -> None: ...
