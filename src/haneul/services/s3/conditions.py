"""Conditional requests: what If-* headers ask of the object that is there. Source: RFC 9110, 13, as S3 reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.services.s3.errors import errors, no_such_key, not_implemented, precondition_failed
from haneul.services.s3.state import Entry, Upload

_PASS, _NOT_MODIFIED = False, True


def check_read(request: Mapping[str, Any], entry: Entry, now: float) -> bool:
    """Raise PreconditionFailed, or tell whether the answer is 304 Not Modified.

    If-Modified-Since in the future is no valid date (RFC 9110, 13.1.3) and doesn't count.
    """
    match = request.get("IfMatch")
    none_match = request.get("IfNoneMatch")
    if match is not None:
        if not _matches(match, entry.etag):
            raise precondition_failed("If-Match")
    elif (since := request.get("IfUnmodifiedSince")) is not None and entry.modified > since:
        raise precondition_failed("If-Unmodified-Since")
    if none_match is not None:
        return _NOT_MODIFIED if _matches(none_match, entry.etag) else _PASS
    since = request.get("IfModifiedSince")
    return _NOT_MODIFIED if since is not None and entry.modified <= since <= now else _PASS


def check_copy_source(request: Mapping[str, Any], entry: Entry, now: float) -> None:
    """The same for x-amz-copy-source-if-*: a source that wasn't modified is a failed precondition too."""
    match = request.get("CopySourceIfMatch")
    if match is not None:
        if not _matches(match, entry.etag):
            raise precondition_failed("x-amz-copy-source-If-Match")
    elif (since := request.get("CopySourceIfUnmodifiedSince")) is not None and entry.modified > since:
        raise precondition_failed("x-amz-copy-source-If-Unmodified-Since")
    none_match = request.get("CopySourceIfNoneMatch")
    if none_match is not None:
        if _matches(none_match, entry.etag):
            raise precondition_failed("x-amz-copy-source-If-None-Match")
    elif (since := request.get("CopySourceIfModifiedSince")) is not None and entry.modified <= since <= now:
        raise precondition_failed("x-amz-copy-source-If-Modified-Since")


def check_write(request: Mapping[str, Any], key: str, entry: Entry | None) -> None:
    """What a write asks of the version it would succeed: If-None-Match: * wants none, If-Match a certain one."""
    none_match = request.get("IfNoneMatch")
    if none_match is not None:
        if none_match != "*":
            raise not_implemented(
                "If-None-Match", "We don't accept the provided value of If-None-Match header for this API"
            )
        if request.get("IfMatch") is not None:
            raise not_implemented(
                "If-Match,If-None-Match", "Multiple conditional request headers present in the request"
            )
        if entry is not None and not entry.marker:
            raise precondition_failed("If-None-Match")
        return
    match = request.get("IfMatch")
    if match is not None:
        if match == "*":
            raise not_implemented("If-Match", "We don't accept the provided value of If-Match header for this API")
        if entry is None or entry.marker:
            raise no_such_key(key)
        if not _matches(match, entry.etag):
            raise precondition_failed("If-Match")


def check_undisturbed(request: Mapping[str, Any], upload: Upload, entry: Entry | None) -> None:
    """A multipart upload whose condition holds, but whose key was written or deleted while it went on, conflicts."""
    disturbed = upload.bereft if entry is None else entry.seq > upload.began
    if disturbed:
        raise errors.ConditionalRequestConflict(
            "The conditional request cannot succeed due to a conflicting operation against this resource.",
            Condition="If-Match" if "IfMatch" in request else "If-None-Match",
            Key=upload.key,
        )


def check_delete(request: Mapping[str, Any], entry: Entry | None) -> None:
    """What DeleteObject's If-Match asks ("*": that something is there). Size and time are for directory buckets."""
    for member, header in (
        ("IfMatchSize", "x-amz-if-match-size"),
        ("IfMatchLastModifiedTime", "x-amz-if-match-last-modified-time"),
    ):
        if member in request:
            raise not_implemented(header)
    match = request.get("IfMatch")
    if match is None:
        return
    if entry is None:
        raise no_such_key(request["Key"])
    if entry.marker or (match.strip() != "*" and not _matches(match, entry.etag)):
        raise precondition_failed("If-Match")


def _matches(header: str, etag: str) -> bool:
    """Whether an If-Match list (quoted or, as S3 allows, bare) names the entity tag."""
    header = header.strip()
    if header in ("*", etag, f'"{etag}"'):
        return True
    if "," not in header:
        return header.removeprefix("W/").strip('"') == etag
    return any(tag.strip().removeprefix("W/").strip('"') == etag for tag in header.split(","))
