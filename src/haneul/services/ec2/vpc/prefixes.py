"""What a prefix list's id stands for: its blocks of addresses."""

from __future__ import annotations

from haneul.service import Scope
from haneul.services.ec2.vpc.state import PREFIX_LIST
from haneul.state.store import Reader


def cidrs_of(tx: Reader, scope: Scope, identifier: str) -> list[str]:
    """The IPv4 blocks of a list's current version; none of one that isn't there."""
    row = PREFIX_LIST.find(tx, scope, identifier)
    if row is None or row.family != "IPv4":
        return []
    return list(row.entries)
