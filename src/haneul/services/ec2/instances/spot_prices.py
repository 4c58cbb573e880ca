"""DescribeSpotPriceHistory: a fixed part of the price on demand, in every zone; there is no market that moves it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from haneul.metering import instances as prices
from haneul.service import Call
from haneul.services.ec2 import listing
from haneul.services.ec2.errors import invalid, mixed
from haneul.services.ec2.filters import Filters
from haneul.services.ec2.instances import types
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc.places import zone_id, zone_named, zones_of

PRODUCT = "Linux/UNIX"
"""The only system that has prices here; by its name inside of VPCs too."""
_NAMES = (PRODUCT, f"{PRODUCT} (Amazon VPC)")
_FILTERS: Filters = {
    "availability-zone": "AvailabilityZone",
    "availability-zone-id": "AvailabilityZoneId",
    "instance-type": "InstanceType",
    "product-description": lambda item: _NAMES,
    "spot-price": "SpotPrice",
    "timestamp": lambda item: [
        datetime.fromtimestamp(item["Timestamp"], UTC).strftime(form)
        for form in ("%a %b %d %H:%M:%S UTC %Y", "%Y-%m-%dT%H:%M:%S.000Z")
    ],
}


@operation()
async def describe_spot_price_history(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeSpotPriceHistory: one entry for a type and zone, as old as the day that is asked about. Raises
    InvalidParameterValue, InvalidParameterCombination."""
    zones = _zones(call, request)
    asked = request.get("InstanceTypes")
    named = sorted({types.spec(name).name for name in asked}) if asked else types.names()
    products = request.get("ProductDescriptions")
    if products and not set(products) & set(_NAMES):
        named = []
    since = request.get("StartTime") or request.get("EndTime") or call.now()
    since = min(float(since), call.now()) // 86400 * 86400
    paged = {**request, "MaxResults": request.get("MaxResults") or 1000}
    answer = await asyncio.to_thread(
        listing.paged, paged, "SpotPriceHistory", _entries(call.region, named, zones, since), _FILTERS, (1, 1000)
    )
    return {"NextToken": "", **answer}


def _entries(
    region: str, named: list[str] | tuple[str, ...], zones: list[str], since: float
) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in named:
        price = prices.spot(region, name)
        if price is None or "spot" not in types.spec(name).usage:
            continue
        for zone in zones:
            yield (
                f"{name}\x00{zone}",
                {
                    "AvailabilityZone": zone,
                    "AvailabilityZoneId": zone_id(zone),
                    "InstanceType": name,
                    "ProductDescription": PRODUCT,
                    "SpotPrice": f"{price:.6f}",
                    "Timestamp": since,
                },
            )


def _zones(call: Call, request: Mapping[str, Any]) -> list[str]:
    zone, identifier = request.get("AvailabilityZone"), request.get("AvailabilityZoneId")
    if zone and identifier:
        raise mixed("You cannot specify both AvailabilityZone and AvailabilityZoneId.")
    known = list(zones_of(call.region))
    if identifier:
        zone = zone_named(call.region, identifier) or identifier
    if zone and zone not in known:
        raise invalid(f"Invalid availability zone: [{zone}]")
    return [zone] if zone else known
