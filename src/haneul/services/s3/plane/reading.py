"""Bodies on their way out: pieces in the store and ranges of files, stitched; opened block by block where sealed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from haneul.services.s3.plane import encryption
from haneul.wire.message import FileRange

_AT_ONCE = 16 * (encryption.BLOCK + encryption.TAG)
Ranges = Callable[[str, int, int], FileRange]
"""(blob, offset, length) -> what to send of it."""


class Piece(NamedTuple):
    """Part of a body: `size` bytes as its owner sees them, in the file `blob` or in `data`; sealed under `key`."""

    size: int
    data: bytes
    blob: str
    key: bytes | None


def cut(pieces: Iterable[Piece], start: int, length: int) -> list[tuple[Piece, int, int]]:
    """The pieces that [start, start + length) of their whole touches, each with its own (start, length)."""
    found = []
    for piece in pieces:
        if length <= 0:
            break
        if start >= piece.size:
            start -= piece.size
            continue
        taken = min(length, piece.size - start)
        found.append((piece, start, taken))
        length -= taken
        start = 0
    return found


def payload(cuts: Sequence[tuple[Piece, int, int]], ranges: Ranges) -> list[bytes | FileRange] | AsyncIterator[bytes]:
    """What to answer with: pieces that can be sent as they lie, or else a stream that opens them."""
    if all(piece.key is None for piece, _, _ in cuts):
        return [
            ranges(piece.blob, start, length)
            if piece.blob
            else piece.data
            if length == piece.size
            else piece.data[start : start + length]
            for piece, start, length in cuts
        ]
    if len(cuts) == 1 and not cuts[0][0].blob:
        return [open_small(*cuts[0])]
    sealed = [(cut, _held(cut, ranges)) for cut in cuts]
    return _opened(sealed)


def open_small(piece: Piece, start: int, length: int) -> bytes:
    """A cut of a sealed piece that lies in the store."""
    if piece.key is None:
        return piece.data[start : start + length]
    plain = encryption.unseal(piece.key, piece.data, 0, piece.size)
    return plain if length == piece.size else plain[start : start + length]


def _held(cut: tuple[Piece, int, int], ranges: Ranges) -> FileRange | None:
    """The sealed blocks of a cut: holding the range keeps the file from being deleted meanwhile."""
    piece, start, length = cut
    if not piece.blob:
        return None
    if piece.key is None:
        return ranges(piece.blob, start, length)
    return ranges(piece.blob, *encryption.span(start, length, piece.size))


async def _opened(sealed: list[tuple[tuple[Piece, int, int], FileRange | None]]) -> AsyncIterator[bytes]:
    for (piece, start, length), held in sealed:
        if held is None:
            yield open_small(piece, start, length)
            continue
        left = length
        skip = start % encryption.BLOCK if piece.key is not None else 0
        for offset in range(held.offset, held.offset + held.length, _AT_ONCE):
            amount = min(_AT_ONCE, held.offset + held.length - offset)
            plain = await asyncio.to_thread(_open_blocks, piece, held.path, offset, amount)
            plain = plain[skip : skip + left] if skip or len(plain) > left else plain
            skip = 0
            left -= len(plain)
            yield plain


def _open_blocks(piece: Piece, path: str, offset: int, amount: int) -> bytes:
    with open(path, "rb", buffering=0) as file:
        file.seek(offset)
        data = file.read(amount)
        while len(data) < amount:
            more = file.read(amount - len(data))
            if not more:
                raise OSError(f"{path} ends before its body does")
            data += more
    if piece.key is None:
        return data
    first = offset // (encryption.BLOCK + encryption.TAG)
    return encryption.unseal(piece.key, data, first, piece.size)


class Held:
    """A body for a worker thread, which reads it from any offset, and again; its files stay as long as this lives."""

    def __init__(self, cuts: Sequence[tuple[Piece, int, int]], ranges: Ranges) -> None:
        self._held = [(piece, _held((piece, 0, piece.size), ranges)) for piece, _, _ in cuts]

    def chunks(self, start: int = 0) -> Iterator[bytes]:
        """The bytes from `start` on, about a MiB at a time. Blocks: for threads only."""
        for piece, held in self._held:
            if start >= piece.size:
                start -= piece.size
            elif held is None:
                yield open_small(piece, start, piece.size - start)
                start = 0
            else:
                yield from self._of_file(piece, held, start)
                start = 0

    def _of_file(self, piece: Piece, held: FileRange, start: int) -> Iterator[bytes]:
        offset, skip = start, 0
        if piece.key is not None:
            offset, _ = encryption.span(start, 1, piece.size)
            skip = start % encryption.BLOCK
        while offset < held.length:
            amount = min(_AT_ONCE, held.length - offset)
            plain = _open_blocks(piece, held.path, offset, amount)
            yield plain[skip:] if skip else plain
            offset, skip = offset + amount, 0
