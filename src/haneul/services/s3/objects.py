"""Objects: put, get, head. (Deleting is in deletes.py, copying in copies.py.)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.s3 import (
    bodies,
    conditions,
    context,
    digests,
    encryption,
    index,
    lifecycle_rules,
    locks,
    metadata,
    writes,
)
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import errors, no_such_key, no_such_version, not_implemented
from haneul.services.s3.guard import may, object_arn
from haneul.services.s3.plane import bodies as intake
from haneul.services.s3.plane import ranges
from haneul.services.s3.state import Bucket, Object
from haneul.services.s3.versions import version_id
from haneul.state.store import Reader
from haneul.wire.errors import AwsError
from haneul.wire.message import Body

_ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")


@operation(resource=object_arn, conditions=context.keys)
def put_object(call: Call, request: Mapping[str, Any]) -> Any:
    """PutObject. A body that is all here is stored at once; one still arriving is taken in as it comes."""
    writes.check_key(request["Key"])
    if "WriteOffsetBytes" in request:
        raise not_implemented("x-amz-write-offset-bytes")
    body = writes.body_of(call, request)
    data = body if isinstance(body, bytes) else body.buffered
    if data is None:
        assert not isinstance(body, bytes)
        return _put_arriving(call, request, body)
    claim = digests.claimed(call, request)
    md5 = digests.content_md5(request)
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        made = writes.draft(call, bucket, request)
        received = intake.take(data, (claim.algorithm,), encryption.write_key(call, made.cipher, request))
        digests.check_md5(md5, received.md5)
        if claim.chosen:
            digests.check(claim, writes.trailers_of(body), received.checksums[claim.algorithm])
        writes.fill(made, received, claim)
        writes.commit(call, tx, bucket, request, made, event="ObjectCreated:Put", chunks=received.chunks)
    return _put(bucket, request, made)


async def _put_arriving(call: Call, request: Mapping[str, Any], body: Body) -> dict[str, Any]:
    claim = digests.claimed(call, request)
    md5 = digests.content_md5(request)
    with call.read() as tx:
        bucket = bucket_of(tx, request)
        if "IfMatch" in request or "IfNoneMatch" in request:  # refused before gigabytes have come
            conditions.check_write(request, request["Key"], index.current(tx, bucket, request["Key"]))
    made = writes.draft(call, bucket, request)
    received = await writes.take_in(
        call, body.__aiter__(), (claim.algorithm,), encryption.write_key(call, made.cipher, request)
    )
    try:
        digests.check_md5(md5, received.md5)
        digests.check(claim, body.trailers, received.checksums[claim.algorithm])
    except AwsError:
        await writes.discard(call, received.blob)
        raise
    writes.fill(made, received, claim)
    bucket = await writes.commit_file(call, request, made, received, "ObjectCreated:Put")
    return _put(bucket, request, made)


def _put(bucket: Bucket, request: Mapping[str, Any], made: Object) -> dict[str, Any]:
    told = writes.answer(bucket, request, made)
    told[f"Checksum{made.entry.algorithm}"] = made.checksum
    told["ChecksumType"] = "FULL_OBJECT"
    return told


@operation(
    resource=object_arn,
    action=lambda call, request: "s3:GetObjectVersion" if "VersionId" in request else "s3:GetObject",
    conditions=context.keys,
)
def get_object(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetObject: all of it, a range, or a part. Raises NoSuchKey, NoSuchVersion, MethodNotAllowed (delete marker),
    InvalidRange, PreconditionFailed, InvalidObjectState (archived)."""
    key = request["Key"]
    with call.read() as tx:
        bucket = _bucket(call, tx, request)
        found = _found(call, tx, bucket, request)
        secret = encryption.read_key(call, found.cipher, request)
        told = _conditional(call, bucket, found, request)
        if told is not None:
            return told
        check_readable(call, found)
        told = describe(call, bucket, found, request)
        whole = told.get(f"Checksum{found.entry.algorithm}")
        span = _span(call, found, request, told)
        if whole is not None and "PartNumber" in request:
            told |= _part_checksum(tx, bucket, found, request["PartNumber"])
        told["Body"] = bodies.read(call, tx, bucket, key, found, span=span, key=secret)
    call.meter("DataTransfer-Out-Bytes", told["ContentLength"])
    return told


