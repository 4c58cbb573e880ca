"""Limits: API keys, usage plans' throttles and quotas, and stages' token buckets."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from haneul.service import Call, Scope
from haneul.services.apigateway.plane.exchange import Exchange
from haneul.services.apigateway.plane.refusals import Refused
from haneul.services.apigateway.state import COUNTS, ITEMS, Item, items
from haneul.state.store import Reader

if TYPE_CHECKING:
    from haneul.services.apigateway.plane.house import House


class Keys:
    """The keys and plans of one account and region, by what a request shows."""

    def __init__(self, tx: Reader, scope: Scope) -> None:
        self.by_value: dict[str, Item] = {row.held["value"]: row for row in items(tx, scope, "key")}
        self.plans: dict[str, list[tuple[Item, Mapping[str, Any]]]] = {}
        """"api:stage" -> the plans that have it, with what they say of it."""
        self.members: set[tuple[str, str]] = set()
        for plan in items(tx, scope, "plan"):
            for one in plan.held.get("apiStages") or ():
                self.plans.setdefault(f"{one['apiId']}:{one['stage']}", []).append((plan, one))
            self.members |= {(plan.id, row.id) for row in ITEMS.scan(tx, scope, "plan-key", plan.id)}


def throttled() -> Refused:
    return Refused("THROTTLED", "Too Many Requests")


def method_settings(exchange: Exchange) -> Mapping[str, Any]:
    """What the stage says about the method: its own settings, or those of all."""
    settings = exchange.stage.get("methodSettings") or {}
    method = exchange.method
    if not settings or method is None:
        return {}
    plain = method.path.strip("/")
    escaped = method.path.replace("/", "~1")
    for name in (f"{plain}/{method.verb}", f"{escaped}/{method.verb}", f"/{plain}/{method.verb}",
                 f"{method.path.strip('/').replace('/', '~1')}/{method.verb}", f"{escaped}/*", "*/*"):  # fmt: skip
        found = settings.get(name)
        if found is not None:
            return found  # type: ignore[no-any-return]
    return {}


def check_stage(house: House, exchange: Exchange, settings: Mapping[str, Any]) -> None:
    """The stage's own limits. Raises Refused."""
    rate, burst = settings.get("throttlingRateLimit"), settings.get("throttlingBurstLimit")
    if rate is None or burst is None or rate < 0 or burst < 0:
        return
    assert exchange.method is not None
    key = ("stage", exchange.api, exchange.stage_name, exchange.method.resource, exchange.method.verb)
    if not house.buckets.take(key, rate, burst, exchange.call.now()):
        raise throttled()


def check_key(house: House, exchange: Exchange) -> None:
    """The API key, its plan's limits and quota. Raises Refused."""
    assert exchange.method is not None
    assert exchange.deployed is not None
    if not exchange.method.held.get("apiKeyRequired"):
        return
    by_authorizer = exchange.deployed.api.get("apiKeySource") == "AUTHORIZER"
    value = exchange.usage_key if by_authorizer else exchange.header("x-api-key")
    keys = house.keys(exchange.call)
    row = keys.by_value.get(value) if value else None
    if row is None or not row.held.get("enabled"):
        raise Refused("INVALID_API_KEY", "Forbidden")
    found = next(
        (
            (plan, said)
            for plan, said in keys.plans.get(f"{exchange.api}:{exchange.stage_name}", ())
            if (plan.id, row.id) in keys.members
        ),
        None,
    )
    if found is None:
        if f"{exchange.api}/{exchange.stage_name}" in (row.held.get("stageKeys") or ()):
            exchange.api_key = (row.id, value)
            return
        raise Refused("INVALID_API_KEY", "Forbidden")
    exchange.api_key = (row.id, value)
    _limit(house, exchange, row, *found)


def _limit(house: House, exchange: Exchange, key: Item, plan: Item, said: Mapping[str, Any]) -> None:
    method = exchange.method
    assert method is not None
    now = exchange.call.now()
    own = (said.get("throttle") or {}).get(f"{method.path}/{method.verb}") or {}
    for name, limits in (("method", own), ("plan", plan.held.get("throttle") or {})):
        if "rateLimit" in limits and "burstLimit" in limits:
            spot = (name, plan.id, key.id, method.resource if name == "method" else "", method.verb)
            if not house.buckets.take(spot, limits["rateLimit"], limits["burstLimit"], now):
                raise throttled()
            break
    quota = plan.held.get("quota")
    counter = house.counter(exchange.call, plan.id, key.id, quota)
    if quota and counter.before + counter.today >= quota["limit"]:
        raise Refused("QUOTA_EXCEEDED", "Limit Exceeded")
    counter.today += 1
    counter.dirty = True


class Counter:
    """How often a key was used under a plan: today, and before that in the quota's period."""

    __slots__ = ("before", "day", "dirty", "period", "scope", "today")

    def __init__(self, scope: Scope, day: str, period: str, before: int, today: int) -> None:
        self.scope = scope
        self.day = day
        self.period = period
        self.before = before
        self.today = today
        self.dirty = False


def today(now: float) -> datetime.date:
    return datetime.datetime.fromtimestamp(now, datetime.UTC).date()


def count(call: Call, plan: str, key: str, quota: Mapping[str, Any] | None) -> Counter:
    """The counter as the store has it."""
    day = today(call.now())
    period = (quota or {}).get("period", "DAY")
    offset = int((quota or {}).get("offset") or 0)
    first = day
    if period == "WEEK":
        first = day - datetime.timedelta(days=(day.isoweekday() % 7 - offset) % 7)
    elif period == "MONTH":
        first = day.replace(day=1) + datetime.timedelta(days=offset)
        if first > day:
            first = (day.replace(day=1) - datetime.timedelta(days=1)).replace(day=1) + datetime.timedelta(days=offset)
    with call.read() as tx:
        rows = list(COUNTS.scan(tx, call.scope, plan, key, from_key=(first.isoformat(),)))
    name = day.isoformat()
    before = sum(row.used for row in rows if row.day < name)
    used = sum(row.used for row in rows if row.day == name)
    return Counter(call.scope, name, period, before, used)
