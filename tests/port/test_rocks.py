"""What only the embedded store does: locks, copies, shared syncs, and giving up for good when the disk does."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from haneul.state.rocks import RocksStore
from haneul.state.store import StoreFailed, StoreLocked


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RocksStore]:
    opened = RocksStore(tmp_path / "store", cache=4 << 20)
    yield opened
    opened.close()


class Database:
    """RocksDB with a sync that a test can hold up, count or break."""

    def __init__(self, store: RocksStore) -> None:
        self._db = store._db
        self.may_sync = threading.Event()
        self.may_sync.set()
        self.syncs = 0
        self.error: Exception | None = None
        store._db = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def flush_wal(self, sync: bool) -> None:
        assert self.may_sync.wait(30)
        if self.error is not None:
            raise self.error
        self.syncs += 1
        self._db.flush_wal(sync)


def put(store: RocksStore, key: bytes, value: bytes = b"") -> int:
    with store.write() as tx:
        tx.put(key, value)
    return tx.ticket


def test_one_process_at_a_time(store: RocksStore) -> None:
    """Two clouds on one folder would destroy it; the second is told in plain words, in this process or another."""
    with pytest.raises(StoreLocked, match="is in use by another process"):
        RocksStore(store.path)
    program = f"from haneul.state.rocks import RocksStore; RocksStore({str(store.path)!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "StoreLocked" in done.stderr


def test_a_lock_dies_with_its_store(store: RocksStore) -> None:
    """After close() the folder is free, in the same process too."""
    put(store, b"a", b"1")
    store.close()
    again = RocksStore(store.path)
    with again.read() as tx:
        assert tx.get(b"a") == b"1"
    again.close()


def test_checkpoint(store: RocksStore, tmp_path: Path) -> None:
    """A backup is a store of its own, of one moment, and cheap."""
    put(store, b"a", b"1")
    store.checkpoint(str(tmp_path / "copy"))
    put(store, b"a", b"2")
    copy = RocksStore(tmp_path / "copy")
    with copy.read() as tx:
        assert tx.get(b"a") == b"1"
    put(copy, b"a", b"3")
    copy.close()
    with store.read() as tx:
        assert tx.get(b"a") == b"2"


def test_waiters_share_a_sync(store: RocksStore) -> None:
    """Whatever is committed while a sync runs is covered by the next one: two for a thousand."""
    database = Database(store)
    database.may_sync.clear()
    tickets = [put(store, b"%d" % number) for number in range(1000)]
    assert not store.is_durable(tickets[-1])
    database.may_sync.set()
    store.wait(tickets[-1])
    assert database.syncs <= 2


def test_durability_is_never_claimed_early(store: RocksStore) -> None:
    """Visible at once, but whoever is shown it can tell that it is not on disk yet."""
    database = Database(store)
    store.wait(put(store, b"old"))
    database.may_sync.clear()
    called: list[BaseException | None] = []
    ticket = put(store, b"new", b"x")
    store.when_durable(ticket, called.append)
    with store.read() as tx:
        assert tx.get(b"old") == b""
        assert tx.ticket == 0
        assert tx.get(b"new") == b"x"
        assert tx.ticket == ticket
    with store.read() as tx:
        assert [key for key, _ in tx.scan(b"", b"\xff")] == [b"new", b"old"]
        assert tx.ticket == ticket
    with store.read() as tx:
        list(tx.scan(b"o", b"p"))
        assert tx.ticket == 0
    assert called == [] and not store.is_durable(ticket)
    database.may_sync.set()
    store.wait(ticket)
    with store.read() as tx:
        tx.get(b"new")
        assert tx.ticket == 0


def test_a_failed_sync_is_the_end(store: RocksStore) -> None:
    """After a failed fsync nobody knows what the disk has: everybody waiting is told, and no write is taken again."""
    database = Database(store)
    store.wait(put(store, b"good"))
    database.may_sync.clear()
    database.error = OSError(5, "Input/output error")
    ticket = put(store, b"bad")
    called: list[BaseException | None] = []
    store.when_durable(ticket, called.append)
    database.may_sync.set()
    with pytest.raises(StoreFailed, match="Input/output error"):
        store.wait(ticket)
    assert isinstance(called[0], OSError)
    database.error = None  # the disk may say it is well again; the lost pages don't come back
    with pytest.raises(StoreFailed):
        put(store, b"more")
    assert not store.is_durable(ticket)
    with store.read() as tx:
        assert tx.get(b"good") == b""


def test_a_failed_write_is_the_end(store: RocksStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that can't be applied raises, changes nothing, and closes the store to writes."""
    database = Database(store)

    def fail(batch: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(database, "write", fail, raising=False)
    with pytest.raises(StoreFailed, match="No space left"):
        put(store, b"a")
    with store.read() as tx:
        assert tx.get(b"a") is None
    with pytest.raises(StoreFailed):
        put(store, b"b")


def test_an_event_loop_gathers_its_commits(store: RocksStore) -> None:
    """All commits of one turn of the loop share a sync; those of other threads don't wait for the loop."""
    database = Database(store)
    later: list[Callable[[], None]] = []
    store.gather(later.append)
    tickets = [put(store, b"%d" % number) for number in range(10)]
    assert len(later) == 1 and database.syncs == 0
    later.pop()()
    store.wait(tickets[-1])
    assert database.syncs == 1


def test_close_makes_everything_durable(store: RocksStore) -> None:
    """Nobody waited for the last commits; they are kept all the same."""
    called: list[BaseException | None] = []
    ticket = put(store, b"last", b"x")
    store.when_durable(ticket, called.append)
    store.close()
    assert called == [None] and store.is_durable(ticket)


def test_one_transaction_at_a_time_in_a_thread(store: RocksStore) -> None:
    """A transaction inside another one would wait for itself for ever: it is an error instead."""
    with store.write() as tx:
        tx.put(b"a", b"")
        with pytest.raises(RuntimeError, match="open in this thread"), store.write():
            pass
    assert store.read().get(b"a") == b""
