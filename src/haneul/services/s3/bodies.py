"""The bytes behind an object: where they lie, as the data plane wants to know it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from haneul.service import Call
from haneul.services.s3 import index
from haneul.services.s3.plane import reading
from haneul.services.s3.plane.encryption import derive
from haneul.services.s3.state import BLOB, CHUNKS, INLINE, Bucket, Object
from haneul.state.store import Reader
from haneul.wire.message import FileRange

Payload = bytes | list[bytes | FileRange] | AsyncIterator[bytes]
Run = tuple[int, int, int]
"""Parts of one size: (numbers left out before them, how many, their size)."""


def read(
    call: Call, tx: Reader, bucket: Bucket, at: str, found: Object, *, span: tuple[int, int] | None, key: bytes | None
) -> Any:
    """The payload for (start, length) = `span` (None: all) of an object at the key `at`, opened with `key`."""
    entry = found.entry
    if entry.where == INLINE and key is None:
        return found.inline if span is None else found.inline[span[0] : span[0] + span[1]]
    start, length = span if span is not None else (0, entry.size)
    if length == 0:
        return b""
    return reading.payload(cuts(tx, bucket, at, found, start=start, length=length, key=key), call.cloud.blobs.ranges)


def cuts(
    tx: Reader, bucket: Bucket, at: str, found: Object, *, start: int, length: int, key: bytes | None
) -> list[tuple[reading.Piece, int, int]]:
    """The pieces of the body that [start, start + length) touches."""
    entry = found.entry
    if entry.where == INLINE:
        return [(reading.Piece(entry.size, found.inline, "", key), start, length)]
    if entry.where == CHUNKS:
        data = b"".join(index.body_chunks(tx, bucket, at, found))
        return [(reading.Piece(entry.size, data, "", key), start, length)]
    if entry.where == BLOB:
        return [(reading.Piece(entry.size, b"", found.blob, key), start, length)]
    skipped, number = first_part(found.runs or [], start)
    return reading.cut(_parts(tx, bucket, found.upload, number - 1, key), start - skipped, length)


def _parts(tx: Reader, bucket: Bucket, upload: str, after: int, key: bytes | None) -> Iterator[reading.Piece]:
    for part in index.parts(tx, bucket, upload, after):
        yield reading.Piece(part.size, part.inline, part.blob, None if key is None else derive(key, part.salt))


def first_part(runs: list[Run], start: int) -> tuple[int, int]:
    """(bytes before it, number) of the part in which the offset `start` lies."""
    skipped = 0
    number = 1
    for gap, count, size in runs:
        number += gap
        if start < skipped + count * size:
            ahead = (start - skipped) // size if size else 0
            return skipped + ahead * size, number + ahead
        skipped += count * size
        number += count
    return 0, 1


def part_span(runs: list[Run], number: int) -> tuple[int, int] | None:
    """(start, length) of the `number`-th part, counted from 1 as GetObject's partNumber does; None beyond the last."""
    start = 0
    left = number - 1
    for _, count, size in runs:
        if left < count:
            return start + left * size, size
        start += count * size
        left -= count
    return None


def part_number(runs: list[Run], nth: int) -> int:
    """The number under which the `nth` part was uploaded; 0 beyond the last."""
    left = nth - 1
    number = 1
    for gap, count, _ in runs:
        number += gap
        if left < count:
            return number + left
        left -= count
        number += count
    return 0


def run_up(parts: list[tuple[int, int]]) -> list[Run]:
    """(number, size) of each part, as runs of equal neighbours: 80 KB at most for 10,000 parts of all sizes."""
    runs: list[Run] = []
    following = 1
    for number, size in parts:
        if runs and runs[-1][2] == size and following == number:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1, size)
        else:
            runs.append((number - following, 1, size))
        following = number + 1
    return runs
