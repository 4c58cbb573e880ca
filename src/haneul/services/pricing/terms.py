"""Terms: what a product costs on demand, by ranges that begin with what everybody has free, and reserved.

A bill's line of any quantity costs what these ranges say: `Row.cost` is the same sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from haneul.metering import instances
from haneul.metering.prices import Row

ON_DEMAND = "JRTCKXETXF"
_RATE = "6YS6EN2CT7"
_UPFRONT = "2TG2D8R56U"
_RESERVED = {
    ("standard", 1, "No Upfront"): "4NA7Y494T4",
    ("standard", 1, "Partial Upfront"): "HU7G6KETJZ",
    ("standard", 1, "All Upfront"): "6QCMYABX3D",
    ("standard", 3, "No Upfront"): "BPH4J8HBKS",
    ("standard", 3, "Partial Upfront"): "38NPMPTW36",
    ("standard", 3, "All Upfront"): "NQ3QZPMQV9",
    ("convertible", 1, "No Upfront"): "7NE97W5U4E",
    ("convertible", 1, "Partial Upfront"): "CUZHX8X6JH",
    ("convertible", 1, "All Upfront"): "VJWZNREJX2",
    ("convertible", 3, "No Upfront"): "Z2E3P23VKM",
    ("convertible", 3, "Partial Upfront"): "R5XV2EPZQZ",
    ("convertible", 3, "All Upfront"): "MZU6U2429S",
}
"""(offering class, years, payment) -> AWS's code of these terms, the same for every product."""


class Range(NamedTuple):
    """A unit costs `price` from `begin` on, up to `end` (None: any more)."""

    begin: Decimal
    end: Decimal | None
    price: Decimal


def ranges(row: Row) -> Iterator[Range]:
    """The price list's ranges of a price. What everybody has free comes first and shifts the tiers behind it."""
    free = Decimal(str(row.always_free))
    if free:
        yield Range(Decimal(0), free, Decimal(0))
    begin = free
    for end, price in row.tiers or ((None, row.price),):
        stop = None if end is None else Decimal(str(end)) + free
        yield Range(begin, stop, Decimal(price))
        if stop is not None:
            begin = stop


def on_demand(sku: str, row: Row, what: str, effective: str) -> dict[str, Any]:
    """The term OnDemand of a product."""
    code = f"{sku}.{ON_DEMAND}"
    found = list(ranges(row))
    dimensions = {}
    for number, part in enumerate(found):
        rate = f"{code}.{_RATE if len(found) == 1 else _rate_code(number)}"
        dimensions[rate] = _dimension(rate, row.unit, part, f"${_short(part.price)} per {row.unit} {what}")
    return {code: _term(sku, ON_DEMAND, effective, dimensions, {})}


def reserved(sku: str, region: str, type: str, effective: str) -> dict[str, Any]:
    """The terms Reserved of an instance type; empty where the sheet knows none."""
    terms = {}
    for (offering, years, payment), code in _RESERVED.items():
        price = instances.reserved(region, type, years, payment, offering)
        if price is None:
            continue
        rate = f"{sku}.{code}.{_RATE}"
        about = f"Linux/UNIX (Amazon VPC), {type} reserved instance applied"
        dimensions = {rate: _dimension(rate, "Hrs", Range(Decimal(0), None, price.hourly), about)}
        if price.upfront:
            rate = f"{sku}.{code}.{_UPFRONT}"
            upfront = _dimension(rate, "Quantity", Range(Decimal(0), None, price.upfront), "Upfront Fee")
            dimensions[rate] = {key: value for key, value in upfront.items() if not key.endswith("Range")}
        told = {"LeaseContractLength": f"{years}yr", "OfferingClass": offering, "PurchaseOption": payment}
        terms[f"{sku}.{code}"] = _term(sku, code, effective, dimensions, told)
    return terms


def _term(sku: str, code: str, effective: str, dimensions: dict[str, Any], told: dict[str, str]) -> dict[str, Any]:
    return {
        "priceDimensions": dimensions,
        "sku": sku,
        "effectiveDate": effective,
        "offerTermCode": code,
        "termAttributes": told,
    }


def _dimension(rate: str, unit: str, part: Range, about: str) -> dict[str, Any]:
    return {
        "rateCode": rate,
        "description": about,
        "beginRange": f"{part.begin.normalize():f}",
        "endRange": "Inf" if part.end is None else f"{part.end.normalize():f}",
        "unit": unit,
        "pricePerUnit": {"USD": f"{part.price:.10f}"},
        "appliesTo": [],
    }


def _rate_code(number: int) -> str:
    """A code of its own for each range."""
    return f"RANGE{number:05d}"


def _short(price: Decimal) -> str:
    return f"{price.normalize():f}"
