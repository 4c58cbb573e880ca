"""Items on the store: one row each, whole when small, with its tail in rows of its own when not.

    ddbi/ DATA 00 key          an item: header, JSON     (key: plane.keys)
    ddbi/ DATA n  index key      an index entry: header, JSON of what is projected
    ddbc/ DATA key n            the n-th continuation of a large item's JSON

The header: flags, the item's size as DynamoDB counts it, and when it was written (microseconds).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from haneul.state.store import Reader, Writer

HEADER = 13
_PACK = struct.Struct(">BIQ").pack
_UNPACK = struct.Struct(">BIQ").unpack_from
PIECE = 90_000
_POINTER = 0x80
"""The entry's item is large: it is kept once, under the table's own key."""
_PIECES = 0x7F


class Head(NamedTuple):
    flags: int
    size: int
    written: int


def root(data: str) -> bytes:
    """Where a table's data lies."""
    return b"ddbi/" + bytes.fromhex(data)


def pieces_root(data: str) -> bytes:
    return b"ddbc/" + bytes.fromhex(data)


def head(value: bytes) -> Head:
    return Head(*_UNPACK(value))


def size(value: bytes) -> int:
    """The size in bytes that DynamoDB counts for the stored item."""
    return int.from_bytes(value[1:5], "big")


def written(value: bytes) -> int:
    return int.from_bytes(value[5:13], "big")


def put(
    tx: Writer, base: bytes, pieces: bytes, key: bytes, old: bytes | None, json: bytes, size: int, now: int
) -> bytes:
    """Write an item's row (and its pieces, taking away those of `old`); gives the row's value."""
    had = old[0] if old is not None else 0
    if len(json) <= PIECE:
        value = _PACK(0, size, now) + json
        count = 0
    else:
        tail = [json[at : at + PIECE] for at in range(PIECE, len(json), PIECE)]
        count = len(tail)
        value = _PACK(count, size, now) + json[:PIECE]
        for number, piece in enumerate(tail):
            tx.put(pieces + key + bytes([number]), piece)
    for number in range(count, had):
        tx.delete(pieces + key + bytes([number]))
    tx.put(base + key, value)
    return value


def delete(tx: Writer, base: bytes, pieces: bytes, key: bytes, old: bytes) -> None:
    for number in range(old[0]):
        tx.delete(pieces + key + bytes([number]))
    tx.delete(base + key)


def json_of(tx: Reader, pieces: bytes, key: bytes, value: bytes) -> bytes:
    """The whole JSON of an item's row."""
    count = value[0]
    if not count:
        return value[HEADER:]
    parts = [value[HEADER:]]
    for number in range(count):
        piece = tx.get(pieces + key + bytes([number]))
        assert piece is not None, "a large item lacks a piece"
        parts.append(piece)
    return b"".join(parts)


def entry(json: bytes, size: int, now: int) -> bytes:
    """An index entry's value: what is projected, or a pointer to the item when that is large."""
    if len(json) > PIECE:
        return _PACK(_POINTER, size, now)
    return _PACK(0, size, now) + json


def is_pointer(value: bytes) -> bool:
    return value[0] == _POINTER
