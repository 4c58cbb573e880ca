"""Objects read by a step, piece by piece: plain or compressed, as bytes or as lines."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from haneul.service import Call

PIECE = 1 << 20
MAX_LINE = 1 << 16


def pieces(call: Call, answer: Mapping[str, Any]) -> Iterator[bytes]:
    """The body of a GetObject in process. A step works in a thread: streams are awaited on the cloud's loop."""
    body = answer["Body"]
    if isinstance(body, bytes):
        yield body
    elif isinstance(body, list | tuple):
        for piece in body:
            yield from [piece] if isinstance(piece, bytes) else _of_file(piece)
    else:
        stream = body.__aiter__()
        while True:
            piece = asyncio.run_coroutine_threadsafe(_next(stream), call.cloud.loop).result()
            if piece is None:
                return
            yield piece


def unpacked(packed: Iterable[bytes]) -> Iterator[bytes]:
    """What gzip made smaller, one or more times end to end. Raises zlib.error, ValueError where the end is missing."""
    machine = zlib.decompressobj(zlib.MAX_WBITS | 16)
    for piece in packed:
        rest = piece
        while rest:
            if machine.eof:
                machine = zlib.decompressobj(zlib.MAX_WBITS | 16)
            yield machine.decompress(rest, PIECE)
            rest = machine.unused_data if machine.eof else machine.unconsumed_tail
    if not machine.eof:
        raise ValueError("the compressed file ends too early")


def lines(content: Iterable[bytes]) -> Iterator[str]:
    """The lines of a text, without their ends; empty ones are left out. Raises ValueError for what is no text."""
    rest = b""
    for piece in content:
        *whole, rest = (rest + piece).split(b"\n")
        if len(rest) > MAX_LINE:
            raise ValueError("a line is too long")
        for line in whole:
            if text := line.rstrip(b"\r").decode():
                yield text
    if text := rest.rstrip(b"\r").decode():
        yield text


def _of_file(piece: Any) -> Iterator[bytes]:
    with open(piece.path, "rb") as file:
        file.seek(piece.offset)
        left = piece.length
        while left > 0 and (data := file.read(min(left, PIECE))):
            left -= len(data)
            yield data


async def _next(stream: Any) -> bytes | None:
    try:
        piece: bytes = await stream.__anext__()
    except StopAsyncIteration:
        return None
    return piece
