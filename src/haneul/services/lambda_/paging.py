"""Listings in pages: MaxItems and an opaque Marker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.services.lambda_.errors import invalid


def page(found: list[Any], request: Mapping[str, Any], largest: int) -> tuple[list[Any], str | None]:
    """The page asked for and the marker of the next."""
    start = 0
    if request.get("Marker"):
        position = tokens.open_page(request["Marker"])
        if position is None or not isinstance(position[0], int):
            raise invalid("Invalid Marker")
        start = position[0]
    size = min(largest, request.get("MaxItems") or largest)
    more = start + size < len(found)
    return found[start : start + size], tokens.seal_page(start + size) if more else None
