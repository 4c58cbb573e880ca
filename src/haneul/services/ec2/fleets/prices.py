"""What an instance's hour costs, by the sheet that bills are made from: on demand, and on the Spot market."""

from __future__ import annotations

from decimal import Decimal

from haneul.metering import prices

SPOT_SHARE = Decimal("0.4")
"""A type's Spot price where the sheet has none, in parts of its price on demand."""


def on_demand(region: str, type: str) -> Decimal:
    """USD an hour; 0 where the sheet doesn't know the type."""
    row = prices.sheet(region).row("ec2", f"BoxUsage:{type}", "")
    return Decimal(row.price) if row is not None and row.price else Decimal(0)


def spot(region: str, type: str) -> Decimal:
    """USD an hour; 0 where the sheet doesn't know the type."""
    row = prices.sheet(region).row("ec2", f"SpotUsage:{type}", "")
    if row is not None and row.price:
        return Decimal(row.price)
    return (on_demand(region, type) * SPOT_SHARE).quantize(Decimal("0.000001"))


def text(price: Decimal) -> str:
    """As the Spot operations write prices."""
    return f"{price:.6f}"
