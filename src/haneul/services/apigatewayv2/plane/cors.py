"""An HTTP API's own CORS rules: preflights answered without any route, and headers that win over a backend's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.services.apigatewayv2.plane.exchange import Exchange
from haneul.wire.message import Response

Headers = list[tuple[str, str]]


def rules(exchange: Exchange) -> Mapping[str, Any]:
    """The API's CORS configuration, empty for none."""
    found: Mapping[str, Any] = (exchange.deployed.api.get("CorsConfiguration") if exchange.deployed else None) or {}
    return found


def is_preflight(exchange: Exchange) -> bool:
    return (
        exchange.request.method == "OPTIONS"
        and bool(exchange.header("origin"))
        and bool(exchange.header("access-control-request-method"))
    )


def _origin(exchange: Exchange, cors: Mapping[str, Any]) -> str:
    """What the answer says about the asking page's origin, "" for nothing."""
    origin, allowed = exchange.header("origin"), cors.get("AllowOrigins") or ()
    if "*" in allowed:
        return "*"
    for one in allowed:
        if one.lower() == origin.lower() or (one.endswith("://*") and origin.startswith(one[:-1])):
            return origin
    return ""


def _common(exchange: Exchange, cors: Mapping[str, Any]) -> Headers:
    origin = _origin(exchange, cors)
    if not origin:
        return []
    found = [("access-control-allow-origin", origin)]
    if cors.get("AllowCredentials"):
        found.append(("access-control-allow-credentials", "true"))
    if origin != "*":
        found.append(("vary", "Origin"))
    return found


def preflight(exchange: Exchange, cors: Mapping[str, Any]) -> Response:
    """The answer to a preflight that no route takes."""
    headers = _common(exchange, cors)
    if headers:
        for name, key in (("methods", "AllowMethods"), ("headers", "AllowHeaders")):
            if cors.get(key):
                headers.append((f"access-control-allow-{name}", ",".join(cors[key])))
        if cors.get("MaxAge") is not None:
            headers.append(("access-control-max-age", str(cors["MaxAge"])))
    return Response(204, headers)


def applied(exchange: Exchange, headers: Headers) -> Headers:
    """A response's headers with the API's CORS headers instead of those that the backend sent."""
    cors = rules(exchange)
    if not cors:
        return headers
    kept = [pair for pair in headers if not pair[0].lower().startswith("access-control-")]
    if not exchange.header("origin"):
        return kept
    own = _common(exchange, cors)
    if own and cors.get("ExposeHeaders"):
        own.append(("access-control-expose-headers", ",".join(cors["ExposeHeaders"])))
    return kept + own
