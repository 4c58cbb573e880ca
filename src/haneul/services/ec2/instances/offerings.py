"""DescribeInstanceTypes, and where types are offered: every type in every zone, whatever this machine can run of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.ec2 import listing
from haneul.services.ec2.errors import errors, invalid, mixed
from haneul.services.ec2.instances import types
from haneul.services.ec2.instances.type_details import FILTERS, details
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc.places import zone_id, zones_of
from haneul.wire.errors import AwsError

TYPES = (5, 100)
"""The least and the most of MaxResults."""
_OFFERED = {"instance-type": "InstanceType", "location": "Location"}


@operation()
async def describe_instance_types(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeInstanceTypes: up to 100 a page. Raises InvalidInstanceType, InvalidParameterValue,
    InvalidParameterCombination."""
    named = list(dict.fromkeys(request.get("InstanceTypes") or ()))
    if named and request.get("MaxResults") is not None:
        raise mixed("The parameter instanceTypes cannot be used with the parameter maxResults")
    if len(named) > TYPES[1]:
        raise invalid(f"The maximum number of instance types specified on a single call is {TYPES[1]}")
    unknown = [name for name in named if not _known(name)]
    if unknown:
        raise errors.InvalidInstanceType(f"The following supplied instance types do not exist: [{', '.join(unknown)}]")
    items = ((name, dict(details(name))) for name in named or types.names())
    asked = {**request, "MaxResults": request.get("MaxResults") or TYPES[1]}
    return await asyncio.to_thread(listing.paged, asked, "InstanceTypes", items, FILTERS, TYPES)


@operation()
async def describe_instance_type_offerings(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeInstanceTypeOfferings of the call's region: up to 1000 a page."""
    kind = request.get("LocationType") or "region"
    zones = zones_of(call.region)
    locations: dict[str, list[str]] = {
        "region": [call.region],
        "availability-zone": list(zones),
        "availability-zone-id": [zone_id(zone) for zone in zones],
        "outpost": [],
    }
    items = (
        (f"{place}\x00{name}", {"InstanceType": name, "LocationType": kind, "Location": place})
        for place in locations[kind]
        for name in types.names()
    )
    asked = {**request, "MaxResults": request.get("MaxResults") or listing.LIMITS[1]}
    return await asyncio.to_thread(listing.paged, asked, "InstanceTypeOfferings", items, _OFFERED)


def _known(name: str) -> bool:
    try:
        types.spec(name)
    except AwsError:
        return False
    return True
