"""The embedded store: RocksDB, one writer at a time, the fsync of the write-ahead log shared by whoever waits.

A commit is applied without a sync and visible at once; one thread syncs the log for all commits before it and
calls their waiters back. A reader reads the database itself; only a commit that arrives while a reader's block is
open makes it pay: the committer freezes the reader's view (snapshot and iterator) before it writes. Views hold
what rocksdict 0.3.29 gets wrong: iterators of its Snapshot are not isolated, lower bounds set the upper one.
"""

from __future__ import annotations

import itertools
import queue
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

from rocksdict import (
    BlockBasedOptions,
    Cache,
    Checkpoint,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
)

from haneul.state.store import StoreFailed, StoreLocked
from haneul.state.transaction import Pair, Transaction

Callback = Callable[[BaseException | None], None]

_PAGE = 256
_SLOW_SEEK = 0.0002
_DESERTS = 8
_OPTIONS = """[Version]
  rocksdb_version=9.8.4
  options_file_version=1.1
[DBOptions]
  manual_wal_flush=true
[CFOptions "default"]
[TableOptions/BlockBasedTable "default"]
"""


class RocksStore:
    """An open RocksDB database in the folder `path`. Raises StoreLocked when another process has it open."""

    concurrent = False

    def __init__(self, path: str | Path, *, cache: int = 48 << 20) -> None:
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._db: Any = _open(self.path, cache)
        self._get: Callable[[bytes], bytes | None] = self._db.get
        self._writing = threading.Lock()
        self._writer: int | None = None
        self._commits = threading.Lock()
        self._view: _View | None = _View()
        self._committed = 0
        self._durable = 0
        self._recent: dict[bytes, int] = {}
        """Keys of commits that no sync has begun to cover -> ticket; `_syncing`: those the sync under way covers."""
        self._syncing: dict[bytes, int] = {}
        self._range_ticket = 0
        self._deserts: dict[bytes, bytes] = {}
        """Where a scan begins -> the first key that may be alive there."""
        self._waiters: list[tuple[int, Callback]] = []
        self._waiting = threading.Lock()
        self._wake: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._awake = False
        self._gatherer: int | None = None
        self._soon: Callable[[Callable[[], None]], object] | None = None
        self._failure: BaseException | None = None
        self._closed = False
        self._flusher = threading.Thread(target=self._flush, name="store-flusher", daemon=True)
        self._flusher.start()

    def read(self) -> RocksReader:
        return RocksReader(self)

    def write(self) -> RocksWriter:
        return RocksWriter(self)

    def is_durable(self, ticket: int) -> bool:
        return ticket <= self._durable

    def when_durable(self, ticket: int, callback: Callback) -> None:
        if ticket > self._durable:
            with self._waiting:
                if ticket > self._durable and self._failure is None and not self._closed:
                    self._waiters.append((ticket, callback))
                    return
        if ticket <= self._durable:
            callback(None)
        else:
            callback(self._failure or StoreFailed("the store is closed"))

    def wait(self, ticket: int) -> None:
        if ticket <= self._durable:
            return
        result: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self.when_durable(ticket, result.put)
        error = result.get()
        if error is not None:
            raise StoreFailed(str(error)) from error

    def gather(self, soon: Callable[[Callable[[], None]], object]) -> None:
        """From now on commits of this thread ask for their sync through `soon` (an event loop's call_soon), so that
        all of one turn share it: without it a fast disk syncs for each alone, and its thread fights for the GIL."""
        self._gatherer = threading.get_ident()
        self._soon = soon

    def checkpoint(self, path: str) -> None:
        Checkpoint(self._db).create_checkpoint(path)

    def close(self) -> None:
        """Make everything durable and release the folder. Harmless when repeated."""
        with self._writing:
            if self._closed:
                return
            self._closed = True
            self._soon = None
        self._wake.put(False)
        self._flusher.join()
        self._view = None
        self._db.close()

    def _current_view(self) -> _View:
        """The view of the newest commit; waits out a commit that is just being applied."""
        view = self._view
        if view is None:
            with self._commits:
                view = self._view
            if view is None:
                raise StoreFailed("the store is closed")
        return view

    def _commit(self, changes: dict[bytes, bytes | None], ranges: list[Pair]) -> int:
        """Apply a transaction (the caller holds `_writing`) and give its ticket."""
        batch = WriteBatch(raw_mode=True)
        for start, end in ranges:
            batch.delete_range(start, end)
        for key, value in changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        with self._commits:
            if self._failure is not None:
                raise StoreFailed(f"the store refuses writes since an error: {self._failure}") from self._failure
            ticket = self._committed + 1
            # Before the write, so that no reader can meet a value whose ticket it doesn't find.
            self._recent.update(dict.fromkeys(changes, ticket))
            if ranges:
                self._range_ticket = ticket
            if self._deserts:
                self._settle_desert(changes)
            view, self._view = self._view, None
            if sys.getrefcount(view) > 2:  # besides `view` and the argument: a reader's block is open
                assert view is not None
                view.freeze(self._db)
            try:
                self._db.write(batch)
            except Exception as error:
                self._failure = error
                raise StoreFailed(f"the store can't write: {error}") from error
            finally:
                self._view = _View()
            self._committed = ticket
        if not self._awake:
            self._awake = True
            if self._soon is not None and threading.get_ident() == self._gatherer:
                self._soon(self._rouse)
            else:
                self._rouse()
        return ticket

    def _rouse(self) -> None:
        self._wake.put(True)

    def _flush(self) -> None:
        """The flusher thread: sync the log once for all commits so far, tell whoever waits, again."""
        going = True
        while going:
            going = self._wake.get()
            self._awake = False
            with self._commits:
                target = self._committed
                self._syncing, self._recent = self._recent, {}
            if target > self._durable and self._failure is None:
                try:
                    self._db.flush_wal(True)
                except Exception as error:
                    self._failure = error
                else:
                    self._durable = target
                    self._syncing = {}
            self._call_back()

    def _call_back(self) -> None:
        error, durable = self._failure, self._durable
        with self._waiting:
            waiters, self._waiters = self._waiters, []
            if error is None:
                self._waiters = [waiter for waiter in waiters if waiter[0] > durable]
        for ticket, callback in waiters:
            if ticket <= durable:
                callback(None)
            elif error is not None:
                callback(error)

    def _unsynced_ticket(self, key: bytes) -> int:
        """The ticket of the newest commit not yet known durable that changed `key`, or 0."""
        ticket = self._recent.get(key) or self._syncing.get(key, 0)
        return max(ticket, self._range_ticket) if self._range_ticket > self._durable else ticket

    def _unsynced_in(self, start: bytes, end: bytes) -> int:
        """The same for a range; the newest commit of all when it would take long to tell."""
        recent, syncing = self._recent, self._syncing
        if len(recent) + len(syncing) > 64 or self._range_ticket > self._durable:
            return self._committed
        tickets = [ticket for keys in (recent.copy(), syncing) for key, ticket in keys.items() if start <= key < end]
        return max(tickets, default=0)

    def _scan(self, start: bytes, end: bytes, reverse: bool) -> Iterator[Pair]:
        """Pairs of the database as it is now: a RocksDB iterator is a view of the moment it was made."""
        options = ReadOptions()
        options.set_iterate_upper_bound(end)
        if reverse:
            return _keeping(options, _down_to(start, self._db.items(backwards=True, from_key=end, read_opt=options)))
        seen, origin = self._committed, start
        if self._deserts:
            start = self._deserts.get(origin, origin)
            if start >= end:
                return iter(())
        begun = perf_counter()
        pairs: Iterator[Pair] = self._db.items(from_key=start, read_opt=options)
        if perf_counter() - begun > _SLOW_SEEK:
            pairs = self._remember_desert(origin, end, pairs, seen)
        return _keeping(options, pairs)

    def _remember_desert(self, start: bytes, end: bytes, pairs: Iterator[Pair], seen: int) -> Iterator[Pair]:
        """A queue's scans begin at the same key and step over the tombstones of all that was ever taken from it (0.1 us
        each): note where the living begin, if nothing was committed since the count was `seen`, before the scan."""
        first = next(pairs, None)
        with self._commits:
            if self._committed == seen:
                if len(self._deserts) >= _DESERTS:
                    self._deserts.clear()
                self._deserts[start] = end if first is None else first[0]
        return iter(()) if first is None else itertools.chain((first,), pairs)

    def _settle_desert(self, changes: dict[bytes, bytes | None]) -> None:
        """Before a commit is applied: keys put into a desert are where it ends now."""
        for start, first in list(self._deserts.items()):
            settled = [key for key, value in changes.items() if value is not None and start <= key < first]
            if settled:
                self._deserts[start] = min(settled)


