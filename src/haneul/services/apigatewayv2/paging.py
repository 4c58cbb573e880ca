"""Pages of a listing: `NextToken` and `MaxResults` (which AWS takes as text), 25 at a time unless asked otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haneul.kit import tokens
from haneul.services.apigatewayv2.errors import bad


def page(found: Sequence[dict[str, Any]], request: Mapping[str, Any], default: int = 25) -> dict[str, Any]:
    """{"Items": ..., "NextToken": ...}. Raises BadRequestException."""
    text = str(request.get("MaxResults") or "")
    if text and not text.isdigit():
        raise bad("Invalid MaxResults parameter")
    limit = min(int(text), 500) if text and int(text) > 0 else default
    start = 0
    if request.get("NextToken"):
        place = tokens.open_page(request["NextToken"])
        if place is None or not isinstance(place[0], int):
            raise bad("Invalid NextToken parameter")
        start = place[0]
    end = start + limit
    return {"Items": list(found[start:end]), "NextToken": tokens.seal_page(end) if end < len(found) else None}
