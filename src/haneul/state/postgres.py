"""The store on any PostgreSQL-wire database: the way out of one machine. Several gateways may share it.

Transactions are SERIALIZABLE and run in parallel; the loser of two that don't fit one after the other gets Conflict.
A commit is durable when it returns, so tickets are always 0. Writes wait in the transaction and go in one round trip.

A B-tree entry holds 2,704 bytes, a key up to 10,000: `a` is the key's first 2,000 bytes, `b` the rest, `h` the rest's
digest ('' for almost all); the primary key is (a, h), the order (a, b).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
from psycopg import errors

from haneul.state.store import Conflict, StoreFailed
from haneul.state.transaction import Pair, Transaction

_HEAD = 2000
_PAGE = 512

_CREATE = """
CREATE TABLE IF NOT EXISTS haneul (
  a bytea NOT NULL, b bytea NOT NULL, h bytea NOT NULL, v bytea NOT NULL, PRIMARY KEY (a, h))
"""
_GET = "SELECT v FROM haneul WHERE a = %b AND h = %b"
_UP = "SELECT a, b, v FROM haneul WHERE a >= %b AND a <= %b AND (a, b) >= (%b, %b) AND (a, b) < (%b, %b)"
_SCAN = _UP + " ORDER BY a, b LIMIT %b"
_SCAN_DOWN = _UP + " ORDER BY a DESC, b DESC LIMIT %b"
_PUT = """
INSERT INTO haneul SELECT * FROM unnest(%b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[])
ON CONFLICT (a, h) DO UPDATE SET v = excluded.v
"""
_DELETE = """
DELETE FROM haneul USING unnest(%b::bytea[], %b::bytea[]) AS gone (a, h) WHERE haneul.a = gone.a AND haneul.h = gone.h
"""
_DELETE_RANGE = "DELETE FROM haneul WHERE a >= %b AND a <= %b AND (a, b) >= (%b, %b) AND (a, b) < (%b, %b)"

Connection = psycopg.Connection[Any]


class PostgresStore:
    """A store in the table `haneul` of the database at `url`, with up to `connections` transactions at a time."""

    concurrent = True

    def __init__(self, url: str, connections: int = 16) -> None:
        self._url = url
        self._idle: list[Connection] = []
        self._slots = threading.Semaphore(connections)
        self._closed = False
        connection = self._connect()
        try:
            connection.execute(_CREATE)
            connection.commit()
        except psycopg.Error as error:
            connection.close()
            raise StoreFailed(f"can't prepare the table: {error}") from error
        self._idle.append(connection)

    def read(self) -> PostgresReader:
        return PostgresReader(self)

    def write(self) -> PostgresWriter:
        return PostgresWriter(self)

    def is_durable(self, ticket: int) -> bool:
        return True

    def when_durable(self, ticket: int, callback: Callable[[BaseException | None], None]) -> None:
        callback(None)

    def wait(self, ticket: int) -> None:
        return

    def checkpoint(self, path: str) -> None:
        raise NotImplementedError("copy the database with its own tools (pg_basebackup, pg_dump)")

    def close(self) -> None:
        """Close the idle connections; those in use close when their blocks end."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _connect(self) -> Connection:
        try:
            connection = psycopg.connect(self._url, options="-c synchronous_commit=on")
        except psycopg.Error as error:
            raise StoreFailed(f"can't connect to the database: {error}") from error
        connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        return connection

    def _take(self) -> Connection:
        if self._closed:
            raise StoreFailed("the store is closed")
        self._slots.acquire()
        try:
            while self._idle:
                connection = self._idle.pop()
                if not connection.closed:
                    return connection
            return self._connect()
        except BaseException:
            self._slots.release()
            raise

    def _give(self, connection: Connection) -> None:
        """Take a connection back, its transaction ended; a broken one is replaced at the next need."""
        if connection.broken or connection.info.transaction_status != 0 or self._closed:
            connection.close()
        else:
            self._idle.append(connection)
        self._slots.release()


