"""Canonical user ids, as listings and ACLs show them."""

from __future__ import annotations

from haneul.auth.canonical_users import account_of, canonical_id

__all__ = ["account_of", "canonical_id", "owner"]


def owner(account: str) -> dict[str, str]:
    """The Owner member that listings and ACLs show."""
    return {"DisplayName": account, "ID": canonical_id(account)}
