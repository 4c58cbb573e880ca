"""Time-based one-time passwords (RFC 6238: HMAC-SHA1, six digits, thirty seconds), as virtual MFA devices show them."""

from __future__ import annotations

import hashlib
import hmac

STEP = 30
_DRIFT = 2


def code(seed: bytes, step: int) -> str:
    """The six digits shown in time step `step` (epoch seconds // 30)."""
    digest = hmac.digest(seed, step.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def find(seed: bytes, attempt: str, now: float, after: int = 0, drift: int = _DRIFT) -> int | None:
    """The time step in which the device showed `attempt`: near `now`, and later than the last one accepted."""
    current = int(now) // STEP
    for step in range(current - drift, current + drift + 1):
        if step > after and hmac.compare_digest(code(seed, step), attempt):
            return step
    return None


def find_pair(seed: bytes, first: str, second: str, now: float, drift: int = _DRIFT) -> int | None:
    """The step of the second of two consecutive codes."""
    current = int(now) // STEP
    for step in range(current - drift - 1, current + drift + 1):
        if hmac.compare_digest(code(seed, step), first) and hmac.compare_digest(code(seed, step + 1), second):
            return step + 1
    return None
