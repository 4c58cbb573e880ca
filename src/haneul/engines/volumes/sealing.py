"""Blocks as they are stored: as they are, or sealed with AES-256-GCM by a volume's data key.

The digest of a sealed block is keyed, so that a segment tells nobody who has no key which known bytes it holds; its
nonce comes from that digest, so equal blocks of a volume are stored once and no nonce serves two contents.
"""

from __future__ import annotations

import hashlib
import hmac

from haneul.engines.errors import EngineError

TAG = 16


def digest(content: bytes | memoryview, key: bytes) -> bytes:
    """32 bytes that are the same for the same content (and key)."""
    if key:
        return hmac.digest(key, content, "sha256")
    return hashlib.sha256(content).digest()


def seal(content: bytes | memoryview, name: bytes, key: bytes) -> bytes | memoryview:
    """The bytes to store for a block with digest `name`."""
    if not key:
        return content
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(_cipher_key(key)).encrypt(name[:12], bytes(content), name)


def unseal(stored: bytes, name: bytes, key: bytes) -> bytes:
    """The block's content. Raises EngineError when it was changed, or the key isn't the one."""
    if not key:
        return stored
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(_cipher_key(key)).decrypt(name[:12], stored, name)
    except InvalidTag:
        raise EngineError("a sealed block could not be opened: it was changed, or its key is another one") from None


def _cipher_key(key: bytes) -> bytes:
    """Not the key that the digests are made with."""
    return hmac.digest(key, b"haneul volume block", "sha256")
