"""Checksums over bodies, by the names that S3 gives them; digests are bytes, big-endian, and base64 on the wire."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from typing import Protocol

from awscrt import checksums as crt
from isal import isal_zlib


class Running(Protocol):
    """A checksum that grows: hashlib's own interface."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    """A running CRC over a function of (data, previous)."""

    __slots__ = ("_function", "_size", "_value")

    def __init__(self, function: Callable[[bytes, int], int], size: int) -> None:
        self._function = function
        self._size = size
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


class _Xxh:
    __slots__ = ("_hash",)

    def __init__(self, new: Callable[[], crt.XXHash]) -> None:
        self._hash = new()

    def update(self, data: bytes, /) -> None:
        self._hash.update(data)

    def digest(self) -> bytes:
        digest: bytes = self._hash.finalize()
        return digest


_STARTS: dict[str, Callable[[], Running]] = {
    "CRC32": lambda: _Crc(isal_zlib.crc32, 4),
    "CRC32C": lambda: _Crc(crt.crc32c, 4),
    "CRC64NVME": lambda: _Crc(crt.crc64nvme, 8),
    "SHA1": hashlib.sha1,
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
    "MD5": hashlib.md5,
    "XXHASH64": lambda: _Xxh(crt.XXHash.new_xxhash64),
    "XXHASH3": lambda: _Xxh(crt.XXHash.new_xxhash3_64),
    "XXHASH128": lambda: _Xxh(crt.XXHash.new_xxhash3_128),
}
_COMBINE = {
    "CRC32": (crt.combine_crc32, 4),
    "CRC32C": (crt.combine_crc32c, 4),
    "CRC64NVME": (crt.combine_crc64nvme, 8),
}
ALGORITHMS = tuple(_STARTS)
SIZES = {
    "CRC32": 4,
    "CRC32C": 4,
    "CRC64NVME": 8,
    "SHA1": 20,
    "SHA256": 32,
    "SHA512": 64,
    "MD5": 16,
    "XXHASH64": 8,
    "XXHASH3": 8,
    "XXHASH128": 16,
}
COMBINABLE = frozenset(_COMBINE)


def start(algorithm: str) -> Running:
    return _STARTS[algorithm]()


def of(algorithm: str, data: bytes) -> str:
    """The checksum of all of `data`, base64."""
    if algorithm == "CRC64NVME":
        return encode(crt.crc64nvme(data).to_bytes(8, "big"))
    running = _STARTS[algorithm]()
    running.update(data)
    return encode(running.digest())


_UNSHARED = 2047
"""Up to so many bytes hashlib keeps the interpreter to itself."""


def md5(data: bytes) -> bytes:
    """The MD5 of a body. A small one is fed in bites, for which hashlib doesn't let other threads in: two switches
    of threads cost more than its digest."""
    size = len(data)
    if not _UNSHARED < size <= 32 << 10:
        return hashlib.md5(data).digest()
    digest = hashlib.md5(data[:_UNSHARED])
    view = memoryview(data)
    for start in range(_UNSHARED, size, _UNSHARED):
        digest.update(view[start : start + _UNSHARED])
    return digest.digest()


def encode(digest: bytes) -> str:
    return binascii.b2a_base64(digest, newline=False).decode()


def decode(algorithm: str, text: str) -> bytes | None:
    """The digest behind its base64 form, or None when that can't be one of this algorithm."""
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest if len(digest) == SIZES[algorithm] else None


def combine(algorithm: str, parts: Sequence[tuple[str, int]]) -> str:
    """The CRC of bodies put end to end, from each one's CRC (base64) and size, without reading them."""
    function, size = _COMBINE[algorithm]
    value = 0
    for text, length in parts:
        value = function(value, int.from_bytes(base64.b64decode(text), "big"), length)
    return encode(value.to_bytes(size, "big"))


def compose(algorithm: str, parts: Sequence[str]) -> str:
    """S3's composite checksum: the checksum of the parts' digests, and how many they are."""
    return f"{of(algorithm, b''.join([base64.b64decode(part) for part in parts]))}-{len(parts)}"
