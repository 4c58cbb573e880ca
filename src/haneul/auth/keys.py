"""Signing keys: derived from secrets as SigV4 and SigV4A (ECDSA P-256) say, and the chain of chunk signatures."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

EMPTY = hashlib.sha256(b"").hexdigest()
HMAC = "AWS4-HMAC-SHA256"
ECDSA = "AWS4-ECDSA-P256-SHA256"
MAX_KEYS = 4096

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_sha256 = hashlib.sha256

Matches = Callable[[str, str], bool]
"""(string to sign, signature as sent) -> whether the key made it. Constant time."""


def derive(secret: str, date: str, region: str, service: str) -> bytes:
    """SigV4's signing key for one day, region and service: HMACs over HMACs from the secret."""
    key = b"AWS4" + secret.encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def derive_asymmetric(access_key: str, secret: str) -> ec.EllipticCurvePrivateKey:
    """SigV4A's private key: NIST SP 800-108 in counter mode over HMAC-SHA256 until one is within the order."""
    key = b"AWS4A" + secret.encode()
    for counter in range(1, 255):
        fixed = (
            b"\x00\x00\x00\x01"
            + ECDSA.encode()
            + b"\x00"
            + access_key.encode()
            + bytes((counter,))
            + b"\x00\x00\x01\x00"
        )
        candidate = int.from_bytes(hmac.digest(key, fixed, "sha256"), "big")
        if candidate <= _P256_ORDER - 2:
            return ec.derive_private_key(candidate + 1, ec.SECP256R1())
    raise ValueError("no key within the curve's order")


def matcher(key: bytes) -> Matches:
    """Compares HMAC signatures under `key`, both padded blocks hashed beforehand: half of hmac.digest."""
    block = key.ljust(64, b"\0")
    inner = _sha256(block.translate(_INNER))
    outer = _sha256(block.translate(_OUTER))
    same = hmac.compare_digest

    def matches(text: str, signature: str) -> bool:
        first = inner.copy()
        first.update(text.encode())
        second = outer.copy()
        second.update(first.digest())
        return signature.isascii() and same(second.hexdigest(), signature)

    return matches


def asymmetric_matcher(private: ec.EllipticCurvePrivateKey) -> Matches:
    public = private.public_key()

    def matches(text: str, signature: str) -> bool:
        try:
            public.verify(bytes.fromhex(signature), text.encode(), ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return True

    return matches


class Keys:
    """Matchers by what they are derived from; a bounded memory of what costs 6 to 100 us to derive."""

    def __init__(self) -> None:
        self._hmac: dict[tuple[str, str, str, str], Matches] = {}
        self._ecdsa: dict[tuple[str, str], Matches] = {}

    def hmac(self, secret: str, date: str, region: str, service: str) -> Matches:
        wanted = (secret, date, region, service)
        found = self._hmac.get(wanted)
        if found is None:
            if len(self._hmac) >= MAX_KEYS:
                self._hmac.clear()
            found = self._hmac[wanted] = matcher(derive(*wanted))
        return found

    def ecdsa(self, access_key: str, secret: str) -> Matches:
        wanted = (access_key, secret)
        found = self._ecdsa.get(wanted)
        if found is None:
            if len(self._ecdsa) >= MAX_KEYS // 8:
                self._ecdsa.clear()
            found = self._ecdsa[wanted] = asymmetric_matcher(derive_asymmetric(access_key, secret))
        return found


class ChunkSigner:
    """The chain of signatures over an aws-chunked body: each covers its chunk and the signature before it.

    `matches` is None for a key whose secret nobody knows (mode dev): then the chain can't be checked and passes.
    """

    __slots__ = ("_date", "_matches", "_prefix", "_previous", "_scope")

    def __init__(self, matches: Matches | None, algorithm: str, date: str, scope: str, seed: str) -> None:
        self._matches = matches
        self._prefix = algorithm
        self._date = date
        self._scope = scope
        self._previous = seed

    def chunk(self, sha256: str, signature: str) -> bool:
        """Whether `signature` is right for the next chunk, whose bytes hash to `sha256` (hex)."""
        return self._next(
            f"{self._prefix}-PAYLOAD\n{self._date}\n{self._scope}\n{self._previous}\n{EMPTY}\n{sha256}", signature
        )

    def trailer(self, block: bytes, signature: str) -> bool:
        """Whether `signature` is right for the trailing headers, `block` being their "name:value\\n" lines."""
        digest = _sha256(block).hexdigest()
        return self._next(f"{self._prefix}-TRAILER\n{self._date}\n{self._scope}\n{self._previous}\n{digest}", signature)

    def _next(self, text: str, signature: str) -> bool:
        # SigV4A pads each signature in the chain with '*' to a fixed width; the padding is no part of the signature.
        if self._matches is not None and not self._matches(text, signature.rstrip("*")):
            return False
        self._previous = signature
        return True
