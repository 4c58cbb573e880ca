"""Keys as bytes: a hash spreads partitions, the rest sorts as S, N and B values sort.

partition key   8 bytes of hash, then each hash attribute: 2 bytes of length, the value's bytes
sort key        each range attribute, encoded so that bytes compare as the values do and no
                encoding is a prefix of another
"""

from __future__ import annotations

from binascii import a2b_base64
from hashlib import blake2b

from haneul.services.dynamodb.plane import numbers

HASH_BYTES = 8
_END = b"\x00\x01"
_ESCAPED = b"\x00\xff"


def raw(kind: str, content: str) -> bytes:
    """The bytes of a key value: UTF-8 of a string, the bytes of a binary, ordered bytes of a number."""
    if kind == "S":
        return content.encode()
    if kind == "N":
        return numbers.encode(content)
    return a2b_base64(content)


def partition(*values: bytes) -> bytes:
    """The partition part of a key, from the raw bytes of its hash attributes."""
    if len(values) == 1:
        value = values[0]
        return blake2b(value, digest_size=8).digest() + len(value).to_bytes(2, "big") + value
    body = b"".join([len(value).to_bytes(2, "big") + value for value in values])
    if len(body) > 2050:  # the store's keys are bounded; a digest stands for a long combination
        digest = blake2b(body, digest_size=32).digest()
        body = len(digest).to_bytes(2, "big") + digest + b"\x00\x00" * (len(values) - 1)
    return blake2b(body, digest_size=8).digest() + body


def ordered(kind: str, value: bytes) -> bytes:
    """One sort key attribute, from its raw bytes, prefix-free and ordered."""
    if kind == "N":
        return value
    if b"\x00" in value:
        value = value.replace(b"\x00", _ESCAPED)
    return value + _END


def opening(value: bytes) -> bytes:
    """What the encodings of all strings and binaries that begin with `value` begin with."""
    return value.replace(b"\x00", _ESCAPED) if b"\x00" in value else value


def successor(prefix: bytes) -> bytes:
    """The first key behind every key that begins with `prefix`."""
    trimmed = prefix.rstrip(b"\xff")
    if not trimmed:
        return b"\xff" * (len(prefix) + 1)
    return trimmed[:-1] + bytes([trimmed[-1] + 1])


def segment(number: int, total: int) -> tuple[bytes, bytes]:
    """The hash range [start, end) of segment `number` of `total`; the end of the last one is longer than any hash."""
    space = 1 << (8 * HASH_BYTES)
    start = (space * number // total).to_bytes(HASH_BYTES, "big")
    if number + 1 == total:
        return start, b"\xff" * (HASH_BYTES + 1)
    return start, (space * (number + 1) // total).to_bytes(HASH_BYTES, "big")


def partition_length(key: bytes, count: int) -> int:
    """How long the partition part of a key with `count` hash attributes is."""
    at = HASH_BYTES
    for _ in range(count):
        at += 2 + int.from_bytes(key[at : at + 2], "big")
    return at


def skip(kind: str, key: bytes, at: int) -> int:
    """Where the sort attribute that begins at `at` ends."""
    if kind != "N":
        return key.index(_END, at) + len(_END)
    head = int.from_bytes(key[at : at + 2], "big")
    at += 2
    if head == 0x8000:
        return at
    negative = head < 0x8000
    while True:
        byte = key[at]
        at += 1
        if (negative and byte & 0x0F == 0x0F) or (not negative and byte & 0x0F == 0):
            return at
