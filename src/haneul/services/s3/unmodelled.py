"""Requests that S3 answers though its model has no operation for them: preflights, browser forms, web sites."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from haneul.service import Call
from haneul.services.s3 import cors, posts, website_pages
from haneul.wire.message import Request, Response

if TYPE_CHECKING:
    from haneul.gateway.route import Target


def answer(call: Call, request: Request, target: Target) -> Response | Awaitable[Response | None] | None:
    """The answer, or None when it is nobody's."""
    if target.raw:
        named = target.host.service == website_pages.HOST
        return website_pages.visit(call, request, target.host.bucket if named else cors.host_of(request))
    hosted = target.labels.get("Bucket", target.host.bucket)
    bucket, _, key = (f"{hosted}{request.path}" if hosted else request.path[1:]).partition("/")
    if request.method == "OPTIONS":
        return cors.preflight(call, request, bucket)
    if bucket and not key and not request.query and posts.is_form(request):
        return posts.upload(call, request, bucket, bool(hosted))
    return None
