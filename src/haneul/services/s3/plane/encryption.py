"""Bodies under AES-256-GCM in blocks of 64 KiB, so that a range is read by opening only the blocks it touches.

    sealed = block0 tag0 block1 tag1 ... blockN tagN      nonce: the block's number; the last block is marked

Every body has a key of its own, so a nonce never repeats under one key; the mark makes a cut-off body fail.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BLOCK = 64 << 10
TAG = 16
_SEALED = BLOCK + TAG
_MORE, _LAST = b"\x00", b"\x01"


class Unreadable(Exception):
    """The bytes don't open under this key: a wrong key, or not what was written."""


def derive(key: bytes, salt: bytes) -> bytes:
    """A body's own key, from the key of the whole object or upload."""
    return hmac.digest(key, b"haneul s3 body\x00" + salt, hashlib.sha256)


def sealed_size(size: int) -> int:
    return size + TAG * max(1, -(-size // BLOCK))


def seal(key: bytes, data: bytes) -> bytes:
    """A whole body, sealed."""
    sealer = Sealer(key)
    return sealer.update(data) + sealer.finish()


class Sealer:
    """Seals a body as it comes in. One block is held back, as the last one is marked."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        self._held = b""
        self._number = 0

    def update(self, data: bytes) -> bytes:
        data = self._held + data if self._held else data
        whole = max(0, (len(data) - 1) // BLOCK)
        sealed = [self._seal(data[n * BLOCK : (n + 1) * BLOCK], _MORE) for n in range(whole)]
        self._held = data[whole * BLOCK :]
        return b"".join(sealed)

    def finish(self) -> bytes:
        held, self._held = self._held, b""
        return self._seal(held, _LAST)

    def _seal(self, block: bytes, mark: bytes) -> bytes:
        nonce = self._number.to_bytes(12, "big")
        self._number += 1
        return self._cipher.encrypt(nonce, block, mark)


def span(start: int, length: int, size: int) -> tuple[int, int]:
    """Where in the sealed body (offset, length) the blocks lie that hold [start, start + length) of `size` bytes."""
    first = start // BLOCK
    last = max(first, (start + length - 1) // BLOCK)
    offset = first * _SEALED
    return offset, min((last + 1) * _SEALED, sealed_size(size)) - offset


def unseal(key: bytes, sealed: bytes, first: int, size: int) -> bytes:
    """Open whole sealed blocks from the number `first` on, of a body of `size` bytes. Raises Unreadable."""
    cipher = AESGCM(key)
    last = max(0, (size - 1) // BLOCK)
    opened = []
    try:
        for n in range(0, len(sealed), _SEALED):
            number = first + n // _SEALED
            mark = _LAST if number == last else _MORE
            opened.append(cipher.decrypt(number.to_bytes(12, "big"), sealed[n : n + _SEALED], mark))
    except InvalidTag:
        raise Unreadable from None
    return opened[0] if len(opened) == 1 else b"".join(opened)
