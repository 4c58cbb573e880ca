"""What instances cost an hour: on demand, spot and reserved. A sheet has the price of each family's xlarge, from which
AWS's other sizes follow, and those of the sizes that don't follow. Spot is a fixed share of it: there is no market
here. Reserved Instances are shares of it too, which the common families' own prices come near to.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

import msgspec

HOME = "us-east-1"
YEAR = 8760
"""Hours."""
_SHEETS = Path(__file__).with_name("sheets")
_PARTS = {"nano": "0.03125", "micro": "0.0625", "small": "0.125", "medium": "0.25", "large": "0.5", "xlarge": "1"}
_PRECISION = Decimal("0.000001")
_UPFRONT = {"No Upfront": Decimal(0), "Partial Upfront": Decimal("0.5"), "All Upfront": Decimal(1)}
"""What part of a reservation is paid when it is bought."""


class Instances(msgspec.Struct, frozen=True):
    """A region's sheet. reserved: offering class -> years -> payment option -> part of the price on demand. free: hours
    a month of the free tier. hosts: families without bare metal -> a Dedicated Host's price."""

    region: str
    dated: str
    source: str
    spot: str
    reserved: dict[str, dict[str, dict[str, str]]]
    free: dict[str, int]
    hosts: dict[str, str]
    families: dict[str, dict[str, str]]


class Reserved(NamedTuple):
    """USD when it is bought, and for every hour of the term."""

    upfront: Decimal
    hourly: Decimal


@cache
def sheet(region: str) -> Instances:
    """The sheet of a region; a region without one of its own is priced as us-east-1."""
    path = _SHEETS / f"{region}-instances.json"
    if not region.replace("-", "").isalnum() or not path.is_file():
        path = _SHEETS / f"{HOME}-instances.json"
    return msgspec.json.decode(path.read_bytes(), type=Instances)


@cache
def on_demand(region: str, type: str) -> Decimal | None:
    """USD an hour of a type, with Linux; None where the sheet doesn't know it."""
    family, _, size = type.partition(".")
    prices = sheet(region).families.get(family)
    if prices is None:
        return None
    if size in prices:
        return Decimal(prices[size])
    part = _part(size)
    return None if part is None or "xlarge" not in prices else part * Decimal(prices["xlarge"])


def spot(region: str, type: str) -> Decimal | None:
    """USD an hour on the Spot market."""
    price = on_demand(region, type)
    return None if price is None else (price * Decimal(sheet(region).spot)).quantize(_PRECISION)


def host(region: str, family: str) -> Decimal | None:
    """USD an hour of a Dedicated Host: a tenth more than all that it holds, which is what bare metal costs."""
    prices = sheet(region)
    if family in prices.hosts:
        return Decimal(prices.hosts[family])
    metal = [Decimal(price) for size, price in prices.families.get(family, {}).items() if size.startswith("metal")]
    return (max(metal) * Decimal("1.1")).quantize(Decimal("0.001")) if metal else None


def reserved(
    region: str, type: str, years: int = 1, payment: str = "No Upfront", offering: str = "standard"
) -> Reserved | None:
    """A Reserved Instance; None for a type or terms that the sheet doesn't know."""
    price = on_demand(region, type)
    share = sheet(region).reserved.get(offering, {}).get(str(years), {}).get(payment)
    if price is None or share is None:
        return None
    hourly = price * Decimal(share)
    upfront = (hourly * _UPFRONT[payment] * YEAR * years).quantize(Decimal(1))
    return Reserved(upfront, (hourly * (1 - _UPFRONT[payment])).quantize(_PRECISION))


def usage(region: str, usage: str) -> tuple[Decimal, int] | None:
    """USD an hour and the free hours a month of a usage type like BoxUsage:m5.large; None: it isn't one of these.
    What is reserved tells its terms (HeavyUsage:m5.large/standard/1/No Upfront), and is paid once at Upfront:…"""
    kind, _, type = usage.partition(":")
    if kind in ("HeavyUsage", "Upfront"):
        type, offering, years, payment = type.split("/")
        terms = reserved(region, type, int(years), payment, offering)
        return None if terms is None else (terms.hourly if kind == "HeavyUsage" else terms.upfront, 0)
    prices: dict[str, Callable[[str, str], Decimal | None]] = {
        "BoxUsage": on_demand,
        "UnusedBox": on_demand,
        "SpotUsage": spot,
        "HostUsage": host,
    }
    if kind not in prices:
        return None
    price = prices[kind](region, type)
    if price is None:
        return None
    return price, sheet(region).free.get(type, 0) if kind == "BoxUsage" else 0


def _part(size: str) -> Decimal | None:
    """A size in xlarges; bare metal has prices of its own."""
    if size in _PARTS:
        return Decimal(_PARTS[size])
    number = re.fullmatch(r"(\d+)xlarge", size)
    return Decimal(number[1]) if number else None
