"""What stands behind WebSocket routes: functions, endpoints, AWS's services, mocks; with templates where they are asked
for, and the answer as the client may get it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import orjson

from haneul.engines.integrations import rights, services
from haneul.engines.integrations.upstream import TimedOut, Unanswered
from haneul.engines.templates.mapping import UTIL, Input, Lenient
from haneul.engines.templates.velocity import TemplateError, compile_template
from haneul.services.apigatewayv2.plane import functions
from haneul.services.apigatewayv2.plane.integrating import variables_in
from haneul.services.apigatewayv2.plane.messages import Message
from haneul.wire.errors import AwsError

if TYPE_CHECKING:
    from haneul.services.apigatewayv2.plane.house import House

INTERNAL = "Internal server error"
TIMED_OUT = "Endpoint request timed out"
_STATUS = re.compile(r"""['"]?statusCode['"]?\s*:\s*(\d{3})\b""")


class Failed(Exception):
    """The integration can't be had; `text` is what the client is told, `status` what a handshake answers."""

    def __init__(self, text: str = INTERNAL, status: int = 502) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


class Told(NamedTuple):
    """An integration's answer. body: None for nothing to say. headers: lower-case names."""

    status: int
    body: bytes | None
    headers: Mapping[str, str]


async def ask(house: House, message: Message) -> Told:
    """The integration's answer to an event. Raises Failed."""
    assert message.route is not None
    held = message.route.integration
    if held is None:
        message.integration_error = "No integration is attached to this route"
        raise Failed()
    await _act(message, held)
    started = message.call.cloud.clock.monotonic()
    work = _WAYS[held["IntegrationType"]](house, message, held)
    try:
        return await asyncio.wait_for(work, held["TimeoutInMillis"] / 1000)
    except TimeoutError:
        message.integration_error = TIMED_OUT
        raise Failed(TIMED_OUT, 504) from None
    except AwsError as error:
        message.integration_error = error.message
        raise Failed() from error
    finally:
        message.integration_latency = message.call.cloud.clock.monotonic() - started


async def _act(message: Message, held: Mapping[str, Any]) -> None:
    role = held.get("CredentialsArn")
    if not role or not message.call.cloud.config.iam_enforced:
        return
    if role.endswith(":user/*"):
        message.call.acts_as = message.client.principal
        return
    try:
        await rights.assume(message.call, variables_in(message, role))
    except AwsError as error:
        message.integration_error = error.message
        raise Failed() from error


# Templates


def _render(message: Message, template: str, body: bytes) -> bytes:
    shake = message.handshake()
    params = {"path": {}, "querystring": shake.get("queryStringParameters") or {}, "header": shake["headers"]}
    names = {
        "input": Input(params, body),
        "util": UTIL,
        "context": Lenient(message.context()),
        "stageVariables": Lenient(message.variables),
    }
    try:
        return compile_template(template).render(names).encode()
    except TemplateError as error:
        message.integration_error = f"Unable to transform: {error}"
        raise Failed() from error


def _chosen(message: Message, held: Mapping[str, Any], templates: Mapping[str, str]) -> str | None:
    """The template that the selection expression means; None for none."""
    expression = held.get("TemplateSelectionExpression")
    key = message.expression(expression) if expression else "$default"
    for name in (key, "$default"):
        if name in templates:
            return templates[name]
    return templates.get("application/json") if not expression else None


def _outgoing(message: Message, held: Mapping[str, Any]) -> bytes:
    """The event's body through the integration's request template. Raises Failed."""
    templates = held.get("RequestTemplates") or {}
    template = _chosen(message, held, templates)
    if template is not None:
        return _render(message, template, message.body)
    behavior = held.get("PassthroughBehavior", "WHEN_NO_MATCH")
    if behavior == "NEVER" or (behavior == "WHEN_NO_TEMPLATES" and templates):
        raise Failed("Unsupported Media Type", 415)
    if held.get("ContentHandlingStrategy") == "CONVERT_TO_BINARY" and message.is_text:
        try:
            return base64.b64decode(message.body, validate=True)
        except binascii.Error:
            raise Failed() from None
    if held.get("ContentHandlingStrategy") == "CONVERT_TO_TEXT" and not message.is_text:
        return base64.b64encode(message.body)
    return message.body


def _incoming(message: Message, held: Mapping[str, Any], status: int, body: bytes, headers: Mapping[str, str]) -> Told:
    """The answer through the integration response that its status chooses."""
    responses = held.get("responses") or {}
    found = responses.get("$default")
    for key, one in responses.items():
        if key != "$default" and re.fullmatch(key.strip("/"), str(status)):
            found = one
            break
    if found is None:
        return Told(status, body, headers)
    templates = found.get("ResponseTemplates") or {}
    template = _chosen(message, found, templates) if templates else None
    return Told(status, body if template is None else _render(message, template, body), headers)