class _View:
    """What the readers between two commits see: the database itself (`snapshot` is None) until the next commit
    freezes it. Readers look at `snapshot` after reading, too: it is set before the commit is applied."""

    __slots__ = ("cursor", "lock", "snapshot")

    def __init__(self) -> None:
        self.snapshot: Any = None

    def freeze(self, db: Rdict) -> None:
        self.lock = threading.Lock()
        self.cursor = db.iter()
        self.snapshot = db.snapshot()

    def get(self, key: bytes) -> bytes | None:
        try:
            value: bytes = self.snapshot[key]
        except Exception as error:
            if error.args == ("key not found",):
                return None
            raise
        return value

    def scan(self, start: bytes, end: bytes, reverse: bool) -> Iterator[Pair]:
        """Pairs of the frozen view, by one cursor that all scans of the view share, a page at a time."""
        while True:
            with self.lock:
                page = self._page(start, end, reverse)
            yield from page
            if len(page) < _PAGE:
                return
            start, end = (start, page[-1][0]) if reverse else (page[-1][0] + b"\x00", end)

    def _page(self, start: bytes, end: bytes, reverse: bool) -> list[Pair]:
        cursor = self.cursor
        page: list[Pair] = []
        if reverse:
            cursor.seek_for_prev(end)
            if cursor.valid() and cursor.key() == end:
                cursor.prev()
        else:
            cursor.seek(start)
        while len(page) < _PAGE and cursor.valid():
            key = cursor.key()
            if not start <= key < end:
                break
            page.append((key, cursor.value()))
            cursor.prev() if reverse else cursor.next()
        cursor.status()
        return page


