"""What can be reserved: every type that has a price, for one or three years, in the region or in one of its zones.

Offerings aren't rows: their ids are made of their terms, and are read back from them.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from haneul.metering import instances as prices
from haneul.service import Call
from haneul.services.ec2 import listing
from haneul.services.ec2.errors import coded
from haneul.services.ec2.filters import Filters, pattern
from haneul.services.ec2.instances import types, wiring
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc.places import zone_id, zones_of

Request = Mapping[str, Any]
YEAR = 31_536_000
PRODUCT = "Linux/UNIX"
_PRODUCTS = (PRODUCT, f"{PRODUCT} (Amazon VPC)")
CLASSES = ("standard", "convertible")
YEARS = (1, 3)
PAYMENTS = ("No Upfront", "Partial Upfront", "All Upfront")
_PAGE = 100
FILTERS: Filters = {
    "availability-zone": "AvailabilityZone",
    "availability-zone-id": "AvailabilityZoneId",
    "duration": "Duration",
    "fixed-price": lambda item: str(item["FixedPrice"]),
    "instance-type": "InstanceType",
    "marketplace": "Marketplace",
    "product-description": lambda item: _PRODUCTS,
    "reserved-instances-offering-id": "ReservedInstancesOfferingId",
    "scope": "Scope",
    "usage-price": lambda item: str(item["UsagePrice"]),
}


@dataclass(frozen=True, order=True)
class Offering:
    """zone: "" for the whole region."""

    type: str
    zone: str
    offering: str
    years: int
    payment: str

    def identifier(self, region: str) -> str:
        """A UUID that says what it offers: its type's digest, then its other terms, then a digest of all."""
        zone = 0 if not self.zone else 1 + zones_of(region).index(self.zone)
        terms = CLASSES.index(self.offering) * 6 + YEARS.index(self.years) * 3 + PAYMENTS.index(self.payment)
        text = f"{region}/{self.type}/{self.zone}/{terms}"
        return f"{_digest(self.type)[:8]}-{zone:02x}{terms:02x}-4000-8000-{_digest(text)[:12]}"

    def price(self, region: str) -> prices.Reserved | None:
        return prices.reserved(region, self.type, self.years, self.payment, self.offering)


@operation()
async def describe_reserved_instances_offerings(call: Call, request: Request) -> dict[str, Any]:
    """DescribeReservedInstancesOfferings: a hundred at a time. There is no marketplace."""
    return await asyncio.to_thread(_page_of, call, request)


def find(region: str, identifier: str) -> Offering:
    """The offering of an id. Raises InvalidReservedInstancesOfferingId."""
    parts = identifier.split("-")
    type = _by_digest().get(parts[0]) if len(parts) == 5 and len(parts[1]) == 4 else None
    try:
        zone, terms = int(parts[1][:2], 16), int(parts[1][2:], 16)
    except (IndexError, ValueError):
        zone, terms = -1, -1
    zones = ("", *zones_of(region))
    if type is not None and 0 <= zone < len(zones) and 0 <= terms < 12:
        found = Offering(type, zones[zone], CLASSES[terms // 6], YEARS[terms // 3 % 2], PAYMENTS[terms % 3])
        if found.identifier(region) == identifier and found.price(region) is not None:
            return found
    raise coded("InvalidReservedInstancesOfferingId", f"The offering ID '{identifier}' does not exist.")


def describe(region: str, one: Offering) -> dict[str, Any] | None:
    """A ReservedInstancesOffering; None for a type without a price."""
    price = one.price(region)
    if price is None:
        return None
    return {
        "ReservedInstancesOfferingId": one.identifier(region),
        "InstanceType": one.type,
        "ProductDescription": PRODUCT,
        "Duration": one.years * YEAR,
        "OfferingClass": one.offering,
        "OfferingType": one.payment,
        "InstanceTenancy": "default",
        "Marketplace": False,
        "PricingDetails": [],
        **placed(one.zone),
        **priced(price),
    }


def placed(zone: str) -> dict[str, Any]:
    """Scope and zone."""
    if not zone:
        return {"Scope": "Region"}
    return {"Scope": "Availability Zone", "AvailabilityZone": zone, "AvailabilityZoneId": zone_id(zone)}


def priced(price: prices.Reserved) -> dict[str, Any]:
    return {
        "CurrencyCode": "USD",
        "FixedPrice": float(price.upfront),
        "UsagePrice": 0.0,
        "RecurringCharges": [{"Amount": float(price.hourly), "Frequency": "Hourly"}],
    }


def _page_of(call: Call, request: Request) -> dict[str, Any]:
    after = listing.position(request)
    named = request.get("ReservedInstancesOfferingIds")
    chosen: Iterator[Offering]
    chosen = iter([find(call.region, one) for one in named]) if named else _all(call, request, after)
    items = ((_position(one), shown) for one in chosen if (shown := describe(call.region, one)) is not None)
    kept = (item for item in items if (after is None or item[0] > after) and _wanted(item[1], request))
    paged = {**request, "MaxResults": request.get("MaxResults") or _PAGE}
    return listing.page(paged, "ReservedInstancesOfferings", kept, FILTERS, (1, _PAGE))


def _all(call: Call, request: Request, after: str | None) -> Iterator[Offering]:
    """In the order of positions; whole types before `after` are left out."""
    wanted = request.get("InstanceType")
    names: Sequence[str] = [types.spec(wanted).name] if wanted else types.names()
    for one in request.get("Filters") or ():
        if one.get("Name") == "instance-type":  # seen to at once: there are thousands of offerings
            patterns = [pattern(value) for value in one.get("Values") or ()]
            names = [name for name in names if any(chosen.fullmatch(name) for chosen in patterns)]
    asked = {name: request.get(name) for name in ("AvailabilityZone", "AvailabilityZoneId")}
    zone = wiring.zone_of(call.scope, {"Placement": asked})
    zones = (zone,) if zone else ("", *zones_of(call.region))
    for name in names:
        if after is not None and name < after.partition("\x00")[0]:
            continue
        for place in zones:
            for offering in CLASSES:
                for years in YEARS:
                    for payment in PAYMENTS:
                        yield Offering(name, place, offering, years, payment)


def _position(one: Offering) -> str:
    at = CLASSES.index(one.offering) * 6 + YEARS.index(one.years) * 3 + PAYMENTS.index(one.payment)
    return f"{one.type}\x00{one.zone}\x00{at:02d}"


def _wanted(shown: Request, request: Request) -> bool:
    for name in ("OfferingClass", "OfferingType", "InstanceTenancy"):
        if request.get(name) not in (None, shown[name]):
            return False
    if request.get("ProductDescription") not in (None, *_PRODUCTS):
        return False
    least, most = request.get("MinDuration"), request.get("MaxDuration")
    return (least is None or shown["Duration"] >= least) and (most is None or shown["Duration"] <= most)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _by_digest() -> dict[str, str]:
    return {_digest(name)[:8]: name for name in types.names()}
