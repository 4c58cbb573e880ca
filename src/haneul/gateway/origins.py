"""Which web pages may call us. Without this, any page that the user opens could drive the cloud on loopback.

A page of this machine (http://localhost:3000) may do everything, a foreign one only what a room's own CORS
rules allow it (S3's buckets), or read what is public without seeing it.
"""

from __future__ import annotations

from haneul.gateway.rooms import Room
from haneul.gateway.route import Routes, Target
from haneul.service import Call
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response

Headers = list[tuple[str, str]]
_METHODS = "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS"
_EXPOSED = "x-amzn-requestid, x-amz-request-id, x-amz-version-id, etag, x-amzn-errortype, x-amz-crc32, date"


class Origins:
    """Checks the Origin of each request that has one."""

    def __init__(self, routes: Routes) -> None:
        self._hosts = routes.hosts

    def check(self, call: Call, request: Request, room: Room, target: Target) -> Headers:
        """The CORS headers of the answer. Raises AccessDenied for a foreign page that may not do this."""
        raw = target.raw or (not target.operation and room.raw is not None and target.host.labels)
        if raw and target.service != "s3":
            return []  # the endpoint of somebody's own API: its CORS is the room's business
        origin = request.headers["origin"]
        own = room.origins(call, request, target.labels) if room.origins is not None else None
        if own is not None:
            headers: Headers = own
            return headers
        if self._hosts.is_local_origin(origin):
            if room.origins is not None and target.labels:
                return []
            return [
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Expose-Headers", _EXPOSED),
                ("Vary", "Origin"),
            ]
        if room.origins is not None and (request.method in ("GET", "HEAD", "OPTIONS") or _is_same(origin, request)):
            return []
        if _is_same(origin, request):
            return []
        raise AwsError("AccessDenied", f"Pages of {origin} may not call this cloud.", 403)

    def preflight(self, request: Request, extra: Headers | None) -> Response | None:
        """The answer to a local page's preflight; None when the room is to answer it, or it is none."""
        if request.method != "OPTIONS" or not extra or request.path != "/":
            return None
        wanted = request.headers.get("access-control-request-headers", "*")
        return Response(
            204,
            [
                ("Access-Control-Allow-Methods", _METHODS),
                ("Access-Control-Allow-Headers", wanted),
                ("Access-Control-Max-Age", "600"),
            ],
        )


def _is_same(origin: str, request: Request) -> bool:
    return origin.partition("://")[2] == request.headers.get("host", "")
