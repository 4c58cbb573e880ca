"""One event of a WebSocket connection: what it says, and everything that functions and templates are told of it."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson

from haneul.auth.principals import ANONYMOUS, Principal
from haneul.engines.templates import jsonpath
from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.apigatewayv2.plane.deployed import Deployed, Route
from haneul.services.apigatewayv2.plane.exchange import added_headers, domain_of, request_time, short_id
from haneul.wire.message import Request

CONNECT, MESSAGE, DISCONNECT = "CONNECT", "MESSAGE", "DISCONNECT"
_EXPRESSION = re.compile(r"\$\{([^{}]+)\}|\$((?:request|context|stageVariables|route)\.[A-Za-z0-9_.\-\[\]]+)")
_DROPPED = frozenset({"connection", "upgrade", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto"})


class Client:
    """Who is connected, and how: what all events of a connection share."""

    def __init__(self, request: Request, api: str, stage: str, scope: Scope, now: float) -> None:
        self.request = request
        self.api = api
        self.stage = stage
        self.scope = scope
        self.id = short_id()
        self.connected = now
        self.trace = f"Root=1-{int(now):08x}-{tokens.random_hex(24)}"
        self.principal: Principal = ANONYMOUS
        self.authorizer: dict[str, Any] | None = None
        self.usage_key = ""
        """The API key that the authorizer named."""
        self.domain = domain_of(request)
        self.query = parse_qsl(request.query, keep_blank_values=True)
        self.headers = _headers(request, self.trace)


def _headers(request: Request, trace: str) -> list[tuple[str, str]]:
    pairs = request.pairs or [(key.encode(), value.encode()) for key, value in request.headers.items()]
    own = [(name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in pairs]
    return [pair for pair in own if pair[0].lower() not in _DROPPED] + added_headers(request, trace)


class Message:
    """An event on its way to a route's integration. call: in the scope of the API's owner."""

    def __init__(
        self, call: Call, client: Client, kind: str, stage: Mapping[str, Any], deployed: Deployed, body: bytes = b""
    ) -> None:
        self.call = call
        self.client = client
        self.kind = kind
        self.stage = stage
        self.deployed = deployed
        self.body = body
        self.is_text = True
        self.request = client.request
        self.started = call.now()
        self.request_id = short_id()
        self.message_id = short_id()
        self.route: Route | None = None
        self.ended: tuple[int, str] | None = None
        self.status = 0
        self.error = ""
        self.authorizer_error = ""
        self.integration_status = ""
        self.integration_error = ""
        self.integration_latency: float | None = None
        self.lines: list[str] = []

    @property
    def scope(self) -> Scope:
        return self.client.scope

    @property
    def variables(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.stage.get("StageVariables") or {}
        return found

    def arn(self) -> str:
        """The ARN of the route, as execute-api:Invoke is decided about and a function's policy is."""
        key = self.route.key if self.route is not None else "$default"
        scope, client = self.scope, self.client
        return f"arn:aws:execute-api:{scope.region}:{scope.account}:{client.api}/{client.stage}/{key}"

    # What is told

    def request_context(self) -> dict[str, Any]:
        """requestContext of a function's event."""
        client = self.client
        identity: dict[str, Any] = {"sourceIp": client.request.client}
        if client.request.headers.get("user-agent"):
            identity = {"userAgent": client.request.headers["user-agent"], **identity}
        told: dict[str, Any] = {"routeKey": self.route.key if self.route is not None else "$default"}
        if client.authorizer is not None:
            told["authorizer"] = client.authorizer
        if self.kind == MESSAGE:
            told["messageId"] = self.message_id
        if self.ended is not None:
            told["disconnectStatusCode"], told["disconnectReason"] = self.ended
        return told | {
            "eventType": self.kind,
            "extendedRequestId": self.request_id,
            "requestTime": request_time(self.started),
            "messageDirection": "IN",
            "stage": client.stage,
            "connectedAt": int(client.connected * 1000),
            "requestTimeEpoch": int(self.started * 1000),
            "identity": identity,
            "requestId": self.request_id,
            "domainName": client.domain,
            "connectionId": client.id,
            "apiId": client.api,
        }

    def context(self) -> dict[str, Any]:
        """$context of templates, mappings and access logs."""
        latency = "" if self.integration_latency is None else int(self.integration_latency * 1000)
        return self.request_context() | {
            "error": {"message": self.error, "messageString": orjson.dumps(self.error).decode() if self.error else "",
                      "responseType": ""},
            "integration": {"error": self.integration_error, "status": self.integration_status, "latency": latency,
                            "integrationStatus": self.integration_status, "requestId": self.request_id},
            "integrationErrorMessage": self.integration_error,
            "integrationLatency": latency,
            "integrationStatus": self.integration_status,
            "status": self.status or "",
            "accountId": self.scope.account,
            "xrayTraceId": self.client.trace.removeprefix("Root="),
        }  # fmt: skip

    def event(self) -> dict[str, Any]:
        """What a proxy integration's function sees."""
        event: dict[str, Any] = {}
        if self.kind == CONNECT:
            event |= self.handshake()
        elif self.kind == DISCONNECT:
            headers = {"Host": self.client.domain, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
            event["headers"] = headers
            event["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
        if self.variables:
            event["stageVariables"] = dict(self.variables)
        event["requestContext"] = self.request_context()
        if self.kind == MESSAGE:
            event["body"] = self.body.decode() if self.is_text else base64.b64encode(self.body).decode()
        event["isBase64Encoded"] = self.kind == MESSAGE and not self.is_text
        return event

    def handshake(self) -> dict[str, Any]:
        """Headers and query of the request that opens the connection."""
        headers: dict[str, list[str]] = {}
        for name, value in self.client.headers:
            headers.setdefault(name, []).append(value)
        query: dict[str, list[str]] = {}
        for name, value in self.client.query:
            query.setdefault(name, []).append(value)
        told: dict[str, Any] = {
            "headers": {name: values[-1] for name, values in headers.items()},
            "multiValueHeaders": headers,
        }
        if query:
            told["queryStringParameters"] = {name: values[-1] for name, values in query.items()}
            told["multiValueQueryStringParameters"] = query
        return told

    def failure(self, text: str) -> bytes:
        """What a client is told of a message that failed."""
        told = {"message": text, "connectionId": self.client.id, "requestId": self.request_id}
        return orjson.dumps(told)

    # Expressions

    def expression(self, text: str) -> str:
        """A selection expression's value: text with `$request.body.action`, `${context.stage}` and the like in it."""
        plain = text.replace("\\$", "\0")
        return _EXPRESSION.sub(lambda found: self.source(found.group(1) or found.group(2)), plain).replace("\0", "$")

    def source(self, path: str) -> str:
        """What `request.body.action`, `route.request.header.x`, `context.connectionId` stand for; "" for nothing."""
        path = path.removeprefix("route.")
        kind, _, rest = path.partition(".")
        if kind == "context":
            found: Any = self.context()
            for part in rest.split("."):
                found = found.get(part) if isinstance(found, Mapping) else None
            return _text(found)
        if kind == "stageVariables":
            return self.variables.get(rest, "")
        where, _, name = rest.partition(".")
        if where == "header":
            return self.client.request.headers.get(name.lower(), "")
        if where == "querystring":
            return next((value for key, value in reversed(self.client.query) if key == name), "")
        if where == "body":
            return self._of_body(name)
        return ""

    def _of_body(self, path: str) -> str:
        if not path:
            return self.body.decode("utf-8", "replace")
        try:
            return _text(jsonpath.find(orjson.loads(self.body), f"$.{path}"))
        except (ValueError, jsonpath.BadPath):
            return ""


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()
