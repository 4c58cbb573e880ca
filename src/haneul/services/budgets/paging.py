"""Pages of listings: by name where rows are many, by number where they are a few."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haneul.kit import tokens
from haneul.services.budgets.errors import errors

PAGE = 100


def after_name(request: Mapping[str, Any]) -> tuple[str] | None:
    """The name that a page begins after. Raises InvalidNextTokenException."""
    place = _place(request)
    if place is None:
        return None
    if not isinstance(place, str):
        raise errors.InvalidNextTokenException("The pagination token is invalid.")
    return (place,)


def page(request: Mapping[str, Any], member: str, items: Sequence[Any]) -> dict[str, Any]:
    """The part of `items` that a request asks for, as `member`. Raises InvalidNextTokenException."""
    place = _place(request) or 0
    if not isinstance(place, int) or place < 0:
        raise errors.InvalidNextTokenException("The pagination token is invalid.")
    end = place + (request.get("MaxResults") or PAGE)
    return {member: items[place:end], "NextToken": tokens.seal_page(end) if end < len(items) else None}


def _place(request: Mapping[str, Any]) -> str | int | None:
    token = request.get("NextToken")
    if not token:
        return None
    found = tokens.open_page(token)
    if found is None or len(found) != 1:
        raise errors.InvalidNextTokenException("The pagination token is invalid.")
    return found[0]
