"""The condition keys that say where an account stands in its organization. Read from the store, only when asked for."""

from __future__ import annotations

from collections.abc import Callable

from haneul.auth import organizations
from haneul.auth.tables import scope
from haneul.state.store import Reader


def organization_id(tx: Reader, account: str) -> str | None:
    found = organizations.find(tx, account)
    return None if found is None else found.id


def management_account(tx: Reader, account: str) -> str | None:
    found = organizations.find(tx, account)
    return None if found is None else found.management


def paths(tx: Reader, account: str) -> list[str] | None:
    """["o-.../r-.../ou-.../"]: the way from the organization's root to the account's unit."""
    found = organizations.find(tx, account)
    if found is None:
        return None
    own = scope(found.management)
    member = organizations.MEMBERS.get(tx, own, account)
    units: list[str] = []
    parent = found.root if member is None else member.parent
    while parent != found.root:
        units.append(parent)
        unit = organizations.UNITS.get(tx, own, parent)
        if unit is None:
            break
        parent = unit.parent
    return ["/".join([found.id, found.root, *reversed(units), ""])]


OF_ACCOUNT: dict[str, Callable[[Reader, str], str | list[str] | None]] = {
    "id": organization_id,
    "masteraccount": management_account,
    "paths": paths,
}
"""The end of a key's name behind "org" -> how it is found."""
