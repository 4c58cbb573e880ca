"""How an object comes to be, whatever brings it: a draft from the headers, a body taken in, a commit."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import msgspec

from haneul.service import Call
from haneul.services.s3 import (
    acls,
    conditions,
    digests,
    encryption,
    happenings,
    index,
    lifecycle_rules,
    locks,
    metadata,
    replicas,
    tagging,
)
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import errors
from haneul.services.s3.plane import bodies
from haneul.services.s3.state import BLOB, CHUNKS, INLINE, Bucket, Cipher, Entry, Object
from haneul.services.s3.versions import version_id
from haneul.state.store import Writer
from haneul.wire.message import Body

MAX_KEY = 1024
MAX_PUT = 5 << 30


def check_key(key: str) -> None:
    """Raise KeyTooLongError above 1,024 bytes."""
    if len(key) > MAX_KEY // 4:
        size = len(key.encode("utf-8", "surrogatepass"))
        if size > MAX_KEY:
            raise errors.KeyTooLongError("Your key is too long", Size=size, MaxSizeAllowed=MAX_KEY)


def draft(call: Call, bucket: Bucket, request: Mapping[str, Any]) -> Object:
    """The object that an upload's headers describe, still without a body."""
    now = call.now()
    return Object(
        Entry(
            seq=int(now * 1_000_000),
            modified=int(now),
            size=0,
            etag="",
            storage=metadata.storage_class(request),
            owner=acls.object_owner(call, bucket),
        ),
        metadata.system_headers(call, request),
        metadata.user_metadata(request),
        tags=tagging.from_header(request.get("Tagging")),
        grants=acls.grants_for(call, bucket, request),
        lock=locks.lock_for(call, bucket, request),
        cipher=encryption.cipher_for(call, bucket, request),
    )


def body_of(call: Call, request: Mapping[str, Any]) -> bytes | Body:
    """The payload: bytes when it is all here, else the stream. Raises MissingContentLength, EntityTooLarge."""
    body: bytes | Body | None = request.get("Body")
    if body is None:
        return b""
    if isinstance(body, bytes):
        return body
    if call.http is not None:
        headers = call.http.headers
        if "transfer-encoding" in headers and "x-amz-decoded-content-length" not in headers:
            raise errors.MissingContentLength("You must provide the Content-Length HTTP header.")
    if body.length is not None and body.length > MAX_PUT:
        raise too_large(body.length)
    return body


def too_large(size: int) -> Exception:
    return errors.EntityTooLarge(
        "Your proposed upload exceeds the maximum allowed size", ProposedSize=size, MaxSizeAllowed=MAX_PUT
    )


def trailers_of(body: bytes | Body) -> Mapping[str, str]:
    return {} if isinstance(body, bytes) else body.trailers


async def take_in(
    call: Call,
    source: AsyncIterator[bytes],
    algorithms: Sequence[str],
    key: bytes | None,
    store_limit: int = bodies.STORE_LIMIT,
) -> bodies.Received:
    """A body that is still arriving. Nothing of it stays when it fails. Raises EntityTooLarge."""
    try:
        return await bodies.receive(
            source, call.cloud.blobs.create, algorithms, key=key, limit=MAX_PUT, store_limit=store_limit
        )
    except bodies.TooLarge:
        raise too_large(MAX_PUT + 1) from None


def fill(made: Object, received: bodies.Received, claim: digests.Claim) -> None:
    """Give the draft its body and what follows from it."""
    entry = made.entry
    entry.size = received.size
    entry.etag = tag(made.cipher, received.md5)
    entry.algorithm = claim.algorithm
    made.checksum = received.checksums[claim.algorithm]
    if received.blob:
        entry.where = BLOB
        made.blob, made.crc = received.blob, received.crc
    elif received.chunks is not None:
        entry.where = CHUNKS
        made.chunks = len(received.chunks)
    else:
        entry.where = INLINE
        made.inline = received.inline


def tag(cipher: Cipher | None, md5: bytes) -> str:
    """The entity tag: the body's MD5, unless a key of others hides the body, and so must its digest be."""
    if cipher is None or encryption.is_md5(cipher):
        return md5.hex()
    return hashlib.md5(md5 + cipher.salt).hexdigest()


def commit(
    call: Call,
    tx: Writer,
    bucket: Bucket,
    request: Mapping[str, Any],
    made: Object,
    *,
    event: str,
    chunks: list[bytes] | None = None,
) -> None:
    """Make the draft the current version at the request's key, if its conditions hold."""
    key = request["Key"]
    if "IfMatch" in request or "IfNoneMatch" in request:
        conditions.check_write(request, key, index.current(tx, bucket, key))
    replicated = replicas.mark(bucket, key, made)
    gone = index.insert(tx, bucket, key, made, blobs=call.cloud.blobs, chunks=chunks)
    if replicated:
        replicas.ask(call, tx, bucket, key, made)
    happenings.stored(call, made.entry, 1)
    if gone is not None:
        happenings.stored(call, gone, -1)
    happenings.publish(call, tx, bucket, key, event, made.entry)


def answer(bucket: Bucket, request: Mapping[str, Any], made: Object) -> dict[str, Any]:
    """The members that every upload's answer has."""
    told: dict[str, Any] = {"ETag": f'"{made.entry.etag}"', **encryption.describe(made.cipher, request)}
    if bucket.versioning == "Enabled":  # a null version's id is told to readers, not to its writer
        told["VersionId"] = version_id(made.entry)
    if "lifecycle" in bucket.settings:
        told["Expiration"] = lifecycle_rules.expiration(bucket, request["Key"], made)
    return told


async def commit_file(
    call: Call,
    request: Mapping[str, Any],
    made: Object,
    received: bodies.Received,
    event: str,
    more: Callable[[Writer, Bucket, Object], None] | None = None,
) -> Bucket:
    """Commit an object whose body was taken in asynchronously, with what `more` does in the same transaction; its file
    goes when the commit is refused."""

    def attempt(tx: Writer) -> Bucket:
        bucket = bucket_of(tx, request)
        fresh = msgspec.structs.replace(made, entry=msgspec.structs.replace(made.entry))
        commit(call, tx, bucket, request, fresh, event=event, chunks=received.chunks)
        made.entry = fresh.entry
        if more is not None:
            more(tx, bucket, fresh)
        return bucket

    try:
        return await call.transact(attempt)
    except BaseException:
        await discard(call, received.blob)
        raise


async def discard(call: Call, blob: str) -> None:
    """A file that nothing will name."""
    if blob:
        await asyncio.to_thread(call.cloud.blobs.delete, blob)
