"""Log events in the store, by group and by stream, in the order of time.

logs/e/<group><time><sequence>    the event: its stream, when it came in, its message
logs/s/<stream><time><sequence>   nothing: a stream's events are found through it
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from haneul.state import chunks
from haneul.state.store import Reader, Writer

_EVENTS, _STREAMS = b"logs/e/", b"logs/s/"
_PLACE = struct.Struct(">QQQ")
_END = (1 << 63) - 1


class Event(NamedTuple):
    """A log event. Times are epoch milliseconds; `sequence` tells events of one millisecond apart."""

    time: int
    sequence: int
    stream: int
    ingested: int
    message: str

    @property
    def id(self) -> str:
        return position(self.time, self.sequence)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int, int, str]).decode


def position(time: int, sequence: int) -> str:
    """An event's id: 56 digits that sort like it."""
    return f"{time:020d}{sequence:036d}"


def open_position(text: str) -> tuple[int, int] | None:
    if len(text) != 56 or not text.isascii() or not text.isdigit():
        return None
    return int(text[:20]), int(text[20:])


def put(tx: Writer, group: int, event: Event) -> None:
    key = _EVENTS + _PLACE.pack(group, event.time, event.sequence)
    packed = _encode((event.stream, event.ingested, event.message))
    if len(packed) < chunks.PIECE:
        tx.put(key + b"\x00\x00", packed)  # a new key has no further pieces to look for
    else:
        chunks.put(tx, key, packed)
    tx.put(_STREAMS + _PLACE.pack(event.stream, event.time, event.sequence), b"")


def get(tx: Reader, group: int, time: int, sequence: int) -> Event | None:
    packed = chunks.get(tx, _EVENTS + _PLACE.pack(group, time, sequence))
    return None if packed is None else _event(time, sequence, packed)


def _event(time: int, sequence: int, packed: bytes) -> Event:
    stream, ingested, message = _decode(packed)
    return Event(time, sequence, stream, ingested, message)


def of_group(
    tx: Reader,
    group: int,
    start: int = 0,
    end: int = _END,
    after: tuple[int, int] | None = None,
    *,
    reverse: bool = False,
) -> Iterator[Event]:
    """A group's events with start <= time < end; `after` (time, sequence) was the last one seen."""
    first = _PLACE.pack(group, max(0, start), 0)
    last = _PLACE.pack(group, max(0, min(end, _END)), 0)
    if after is not None:
        if reverse:
            last = min(last, _PLACE.pack(group, *after))
        else:
            first = max(first, _PLACE.pack(group, after[0], after[1] + 1))
    for key, value in tx.scan(_EVENTS + first, _EVENTS + last, reverse=reverse):
        if key[-2:] != b"\x00\x00":
            continue
        _, time, sequence = _PLACE.unpack(key[len(_EVENTS) : -2])
        packed = value if len(value) < chunks.PIECE else chunks.get(tx, key[:-2])
        if packed is not None:
            yield _event(time, sequence, packed)


def of_stream(
    tx: Reader,
    group: int,
    stream: int,
    start: int = 0,
    end: int = _END,
    after: tuple[int, int] | None = None,
    *,
    reverse: bool = False,
) -> Iterator[Event]:
    """A stream's events with start <= time < end."""
    first = _PLACE.pack(stream, max(0, start), 0)
    last = _PLACE.pack(stream, max(0, min(end, _END)), 0)
    if after is not None:
        if reverse:
            last = min(last, _PLACE.pack(stream, *after))
        else:
            first = max(first, _PLACE.pack(stream, after[0], after[1] + 1))
    for key, _ in tx.scan(_STREAMS + first, _STREAMS + last, reverse=reverse):
        _, time, sequence = _PLACE.unpack(key[len(_STREAMS) :])
        event = get(tx, group, time, sequence)
        if event is not None:
            yield event


def delete_stream(tx: Writer, group: int, stream: int, before: int = _END, limit: int = 5000) -> bool:
    """Delete a stream's events before an instant, some at a time; True when there may be more."""
    first, last = _PLACE.pack(stream, 0, 0), _PLACE.pack(stream, min(before, _END), 0)
    count = 0
    for key, _ in list(tx.scan(_STREAMS + first, _STREAMS + last, limit=limit)):
        chunks.delete(tx, _EVENTS + group.to_bytes(8, "big") + key[len(_STREAMS) + 8 :])
        tx.delete(key)
        count += 1
    return count >= limit


def delete_group(tx: Writer, group: int, streams: list[int]) -> None:
    """Delete everything of a group."""
    for root, numbers in ((_EVENTS, [group]), (_STREAMS, streams)):
        for number in numbers:
            tx.delete_range(root + number.to_bytes(8, "big"), root + (number + 1).to_bytes(8, "big"))
