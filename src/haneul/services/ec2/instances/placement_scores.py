"""GetSpotPlacementScores: how likely a Spot request is to succeed, which here is a question of this machine's memory.
All regions and zones are this machine, so that all of them score the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from haneul.service import Call
from haneul.services.ec2 import listing
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.errors import invalid, missing, mixed
from haneul.services.ec2.instances import capacity, requirements, types
from haneul.services.ec2.instances.types import InstanceType
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc.places import REGIONS, zone_id, zones_of
from haneul.wire.errors import AwsError

BEST = 10
"""The best score, and how many zones are told."""


@operation()
async def get_spot_placement_scores(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetSpotPlacementScores: 10 where everything fits, 1 where nothing does. Raises InvalidParameterValue,
    InvalidParameterCombination."""
    target = int(request["TargetCapacity"])
    if target < 1:
        raise invalid("The target capacity must be at least 1.")
    for region in request.get("RegionNames") or ():
        if region not in REGIONS:
            raise invalid(f"Invalid region name: {region}")
    able = await asyncio.to_thread(capacity.able, planes.of(call.cloud))
    specs = await asyncio.to_thread(_specs, request)
    unit = request.get("TargetCapacityUnitType") or "units"
    with call.read() as tx:
        shares = [_share(one, capacity.room(tx, able, one, _count(one, unit, target)), unit, target) for one in specs]
    score = 1 if able.why else max(1, round(BEST * max(shares, default=0.0)))
    items = ((f"{region} {zone}", _scored(region, zone, score)) for region, zone in _places(request))
    return listing.paged({**request, "Filters": None}, "SpotPlacementScores", items, {}, (10, 1000))


def _specs(request: Mapping[str, Any]) -> list[InstanceType]:
    names, wanted = request.get("InstanceTypes") or (), request.get("InstanceRequirementsWithMetadata")
    if names and wanted:
        raise mixed("You can't specify both InstanceTypes and InstanceRequirementsWithMetadata.")
    if wanted:
        return list(
            requirements.matching(
                wanted.get("InstanceRequirements") or {},
                wanted.get("ArchitectureTypes") or ("x86_64",),
                wanted.get("VirtualizationTypes") or ("hvm",),
            )
        )
    if not names:
        raise missing("InstanceTypes or InstanceRequirementsWithMetadata")
    unknown = [name for name in names if not _known(name)]
    if unknown:
        raise invalid(
            "The request contains instance types that are not valid. Remove or correct the following instance types, "
            f"and try again: [{', '.join(unknown)}]."
        )
    return [types.spec(name) for name in names]


def _known(name: str) -> bool:
    try:
        types.spec(name)
    except AwsError:
        return False
    return True


def _size(spec: InstanceType, unit: str) -> int:
    return {"units": 1, "vcpu": spec.vcpus, "memory-mib": spec.memory}[unit]


def _count(spec: InstanceType, unit: str, target: int) -> int:
    """How many instances of a type make up the target."""
    return -(-target // _size(spec, unit))


def _share(spec: InstanceType, room: int, unit: str, target: int) -> float:
    """What part of the target there is room for; none where the type's guests can't run."""
    if "x86_64" not in spec.architectures or "spot" not in spec.usage:
        return 0.0
    return min(1.0, room * _size(spec, unit) / target)


def _places(request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    named = request.get("RegionNames") or [name for name, enabled in REGIONS.items() if enabled]
    found = 0
    for region in named:
        for zone in zones_of(region) if request.get("SingleAvailabilityZone") else ("",):
            if found < BEST:
                yield region, zone
            found += 1


def _scored(region: str, zone: str, score: int) -> dict[str, Any]:
    shown: dict[str, Any] = {"Region": region, "Score": score}
    return shown | {"AvailabilityZoneId": zone_id(zone)} if zone else shown