@operation(
    resource=object_arn,
    action=lambda call, request: "s3:GetObjectVersion" if "VersionId" in request else "s3:GetObject",
    conditions=context.keys,
)
def head_object(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """HeadObject: GetObject without the body; an archived object has a head all the same."""
    with call.read() as tx:
        bucket = _bucket(call, tx, request)
        found = _found(call, tx, bucket, request)
        encryption.read_key(call, found.cipher, request)
        told = _conditional(call, bucket, found, request)
        if told is not None:
            return told
        told = describe(call, bucket, found, request)
        _span(call, found, request, told)
        if found.entry.storage in _ARCHIVED:
            told["ArchiveStatus"] = None
    return told


def _bucket(call: Call, tx: Reader, request: Mapping[str, Any]) -> Bucket:
    """The bucket as the guard has just found it: a read needs no second look."""
    bucket: Bucket | None = call.found
    if bucket is None or "ExpectedBucketOwner" in request:
        return bucket_of(tx, request)
    return bucket


def _found(call: Call, tx: Reader, bucket: Bucket, request: Mapping[str, Any]) -> Object:
    """The object to read. Who may not list the bucket isn't told what is not in it: AccessDenied."""
    try:
        return visible(tx, bucket, request["Key"], request.get("VersionId"), call.operation)
    except AwsError as error:
        if error.code == "NoSuchKey" and not may(call, tx, bucket, "s3:ListBucket"):
            raise errors.AccessDenied("Access Denied", headers=error.headers) from None
        raise


def visible(tx: Reader, bucket: Bucket, key: str, version: str | None, operation_name: str = "GetObject") -> Object:
    """The version asked for, or the current one; errors where there is none or a delete marker stands for it."""
    if version is None:
        found = index.newest(tx, bucket, key)
        if found is None:
            writes.check_key(key)
            raise no_such_key(key)
        if found.entry.marker:
            error = no_such_key(key)
            error.headers = {"x-amz-delete-marker": "true", "x-amz-version-id": version_id(found.entry)}
            raise error
        return found
    if not bucket.versioning and version != "null":
        index.version(tx, bucket, key, version)  # tells a malformed id from an unknown one
        raise no_such_version(key, version)
    found = index.version(tx, bucket, key, version)
    if found.entry.marker:
        raise marker_refused(found, operation_name)
    return found


def marker_refused(found: Object, operation_name: str) -> AwsError:
    """MethodNotAllowed: a delete marker has nothing but its being there."""
    return errors.MethodNotAllowed(
        "The specified method is not allowed against this resource.",
        headers={
            "x-amz-delete-marker": "true",
            "x-amz-version-id": version_id(found.entry),
            "Allow": "DELETE",
            "Last-Modified": _http_date(found.entry.modified),
        },
        Method="HEAD" if operation_name.startswith("Head") else "PUT" if operation_name.startswith("Put") else "GET",
        ResourceType="DeleteMarker",
    )


def check_readable(call: Call, found: Object) -> None:
    """Raise InvalidObjectState for an archived object that isn't restored now."""
    entry = found.entry
    if entry.storage in _ARCHIVED:
        restored = entry.restored
        if restored is None or restored[0] or restored[1] <= call.now():
            raise errors.InvalidObjectState(
                "The operation is not valid for the object's storage class", StorageClass=entry.storage
            )


def describe(call: Call, bucket: Bucket, found: Object, request: Mapping[str, Any]) -> dict[str, Any]:
    """What GetObject and HeadObject tell of an object beside its bytes."""
    entry = found.entry
    told: dict[str, Any] = {
        "AcceptRanges": "bytes",
        "LastModified": entry.modified,
        "ContentLength": entry.size,
        "ETag": f'"{entry.etag}"',
        **metadata.overridden(call, found.headers, request),
        **encryption.describe(found.cipher, request),
    }
    if found.metadata:
        told["Metadata"] = metadata.shown(found.metadata)
    if bucket.versioning:
        told["VersionId"] = version_id(entry)
    if entry.storage:
        told["StorageClass"] = entry.storage
    if found.tags:
        told["TagCount"] = len(found.tags)
    if found.lock is not None:
        told |= locks.describe(found)
    if found.replication:
        told["ReplicationStatus"] = found.replication
    if "lifecycle" in bucket.settings and "VersionId" not in request:
        told["Expiration"] = lifecycle_rules.expiration(bucket, request["Key"], found)
    if entry.restored is not None:
        told["Restore"] = restore_header(entry.restored)
    if request.get("ChecksumMode") is not None and request["ChecksumMode"].upper() == "ENABLED":
        told |= digests.told(entry.algorithm, found.checksum, entry.composite)
    return told


def restore_header(restored: tuple[bool, int]) -> str:
    """The x-amz-restore header of (under way, until)."""
    under_way, until = restored
    if under_way:
        return 'ongoing-request="true"'
    return f'ongoing-request="false", expiry-date="{_http_date(until)}"'


def _conditional(call: Call, bucket: Bucket, found: Object, request: Mapping[str, Any]) -> dict[str, Any] | None:
    """The answer 304, if that is it."""
    if not conditions.check_read(request, found.entry, call.now()):
        return None
    call.status = 304
    told: dict[str, Any] = {"ETag": f'"{found.entry.etag}"', "LastModified": found.entry.modified}
    if "CacheControl" in found.headers:
        told["CacheControl"] = found.headers["CacheControl"]
    if bucket.versioning:
        told["VersionId"] = version_id(found.entry)
    return told


def _span(call: Call, found: Object, request: Mapping[str, Any], told: dict[str, Any]) -> tuple[int, int] | None:
    """Which bytes the request wants (None: all), with the answer's members changed to fit."""
    header = request.get("Range")
    number = request.get("PartNumber")
    if header is None and number is None:
        return None
    size = found.entry.size
    if number is not None:
        if header is not None:
            raise errors.InvalidRequest("Cannot specify both Range header and partNumber query parameter")
        span = _part(found, number)
        if found.runs is not None:
            told["PartsCount"] = found.parts_count
        if size == 0:
            return span
    else:
        assert header is not None
        try:
            wanted = ranges.parse(header, size)
        except ranges.Unsatisfiable:
            raise errors.InvalidRange(
                "The requested range is not satisfiable",
                headers={"Content-Range": f"bytes */{size}"},
                RangeRequested=header,
                ActualObjectSize=size,
            ) from None
        if wanted is None:
            return None
        span = wanted
    start, length = span
    told["ContentRange"] = f"bytes {start}-{start + length - 1}/{size}"
    told["ContentLength"] = length
    call.status = 206
    if length != size:  # a checksum of the whole would fail whoever checks the part against it
        for member in (f"Checksum{found.entry.algorithm}", "ChecksumType"):
            told.pop(member, None)
    return span


def _part_checksum(tx: Reader, bucket: Bucket, found: Object, number: int) -> dict[str, Any]:
    """The checksum of the one part that is asked for, in place of the whole's."""
    if found.runs is None:
        return {}
    part = index.part(tx, bucket, found.upload, bodies.part_number(found.runs, number))
    algorithm = found.entry.algorithm
    return {} if part is None else digests.told(algorithm, part.checksums[algorithm], found.entry.composite)


def _part(found: Object, number: int) -> tuple[int, int]:
    count = found.parts_count
    span = (0, found.entry.size) if number == 1 and not count else bodies.part_span(found.runs or [], number)
    if span is None or number < 1:
        raise errors.InvalidPartNumber(
            "The requested partnumber is not satisfiable",
            PartNumberRequested=number,
            ActualPartCount=max(1, count),
        )
    return span


def _http_date(when: float) -> str:
    from email.utils import formatdate

    return formatdate(when, usegmt=True)
