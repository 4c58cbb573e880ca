"""What every store promises (state/store.py), on all of them."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import Any

import pytest

from haneul.state.store import (
    KEY_LIMIT,
    TRANSACTION_LIMIT,
    VALUE_LIMIT,
    Conflict,
    Reader,
    Store,
    StoreFailed,
    TransactionTooLarge,
    Writer,
)

END = b"\xff\xff"


def fill(store: Store, *keys: bytes) -> None:
    with store.write() as tx:
        for key in keys:
            tx.put(key, b"v" + key)


def keys_of(tx: Reader | Writer, start: bytes = b"", end: bytes = END, **how: Any) -> list[bytes]:
    return [key for key, _ in tx.scan(start, end, **how)]


def test_puts_and_gets_bytes(store: Store) -> None:
    """Any bytes are keys and values: empty values, zero bytes, FF."""
    pairs = {b"a": b"", b"\x00": b"\x00\x01", b"\xff\xfe": b"\xff" * 1000, b"a\x00b": b"x"}
    with store.write() as tx:
        for key, value in pairs.items():
            tx.put(key, value)
    with store.read() as tx:
        assert {key: tx.get(key) for key in pairs} == pairs
        assert tx.get(b"nobody") is None


def test_scans_in_byte_order(store: Store) -> None:
    """Order is that of unsigned bytes, whatever the order of writing: pages and prefixes depend on it."""
    keys = [b"\xff", b"b", b"a\x00", b"\x00", b"a", b"ab", b"a\xff", b"\x80", b"B"]
    fill(store, *keys)
    with store.read() as tx:
        assert keys_of(tx) == sorted(keys)
        assert list(tx.scan(b"a", b"ab")) == [(b"a", b"va"), (b"a\x00", b"va\x00")]
        assert keys_of(tx, reverse=True) == sorted(keys, reverse=True)


@pytest.mark.parametrize("reverse", [False, True])
def test_scan_bounds_and_limits(store: Store, reverse: bool) -> None:
    """The start is in, the end is out, in both directions; a limit counts from where the scan begins."""
    fill(store, *[b"k%d" % number for number in range(10)])
    with store.read() as tx:
        want = [b"k3", b"k4", b"k5", b"k6"]
        assert keys_of(tx, b"k3", b"k7", reverse=reverse) == (want[::-1] if reverse else want)
        assert keys_of(tx, b"k3", b"k7", reverse=reverse, limit=2) == (want[:1:-1] if reverse else want[:2])
        assert keys_of(tx, b"k3", b"k7", reverse=reverse, limit=0) == []
        assert keys_of(tx, b"k3", b"k7", reverse=reverse, limit=99) == (want[::-1] if reverse else want)
        assert keys_of(tx, b"k7", b"k3", reverse=reverse) == []
        assert keys_of(tx, b"k5", b"k5", reverse=reverse) == []
        assert keys_of(tx, b"x", b"y", reverse=reverse) == []
        assert keys_of(tx, b"k25", b"k35", reverse=reverse) == [b"k3"]


@pytest.mark.parametrize("reverse", [False, True])
def test_long_scans_cross_pages(store: Store, reverse: bool) -> None:
    """Engines read in batches; no pair is lost or doubled at their seams."""
    fill(store, *[b"%05d" % number for number in range(1500)])
    want = [b"%05d" % number for number in range(7, 1400)]
    with store.read() as tx:
        found = keys_of(tx, b"00007", b"01400", reverse=reverse)
        assert found == (want[::-1] if reverse else want)
        assert keys_of(tx, b"00007", b"01400", reverse=reverse, limit=1300) == found[:1300]


def test_a_transaction_sees_its_own_writes(store: Store) -> None:
    """Read, decide, write, read again: in one block."""
    fill(store, b"a", b"b", b"c")
    with store.write() as tx:
        tx.put(b"b", b"new")
        tx.put(b"bb", b"more")
        tx.delete(b"a")
        tx.delete(b"not there")
        assert tx.get(b"b") == b"new"
        assert tx.get(b"a") is None
        assert list(tx.scan(b"", END)) == [(b"b", b"new"), (b"bb", b"more"), (b"c", b"vc")]
        assert keys_of(tx, reverse=True) == [b"c", b"bb", b"b"]
        assert keys_of(tx, reverse=True, limit=2) == [b"c", b"bb"]
        assert keys_of(tx, limit=1) == [b"b"]
    with store.read() as tx:
        assert list(tx.scan(b"", END)) == [(b"b", b"new"), (b"bb", b"more"), (b"c", b"vc")]


def test_an_exception_rolls_back(store: Store) -> None:
    """Half a change is never kept, and the next transaction isn't hindered."""
    fill(store, b"a")
    with pytest.raises(KeyError), store.write() as tx:
        tx.put(b"a", b"changed")
        tx.put(b"b", b"added")
        tx.delete_range(b"", END)
        raise KeyError
    with store.read() as tx:
        assert list(tx.scan(b"", END)) == [(b"a", b"va")]
    fill(store, b"z")


