"""Canonical user ids: the 64 hex digits that stand for an account in ACLs and policies, and back."""

from __future__ import annotations

import hashlib
from functools import lru_cache

_VEIL = 0x5D3A91C7E24B


@lru_cache(maxsize=4096)
def canonical_id(account: str) -> str:
    """The canonical user id of a 12-digit account."""
    number = format(int(account) ^ _VEIL, "012x")
    return number + hashlib.sha256(f"canonical:{account}".encode()).hexdigest()[:52]


def account_of(canonical: str) -> str | None:
    """The account behind a canonical user id, or None when there can be none."""
    try:
        account = format(int(canonical[:12], 16) ^ _VEIL, "012d")
    except ValueError:
        return None
    return account if len(account) == 12 and canonical_id(account) == canonical else None
