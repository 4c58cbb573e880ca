"""S3's data plane by itself: keys that sort, scans that skip, bodies sealed and cut, checksums put together."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haneul.auth.digests import digest
from haneul.services.s3 import bodies as room_bodies
from haneul.services.s3.plane import bodies, checksums, encryption, keys, ranges, reading
from haneul.services.s3.plane.scans import Walk
from haneul.services.s3.state import Entry
from haneul.services.s3.versions import slot_of, version_id
from haneul.state.memory import MemoryStore

OWNER = b"\xff" * 16
NAMES = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=12)
TREES = st.lists(st.text("ab/\x00\x01é", min_size=1, max_size=6), max_size=25, unique=True)


@given(NAMES, NAMES)
def test_names_sort_by_their_bytes_and_come_back(one: str, two: str) -> None:
    """The store's order is S3's order, also around the bytes that are escaped."""
    assert keys.text(keys.name(one)) == one
    assert (keys.current(OWNER, one) < keys.current(OWNER, two)) == (one.encode() < two.encode())


@given(NAMES, NAMES)
def test_no_name_s_versions_lie_among_another_s(one: str, two: str) -> None:
    if one != two:
        assert not keys.version(OWNER, two, 7).startswith(keys.versions(OWNER, one))


@settings(max_examples=150)
@given(TREES, st.text("ab/", max_size=2), st.sampled_from(["", "/", "a", "b/"]), st.text("ab/", max_size=3))
def test_walks_are_what_sets_would_say(tree: list[str], prefix: str, delimiter: str, marker: str) -> None:
    """Against the definition: filter, roll up, sort."""
    store = MemoryStore()
    with store.write() as tx:
        for key in tree:
            tx.put(keys.current(OWNER, key), b"e")
        tx.put(keys.current(b"\x00" * 16, "a"), b"other bucket")
    expected = set()
    for key in tree:
        if key.startswith(prefix) and key.encode() > marker.encode():
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            expected.add(key if end < 0 else key[: end + len(delimiter)])
    found = []
    with store.read() as tx:
        walk = Walk(tx, OWNER, prefix, delimiter)
        if marker:
            walk.begin_after(marker)
        for key, _, _ in walk.rows():
            found.append(key)
            if walk.rolled(key):
                walk.skip_rest_of(key)
    assert found == sorted(expected, key=str.encode)


def test_version_ids_tell_their_place() -> None:
    """An id needs no index, and a forged one leads nowhere."""
    entry = Entry(seq=1_795_000_000_000_000, modified=0, size=0, etag="", null=False)
    identity = version_id(entry)
    assert len(identity) == 32
    assert slot_of(identity) == entry.seq.to_bytes(8, "big")
    assert slot_of("null") == keys.NULL_SLOT
    with pytest.raises(Exception, match="InvalidArgument"):
        slot_of(("B" if identity[0] != "B" else "C") + identity[1:])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3 * encryption.BLOCK + 5), st.data())
def test_sealed_ranges(size: int, data: st.DataObject) -> None:
    """Any cut of a sealed body, opened from the blocks that `span` names."""
    key, body = os.urandom(32), os.urandom(size)
    sealed = encryption.seal(key, body)
    assert len(sealed) == encryption.sealed_size(size)
    start = data.draw(st.integers(0, max(0, size - 1)))
    length = data.draw(st.integers(0, size - start))
    if length:
        offset, amount = encryption.span(start, length, size)
        first = start // encryption.BLOCK
        opened = encryption.unseal(key, sealed[offset : offset + amount], first, size)
        skip = start - first * encryption.BLOCK
        assert opened[skip : skip + length] == body[start : start + length]


@pytest.mark.parametrize("change", ["flip", "cut", "swap", "key"])
def test_what_was_sealed_cannot_be_changed(change: str) -> None:
    """Not a bit, not its end, not the order of its blocks."""
    key = os.urandom(32)
    size = 2 * encryption.BLOCK
    sealed = bytearray(encryption.seal(key, os.urandom(size)))
    block = encryption.BLOCK + encryption.TAG
    if change == "flip":
        sealed[10] ^= 1
    elif change == "cut":
        sealed = sealed[:block]
        size = encryption.BLOCK
    elif change == "swap":
        sealed = sealed[block:] + sealed[:block]
    else:
        key = os.urandom(32)
    with pytest.raises(encryption.Unreadable):
        encryption.unseal(key, bytes(sealed), 0, size)


@given(st.lists(st.binary(max_size=100_000), max_size=4))
@settings(max_examples=30, deadline=None)
def test_sealing_in_pieces_is_sealing(pieces: list[bytes]) -> None:
    key = os.urandom(32)
    sealer = encryption.Sealer(key)
    sealed = b"".join([sealer.update(piece) for piece in pieces]) + sealer.finish()
    assert sealed == encryption.seal(key, b"".join(pieces))


@pytest.mark.parametrize("algorithm", sorted(checksums.COMBINABLE))
def test_crcs_are_put_together(algorithm: str) -> None:
    parts = [os.urandom(n) for n in (5, 0, 1000, 3)]
    combined = checksums.combine(algorithm, [(checksums.of(algorithm, part), len(part)) for part in parts])
    assert combined == checksums.of(algorithm, b"".join(parts))


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("CRC32", "y/Q5Jg=="),
        ("CRC32C", "4waSgw=="),
        ("CRC64NVME", "rosUhgp5mIg="),
        ("SHA1", base64.b64encode(hashlib.sha1(b"123456789").digest()).decode()),
        ("SHA256", base64.b64encode(hashlib.sha256(b"123456789").digest()).decode()),
    ],
)
def test_check_values(algorithm: str, expected: str) -> None:
    """The catalogues' check values over "123456789"."""
    assert checksums.of(algorithm, b"123456789") == expected


