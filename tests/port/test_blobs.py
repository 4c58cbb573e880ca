"""What blobs promise (state/blobs.py), and what the scrubber does and never does."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from awscrt import checksums

from haneul.state import chunks
from haneul.state.blobs import BlobMissing
from haneul.state.files import FileBlobs
from haneul.state.memory import MemoryStore
from haneul.state.scrub import Caretaker, Scrubber
from haneul.state.store import Reader, Store


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs")


def put(blobs: FileBlobs, *pieces: bytes) -> str:
    with blobs.create() as writer:
        for piece in pieces:
            writer.write(piece)
        return writer.commit()


def age(blobs: FileBlobs, blob: str, seconds: float = 7200) -> None:
    then = time.time() - seconds
    os.utime(blobs.ranges(blob, 0, 0).path, (then, then))


def rows(*names: str) -> Any:
    """A room with these blobs in use."""

    def live(tx: Reader) -> Iterator[str]:
        return iter(names)

    return live


def test_pieces_in_bytes_out(blobs: FileBlobs) -> None:
    """Whatever buffers it came in, it reads the same; size and CRC64NVME are known before commit."""
    body = os.urandom(3_000_000)
    with blobs.create(expected=len(body)) as writer:
        writer.write(body[:10])
        writer.write(bytearray(body[10:1_000_000]))
        writer.write(memoryview(body)[1_000_000:])
        writer.write(b"")
        assert (writer.size, writer.crc) == (len(body), checksums.crc64nvme(body))
        blob = writer.commit()
    assert blobs.read(blob) == body
    assert blobs.read(blob, 5, 10) == body[5:15]
    assert blobs.read(blob, len(body) - 3, 10) == body[-3:]
    assert blobs.read(blob, len(body) + 3) == b""
    assert blobs.size(blob) == len(body)
    assert blobs.verify(blob) and blobs.verify(blob, checksums.crc64nvme(body)) and not blobs.verify(blob, 1)
    part = blobs.ranges(blob, 100, 50)
    with open(part.path, "rb") as file:
        file.seek(part.offset)
        assert file.read(part.length) == body[100:150]


def test_an_empty_blob(blobs: FileBlobs) -> None:
    """Nothing is something, too."""
    blob = put(blobs)
    assert blobs.read(blob) == b"" and blobs.size(blob) == 0 and blobs.verify(blob)


def test_an_aborted_blob_leaves_nothing(blobs: FileBlobs) -> None:
    """Aborted, failed or killed half way: no bytes stay behind, and a start clears what a kill left."""
    with blobs.create() as writer:
        writer.write(b"half")
        writer.abort()
    with pytest.raises(KeyError), blobs.create() as writer:
        writer.write(b"half")
        raise KeyError
    assert not list(blobs.everything()) and not os.listdir(blobs.folder / "tmp")
    abandoned = blobs.create()
    abandoned.write(b"half")
    assert len(os.listdir(blobs.folder / "tmp")) == 1
    FileBlobs(blobs.folder)
    assert not os.listdir(blobs.folder / "tmp")


def test_join(blobs: FileBlobs) -> None:
    """Multipart completion where a copy is needed: bytes in order, and a checksum of its own."""
    bodies = [os.urandom(size) for size in (5, 0, 2_000_000, 17_000_000)]
    joined = blobs.join([put(blobs, body) for body in bodies])
    assert blobs.read(joined) == b"".join(bodies)
    assert blobs.verify(joined, checksums.crc64nvme(b"".join(bodies)))


@pytest.mark.parametrize(
    "name", ["", "..", "../../etc/passwd", "a" * 39, "A" * 40, "0" * 40 + "\n", "/" * 40, "g" * 40]
)
def test_only_ids_become_paths(blobs: FileBlobs, name: str) -> None:
    """No name from outside ever reaches the file system."""
    for use in (blobs.read, blobs.size, blobs.delete, lambda name: blobs.ranges(name, 0, 1)):
        with pytest.raises(ValueError, match="not a blob id"):
            use(name)


def test_missing(blobs: FileBlobs) -> None:
    """A deleted blob is an error of its own kind; deleting it again is not."""
    blob = put(blobs, b"x")
    assert blobs.delete(blob) and blobs.delete(blob)
    for use in (blobs.read, blobs.size, blobs.verify):
        with pytest.raises(BlobMissing):
            use(blob)


def test_a_held_range_keeps_its_blob(blobs: FileBlobs) -> None:
    """A slow download gets all of its bytes though the object was overwritten meanwhile."""
    blob = put(blobs, b"x")
    first, second = blobs.ranges(blob, 0, 1), blobs.ranges(blob, 0, 1)
    assert not blobs.delete(blob)
    del first
    assert not blobs.delete(blob)
    assert blobs.read(blob) == b"x"
    del second
    assert blobs.delete(blob)


def test_delete_later(store: Store, blobs: FileBlobs) -> None:
    """Deleted when the transaction is durable; not when it was rolled back; held ones in a later round."""
    kept, gone, held = put(blobs, b"1"), put(blobs, b"2"), put(blobs, b"3")
    scrubber = Scrubber(store, blobs, ())
    with pytest.raises(KeyError), store.write() as tx:
        blobs.delete_later(tx, kept)
        raise KeyError
    with store.write() as tx:
        blobs.delete_later(tx, gone, held)
    download = blobs.ranges(held, 0, 1)
    assert scrubber.reap() == 1
    assert {stored.id for stored in blobs.everything()} == {kept, held}
    del download
    assert scrubber.reap() == 1
    assert {stored.id for stored in blobs.everything()} == {kept}
    assert scrubber.reap() == 0


def test_orphans_are_collected_when_old(store: Store, blobs: FileBlobs) -> None:
    """A crash between blob and row leaves an orphan; a young one may just be waiting for its row."""
    live, old, young, doomed = (put(blobs, body) for body in (b"live", b"old", b"young", b"doomed"))
    for blob in (live, old, doomed):
        age(blobs, blob)
    with store.write() as tx:
        blobs.delete_later(tx, doomed)
    report = Scrubber(store, blobs, [rows(live), rows()]).collect(time.time())
    assert (report.orphans, report.missing, report.blobs) == (1, [], 4)
    assert {stored.id for stored in blobs.everything()} == {live, young, doomed}


def test_torn_and_missing_are_reported_and_kept(store: Store, blobs: FileBlobs) -> None:
    """Damage is told, never tidied away: what is left may be all there is."""
    sound, torn, short, missing = (put(blobs, body * 1000) for body in (b"sound", b"torn", b"short", b"missing"))
    with open(blobs.ranges(torn, 0, 0).path, "r+b") as file:
        file.seek(500)
        file.write(b"!")
    os.truncate(blobs.ranges(short, 0, 0).path, 10)
    blobs.delete(missing)
    for blob in (sound, torn, short):
        age(blobs, blob)
    scrubber = Scrubber(store, blobs, [rows(sound, torn, short, missing)])
    assert sorted(scrubber.verify(1e9).torn) == sorted([torn, short])
    report = scrubber.collect(time.time())
    assert (report.missing, report.orphans) == ([missing], 0)
    assert {stored.id for stored in blobs.everything()} == {sound, torn, short}


def test_suspiciously_many_orphans_stay(blobs: FileBlobs) -> None:
    """A room that forgets to name its blobs must not lose them to the scrubber."""
    for number in range(150):
        age(blobs, put(blobs, b"%d" % number))
    scrubber = Scrubber(MemoryStore(), blobs, ())
    report = scrubber.collect(time.time())
    assert (report.orphans, report.refused) == (0, 150)
    assert scrubber.collect(time.time(), force=True).orphans == 150


def test_verify_keeps_its_pace(blobs: FileBlobs) -> None:
    """Scrubbing leaves the disk to the clients: at most so many bytes a second."""
    put(blobs, bytes(300_000))
    begun = time.monotonic()
    Scrubber(MemoryStore(), blobs, ()).verify(1e6)
    assert time.monotonic() - begun >= 0.3


def test_the_caretaker_reaps_in_the_background(blobs: FileBlobs) -> None:
    """Nobody has to ask: what was given to delete_later goes, also what an earlier process left."""
    store = MemoryStore()
    left, new = put(blobs, b"left"), put(blobs, b"new")
    with store.write() as tx:
        blobs.delete_later(tx, left)
    caretaker = Caretaker(store, blobs, lambda: ())
    caretaker.REAP = 0.01
    caretaker.start()
    try:
        with store.write() as tx:
            blobs.delete_later(tx, new)
        deadline = time.monotonic() + 20
        while list(blobs.everything()) and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        assert not list(blobs.everything())
    finally:
        caretaker.close()


@pytest.mark.parametrize("size", [0, 1, chunks.PIECE - 1, chunks.PIECE, chunks.PIECE + 1, 3 * chunks.PIECE, 300_001])
def test_chunks(store: Store, size: int) -> None:
    """Values beyond the limit go in and come out, replace longer ones without a rest, and go."""
    body = os.urandom(size)
    with store.write() as tx:
        chunks.put(tx, b"c/neighbour", b"n")
        chunks.put(tx, b"c/k", os.urandom(350_000))
        chunks.put(tx, b"c/k", body)
        assert chunks.get(tx, b"c/k") == body
    with store.read() as tx:
        assert chunks.get(tx, b"c/k") == body
        assert chunks.get(tx, b"c/nobody") is None
    with store.write() as tx:
        chunks.delete(tx, b"c/k")
    with store.read() as tx:
        assert chunks.get(tx, b"c/k") is None
        assert len(list(tx.scan(b"c/", b"c0"))) == 1
