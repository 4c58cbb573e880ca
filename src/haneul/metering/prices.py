"""AWS's public prices, as dated sheets: what a usage type of ours is called on the bill, its unit and its price.

A sheet's row applies to the first usage it fits (service, usage, operation). `level` rows are counted as
changes of what is there (bytes stored) and billed by how long it is there. Prices are exact decimals.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from pathlib import Path

import msgspec

from haneul.metering import instances

HOME = "us-east-1"
_SHEETS = Path(__file__).with_name("sheets")


class Row(msgspec.Struct, frozen=True):
    """One price. `tiers` are (up to this quantity a month, price) pairs; `free` is the free tier's monthly quantity of
    a new account, `always_free` everybody's. gigabytes: counted in the bill's unit already, not in bytes."""

    service: str
    usage: str
    type: str
    unit: str
    operations: tuple[str, ...] = ()
    price: str = ""
    tiers: tuple[tuple[float | None, str], ...] = ()
    level: bool = False
    gigabytes: bool = False
    hours: bool = False
    free: float = 0
    always_free: float = 0

    @property
    def divisor(self) -> int:
        """How many of ours are one of the bill's: bytes in a GB."""
        return 1 << 30 if self.unit in ("GB", "GB-Mo") and not self.gigabytes else 1

    def cost(self, quantity: Decimal, free_tier: bool) -> Decimal:
        """What a month's `quantity` of units costs, in USD."""
        free = Decimal(str(self.always_free)) + (Decimal(str(self.free)) if free_tier else 0)
        left = quantity - free
        if left <= 0:
            return Decimal(0)
        if not self.tiers:
            return left * Decimal(self.price)
        total, below = Decimal(0), Decimal(0)
        for end, price in self.tiers:
            part = left if end is None else min(left, Decimal(str(end)) - below)
            total += part * Decimal(price)
            left -= part
            if left <= 0 or end is None:
                break
            below = Decimal(str(end))
        return total


class Sheet(msgspec.Struct, frozen=True, eq=False):
    """A region's prices, when they were taken and from where. There is one of each, so it stands for itself: to hash a
    hundred rows for every usage of a bill would cost more than finding its price."""

    region: str
    dated: str
    source: str
    rows: tuple[Row, ...]

    def row(self, service: str, usage: str, operation: str) -> Row | None:
        """The price that a usage falls under; None: it costs nothing."""
        return _row(self, service, usage, operation)


@cache
def sheet(region: str) -> Sheet:
    """The sheet of a region; a region without one of its own is priced as us-east-1."""
    path = _SHEETS / f"{region}.json"
    if not region.replace("-", "").isalnum() or not path.is_file():
        return sheet(HOME)
    return msgspec.json.decode(path.read_bytes(), type=Sheet)


@cache
def _row(prices: Sheet, service: str, usage: str, operation: str) -> Row | None:
    for row in prices.rows:
        if row.service == service and row.usage == usage and (not row.operations or operation in row.operations):
            return row
    return _hours(prices.region, usage) if service == "ec2" else None


def _hours(region: str, usage: str) -> Row | None:
    """The price of an instance type's hours, of which there are too many for rows."""
    found = instances.usage(region, usage)
    if found is None:
        return None
    price, free = found
    unit = "Quantity" if usage.startswith("Upfront:") else "Hrs"
    return Row(service="ec2", usage=usage, type=usage, unit=unit, price=f"{price.normalize():f}", free=free)
