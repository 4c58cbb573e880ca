"""Parts of multipart uploads: upload, copy, list."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.s3 import context, digests, encryption, index, lifecycle_rules, sources, uploads, writes
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import errors, invalid_argument
from haneul.services.s3.guard import object_arn
from haneul.services.s3.numbers import number
from haneul.services.s3.owners import owner
from haneul.services.s3.plane import bodies as intake
from haneul.services.s3.plane.encryption import derive
from haneul.services.s3.state import Part, Upload
from haneul.services.s3.versions import version_id
from haneul.state.store import Writer
from haneul.wire.errors import AwsError
from haneul.wire.message import Body

MAX_NUMBER = 10_000
MAX_LISTED = 1000
_SPAN = re.compile(r"bytes=(\d+)-(\d+)")


@operation(resource=object_arn, action="s3:PutObject", conditions=context.keys)
def upload_part(call: Call, request: Mapping[str, Any]) -> Any:
    """UploadPart. Raises NoSuchUpload, InvalidArgument, BadDigest, InvalidRequest (another checksum than agreed)."""
    body = writes.body_of(call, request)
    data = body if isinstance(body, bytes) else body.buffered
    _check_number(request["PartNumber"])
    claim = digests.claimed(call, request)
    md5 = digests.content_md5(request)
    with call.read() as tx:
        bucket = bucket_of(tx, request)
        upload = uploads.upload_of(tx, bucket, request)
    algorithms = _algorithms(upload, claim)
    salt, key = _part_key(call, upload, request)
    if data is None or len(data) > intake.INLINE_LIMIT:
        source = _once(data) if data is not None else body.__aiter__()  # type: ignore[union-attr]
        return _upload_large(call, request, upload, (source, body, claim, md5, algorithms, salt, key))
    received = intake.take(data, algorithms, key)
    _check(claim, md5, received, body)
    part = _part(call, request, upload, received, salt)
    with call.write() as tx:
        _commit(call, tx, request, part)
    return _uploaded(upload, part, claim, request)


async def _upload_large(call: Call, request: Mapping[str, Any], upload: Upload, how: tuple[Any, ...]) -> dict[str, Any]:
    source, body, claim, md5, algorithms, salt, key = how
    received = await writes.take_in(call, source, algorithms, key, intake.INLINE_LIMIT)
    try:
        _check(claim, md5, received, body)
    except AwsError:
        await writes.discard(call, received.blob)
        raise
    part = _part(call, request, upload, received, salt)
    await _commit_file(call, request, part)
    return _uploaded(upload, part, claim, request)


@operation(resource=object_arn, action="s3:PutObject", conditions=context.keys)
async def upload_part_copy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UploadPartCopy: all of an object, or a range of it, becomes a part. Raises InvalidArgument for the range."""
    _check_number(request["PartNumber"])
    with call.read() as tx:
        bucket = bucket_of(tx, request)
        upload = uploads.upload_of(tx, bucket, request)
        source = sources.source_of(call, tx, request)
        span = _span(request, source.found.entry.size)
        if (source.found.entry.size if span is None else span[1]) > writes.MAX_PUT:
            raise errors.InvalidRequest(
                "The specified copy source is larger than the maximum allowable size for a copy source: "
                f"{writes.MAX_PUT}"
            )
        payload = sources.payload(call, tx, source, span)
    salt, key = _part_key(call, upload, request)
    claim = digests.Claim(upload.algorithm, None, upload.chosen)
    received = await writes.take_in(call, sources.stream(payload), (upload.algorithm,), key, intake.INLINE_LIMIT)
    part = _part(call, request, upload, received, salt)
    await _commit_file(call, request, part)
    told = _uploaded(upload, part, claim, request)
    etag = told.pop("ETag")
    sums = {member: told.pop(member) for member in list(told) if member.startswith("Checksum")}
    if not upload.chosen:
        sums = {}
    told["CopyPartResult"] = {"ETag": etag, "LastModified": part.modified, **sums}
    if source.bucket.versioning:
        told["CopySourceVersionId"] = version_id(source.found.entry)
    return told


