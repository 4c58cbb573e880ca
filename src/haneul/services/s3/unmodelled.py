"""Requests that S3 answers though its model has no operation for them: preflights, browser forms, web sites."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from haneul.service import Call
from haneul.services.s3 import cors
from haneul.wire.message import Request, Response

if TYPE_CHECKING:
    from haneul.gateway.route import Target


def answer(call: Call, request: Request, target: Target) -> Response | Awaitable[Response | None] | None:
    """The answer, or None when it is nobody's."""
    bucket = target.host.bucket or request.path[1:].partition("/")[0]
    if request.method == "OPTIONS":
        return cors.preflight(call, request, bucket)
    return None