@pytest.mark.parametrize("size", [0, 1, 2046, 2047, 2048, 4093, 4094, 4095, 32768, 32769, 70_000])
def test_digests_in_bites(size: int) -> None:
    """Feeding hashlib so that it keeps the interpreter changes no digest."""
    data = os.urandom(size)
    assert checksums.md5(data) == hashlib.md5(data).digest()
    assert digest(data) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("header", "size", "expected"),
    [
        ("bytes=0-4", 10, (0, 5)),
        ("bytes=5-", 10, (5, 5)),
        ("bytes=-3", 10, (7, 3)),
        ("bytes=-30", 10, (0, 10)),
        ("bytes=9-100", 10, (9, 1)),
        ("bytes=4-2", 10, None),
        ("bytes=0-1,3-4", 10, None),
        ("items=0-1", 10, None),
        ("bytes=", 10, None),
    ],
)
def test_ranges(header: str, size: int, expected: tuple[int, int] | None) -> None:
    assert ranges.parse(header, size) == expected


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-0", 0), ("bytes=-1", 0)])
def test_ranges_without_a_byte(header: str, size: int) -> None:
    with pytest.raises(ranges.Unsatisfiable):
        ranges.parse(header, size)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8), st.data())
def test_cuts_of_stitched_pieces(sizes: list[int], data: st.DataObject) -> None:
    whole = os.urandom(sum(sizes))
    pieces, at = [], 0
    for size in sizes:
        pieces.append(reading.Piece(size, whole[at : at + size], "", None))
        at += size
    start = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(1, len(whole) - start))
    cut = b"".join(reading.open_small(*each) for each in reading.cut(pieces, start, length))
    assert cut == whole[start : start + length]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 4)), min_size=1, max_size=10))
def test_runs_tell_every_part(steps: list[tuple[int, int]]) -> None:
    """Parts by number and size, folded into runs, are found again by position and by count."""
    parts, number = [], 0
    for step, size in steps:
        number += step
        parts.append((number, size))
    runs = room_bodies.run_up(parts)
    at = 0
    for nth, (number, size) in enumerate(parts, 1):
        assert room_bodies.part_span(runs, nth) == (at, size)
        assert room_bodies.part_number(runs, nth) == number
        assert room_bodies.first_part(runs, at) == (at, number)
        assert room_bodies.first_part(runs, at + size - 1) == (at, number)
        at += size
    assert room_bodies.part_span(runs, len(parts) + 1) is None


class Disk:
    """A blob writer that remembers."""

    def __init__(self, fails: bool = False) -> None:
        self.data = b""
        self.crc = 0
        self.fails = fails
        self.aborted = False

    def write(self, piece: bytes, /) -> None:
        from awscrt import checksums as crt

        if self.fails:
            raise OSError("disk full")
        self.data += piece
        self.crc = crt.crc64nvme(piece, self.crc)

    def commit(self) -> str:
        return "blob"

    def abort(self) -> None:
        self.aborted = True


async def _arriving(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", [0, 100, 65_536, 65_537, 262_144, 262_145, 2_500_000])
@pytest.mark.parametrize("piece", [1_000, 300_000])
def test_bodies_go_where_their_size_says(size: int, piece: int) -> None:
    data = os.urandom(size)
    disk = Disk()
    got = asyncio.run(bodies.receive(_arriving(data, piece), lambda: disk, ("CRC64NVME", "SHA256"), limit=10**7))
    assert (got.size, got.md5) == (size, hashlib.md5(data).digest())
    assert got.checksums == {name: checksums.of(name, data) for name in ("CRC64NVME", "SHA256")}
    if size <= bodies.INLINE_LIMIT:
        assert (got.inline, got.chunks, got.blob) == (data, None, "")
    elif size <= bodies.STORE_LIMIT:
        assert got.chunks is not None
        assert b"".join(got.chunks) == data
    else:
        assert (disk.data, got.blob) == (data, "blob")


@pytest.mark.parametrize("fault", ["limit", "disk", "client"])
def test_nothing_stays_of_a_body_that_fails(fault: str) -> None:
    """Too long, no room, or a client that went away in the middle."""
    disk = Disk(fails=fault == "disk")

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        yield b"x" * 2_000_000
        if fault == "client":
            raise ConnectionResetError

    limit = 3_000_000 if fault == "limit" else 10**7
    with pytest.raises((bodies.TooLarge, OSError)):
        asyncio.run(bodies.receive(broken(), lambda: disk, (), limit=limit))
    assert disk.aborted
