"""Listings as EC2 Auto Scaling gives them: MaxRecords (50 unless asked otherwise) and an opaque NextToken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from haneul.kit import tokens
from haneul.services.autoscaling.errors import errors, invalid

Item = TypeVar("Item")


def page(
    request: Mapping[str, Any],
    member: str,
    items: Iterable[Item],
    render: Callable[[Item], Any],
    *,
    most: int = 100,
    usual: int = 50,
) -> dict[str, Any]:
    """One page of `items`, in their order, behind the request's NextToken, rendered under `member`."""
    limit = request.get("MaxRecords") or usual
    if not 1 <= limit <= most:
        raise invalid(f"MaxRecords must be between 1 and {most}")
    start = _open(request.get("NextToken"))
    found = list(items)
    output: dict[str, Any] = {member: [render(item) for item in found[start : start + limit]]}
    if len(found) > start + limit:
        output["NextToken"] = tokens.seal_page(start + limit)
    return output


def _open(token: str | None) -> int:
    if not token:
        return 0
    position = tokens.open_page(token)
    if position is None or len(position) != 1 or not isinstance(position[0], int) or position[0] < 0:
        raise errors.InvalidNextToken("The token is not valid.")
    return position[0]
