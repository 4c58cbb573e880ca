"""Requests that arrive at an HTTP API's address: which API and stage is meant, and a request's way to its answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from haneul.auth.principals import ANONYMOUS
from haneul.engines.integrations.doors import REST, doors_of
from haneul.engines.integrations.logs import access_line, group_of
from haneul.service import Call
from haneul.services.apigatewayv2.plane import authorizing, conversing, cors, integrating
from haneul.services.apigatewayv2.plane.events import clean
from haneul.services.apigatewayv2.plane.exchange import Exchange
from haneul.services.apigatewayv2.plane.house import House, Served
from haneul.services.apigatewayv2.plane.refusals import Refused, broken, not_found, throttled
from haneul.services.apigatewayv2.plane.refusals import response as refusal
from haneul.services.apigatewayv2.state import HOUSE, PLACES, items
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response

log = logging.getLogger("haneul.apigatewayv2")
DEFAULT = "$default"
MAX_BODY = 10 << 20
_UNIT = 512 << 10
_OWN = "/_aws/execute-api/"
_PEER = "/restapis/"


class Address:
    """What a request's address means: an API's id and the path below its name. stage: None where the path tells."""

    __slots__ = ("api", "custom", "full", "path", "stage")

    def __init__(self, api: str, path: str, stage: str | None = None, full: str = "", custom: bool = False) -> None:
        self.api = api
        self.path = path
        self.stage = stage
        self.full = full or path
        self.custom = custom


def addressed(call: Call, request: Request, labels: tuple[str, ...]) -> Address | None:
    """The API that is meant; None for a name that isn't an API's."""
    path = request.path
    if path.startswith(_OWN):
        api, _, rest = path[len(_OWN) :].partition("/")
        return Address(api, f"/{rest}")
    if path.startswith(_PEER) and "/_user_request_" in path:
        head, _, below = path.partition("/_user_request_")
        parts = head.split("/")
        if len(parts) == 4:
            stage = unquote(parts[3])
            below = below or "/"
            return Address(parts[2], below, stage, below if stage == DEFAULT else f"/{stage}{below}")
    if "execute-api" in labels:
        index = labels.index("execute-api")
        return Address(labels[index - 1].partition("-vpce-")[0] if index else "", path)
    return _custom(call, request)


def _custom(call: Call, request: Request) -> Address | None:
    """A custom domain: the longest mapping key that fits says which API and stage."""
    name = request.headers.get("host", "").rpartition(":")[0].lower() or request.headers.get("host", "").lower()
    with call.read() as tx:
        place = PLACES.get(tx, HOUSE, name) or PLACES.get(tx, HOUSE, "*." + name.partition(".")[2])
        if place is None:
            return None
        scope = call.scope._replace(account=place.account, region=place.region)
        rows = items(tx, scope, "mapping", place.id)
    path = unquote(request.path)
    best: tuple[str, Mapping[str, Any]] | None = None
    for row in rows:
        key = row.held["ApiMappingKey"]
        fits = not key or path == f"/{key}" or path.startswith(f"/{key}/")
        if fits and (best is None or len(key) > len(best[0])):
            best = key, row.held
    if best is None:
        return Address("", request.path, custom=True)
    depth = best[0].count("/") + 1 if best[0] else 0
    below = "/" + "/".join(request.path[1:].split("/")[depth:])
    return Address(best[1]["ApiId"], below, best[1]["Stage"], request.path, True)


def answer(call: Call, request: Request, target: Any) -> Any:
    """A request to an execute-api address; None for APIs that aren't this room's."""
    address = addressed(call, request, target.host.labels)
    if address is None:
        return None
    house: House = call.cloud.planes["apigatewayv2"]
    served = house.served(call, address.api) if address.api else None
    if served is None:
        return (_elsewhere(call, request, address) or refusal(Refused(403, "Forbidden"))) if address.custom else None
    if served.held["ProtocolType"] == "WEBSOCKET":
        return converse(house, call, request, address, served)
    return serve(house, call, request, address, served)


def _elsewhere(call: Call, request: Request, address: Address) -> Any:
    """A custom domain of ours that leads to a REST API; None for one that leads nowhere."""
    if not address.api or call.cloud.rooms.get("apigateway") is None:
        return None
    door = doors_of(call.cloud).get(REST)
    if door is None:
        return None
    return door(call, request, address.api, address.stage or "", address.path, address.full)


def converse(house: House, call: Call, request: Request, address: Address, served: Served) -> Any:
    """A request to a WebSocket API: a handshake, or nothing that it answers."""
    stage, path = address.stage, address.path
    if stage is None:
        first, _, rest = path[1:].partition("/")
        stage, path = unquote(first), f"/{rest}"
    is_closed = served.held.get("DisableExecuteApiEndpoint") and not address.custom
    is_handshake = request.method == "GET" and request.headers.get("upgrade", "").lower() == "websocket"
    if not is_handshake or is_closed or path not in ("", "/"):
        return refusal(Refused(403, "Forbidden"))
    return conversing.open_connection(house, call, request, served, address.api, stage)


def staged(served: Served, address: Address) -> tuple[str, str, str]:
    """(the stage's name, the path below it, the path as functions are told it)."""
    if address.stage is not None:
        return address.stage, address.path, address.full
    first, slash, rest = address.path[1:].partition("/")
    name = unquote(first)
    if name in served.stages:
        below = f"/{rest}" if slash or name != DEFAULT else "/"
        return name, below, below if name == DEFAULT else address.full
    return DEFAULT, address.path, address.full


async def serve(house: House, call: Call, request: Request, address: Address, served: Served) -> Response:
    """One request, from its address to its answer."""
    if request.stream is not None:
        try:
            request.body = await request.stream.read(MAX_BODY)
            request.stream = None
        except AwsError:
            request.body = b"\0" * (MAX_BODY + 1)
    call.scope = served.scope
    call.principal = ANONYMOUS
    inner = house.acting(served.scope)
    name, path, full = staged(served, address)
    exchange = Exchange(inner, request, address.api, name, path, full)
    exchange.stage = served.stages.get(name) or {}
    exchange.deployed = served.deployed.get(str(exchange.stage.get("DeploymentId")))
    is_closed = served.held.get("DisableExecuteApiEndpoint") and not address.custom
    response = await run(house, exchange, bool(is_closed))
    call.ticket = max(call.ticket, inner.ticket)
    inner.meter("ApiGatewayHttpRequest", float(max(1, -(-max(len(request.body), exchange.length) // _UNIT))))
    inner.cloud.performer.count_usage(inner, "Invoke")
    _note(house, exchange)
    return response


async def run(house: House, exchange: Exchange, is_closed: bool) -> Response:
    """The answer, whatever happens; with the headers that every answer has."""
    try:
        response = await _pass(house, exchange, is_closed)
    except Refused as refused:
        response = _refused(exchange, refused)
    except AwsError as error:
        exchange.integration_error = error.message
        response = _refused(exchange, broken())
    except Exception as error:
        log.error("%s of %s failed", exchange.path, exchange.api, exc_info=error)
        response = _refused(exchange, broken())
    exchange.status = response.status
    exchange.length = len(response.body) if isinstance(response.body, bytes) else 0
    response.headers.append(("Apigw-Requestid", exchange.request_id))
    return response


def _refused(exchange: Exchange, refused: Refused) -> Response:
    exchange.error, exchange.error_kind = refused.message, refused.kind
    found = refusal(refused)
    found.headers = cors.applied(exchange, found.headers)
    return found


async def _pass(house: House, exchange: Exchange, is_closed: bool) -> Response:
    """Past the guards to the integration. Raises Refused."""
    if is_closed or exchange.deployed is None:
        raise not_found()
    if len(exchange.request.body) > MAX_BODY:
        raise Refused(413, "Request Entity Too Large", "REQUEST_TOO_LARGE")
    found = exchange.deployed.find(exchange.request.method, exchange.segments)
    if found is None:
        rules = cors.rules(exchange)
        if rules and cors.is_preflight(exchange):
            return cors.preflight(exchange, rules)
        raise not_found()
    exchange.route, exchange.parameters = found
    _limit(house, exchange)
    await authorizing.authorise(house, exchange)
    answered = await integrating.answer(house, exchange)
    return Response(answered.status, cors.applied(exchange, clean(answered.pairs)), answered.body)


def settings_of(stage: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """What a stage says about a route: its own settings over those of all."""
    return {**stage["DefaultRouteSettings"], **(stage["RouteSettings"].get(key) or {})}


def _limit(house: House, exchange: Exchange) -> None:
    """The stage's limits. Raises Refused."""
    assert exchange.route is not None
    said = settings_of(exchange.stage, exchange.route.key)
    rate, burst = said.get("ThrottlingRateLimit"), said.get("ThrottlingBurstLimit")
    if rate is None and burst is None:
        return
    rate = 10_000.0 if rate is None else rate
    burst = max(5_000.0, rate) if burst is None else burst
    if not house.buckets.take((exchange.api, exchange.stage_name, exchange.route.id), rate, burst, exchange.call.now()):
        raise throttled()


def _note(house: House, exchange: Exchange) -> None:
    """Tell the stage's log and CloudWatch of the request."""
    scope, now = exchange.scope, exchange.call.now()
    wanted = exchange.stage.get("AccessLogSettings") or {}
    group = group_of(wanted.get("DestinationArn") or "")
    if group and wanted.get("Format"):
        line = access_line(exchange.log_context(), wanted["Format"])
        house.logs.add(scope, group, f"{exchange.api}/{exchange.stage_name}", now, [line])
    if exchange.deployed is None:
        return
    whole = (("ApiId", exchange.api),)
    kinds = [whole, (*whole, ("Stage", exchange.stage_name))]
    route = exchange.route
    if route is not None and settings_of(exchange.stage, route.key).get("DetailedMetricsEnabled"):
        kinds.append((*kinds[1], ("Method", exchange.request.method), ("Resource", route.path or DEFAULT)))
    latency = (now - exchange.started) * 1000
    moved = float(len(exchange.request.body) + exchange.length)
    for dimensions in kinds:
        house.metrics.note(scope, dimensions, "Count", "Count", 1.0)
        house.metrics.note(scope, dimensions, "4xx", "Count", float(400 <= exchange.status < 500))
        house.metrics.note(scope, dimensions, "5xx", "Count", float(exchange.status >= 500))
        house.metrics.note(scope, dimensions, "DataProcessed", "Bytes", moved)
        house.metrics.note(scope, dimensions, "Latency", "Milliseconds", latency)
        if exchange.integration_latency is not None:
            waited = exchange.integration_latency * 1000
            house.metrics.note(scope, dimensions, "IntegrationLatency", "Milliseconds", waited)
