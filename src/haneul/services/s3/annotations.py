"""Annotations: named texts of up to 1 MiB that are attached to a version of an object, beside its bytes.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/annotations-overview.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.s3 import annotation_rows, context, digests, encryption, happenings, locks, objects
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import bad_token, errors, precondition_failed
from haneul.services.s3.guard import object_arn
from haneul.services.s3.plane import checksums
from haneul.services.s3.state import Annotation, Bucket, Object
from haneul.services.s3.versions import version_id
from haneul.state.store import Reader, Writer
from haneul.wire.message import Body

MAX_BYTES = 1 << 20
MAX_NAME = 512
MAX_COUNT = 1000
_NAME = re.compile(r"[\w.\-]+")
_BYPASS = "x-amz-bypass-governance-retention"


@operation(resource=object_arn, conditions=context.keys)
async def put_object_annotation(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutObjectAnnotation. Raises InvalidAnnotationName, AnnotationNameTooLong, AnnotationLimitExceeded,
    UnsupportedMediaType (no UTF-8), InvalidRequest (empty, SSE-C), EntityTooLarge, PreconditionFailed."""
    name = _checked_name(request["AnnotationName"])
    claim = digests.claimed(call, request)
    md5 = digests.content_md5(request)
    given: bytes | Body = request["AnnotationPayload"]
    payload = given if isinstance(given, bytes) else await given.read(MAX_BYTES)
    _check_payload(payload)
    checksum = checksums.of(claim.algorithm, payload)
    digest = checksums.md5(payload)
    digests.check_md5(md5, digest)
    digests.check(claim, {} if isinstance(given, bytes) else given.trailers, checksum)

    def work(tx: Writer) -> tuple[Bucket, Object, Annotation]:
        bucket, found = _object(call, tx, request)
        if found.cipher is not None and found.cipher.kind == "SSE-C":
            raise errors.InvalidRequest("Objects encrypted with customer-provided keys (SSE-C) can't have annotations.")
        if annotation_rows.find(tx, bucket, request["Key"], found, name) is None:
            count = sum(1 for _ in annotation_rows.scan(tx, bucket, request["Key"], found))
            if count >= MAX_COUNT:
                raise errors.AnnotationLimitExceeded(
                    f"The request would exceed the maximum number of annotations allowed per object, {MAX_COUNT}."
                )
        made = Annotation(name, len(payload), digest.hex(), int(call.now()), claim.algorithm, checksum)
        annotation_rows.put(call, tx, bucket, request["Key"], found, made, payload)
        happenings.publish(call, tx, bucket, request["Key"], "ObjectAnnotation:Put", found.entry)
        return bucket, found, made

    bucket, found, made = await call.transact(work)
    return {
        "Key": request["Key"],
        "AnnotationName": name,
        "ObjectVersionId": _version(bucket, found),
        "ETag": f'"{made.etag}"',
        "ServerSideEncryption": _encryption(found),
        **digests.told(made.algorithm, made.checksum, composite=False),
    }


