"""One request to an API on its way through: what it says, and everything that $context tells about it."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from haneul.auth.principals import ANONYMOUS, Principal
from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.apigateway.plane.deployed import Deployed, Method
from haneul.wire.message import Request

_DROPPED = frozenset(
    [
        "connection",
        "content-length",
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
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


class Exchange:
    """A request to a stage of an API.

    call: in the scope of the API's owner. full: the path with the stage (or base path), as the client sent it.
    path: what the API's resources are asked for.
    """

    def __init__(self, call: Call, request: Request, api: str, stage: str, path: str, full: str) -> None:
        self.call = call
        self.request = request
        self.api = api
        self.stage_name = stage
        self.path = path
        self.full = full
        self.segments = [unquote(part) for part in path.strip("/").split("/")] if path.strip("/") else []
        self.started = call.now()
        self.request_id = tokens.uuid()
        self.extended_id = base64.b64encode(bytes.fromhex(tokens.random_hex(22))).decode()[:-1] + "="
        self.trace = f"Root=1-{int(self.started):08x}-{tokens.random_hex(24)}"
        self.body = request.body
        self.stage: Mapping[str, Any] = {}
        self.deployed: Deployed | None = None
        self.canary = False
        self.method: Method | None = None
        self.parameters: dict[str, str] = {}
        self.variables: dict[str, str] = {}
        self.principal: Principal = ANONYMOUS
        self.authorizer: dict[str, Any] | None = None
        self.api_key: tuple[str, str] | None = None
        self.usage_key = ""
        self.error: dict[str, str] = {}
        self.overrides: dict[str, Any] = {"header": {}, "path": {}, "querystring": {}}
        self.answer: dict[str, Any] = {"header": {}, "status": None}
        self.status = 0
        self.length = 0
        self.integration_status = ""
        self.integration_error = ""
        self.integration_latency: float | None = None
        self.lines: list[str] | None = None
        self.headers = _headers(self)
        self.query = _pairs(parse_qsl(request.query, keep_blank_values=True))
        self.resource_path = ""

    # What was asked

    def header(self, name: str) -> str:
        """A header of the request, "" when there is none."""
        return self.request.headers.get(name, "")

    @property
    def domain(self) -> str:
        host = self.header("host")
        return host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() and ":" in host else host

    @property
    def scope(self) -> Scope:
        return self.call.scope

    def arn(self, verb: str = "", path: str | None = None) -> str:
        """The ARN of what is asked for, as execute-api:Invoke is decided about."""
        scope = self.scope
        rest = "/".join(self.segments) if path is None else path
        return (
            f"arn:aws:execute-api:{scope.region}:{scope.account}:{self.api}/{self.stage_name}/"
            f"{verb or self.request.method}/{rest}"
        )

    def log(self, text: str) -> None:
        """A line of the execution log, where one is kept."""
        if self.lines is not None:
            when = datetime.datetime.fromtimestamp(self.call.now(), datetime.UTC)
            day, month = DAYS[when.weekday()], MONTHS[when.month - 1]
            self.lines.append(f"{day} {month} {when:%d %H:%M:%S} UTC {when.year} : {text}")

    # What $context tells

    def identity(self) -> dict[str, Any]:
        who = self.principal
        signed = who.kind != "anonymous"
        told: dict[str, Any] = {
            "cognitoIdentityPoolId": None,
            "accountId": who.account if signed else None,
            "cognitoIdentityId": None,
            "caller": who.user_id if signed else None,
            "sourceIp": self.request.client,
            "principalOrgId": None,
            "accessKey": who.access_key if signed else None,
            "cognitoAuthenticationType": None,
            "cognitoAuthenticationProvider": None,
            "userArn": who.arn if signed else None,
            "userAgent": self.request.headers.get("user-agent"),
            "user": who.user_id if signed else None,
        }
        if self.api_key is not None:
            told["apiKeyId"], told["apiKey"] = self.api_key
        return told

    def request_context(self) -> dict[str, Any]:
        """requestContext of a proxy event (format 1.0)."""
        method = self.method
        assert method is not None
        assert self.deployed is not None
        told: dict[str, Any] = {
            "resourceId": method.resource,
            "resourcePath": method.path,
            "httpMethod": self.request.method,
            "extendedRequestId": self.extended_id,
            "requestTime": request_time(self.started),
            "path": self.full,
            "accountId": self.scope.account,
            "protocol": "HTTP/1.1",
            "stage": self.stage_name,
            "domainPrefix": self.domain.partition(".")[0],
            "requestTimeEpoch": int(self.started * 1000),
            "requestId": self.request_id,
            "identity": self.identity(),
            "domainName": self.domain,
            "deploymentId": self.deployed.id,
            "apiId": self.api,
        }
        if method.held.get("operationName"):
            told["operationName"] = method.held["operationName"]
        if self.authorizer is not None:
            told["authorizer"] = self.authorizer
        if self.canary:
            told["isCanaryRequest"] = True
        return told

    def context(self) -> dict[str, Any]:
        """$context of templates and access logs."""
        told = {
            "accountId": self.scope.account,
            "apiId": self.api,
            "awsEndpointRequestId": self.request_id,
            "domainName": self.domain,
            "domainPrefix": self.domain.partition(".")[0],
            "error": self.error,
            "extendedRequestId": self.extended_id,
            "httpMethod": self.request.method,
            "identity": self.identity(),
            "authorizer": self.authorizer or {},
            "integration": self._integration(),
            "integrationStatus": self.integration_status,
            "integrationErrorMessage": self.integration_error,
            "integrationLatency": self._latency(),
            "isCanaryRequest": "true" if self.canary else "false",
            "path": self.full,
            "protocol": "HTTP/1.1",
            "requestId": self.request_id,
            "requestOverride": self.overrides,
            "requestTime": request_time(self.started),
            "requestTimeEpoch": int(self.started * 1000),
            "responseLatency": int((self.call.now() - self.started) * 1000),
            "responseLength": self.length,
            "responseOverride": self.answer,
            "stage": self.stage_name,
            "status": self.status or "",
            "wafResponseCode": "",
            "xrayTraceId": self.trace.removeprefix("Root="),
        }
        if self.deployed is not None:
            told["deploymentId"] = self.deployed.id
        if self.method is not None:
            told |= {"resourceId": self.method.resource, "resourcePath": self.method.path}
            if self.method.held.get("operationName"):
                told["operationName"] = self.method.held["operationName"]
        return told

    def _integration(self) -> dict[str, Any]:
        return {
            "error": self.integration_error,
            "integrationStatus": self.integration_status,
            "latency": self._latency(),
            "requestId": self.request_id,
            "status": self.integration_status,
        }

    def _latency(self) -> Any:
        return "" if self.integration_latency is None else int(self.integration_latency * 1000)


def _headers(exchange: Exchange) -> dict[str, list[str]]:
    """The request's headers as they were sent, with those that a load balancer adds."""
    request = exchange.request
    found: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    pairs = request.pairs or [(key.encode(), value.encode()) for key, value in request.headers.items()]
    for raw, value in pairs:
        name = raw.decode("latin-1")
        lower = name.lower()
        if lower in _DROPPED:
            continue
        name = names.setdefault(lower, name)
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = value.decode("latin-1")
        found.setdefault(name, []).append(text)
    before = request.headers.get("x-forwarded-for")
    port = request.headers.get("host", "").rpartition(":")[2]
    found["X-Amzn-Trace-Id"] = [exchange.trace]
    found["X-Forwarded-For"] = [f"{before}, {request.client}" if before else request.client]
    found["X-Forwarded-Port"] = [port if port.isdigit() else "443"]
    found["X-Forwarded-Proto"] = ["https" if request.secure else "http"]
    return found


def _pairs(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def request_time(epoch: float) -> str:
    """09/Apr/2015:12:34:56 +0000"""
    when = datetime.datetime.fromtimestamp(epoch, datetime.UTC)
    return f"{when:%d}/{MONTHS[when.month - 1]}/{when:%Y:%H:%M:%S} +0000"