def _parameters(message: Message, held: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """(headers, query parameters) that the integration's mapping sets."""
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    for target, source in (held.get("RequestParameters") or {}).items():
        where, _, name = target.removeprefix("integration.request.").partition(".")
        value = source[1:-1] if source.startswith("'") else message.source(source)
        if value and where == "header":
            headers[name] = value
        elif value and where == "querystring":
            query[name] = value
    return headers, query


# The kinds


async def _mock(house: House, message: Message, held: Mapping[str, Any]) -> Told:
    text = _outgoing(message, held).decode("utf-8", "replace")
    found = _STATUS.search(text)
    status = int(found.group(1)) if found is not None else 200
    message.integration_status = str(status)
    return _incoming(message, held, status, b"", {})


async def _invoked(message: Message, held: Mapping[str, Any], payload: bytes) -> bytes:
    """What the function said. Raises Failed, AwsError."""
    function = functions.function_of(variables_in(message, held["IntegrationUri"]))
    try:
        told = await functions.invoke(message.call, function, payload, message.arn())
    except functions.NotAllowed:
        message.integration_error = "API Gateway may not call the function"
        raise Failed(INTERNAL, 500) from None
    except AwsError as error:
        message.integration_status, message.integration_error = str(error.status), error.message
        raise Failed(INTERNAL, 500) from error
    message.integration_status = "200"
    if told.get("FunctionError"):
        message.integration_error = "Lambda execution failed with status 200 due to customer function error"
        raise Failed()
    data: bytes = told.get("Payload") or b""
    return data


async def _function_proxy(house: House, message: Message, held: Mapping[str, Any]) -> Told:
    data = await _invoked(message, held, orjson.dumps(message.event()))
    try:
        told = orjson.loads(data)
        status = int(told["statusCode"])
        body = told.get("body")
        headers = told.get("headers") or {}
    except (ValueError, TypeError, KeyError):
        message.integration_error = "Malformed Lambda proxy response"
        raise Failed() from None
    if body is not None and not isinstance(body, str):
        body = orjson.dumps(body).decode()
    raw = None if body is None else body.encode()
    if raw and told.get("isBase64Encoded"):
        try:
            raw = base64.b64decode(raw, validate=True)
        except binascii.Error:
            raise Failed() from None
    return Told(status, raw, {str(name).lower(): str(value) for name, value in headers.items()})


async def _aws(house: House, message: Message, held: Mapping[str, Any]) -> Told:
    uri = variables_in(message, held["IntegrationUri"])
    body = _outgoing(message, held)
    if functions.function_of(uri) != uri or uri.startswith("arn:aws:lambda:"):
        return _incoming(message, held, 200, await _invoked(message, held, body or b"{}"), {})
    headers, query = _parameters(message, held)
    verb = held.get("IntegrationMethod") or "POST"
    try:
        found = await services.ask(message.call, uri, verb, headers, urlencode(query), body, message.request_id)
    except (services.Misconfigured, services.TooLong) as error:
        message.integration_error = str(error)
        raise Failed(INTERNAL, 500) from error
    message.integration_status, message.integration_error = str(found.status), found.error
    return _incoming(message, held, found.status, found.body, found.headers)


async def _http(house: House, message: Message, held: Mapping[str, Any]) -> Told:
    is_proxy = held["IntegrationType"] == "HTTP_PROXY"
    body = message.body if is_proxy else _outgoing(message, held)
    headers, query = _parameters(message, held)
    url = variables_in(message, held["IntegrationUri"])
    if query:
        url += ("&" if "?" in url else "?") + urlencode(query)
    if body and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = "application/json"
    headers.setdefault("User-Agent", f"AmazonAPIGateway_{message.client.api}")
    headers["X-Amzn-Trace-Id"] = message.client.trace
    verb = held.get("IntegrationMethod") or "POST"
    try:
        found = await house.upstream.ask(url, verb, list(headers.items()), body, held["TimeoutInMillis"] / 1000)
    except TimedOut:
        raise TimeoutError from None
    except Unanswered as error:
        message.integration_error = "Network error communicating with endpoint"
        raise Failed() from error
    message.integration_status = str(found.status)
    if is_proxy:
        return Told(found.status, found.body, found.headers)
    return _incoming(message, held, found.status, found.body, found.headers)


_WAYS = {"MOCK": _mock, "AWS_PROXY": _function_proxy, "AWS": _aws, "HTTP": _http, "HTTP_PROXY": _http}
