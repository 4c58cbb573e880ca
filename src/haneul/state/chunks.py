"""Values larger than the store takes, as numbered pieces under a key of their own.

    chunks.put(tx, key, body)      # one piece for up to 96 KiB less a byte, else several
    chunks.get(tx, key)            # None when there is none
    chunks.delete(tx, key)

A piece shorter than PIECE is the last one, so a small value costs one get, and nothing is counted anywhere.
"""

from __future__ import annotations

from haneul.state.store import Reader, Writer

PIECE = 96 << 10


def put(tx: Writer, key: bytes, value: bytes) -> None:
    """Store a value of any length up to the transaction's limit under `key`, instead of the one before."""
    view = memoryview(value)
    number = 0
    while True:
        piece = value if len(value) < PIECE else bytes(view[number * PIECE : (number + 1) * PIECE])
        tx.put(_piece(key, number), piece)
        number += 1
        if len(piece) < PIECE:
            break
    _delete_from(tx, key, number)


def get(tx: Reader, key: bytes) -> bytes | None:
    first = tx.get(_piece(key, 0))
    if first is None or len(first) < PIECE:
        return first
    pieces = [first]
    while len(pieces[-1]) == PIECE:
        piece = tx.get(_piece(key, len(pieces)))
        assert piece is not None, "the last piece is shorter than the others"
        pieces.append(piece)
    return b"".join(pieces)


def delete(tx: Writer, key: bytes) -> None:
    _delete_from(tx, key, 0)


def _delete_from(tx: Writer, key: bytes, number: int) -> None:
    while tx.get(_piece(key, number)) is not None:
        tx.delete(_piece(key, number))
        number += 1


def _piece(key: bytes, number: int) -> bytes:
    return key + number.to_bytes(2, "big")
