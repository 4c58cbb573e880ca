"""IAM's listings: MaxItems (100 unless told), an opaque Marker, and IsTruncated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from haneul.auth import tables
from haneul.kit import tokens
from haneul.service import Call
from haneul.services.iam.errors import errors
from haneul.state.store import Reader
from haneul.state.table import Table

Item = TypeVar("Item")
Row = TypeVar("Row", bound=msgspec.Struct)


def start(request: Mapping[str, Any]) -> str:
    """The position of the last item that the caller has seen, "" for none."""
    marker = request.get("Marker")
    if marker is None:
        return ""
    position = tokens.open_page(marker)
    if not position or not isinstance(position[0], str):
        raise errors.ValidationError("Invalid Marker.")
    return position[0]


def rows(tx: Reader, call: Call, request: Mapping[str, Any], table: Table[Row]) -> Iterator[Row]:
    """The rows behind the request's marker whose path lies under its PathPrefix; `page` them by `key`."""
    after = start(request)
    prefix = request.get("PathPrefix", "/")
    scope = tables.scope(call.account)
    for row in table.scan(tx, scope, after_key=(after,) if after else None):
        if row.path.startswith(prefix):  # type: ignore[attr-defined]
            yield row


def check_quota(tx: Reader, call: Call, table: Table[Any], name: str, limit: int) -> None:
    """Raise LimitExceeded when the account already has `limit` of these."""
    if sum(1 for _ in table.scan(tx, tables.scope(call.account))) >= limit:
        raise errors.LimitExceeded(f"Cannot exceed quota for {name}: {limit}")


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
