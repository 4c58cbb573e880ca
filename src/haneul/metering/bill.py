"""Bills: the usage of an account over a span of hours, priced line by line.

A line's quantity is in the bill's own unit (GB-Mo: gigabytes times hours over the hours of a 730-hour month).
The free tier and price tiers are monthly; a span shorter than a month is priced as the month's first.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from haneul.metering.meter import USAGE, Usage
from haneul.metering.prices import HOME, Row, sheet
from haneul.service import Scope
from haneul.state.store import Reader

MONTH_HOURS = 730


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
    wanted = set(accounts)
    found: list[Line] = []
    for scope in scopes(tx):
        if scope.account in wanted:
            found += _of_scope(tx, scope, first, last, free_tier, by_operation)
    return found


def scopes(tx: Reader) -> list[Scope]:
    """Every account and region that ever used something."""
    return sorted({scope for scope, _ in USAGE.everywhere(tx)})


def _of_scope(tx: Reader, scope: Scope, first: int, last: int, free_tier: bool, by_operation: bool) -> list[Line]:
    prices = sheet(scope.region if scope.region != "aws-global" else HOME)
    flows: dict[tuple[Row, str], Decimal] = {}
    levels: dict[Row, list[Usage]] = {}
    for usage in USAGE.scan(tx, scope):
        if usage.hour >= last:
            break
        row = prices.row(usage.service, usage.usage, usage.operation)
        if row is None:
            continue
        if row.level:
            levels.setdefault(row, []).append(usage)
        elif usage.hour >= first:
            key = (row, usage.operation if by_operation else "")
            flows[key] = flows.get(key, Decimal(0)) + Decimal(str(usage.amount)) / row.divisor
    for row, changes in levels.items():
        flows[row, ""] = level_hours(changes, first, last) / row.divisor / MONTH_HOURS
    return [
        Line(
            scope.account,
            scope.region,
            row.service,
            row.type,
            operation,
            row.unit,
            quantity,
            row.cost(quantity, free_tier),
        )
        for (row, operation), quantity in flows.items()
        if quantity > 0
    ]


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