@operation(resource=object_arn, conditions=context.keys)
def get_object_annotation(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetObjectAnnotation. Raises NoSuchAnnotation, NoSuchKey."""
    with call.read() as tx:
        bucket, found = _object(call, tx, request)
        known = annotation_rows.find(tx, bucket, request["Key"], found, request["AnnotationName"])
        if known is None:
            raise errors.NoSuchAnnotation(
                "The specified annotation does not exist on this object.", AnnotationName=request["AnnotationName"]
            )
        payload = annotation_rows.payload_of(call, tx, bucket, request["Key"], found, known)
    told = {
        "AnnotationPayload": payload,
        "ObjectVersionId": _version(bucket, found),
        "LastModified": known.modified,
        "ContentLength": known.size,
        "ETag": f'"{known.etag}"',
        "ServerSideEncryption": _encryption(found),
    }
    if (request.get("ChecksumMode") or "").upper() == "ENABLED":
        told |= digests.told(known.algorithm, known.checksum, composite=False)
    return told


@operation(resource=object_arn, conditions=context.keys)
def list_object_annotations(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListObjectAnnotations, by name. Raises InvalidPrefix, InvalidArgument for a token that no listing gave."""
    prefix = request.get("AnnotationPrefix") or ""
    if len(prefix.encode("utf-8", "replace")) > MAX_NAME or "\x00" in prefix:
        raise errors.InvalidPrefix("The annotation prefix you provided is invalid.")
    limit = min(request.get("MaxAnnotationResults", MAX_COUNT), MAX_COUNT)
    after = ""
    if token := request.get("ContinuationToken"):
        position = tokens.open_page(token)
        if not position or not isinstance(position[0], str):
            raise bad_token()
        after = position[0]
    with call.read() as tx:
        bucket, found = _object(call, tx, request)
        known = list(annotation_rows.scan(tx, bucket, request["Key"], found, prefix, after))
    shown = known[:limit]
    return {
        "Annotations": [
            {
                "AnnotationName": one.name,
                "LastModified": one.modified,
                "ETag": f'"{one.etag}"',
                "ChecksumAlgorithm": [one.algorithm],
                "Size": one.size,
            }
            for one in shown
        ],
        "Bucket": bucket.name,
        "Key": request["Key"],
        "ObjectVersionId": _version(bucket, found),
        "AnnotationPrefix": request.get("AnnotationPrefix"),
        "MaxAnnotationResults": limit,
        "AnnotationCount": len(shown),
        "ContinuationToken": request.get("ContinuationToken"),
        "NextContinuationToken": tokens.seal_page(shown[-1].name) if len(known) > limit else None,
    }


@operation(resource=object_arn, conditions=context.keys)
def delete_object_annotation(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteObjectAnnotation. Deleting one that isn't there is no error. Raises AccessDenied (Object Lock)."""
    key, name = request["Key"], request["AnnotationName"]
    bypass = call.http is not None and call.http.headers.get(_BYPASS, "").lower() == "true"
    with call.write() as tx:
        bucket, found = _object(call, tx, request)
        if annotation_rows.find(tx, bucket, key, found, name) is not None:
            locks.check_delete(call, tx, bucket, key, found, bypass)
            annotation_rows.drop(tx, bucket, key, found, name)
            happenings.publish(call, tx, bucket, key, "ObjectAnnotation:Delete", found.entry)
    return {"ObjectVersionId": _version(bucket, found)}


def _object(call: Call, tx: Reader, request: Mapping[str, Any]) -> tuple[Bucket, Object]:
    """The version meant, if its ETag is the one expected."""
    bucket = bucket_of(tx, request)
    found = objects.visible(tx, bucket, request["Key"], request.get("VersionId"), call.operation)
    wanted = request.get("ObjectIfMatch")
    if wanted is not None and wanted.strip('"') not in ("*", found.entry.etag):
        raise precondition_failed("x-amz-object-if-match")
    return bucket, found


def _checked_name(name: str) -> str:
    if len(name.encode("utf-8", "replace")) > MAX_NAME:
        raise errors.AnnotationNameTooLong(f"The annotation name exceeds {MAX_NAME} bytes.")
    if not _NAME.fullmatch(name) or name.lower().startswith(("aws", "s3")):
        raise errors.InvalidAnnotationName("The annotation name you provided is invalid.")
    return name


def _check_payload(payload: bytes) -> None:
    if not payload:
        raise errors.InvalidRequest("The annotation payload must be between 1 byte and 1 MiB.")
    if len(payload) > MAX_BYTES:
        raise errors.EntityTooLarge(
            "Your proposed upload exceeds the maximum allowed size", ProposedSize=len(payload), MaxSizeAllowed=MAX_BYTES
        )
    try:
        payload.decode()
    except UnicodeDecodeError:
        raise errors.UnsupportedMediaType("The annotation payload must be valid UTF-8 encoded text.") from None


def _version(bucket: Bucket, found: Object) -> str | None:
    return version_id(found.entry) if bucket.versioning else None


def _encryption(found: Object) -> str:
    told: str = encryption.describe(found.cipher, {})["ServerSideEncryption"]
    return told