class RocksReader:
    """A consistent view from its first look at the store until its block ends."""

    __slots__ = ("_store", "_view", "ticket")

    def __init__(self, store: RocksStore) -> None:
        self._store = store
        self._view: _View | None = None
        self.ticket = 0

    def __enter__(self) -> RocksReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self._view = None

    def get(self, key: bytes) -> bytes | None:
        store, view = self._store, self._view
        if view is None:
            view = self._view = store._current_view()
        value = store._get(key)
        if view.snapshot is not None:
            value = view.get(key)
        if store._recent or store._syncing:
            ticket = store._unsynced_ticket(key)
            if ticket:
                self.ticket = max(self.ticket, ticket)
        return value

    def scan(self, start: bytes, end: bytes, *, reverse: bool = False, limit: int | None = None) -> Iterator[Pair]:
        store, view = self._store, self._view
        if view is None:
            view = self._view = store._current_view()
        if start >= end or (limit is not None and limit <= 0):
            return iter(())
        pairs = store._scan(start, end, reverse)
        if view.snapshot is not None:
            pairs = view.scan(start, end, reverse)
        if store._recent or store._syncing:
            self.ticket = max(self.ticket, store._unsynced_in(start, end))
        return pairs if limit is None else itertools.islice(pairs, limit)


