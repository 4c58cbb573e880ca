"""Lambda behind a method: the proxy event of format 1.0, and what its answers must look like."""

from __future__ import annotations

import base64
import binascii
import inspect
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import orjson

from haneul.services.apigateway.plane import authorizing
from haneul.services.apigateway.plane.exchange import Exchange
from haneul.services.apigateway.plane.mapping import source_value, variables_in
from haneul.services.apigateway.plane.refusals import Refused, configuration
from haneul.wire.errors import AwsError
from haneul.wire.message import Response

_FUNCTION = re.compile(r"arn:[a-z\-]+:apigateway:[^:]+:lambda:path/+\d{4}-\d\d-\d\d/functions/(.+)/invocations")
_KNOWN = frozenset({"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded", "cookies"})
_REMAPPED = frozenset(
    [
        "authorization",
        "connection",
        "content-encoding-x",
        "content-length",
        "content-md5",
        "date",
        "expect",
        "host",
        "max-forwards",
        "proxy-authenticate",
        "server",
        "te",
        "trailer",
        "upgrade",
        "user-agent",
        "www-authenticate",
    ]
)
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~\-]+")


def function_of(uri: str) -> str | None:
    """The function that an integration's URI means."""
    found = _FUNCTION.fullmatch(uri)
    return None if found is None else unquote(found.group(1))


def proxy_event(exchange: Exchange) -> dict[str, Any]:
    """The request as a proxy integration's function sees it."""
    assert exchange.method is not None
    assert exchange.deployed is not None
    body: str | None = None
    encoded = False
    if exchange.body:
        encoded = exchange.deployed.is_binary(exchange.header("content-type"))
        body = base64.b64encode(exchange.body).decode() if encoded else exchange.body.decode("utf-8", "replace")
    headers, query = exchange.headers, exchange.query
    return {
        "resource": exchange.method.path,
        "path": unquote(exchange.full if exchange.stage_name != _first(exchange.full) else exchange.path),
        "httpMethod": exchange.request.method,
        "headers": {key: values[-1] for key, values in headers.items()} or None,
        "multiValueHeaders": dict(headers) or None,
        "queryStringParameters": {key: values[-1] for key, values in query.items()} or None,
        "multiValueQueryStringParameters": dict(query) or None,
        "pathParameters": dict(exchange.parameters) or None,
        "stageVariables": dict(exchange.variables) or None,
        "requestContext": exchange.request_context(),
        "body": body,
        "isBase64Encoded": encoded,
    }


def _first(path: str) -> str:
    return path.lstrip("/").partition("/")[0]


async def invoke(exchange: Exchange, payload: bytes, extra: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """Lambda's answer. Raises Refused (500) when the function can't be asked."""
    assert exchange.method is not None
    arn = function_of(variables_in(exchange, exchange.method.integration.get("uri") or ""))
    if arn is None:
        raise configuration()
    verb = exchange.method.integration.get("httpMethod")
    if verb != "POST" and (verb != "ANY" or exchange.request.method != "POST"):  # the only verb that Lambda knows
        exchange.log("Execution failed due to configuration error: Invalid integration HTTP method")
        raise configuration()
    await authorizing.permitted(exchange, arn)
    started = exchange.call.cloud.clock.monotonic()
    exchange.log(f"Endpoint request body after transformations: {payload[:1024].decode(errors='replace')}")
    exchange.log(f"Sending request to {exchange.method.integration.get('uri')}")
    try:
        answer = exchange.call.invoke("lambda", "Invoke", {"FunctionName": arn, "Payload": payload, **(extra or {})})
        answer = await answer if inspect.isawaitable(answer) else answer
    except AwsError as error:
        exchange.integration_status = str(error.status)
        exchange.integration_error = error.message
        exchange.log(f"Execution failed due to configuration error: {error.message}")
        raise configuration() from error
    exchange.integration_latency = exchange.call.cloud.clock.monotonic() - started
    exchange.integration_status = "200"
    found: Mapping[str, Any] = answer
    return found


async def proxy(exchange: Exchange) -> Response:
    """AWS_PROXY: the function says everything."""
    event = proxy_event(exchange)
    _map(exchange, event)
    answer = await invoke(exchange, orjson.dumps(event))
    payload = answer.get("Payload") or b""
    exchange.log(f"Endpoint response body before transformations: {payload[:1024].decode(errors='replace')}")
    if answer.get("FunctionError"):
        exchange.log("Execution failed due to configuration error: Lambda function failed")
        raise configuration(502)
    try:
        told = orjson.loads(payload)
    except ValueError:
        told = None
    response = shaped(exchange, told)
    if response is None:
        exchange.integration_error = "Malformed Lambda proxy response"
        exchange.log("Execution failed due to configuration error: Malformed Lambda proxy response")
        raise configuration(502)
    return response


def _map(exchange: Exchange, event: dict[str, Any]) -> None:
    """Headers and query parameters that the integration sets are seen by a proxy's function too."""
    assert exchange.method is not None
    for target, source in (exchange.method.integration.get("requestParameters") or {}).items():
        _, _, where, name = target.split(".", 3)
        value = source_value(exchange, source)
        pair = {"header": ("headers", "multiValueHeaders"),
                "querystring": ("queryStringParameters", "multiValueQueryStringParameters")}.get(where)  # fmt: skip
        if value is not None and pair is not None:
            event[pair[0]] = {**(event[pair[0]] or {}), name: value}
            event[pair[1]] = {**(event[pair[1]] or {}), name: [value]}


def shaped(exchange: Exchange, told: Any) -> Response | None:
    """A function's answer as HTTP; None when it is malformed."""
    if not isinstance(told, dict) or not set(told) <= _KNOWN:
        return None
    status = told.get("statusCode", 200)
    try:
        code = int(status if status is not None else 200)
    except (TypeError, ValueError):
        return None
    if not 100 <= code <= 999 or isinstance(status, bool):
        return None
    single, many = told.get("headers") or {}, told.get("multiValueHeaders") or {}
    if not isinstance(single, dict) or not isinstance(many, dict):
        return None
    body = told.get("body")
    if body is not None and not isinstance(body, str):
        return None
    headers: list[tuple[str, str]] = []
    for name, values in many.items():
        if not isinstance(values, list):
            return None
        headers.extend((name, _value(one)) for one in values)
    taken = {(name.lower(), value) for name, value in headers}
    for name, value in single.items():
        if isinstance(value, dict | list):
            return None
        if value is not None and (name.lower(), _value(value)) not in taken:
            headers.append((name, _value(value)))
    data = (body or "").encode()
    if told.get("isBase64Encoded") and body and _decodes(exchange):
        try:
            data = base64.b64decode(body, validate=True)
        except binascii.Error:
            return None
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.insert(0, ("Content-Type", "application/json"))
    return Response(code, clean(headers), data)


def _decodes(exchange: Exchange) -> bool:
    assert exchange.deployed is not None
    accept = exchange.header("accept").split(",")[0].partition(";")[0].strip()
    return exchange.deployed.is_binary(accept)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def clean(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Headers that may leave: no line breaks in them, and those that the gateway owns under another name."""
    found = []
    for name, value in headers:
        if not _NAME.fullmatch(name) or name.lower() in ("transfer-encoding", "keep-alive"):
            continue
        shown = value.replace("\r", " ").replace("\n", " ")
        found.append((f"x-amzn-Remapped-{name}" if name.lower() in _REMAPPED else name, shown))
    return found


def unhandled(payload: bytes) -> Refused:
    return Refused(
        "API_CONFIGURATION_ERROR", "Internal server error", 500, detail=payload[:200].decode(errors="replace")
    )
