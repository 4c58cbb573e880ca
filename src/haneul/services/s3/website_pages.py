"""The website endpoint, <bucket>.s3-website-<region>.<domain>: anonymous reads, answered with pages for people.

A visitor gets the page, the index of its folder, a redirect by a rule or by the object, the error document, or S3's own
error page. A bucket named like a host (www.example.com) answers that host too, as a CNAME has it on AWS.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote

from haneul.auth.principals import ANONYMOUS
from haneul.service import Call, Scope
from haneul.services.s3 import cors, objects, watching
from haneul.services.s3.errors import errors, no_such_bucket
from haneul.services.s3.guard import guard
from haneul.services.s3.state import Bucket, find_bucket
from haneul.services.s3.websites import no_website
from haneul.state.store import Reader
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response
from haneul.wire.rest import host_id

HOST = "s3-website"
_SAFE = "/-_.~!$&'()*+,;=:@"
_ABSENT = {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "range"}
"""Headers that are about the page asked for, not about the error document in its place."""
Redirect = Mapping[str, Any]


def claims(tx: Reader, name: str) -> bool:
    """Whether a host name that nobody else has is that of a bucket with a website."""
    if "." not in name:
        return False
    bucket = find_bucket(tx, name)
    return bucket is not None and "website" in bucket.settings


def visit(call: Call, request: Request, name: str) -> Response:
    """The answer to a visitor of the website of the bucket `name`; always one, be it an error page."""
    call.principal = ANONYMOUS
    try:
        return _visit(call, request, name)
    except AwsError as error:
        return _page(call, request, error)


def _visit(call: Call, request: Request, name: str) -> Response:
    with call.read() as tx:
        bucket = find_bucket(tx, name)
    if bucket is None:
        raise no_such_bucket(name)
    call.scope = Scope(bucket.owner, bucket.region)
    website = bucket.settings.get("website")
    if website is None:
        raise no_website(name)
    if request.method == "OPTIONS":
        answer = cors.preflight(call, request, name)
        assert answer is not None
        return answer
    key = unquote(request.path[1:], errors="surrogateescape")
    if "logging" in bucket.settings or "metrics" in bucket.settings:
        watching.watch(call, bucket, {"Key": key or None}, website=True)
    if request.method not in ("GET", "HEAD"):
        raise errors.MethodNotAllowed(
            "The specified method is not allowed against this resource.",
            headers={"Allow": "GET, HEAD, OPTIONS"},
            Method=request.method,
            ResourceType="OBJECT" if key else "BUCKET",
        )
    if bucket.settings.get("payer") == "Requester":
        raise errors.AccessDenied("Access Denied")
    everything = website.get("RedirectAllRequestsTo")
    if everything is not None:
        return _sent(request, everything, request.path[1:] + (f"?{request.query}" if request.query else ""))
    for rule in website.get("RoutingRules") or ():
        if _applies(rule, key, None):
            return _sent(request, rule["Redirect"], _replaced(rule, key))
    return _read(call, request, bucket, website, key)


def _read(call: Call, request: Request, bucket: Bucket, website: Mapping[str, Any], key: str) -> Response:
    """The page at the key, or what stands for it."""
    suffix = website["IndexDocument"]["Suffix"]
    folder = not key or key.endswith("/")
    try:
        return _object(call, request, bucket, key + suffix if folder else key)
    except AwsError as error:
        if not folder and error.status in (403, 404) and _is_there(call, bucket, f"{key}/{suffix}"):
            return Response(302, _redirect_headers(f"/{quote(key, safe=_SAFE)}/"))
        for rule in website.get("RoutingRules") or ():
            if _applies(rule, key, error.status):
                return _sent(request, rule["Redirect"], _replaced(rule, key))
        document = (website.get("ErrorDocument") or {}).get("Key")
        if document is None or not 400 <= error.status < 500:
            raise
        return _error_document(call, request, bucket, document, error)


def _object(call: Call, request: Request, bucket: Bucket, key: str, *, instead: bool = False) -> Response:
    """The object as anybody may read it, or where its x-amz-website-redirect-location sends."""
    headers = request.headers
    if instead:
        headers = {name: value for name, value in headers.items() if name not in _ABSENT}
    room = call.cloud.rooms.get("s3")
    prepared = room.prepared("GetObject", "rest-xml") if room is not None else None
    assert prepared is not None
    call.operation = "GetObject"
    members = prepared.translator.parse(
        Request(request.method, request.path, "", headers), {"Bucket": bucket.name, "Key": key}
    )
    call.cloud.gate.authorise(call, prepared.spec, members, guard, "s3")
    read = objects.head_object if request.method == "HEAD" else objects.get_object
    told = read(call, members)
    call.cloud.performer.count_usage(call, "GetObject")
    call.usage = None
    location = told.pop("WebsiteRedirectLocation", None)
    if location is not None:
        call.status = None
        return Response(301, _redirect_headers(location))
    return prepared.translator.serialize(told, call.request_id)


def _is_there(call: Call, bucket: Bucket, key: str) -> bool:
    """Whether anybody may read an object at the key."""
    call.operation = "HeadObject"
    members = {"Bucket": bucket.name, "Key": key}
    try:
        call.cloud.gate.authorise(call, _operation(objects.head_object), members, guard, "s3")
        objects.head_object(call, members)
    except AwsError:
        return False
    return True


def _operation(function: Any) -> Any:
    return function.__operation__


def _error_document(call: Call, request: Request, bucket: Bucket, document: str, error: AwsError) -> Response:
    try:
        response = _object(call, request, bucket, document, instead=True)
    except AwsError as second:
        return _page(call, request, error, second)
    if response.status == 200:
        call.status = None
        response.status = error.status
        response.headers += _about(error)
    return response


# Rules


def _applies(rule: Mapping[str, Any], key: str, status: int | None) -> bool:
    """Whether a rule is about this key and the error that reading it gave (None: before anything is read)."""
    condition = rule.get("Condition") or {}
    code = condition.get("HttpErrorCodeReturnedEquals")
    if (code is None) != (status is None) or (code is not None and int(code) != status):
        return False
    return key.startswith(condition.get("KeyPrefixEquals") or "")


def _replaced(rule: Mapping[str, Any], key: str) -> str:
    """The key that a rule sends to. What the rule itself says goes out as it is: it may hold a query."""
    redirect = rule["Redirect"]
    if redirect.get("ReplaceKeyWith") is not None:
        return str(redirect["ReplaceKeyWith"])
    if redirect.get("ReplaceKeyPrefixWith") is not None:
        prefix = (rule.get("Condition") or {}).get("KeyPrefixEquals") or ""
        return str(redirect["ReplaceKeyPrefixWith"]) + quote(key[len(prefix) :], safe=_SAFE)
    return quote(key, safe=_SAFE)


def _sent(request: Request, redirect: Redirect, path: str) -> Response:
    protocol = redirect.get("Protocol") or ("https" if request.secure else "http")
    host = redirect.get("HostName") or request.headers.get("host", "")
    code = int(redirect.get("HttpRedirectCode") or 301)
    return Response(code, _redirect_headers(f"{protocol}://{host}/{path}"))


def _redirect_headers(location: str) -> list[tuple[str, str]]:
    clean = "".join(quote(c) if ord(c) < 33 or ord(c) > 126 else c for c in location)  # no header ends within it
    return [("Location", clean)]


# S3's own pages


def _about(error: AwsError) -> list[tuple[str, str]]:
    """An error as headers tell it."""
    told = [("x-amz-error-code", error.code), ("x-amz-error-message", error.message)]
    told += [(f"x-amz-error-detail-{name}", quote(str(value), safe=_SAFE)) for name, value in error.members.items()]
    return told + list(error.headers.items())


def _page(call: Call, request: Request, error: AwsError, second: AwsError | None = None) -> Response:
    call.status = None
    if error.status == 304:
        return Response(304, list(error.headers.items()))
    title = f"{error.status} {HTTPStatus(error.status).phrase}"
    items = [*_items(error), ("RequestId", call.request_id), ("HostId", host_id(call.request_id))]
    lines = ["<html>", f"<head><title>{title}</title></head>", "<body>", f"<h1>{title}</h1>", *_list(items)]
    if second is not None:
        lines.append("<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>")
        lines += _list(_items(second))
    lines += ["<hr/>", "</body>", "</html>", ""]
    headers = [
        *_about(error),
        ("x-amz-request-id", call.request_id),
        ("x-amz-id-2", host_id(call.request_id)),
        ("Content-Type", "text/html; charset=utf-8"),
    ]
    return Response(error.status, headers, "\n".join(lines).encode("utf-8", "replace"))


def _items(error: AwsError) -> list[tuple[str, str]]:
    more = [(name, str(value)) for name, value in error.members.items() if value is not None]
    return [("Code", error.code), ("Message", error.message), *more]


def _list(items: list[tuple[str, str]]) -> list[str]:
    return ["<ul>", *(f"<li>{name}: {escape(value)}</li>" for name, value in items), "</ul>"]