class RocksWriter(Transaction):
    """A transaction; the only one while its block is open."""

    __slots__ = ("_store",)

    few = 256  # range tombstones slow down every read that meets them

    def __init__(self, store: RocksStore) -> None:
        self._store = store
        self.ticket = 0

    def __enter__(self) -> RocksWriter:
        store, thread = self._store, threading.get_ident()
        if store._writer == thread:
            raise RuntimeError("a transaction is open in this thread already")
        store._writing.acquire()
        store._writer = thread
        if store._closed or store._failure is not None:
            self._release()
            raise StoreFailed(f"the store takes no writes: {store._failure or 'it is closed'}") from store._failure
        self._clear()
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        store = self._store
        try:
            if kind is None and (self._changes or self._ranges):
                self.ticket = store._commit(self._changes, self._ranges)
            else:
                # It changed nothing, but what it has seen may not be durable yet.
                self.ticket = store._committed
        finally:
            self._release()

    def _release(self) -> None:
        self._store._writer = None
        self._store._writing.release()

    def _stored(self, key: bytes) -> bytes | None:
        return self._store._get(key)

    def _walk(self, start: bytes, end: bytes, reverse: bool, limit: int | None) -> Iterator[Pair]:
        return self._store._scan(start, end, reverse)


def _keeping(options: ReadOptions, pairs: Iterator[Pair]) -> Iterator[Pair]:
    """The iterator points at the bound inside its options, and doesn't keep them: this does, at no cost a pair."""
    keeper: Iterator[Any] = itertools.repeat(options, 0)
    return itertools.chain(pairs, keeper)


def _down_to(start: bytes, pairs: Iterator[Pair]) -> Iterator[Pair]:
    for pair in pairs:
        if pair[0] < start:
            return
        yield pair


def _buffered_log() -> Options:
    """RocksDB's defaults, but commits stay in the log's buffer until `flush_wal`: one write a sync, not one a commit.

    rocksdict 0.3.29 has no setter for `manual_wal_flush`, but it reads RocksDB's own options files.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "rocksdict-config.json").write_text('{"raw_mode":true,"prefix_extractors":{}}')
        Path(folder, "OPTIONS-000001").write_text(_OPTIONS)
        options: Options = Options.load_latest(folder)[0]
    return options


def _open(path: Path, cache: int) -> Rdict:
    """Open RocksDB with options for a small, quiet process: memory is bounded by the cache and three write buffers.

    No blob files: with values of 96 KB they wrote 2.6 bytes for each one put, not 4.1, but a get took 58 us, not 24.
    """
    table = BlockBasedOptions()
    table.set_block_cache(Cache(cache))
    table.set_block_size(8 << 10)
    table.set_bloom_filter(10, False)
    table.set_cache_index_and_filter_blocks(True)
    table.set_pin_l0_filter_and_index_blocks_in_cache(True)
    table.set_format_version(5)
    options = _buffered_log()
    options.create_if_missing(True)
    options.set_block_based_table_factory(table)
    none, lz4 = DBCompressionType.none(), DBCompressionType.lz4()
    options.set_compression_per_level([none, none, none, lz4, lz4, lz4, lz4])
    options.set_write_buffer_size(24 << 20)
    options.set_max_write_buffer_number(3)
    options.set_max_total_wal_size(128 << 20)
    # The unsynced tail of the log may be torn by a crash; everything before it is there, in order.
    options.set_wal_recovery_mode(DBRecoveryMode.point_in_time())
    options.set_paranoid_checks(True)
    # Tables that are mostly tombstones (queues) are compacted without waiting for their turn.
    options.add_compact_on_deletion_collector_factory(10_000, 5_000, 0.3)
    options.set_max_open_files(512)
    options.set_max_background_jobs(2)
    options.set_bytes_per_sync(1 << 20)
    options.set_keep_log_file_num(4)
    options.set_max_log_file_size(4 << 20)
    options.set_stats_dump_period_sec(0)
    options.set_stats_persist_period_sec(0)
    try:
        return Rdict(str(path), options)
    except Exception as error:
        if "lock" in str(error).lower():
            raise StoreLocked(f"{path} is in use by another process; stop it, or choose another data folder") from error
        raise
