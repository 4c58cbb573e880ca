"""Session tokens of IMDSv2: sealed texts that say for whom and until when, good for one instance and one run of the
cloud (SDKs ask for a new one when they are refused)."""

from __future__ import annotations

import base64
import hashlib
import hmac

from haneul.kit import tokens

LONGEST = 21_600
"""Seconds, six hours."""
_MAC = 32


class Tokens:
    def __init__(self) -> None:
        self._key = tokens.secret(32).encode()

    def make(self, instance: str, seconds: int, now: float) -> str:
        """now: of a clock that nobody sets."""
        content = int(now + seconds).to_bytes(8, "big")
        return base64.urlsafe_b64encode(content + self._mac(content, instance)).decode()

    def good(self, token: str, instance: str, now: float) -> bool:
        try:
            raw = base64.b64decode(token, altchars=b"-_", validate=True)
        except ValueError:
            return False
        content, mac = raw[:-_MAC], raw[-_MAC:]
        if len(content) != 8 or not hmac.compare_digest(mac, self._mac(content, instance)):
            return False
        return int.from_bytes(content, "big") >= now

    def _mac(self, content: bytes, instance: str) -> bytes:
        return hmac.digest(self._key, content + instance.encode(), hashlib.sha256)
