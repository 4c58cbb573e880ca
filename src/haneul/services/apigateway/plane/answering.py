"""Requests that arrive at an API's own address: which API and stage is meant, and a request's way to its answer."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Awaitable, Mapping
from typing import Any
from urllib.parse import unquote

from haneul.auth.principals import ANONYMOUS
from haneul.engines.templates.methods import shown
from haneul.kit import tokens
from haneul.service import Call
from haneul.services.apigateway.plane import authorizing, caching, integrating, limits
from haneul.services.apigateway.plane.exchange import Exchange
from haneul.services.apigateway.plane.house import House, Served
from haneul.services.apigateway.plane.refusals import Refused, configuration
from haneul.services.apigateway.plane.refusals import response as refusal
from haneul.services.apigateway.plane.validation import validate
from haneul.services.apigateway.state import HOUSE, ITEMS, PLACES
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response

log = logging.getLogger("haneul.apigateway")
MAX_BODY = 10 << 20
_OWN = "/_aws/execute-api/"
_PEER = "/restapis/"


class Address:
    """What a request's address means: an API's id, a stage, and the path below it."""

    __slots__ = ("api", "custom", "full", "path", "stage")

    def __init__(self, api: str, stage: str, path: str, full: str, custom: bool = False) -> None:
        self.api = api
        self.stage = stage
        self.path = path
        self.full = full
        self.custom = custom


def addressed(call: Call, request: Request, labels: tuple[str, ...]) -> Address | None:
    """The API that is meant; None for a name that isn't an API's."""
    path = request.path
    if path.startswith(_OWN):
        api, _, rest = path[len(_OWN) :].partition("/")
        stage, _, below = rest.partition("/")
        return Address(api, stage, f"/{below}", f"/{rest}")
    if path.startswith(_PEER) and "/_user_request_" in path:
        head, _, below = path.partition("/_user_request_")
        parts = head.split("/")
        if len(parts) == 4:
            return Address(parts[2], parts[3], below or "/", f"/{parts[3]}{below}")
    if "execute-api" in labels:
        index = labels.index("execute-api")
        api = labels[index - 1].partition("-vpce-")[0] if index else ""
        stage, _, below = path[1:].partition("/")
        return Address(api, unquote(stage), f"/{below}", path)
    return _custom(call, request)


def _custom(call: Call, request: Request) -> Address | None:
    """A custom domain: the longest base path that fits says which API."""
    name = request.headers.get("host", "").partition(":")[0].lower()
    with call.read() as tx:
        place = PLACES.get(tx, HOUSE, name) or PLACES.get(tx, HOUSE, "*." + name.partition(".")[2])
        if place is None:
            return None
        scope = call.scope._replace(account=place.account, region=place.region)
        first, _, rest = request.path[1:].partition("/")
        row = ITEMS.get(tx, scope, "mapping", place.id, unquote(first)) if first else None
        below = f"/{rest}"
        if row is None:
            row, below = ITEMS.get(tx, scope, "mapping", place.id, "(none)"), request.path
    if row is None:
        return Address("", "", request.path, request.path, True)
    stage = row.held.get("stage") or ""
    if not stage:
        stage, _, rest = below[1:].partition("/")
        below = f"/{rest}"
    return Address(row.held["restApiId"], stage, below, request.path, True)


def answer(call: Call, request: Request, target: Any) -> Any:
    """A request to an execute-api address; None for APIs that aren't this room's."""
    address = addressed(call, request, target.host.labels)
    if address is None:
        return None
    house: House = call.cloud.planes["apigateway"]
    if not address.api:
        return _forbidden() if address.custom else None
    served = house.served(call, address.api)
    if served is None:
        return _forbidden() if address.custom else None
    return serve(house, call, request, address, served)


class Entrance:
    """The door for requests that come by another room's custom domain."""

    def __init__(self, house: House) -> None:
        self._house = house

    def __call__(
        self, call: Call, request: Request, api: str, stage: str, path: str, full: str
    ) -> Awaitable[Response] | None:
        served = self._house.served(call, api)
        if served is None:
            return None
        return serve(self._house, call, request, Address(api, stage, path, full, True), served)


def _forbidden() -> Response:
    return Response(
        403,
        [("Content-Type", "application/json"), ("x-amzn-ErrorType", "ForbiddenException"),
         ("x-amzn-RequestId", tokens.uuid())],
        b'{"message":"Forbidden"}',
    )  # fmt: skip


async def serve(house: House, call: Call, request: Request, address: Address, served: Served) -> Response:
    """One request, from its address to its answer."""
    stage = served.stages.get(address.stage)
    is_closed = served.held.get("disableExecuteApiEndpoint") and not address.custom
    if stage is None or is_closed:
        return _forbidden()
    if request.stream is not None:
        try:
            request.body = await request.stream.read(MAX_BODY)
            request.stream = None
        except AwsError:
            request.body = b"\0" * (MAX_BODY + 1)
    call.scope = served.scope
    call.principal = ANONYMOUS
    inner = call.cloud.call_as("apigateway", served.scope)
    exchange = Exchange(inner, request, address.api, address.stage, address.path, address.full)
    exchange.stage = stage
    _choose_deployment(exchange, served)
    response = await run(house, exchange)
    call.ticket = max(call.ticket, inner.ticket)
    inner.meter("ApiGatewayRequest", 1.0)
    inner.cloud.performer.count_usage(inner, "Invoke")
    house.writer.note(exchange)
    house.metrics.note_request(exchange, served.held["name"])
    return response


