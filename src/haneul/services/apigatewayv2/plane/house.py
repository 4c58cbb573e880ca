"""What runs while the cloud does: compiled stages, caches, connections."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from haneul.auth.principals import Principal
from haneul.engines.integrations.logs import LogWriter
from haneul.engines.integrations.metrics import MetricWriter
from haneul.engines.integrations.throttles import Buckets
from haneul.engines.integrations.upstream import Upstream, reach_of
from haneul.service import Call, Scope
from haneul.services.apigatewayv2.plane.authorizing import Verdicts
from haneul.services.apigatewayv2.plane.deployed import Deployed
from haneul.services.apigatewayv2.plane.issuers import Issuers
from haneul.services.apigatewayv2.state import HOUSE, ITEMS, PLACES, ROOT, Item, items, snapshot, stamp_key
from haneul.state.store import Reader

if TYPE_CHECKING:
    from haneul.cloud import Cloud
    from haneul.services.apigatewayv2.plane.messages import Client

MAX_APIS = 2000


class Served:
    """An API as it is served now: its stages, and the deployments that they name."""

    def __init__(self, tx: Reader, scope: Scope, api: Item) -> None:
        self.scope = scope
        self.held: Mapping[str, Any] = api.held
        self.stages: dict[str, dict[str, Any]] = {row.id: row.held for row in items(tx, scope, "stage", api.id)}
        wanted = {held.get("DeploymentId") for held in self.stages.values()}
        self.deployed = {one: Deployed(one, snapshot(tx, api.id, one)) for one in wanted if one}


class House:
    """The room's plane."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._served: dict[str, tuple[bytes | None, Served]] = {}
        self.verdicts = Verdicts()
        self.buckets = Buckets()
        self.upstream = Upstream(reach_of(cloud))
        self.issuers = Issuers(cloud, self.upstream)
        self.logs = LogWriter(cloud, "apigatewayv2")
        self.metrics = MetricWriter(cloud, "apigatewayv2", "AWS/ApiGateway")
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        self.logs.close()
        self.metrics.close()
        self.upstream.close()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as a task that nobody can garbage-collect."""
        task = self.cloud.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def acting(self, scope: Scope) -> Call:
        """A call in the scope of an API's owner, by the principal that roles and functions trust: there is one for all
        of API Gateway."""
        call = self.cloud.call_as("apigatewayv2", scope)
        call.acts_as = Principal(account=scope.account, arn="apigateway.amazonaws.com", kind="service")
        return call

    def meter(self, scope: Scope, usage: str, amount: float) -> None:
        """Count what a bill knows."""
        call = self.cloud.call_as("apigatewayv2", scope)
        call.meter(usage, amount)
        self.cloud.performer.count_usage(call, "Invoke")

    def count(self, client: Client, name: str, value: float = 1.0, unit: str = "Count", route: str = "") -> None:
        """One sample of a WebSocket API's metric: of the API, its stage and, where it is known, the route."""
        whole = (("ApiId", client.api),)
        stage = (*whole, ("Stage", client.stage))
        for dimensions in (whole, stage, (*stage, ("Route", route))) if route else (whole, stage):
            self.metrics.note(client.scope, dimensions, name, unit, value)

    def forget_verdicts(self, api: str, stage: str) -> None:
        self.verdicts.forget(api, stage)

    def served(self, call: Call, api: str) -> Served | None:
        """The API with this id, compiled anew when it has changed; None when there is none."""
        with call.read() as tx:
            stamp = tx.get(stamp_key(api))
            known = self._served.get(api)
            if known is not None and known[0] == stamp:
                return known[1]
            place = PLACES.get(tx, HOUSE, api)
            scope = Scope(place.account, place.region) if place is not None else None
            row = ITEMS.get(tx, scope, "api", ROOT, api) if scope is not None else None
            if row is None or scope is None:
                self._served.pop(api, None)
                return None
            found = Served(tx, scope, row)
        if len(self._served) >= MAX_APIS:
            self._served.clear()
        self._served[api] = (stamp, found)
        return found


def open_house(cloud: Cloud) -> House:
    return House(cloud)
