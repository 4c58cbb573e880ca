"""The source of a copy: named by a header, found, allowed, and read as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from haneul.service import Call
from haneul.services.s3 import bodies, conditions, encryption, objects, points
from haneul.services.s3.buckets import check_owner
from haneul.services.s3.errors import errors, invalid_argument, no_such_bucket
from haneul.services.s3.guard import require
from haneul.services.s3.state import Bucket, Object, find_bucket
from haneul.state.store import Reader
from haneul.wire.errors import AwsError
from haneul.wire.message import FileRange

_PIECE = 1 << 20


class Named(NamedTuple):
    """What x-amz-copy-source names."""

    bucket: str
    key: str
    version: str | None


class Source(NamedTuple):
    """A copy's source, found: the object, and the key that opens its bytes (None: they are plain)."""

    bucket: Bucket
    key: str
    found: Object
    secret: bytes | None
    version: str | None


def named(request: Mapping[str, Any]) -> Named:
    """The parsed x-amz-copy-source. Raises InvalidArgument."""
    given = request["CopySource"]
    if isinstance(given, Mapping):  # in process
        return Named(given["Bucket"], given["Key"], given.get("VersionId"))
    path, question, query = str(given).partition("?")
    version = None
    if question:
        if query.startswith("versionId="):
            version = unquote(query.removeprefix("versionId="))
        else:
            path = str(given)
    path = unquote(path).removeprefix("/")
    bucket, _, key = path.partition("/object/" if path.startswith("arn:") else "/")
    if not bucket or not key:
        raise invalid_argument(
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            "x-amz-copy-source",
            given,
        )
    if version == "":
        raise invalid_argument("Version id cannot be the empty string", "x-amz-copy-source", given)
    return Named(bucket, key, version)


def source_of(call: Call, tx: Reader, request: Mapping[str, Any]) -> Source:
    """The source, with its conditions, owner and customer key checked."""
    name = named(request)
    point = points.find(call, tx, name.bucket) if points.may_name(name.bucket) else None
    bucket = find_bucket(tx, name.bucket) if point is None else points.bucket_of(tx, point)
    if bucket is None:
        raise no_such_bucket(name.bucket)
    expected = request.get("ExpectedSourceBucketOwner")
    if expected is not None:
        check_owner(expected, bucket)
    action = "s3:GetObject" if name.version is None else "s3:GetObjectVersion"
    with points.through(call, point):
        if point is not None:
            points.check(call, tx, point, action, {"Bucket": bucket.name, "Key": name.key})
        require(call, tx, bucket, action, name.key)
    try:
        found = objects.visible(tx, bucket, name.key, name.version)
    except AwsError as error:
        if error.code != "MethodNotAllowed":
            raise
        raise errors.InvalidRequest(
            "The source of a copy request may not specifically refer to a delete marker by version id."
        ) from None
    secret = encryption.read_key(call, found.cipher, request, "CopySourceSSECustomer")
    conditions.check_copy_source(request, found.entry, call.now())
    _check_active(call, found)
    return Source(bucket, name.key, found, secret, name.version)


def _check_active(call: Call, found: Object) -> None:
    """Raise for an archived source that isn't restored: CopyObject has an error of its own for it."""
    try:
        objects.check_readable(call, found)
    except AwsError:
        if call.operation != "CopyObject":
            raise
        raise errors.ObjectNotInActiveTierError(
            "The source object of the COPY operation is not in the active tier and is only stored in Amazon Glacier."
        ) from None


def payload(call: Call, tx: Reader, source: Source, span: tuple[int, int] | None) -> bodies.Payload:
    """The bytes to copy; files among them are held until the payload is let go."""
    result: bodies.Payload = bodies.read(
        call, tx, source.bucket, source.key, source.found, span=span, key=source.secret
    )
    return result


async def stream(payload: bodies.Payload) -> AsyncIterator[bytes]:
    """A payload piece by piece, files read in threads."""
    if isinstance(payload, bytes):
        yield payload
    elif isinstance(payload, list):
        for piece in payload:
            if isinstance(piece, bytes):
                yield piece
                continue
            for offset in range(0, piece.length, _PIECE):
                yield await asyncio.to_thread(_read, piece, offset, min(_PIECE, piece.length - offset))
    else:
        async for part in payload:
            yield part


def _read(piece: FileRange, offset: int, length: int) -> bytes:
    with open(piece.path, "rb", buffering=0) as file:
        file.seek(piece.offset + offset)
        data = file.read(length)
        while len(data) < length:
            more = file.read(length - len(data))
            if not more:
                raise OSError(f"{piece.path} ends before its body does")
            data += more
    return data
