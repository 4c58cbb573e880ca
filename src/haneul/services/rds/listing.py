"""Listings as RDS gives them: MaxRecords from 20 to 100, an opaque Marker, filters by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from haneul.kit import tokens
from haneul.services.rds.errors import invalid

Item = TypeVar("Item")


def page(
    request: Mapping[str, Any],
    member: str,
    items: Iterable[Item],
    key: Callable[[Item], str],
    render: Callable[[Item], Any],
) -> dict[str, Any]:
    """One page of `items` (in the order of their keys) behind the request's Marker, rendered under `member`."""
    limit = request.get("MaxRecords", 100)
    if not 20 <= limit <= 100:
        raise invalid(f"Invalid value {limit} for MaxRecords. Must be between 20 and 100")
    after = _open(request.get("Marker"))
    found = sorted((item for item in items if after is None or key(item) > after), key=key)
    output: dict[str, Any] = {member: [render(item) for item in found[:limit]]}
    if len(found) > limit:
        output["Marker"] = tokens.seal_page(key(found[limit - 1]))
    return output


def filters(request: Mapping[str, Any], allowed: Sequence[str]) -> dict[str, list[str]]:
    """Filter name -> values. Raises InvalidParameterValue for a name that the operation doesn't know."""
    found: dict[str, list[str]] = {}
    for one in request.get("Filters") or []:
        if one["Name"] not in allowed:
            raise invalid(f"Unrecognized filter name: {one['Name']}")
        found.setdefault(one["Name"], []).extend(one["Values"])
    return found


def _open(marker: str | None) -> str | None:
    if not marker:
        return None
    position = tokens.open_page(marker)
    if position is None or len(position) != 1 or not isinstance(position[0], str):
        raise invalid(f"The parameter Marker is not valid: {marker}")
    return position[0]
