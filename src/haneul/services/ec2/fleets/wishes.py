"""What a fleet is asked for, the same for both APIs: an EC2 Fleet's configuration and a Spot Fleet's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from haneul.services.ec2.errors import errors, invalid
from haneul.services.ec2.fleets.state import Fleet

Config = Mapping[str, Any]
SPOT = "spot"
DEMAND = "on-demand"
SPOT_STRATEGIES = (
    "lowest-price",
    "diversified",
    "capacity-optimized",
    "capacity-optimized-prioritized",
    "price-capacity-optimized",
)
DEMAND_STRATEGIES = ("lowest-price", "prioritized")
UNITS = 10_000
"""Of capacity, in one fleet."""


@dataclass(frozen=True)
class Market:
    """One half of a fleet. units: its target. pools: how many to spread over, where the strategy knows that. budget:
    USD an hour at most, or None. single_type, single_zone: all of it in one."""

    name: str
    units: int
    strategy: str
    pools: int = 1
    budget: Decimal | None = None
    single_type: bool = False
    single_zone: bool = False
    least: int = 0


@dataclass(frozen=True)
class Wish:
    """What the step works towards."""

    markets: tuple[Market, ...]
    unit: str = "units"
    shrinks: bool = True
    """Whether instances end when the target becomes less than there are."""
    starts: float = 0.0
    ends: float = 0.0
    ends_instances: bool = False
    heals: bool = False
    interruption: str = "terminate"

    @property
    def target(self) -> int:
        return sum(market.units for market in self.markets)


def of(row: Fleet) -> Wish:
    return of_spot_fleet(row.config) if row.id.startswith("sfr-") else of_fleet(row.config)


def of_fleet(config: Config) -> Wish:
    """From CreateFleet's members. Raises InvalidParameterValue."""
    target = config["TargetCapacitySpecification"]
    spot, demand = config.get("SpotOptions") or {}, config.get("OnDemandOptions") or {}
    kind = target.get("DefaultTargetCapacityType") or DEMAND
    if kind not in (SPOT, DEMAND):
        raise errors.UnsupportedOperation(f"Target capacity of the type '{kind}' is not supported here.")
    units = {SPOT: target.get("SpotTargetCapacity") or 0, DEMAND: target.get("OnDemandTargetCapacity") or 0}
    units[kind] += _total(target["TotalTargetCapacity"], sum(units.values()))
    return Wish(
        markets=(
            _market(DEMAND, units[DEMAND], demand, DEMAND_STRATEGIES),
            _market(SPOT, units[SPOT], spot, SPOT_STRATEGIES),
        ),
        unit=target.get("TargetCapacityUnitType") or "units",
        shrinks=config.get("ExcessCapacityTerminationPolicy") != "no-termination",
        starts=config.get("ValidFrom") or 0.0,
        ends=config.get("ValidUntil") or 0.0,
        ends_instances=bool(config.get("TerminateInstancesWithExpiration")),
        heals=bool(config.get("ReplaceUnhealthyInstances")),
        interruption=spot.get("InstanceInterruptionBehavior") or "terminate",
    )


def of_spot_fleet(config: Config) -> Wish:
    """From SpotFleetRequestConfig. Raises InvalidParameterValue."""
    demand = config.get("OnDemandTargetCapacity") or 0
    spot = _total(config["TargetCapacity"], demand)
    return Wish(
        markets=(
            _market(
                DEMAND,
                demand,
                {
                    "AllocationStrategy": config.get("OnDemandAllocationStrategy"),
                    "MaxTotalPrice": config.get("OnDemandMaxTotalPrice"),
                },
                DEMAND_STRATEGIES,
            ),
            _market(
                SPOT,
                spot,
                {
                    "AllocationStrategy": config.get("AllocationStrategy"),
                    "InstancePoolsToUseCount": config.get("InstancePoolsToUseCount"),
                    "MaxTotalPrice": config.get("SpotMaxTotalPrice"),
                },
                SPOT_STRATEGIES,
            ),
        ),
        unit=config.get("TargetCapacityUnitType") or "units",
        shrinks=_shrinks(config.get("ExcessCapacityTerminationPolicy") or "default"),
        starts=config.get("ValidFrom") or 0.0,
        ends=config.get("ValidUntil") or 0.0,
        ends_instances=bool(config.get("TerminateInstancesWithExpiration", True)),
        heals=bool(config.get("ReplaceUnhealthyInstances")),
        interruption=config.get("InstanceInterruptionBehavior") or "terminate",
    )


def strategy_of(text: str | None, known: tuple[str, ...]) -> str:
    """A strategy as one API spells it, whichever spelling is given ("lowestPrice"). Raises InvalidParameterValue."""
    name = re.sub(r"(?<=[a-z])([A-Z])", lambda found: "-" + found[1].lower(), text or "lowest-price")
    if name not in known:
        raise invalid(f"Invalid value '{text}' for the allocation strategy. Valid values: {', '.join(known)}.")
    return name


def _shrinks(policy: str) -> bool:
    """Whichever way it is spelt. Raises InvalidParameterValue."""
    if policy.lower() not in ("default", "notermination"):
        raise invalid(f"Invalid value '{policy}' for the excess capacity termination policy.")
    return policy.lower() == "default"


def _market(name: str, units: int, options: Config, known: tuple[str, ...]) -> Market:
    budget = options.get("MaxTotalPrice")
    if budget and not re.fullmatch(r"\d{1,12}(\.\d{1,12})?", budget):
        raise invalid(f"Invalid value '{budget}' for the maximum total price.")
    return Market(
        name=name,
        units=units,
        strategy=strategy_of(options.get("AllocationStrategy"), known),
        pools=max(1, options.get("InstancePoolsToUseCount") or 1),
        budget=Decimal(budget) if budget else None,
        single_type=bool(options.get("SingleInstanceType")),
        single_zone=bool(options.get("SingleAvailabilityZone")),
        least=options.get("MinTargetCapacity") or 0,
    )


def _total(total: int, named: int) -> int:
    """What of the total isn't said to be of either market."""
    if not 0 <= total <= UNITS:
        raise invalid(f"The total target capacity must be between 0 and {UNITS}, not {total}.")
    if named > total or named < 0:
        raise invalid("The sum of the On-Demand and the Spot target capacity exceeds the total target capacity.")
    return total - named
