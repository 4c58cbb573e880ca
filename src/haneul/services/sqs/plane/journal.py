"""Messages in the store: keys that sort by sequence, a header that scans without unpacking, and visibility beside it.

q/m/<queue><sequence>          header, then the message packed (or its first piece)
q/m/<queue><sequence><piece>   further pieces of a large message
q/v/<queue><sequence>          until when it is hidden, and how often it was received
q/d/<queue><digest>            a deduplication id of a FIFO queue and the message that used it first
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from haneul.state.store import Reader, Writer

_HEADER = struct.Struct(">BBQQ")
_HIDDEN = struct.Struct(">QIQI")
_PAIR = struct.Struct(">QQ")
_PIECE = 90_000
_MESSAGES, _VISIBILITY, _DUPLICATES = b"q/m/", b"q/v/", b"q/d/"
_KEY = len(_MESSAGES) + 16


class Attribute(msgspec.Struct, array_like=True, gc=False):
    """A message attribute: its data type and its value, as text or as bytes."""

    kind: str
    text: str = ""
    data: bytes | None = None

    @property
    def raw(self) -> bytes:
        return self.text.encode() if self.data is None else self.data


class Message(msgspec.Struct, array_like=True, kw_only=True, gc=False):
    """A message as it is kept. Times are epoch milliseconds."""

    id: str
    sender: str
    body: str
    md5: str
    sent: int
    due: int
    group: str = ""
    deduplication: str = ""
    attributes: dict[str, Attribute] = {}
    attributes_md5: str = ""
    trace: str = ""
    origin: str = ""


class Head(NamedTuple):
    """What a scan tells of a message without unpacking it."""

    sequence: int
    sent: int
    due: int
    group: str


class Hidden(NamedTuple):
    """Until when a message is hidden (ms), how often it was received, when first (ms), and the newest receipt."""

    until: int
    times: int
    first: int
    nonce: int


class Duplicate(msgspec.Struct, array_like=True, gc=False):
    """A deduplication id in use: by which message, until when (ms)."""

    until: int
    sequence: int
    message: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode
_decode_duplicate = msgspec.msgpack.Decoder(Duplicate).decode


def put(tx: Writer, queue: int, sequence: int, message: Message) -> None:
    packed = _encode(message)
    group = message.group.encode()
    key = _MESSAGES + _PAIR.pack(queue, sequence)
    pieces = (len(packed) - 1) // _PIECE
    head = _HEADER.pack(pieces, len(group), message.sent, message.due) + group
    if not pieces:
        tx.put(key, head + packed)
        return
    tx.put(key, head + packed[:_PIECE])
    for piece in range(1, pieces + 1):
        tx.put(key + bytes([piece]), packed[piece * _PIECE : (piece + 1) * _PIECE])


def get(tx: Reader, queue: int, sequence: int) -> Message | None:
    key = _MESSAGES + _PAIR.pack(queue, sequence)
    value = tx.get(key)
    if value is None:
        return None
    start = _HEADER.size + value[1]
    if not value[0]:
        return _decode(memoryview(value)[start:])
    parts = [value[start:]]
    for piece in range(1, value[0] + 1):
        part = tx.get(key + bytes([piece]))
        if part is None:
            return None
        parts.append(part)
    return _decode(b"".join(parts))


def exists(tx: Reader, queue: int, sequence: int) -> bool:
    return tx.get(_MESSAGES + _PAIR.pack(queue, sequence)) is not None


def delete(tx: Writer, queue: int, sequence: int, *, received: bool = True) -> None:
    """Remove a message; `received` False when it is known that it never was (one key less)."""
    pair = _PAIR.pack(queue, sequence)
    key = _MESSAGES + pair
    value = tx.get(key)
    if value is not None:
        tx.delete(key)
        for piece in range(1, value[0] + 1):
            tx.delete(key + bytes([piece]))
    if received:
        tx.delete(_VISIBILITY + pair)


def clear(tx: Writer, queue: int) -> None:
    """Remove every message of a queue, but not what deduplication remembers."""
    number = queue.to_bytes(8, "big")
    for root in (_MESSAGES, _VISIBILITY):
        tx.delete_range(root + number, root + (queue + 1).to_bytes(8, "big"))


def forget(tx: Writer, queue: int) -> None:
    """Remove everything of a queue."""
    clear(tx, queue)
    tx.delete_range(_DUPLICATES + queue.to_bytes(8, "big"), _DUPLICATES + (queue + 1).to_bytes(8, "big"))


def heads(tx: Reader, queue: int, after: int = 0) -> Iterator[Head]:
    """The messages behind `after`, in the order of their sequence."""
    start = _MESSAGES + _PAIR.pack(queue, after + 1)
    for key, value in tx.scan(start, _MESSAGES + (queue + 1).to_bytes(8, "big")):
        if len(key) != _KEY:
            continue
        _, length, sent, due = _HEADER.unpack_from(value)
        group = value[_HEADER.size : _HEADER.size + length].decode() if length else ""
        yield Head(int.from_bytes(key[-8:], "big"), sent, due, group)


def hide(tx: Writer, queue: int, sequence: int, hidden: Hidden) -> None:
    tx.put(_VISIBILITY + _PAIR.pack(queue, sequence), _HIDDEN.pack(*hidden))


def hidden(tx: Reader, queue: int, first: int, last: int) -> dict[int, Hidden]:
    """Visibility of the messages of a queue between two sequences, both included."""
    start, end = _VISIBILITY + _PAIR.pack(queue, first), _VISIBILITY + _PAIR.pack(queue, last + 1)
    return {int.from_bytes(key[-8:], "big"): Hidden(*_HIDDEN.unpack(value)) for key, value in tx.scan(start, end)}


def duplicate_key(queue: int, deduplication: str) -> bytes:
    return _DUPLICATES + queue.to_bytes(8, "big") + hashlib.blake2b(deduplication.encode(), digest_size=16).digest()


def get_duplicate(tx: Reader, key: bytes) -> Duplicate | None:
    value = tx.get(key)
    return None if value is None else _decode_duplicate(value)


def put_duplicate(tx: Writer, key: bytes, duplicate: Duplicate) -> None:
    tx.put(key, _encode(duplicate))


def duplicates(tx: Reader, queue: int) -> Iterator[tuple[bytes, Duplicate]]:
    start, end = _DUPLICATES + queue.to_bytes(8, "big"), _DUPLICATES + (queue + 1).to_bytes(8, "big")
    for key, value in tx.scan(start, end):
        yield key, _decode_duplicate(value)
