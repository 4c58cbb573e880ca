"""Listings a page at a time: a token is the name of what was shown last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from haneul.kit import tokens
from haneul.services.s3control.errors import errors

Shown = TypeVar("Shown")
MOST = 1000


def after(request: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The key members that the page begins after. Raises InvalidRequest."""
    token = request.get("NextToken")
    if not token:
        return None
    position = tokens.open_page(token)
    if not position or not all(isinstance(part, str) for part in position):
        raise errors.InvalidRequest("The next token is not valid")
    return tuple(str(part) for part in position)


def take(request: Mapping[str, Any], found: Iterable[tuple[str, Shown]]) -> tuple[list[Shown], str | None]:
    """A page of (key, what is shown), and the token of the next one."""
    limit = request.get("MaxResults") or MOST
    page: list[Shown] = []
    last = ""
    for key, shown in found:
        if len(page) == limit:
            return page, tokens.seal_page(last)
        page.append(shown)
        last = key
    return page, None
