"""Regions and availability zones: AWS's regions, each with the zones a to c (a to f in us-east-1), all of them here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from haneul.service import Call
from haneul.services.ec2 import listing
from haneul.services.ec2.errors import invalid
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc.places import REGIONS, zone_id, zones_of

_REGION_FILTERS = {"endpoint": "Endpoint", "opt-in-status": "OptInStatus", "region-name": "RegionName"}
_ZONE_FILTERS = {
    "group-name": "GroupName",
    "message": "Messages.Message",
    "opt-in-status": "OptInStatus",
    "parent-zone-id": "ParentZoneId",
    "parent-zone-name": "ParentZoneName",
    "region-name": "RegionName",
    "state": "State",
    "zone-id": "ZoneId",
    "zone-name": "ZoneName",
    "zone-type": "ZoneType",
}


@operation()
def describe_regions(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeRegions: those that need an opt-in are shown with AllRegions, and work without."""
    wanted = request.get("RegionNames")
    for name in wanted or ():
        if name not in REGIONS:
            raise invalid(f"Invalid region name: {name}")
    items = []
    for name, opted in REGIONS.items():
        if (wanted and name not in wanted) or (not wanted and not opted and not request.get("AllRegions")):
            continue
        status = "opt-in-not-required" if opted else "not-opted-in"
        items.append((name, {"RegionName": name, "Endpoint": f"ec2.{name}.amazonaws.com", "OptInStatus": status}))
    return listing.paged({**request, "MaxResults": None}, "Regions", items, _REGION_FILTERS)


@operation()
def describe_availability_zones(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeAvailabilityZones of the call's region."""
    named, by_id = request.get("ZoneNames") or (), request.get("ZoneIds") or ()
    zones = zones_of(call.region)
    for name in named:
        if name not in zones:
            raise invalid(f"Invalid availability zone: [{name}]")
    known = {zone_id(zone) for zone in zones}
    for one in by_id:
        if one not in known:
            raise invalid(f"Invalid availability zone-id: [{one}]")
    items = [
        (zone, _zone(call.region, zone))
        for zone in zones
        if (not named and not by_id) or zone in named or zone_id(zone) in by_id
    ]
    return listing.paged({**request, "MaxResults": None}, "AvailabilityZones", items, _ZONE_FILTERS)


@cache
def _zone(region: str, name: str) -> dict[str, Any]:
    return {
        "State": "available",
        "OptInStatus": "opt-in-not-required",
        "Messages": [],
        "RegionName": region,
        "ZoneName": name,
        "ZoneId": zone_id(name),
        "GroupName": f"{region}-zg-1",
        "NetworkBorderGroup": region,
        "ZoneType": "availability-zone",
    }
