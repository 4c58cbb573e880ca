"""IAM's listings: MaxItems (100 unless told), an opaque Marker, and IsTruncated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from haneul.kit import tokens
from haneul.services.iam.errors import errors

Item = TypeVar("Item")


def start(request: Mapping[str, Any]) -> str:
    """The position of the last item that the caller has seen, "" for none."""
    marker = request.get("Marker")
    if marker is None:
        return ""
    position = tokens.open_page(marker)
    if not position or not isinstance(position[0], str):
        raise errors.ValidationError("Invalid Marker.")
    return position[0]


def page(
    request: Mapping[str, Any],
    member: str,
    items: Iterable[Item],
    position: Callable[[Item], str],
    describe: Callable[[Item], Any],
) -> dict[str, Any]:
    """One page of `items`, which come sorted by `position`, as the answer's `member`."""
    seen = start(request)
    limit = request.get("MaxItems", 100)
    found: list[Item] = []
    for item in items:
        if seen and position(item) <= seen:
            continue
        if len(found) == limit:
            return {
                member: [describe(one) for one in found],
                "IsTruncated": True,
                "Marker": tokens.seal_page(position(found[-1])),
            }
        found.append(item)
    return {member: [describe(one) for one in found], "IsTruncated": False}


def numbered(request: Mapping[str, Any], member: str, items: list[Any]) -> dict[str, Any]:
    """One page of items that keep an order of their own: the marker counts them."""
    pairs = list(enumerate(items))
    return page(request, member, pairs, lambda pair: f"{pair[0]:08d}", lambda pair: pair[1])
