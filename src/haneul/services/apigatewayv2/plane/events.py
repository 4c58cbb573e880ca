"""What functions are told of a request, in the payload formats 1.0 and 2.0, and what their answers mean."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import orjson

from haneul.engines.integrations.upstream import Answered
from haneul.services.apigatewayv2.plane.exchange import Exchange, request_time

_TEXT = re.compile(r"text/.*|application/(json|javascript|xml|graphql|.*\+json|.*\+xml)", re.I)
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~\-]+")
_OWNED = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive", "date", "upgrade", "trailer"})


def payload(exchange: Exchange, version: str) -> dict[str, Any]:
    """The request as a function sees it."""
    event = _two(exchange) if version == "2.0" else _one(exchange)
    body = exchange.request.body
    text = _as_text(exchange) if body else ""
    if version == "2.0":
        if body:
            event["body"] = base64.b64encode(body).decode() if text is None else text
    else:
        event["body"] = None if not body else base64.b64encode(body).decode() if text is None else text
    event["isBase64Encoded"] = text is None
    return event


def _as_text(exchange: Exchange) -> str | None:
    """The body as text; None when it goes as base64: what isn't said to be text, or isn't UTF-8."""
    kind = exchange.header("content-type").partition(";")[0].strip()
    if kind and not _TEXT.fullmatch(kind):
        return None
    try:
        return exchange.request.body.decode()
    except UnicodeDecodeError:
        return None


def _two(exchange: Exchange) -> dict[str, Any]:
    route = exchange.route
    assert route is not None
    headers: dict[str, str] = {}
    for name, value in exchange.headers:
        key = name.lower()
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    cookies = [one.strip() for one in headers.pop("cookie", "").split(";") if one.strip()]
    query: dict[str, str] = {}
    for name, value in exchange.query:
        query[name] = f"{query[name]},{value}" if name in query else value
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": exchange.raw,
        "rawQueryString": exchange.request.query,
    }
    if cookies:
        event["cookies"] = cookies
    event["headers"] = headers
    if query:
        event["queryStringParameters"] = query
    context = _context_two(exchange)
    if exchange.authorizer is not None:
        context["authorizer"] = exchange.authorizer
    event["requestContext"] = context
    if exchange.parameters:
        event["pathParameters"] = dict(exchange.parameters)
    if exchange.variables:
        event["stageVariables"] = dict(exchange.variables)
    return event


def _context_two(exchange: Exchange) -> dict[str, Any]:
    assert exchange.route is not None
    return {
        "accountId": exchange.scope.account,
        "apiId": exchange.api,
        "domainName": exchange.domain,
        "domainPrefix": exchange.domain.partition(".")[0],
        "http": {
            "method": exchange.request.method,
            "path": exchange.raw,
            "protocol": "HTTP/1.1",
            "sourceIp": exchange.request.client,
            "userAgent": exchange.header("user-agent"),
        },
        "requestId": exchange.request_id,
        "routeKey": exchange.route.key,
        "stage": exchange.stage_name,
        "time": request_time(exchange.started),
        "timeEpoch": int(exchange.started * 1000),
    }


def _one(exchange: Exchange) -> dict[str, Any]:
    route = exchange.route
    assert route is not None
    headers: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for name, value in exchange.headers:
        headers.setdefault(names.setdefault(name.lower(), name), []).append(value)
    query: dict[str, list[str]] = {}
    for name, value in exchange.query:
        query.setdefault(name, []).append(value)
    return {
        "version": "1.0",
        "resource": route.path or "$default",
        "path": exchange.full,
        "httpMethod": exchange.request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "requestContext": _context_one(exchange),
        "pathParameters": dict(exchange.parameters) or None,
        "stageVariables": dict(exchange.variables) or None,
    }


def _context_one(exchange: Exchange) -> dict[str, Any]:
    route, who = exchange.route, exchange.principal
    assert route is not None
    signed = who.kind != "anonymous"
    told: dict[str, Any] = {
        "accountId": exchange.scope.account,
        "apiId": exchange.api,
        "domainName": exchange.domain,
        "domainPrefix": exchange.domain.partition(".")[0],
        "extendedRequestId": exchange.request_id,
        "httpMethod": exchange.request.method,
        "identity": {
            "accessKey": who.access_key if signed else None,
            "accountId": who.account if signed else None,
            "caller": who.user_id if signed else None,
            "cognitoAmr": None,
            "cognitoAuthenticationProvider": None,
            "cognitoAuthenticationType": None,
            "cognitoIdentityId": None,
            "cognitoIdentityPoolId": None,
            "principalOrgId": None,
            "sourceIp": exchange.request.client,
            "user": who.user_id if signed else None,
            "userAgent": exchange.header("user-agent"),
            "userArn": who.arn if signed else None,
        },
        "path": exchange.full,
        "protocol": "HTTP/1.1",
        "requestId": exchange.request_id,
        "requestTime": request_time(exchange.started),
        "requestTimeEpoch": int(exchange.started * 1000),
        "resourceId": route.key,
        "resourcePath": route.path or "$default",
        "stage": exchange.stage_name,
    }
    said = exchange.authorizer or {}
    if "jwt" in said:
        told["authorizer"] = said["jwt"]
    elif "lambda" in said:
        told["authorizer"] = said["lambda"] or {}
    return told


# Answers


def understood(data: bytes, version: str) -> Answered | None:
    """What a function's answer means as HTTP; None when it is malformed."""
    try:
        told = orjson.loads(data) if data else None
    except ValueError:
        told = None
        if data:
            return None
    if version == "2.0" and not (isinstance(told, dict) and "statusCode" in told):
        return _inferred(told)
    if not isinstance(told, dict):
        return None
    return _shaped(told, version)


