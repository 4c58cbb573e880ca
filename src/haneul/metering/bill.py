"""Bills: the usage of an account over a span of hours, priced line by line.

A line's quantity is in the bill's own unit (GB-Mo: gigabytes times hours over the hours of a 730-hour month).
The free tier and price tiers are monthly; a span shorter than a month is priced as the month's first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec

from haneul.metering.meter import USAGE, Usage
from haneul.metering.prices import HOME, Row, sheet
from haneul.service import Scope
from haneul.state.store import Reader

MONTH_HOURS = 730
Span = tuple[int, int]
"""Epoch hours [first, last)."""


class Line(msgspec.Struct, frozen=True):
    """One line: `type` in AWS's words, a quantity of units and its cost in USD."""

    account: str
    region: str
    service: str
    type: str
    operation: str
    unit: str
    quantity: Decimal
    cost: Decimal


def lines(
    tx: Reader, accounts: Iterable[str], first: int, last: int, free_tier: bool, by_operation: bool = False
) -> list[Line]:
    """The bill of `accounts` from epoch hour `first` up to and without `last`."""
    return bills(tx, accounts, [(first, last)], free_tier, by_operation)[0]


def bills(
    tx: Reader, accounts: Iterable[str], spans: Sequence[Span], free_tier: bool, by_operation: bool = False
) -> list[list[Line]]:
    """A bill for each span of hours [first, last), all from one reading of what was used. Spans may overlap."""
    wanted = set(accounts)
    found: list[list[Line]] = [[] for _ in spans]
    for scope in scopes(tx):
        if scope.account in wanted:
            for bill, own in zip(found, _of_scope(tx, scope, spans, free_tier, by_operation), strict=True):
                bill.extend(own)
    return found


def scopes(tx: Reader) -> list[Scope]:
    """Every account and region that ever used something."""
    return sorted(USAGE.scopes(tx))


def _of_scope(
    tx: Reader, scope: Scope, spans: Sequence[Span], free_tier: bool, by_operation: bool
) -> Iterator[list[Line]]:
    prices = sheet(scope.region if scope.region != "aws-global" else HOME)
    flows: list[dict[tuple[Row, str], Decimal]] = [{} for _ in spans]
    levels: dict[Row, list[Usage]] = {}
    latest = max((last for _, last in spans), default=0)
    rows: dict[tuple[str, str, str], Row | None] = {}
    hour, here = -1, flows[:0]
    for usage in USAGE.scan(tx, scope):
        if usage.hour >= latest:
            break
        name = (usage.service, usage.usage, usage.operation)
        if name not in rows:
            rows[name] = prices.row(*name)
        row = rows[name]
        if row is None:
            continue
        if row.level:
            levels.setdefault(row, []).append(usage)
            continue
        if usage.hour != hour:
            hour = usage.hour
            here = [flow for (first, last), flow in zip(spans, flows, strict=True) if first <= hour < last]
        for flow in here:
            key = (row, usage.operation if by_operation else "")
            flow[key] = flow.get(key, Decimal(0)) + Decimal(str(usage.amount)) / row.divisor
    for (first, last), flow in zip(spans, flows, strict=True):
        for row, changes in levels.items():
            before = [change for change in changes if change.hour < last]
            flow[row, ""] = level_hours(before, first, last) / row.divisor / MONTH_HOURS
        yield [
            _line(scope, row, operation, quantity, free_tier)
            for (row, operation), quantity in flow.items()
            if quantity > 0
        ]


def _line(scope: Scope, row: Row, operation: str, quantity: Decimal, free_tier: bool) -> Line:
    cost = row.cost(quantity, free_tier)
    return Line(scope.account, scope.region, row.service, row.type, operation, row.unit, quantity, cost)


def level_hours(changes: Iterable[Usage], first: int, last: int) -> Decimal:
    """What was there, times the hours it was there, in hours [first, last). A change counts from its hour on."""
    total, level = Decimal(0), Decimal(0)
    at = first
    for change in changes:
        if change.hour > at:
            total += max(level, Decimal(0)) * (change.hour - at)
            at = change.hour
        level += Decimal(str(change.amount))
    return total + max(level, Decimal(0)) * max(0, last - at)
