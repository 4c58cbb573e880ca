"""What an instance's hour costs, by the sheet that bills are made from; 0 for a type that it doesn't know."""

from __future__ import annotations

from decimal import Decimal

from haneul.metering import instances


def on_demand(region: str, type: str) -> Decimal:
    """USD an hour."""
    return instances.on_demand(region, type) or Decimal(0)


def spot(region: str, type: str) -> Decimal:
    """USD an hour on the Spot market."""
    return instances.spot(region, type) or Decimal(0)


def text(price: Decimal) -> str:
    """As the Spot operations write prices."""
    return f"{price:.6f}"
