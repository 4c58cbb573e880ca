"""What is stored with an object beside its bytes: system headers, user metadata, storage class."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header
from typing import Any
from urllib.parse import parse_qsl

from haneul.service import Call
from haneul.services.s3.errors import errors

SYSTEM = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires")
STORAGE_CLASSES = frozenset(
    {
        "STANDARD",
        "REDUCED_REDUNDANCY",
        "STANDARD_IA",
        "ONEZONE_IA",
        "INTELLIGENT_TIERING",
        "GLACIER",
        "DEEP_ARCHIVE",
        "GLACIER_IR",
    }
)
_OVERRIDES = (
    ("ResponseCacheControl", "CacheControl"),
    ("ResponseContentDisposition", "ContentDisposition"),
    ("ResponseContentEncoding", "ContentEncoding"),
    ("ResponseContentLanguage", "ContentLanguage"),
    ("ResponseContentType", "ContentType"),
    ("ResponseExpires", "Expires"),
)
_OVERRIDING = frozenset(member for member, _ in _OVERRIDES)
METADATA_LIMIT = 2048
DEFAULT_TYPE = "binary/octet-stream"


def system_headers(call: Call, request: Mapping[str, Any]) -> dict[str, str]:
    """The system metadata of an object to be written, by member name."""
    headers = {name: request[name] for name in SYSTEM if name in request}
    if "Expires" in headers:  # kept as it was sent, even when it is no date
        raw = call.http.headers.get("expires") if call.http is not None else None
        headers["Expires"] = raw if raw is not None else str(headers["Expires"])
    encoding = headers.get("ContentEncoding")
    if encoding is not None and "aws-chunked" in encoding:
        kept = [token for each in encoding.split(",") if (token := each.strip()) != "aws-chunked"]
        headers["ContentEncoding"] = ",".join(kept)
    if not headers.get("ContentType"):
        headers["ContentType"] = DEFAULT_TYPE
    redirect = request.get("WebsiteRedirectLocation")
    if redirect is not None:
        if not redirect.startswith(("/", "http://", "https://")):
            raise errors.InvalidRedirectLocation(
                "The website redirect location must have a prefix of 'http://' or 'https://' or '/'."
            )
        headers["WebsiteRedirectLocation"] = redirect
    return {name: value for name, value in headers.items() if value != ""}


def user_metadata(request: Mapping[str, Any]) -> dict[str, str]:
    """The user's metadata, names in lower case, values decoded. Raises MetadataTooLarge above 2 KB."""
    given = request.get("Metadata")
    if not given:
        return {}
    metadata = {name.lower(): _decoded(value) for name, value in given.items()}
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > METADATA_LIMIT:
        raise errors.MetadataTooLarge(
            "Your metadata headers exceed the maximum allowed metadata size",
            Size=size,
            MaxSizeAllowed=METADATA_LIMIT,
        )
    return metadata


def _decoded(value: str) -> str:
    """A header value whose encoded words (RFC 2047) are read, as S3 does before it stores them."""
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value)
        return "".join(
            piece if isinstance(piece, str) else piece.decode(charset or "ascii", "replace")
            for piece, charset in pieces
        )
    except (HeaderParseError, LookupError, ValueError):
        return value


def shown(metadata: dict[str, str]) -> dict[str, str]:
    """User metadata as headers can carry it: what isn't printable ASCII becomes an encoded word (RFC 2047)."""
    if all(value.isascii() and value.isprintable() for value in metadata.values()):
        return metadata
    return {
        name: value
        if value.isascii() and value.isprintable()
        else f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="
        for name, value in metadata.items()
    }


def storage_class(request: Mapping[str, Any]) -> str:
    """The storage class asked for, "" for STANDARD. Raises InvalidStorageClass."""
    wanted: str | None = request.get("StorageClass")
    if wanted is None or wanted == "STANDARD":
        return ""
    if wanted not in STORAGE_CLASSES:
        raise errors.InvalidStorageClass("The storage class you specified is not valid", StorageClassRequested=wanted)
    return wanted


def overridden(call: Call, headers: dict[str, str], request: Mapping[str, Any]) -> dict[str, str]:
    """The system metadata with the response-* parameters of a signed GET or HEAD in place."""
    if _OVERRIDING.isdisjoint(request):
        return headers
    changes = {name: request[member] for member, name in _OVERRIDES if member in request}
    if call.principal.kind == "anonymous":
        raise errors.InvalidRequest("Request specific response headers cannot be used for anonymous GET requests.")
    if "Expires" in changes and call.http is not None:  # as it was sent, be it a date or not
        changes["Expires"] = dict(parse_qsl(call.http.query, keep_blank_values=True)).get("response-expires", "")
    return headers | {name: str(value) for name, value in changes.items()}
