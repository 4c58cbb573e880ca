"""The answers that no integration gave, as AWS words them."""

from __future__ import annotations

import orjson

from haneul.wire.message import Response

Headers = list[tuple[str, str]]


class Refused(Exception):
    """The request gets this status and message. kind: what $context.error.responseType tells."""

    def __init__(self, status: int, message: str, kind: str = "", headers: Headers | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.headers = headers or []


def response(refused: Refused) -> Response:
    body = orjson.dumps({"message": refused.message})
    return Response(refused.status, [("Content-Type", "application/json"), *refused.headers], body)


def not_found() -> Refused:
    return Refused(404, "Not Found", "RESOURCE_NOT_FOUND")


def forbidden(kind: str = "ACCESS_DENIED") -> Refused:
    return Refused(403, "Forbidden", kind)


def unauthorized(headers: Headers | None = None) -> Refused:
    return Refused(401, "Unauthorized", "UNAUTHORIZED", headers)


def broken(kind: str = "INTEGRATION_FAILURE") -> Refused:
    """The API, not the request, is at fault."""
    return Refused(500, "Internal Server Error", kind)


def unavailable() -> Refused:
    return Refused(503, "Service Unavailable", "INTEGRATION_FAILURE")


def throttled() -> Refused:
    return Refused(429, "Too Many Requests", "THROTTLED")