def _choose_deployment(exchange: Exchange, served: Served) -> None:
    stage = exchange.stage
    exchange.variables = dict(stage.get("variables") or {})
    identity = stage["deploymentId"]
    canary = stage.get("canarySettings")
    if canary and canary.get("percentTraffic"):
        draw = int(tokens.random_hex(6), 16) / 0x1000000 * 100
        if draw < float(canary["percentTraffic"]):
            identity = canary.get("deploymentId") or identity
            exchange.canary = True
            exchange.variables |= canary.get("stageVariableOverrides") or {}
    exchange.deployed = served.deployed.get(identity)


async def run(house: House, exchange: Exchange) -> Response:
    """The answer, whatever happens; with the headers that every answer has."""
    settings: Mapping[str, Any] = {}
    try:
        settings = _route(exchange)
        response = await _pass(house, exchange, settings)
    except Refused as refused:
        response = refusal(exchange, refused)
    except AwsError as error:
        exchange.log(f"Execution failed due to an internal error: {error.message}")
        response = refusal(exchange, configuration())
    except Exception as error:
        log.error("%s of %s failed", exchange.path, exchange.api, exc_info=error)
        response = refusal(exchange, configuration())
    exchange.status = response.status
    _compress(exchange, response)
    exchange.length = len(response.body) if isinstance(response.body, bytes) else 0
    response.headers += [("x-amzn-RequestId", exchange.request_id), ("x-amz-apigw-id", exchange.extended_id)]
    if exchange.integration_status:
        response.headers.append(("X-Amzn-Trace-Id", exchange.trace))
    if exchange.lines is not None:
        _log_answer(exchange, response)
    level = settings.get("loggingLevel", "OFF")
    if not exchange.stage.get("testing") and (level == "OFF" or (level == "ERROR" and response.status < 500)):
        exchange.lines = None
    return response


def _route(exchange: Exchange) -> Mapping[str, Any]:
    """Find the method; the stage's settings for it. Raises Refused."""
    if exchange.deployed is None:
        raise configuration()
    if exchange.method is None:
        found = exchange.deployed.find(exchange.request.method, exchange.segments)
        if found is None:
            raise Refused("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token")
        exchange.method, exchange.parameters = found
    settings = limits.method_settings(exchange)
    if settings.get("loggingLevel", "OFF") != "OFF" and exchange.lines is None:
        exchange.lines = []
        exchange.log(f"Extended Request Id: {exchange.extended_id}")
        exchange.log(f"Starting execution for request: {exchange.request_id}")
    if exchange.lines is not None:
        _log_request(exchange)
    if len(exchange.body) > MAX_BODY:
        raise Refused("REQUEST_TOO_LARGE", f"HTTP content length exceeded {MAX_BODY} bytes.")
    return settings


def _log_request(exchange: Exchange) -> None:
    """The request as execution logs tell it."""
    query = {key: values[-1] for key, values in exchange.query.items()}
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in exchange.request.pairs}
    exchange.log(f"HTTP Method: {exchange.request.method}, Resource Path: {exchange.path}")
    exchange.log(f"Method request path: {shown(exchange.parameters)}")
    exchange.log(f"Method request query string: {shown(query)}")
    exchange.log(f"Method request headers: {shown(headers)}")
    exchange.log(f"Method request body before transformations: {exchange.body[:1024].decode(errors='replace')}")


def _log_answer(exchange: Exchange, response: Response) -> None:
    if not exchange.error:
        sent = {name: value for name, value in response.headers if not name.lower().startswith("x-am")}
        exchange.log(f"Method response headers: {shown(sent)}")
        exchange.log("Successfully completed execution")
    exchange.log(f"Method completed with status: {response.status}")


async def _pass(house: House, exchange: Exchange, settings: Mapping[str, Any]) -> Response:
    """Past the guards to the integration, or to the answer that the cache has."""
    await authorizing.authorise(house, exchange)
    limits.check_key(house, exchange)
    limits.check_stage(house, exchange, settings)
    validate(exchange)
    key = caching.key_of(exchange, settings)
    if key is None:
        return await integrating.answer(house, exchange)
    now = exchange.call.now()
    fresh, warned = caching.is_refresh(exchange, settings)
    found = None if fresh else house.answers.get(key, now)
    if found is None:
        found = await integrating.answer(house, exchange)
        if found.status < 400:
            house.answers.put(key, now + settings["cacheTtlInSeconds"], found)
    if warned:
        found.headers.append(("Warning", '199 API Gateway "Unauthorized cache control request"'))
    return found


def _compress(exchange: Exchange, response: Response) -> None:
    """gzip, where the API asks for it and the client takes it."""
    deployed = exchange.deployed
    least = deployed.api.get("minimumCompressionSize") if deployed is not None else None
    body = response.body
    if least is None or not isinstance(body, bytes) or len(body) < least or not body:
        return
    if "gzip" not in exchange.header("accept-encoding"):
        return
    if any(name.lower() == "content-encoding" for name, _ in response.headers):
        return
    response.body = gzip.compress(body, 6)
    response.headers.append(("Content-Encoding", "gzip"))
