"""From a method to what stands behind it, and back: MOCK, HTTP, HTTP_PROXY, AWS and AWS_PROXY."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import orjson

from haneul.services.apigateway.plane import authorizing, lambdas
from haneul.services.apigateway.plane.exchange import Exchange
from haneul.services.apigateway.plane.mapping import render, source_value, variables_in
from haneul.services.apigateway.plane.refusals import Refused, configuration
from haneul.services.apigateway.plane.upstream import Answered, ask_service
from haneul.wire.message import Response

if TYPE_CHECKING:
    from haneul.services.apigateway.plane.house import House

_HOP = frozenset({"connection", "transfer-encoding", "keep-alive", "content-length", "host", "te", "upgrade"})
_LOOSE = re.compile(r"""[{,]\s*['"]?statusCode['"]?\s*:\s*(\d{3})\b""")
_PATH_VARIABLE = re.compile(r"\{([A-Za-z0-9_.\-]+)\+?\}")


async def answer(house: House, exchange: Exchange) -> Response:
    """The method's answer. Raises Refused."""
    method = exchange.method
    assert method is not None
    held = method.integration
    timeout = held.get("timeoutInMillis", 29000) / 1000
    if held["type"] in ("AWS", "AWS_PROXY"):
        await authorizing.act(exchange, held.get("credentials"))
    work = _WAYS[held["type"]](house, exchange, held)
    try:
        return await asyncio.wait_for(work, timeout)
    except TimeoutError:
        exchange.integration_error = "Endpoint request timed out"
        exchange.log("Execution failed due to a timeout error")
        raise Refused("INTEGRATION_TIMEOUT", "Endpoint request timed out") from None


# What goes out


class Outgoing:
    """The integration request: body from a template, parameters by mapping."""

    def __init__(self, exchange: Exchange, held: Mapping[str, Any]) -> None:
        self.body = _request_body(exchange, held)
        self.headers: dict[str, str] = {}
        self.query: list[tuple[str, str]] = []
        self.path: dict[str, str] = {}
        for target, source in (held.get("requestParameters") or {}).items():
            _, _, where, name = target.split(".", 3)
            value = source_value(exchange, source)
            if value is None:
                continue
            if where == "header":
                self.headers[name] = value
            elif where == "path":
                self.path[name] = value
            elif source.startswith("method.request.multivaluequerystring."):
                self.query.extend((name, one) for one in exchange.query.get(source.split(".", 3)[3], ()))
            else:
                self.query.append((name, value))
        override = exchange.overrides
        self.headers |= {str(key): str(value) for key, value in (override.get("header") or {}).items()}
        self.path |= {str(key): str(value) for key, value in (override.get("path") or {}).items()}
        for key, value in (override.get("querystring") or {}).items():
            self.query = [pair for pair in self.query if pair[0] != key] + [(str(key), str(value))]

    def uri(self, exchange: Exchange, held: Mapping[str, Any]) -> str:
        uri = variables_in(exchange, held.get("uri") or "")
        return _PATH_VARIABLE.sub(lambda found: quote(self.path.get(found.group(1), found.group()), safe="/"), uri)


def _request_body(exchange: Exchange, held: Mapping[str, Any]) -> bytes:
    """The method's body through the template of its media type. Raises Refused (415)."""
    assert exchange.deployed is not None
    body = exchange.body
    handling = held.get("contentHandling")
    binary = exchange.deployed.is_binary(exchange.header("content-type")) if body else False
    if handling == "CONVERT_TO_TEXT" and binary:
        body = base64.b64encode(body)
    elif handling == "CONVERT_TO_BINARY" and not binary:
        try:
            body = base64.b64decode(body, validate=True)
        except binascii.Error:
            raise configuration() from None
    if not binary and not handling:  # what isn't binary is text, whatever it was
        body = body.decode("utf-8", "replace").encode()
    templates = held.get("requestTemplates") or {}
    kind = exchange.header("content-type").partition(";")[0].strip().lower() or "application/json"
    template = templates.get(kind)
    if template is None:
        behavior = held.get("passthroughBehavior", "WHEN_NO_MATCH")
        if behavior == "NEVER" or (behavior == "WHEN_NO_TEMPLATES" and templates):
            raise Refused("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type")
        return body
    text = render(exchange, template, body)
    if held["type"] in ("HTTP", "AWS"):
        exchange.log(f"Endpoint request body after transformations: {text[:1024]}")
    return text.encode()


# What comes back


def chosen(held: Mapping[str, Any], subject: str) -> Mapping[str, Any]:
    """The integration response whose pattern fits; the one without a pattern otherwise. Raises Refused."""
    default: Mapping[str, Any] | None = None
    for one in (held.get("integrationResponses") or {}).values():
        pattern = one.get("selectionPattern")
        if not pattern:
            default = default or one
        elif subject and re.fullmatch(pattern, subject, re.S):
            return one  # type: ignore[no-any-return]
    if default is None:
        raise configuration()
    return default


def respond(exchange: Exchange, told: Mapping[str, Any], answered: Answered) -> Response:
    """An integration's answer as the method's."""
    status, headers, body = int(told["statusCode"]), answered.headers, answered.body
    found: dict[str, str] = {}
    for target, source in (told.get("responseParameters") or {}).items():
        value = source_value(exchange, source, (headers, body))
        if value is not None:
            found[target.split(".", 3)[3]] = value
    templates = told.get("responseTemplates") or {}
    kind = "application/json"
    if templates:
        accept = exchange.header("accept").partition(",")[0].partition(";")[0].strip()
        own = headers.get("content-type", "").partition(";")[0].strip()
        kind = next((one for one in (own, accept) if one in templates), "application/json")
        if kind not in templates:
            kind = next(iter(templates))
        template = templates[kind]
        if template:
            body = render(exchange, template, body).encode()
    body = _converted(exchange, told, headers, body)
    override = exchange.answer
    found |= {str(key): str(value) for key, value in (override.get("header") or {}).items()}
    if override.get("status"):
        try:
            status = int(override["status"])
        except (TypeError, ValueError):
            raise configuration() from None
    pairs = list(found.items())
    if not any(name.lower() == "content-type" for name in found):
        pairs.insert(0, ("Content-Type", kind))
    exchange.log(f"Method response body after transformations: {body[:1024].decode(errors='replace')}")
    return Response(status, lambdas.clean(pairs), body)


def _converted(exchange: Exchange, told: Mapping[str, Any], headers: Mapping[str, str], body: bytes) -> bytes:
    assert exchange.deployed is not None
    handling = told.get("contentHandling")
    if handling == "CONVERT_TO_BINARY":
        try:
            return base64.b64decode(body, validate=True)
        except binascii.Error:
            return body
    if handling == "CONVERT_TO_TEXT" and exchange.deployed.is_binary(headers.get("content-type", "")):
        return base64.b64encode(body)
    return body


# The kinds


async def _mock(house: House, exchange: Exchange, held: Mapping[str, Any]) -> Response:
    out = Outgoing(exchange, held)
    status = _status(out.body)
    if status is None:
        exchange.log("Execution failed due to configuration error: Unable to parse statusCode. It should be an integer "
                     "that is defined in the request template.")  # fmt: skip
        raise configuration()
    return respond(exchange, chosen(held, str(status)), Answered(status, {}, b""))


def _status(body: bytes) -> int | None:
    """The status that a mock's template names. AWS reads `{statusCode: 200}` too, and CDK writes it."""
    try:
        said = orjson.loads(body)
    except ValueError:
        found = _LOOSE.search(body.decode("utf-8", "replace"))
        return None if found is None else int(found.group(1))
    status = said.get("statusCode") if isinstance(said, dict) else None
    return status if isinstance(status, int) and not isinstance(status, bool) else None


async def _http(house: House, exchange: Exchange, held: Mapping[str, Any]) -> Response:
    answered, _ = await _fetch(house, exchange, held, False)
    return respond(exchange, chosen(held, str(answered.status)), answered)


async def _http_proxy(house: House, exchange: Exchange, held: Mapping[str, Any]) -> Response:
    answered, pairs = await _fetch(house, exchange, held, True)
    headers = [
        (f"x-amzn-Remapped-{name}" if name.lower() == "x-amzn-requestid" else name, value)
        for name, value in pairs
        if name.lower() not in ("transfer-encoding", "keep-alive")
    ]
    return Response(answered.status, lambdas.clean(headers), answered.body)


async def _fetch(
    house: House, exchange: Exchange, held: Mapping[str, Any], proxy: bool
) -> tuple[Answered, list[tuple[str, str]]]:
    out = Outgoing(exchange, held if not proxy else {**held, "requestTemplates": {}, "passthroughBehavior": ""})
    headers = dict(out.headers)
    query = list(out.query)
    verb = held.get("httpMethod") or exchange.request.method
    if verb == "ANY":
        verb = exchange.request.method
    if proxy:
        own = {name: ", ".join(values) for name, values in exchange.headers.items() if name.lower() not in _HOP}
        headers = {**own, **headers, "x-amzn-apigateway-api-id": exchange.api}
        named = {name for name, _ in query}
        query = [(name, one) for name, many in exchange.query.items() if name not in named for one in many] + query
        for name, value in exchange.parameters.items():
            out.path.setdefault(name, value)
    else:
        kind = exchange.header("content-type")
        if not any(name.lower() == "content-type" for name in headers) and (kind or out.body):
            headers["Content-Type"] = kind or "application/json"
        headers.setdefault("User-Agent", f"AmazonAPIGateway_{exchange.api}")
        headers.setdefault("Accept", "application/json")
        headers["X-Amzn-Trace-Id"] = exchange.trace
        headers["x-amzn-apigateway-api-id"] = exchange.api
    url = out.uri(exchange, held)
    if query:
        url += ("&" if "?" in url else "?") + urlencode(query)
    started = exchange.call.cloud.clock.monotonic()
    exchange.log(f"Sending request to {url}")
    insecure = bool((held.get("tlsConfig") or {}).get("insecureSkipVerification"))
    timeout = held.get("timeoutInMillis", 29000) / 1000
    body = out.body if verb not in ("GET", "HEAD") or proxy else b""
    try:
        answered, pairs = await house.upstream.ask(url, verb, list(headers.items()), body, timeout, insecure)
    except Refused as refused:
        exchange.integration_error = refused.message or ""
        exchange.log(f"Execution failed due to an internal error: {refused.message}")
        raise
    exchange.integration_latency = exchange.call.cloud.clock.monotonic() - started
    exchange.integration_status = str(answered.status)
    exchange.log(f"Received response. Status: {answered.status}")
    return answered, pairs


async def _aws(house: House, exchange: Exchange, held: Mapping[str, Any]) -> Response:
    uri = held.get("uri") or ""
    if lambdas.function_of(uri) is not None:
        return await _lambda(exchange, held)
    out = Outgoing(exchange, held)
    headers = {"Content-Type": exchange.header("content-type") or "application/json", **out.headers}
    verb = held.get("httpMethod") or "POST"
    if verb == "ANY":
        verb = exchange.request.method
    answered = await ask_service(exchange, out.uri(exchange, held), verb, headers, urlencode(out.query), out.body)
    exchange.integration_status = str(answered.status)
    exchange.log(f"Endpoint response body before transformations: {answered.body[:1024].decode(errors='replace')}")
    return respond(exchange, chosen(held, str(answered.status)), answered)


async def _lambda(exchange: Exchange, held: Mapping[str, Any]) -> Response:
    """A function with templates: its error's message chooses the response."""
    out = Outgoing(exchange, held)
    extra: dict[str, Any] = {}
    kind = next((value for name, value in out.headers.items() if name.lower() == "x-amz-invocation-type"), "")
    if kind.strip("'") in ("Event", "DryRun"):
        extra["InvocationType"] = kind.strip("'")
    answer = await lambdas.invoke(exchange, out.body or b"{}", extra)
    payload = answer.get("Payload") or b""
    exchange.log(f"Endpoint response body before transformations: {payload[:1024].decode(errors='replace')}")
    subject = ""
    if answer.get("FunctionError"):
        try:
            subject = str(orjson.loads(payload).get("errorMessage") or "")
        except (ValueError, AttributeError):
            subject = payload.decode(errors="replace")
    return respond(exchange, chosen(held, subject), Answered(200, {"content-type": "application/json"}, payload))


async def _aws_proxy(house: House, exchange: Exchange, held: Mapping[str, Any]) -> Response:
    return await lambdas.proxy(exchange)


_WAYS = {"MOCK": _mock, "HTTP": _http, "HTTP_PROXY": _http_proxy, "AWS": _aws, "AWS_PROXY": _aws_proxy}
