"""A program to be killed: `python -m tests.crash.worker FOLDER SEED LAST [careless] [marks]`. It writes to a store and
to blobs, transaction after transaction, all of them following from SEED, and says on stdout which it begins (b N) and
which it has seen become durable (a N). `careless`: a store that forgets to sync, which the checks must find out.

`model(SEED, N)` is what the store holds after N transactions; `check` compares.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from haneul.state.files import FileBlobs
from haneul.state.rocks import RocksStore
from haneul.state.scrub import Scrubber
from haneul.state.store import Reader, Writer

END = b"\xff"
COUNT = b"n"
Change = tuple[str, bytes, bytes]


def transaction(seed: int, number: int) -> list[Change]:
    """What transaction `number` (from 1) does: ("put", key, value), ("delete", key, ""), ("range", start, end),
    ("blob", key, bytes): a blob whose id becomes the key's value, the one before being doomed."""
    chance = random.Random(f"{seed}/{number}")
    changes: list[Change] = []
    for _ in range(chance.choice((1, 1, 1, 2, 5, 40))):
        key = b"k%02d" % chance.randrange(60)
        kind = chance.random()
        if kind < 0.7:
            changes.append(("put", key, chance.randbytes(chance.choice((0, 20, 300, 2000)))))
        elif kind < 0.9:
            changes.append(("delete", key, b""))
        else:
            changes.append(("range", key, b"k%02d" % chance.randrange(60)))
    if chance.random() < 0.25:
        body = chance.randbytes(chance.choice((0, 100, 5000, 50_000)))
        changes.append(("blob", b"z%d" % chance.randrange(5), body))
    changes.append(("put", COUNT, b"%d" % number))
    return changes


@cache
def model(seed: int, count: int) -> dict[bytes, bytes]:
    """The store's pairs after `count` transactions; of a blob, its bytes."""
    if count == 0:
        return {}
    stop = (count - 1) // 200 * 200  # a stop on the way, remembered for the next question
    pairs = dict(model(seed, stop))
    for number in range(stop + 1, count + 1):
        for kind, key, value in transaction(seed, number):
            if kind == "delete":
                pairs.pop(key, None)
            elif kind == "range":
                pairs = {k: v for k, v in pairs.items() if not key <= k < value}
            else:
                pairs[key] = value
    return pairs


def apply(tx: Writer, blobs: FileBlobs, changes: list[Change], made: dict[bytes, str]) -> None:
    for kind, key, value in changes:
        if kind == "put":
            tx.put(key, value)
        elif kind == "delete":
            tx.delete(key)
        elif kind == "range":
            tx.delete_range(key, value)
        else:
            before = tx.get(key)
            if before is not None:
                blobs.delete_later(tx, before.decode())
            tx.put(key, made[key].encode())


def blobs_in_use(tx: Reader) -> Iterator[str]:
    return (value.decode() for _, value in tx.scan(b"z", END))


def check(folder: Path, seed: int, acknowledged: int, begun: int) -> int:
    """Open what a crash left and compare: the transactions up to some number between those two, whole and in order,
    every blob sound, and nothing left over after a scrub. Gives that number."""
    store = RocksStore(folder / "store", cache=1 << 20)
    try:
        blobs = FileBlobs(folder / "blobs")
        with store.read() as tx:
            found = dict(tx.scan(b"", b"b")) | dict(tx.scan(b"c", END))
        count = int(found.get(COUNT, b"0"))
        assert acknowledged <= count <= begun, f"{count} transactions; {acknowledged} were acknowledged, {begun} begun"
        named = {value.decode() for key, value in found.items() if key.startswith(b"z")}
        bodies = {k: blobs.read(v.decode()) if k.startswith(b"z") else v for k, v in found.items()}
        assert bodies == model(seed, count), f"not what {count} transactions leave"
        scrubber = Scrubber(store, blobs, [blobs_in_use])
        assert named.isdisjoint(scrubber.verify(1e12).torn)
        scrubber.reap()
        assert scrubber.collect(4e9, force=True).missing == []
        assert {stored.id for stored in blobs.everything()} == named
        with store.write() as tx:
            tx.put(b"b-still", b"writable")
        store.wait(tx.ticket)
    finally:
        store.close()
    return count


def main(folder: str, seed: int, last: int, careless: bool, marks: bool) -> None:
    store = RocksStore(Path(folder) / "store", cache=1 << 20)
    blobs = FileBlobs(Path(folder) / "blobs")
    scrubber = Scrubber(store, blobs, [blobs_in_use])
    chance = random.Random(seed)
    if careless:
        store._durable = 1 << 60  # whatever is asked for is taken to be on disk

    def say(what: str) -> None:
        if marks:
            Path(folder, f".mark-{what}").exists()
        os.write(1, what.encode() + b"\n")

    with store.read() as tx:
        number = int(tx.get(COUNT) or b"0")
    while number < last:
        number += 1
        changes = transaction(seed, number)
        made = {}
        for kind, key, body in changes:
            if kind == "blob":
                with blobs.create() as writer:
                    for start in range(0, len(body), 20_000):
                        writer.write(body[start : start + 20_000])
                    made[key] = writer.commit()
        say(f"b {number}")
        with store.write() as tx:
            apply(tx, blobs, changes, made)
        if chance.random() < 0.3:
            store.wait(tx.ticket)
            say(f"a {number}")
        if chance.random() < 0.02:
            scrubber.reap()
        if chance.random() < 0.02:
            store._db.flush(chance.random() < 0.5)
        if chance.random() < 0.005:
            store._db.compact_range(None, None)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), "careless" in sys.argv[4:], "marks" in sys.argv[4:])
    os._exit(0)
