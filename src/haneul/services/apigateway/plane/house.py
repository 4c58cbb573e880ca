"""What runs while the cloud does: compiled stages, caches, counters, connections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from haneul.engines.integrations.doors import REST, doors_of
from haneul.engines.integrations.throttles import Buckets
from haneul.engines.integrations.upstream import reach_of
from haneul.service import Call, Scope
from haneul.services.apigateway.keys import EVERYWHERE
from haneul.services.apigateway.plane.caching import Answers
from haneul.services.apigateway.plane.deployed import Deployed
from haneul.services.apigateway.plane.limits import Counter, Keys, count, today
from haneul.services.apigateway.plane.metrics import Metrics
from haneul.services.apigateway.plane.refusals import Refused
from haneul.services.apigateway.plane.upstream import Upstream
from haneul.services.apigateway.plane.writing import Writer
from haneul.services.apigateway.state import COUNTS, HOUSE, ITEMS, PLACES, ROOT, Count, Item, items, snapshot, stamp_key
from haneul.state.store import Reader

if TYPE_CHECKING:
    from haneul.cloud import Cloud

log = logging.getLogger("haneul.apigateway")
MAX_APIS = 2000
KEYS_FOR = 3600.0


class Served:
    """An API as it is served now: its stages, and the deployments that they name."""

    def __init__(self, tx: Reader, scope: Scope, api: Item) -> None:
        self.scope = scope
        self.held: Mapping[str, Any] = api.held
        self.stages: dict[str, dict[str, Any]] = {row.id: row.held for row in items(tx, scope, "stage", api.id)}
        wanted = set()
        for held in self.stages.values():
            wanted |= {held["deploymentId"], (held.get("canarySettings") or {}).get("deploymentId")}
        self.deployed = {one: Deployed(one, snapshot(tx, api.id, one)) for one in wanted if one}


class House:
    """The room's plane."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._served: dict[str, tuple[bytes | None, Served | None]] = {}
        self._keys: dict[Scope, tuple[bytes | None, Keys]] = {}
        self._counters: dict[tuple[str, str], Counter] = {}
        self._pools: dict[str, tuple[float, list[dict[str, Any]]]] = {}
        self._keeping: asyncio.Task[None] | None = None
        self.verdicts: dict[Any, tuple[float, dict[str, Any]]] = {}
        self.buckets = Buckets()
        self.answers = Answers()
        self.upstream = Upstream(reach_of(cloud))
        self.writer = Writer(cloud, "apigateway")
        self.metrics = Metrics(cloud, "apigateway", "AWS/ApiGateway")

    def close(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
        self.keep_counts()
        self.writer.close()
        self.metrics.close()
        self.upstream.close()

    # What is served

    def served(self, call: Call, api: str) -> Served | None:
        """The API with this id, compiled anew when it has changed; None when there is none."""
        with call.read() as tx:
            stamp = tx.get(stamp_key(api))
            known = self._served.get(api)
            if known is not None and known[0] == stamp and known[1] is not None:
                return known[1]
            place = PLACES.get(tx, HOUSE, api)
            row = None
            scope = Scope("", "")
            if place is not None:
                scope = Scope(place.account, place.region)
                row = ITEMS.get(tx, scope, "api", ROOT, api)
            if row is None:
                self._served.pop(api, None)
                return None
            found = Served(tx, scope, row)
        if len(self._served) >= MAX_APIS:
            self._served.clear()
        self._served[api] = (stamp, found)
        return found

    def keys(self, call: Call) -> Keys:
        """The keys and plans of the call's scope."""
        with call.read() as tx:
            stamp = tx.get(stamp_key(EVERYWHERE))
            known = self._keys.get(call.scope)
            if known is None or known[0] != stamp:
                known = self._keys[call.scope] = (stamp, Keys(tx, call.scope))
        return known[1]

    # Counters of usage

    def counter(self, call: Call, plan: str, key: str, quota: Mapping[str, Any] | None) -> Counter:
        day = today(call.now()).isoformat()
        found = self._counters.get((plan, key))
        if found is None or found.day != day or found.period != (quota or {}).get("period", "DAY"):
            self.keep_counts()
            found = self._counters[(plan, key)] = count(call, plan, key, quota)
        if self._keeping is None or self._keeping.done():
            self._keeping = self.cloud.loop.create_task(self._keep_soon())
        return found

    def forget_counts(self, plan: str, key: str) -> None:
        self._counters.pop((plan, key), None)

    async def _keep_soon(self) -> None:
        await asyncio.sleep(1)
        try:
            self.keep_counts()
        except Exception as error:
            log.warning("usage could not be kept: %s", error)

    def keep_counts(self) -> None:
        """Write what has been counted since the last time."""
        dirty = [(spot, counter) for spot, counter in self._counters.items() if counter.dirty]
        if not dirty:
            return
        with self.cloud.store.write() as tx:
            for (plan, key), counter in dirty:
                COUNTS.put(tx, counter.scope, Count(plan=plan, key=key, day=counter.day, used=counter.today))
        for _, counter in dirty:
            counter.dirty = False

    # Caches

    def forget_answers(self, api: str, stage: str) -> None:
        self.answers.forget(api, stage)

    def forget_verdicts(self, api: str, stage: str) -> None:
        for key in [one for one in self.verdicts if one[:2] == (api, stage)]:
            del self.verdicts[key]

    async def pool_keys(self, call: Call, arn: str) -> list[dict[str, Any]] | None:
        """The keys of a Cognito user pool of this cloud; None when they can't be had."""
        known = self._pools.get(arn)
        if known is not None and known[0] > call.now():
            return known[1]
        if "cognito-idp" not in self.cloud.services:
            return None
        region, pool = arn.split(":")[3], arn.rpartition("/")[2]
        url = f"http://127.0.0.1:{self.cloud.port}/{pool}/.well-known/jwks.json"
        headers = [("Host", f"cognito-idp.{region}.amazonaws.com")]
        try:
            answered, _ = await self.upstream.ask(url, "GET", headers, b"", 5.0)
            keys = orjson.loads(answered.body)["keys"] if answered.status == 200 else None
        except (Refused, ValueError, KeyError, TypeError):
            return None
        if keys is not None:
            self._pools[arn] = (call.now() + KEYS_FOR, keys)
        return keys


def open_house(cloud: Cloud) -> House:
    from haneul.services.apigateway.plane.answering import Entrance

    house = House(cloud)
    doors_of(cloud)[REST] = Entrance(house)
    return house
