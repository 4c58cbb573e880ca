"""In which order pools are used, and how many instances each of them is to give. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

from haneul.services.ec2.fleets.pools import Pool
from haneul.services.ec2.fleets.wishes import Market

UNKNOWN = Decimal(10_000)
Key = tuple[str, str, str]


def tiers(pools: Sequence[Pool], market: Market, region: str) -> list[list[Pool]]:
    """The pools in the order in which they are used; those of one tier share evenly.

    One machine has the same capacity for all of them, so that what AWS optimizes for capacity goes by the order of
    priorities, or prices.
    """

    def unit_price(pool: Pool) -> Decimal:
        """What nobody knows the price of comes last."""
        return (pool.price(region, market.name) or UNKNOWN) / Decimal(str(pool.weight))

    if market.strategy == "diversified":
        return [list(pools)]
    if market.strategy in ("prioritized", "capacity-optimized-prioritized"):
        return [[pool] for pool in sorted(pools, key=lambda one: (one.priority, one.order))]
    if market.strategy == "capacity-optimized":
        return [[pool] for pool in pools]
    ordered = sorted(pools, key=lambda one: (unit_price(one), one.priority, one.order))
    if market.strategy == "lowest-price" and market.pools > 1:
        return [ordered[: market.pools], *([pool] for pool in ordered[market.pools :])]
    return [[pool] for pool in ordered]


def shares(tier: Sequence[Pool], units: float, there: Mapping[Key, int]) -> list[tuple[Pool, int]]:
    """How many instances each pool of a tier gives for `units` of capacity: the emptiest first, one at a time."""
    counts = [there.get(pool.key, 0) for pool in tier]
    given = [0] * len(tier)
    if len(tier) == 1:
        return [(tier[0], math.ceil(units / tier[0].weight))] if units > 0 else []
    while units > 0:
        index = min(range(len(tier)), key=lambda at: (counts[at] + given[at], at))
        given[index] += 1
        units -= tier[index].weight
    return [(pool, count) for pool, count in zip(tier, given, strict=True) if count]
