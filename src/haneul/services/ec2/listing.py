"""The one mechanism behind every Describe: ids, filters, pages, in the order of ids.

return listing.describe(call, request, VPC, member="Vpcs", ids="VpcIds", filters=FILTERS, render=describe)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from haneul.kit import tokens
from haneul.service import Call
from haneul.services.ec2.errors import errors, invalid, mixed
from haneul.services.ec2.filters import Filter, Filters
from haneul.services.ec2.kinds import Kind
from haneul.state.store import Reader

LIMITS = (5, 1000)


def describe(
    call: Call,
    request: Mapping[str, Any],
    kind: Kind[Any],
    *,
    member: str,
    ids: str,
    filters: Filters,
    render: Callable[[Reader, Any], dict[str, Any]],
    limits: tuple[int, int] = LIMITS,
    wanted: Callable[[Any], bool] | None = None,
    forgiving: bool = False,
) -> dict[str, Any]:
    """One page of a kind's rows as `render` shows them, under `member`.

    ids: the request's member with ids. limits: the least and the most of MaxResults. wanted: rows to show at all.
    forgiving: of the kinds for which AWS leaves out ids that aren't there, instead of refusing them.
    Raises the kind's NotFound error, InvalidParameterValue, InvalidParameterCombination, InvalidNextToken.
    """
    named: Sequence[str] = request.get(ids) or ()
    if named and request.get("MaxResults") is not None:
        raise mixed(f"The parameter {ids} cannot be used with the parameter MaxResults")
    with call.read() as tx:
        rows: Iterable[Any]
        if named and forgiving:
            found = (kind.find(tx, call.scope, one) for one in dict.fromkeys(named))
            rows = [row for row in found if row is not None]
        elif named:
            rows = kind.get_all(tx, call.scope, named)
        else:
            rows = kind.table.scan(tx, call.scope, after_key=_after(request))
        shown = (row for row in rows if wanted is None or wanted(row))
        return page(request, member, ((row.id, render(tx, row)) for row in shown), filters, limits)


def page(
    request: Mapping[str, Any],
    member: str,
    items: Iterable[tuple[str, dict[str, Any]]],
    filters: Filters,
    limits: tuple[int, int] = LIMITS,
) -> dict[str, Any]:
    """One page of (position, resource as shown): those that pass the request's filters, up to MaxResults of them.
    `items` come in order and start behind the request's NextToken (`position`)."""
    limit = _limit(request, limits)
    chosen = Filter(request.get("Filters"), filters)
    passing = ((at, item) for at, item in items if chosen.matches(item))
    found = list(passing if limit is None else islice(passing, limit + 1))
    output: dict[str, Any] = {member: [item for _, item in found[:limit]]}
    if limit is not None and len(found) > limit:
        output["NextToken"] = tokens.seal_page(found[limit - 1][0])
    return output


def position(request: Mapping[str, Any]) -> str | None:
    """What the request's NextToken stands behind. Raises InvalidNextToken."""
    token = request.get("NextToken")
    if not token:
        return None
    opened = tokens.open_page(token)
    if opened is None or len(opened) != 1 or not isinstance(opened[0], str):
        raise errors.InvalidNextToken(f"The token '{token}' is invalid")
    return opened[0]


def paged(
    request: Mapping[str, Any],
    member: str,
    items: Iterable[tuple[str, dict[str, Any]]],
    filters: Filters,
    limits: tuple[int, int] = LIMITS,
) -> dict[str, Any]:
    """`page` for items in any order and from the first on: sorted by position here, cut at the NextToken."""
    after = position(request)
    ordered = sorted(items, key=lambda item: item[0])
    return page(request, member, (one for one in ordered if after is None or one[0] > after), filters, limits)


def _after(request: Mapping[str, Any]) -> tuple[str] | None:
    after = position(request)
    return None if after is None else (after,)


def _limit(request: Mapping[str, Any], limits: tuple[int, int]) -> int | None:
    limit = request.get("MaxResults")
    if limit is None or limit == 0:
        return limits[1] if request.get("NextToken") else None
    least, most = limits
    if limit < least or limit > most:
        bound = f"less than {least}" if limit < least else f"more than {most}"
        raise invalid(f"Value ( {limit} ) for parameter maxResults is invalid. Expecting a value not {bound}.")
    return int(limit)