@pytest.mark.parametrize("count", [5, 1200])
def test_delete_range(store: Store, count: int) -> None:
    """Few keys or many, stored or the transaction's own: gone, and what is put afterwards is there."""
    fill(store, *[b"k%04d" % number for number in range(count)], b"j", b"l")
    with store.write() as tx:
        tx.put(b"k0001x", b"mine")
        tx.delete_range(b"k", b"l")
        assert keys_of(tx) == [b"j", b"l"]
        assert tx.get(b"k0001") is None and tx.get(b"k0001x") is None
        tx.put(b"k0002", b"again")
        assert tx.get(b"k0002") == b"again"
        assert keys_of(tx) == [b"j", b"k0002", b"l"]
        assert keys_of(tx, reverse=True) == [b"l", b"k0002", b"j"]
        tx.delete_range(b"l", b"k")
    with store.read() as tx:
        assert keys_of(tx) == [b"j", b"k0002", b"l"]
    fill(store, b"k0003")
    with store.read() as tx:
        assert keys_of(tx) == [b"j", b"k0002", b"k0003", b"l"]


def test_rows_may_be_deleted_while_they_are_scanned(store: Store) -> None:
    """`for row in scan: delete(row)` is how rooms clean up; new rows don't prolong the scan."""
    fill(store, *[b"%04d" % number for number in range(700)])
    with store.write() as tx:
        seen = 0
        for key, _ in tx.scan(b"", b":"):
            seen += 1
            tx.delete(key)
            tx.put(b"9" + key, b"")
        assert seen == 700
        assert keys_of(tx, b"", b"9") == []
    with store.read() as tx:
        assert len(keys_of(tx)) == 700


def test_scans_interleave(store: Store) -> None:
    """Two scans in one block don't disturb each other."""
    fill(store, *[b"%04d" % number for number in range(600)])
    for block in (store.read, store.write):
        with block() as tx:
            pairs = list(itertools.zip_longest(tx.scan(b"", END), tx.scan(b"", END, reverse=True)))
        assert [up[0] for up, _ in pairs] == [down[0] for _, down in reversed(pairs)]


def test_a_scan_outlives_what_it_was_asked_with(store: Store) -> None:
    """RocksDB's iterator points at its bound's bytes: they must not be freed and reused while it is read."""
    keys = [b"s/" + b"A" * 16 + b"id\x00\x00" + bytes((n,)) for n in range(1, 8)]
    fill(store, *keys)
    for reverse in (False, True):
        with store.read() as tx:
            pairs = tx.scan(keys[0], bytes(bytearray(keys[0][:-2] + b"\x01")), reverse=reverse)
            garbage = [bytes((n,)) * size for n in range(256) for size in (8, 16, 24, 32, 48)]
            assert sorted(key for key, _ in pairs) == keys
            del garbage


def test_a_reader_keeps_its_view(store: Store) -> None:
    """A view is of one moment: later commits don't show, in gets or scans, forwards or backwards."""
    fill(store, *[b"%04d" % number for number in range(600)])

    def change() -> None:
        with store.write() as tx:
            tx.put(b"0000", b"new")
            tx.delete(b"0001")
            tx.put(b"0001x", b"added")
            tx.delete_range(b"0100", b"0500")

    with store.read() as tx:
        assert tx.get(b"0000") == b"v0000"
        early = tx.scan(b"0000", b"0600")
        first = [next(early) for _ in range(3)]
        worker = threading.Thread(target=change)
        worker.start()
        worker.join()
        assert tx.get(b"0000") == b"v0000"
        assert tx.get(b"0001") == b"v0001"
        assert tx.get(b"0001x") is None
        want = [b"%04d" % number for number in range(600)]
        assert [key for key, _ in first] + [key for key, _ in early] == want
        assert keys_of(tx) == want
        assert keys_of(tx, reverse=True) == want[::-1]
        assert keys_of(tx, b"0100", b"0500", limit=2, reverse=True) == [b"0499", b"0498"]
    with store.read() as tx:
        assert tx.get(b"0000") == b"new"
        assert len(keys_of(tx)) == 200


