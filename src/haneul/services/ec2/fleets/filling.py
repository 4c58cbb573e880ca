"""Bringing a fleet to its target: launches from its pools, one transaction each, and the end of what is too much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from haneul.converge import wake
from haneul.service import Call, Scope
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.errors import errors
from haneul.services.ec2.fleets import allocation, history, pools, prices
from haneul.services.ec2.fleets.pools import Pool
from haneul.services.ec2.fleets.state import Fleet
from haneul.services.ec2.fleets.wishes import DEMAND, SPOT, Market, Wish
from haneul.services.ec2.instances import capacity, describing, launching, notices, power, requesting, types
from haneul.services.ec2.instances.state import INSTANCE, Instance
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

AT_ONCE = 100
"""Instances of one transaction."""
REFUSALS = 50
"""After which a fleet gives up until the next look."""
FLEET_TAG, SPOT_FLEET_TAG = "aws:ec2:fleet-id", "aws:ec2spot:fleet-request-id"


@dataclass
class Filled:
    """What came of it. launched: (pool, market, instances' ids) of each launch; refused: (pool, market, error)."""

    launched: list[tuple[Pool, str, list[str]]] = field(default_factory=list)
    refused: list[tuple[Pool, str, AwsError]] = field(default_factory=list)


def members(tx: Reader, scope: Scope, fleet: str) -> Iterator[Instance]:
    """A fleet's instances, but for those that end."""
    for one in INSTANCE.table.scan(tx, scope):
        if one.options.get("Fleet") == fleet and one.state not in ("shutting-down", "terminated"):
            yield one


def market_of(one: Instance) -> str:
    return SPOT if one.options.get("Lifecycle") == "spot" else DEMAND


def weight_of(one: Instance) -> float:
    return float(one.options.get("FleetWeight") or 1)


def fulfilled(tx: Reader, scope: Scope, fleet: str) -> dict[str, float]:
    """Units of capacity by market."""
    return all_fulfilled(tx, scope).get(fleet) or {SPOT: 0.0, DEMAND: 0.0}


def all_fulfilled(tx: Reader, scope: Scope) -> dict[str, dict[str, float]]:
    """Fleet -> units of capacity by market, of every fleet that has some."""
    found: dict[str, dict[str, float]] = {}
    for one in INSTANCE.table.scan(tx, scope):
        fleet = one.options.get("Fleet")
        if fleet and one.state not in ("shutting-down", "terminated"):
            found.setdefault(fleet, {SPOT: 0.0, DEMAND: 0.0})[market_of(one)] += weight_of(one)
    return found


def fill(call: Call, row: Fleet, wish: Wish, known: list[Pool]) -> Filled:
    """Launch what is missing. Blocking; each launch counts anew, so that it may be interrupted and repeated."""
    filled = Filled()
    able = capacity.able(planes.of(call.cloud))
    for market in wish.markets:
        usable = _fitting(pools.protected(known, call.region, market.name), able)
        chosen: Pool | None = None
        for tier in allocation.tiers(usable, market, call.region):
            left = [pool for pool in tier if _together(market, chosen, pool)]
            while left and len(filled.refused) < REFUSALS:
                with call.read() as tx:
                    units = market.units - fulfilled(tx, call.scope, row.id)[market.name]
                    there = Counter(_key(one, left) for one in members(tx, call.scope, row.id))
                if units <= 0:
                    break
                for pool, count in allocation.shares(left, units, there):
                    ids = _launch(call, row, wish, market, pool, min(count, AT_ONCE), able, filled)
                    if ids:
                        chosen = chosen or pool
                    if len(ids) < min(count, AT_ONCE):
                        left = [one for one in left if one is not pool]
    return filled


def _fitting(usable: list[Pool], able: capacity.Able) -> list[Pool]:
    """Without types that never fit this machine, where there are others."""
    fits = [pool for pool in usable if not able.memory or types.spec(pool.type).memory <= able.memory]
    return fits or usable


def _together(market: Market, chosen: Pool | None, pool: Pool) -> bool:
    """Whether a pool may be used after another one, where all are to be of one type or in one zone."""
    if chosen is None:
        return True
    if market.single_type and pool.type != chosen.type:
        return False
    return not market.single_zone or (pool.zone, pool.launch.get("SubnetId")) == (
        chosen.zone,
        chosen.launch.get("SubnetId"),
    )


def _key(one: Instance, known: list[Pool]) -> allocation.Key:
    """The pool's key that an instance came from."""
    for pool in known:
        type, subnet, zone = pool.key
        if type == one.type and subnet in ("", one.subnet) and zone in ("", one.zone):
            return pool.key
    return one.type, one.subnet, one.zone


def _launch(
    call: Call, row: Fleet, wish: Wish, market: Market, pool: Pool, count: int, able: capacity.Able, filled: Filled
) -> list[str]:
    """The new instances of one pool; fewer than `count`, or none, where it refuses (noted in `filled`)."""
    try:
        _check_price(call, market, pool)
        count = _affordable(call, row, market, pool, count)
        asked = _asked(row, wish, market, pool, count)
        requesting.check(asked)
        profile = _profile(row, asked)
        tag = SPOT_FLEET_TAG if row.id.startswith("sfr-") else FLEET_TAG
        origin = launching.Origin(tags={tag: row.id}, fleet=row.id, weight=pool.weight)
        with call.write() as tx:
            ids = launching.launch(call, tx, asked, profile, able, origin)
            for one in ids:
                history.launched(tx, call, row.id, INSTANCE.get(tx, call.scope, one))
    except AwsError as error:
        filled.refused.append((pool, market.name, error))
        return []
    if len(ids) < count:
        filled.refused.append((pool, market.name, capacity.insufficient(types.spec(pool.type), pool.zone or "any")))
    filled.launched.append((pool, market.name, ids))
    return ids


def _profile(row: Fleet, asked: dict[str, Any]) -> launching.Profile:
    """The instance profile, if the fleet's maker was allowed to pass it on. Raises UnauthorizedOperation."""
    given = asked.get("IamInstanceProfile") or {}
    name = given.get("Arn") or given.get("Name") or ""
    if name and name not in row.profiles:  # another version of the template than the fleet was made or modified with
        raise errors.UnauthorizedOperation(f"The instance profile '{name}' was not there when the fleet was made.")
    return launching.Profile(*row.profiles.get(name, ("", "", "")))


def _asked(row: Fleet, wish: Wish, market: Market, pool: Pool, count: int) -> dict[str, Any]:
    asked = {**pool.launch, "MinCount": 1, "MaxCount": count}
    asked.pop("InstanceMarketOptions", None)
    if market.name == SPOT:
        options: dict[str, Any] = {
            "SpotInstanceType": "one-time",
            "InstanceInterruptionBehavior": wish.interruption,
        }
        if pool.ceiling is not None:
            options["MaxPrice"] = str(pool.ceiling)
        asked["InstanceMarketOptions"] = {"MarketType": "spot", "SpotOptions": options}
    if row.type == "instant":
        kinds = [one for one in row.config.get("TagSpecifications") or () if one.get("ResourceType") != "fleet"]
        asked["TagSpecifications"] = [*(asked.get("TagSpecifications") or ()), *kinds]
    return asked


def _check_price(call: Call, market: Market, pool: Pool) -> None:
    price = pool.price(call.region, SPOT)
    if market.name == SPOT and pool.ceiling is not None and pool.ceiling < price:
        raise errors.SpotMaxPriceTooLow(
            f"Your Spot request price of {pool.ceiling} is lower than the minimum required Spot request fulfillment "
            f"price of {prices.text(price)}."
        )


def _affordable(call: Call, row: Fleet, market: Market, pool: Pool, count: int) -> int:
    """How many of `count` the market's budget pays for. Raises MaxTotalPriceExceeded for none."""
    price = pool.price(call.region, market.name)
    if market.budget is None or not price:
        return count
    spent = Decimal(0)
    with call.read() as tx:
        for one in members(tx, call.scope, row.id):
            if market_of(one) == market.name:
                of = prices.spot if market.name == SPOT else prices.on_demand
                spent += of(call.region, one.type)
    count = min(count, int((market.budget - spent) / price))
    if count < 1:
        raise errors.MaxTotalPriceExceeded(
            f"Another {pool.type} would cost more than the maximum total price of {market.budget} an hour."
        )
    return count


def shrink(call: Call, row: Fleet, wish: Wish) -> list[str]:
    """End what is more than the target, the dearest and then the newest first; their ids."""
    gone: list[str] = []
    with call.write() as tx:
        for market in wish.markets:
            there = [one for one in members(tx, call.scope, row.id) if market_of(one) == market.name]
            excess = sum(weight_of(one) for one in there) - market.units
            for one in sorted(there, key=lambda one: (_dear(call, one), one.created, one.id), reverse=True):
                if excess >= weight_of(one):
                    excess -= weight_of(one)
                    end(tx, call, one)
                    gone.append(one.id)
    return gone


def end_all(tx: Writer, call: Call, fleet: str) -> None:
    for one in list(members(tx, call.scope, fleet)):
        end(tx, call, one)


def end(tx: Writer, call: Call, one: Instance) -> None:
    """An instance that its fleet terminates."""
    now = call.now()
    one.state, one.work = "shutting-down", {}
    code = "Server.SpotInstanceTermination" if market_of(one) == SPOT else "Client.UserInitiatedShutdown"
    one.reason = (code, f"{code}: Terminated by its fleet")
    one.transition = f"Terminated by its fleet ({describing.moment(now)})"
    INSTANCE.table.put(tx, call.scope, one)
    notices.tell(tx, call.scope, one, now)
    wake(tx, power.KIND, call.scope, (one.id,), now)


def _dear(call: Call, one: Instance) -> Decimal:
    of = prices.spot if market_of(one) == SPOT else prices.on_demand
    return of(call.region, one.type) / Decimal(str(weight_of(one)))
