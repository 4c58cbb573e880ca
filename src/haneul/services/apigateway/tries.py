"""TestInvokeMethod and TestInvokeAuthorizer: a method or authorizer as it is now, tried without a deployment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import orjson

from haneul.service import Call, operation
from haneul.services.apigateway import names
from haneul.services.apigateway.deployments import frozen
from haneul.services.apigateway.errors import bad
from haneul.services.apigateway.methods import Spot
from haneul.services.apigateway.plane import answering, authorizing
from haneul.services.apigateway.plane.deployed import Deployed, Method
from haneul.services.apigateway.plane.exchange import Exchange
from haneul.services.apigateway.plane.refusals import Refused
from haneul.services.apigateway.state import api_of, find
from haneul.wire.message import Request

STAGE = "test-invoke-stage"


def _exchange(
    call: Call, request: Mapping[str, Any], snapshot: Mapping[str, Any], api: str, verb: str, path: str
) -> Exchange:
    """The request that is to be tried."""
    path, _, query = path.partition("?")
    pairs = [(name, one) for name, many in (request.get("multiValueHeaders") or {}).items() for one in many]
    named = {name.lower() for name, _ in pairs}
    pairs += [(name, one) for name, one in (request.get("headers") or {}).items() if name.lower() not in named]
    headers: dict[str, str] = {}
    for name, one in pairs:
        headers[name.lower()] = f"{headers[name.lower()]},{one}" if name.lower() in headers else one
    body = (request.get("body") or "").encode()
    sent = Request(verb, path or "/", query, headers, body, client="test-invoke-source-ip")
    sent.pairs = [(name.encode(), one.encode()) for name, one in pairs]
    exchange = Exchange(call.cloud.call_as("apigateway", call.scope), sent, api, STAGE, path or "/", path or "/")
    exchange.stage = {"testing": True}
    exchange.variables = dict(request.get("stageVariables") or {})
    exchange.deployed = Deployed("", snapshot)
    exchange.lines = [f"Execution log for request {exchange.request_id}"]
    exchange.log(f"Starting execution for request: {exchange.request_id}")
    return exchange


@operation(resource=names.resource)
async def test_invoke_method(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """TestInvokeMethod: authorizers and keys aside, the method's whole way."""
    with call.read() as tx:
        spot = Spot(tx, call, request)
        held = dict(spot.needed())
        whole = frozen(tx, call, spot.api)
    if "methodIntegration" not in held:
        raise bad("No integration defined for method")
    template = spot.resource.held["path"]
    path = request.get("pathWithQueryString") or template
    verb = "GET" if spot.verb == "ANY" else spot.verb
    exchange = _exchange(call, request, whole, spot.api.id, verb, path)
    held |= {"authorizationType": "NONE", "apiKeyRequired": False}
    exchange.method = Method(spot.resource.id, template, spot.verb, held)
    exchange.parameters = _parameters(template, exchange.path)
    response = await answering.run(call.cloud.planes["apigateway"], exchange)
    call.ticket = max(call.ticket, exchange.call.ticket)
    many: dict[str, list[str]] = {}
    for name, value in response.headers:
        hidden = ("x-amzn-requestid", "x-amz-apigw-id", "content-type" if exchange.error else "")
        if name.lower() not in hidden:
            many.setdefault(name, []).append(value)
    body = response.body if isinstance(response.body, bytes) else b""
    return {
        "status": response.status,
        "body": body.decode("utf-8", "replace"),
        "headers": {name: values[-1] for name, values in many.items()},
        "multiValueHeaders": many,
        "log": "\n".join(exchange.lines or ()) + "\n",
        "latency": int((call.now() - exchange.started) * 1000),
    }


def _parameters(template: str, path: str) -> dict[str, str]:
    found: dict[str, str] = {}
    parts = [unquote(part) for part in path.strip("/").split("/")]
    wanted = template.strip("/").split("/")
    if not template.endswith("+}") and len(parts) != len(wanted):
        return {}
    for index, part in enumerate(wanted):
        if index >= len(parts) or (not part.startswith("{") and part != parts[index]):
            return {}
        if part.startswith("{") and part.endswith("+}"):
            found[part[1:-2]] = "/".join(parts[index:])
        elif part.startswith("{") and index < len(parts):
            found[part[1:-1]] = parts[index]
    return found


@operation(resource=names.resource)
async def test_invoke_authorizer(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """TestInvokeAuthorizer: what the function says, and whether that would let the request pass."""
    with call.read() as tx:
        api = api_of(tx, call, request)
        held = find(tx, call.scope, "authorizer", api.id, request["authorizerId"]).held
        whole = frozen(tx, call, api)
    exchange = _exchange(call, request, whole, api.id, "GET", request.get("pathWithQueryString") or "/")
    exchange.method = Method("", "/", "GET", {"authorizationType": "CUSTOM", "authorizationScopes": None})
    house = call.cloud.planes["apigateway"]
    told: dict[str, Any] = {"clientStatus": 0}
    try:
        if held["type"] == "COGNITO_USER_POOLS":
            await authorizing._cognito(house, exchange, held)
            told["claims"] = (exchange.authorizer or {}).get("claims")
        else:
            values = authorizing._sources(exchange, held)
            verdict = await authorizing.ask(house, exchange, held, values)
            told["principalId"] = verdict["principalId"]
            told["policy"] = orjson.dumps(verdict["policyDocument"]).decode()
            context = verdict.get("context") or {}
            told["authorization"] = {key: [authorizing._shown(value)] for key, value in context.items()}
    except Refused as refused:
        told["clientStatus"] = refused.status
    told["log"] = "\n".join(exchange.lines or ()) + "\n"
    told["latency"] = int((call.now() - exchange.started) * 1000)
    return told
