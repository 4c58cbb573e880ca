"""Logs on the store: entries in the order of their numbers, each of any size (in pieces when it is large).

PREFIX number(8) piece(1)   one byte: more pieces follow; then the piece
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from haneul.state.store import Writer

PIECE = 90_000


def position(prefix: bytes, number: int) -> bytes:
    return prefix + number.to_bytes(8, "big")


def append(tx: Writer, prefix: bytes, number: int, entry: bytes) -> None:
    key = position(prefix, number)
    if len(entry) <= PIECE:
        tx.put(key + b"\x00", b"\x00" + entry)
        return
    for piece, at in enumerate(range(0, len(entry), PIECE)):
        more = b"\x01" if at + PIECE < len(entry) else b"\x00"
        tx.put(key + bytes([piece]), more + entry[at : at + PIECE])


def entries(pairs: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[int, bytes]]:
    """(number, entry) of consecutive pairs in ascending order; an entry whose end is not among them is left out."""
    parts: list[bytes] = []
    for key, value in pairs:
        if not parts and value[0] == 0:
            yield int.from_bytes(key[-9:-1], "big"), value[1:]
            continue
        parts.append(value[1:])
        if value[0] == 0:
            yield int.from_bytes(key[-9:-1], "big"), b"".join(parts)
            parts = []
