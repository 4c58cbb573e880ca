"""Pools: every way in which a fleet may launch, a type in a subnet or zone, from its launch templates and overrides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from haneul.service import Call
from haneul.services.ec2.errors import errors, invalid
from haneul.services.ec2.fleets import prices
from haneul.services.ec2.fleets.state import Fleet
from haneul.services.ec2.fleets.wishes import SPOT
from haneul.services.ec2.instances import launching, requirements, templates, types
from haneul.state.store import Reader

Data = Mapping[str, Any]
POOLS = 300
"""Launch templates, specifications and overrides that a fleet may have in all."""
WAYS = 20_000
"""Pools that they may come to, with instance requirements."""
_LAST = 1e9
"""Where a pool without a priority stands."""
_OVERRIDING = ("ImageId", "KeyName", "BlockDeviceMappings", "IamInstanceProfile", "MetadataOptions")
_TOLD = (
    "AvailabilityZone",
    "AvailabilityZoneId",
    "BlockDeviceMappings",
    "ImageId",
    "InstanceRequirements",
    "InstanceType",
    "MaxPrice",
    "Placement",
    "Priority",
    "SubnetId",
    "WeightedCapacity",
)
_PROTECTION = {
    SPOT: ("SpotMaxPricePercentageOverLowestPrice", 100),
    "on-demand": ("OnDemandMaxPricePercentageOverLowestPrice", 20),
}


@dataclass(frozen=True)
class Pool:
    """launch: what RunInstances is asked for, without counts and market. template, overrides: as answers tell them.
    ceiling: the most that an hour on the Spot market may cost, or None. order: as the fleet lists it."""

    launch: Data
    type: str
    zone: str
    weight: float
    priority: float
    order: int
    template: Data | None = None
    overrides: Data = field(default_factory=dict)
    ceiling: Decimal | None = None
    requirements: Data | None = None

    def price(self, region: str, market: str) -> Decimal:
        """USD an hour."""
        return prices.spot(region, self.type) if market == SPOT else prices.on_demand(region, self.type)

    @property
    def key(self) -> tuple[str, str, str]:
        """Pools with the same key draw from the same capacity."""
        return self.type, self.launch.get("SubnetId") or "", self.zone

    def told(self) -> dict[str, Any]:
        """A LaunchTemplateAndOverridesResponse."""
        overrides = {name: self.overrides.get(name) for name in _TOLD}
        placement = overrides.get("Placement")
        if placement:
            overrides["Placement"] = {"GroupName": placement.get("GroupName")}
        return {"LaunchTemplateSpecification": self.template, "Overrides": {**overrides, "InstanceType": self.type}}


def of(tx: Reader, call: Call, row: Fleet, unit: str) -> list[Pool]:
    """A fleet's pools, in the order in which it lists them. Raises what its templates raise."""
    found: list[Pool] = []
    for specification in row.config.get("LaunchSpecifications") or ():
        for one in _of_specification(specification, row.config, unit):
            found.append(_numbered(one, len(found)))
    for config in row.config.get("LaunchTemplateConfigs") or ():
        for one in _of_template(tx, call, config, row.config, unit):
            found.append(_numbered(one, len(found)))
    if len(found) > WAYS:
        raise invalid(f"The fleet's overrides and instance requirements allow more than {WAYS} ways to launch.")
    return found


def read(call: Call, row: Fleet, unit: str) -> list[Pool]:
    """`of`, for another thread: instance requirements may mean thousands."""
    with call.read() as tx:
        return of(tx, call, row, unit)


def check(config: Data) -> None:
    """Raises what is to be said of a fleet's configurations at once."""
    specifications, configs = config.get("LaunchSpecifications") or (), config.get("LaunchTemplateConfigs") or ()
    if not specifications and not configs:
        raise errors.MissingParameter("The request must contain the parameter LaunchTemplateConfigs")
    total = len(specifications) + sum(max(1, len(one.get("Overrides") or ())) for one in configs)
    if total > POOLS:
        raise invalid(f"A fleet may have at most {POOLS} launch specifications and overrides.")
    for one in configs:
        if not one.get("LaunchTemplateSpecification"):
            raise errors.MissingParameter("The request must contain the parameter LaunchTemplateSpecification")
        for override in one.get("Overrides") or ():
            if override.get("InstanceType") and override.get("InstanceRequirements"):
                raise invalid("InstanceType and InstanceRequirements can't be specified in the same override.")
            if (override.get("WeightedCapacity") or 1) <= 0:
                raise invalid("The weighted capacity of an override must be greater than 0.")


def protected(pools: Sequence[Pool], region: str, market: str) -> list[Pool]:
    """Without those that attribute-based selection found, but that cost too much beside the cheapest of them, or nobody
    knows what."""
    name, usual = _PROTECTION[market]
    least: dict[int, Decimal] = {}
    for one in pools:
        price = one.price(region, market)
        if one.requirements is not None and price:
            least[id(one.requirements)] = min(least.get(id(one.requirements), price), price)
    kept = []
    for one in pools:
        below = least.get(id(one.requirements)) if one.requirements is not None else None
        if one.requirements is None or below is None:
            kept.append(one)
            continue
        most = below * (1 + Decimal(one.requirements.get(name, usual)) / 100)
        if 0 < one.price(region, market) <= most:
            kept.append(one)
    return kept


