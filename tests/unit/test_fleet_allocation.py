"""How a fleet's capacity is spread over its pools: enough, no more than one instance too much, evenly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haneul.services.ec2.fleets import allocation, wishes
from haneul.services.ec2.fleets.pools import Pool, protected
from haneul.services.ec2.fleets.wishes import Market
from haneul.wire.errors import AwsError


def pool(type: str, order: int, *, weight: float = 1.0, priority: float = 1e9, requirements=None) -> Pool:
    return Pool(
        launch={"SubnetId": f"subnet-{order}"},
        type=type,
        zone="",
        weight=weight,
        priority=priority,
        order=order,
        requirements=requirements,
    )


@given(st.lists(st.integers(1, 8), min_size=1, max_size=6), st.integers(0, 40), st.lists(st.integers(0, 5), max_size=6))
def test_shares_are_enough_and_no_more(weights, units, there):
    """The last instance is the one that reaches the target; with equal weights the pools end up level."""
    tier = [pool("t3.micro", at, weight=float(weight)) for at, weight in enumerate(weights)]
    held = {one.key: count for one, count in zip(tier, there, strict=False)}
    given = allocation.shares(tier, units, held)
    total = sum(one.weight * count for one, count in given)
    assert (total >= units and total - max(weights) < units) or not units
    assert all(count > 0 for _, count in given)


def test_strategies_order_the_pools():
    """By price a unit, by priority, as listed, or all at once; several pools where that is asked for."""
    pools = [pool("m5.large", 0, priority=2.0), pool("t3.micro", 1, priority=1.0), pool("t3.large", 2, weight=16.0)]

    def order(strategy: str, count: int = 1) -> list[list[int]]:
        market = Market("on-demand", 5, strategy, pools=count)
        return [[one.order for one in tier] for tier in allocation.tiers(pools, market, "us-east-1")]

    assert order("lowest-price") == [[2], [1], [0]]
    assert order("lowest-price", 2) == [[2, 1], [0]]
    assert order("prioritized") == [[1], [0], [2]]
    assert order("capacity-optimized") == [[0], [1], [2]]
    assert order("diversified") == [[0, 1, 2]]


def test_price_protection_leaves_the_dear_ones_out():
    """Of those that were found by their attributes; types that were named are taken at any price."""
    wanted: dict = {}
    found = [pool("t3.micro", 0, requirements=wanted), pool("m5.24xlarge", 1, requirements=wanted)]
    named = pool("m5.24xlarge", 2)
    assert [one.order for one in protected([*found, named], "us-east-1", "on-demand")] == [0, 2]


def test_targets_add_up():
    """What isn't said to be of a market goes to the default one; more than the total is refused."""
    target = {"TotalTargetCapacity": 5, "OnDemandTargetCapacity": 2, "DefaultTargetCapacityType": "spot"}
    wish = wishes.of_fleet({"TargetCapacitySpecification": target})
    assert {market.name: market.units for market in wish.markets} == {"on-demand": 2, "spot": 3}
    with pytest.raises(AwsError):
        wishes.of_fleet({"TargetCapacitySpecification": {**target, "SpotTargetCapacity": 4}})
    assert wishes.strategy_of("capacityOptimizedPrioritized", wishes.SPOT_STRATEGIES) == (
        "capacity-optimized-prioritized"
    )
