"""Owners as S3 shows them: by canonical user id."""

from __future__ import annotations

from haneul.auth.canonical_users import canonical_id


def owner(account: str) -> dict[str, str]:
    """The Owner member of listings and ACLs."""
    return {"DisplayName": account, "ID": canonical_id(account)}
