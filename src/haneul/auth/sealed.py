"""Secrets at rest: sealed by AES-GCM with a key that lives in a file of its own beside the store.

SigV4 needs every secret in the clear to check a signature, so hashing them is no way out; a copy of the
store alone (a backup, a PostgreSQL server) still tells nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from haneul.kit import tokens

KEY_FILE = "seal.key"
_NONCE = 12


class SealError(Exception):
    """What was to be opened was not sealed here, or was altered."""


class Sealed:
    """Seals and opens small secrets. The key file (mode 0600) is made on first use and never written again.

    Several gateways over one database need the same file: copy it to each data folder.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / KEY_FILE
        self._key: bytes | None = None
        self._cipher: AESGCM | None = None

    def seal(self, plain: bytes, context: bytes = b"") -> bytes:
        """`plain` sealed; only `open` with the same `context` gives it back."""
        nonce = bytes.fromhex(tokens.random_hex(2 * _NONCE))
        return nonce + self._open_cipher().encrypt(nonce, plain, context)

    def open(self, sealed: bytes, context: bytes = b"") -> bytes:
        """What was sealed. Raises SealError when it was altered, or sealed elsewhere or for another context."""
        try:
            return self._open_cipher().decrypt(sealed[:_NONCE], sealed[_NONCE:], context)
        except (InvalidTag, ValueError):
            raise SealError(f"not sealed with the key in {self._path}") from None

    def derive(self, purpose: bytes, data: bytes) -> bytes:
        """32 bytes that only the holder of the key can compute from `data`, different for every `purpose`."""
        if self._key is None:
            self._key = self._load()
        return hmac.digest(hmac.digest(self._key, purpose, hashlib.sha256), data, hashlib.sha256)

    def _open_cipher(self) -> AESGCM:
        if self._cipher is None:
            self._cipher = AESGCM(self.derive(b"seal", b""))
        return self._cipher

    def _load(self) -> bytes:
        try:
            return self._read()
        except FileNotFoundError:
            self._create()
            return self._read()

    def _read(self) -> bytes:
        key = self._path.read_bytes()
        if len(key) != 32:
            raise SealError(f"{self._path} must hold 32 bytes; restore it from a backup")
        return key

    def _create(self) -> None:
        """Complete or absent after a power cut, and never in place of a key that another process made meanwhile."""
        folder = self._path.parent
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{KEY_FILE}.{tokens.random_hex(12)}"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(handle, AESGCM.generate_key(256))
            os.fsync(handle)
        finally:
            os.close(handle)
        try:
            os.link(draft, self._path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        entry = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(entry)
        finally:
            os.close(entry)
