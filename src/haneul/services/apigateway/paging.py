"""Pages of a listing: `position` and `limit`, 25 at a time unless asked otherwise, 500 at the most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haneul.kit import tokens
from haneul.services.apigateway.errors import bad


def page(found: Sequence[dict[str, Any]], request: Mapping[str, Any], default: int = 25) -> dict[str, Any]:
    """{"items": ..., "position": ...}"""
    limit = request.get("limit")
    limit = default if limit is None or limit <= 0 else min(limit, 500)
    start = 0
    if request.get("position"):
        place = tokens.open_page(request["position"])
        if place is None or not isinstance(place[0], int):
            raise bad("Invalid position parameter")
        start = place[0]
    end = start + limit
    return {"items": list(found[start:end]), "position": tokens.seal_page(end) if end < len(found) else None}
