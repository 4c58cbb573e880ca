"""What a group may be: the members of its creation and its changes, checked, completed and resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from haneul.service import Call
from haneul.services.autoscaling import launching, rights
from haneul.services.autoscaling.errors import invalid, not_here
from haneul.services.autoscaling.neighbours import ask
from haneul.wire.errors import AwsError

KEPT = (
    "LaunchConfigurationName",
    "LaunchTemplate",
    "MixedInstancesPolicy",
    "DefaultCooldown",
    "HealthCheckType",
    "HealthCheckGracePeriod",
    "PlacementGroup",
    "VPCZoneIdentifier",
    "TerminationPolicies",
    "NewInstancesProtectedFromScaleIn",
    "CapacityRebalance",
    "MaxInstanceLifetime",
    "Context",
    "DesiredCapacityType",
    "DefaultInstanceWarmup",
    "ServiceLinkedRoleARN",
    "InstanceMaintenancePolicy",
    "AvailabilityZoneDistribution",
    "AvailabilityZoneImpairmentPolicy",
    "CapacityReservationSpecification",
    "InstanceLifecyclePolicy",
    "DeletionProtection",
    "Operator",
)
SOURCES = ("LaunchConfigurationName", "LaunchTemplate", "MixedInstancesPolicy")
TERMINATION = (
    "OldestInstance",
    "NewestInstance",
    "OldestLaunchConfiguration",
    "ClosestToNextInstanceHour",
    "Default",
    "OldestLaunchTemplate",
    "AllocationStrategy",
)
DEFAULTS: dict[str, Any] = {
    "DefaultCooldown": 300,
    "HealthCheckType": "EC2",
    "HealthCheckGracePeriod": 0,
    "TerminationPolicies": ["Default"],
    "NewInstancesProtectedFromScaleIn": False,
    "AvailabilityZoneDistribution": {"CapacityDistributionStrategy": "balanced-best-effort"},
    "AvailabilityZoneImpairmentPolicy": {
        "ZonalShiftEnabled": False,
        "ImpairedZoneHealthCheckBehavior": "IgnoreUnhealthy",
    },
    "CapacityReservationSpecification": {"CapacityReservationPreference": "default"},
}
_DISTRIBUTION: dict[str, Any] = {
    "OnDemandAllocationStrategy": "prioritized",
    "OnDemandBaseCapacity": 0,
    "OnDemandPercentageAboveBaseCapacity": 100,
    "SpotAllocationStrategy": "lowest-price",
}
_HEALTH = ("EC2", "ELB", "EBS", "VPC_LATTICE")
_DAY = 86_400


@dataclass
class Places:
    """Where a group's instances may be."""

    zones: list[str] = field(default_factory=list)
    subnets: dict[str, list[str]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    """Zone -> its id."""


def refuse_sources(request: Mapping[str, Any]) -> None:
    """An honest no to what needs a load balancer."""
    for name in ("LoadBalancerNames", "TargetGroupARNs", "TrafficSources"):
        if request.get(name):
            raise not_here(f"{name} of an Auto Scaling group")


def check(request: Mapping[str, Any]) -> None:
    """Members that are wrong whatever else there is. Raises ValidationError, 501."""
    for policy in request.get("TerminationPolicies") or ():
        if policy.startswith("arn:"):
            raise not_here("A custom termination policy")
        if policy not in TERMINATION:
            raise invalid(f"Termination policy {policy} is not valid.")
    for kind in str(request.get("HealthCheckType") or "EC2").split(","):
        if kind.strip() not in _HEALTH:
            raise invalid(f"Invalid value for HealthCheckType: '{request['HealthCheckType']}'.")
    for name in ("DefaultCooldown", "HealthCheckGracePeriod"):
        if (request.get(name) or 0) < 0:
            raise invalid(f"{name} must be at least 0.")
    lifetime = request.get("MaxInstanceLifetime") or 0
    if lifetime and not _DAY <= lifetime <= 31_536_000:
        raise invalid(f"Max instance lifetime must be between {_DAY} and 31536000 seconds, or 0.")
    maintenance = request.get("InstanceMaintenancePolicy")
    if maintenance:
        low, high = maintenance.get("MinHealthyPercentage", -1), maintenance.get("MaxHealthyPercentage", -1)
        if (low == -1) != (high == -1):
            raise invalid("Both or none of MinHealthyPercentage and MaxHealthyPercentage must be -1.")
        if high != -1 and (high < 100 or high - low > 100):
            raise invalid("The difference between MaxHealthyPercentage and MinHealthyPercentage must be at most 100.")
    target = (request.get("CapacityReservationSpecification") or {}).get("CapacityReservationTarget") or {}
    if target.get("CapacityReservationResourceGroupArns"):
        raise not_here("A group of capacity reservations")


def check_sizes(least: int, most: int, desired: int | None) -> None:
    """Raises ValidationError."""
    if least < 0 or most < 0 or (desired or 0) < 0:
        raise invalid("Min bound, max bound and desired capacity must be at least 0")
    if least > most:
        raise invalid(f"Max bound, {most}, must be greater than or equal to min bound, {least}")
    if desired is not None and not least <= desired <= most:
        raise invalid(f"Desired capacity:{desired} must be between the specified min size:{least} and max size:{most}")


def one_source(request: Mapping[str, Any]) -> str:
    """What instances are launched from, if the request says so. Raises ValidationError for more than one."""
    given = [name for name in (*SOURCES, "InstanceId") if request.get(name)]
    if len(given) > 1:
        raise invalid("Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or "
                      "MixedInstancesPolicy parameter.")  # fmt: skip
    return given[0] if given else ""


async def resolved(call: Call, name: str, value: Any) -> Any:
    """A LaunchTemplate or a MixedInstancesPolicy as the group keeps it: ids and names filled in, defaults too.
    Raises ValidationError for templates that aren't there or can't launch."""
    if name == "LaunchTemplate":
        return await _template(call, value)
    policy = dict(value)
    inner = dict(policy.get("LaunchTemplate") or {})
    if not inner.get("LaunchTemplateSpecification"):
        raise invalid("The LaunchTemplate parameter of a MixedInstancesPolicy must have a LaunchTemplateSpecification.")
    asked = inner["LaunchTemplateSpecification"]
    inner["LaunchTemplateSpecification"] = await _template(call, asked, version="$Default")
    overrides = []
    for one in inner.get("Overrides") or ():
        if one.get("InstanceType") and one.get("InstanceRequirements"):
            raise invalid("InstanceType and InstanceRequirements can't be specified together.")
        if one.get("LaunchTemplateSpecification"):
            own = {"LaunchTemplateSpecification": await _template(call, one["LaunchTemplateSpecification"])}
            overrides.append({**one, **own})
        else:
            overrides.append(one)
    weighted = [bool(one.get("WeightedCapacity")) for one in overrides]
    if any(weighted) and not all(weighted):
        raise invalid("If you specify WeightedCapacity for one override, you must specify it for all of them.")
    inner["Overrides"] = overrides
    distribution = {**_DISTRIBUTION, **(policy.get("InstancesDistribution") or {})}
    if distribution["SpotAllocationStrategy"] == "lowest-price":
        distribution.setdefault("SpotInstancePools", 2)
    return {"LaunchTemplate": inner, "InstancesDistribution": distribution}


async def _template(call: Call, asked: Mapping[str, Any], version: str | None = None) -> dict[str, str]:
    """The specification with id and name; the version as it was given. Raises ValidationError."""
    if bool(asked.get("LaunchTemplateId")) == bool(asked.get("LaunchTemplateName")):
        raise invalid("Valid requests must contain either launchTemplateId or LaunchTemplateName")
    try:
        answer = await ask(call, "ec2", "DescribeLaunchTemplateVersions", launching.template_request(asked))
        found = answer["LaunchTemplateVersions"][0]
    except AwsError as error:
        if error.status >= 500:
            raise
        raise invalid(f"You must use a valid fully-formed launch template. {error.message}") from None
    except (KeyError, IndexError):
        raise invalid("You must use a valid fully-formed launch template. The version does not exist.") from None
    await rights.check_template(call, found["LaunchTemplateId"], found.get("LaunchTemplateData") or {})
    kept = {"LaunchTemplateId": found["LaunchTemplateId"], "LaunchTemplateName": found["LaunchTemplateName"]}
    given = asked.get("Version") or version
    return kept | ({"Version": str(given)} if given else {})


async def places(call: Call, request: Mapping[str, Any]) -> Places:
    """The zones and subnets that a request names, checked by EC2. Raises ValidationError."""
    zones, ids = list(request.get("AvailabilityZones") or ()), {}
    if request.get("AvailabilityZoneIds") or zones:
        ids = await _zones(call, zones, list(request.get("AvailabilityZoneIds") or ()))
        zones = sorted(ids)
    named = [one.strip() for one in str(request.get("VPCZoneIdentifier") or "").split(",") if one.strip()]
    if not named:
        return Places(zones, ids=ids)
    try:
        answer = await ask(call, "ec2", "DescribeSubnets", {"SubnetIds": list(dict.fromkeys(named))})
    except AwsError as error:
        raise invalid(error.message) from None
    known = {one["SubnetId"]: one for one in answer["Subnets"]}
    if len({one["VpcId"] for one in known.values()}) > 1:
        raise invalid("The subnets of an Auto Scaling group must be in the same VPC.")
    subnets: dict[str, list[str]] = {}
    for identifier in dict.fromkeys(named):
        subnets.setdefault(known[identifier]["AvailabilityZone"], []).append(identifier)
    if zones and set(zones) != set(subnets):
        raise invalid("The availability zones of the specified subnets and the Auto Scaling group do not match")
    ids = {one["AvailabilityZone"]: one["AvailabilityZoneId"] for one in known.values()}
    return Places(sorted(subnets), subnets, ids)


async def _zones(call: Call, names: list[str], ids: list[str]) -> dict[str, str]:
    """Names of zones, each with its id."""
    answer = await ask(call, "ec2", "DescribeAvailabilityZones", {})
    known = {one["ZoneName"]: one["ZoneId"] for one in answer["AvailabilityZones"]}
    wrong = [one for one in names if one not in known] + [one for one in ids if one not in known.values()]
    if wrong:
        raise invalid(f"Invalid availability zones: [{', '.join(wrong)}]")
    return {name: identifier for name, identifier in known.items() if name in names or identifier in ids}
