"""One request to an HTTP API on its way through: what it says, and everything that $context tells about it."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from haneul.auth.principals import ANONYMOUS, Principal
from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.apigatewayv2.plane.deployed import Deployed, Route
from haneul.wire.message import Request

_DROPPED = frozenset(
    [
        "connection",
        "transfer-encoding",
        "expect",
        "te",
        "keep-alive",
        "upgrade",
        "proxy-connection",
        "trailer",
        "x-amzn-trace-id",
        "x-forwarded-for",
        "x-forwarded-port",
        "x-forwarded-proto",
    ]
)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Exchange:
    """A request to a stage of an HTTP API.

    call: in the scope of the API's owner. full: the path with the stage (or mapping key), as the client sent it.
    path: what the API's routes are asked for.
    """

    def __init__(self, call: Call, request: Request, api: str, stage: str, path: str, full: str) -> None:
        self.call = call
        self.request = request
        self.api = api
        self.stage_name = stage
        self.path = path
        self.full = unquote(full)
        self.raw = unquote(path if stage == "$default" else f"/{stage}{path}")
        """The path as format 2.0 tells it: below the stage, whatever a custom domain's mapping made of it."""
        self.segments = [unquote(part) for part in path[1:].split("/")]
        self.started = call.now()
        self.request_id = short_id()
        self.trace = f"Root=1-{int(self.started):08x}-{tokens.random_hex(24)}"
        self.stage: Mapping[str, Any] = {}
        self.deployed: Deployed | None = None
        self.route: Route | None = None
        self.parameters: dict[str, str] = {}
        self.principal: Principal = ANONYMOUS
        self.authorizer: dict[str, Any] | None = None
        """What the authorizer said, by kind: {"jwt": ...}, {"lambda": ...}, {"iam": ...}."""
        self.error = ""
        self.error_kind = ""
        self.status = 0
        self.length = 0
        self.integration_status = ""
        self.integration_error = ""
        self.authorizer_error = ""
        self.integration_latency: float | None = None
        self.headers = _headers(self)
        self.query = parse_qsl(request.query, keep_blank_values=True)

    # What was asked

    def header(self, name: str) -> str:
        """A header of the request, "" when there is none."""
        return self.request.headers.get(name, "")

    def values(self, name: str) -> list[str]:
        """The values of a query parameter."""
        return [value for key, value in self.query if key == name]

    @property
    def variables(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.stage.get("StageVariables") or {}
        return found

    @property
    def domain(self) -> str:
        return domain_of(self.request)

    @property
    def scope(self) -> Scope:
        return self.call.scope

    def arn(self, of_route: bool = False) -> str:
        """The ARN of what is asked for, as execute-api:Invoke is decided about; of_route: that of the route, as a
        function's policy is."""
        scope, route = self.scope, self.route
        head = f"arn:aws:execute-api:{scope.region}:{scope.account}:{self.api}/{self.stage_name}"
        if of_route and route is not None:
            verb = "*" if route.verb == "ANY" else route.verb
            return f"{head}/{verb}{route.path}" if route.path else f"{head}/$default"
        return f"{head}/{self.request.method}/{'/'.join(self.segments)}"

    def log_context(self) -> dict[str, Any]:
        """$context of access logs and parameter mapping."""
        route = self.route
        who = self.principal
        signed = who.kind != "anonymous"
        latency = "" if self.integration_latency is None else int(self.integration_latency * 1000)
        told: dict[str, Any] = {
            "accountId": self.scope.account,
            "apiId": self.api,
            "authorizer": self._authorizer(),
            "awsEndpointRequestId": self.request_id,
            "dataProcessed": len(self.request.body) + self.length,
            "domainName": self.domain,
            "domainPrefix": self.domain.partition(".")[0],
            "error": {"message": self.error, "messageString": f'"{self.error}"' if self.error else "",
                      "responseType": self.error_kind},
            "extendedRequestId": self.request_id,
            "httpMethod": self.request.method,
            "identity": {
                "accountId": who.account if signed else None,
                "caller": who.user_id if signed else None,
                "sourceIp": self.request.client,
                "user": who.user_id if signed else None,
                "userAgent": self.request.headers.get("user-agent"),
                "userArn": who.arn if signed else None,
            },
            "integration": {"error": self.integration_error, "integrationStatus": self.integration_status,
                            "latency": latency, "requestId": self.request_id, "status": self.integration_status},
            "integrationErrorMessage": self.integration_error,
            "integrationLatency": latency,
            "integrationStatus": self.integration_status,
            "path": self.full,
            "protocol": "HTTP/1.1",
            "requestId": self.request_id,
            "requestTime": request_time(self.started),
            "requestTimeEpoch": int(self.started),
            "responseLatency": int((self.call.now() - self.started) * 1000),
            "responseLength": self.length,
            "routeKey": route.key if route is not None else "",
            "stage": self.stage_name,
            "status": self.status or "",
        }  # fmt: skip
        return told

    def _authorizer(self) -> dict[str, Any]:
        told = self.authorizer or {}
        found: dict[str, Any] = {"error": self.authorizer_error}
        if "jwt" in told:
            found["claims"] = told["jwt"]["claims"]
        return found | (told.get("lambda") or {})


def domain_of(request: Request) -> str:
    host = request.headers.get("host", "")
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host


def short_id() -> str:
    """A request id as HTTP and WebSocket APIs draw them: JKJaXmPLvHcESHA="""
    return base64.urlsafe_b64encode(bytes.fromhex(tokens.random_hex(22))).decode()


def _headers(exchange: Exchange) -> list[tuple[str, str]]:
    """The request's headers as they were sent, with those that a load balancer adds."""
    request = exchange.request
    found: list[tuple[str, str]] = []
    pairs = request.pairs or [(key.encode(), value.encode()) for key, value in request.headers.items()]
    for raw, value in pairs:
        name = raw.decode("latin-1")
        if name.lower() not in _DROPPED:
            found.append((name, value.decode("utf-8", "replace")))
    return found + added_headers(request, exchange.trace)


def added_headers(request: Request, trace: str) -> list[tuple[str, str]]:
    before = request.headers.get("x-forwarded-for")
    port = request.headers.get("host", "").rpartition(":")[2]
    return [
        ("X-Amzn-Trace-Id", trace),
        ("X-Forwarded-For", f"{before}, {request.client}" if before else request.client),
        ("X-Forwarded-Port", port if port.isdigit() else "443"),
        ("X-Forwarded-Proto", "https" if request.secure else "http"),
    ]


def request_time(epoch: float) -> str:
    """09/Apr/2015:12:34:56 +0000"""
    when = datetime.datetime.fromtimestamp(epoch, datetime.UTC)
    return f"{when:%d}/{MONTHS[when.month - 1]}/{when:%Y:%H:%M:%S} +0000"
