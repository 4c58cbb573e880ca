"""Randomness and its one home: request ids, unique ids as AWS shapes them, opaque page tokens."""

from __future__ import annotations

import base64
import binascii
import itertools
import os
import secrets
import string
import threading
import time
from collections import deque

import orjson

_ALPHANUMERIC = string.ascii_uppercase + string.digits
_PROCESS = os.urandom(5).hex().upper()
_LOCK = threading.Lock()
_NEWEST = [0]
_DRAWN: deque[bytes] = deque()
os.register_at_fork(after_in_child=_DRAWN.clear)
_COUNTER = itertools.count(int.from_bytes(os.urandom(3), "big"))


def request_id() -> str:
    """A request id of 16 upper-case hex digits, unique in this process and cheap (0.2 us)."""
    return _PROCESS + format(next(_COUNTER) & 0xFFFFFF, "06X")


def ordered_id() -> str:
    """A unique id of 36 hex digits that sorts by when it was made (nanoseconds, then a counter of this process)."""
    with _LOCK:
        _NEWEST[0] = max(_NEWEST[0] + 1, time.time_ns())
        return f"{_NEWEST[0]:016x}{_PROCESS.lower()}{os.urandom(5).hex()}"


def random_hex(characters: int) -> str:
    """`characters` random lower-case hex digits."""
    return secrets.token_hex((characters + 1) // 2)[:characters]


def secret(octets: int) -> str:
    """An opaque, URL-safe text from `octets` random bytes (4 characters for 3 of them)."""
    return secrets.token_urlsafe(octets)


def unique_id(prefix: str, length: int = 17) -> str:
    """An id in IAM's style: `prefix` and `length` of A-Z0-9, e.g. AIDA..., ARO..., ASIA..."""
    return prefix + "".join(secrets.choice(_ALPHANUMERIC) for _ in range(length))


def resource_id(prefix: str, length: int = 17) -> str:
    """An id in EC2's style: `i-0a1b2c3d4e5f60718`."""
    return f"{prefix}-{random_hex(length)}"


def uuid() -> str:
    """A random (version 4) UUID in lower case. Randomness for many is drawn at once: the system call costs the most."""
    while True:
        try:
            bits = bytearray(_DRAWN.pop())
            break
        except IndexError:
            drawn = os.urandom(4096)
            _DRAWN.extend(drawn[start : start + 16] for start in range(0, 4096, 16))
    bits[6] = bits[6] & 0x0F | 0x40
    bits[8] = bits[8] & 0x3F | 0x80
    text = bits.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def seal_page(*position: str | int) -> str:
    """The opaque token that stands for a position in a listing."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode().rstrip("=")


def open_page(token: str) -> list[str | int] | None:
    """The position behind a token made by `seal_page`; None when it was not made here."""
    try:
        position = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError):
        return None
    if not isinstance(position, list) or not all(isinstance(part, (str, int)) for part in position):
        return None
    return position
