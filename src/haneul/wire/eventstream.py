"""Frames of application/vnd.amazon.eventstream, both ways: length, CRC, typed headers, payload, CRC."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from zlib import crc32

MAX_MESSAGE = 24 << 20
MAX_HEADERS = 128 << 10


class FrameError(ValueError):
    """A frame that is too large, torn or whose checksums are wrong."""


class Millis(int):
    """A header value that is a timestamp: epoch milliseconds."""


class Frame:
    """One message: headers by name (values of their own types) and the payload."""

    __slots__ = ("headers", "payload")

    def __init__(self, headers: dict[str, object], payload: bytes) -> None:
        self.headers = headers
        self.payload = payload


def encode(headers: Mapping[str, object], payload: bytes = b"") -> bytes:
    """One frame. Header values: bool, int (64 bits), bytes, str."""
    parts = []
    for name, value in headers.items():
        raw = name.encode()
        parts.append(bytes((len(raw),)) + raw + _value(value))
    head = b"".join(parts)
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    message = b"".join((prelude, struct.pack(">I", crc32(prelude)), head, payload))
    return message + struct.pack(">I", crc32(message))


def _value(value: object) -> bytes:
    if value is True:
        return b"\x00"
    if value is False:
        return b"\x01"
    if isinstance(value, Millis):
        return struct.pack(">Bq", 8, value)
    if isinstance(value, int):
        return struct.pack(">Bi", 4, value) if -(1 << 31) <= value < 1 << 31 else struct.pack(">Bq", 5, value)
    if isinstance(value, bytes):
        return struct.pack(">BH", 6, len(value)) + value
    raw = str(value).encode()
    return struct.pack(">BH", 7, len(raw)) + raw


class Decoder:
    """Incremental: feed bytes as they come, take whole frames. Raises FrameError."""

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of a frame that isn't whole yet."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Frame]:
        self._held += data
        frames = []
        while len(self._held) >= 12:
            total, head, check = struct.unpack_from(">III", self._held)
            if crc32(self._held[:8]) != check:
                raise FrameError("prelude checksum mismatch")
            if total > MAX_MESSAGE or head > MAX_HEADERS or total < 16 + head:
                raise FrameError("frame too large or torn")
            if len(self._held) < total:
                break
            message = bytes(self._held[:total])
            del self._held[:total]
            if crc32(message[:-4]) != int.from_bytes(message[-4:], "big"):
                raise FrameError("message checksum mismatch")
            frames.append(Frame(_headers(message[12 : 12 + head]), message[12 + head : -4]))
        return frames


_FIXED = {2: ">b", 3: ">h", 4: ">i", 5: ">q", 8: ">q"}


def _headers(raw: bytes) -> dict[str, object]:
    found: dict[str, object] = {}
    at = 0
    try:
        while at < len(raw):
            size = raw[at]
            name = raw[at + 1 : at + 1 + size].decode()
            kind = raw[at + 1 + size]
            at += 2 + size
            value: object
            if kind in {0, 1}:
                value = kind == 0
            elif kind in _FIXED:
                (value,) = struct.unpack_from(_FIXED[kind], raw, at)
                at += struct.calcsize(_FIXED[kind])
            elif kind in {6, 7}:
                (length,) = struct.unpack_from(">H", raw, at)
                data = raw[at + 2 : at + 2 + length]
                if len(data) != length:
                    raise FrameError("torn header")
                value = data if kind == 6 else data.decode()
                at += 2 + length
            elif kind == 9:
                value = raw[at : at + 16]
                at += 16
            else:
                raise FrameError("unknown header type")
            found[name] = value
    except (IndexError, struct.error, UnicodeDecodeError):
        raise FrameError("torn header") from None
    return found
