"""Answers kept by a stage's cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from haneul.service import Guard
from haneul.services.apigateway.plane.exchange import Exchange
from haneul.services.apigateway.plane.mapping import source_value
from haneul.services.apigateway.plane.refusals import Refused
from haneul.wire.message import Response

if TYPE_CHECKING:
    from haneul.services.apigateway.plane.house import House

MAX_KEPT = 64 << 20
MAX_ANSWER = 1 << 20
Key = tuple[Any, ...]


class Answers:
    """Answers of all stages, bounded by bytes, the oldest leaving first."""

    def __init__(self) -> None:
        self._kept: dict[Key, tuple[float, Response]] = {}
        self._size = 0

    def get(self, key: Key, now: float) -> Response | None:
        found = self._kept.get(key)
        if found is None:
            return None
        if found[0] <= now:
            self._drop(key)
            return None
        kept = found[1]
        return Response(kept.status, list(kept.headers), kept.body)

    def put(self, key: Key, until: float, response: Response) -> None:
        body = response.body
        if not isinstance(body, bytes) or len(body) > MAX_ANSWER:
            return
        if key in self._kept:
            self._drop(key)
        while self._kept and self._size + len(body) + 1000 > MAX_KEPT:
            self._drop(next(iter(self._kept)))
        self._size += len(body) + 1000
        self._kept[key] = (until, Response(response.status, list(response.headers), body))

    def _drop(self, key: Key) -> None:
        body = self._kept.pop(key)[1].body
        assert isinstance(body, bytes)
        self._size -= len(body) + 1000

    def forget(self, api: str, stage: str) -> None:
        for key in [one for one in self._kept if one[:2] == (api, stage)]:
            self._drop(key)


def key_of(exchange: Exchange, settings: Mapping[str, Any]) -> Key | None:
    """Under what the answer is kept; None when this request isn't cached."""
    if not exchange.stage.get("cacheClusterEnabled") or not settings.get("cachingEnabled"):
        return None
    method = exchange.method
    assert method is not None
    stage = exchange.stage.get("methodSettings") or {}
    if exchange.request.method != "GET" and settings is stage.get("*/*"):
        return None
    if not settings.get("cacheTtlInSeconds"):
        return None
    values = tuple(source_value(exchange, name) for name in sorted(method.integration.get("cacheKeyParameters") or ()))
    assert exchange.deployed is not None
    space = method.integration.get("cacheNamespace") or method.resource
    verb, accept = exchange.request.method, exchange.header("accept")
    return exchange.api, exchange.stage_name, exchange.deployed.id, space, verb, method.path, values, accept


def is_refresh(exchange: Exchange, settings: Mapping[str, Any]) -> tuple[bool, bool]:
    """(the client asks for a fresh answer and may, it asks but may not). Raises Refused."""
    if "max-age=0" not in exchange.header("cache-control").replace(" ", "").lower():
        return False, False
    if not settings.get("requireAuthorizationForCacheControl", True):
        return True, False
    who = exchange.principal
    if who.kind != "anonymous":
        call = exchange.call.cloud.call_as("apigateway", exchange.scope, who)
        if call.cloud.gate.allows(call, "execute-api:InvalidateCache", exchange.arn(), Guard(exchange.scope.account)):
            return True, False
    strategy = settings.get("unauthorizedCacheControlHeaderStrategy")
    if strategy == "FAIL_WITH_403":
        raise Refused("ACCESS_DENIED", "Unauthorized to invalidate the cache")
    return False, strategy == "SUCCEED_WITH_RESPONSE_HEADER"


def forget(house: House, api: str, stage: str) -> None:
    house.answers.forget(api, stage)
