"""Copying an object, within and between buckets, or onto itself to change what is stored beside its bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.service import Call, operation
from haneul.services.s3 import annotation_rows, context, digests, encryption, sources, writes
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import errors, invalid_argument
from haneul.services.s3.guard import object_arn
from haneul.services.s3.plane import bodies as intake
from haneul.services.s3.sources import Source
from haneul.services.s3.state import BLOB, INLINE, Annotation, Bucket, Object
from haneul.services.s3.versions import version_id
from haneul.state.store import Writer

_MAX_SOURCE = 5 << 30
_CHANGES = ("StorageClass", "WebsiteRedirectLocation", "ServerSideEncryption", "SSECustomerAlgorithm", "SSEKMSKeyId")
_EVENT = "ObjectCreated:Copy"
Notes = list[tuple[Annotation, bytes]]
"""The source's annotations, with their payloads."""


@operation(resource=object_arn, action="s3:PutObject", conditions=context.keys)
def copy_object(call: Call, request: Mapping[str, Any]) -> Any:
    """CopyObject. Raises NoSuchKey for the source, PreconditionFailed, InvalidRequest (onto itself, unchanged)."""
    writes.check_key(request["Key"])
    with call.read() as tx:
        bucket = bucket_of(tx, request)
        source = sources.source_of(call, tx, request)
        made = _draft(call, bucket, source, request)
        _check(request, bucket, source, made)
        secret = encryption.write_key(call, made.cipher, request)
        algorithm = digests.algorithm(request) or source.found.entry.algorithm or digests.DEFAULT
        as_it_is = _as_it_is(source, secret, made, algorithm)
        body = sources.payload(call, tx, source, None)
        notes: Notes = []
        if request.get("AnnotationDirective", "COPY") == "COPY":
            notes = annotation_rows.all_of(call, tx, source.bucket, source.key, source.found)
    if as_it_is and source.found.entry.where == INLINE:
        return _copy_small(call, request, source, made, notes)
    return _copy_large(call, request, source, made, notes, (body, secret, algorithm, as_it_is))


def _copy_small(call: Call, request: Mapping[str, Any], source: Source, made: Object, notes: Notes) -> dict[str, Any]:
    """A body that lies in its row goes into another row."""
    found = source.found
    made.inline, made.checksum = found.inline, found.checksum
    made.entry.size, made.entry.etag, made.entry.algorithm = found.entry.size, found.entry.etag, found.entry.algorithm
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        writes.commit(call, tx, bucket, request, made, event=_EVENT)
        _annotate(call, tx, bucket, request["Key"], made, notes)
    return _copied(bucket, request, source, made)


async def _copy_large(
    call: Call,
    request: Mapping[str, Any],
    source: Source,
    made: Object,
    notes: Notes,
    how: tuple[Any, bytes | None, str, bool],
) -> dict[str, Any]:
    body, secret, algorithm, as_it_is = how
    found = source.found
    if as_it_is and found.entry.where == BLOB:  # the kernel copies (or shares) it; what is known of it stays true
        blob = await asyncio.to_thread(call.cloud.blobs.join, [found.blob])
        received = intake.Received(
            found.entry.size,
            bytes.fromhex(found.entry.etag),
            {algorithm: found.checksum},
            blob=blob,
            crc=found.crc,
        )
    else:
        received = await intake.receive(
            sources.stream(body), call.cloud.blobs.create, (algorithm,), key=secret, limit=_MAX_SOURCE
        )
    del body
    writes.fill(made, received, digests.Claim(algorithm, None, True))

    def more(tx: Writer, bucket: Bucket, made: Object) -> None:
        _annotate(call, tx, bucket, request["Key"], made, notes)

    bucket = await writes.commit_file(call, request, made, received, _EVENT, more)
    return _copied(bucket, request, source, made)


def _annotate(call: Call, tx: Writer, bucket: Bucket, key: str, made: Object, notes: Notes) -> None:
    """The source's annotations go with it."""
    for each, payload in notes:
        annotation_rows.put(call, tx, bucket, key, made, msgspec.structs.replace(each, salt=b""), payload)


def _check(request: Mapping[str, Any], bucket: Bucket, source: Source, made: Object) -> None:
    for member, header in (
        ("MetadataDirective", "x-amz-metadata-directive"),
        ("TaggingDirective", "x-amz-tagging-directive"),
    ):
        if request.get(member) not in (None, "COPY", "REPLACE"):
            kind = "metadata" if member.startswith("Meta") else "tagging"
            raise invalid_argument(f"Unknown {kind} directive.", header, request[member])
    if request.get("AnnotationDirective") not in (None, "COPY", "EXCLUDE"):
        raise invalid_argument(
            "Unknown annotation directive.", "x-amz-object-annotation-directive", request["AnnotationDirective"]
        )
    if source.found.entry.size > _MAX_SOURCE:
        raise errors.InvalidRequest(
            f"The specified copy source is larger than the maximum allowable size for a copy source: {_MAX_SOURCE}"
        )
    if (
        source.bucket.name == bucket.name
        and source.key == request["Key"]
        and source.version is None
        and request.get("MetadataDirective", "COPY") == "COPY"
        and not any(member in request for member in _CHANGES)
        and "encryption" not in bucket.settings
        and _key_of(source.found) == _key_of(made)
    ):
        raise errors.InvalidRequest(
            "This copy request is illegal because it is trying to copy an object to itself without changing the "
            "object's metadata, storage class, website redirect location or encryption attributes."
        )


def _key_of(found: Object) -> tuple[str, str]:
    """Under which key an object lies: S3's own by default."""
    cipher = found.cipher
    return ("AES256", "") if cipher is None else (cipher.kind, cipher.key_id)


def _draft(call: Call, bucket: Bucket, source: Source, request: Mapping[str, Any]) -> Object:
    made = writes.draft(call, bucket, request)
    if request.get("MetadataDirective", "COPY") == "COPY":
        headers = {name: value for name, value in source.found.headers.items() if name != "WebsiteRedirectLocation"}
        if "WebsiteRedirectLocation" in made.headers:
            headers["WebsiteRedirectLocation"] = made.headers["WebsiteRedirectLocation"]
        made.headers, made.metadata = headers, source.found.metadata
    if request.get("TaggingDirective", "COPY") == "COPY":
        made.tags = source.found.tags
    return made


def _as_it_is(source: Source, secret: bytes | None, made: Object, algorithm: str) -> bool:
    """Whether the stored bytes, their ETag and checksum can be taken over unchanged."""
    found = source.found
    return (
        source.secret is None
        and secret is None
        and encryption.is_md5(made.cipher)
        and not found.entry.composite
        and "-" not in found.entry.etag
        and found.entry.algorithm == algorithm
    )


def _copied(bucket: Bucket, request: Mapping[str, Any], source: Source, made: Object) -> dict[str, Any]:
    told = writes.answer(bucket, request, made)
    told["CopyObjectResult"] = {
        "ETag": told.pop("ETag"),
        "LastModified": made.entry.modified,
        f"Checksum{made.entry.algorithm}": made.checksum,
    }
    if source.bucket.versioning:
        told["CopySourceVersionId"] = version_id(source.found.entry)
    return told