@operation(resource=object_arn, action="s3:ListMultipartUploadParts", conditions=context.keys)
def list_parts(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListParts, by number."""
    limit = min(number(request, "MaxParts", "max-parts", MAX_LISTED), MAX_LISTED)
    marker = number(request, "PartNumberMarker", "part-number-marker", 0)
    with call.read() as tx:
        bucket = bucket_of(tx, request)
        upload = uploads.upload_of(tx, bucket, request)
        found = list(index.parts(tx, bucket, upload.id, min(marker, MAX_NUMBER), limit + 1))
    more = len(found) > limit
    shown = found[:limit]
    told: dict[str, Any] = {
        "Bucket": bucket.name,
        "Key": upload.key,
        "UploadId": upload.id,
        "PartNumberMarker": marker,
        "NextPartNumberMarker": shown[-1].number if shown else 0,
        "MaxParts": limit,
        "IsTruncated": more and limit > 0,
        "Parts": [_listed(upload, part) for part in shown],
        "Initiator": uploads.shown_initiator(upload.initiator),
        "Owner": owner(upload.owner or bucket.owner),
        "StorageClass": upload.storage or "STANDARD",
        **lifecycle_rules.abortion(bucket, upload.key, upload.initiated),
    }
    if upload.chosen:
        told["ChecksumAlgorithm"] = upload.algorithm
        told["ChecksumType"] = "COMPOSITE" if upload.composite else "FULL_OBJECT"
    return told


def _listed(upload: Upload, part: Part) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "PartNumber": part.number,
        "LastModified": part.modified,
        "ETag": f'"{part.etag}"',
        "Size": part.size,
    }
    if upload.chosen:
        shown[f"Checksum{upload.algorithm}"] = part.checksums.get(upload.algorithm)
    return shown


def _check_number(number: int) -> None:
    if not 1 <= number <= MAX_NUMBER:
        raise invalid_argument("Part number must be an integer between 1 and 10000, inclusive", "partNumber", number)


def _algorithms(upload: Upload, claim: digests.Claim) -> tuple[str, ...]:
    """Which checksums of a part are computed: the upload's, and the client's own where the upload left it open."""
    if not claim.chosen or claim.algorithm == upload.algorithm:
        return (upload.algorithm,)
    if upload.chosen:
        raise errors.InvalidRequest(
            f"Checksum Type mismatch occurred, expected checksum Type: {upload.algorithm.lower()}, actual checksum "
            f"Type: {claim.algorithm.lower()}"
        )
    return upload.algorithm, claim.algorithm


def _part_key(call: Call, upload: Upload, request: Mapping[str, Any]) -> tuple[bytes, bytes | None]:
    """(salt, the part's own key) under the upload's; no key where nothing is sealed."""
    whole = uploads.part_key(call, upload, request)
    if whole is None:
        return b"", None
    salt = bytes.fromhex(tokens.random_hex(32))
    return salt, derive(whole, salt)


def _check(claim: digests.Claim, md5: bytes | None, received: intake.Received, body: bytes | Body) -> None:
    digests.check_md5(md5, received.md5)
    if claim.chosen:
        digests.check(claim, writes.trailers_of(body), received.checksums[claim.algorithm])


def _part(call: Call, request: Mapping[str, Any], upload: Upload, received: intake.Received, salt: bytes) -> Part:
    return Part(
        number=request["PartNumber"],
        size=received.size,
        etag=writes.tag(upload.cipher, received.md5),
        modified=int(call.now()),
        blob=received.blob,
        crc=received.crc,
        inline=received.inline,
        checksums=received.checksums,
        salt=salt,
    )


def _commit(call: Call, tx: Writer, request: Mapping[str, Any], part: Part) -> None:
    bucket = bucket_of(tx, request)
    uploads.upload_of(tx, bucket, request)
    before = index.part(tx, bucket, request["UploadId"], part.number)
    if before is not None and before.blob:
        call.cloud.blobs.delete_later(tx, before.blob)
    index.put_part(tx, bucket, request["UploadId"], part)


async def _commit_file(call: Call, request: Mapping[str, Any], part: Part) -> None:
    try:
        await call.transact(lambda tx: _commit(call, tx, request, part))
    except BaseException:
        await writes.discard(call, part.blob)
        raise


def _uploaded(upload: Upload, part: Part, claim: digests.Claim, request: Mapping[str, Any]) -> dict[str, Any]:
    name = claim.algorithm if claim.chosen else upload.algorithm
    return {
        "ETag": f'"{part.etag}"',
        f"Checksum{name}": part.checksums[name],
        **encryption.describe(upload.cipher, request),
    }


def _span(request: Mapping[str, Any], size: int) -> tuple[int, int] | None:
    """(start, length) of x-amz-copy-source-range, which is stricter than Range."""
    given = request.get("CopySourceRange")
    if given is None:
        return None
    match = _SPAN.fullmatch(given)
    if match is None or int(match[1]) > int(match[2]):
        raise invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy",
            "x-amz-copy-source-range",
            given,
        )
    first, last = int(match[1]), int(match[2])
    if first >= size:
        raise errors.InvalidRequest("The specified copy range is invalid for the source object size")
    if last >= size:
        raise invalid_argument(
            f"Range specified is not valid for source object of size: {size}", "x-amz-copy-source-range", given
        )
    return first, last - first + 1


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
