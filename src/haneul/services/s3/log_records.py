"""One request as a line of a server access log: 27 fields with spaces between them, `-` where there is nothing to tell.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import quote

from haneul.auth.canonical_users import canonical_id
from haneul.auth.principals import Principal
from haneul.services.s3.state import Bucket
from haneul.wire.message import Request, Response
from haneul.wire.rest import host_id

_OPERATIONS = {
    "GetObject": "GET.OBJECT",
    "HeadObject": "HEAD.OBJECT",
    "DeleteObject": "DELETE.OBJECT",
    "CopyObject": "COPY.OBJECT",
    "DeleteObjects": "POST.MULTI_OBJECT_DELETE",
    "CreateMultipartUpload": "POST.UPLOADS",
    "UploadPart": "PUT.PART",
    "UploadPartCopy": "COPY.PART",
    "CompleteMultipartUpload": "POST.UPLOAD",
    "AbortMultipartUpload": "DELETE.UPLOAD",
    "ListParts": "GET.UPLOAD",
    "ListMultipartUploads": "GET.UPLOADS",
    "ListObjects": "GET.BUCKET",
    "ListObjectsV2": "GET.BUCKET",
    "ListObjectVersions": "GET.BUCKETVERSIONS",
    "HeadBucket": "HEAD.BUCKET",
    "DeleteBucket": "DELETE.BUCKET",
    "RestoreObject": "POST.RESTORE",
    "SelectObjectContent": "POST.SELECT",
    "GetObjectAttributes": "GET.OBJECT_ATTRIBUTES",
}
"""Operation -> what a record calls it; the others are called after their configuration."""
_RESOURCES = {
    "BucketPolicy": "BUCKETPOLICY",
    "BucketLogging": "LOGGING_STATUS",
    "BucketNotificationConfiguration": "NOTIFICATION",
    "BucketNotification": "NOTIFICATION",
    "BucketLifecycleConfiguration": "LIFECYCLE",
    "BucketAccelerateConfiguration": "ACCELERATE",
    "BucketAcl": "ACL",
    "ObjectAcl": "ACL",
    "ObjectLegalHold": "LEGAL_HOLD",
    "ObjectRetention": "RETENTION",
}
_WORD = re.compile(r"[A-Z][a-z0-9]*")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f"]')
_SIGNED = (("X-Amz-Signature=", "SigV4"), ("Signature=", "SigV2"))


def line(
    bucket: Bucket,
    request: Request,
    response: Response,
    *,
    operation: str,
    principal: Principal,
    request_id: str,
    when: float,
    took: float,
    error: str,
    key: str | None,
    version: str | None,
    website: bool = False,
    point: str | None = None,
) -> str:
    """The record of one answered request, with its end of line. `took` is seconds, `point` the ARN of the access point
    that the request came by."""
    headers = request.headers
    told = {name.lower(): value for name, value in response.headers}
    milliseconds = str(max(1, round(took * 1000)))
    fields = (
        canonical_id(bucket.owner),
        bucket.name,
        datetime.fromtimestamp(when, UTC).strftime("[%d/%b/%Y:%H:%M:%S +0000]"),
        request.client or "-",
        requester(principal),
        request_id,
        f"WEBSITE.{request.method}.OBJECT" if website else f"REST.{operation_name(operation, request.method)}",
        "-" if key is None else quote(key, safe="/-._~", errors="surrogatepass"),
        _quoted(f"{request.method} {request.path}{'?' + request.query if request.query else ''} HTTP/1.1"),
        str(response.status),
        error or told.get("x-amz-error-code", "-"),
        sent(request, response, told),
        _size(operation, request, told),
        milliseconds,
        milliseconds,
        _quoted(headers.get("referer", "")),
        _quoted(headers.get("user-agent", "")),
        version or "-",
        host_id(request_id),
        *_signature(request),
        _bare(headers.get("host", "")),
        "-",
        point or "-",
        "-",
        bucket.region,
    )
    return " ".join(fields) + "\n"


def operation_name(operation: str, method: str) -> str:
    """GetObject -> GET.OBJECT, PutBucketPublicAccessBlock -> PUT.PUBLIC_ACCESS_BLOCK."""
    known = _OPERATIONS.get(operation)
    if known is not None:
        return known
    if operation == "PutObject":
        return f"{method}.OBJECT"  # POST: a browser's form
    words = _WORD.findall(operation)
    noun = "".join(words[1:])
    resource = _RESOURCES.get(noun)
    if resource is None:
        kept = [word.upper() for word in words[1:] if word not in ("Bucket", "Configuration", "Configurations")]
        resource = "_".join(kept) or "BUCKET"
    return f"{method}.{resource}"


def requester(principal: Principal) -> str:
    """Root by its canonical id, users and sessions by their ARN, nobody as `-`."""
    if principal.kind == "root":
        return canonical_id(principal.account)
    return principal.arn or "-"


def _signature(request: Request) -> tuple[str, str, str]:
    """Signature version, cipher suite (which the server isn't told), and where the signature was."""
    authorization = request.headers.get("authorization", "")
    if authorization:
        return "SigV4" if authorization.startswith("AWS4") else "SigV2", "-", "AuthHeader"
    for mark, version in _SIGNED:
        if mark in request.query:
            return version, "-", "QueryString"
    return "-", "-", "-"


def sent(request: Request, response: Response, told: dict[str, str]) -> str:
    """The bytes of an answer's body, as text."""
    if request.method == "HEAD" or response.status in (204, 304):
        return "-"
    body = response.body
    if isinstance(body, bytes):
        return str(len(body)) if body else "-"
    if isinstance(body, list | tuple):
        return str(sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in body)) or "-"
    return told.get("content-length", "-")


def received(request: Request) -> str:
    """The bytes of a request's body, as text."""
    headers = request.headers
    return headers.get("x-amz-decoded-content-length") or headers.get("content-length") or "-"


def _size(operation: str, request: Request, told: dict[str, str]) -> str:
    """The object's size, of those operations that carry one."""
    if operation in ("PutObject", "UploadPart"):
        return received(request)
    if operation in ("GetObject", "HeadObject"):
        whole = told.get("content-range", "").rpartition("/")[2] or told.get("content-length", "")
        return whole if whole.isdigit() else "-"
    return "-"


def _quoted(text: str) -> str:
    return f'"{_UNSAFE.sub(_escape, text)}"' if text else '"-"'


def _bare(text: str) -> str:
    return _UNSAFE.sub(_escape, text).replace(" ", "%20") or "-"


def _escape(found: re.Match[str]) -> str:
    """A character that would end a field or a line, as Apache's logs spell it."""
    return f"\\x{ord(found[0]):02x}"