class _Session:
    """A block's connection, taken at its first look at the database."""

    __slots__ = ("_connection", "_cursor", "_ended", "_read_only", "_store")

    def __init__(self, store: PostgresStore, read_only: bool) -> None:
        self._store = store
        self._ended = False
        self._read_only = read_only
        self._connection: Connection | None = None

    def run(self, query: str, parameters: tuple[Any, ...]) -> psycopg.Cursor[Any]:
        """Raises Conflict, or StoreFailed when the database can't be asked."""
        try:
            if self._connection is None:
                self._begin()
            return self._cursor.execute(query, parameters)
        except (errors.SerializationFailure, errors.DeadlockDetected, errors.UniqueViolation) as error:
            raise Conflict(str(error)) from error
        except psycopg.Error as error:
            raise StoreFailed(f"the database: {error}") from error

    def _begin(self) -> None:
        if self._ended:
            raise RuntimeError("the block is over: read scans to their end inside it")
        self._connection = connection = self._store._take()
        connection.isolation_level = (
            psycopg.IsolationLevel.REPEATABLE_READ if self._read_only else psycopg.IsolationLevel.SERIALIZABLE
        )
        connection.read_only = self._read_only
        self._cursor = connection.cursor(binary=True)

    def end(self, commit: bool) -> None:
        """Commit or roll back, and give the connection back."""
        self._ended = True
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.commit() if commit else connection.rollback()
        except (errors.SerializationFailure, errors.DeadlockDetected, errors.UniqueViolation) as error:
            raise Conflict(str(error)) from error
        except psycopg.Error as error:
            # After a lost connection nobody knows whether it was committed: no Conflict, which would run it again.
            if commit:
                raise StoreFailed(f"the database: {error}") from error
        finally:
            self._store._give(connection)

    def get(self, key: bytes) -> bytes | None:
        head, _, digest = _split(key)
        row = self.run(_GET, (head, digest)).fetchone()
        return None if row is None else row[0]

    def scan(self, start: bytes, end: bytes, reverse: bool, limit: int | None) -> Iterator[Pair]:
        page = min(_PAGE, limit or _PAGE)
        query = _SCAN_DOWN if reverse else _SCAN
        while True:
            rows = self.run(query, (*_bounds(start, end), page)).fetchall()
            for head, tail, value in rows:
                yield head + tail, value
            if len(rows) < page:
                return
            last = rows[-1][0] + rows[-1][1]
            start, end = (start, last) if reverse else (last + b"\x00", end)
            page = _PAGE


class PostgresReader:
    """A snapshot of the database from the block's first look until its end; scans must be read within the block."""

    __slots__ = ("_session", "ticket")

    def __init__(self, store: PostgresStore) -> None:
        self._session = _Session(store, read_only=True)
        self.ticket = 0

    def __enter__(self) -> PostgresReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self._session.end(commit=False)

    def get(self, key: bytes) -> bytes | None:
        return self._session.get(key)

    def scan(self, start: bytes, end: bytes, *, reverse: bool = False, limit: int | None = None) -> Iterator[Pair]:
        if start >= end or (limit is not None and limit <= 0):
            return iter(())
        return _limited(self._session.scan(start, end, reverse, limit), limit)


class PostgresWriter(Transaction):
    """A SERIALIZABLE transaction: its block, or leaving it, may raise Conflict."""

    __slots__ = ("_session",)

    def __init__(self, store: PostgresStore) -> None:
        super().__init__()
        self._session = _Session(store, read_only=False)

    def __enter__(self) -> PostgresWriter:
        if self._session._store._closed:
            raise StoreFailed("the store takes no writes: it is closed")
        self._clear()
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is not None:
            self._session.end(commit=False)
            return
        try:
            self._send()
        except BaseException:
            self._session.end(commit=False)
            raise
        self._session.end(commit=True)

    def _send(self) -> None:
        run = self._session.run
        for start, end in self._ranges:
            run(_DELETE_RANGE, _bounds(start, end))
        puts = [(*_split(key), value) for key, value in self._changes.items() if value is not None]
        gone = [_split(key) for key, value in self._changes.items() if value is None]
        if gone:
            run(_DELETE, ([head for head, _, _ in gone], [digest for _, _, digest in gone]))
        if puts:
            puts.sort()  # rows are locked in one order by everybody: fewer deadlocks
            run(_PUT, tuple(list(column) for column in zip(*puts, strict=True)))

    def _stored(self, key: bytes) -> bytes | None:
        return self._session.get(key)

    def _walk(self, start: bytes, end: bytes, reverse: bool, limit: int | None) -> Iterator[Pair]:
        return self._session.scan(start, end, reverse, limit)


def _split(key: bytes) -> tuple[bytes, bytes, bytes]:
    """A key as (a, b, h)."""
    if len(key) <= _HEAD:
        return key, b"", b""
    return key[:_HEAD], key[_HEAD:], hashlib.sha256(key[_HEAD:]).digest()


def _bounds(start: bytes, end: bytes) -> tuple[bytes, ...]:
    low, high = start[:_HEAD], end[:_HEAD]
    return low, high, low, start[_HEAD:], high, end[_HEAD:]


def _limited(pairs: Iterator[Pair], limit: int | None) -> Iterator[Pair]:
    for number, pair in enumerate(pairs, start=1):
        yield pair
        if number == limit:
            return