def test_views_hold_under_load(store: Store) -> None:
    """Two keys always change together; no reader ever meets them apart, however threads interleave."""
    with store.write() as tx:
        tx.put(b"left", b"0")
        tx.put(b"right", b"0")
    stop = threading.Event()
    failures: list[str] = []

    def write() -> None:
        for number in range(400):
            try:
                with store.write() as tx:
                    tx.put(b"left", b"%d" % number)
                    tx.put(b"right", b"%d" % number)
            except Conflict:
                continue
        stop.set()

    def read() -> None:
        while not stop.is_set():
            with store.read() as tx:
                left, right = tx.get(b"left"), tx.get(b"right")
                pairs = dict(tx.scan(b"left", b"s"))
                if not left == right == pairs[b"left"] == pairs[b"right"]:
                    failures.append(f"{left!r} {right!r} {pairs}")
                    stop.set()

    threads = [threading.Thread(target=work) for work in (write, read, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_transactions_are_serializable(store: Store) -> None:
    """Eight threads add to one counter: none of the additions is lost, with Conflict meaning once more."""
    with store.write() as tx:
        tx.put(b"n", b"0")

    def add() -> None:
        done = 0
        while done < 25:
            try:
                with store.write() as tx:
                    value = tx.get(b"n")
                    assert value is not None
                    tx.put(b"n", b"%d" % (int(value) + 1))
                done += 1
            except Conflict:
                assert store.concurrent

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as tx:
        assert tx.get(b"n") == b"200"


def test_tickets_become_durable(store: Store) -> None:
    """Whoever waits for a ticket is called back exactly once, without an error; later tickets cover earlier ones."""
    tickets = []
    for number in range(50):
        with store.write() as tx:
            tx.put(b"%d" % number, b"x")
        tickets.append(tx.ticket)
    assert tickets == sorted(tickets)
    called: list[BaseException | None] = []
    enough = threading.Event()

    def answer(error: BaseException | None) -> None:
        called.append(error)
        if len(called) == len(tickets):
            enough.set()

    for ticket in tickets:
        store.when_durable(ticket, answer)
    assert enough.wait(30)
    store.wait(tickets[-1])
    assert all(store.is_durable(ticket) for ticket in tickets)
    assert called == [None] * 50
    store.when_durable(0, called.append)
    assert called == [None] * 51


def test_a_reader_answers_for_what_it_saw(store: Store) -> None:
    """Whoever was shown a value waits until it is durable: also its absence, in gets and scans."""
    fill(store, b"a", b"b")
    with store.write() as tx:
        tx.put(b"c", b"x")
        tx.delete(b"a")
    written = tx.ticket
    for look in (lambda tx: tx.get(b"c"), lambda tx: tx.get(b"a"), lambda tx: list(tx.scan(b"b", b"d"))):
        with store.read() as reader:
            look(reader)
        assert reader.ticket >= written or store.is_durable(written)
    with store.write() as tx:
        tx.get(b"c")
    assert tx.ticket >= written or store.is_durable(written)
    store.wait(written)
    with store.read() as reader:
        reader.get(b"c")
    assert store.is_durable(reader.ticket)


def test_limits(store: Store) -> None:
    """Keys, values and transactions are bounded as a distributed store would bound them."""
    with store.write() as tx:
        tx.put(b"\xaa" * KEY_LIMIT, b"\xbb" * VALUE_LIMIT)
        with pytest.raises(ValueError, match="key"):
            tx.put(b"k" * (KEY_LIMIT + 1), b"")
        with pytest.raises(ValueError, match="chunks"):
            tx.put(b"k", b"x" * (VALUE_LIMIT + 1))
    with store.read() as tx:
        assert tx.get(b"\xaa" * KEY_LIMIT) == b"\xbb" * VALUE_LIMIT
    with pytest.raises(TransactionTooLarge), store.write() as tx:
        for number in range(1 + TRANSACTION_LIMIT // VALUE_LIMIT):
            tx.put(b"%d" % number, b"x" * VALUE_LIMIT)
    with store.read() as tx:
        assert tx.get(b"0") is None


def test_long_keys_sort_as_short_ones_do(store: Store) -> None:
    """Keys beyond what a B-tree entry holds have the same order, gets, deletes and ranges."""
    stem = b"k" * 1990
    keys = sorted(stem + tail for tail in (b"", b"a", b"a" * 9, b"a" * 10, b"a" * 11, b"a" * 4000, b"b" * 5000, b"z"))
    fill(store, *reversed(keys))
    with store.read() as tx:
        assert keys_of(tx) == keys
        assert keys_of(tx, reverse=True) == keys[::-1]
        assert keys_of(tx, keys[2], keys[5]) == keys[2:5]
        assert keys_of(tx, keys[4], keys[6], reverse=True, limit=1) == [keys[5]]
        assert tx.get(keys[-2]) == b"v" + keys[-2]
    with store.write() as tx:
        tx.delete(keys[-2])
        tx.put(keys[-3], b"new")
        tx.delete_range(keys[1], keys[3])
    with store.read() as tx:
        assert keys_of(tx) == [keys[0], *keys[3:-2], keys[-1]]
        assert tx.get(keys[-3]) == b"new"


def test_a_closed_store_refuses(store: Store) -> None:
    """After close() nothing pretends to be written; closing again is harmless."""
    fill(store, b"a")
    store.close()
    store.close()
    with pytest.raises(StoreFailed), store.write() as tx:
        tx.put(b"b", b"")
    with pytest.raises(StoreFailed), store.read() as tx:
        tx.get(b"a")


def test_what_was_written_is_there_when_opened_again(engine: str, store: Store, opener: Any, tmp_path: Path) -> None:
    """Close and open: the same pairs."""
    if engine == "memory":
        pytest.skip("memory forgets, as it says")
    fill(store, *[b"%04d" % number for number in range(500)])
    store.close()
    again = opener(engine, tmp_path)
    try:
        with again.read() as tx:
            assert keys_of(tx) == [b"%04d" % number for number in range(500)]
        fill(again, b"more")
    finally:
        again.close()