def _inferred(told: Any) -> Answered:
    """Format 2.0 takes whatever has no status code for the body of a success."""
    body = told.encode() if isinstance(told, str) else b"" if told is None else orjson.dumps(told)
    kind = "application/json"
    return Answered(200, {"content-type": kind}, body, [("Content-Type", kind)])


def _shaped(told: Mapping[str, Any], version: str) -> Answered | None:
    status = told.get("statusCode")
    try:
        code = int(status)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    if not 100 <= code <= 599 or isinstance(status, bool):
        return None
    body = told.get("body")
    if body is not None and not isinstance(body, str):
        if version == "1.0":
            return None
        body = orjson.dumps(body).decode()
    single, many = told.get("headers") or {}, told.get("multiValueHeaders") or {}
    cookies = told.get("cookies") or [] if version == "2.0" else []
    if not isinstance(single, dict) or not isinstance(many, dict) or not isinstance(cookies, list):
        return None
    data = (body or "").encode()
    if told.get("isBase64Encoded") and body:
        try:
            data = base64.b64decode(body, validate=True)
        except binascii.Error:
            return None
    pairs = _pairs(single, many if version == "1.0" else {})
    pairs += [("Set-Cookie", _value(one)) for one in cookies]
    if not any(name.lower() == "content-type" for name, _ in pairs):
        pairs.insert(0, ("Content-Type", "text/plain; charset=utf-8"))
    return Answered(code, {name.lower(): value for name, value in pairs}, data, pairs)


def _pairs(single: Mapping[str, Any], many: Mapping[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    several = {name.lower() for name in many}
    for name, values in many.items():
        found.extend((name, _value(one)) for one in (values if isinstance(values, list) else [values]))
    for name, value in single.items():
        if value is not None and name.lower() not in several:
            found.append((name, _value(value)))
    return found


def _value(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def clean(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Headers that may leave: no line breaks in them, and none of those that are the connection's own."""
    return [
        (name, value.replace("\r", " ").replace("\n", " "))
        for name, value in pairs
        if _NAME.fullmatch(name) and name.lower() not in _OWNED
    ]