def _numbered(one: dict[str, Any], order: int) -> Pool:
    return Pool(**one, order=order)


def _of_template(tx: Reader, call: Call, config: Data, fleet: Data, unit: str) -> Iterator[dict[str, Any]]:
    specification = config["LaunchTemplateSpecification"]
    row = templates.find(tx, call.scope, specification)
    version = templates.version_of(tx, call.scope, row, specification.get("Version") or "$Default")
    told = {"LaunchTemplateId": row.id, "Version": str(version.number)}
    overrides: Sequence[Data] = config.get("Overrides") or ({},)
    for override in overrides:
        wanted = override.get("InstanceRequirements") or (
            None if override.get("InstanceType") else version.data.get("InstanceRequirements")
        )
        own = override.get("InstanceType") or version.data.get("InstanceType") or launching.DEFAULT_TYPE
        request = {name: override[name] for name in _OVERRIDING if override.get(name)}
        asked = {**request, "InstanceType": own, "LaunchTemplate": told, "MinCount": 1}
        merged = templates.merged(tx, call, asked)
        for type in _types(wanted, own):
            launch = {**merged, "InstanceType": type}
            market = (launch.get("InstanceMarketOptions") or {}).get("SpotOptions") or {}
            price = override.get("MaxPrice") or override.get("SpotPrice") or market.get("MaxPrice")
            yield from _placed(launch, override, type, unit, price or fleet.get("SpotPrice"), told, wanted)


def _of_specification(specification: Data, fleet: Data, unit: str) -> Iterator[dict[str, Any]]:
    """A Spot Fleet's own launch specification."""
    left = ("SpotPrice", "WeightedCapacity", "InstanceRequirements", "AddressingType", "SecurityGroups", "SubnetId")
    launch = {name: value for name, value in specification.items() if name not in left and value is not None}
    groups = [one["GroupId"] for one in specification.get("SecurityGroups") or () if one.get("GroupId")]
    names = [one["GroupName"] for one in specification.get("SecurityGroups") or () if not one.get("GroupId")]
    if groups:
        launch["SecurityGroupIds"] = groups
    if names:
        launch["SecurityGroups"] = names
    wanted = specification.get("InstanceRequirements")
    for type in _types(wanted, specification.get("InstanceType") or launching.DEFAULT_TYPE):
        price = specification.get("SpotPrice") or fleet.get("SpotPrice")
        yield from _placed({**launch, "InstanceType": type}, specification, type, unit, price, None, wanted)


def _types(wanted: Data | None, own: str) -> list[str]:
    """The types that are asked for by name or by what they are."""
    if not wanted:
        return [types.spec(own).name]
    found = [one.name for one in requirements.matching(wanted)]
    if not found:
        raise invalid("No instance types match the instance requirements.")
    return found


def _placed(
    launch: dict[str, Any],
    override: Data,
    type: str,
    unit: str,
    price: str | None,
    told: Data | None,
    wanted: Data | None,
) -> Iterator[dict[str, Any]]:
    """One pool for each subnet, or zone, that the override names."""
    subnets = [one.strip() for one in (override.get("SubnetId") or "").split(",") if one.strip()]
    placement = dict(launch.get("Placement") or {}) | {
        name: value for name, value in (override.get("Placement") or {}).items() if value
    }
    zones = override.get("AvailabilityZone") or placement.get("AvailabilityZone") or ""
    if override.get("AvailabilityZoneId"):
        placement["AvailabilityZoneId"] = override["AvailabilityZoneId"]
    weight = float(override.get("WeightedCapacity") or 1)
    if unit != "units":
        spec = types.spec(type)
        weight = float(spec.vcpus if unit == "vcpu" else spec.memory)
    for subnet in subnets or [""]:
        for zone in [one.strip() for one in zones.split(",") if one.strip()] or [""]:
            yield {
                "launch": _at(launch, subnet, {**placement, **({"AvailabilityZone": zone} if zone else {})}),
                "type": type,
                "zone": zone,
                "weight": weight,
                "priority": _LAST if override.get("Priority") is None else float(override["Priority"]),
                "template": told,
                "overrides": {**override, **({"SubnetId": subnet} if subnet else {})},
                "ceiling": Decimal(price) if price else None,
                "requirements": wanted,
            }


def _at(launch: dict[str, Any], subnet: str, placement: Data) -> dict[str, Any]:
    found = {**launch, "Placement": placement} if placement else dict(launch)
    if not subnet:
        return found
    nics = found.get("NetworkInterfaces")
    if nics:
        found["NetworkInterfaces"] = [
            {**one, "SubnetId": subnet} if not one.get("NetworkInterfaceId") else one for one in nics
        ]
    else:
        found["SubnetId"] = subnet
    return found
