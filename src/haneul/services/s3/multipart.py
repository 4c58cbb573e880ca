"""Multipart uploads: create, complete, abort, list. (Their parts are in parts.py.)

Completing copies nothing: the object is the list of its parts, which stay where they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.s3 import (
    bodies,
    conditions,
    context,
    digests,
    encryption,
    index,
    lifecycle_rules,
    listings,
    uploads,
    writes,
)
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import errors, malformed_xml, no_such_upload, not_implemented
from haneul.services.s3.guard import bucket_arn, object_arn
from haneul.services.s3.numbers import number
from haneul.services.s3.owners import owner
from haneul.services.s3.plane import checksums, keys
from haneul.services.s3.state import PARTS, Bucket, Entry, Object, Part, Upload
from haneul.state.store import Writer

MIN_PART = 5 << 20
MAX_OBJECT = 5 << 40
MAX_PARTS = 10_000
MAX_UPLOADS = 1000


@operation(resource=object_arn, action="s3:PutObject", conditions=context.keys)
def create_multipart_upload(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateMultipartUpload. Raises InvalidRequest for a checksum type that its algorithm can't have."""
    key = request["Key"]
    writes.check_key(key)
    algorithm, composite = _checksum_kind(request)
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        made = writes.draft(call, bucket, request)
        upload = Upload(
            key=key,
            id=tokens.ordered_id(),
            initiated=made.entry.modified,
            began=made.entry.seq,
            initiator=uploads.initiator(call),
            storage=made.entry.storage,
            headers=made.headers,
            metadata=made.metadata,
            algorithm=algorithm or digests.DEFAULT,
            composite=composite,
            tags=made.tags,
            grants=made.grants,
            lock=made.lock,
            cipher=made.cipher,
            chosen=algorithm is not None,
            owner=made.entry.owner,
        )
        uploads.put(tx, bucket, upload)
    told = {
        "Bucket": bucket.name,
        "Key": key,
        "UploadId": upload.id,
        **encryption.describe(upload.cipher, request),
        **lifecycle_rules.abortion(bucket, key, upload.initiated),
    }
    if algorithm is not None:
        told["ChecksumAlgorithm"] = algorithm
        told["ChecksumType"] = "COMPOSITE" if composite else "FULL_OBJECT"
    return told


def _checksum_kind(request: Mapping[str, Any]) -> tuple[str | None, bool]:
    """(the checksum algorithm asked for, whether it is composite)."""
    algorithm = digests.algorithm(request)
    kind = request.get("ChecksumType")
    if algorithm is None:
        if kind is not None:
            raise errors.InvalidRequest(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header."
            )
        return None, False
    if kind is None:
        return algorithm, algorithm != "CRC64NVME"
    kind = kind.upper()
    if kind not in ("COMPOSITE", "FULL_OBJECT"):
        raise errors.InvalidRequest("Value for x-amz-checksum-type header is invalid.")
    possible = {
        "CRC64NVME": ("FULL_OBJECT",),
        "CRC32": ("FULL_OBJECT", "COMPOSITE"),
        "CRC32C": ("FULL_OBJECT", "COMPOSITE"),
    }
    if kind not in possible.get(algorithm, ("COMPOSITE",)):
        raise errors.InvalidRequest(
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
        )
    return algorithm, kind == "COMPOSITE"


@operation(
    resource=object_arn,
    action=lambda call, request: ["s3:PutObject", "s3:GetObject"] if request.get("IfMatch") else "s3:PutObject",
    conditions=context.keys,
)
async def complete_multipart_upload(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CompleteMultipartUpload; asked again after it succeeded, it answers the same.

    Raises NoSuchUpload, InvalidPart, InvalidPartOrder, EntityTooSmall, InvalidRequest, PreconditionFailed, BadDigest.
    """
    listed = (request.get("MultipartUpload") or {}).get("Parts") or []
    if not listed or len(listed) > MAX_PARTS or any("PartNumber" not in each for each in listed):
        raise malformed_xml()

    def work(tx: Writer) -> tuple[Bucket, Object]:
        bucket = bucket_of(tx, request)
        if tx.get(keys.upload(bucket.id, request["Key"], request["UploadId"])) is None:
            return bucket, _completed_before(tx, bucket, request)
        upload = uploads.upload_of(tx, bucket, request)
        _check_customer(upload, request)
        parts = _chosen_parts(tx, bucket, upload, listed)
        made = _assemble(call, upload, parts)
        _check_whole(request, upload, made)
        _drop_others(call, tx, bucket, upload, {part.number for part in parts})
        uploads.remove(tx, bucket, upload)
        if "IfMatch" in request or "IfNoneMatch" in request:
            current = index.current(tx, bucket, upload.key)
            conditions.check_write(request, upload.key, current)
            conditions.check_undisturbed(request, upload, current)
        writes.commit(call, tx, bucket, request, made, event="ObjectCreated:CompleteMultipartUpload")
        return bucket, made

    bucket, made = await call.transact(work)
    told = writes.answer(bucket, request, made)
    told |= {
        "Bucket": bucket.name,
        "Key": request["Key"],
        "Location": _location(call, bucket, request["Key"]),
        **digests.told(made.entry.algorithm, made.checksum, made.entry.composite),
    }
    return told


def _completed_before(tx: Writer, bucket: Bucket, request: Mapping[str, Any]) -> Object:
    found = index.newest(tx, bucket, request["Key"])
    if found is None or found.entry.where != PARTS or found.upload != request["UploadId"]:
        raise no_such_upload(request["UploadId"])
    return found


def _check_customer(upload: Upload, request: Mapping[str, Any]) -> None:
    if (
        upload.cipher is not None
        and upload.cipher.kind == "SSE-C"
        and "SSECustomerKey" in request
        and not encryption.same_customer_key(upload.cipher, request)
    ):
        raise errors.InvalidRequest("The provided encryption parameters did not match the ones used originally.")


def _chosen_parts(tx: Writer, bucket: Bucket, upload: Upload, listed: Sequence[Mapping[str, Any]]) -> list[Part]:
    """The parts that the request lists, each checked against what was uploaded."""
    numbers = [each["PartNumber"] for each in listed]
    if any(after <= before for before, after in pairwise(numbers)):
        raise errors.InvalidPartOrder(
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
            UploadId=upload.id,
        )
    there = {part.number: part for part in index.parts(tx, bucket, upload.id)}
    parts = []
    for each in listed:
        part = there.get(each["PartNumber"])
        if part is None or str(each.get("ETag", "")).strip('"') != part.etag:
            raise _invalid_part(upload, each)
        _check_part_checksum(upload, part, each)
        parts.append(part)
    for part in parts[:-1]:
        if part.size < MIN_PART:
            raise errors.EntityTooSmall(
                "Your proposed upload is smaller than the minimum allowed size",
                ProposedSize=part.size,
                MinSizeAllowed=MIN_PART,
                PartNumber=part.number,
                ETag=part.etag,
            )
    return parts


def _invalid_part(upload: Upload, each: Mapping[str, Any]) -> Exception:
    return errors.InvalidPart(
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified "
        "entity tag may not match the part's entity tag.",
        UploadId=upload.id,
        PartNumber=each["PartNumber"],
        ETag=str(each.get("ETag", "")).strip('"'),
    )


def _check_part_checksum(upload: Upload, part: Part, each: Mapping[str, Any]) -> None:
    given = {name: each[member] for member, name in digests.MEMBERS.items() if member in each}
    for name, value in given.items():
        if part.checksums.get(name) != value:
            raise _invalid_part(upload, each)
    if upload.chosen and upload.composite and upload.algorithm not in given:
        name = upload.algorithm.lower()
        raise errors.InvalidRequest(
            f"The upload was created using a {name} checksum. The complete request must include the checksum for each "
            f"part. It was missing for part {part.number} in the request."
        )


def _assemble(call: Call, upload: Upload, parts: Sequence[Part]) -> Object:
    """The object that the parts make up."""
    size = sum(part.size for part in parts)
    if size > MAX_OBJECT:
        raise errors.EntityTooLarge(
            "Your proposed upload exceeds the maximum allowed size", ProposedSize=size, MaxSizeAllowed=MAX_OBJECT
        )
    now = call.now()
    etag = hashlib.md5(b"".join([bytes.fromhex(part.etag) for part in parts])).hexdigest()
    algorithm = upload.algorithm
    if upload.composite:
        checksum = checksums.compose(algorithm, [part.checksums[algorithm] for part in parts])
    else:
        checksum = checksums.combine(algorithm, [(part.checksums[algorithm], part.size) for part in parts])
    entry = Entry(
        seq=int(now * 1_000_000),
        modified=int(now),
        size=size,
        etag=f"{etag}-{len(parts)}",
        where=PARTS,
        storage=upload.storage,
        algorithm=algorithm,
        composite=upload.composite,
        owner=upload.owner,
    )
    return Object(
        entry,
        upload.headers,
        upload.metadata,
        checksum,
        upload=upload.id,
        runs=bodies.run_up([(part.number, part.size) for part in parts]),
        tags=upload.tags,
        grants=upload.grants,
        lock=upload.lock,
        cipher=upload.cipher,
    )


def _check_whole(request: Mapping[str, Any], upload: Upload, made: Object) -> None:
    """What the request says of the whole object: its size, its checksum and that one's type."""
    size = request.get("MpuObjectSize")
    if size is not None and str(size).strip() != str(made.entry.size):
        raise errors.InvalidRequest(
            f"The provided 'x-amz-mp-object-size' header value {size} does not match what was computed: "
            f"{made.entry.size}"
        )
    kind = request.get("ChecksumType")
    own = "COMPOSITE" if upload.composite else "FULL_OBJECT"
    if kind is not None and kind.upper() != own:
        raise errors.InvalidRequest(
            f"The upload was created using the {own} checksum mode. The complete request must use the same "
            "checksum mode."
        )
    for member, name in digests.MEMBERS.items():
        if member not in request:
            continue
        if name != upload.algorithm:
            raise errors.InvalidRequest(
                f"The upload was created using a {upload.algorithm.lower()} checksum. The complete request must use "
                "the same checksum."
            )
        if request[member].partition("-")[0] != made.checksum.partition("-")[0]:
            raise errors.BadDigest(f"The {name.lower()} you specified did not match the calculated checksum.")


def _drop_others(call: Call, tx: Writer, bucket: Bucket, upload: Upload, kept: set[int]) -> None:
    """Parts that were uploaded but aren't listed are nobody's now."""
    for part in list(index.parts(tx, bucket, upload.id)):
        if part.number not in kept:
            index.erase_part(tx, bucket, upload.id, part, blobs=call.cloud.blobs)


def _location(call: Call, bucket: Bucket, key: str) -> str:
    host = "s3.amazonaws.com" if call.http is None else call.http.headers.get("host", "s3.amazonaws.com")
    scheme = "https" if call.http is None or call.http.secure else "http"
    return f"{scheme}://{host}/{bucket.name}/{listings.percent(key)}"


@operation(resource=object_arn, conditions=context.keys)
def abort_multipart_upload(call: Call, request: Mapping[str, Any]) -> None:
    """AbortMultipartUpload. Raises NoSuchUpload."""
    if "IfMatchInitiatedTime" in request:  # for directory buckets
        raise not_implemented("x-amz-if-match-initiated-time")
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        abort(call, tx, bucket, uploads.upload_of(tx, bucket, request))


def abort(call: Call, tx: Writer, bucket: Bucket, upload: Upload) -> None:
    """Let go of an upload and its parts."""
    index.erase_parts(tx, call.cloud.blobs, bucket, upload.id)
    uploads.remove(tx, bucket, upload)


@operation(resource=bucket_arn, action="s3:ListBucketMultipartUploads")
def list_multipart_uploads(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListMultipartUploads: by key, and for one key by when they began."""
    limit = min(number(request, "MaxUploads", "max-uploads", MAX_UPLOADS), MAX_UPLOADS)
    quote = listings.quoting(request)
    prefix, delimiter = request.get("Prefix") or "", request.get("Delimiter") or ""
    marker, upload_marker = request.get("KeyMarker") or "", request.get("UploadIdMarker") or ""
    start = keys.name(prefix)
    if marker:
        name = keys.name(marker)
        behind = name + b"\x00" + upload_marker.encode() + b"\x00" if upload_marker else name + b"\x01"
        if delimiter and marker.endswith(delimiter) and marker.find(delimiter, len(prefix)) >= 0:
            behind = keys.after(name)
        start = max(start, behind)
    found: list[dict[str, Any]] = []
    prefixes: list[str] = []
    last: tuple[str, str] = ("", "")
    more = False
    with call.read() as tx:
        bucket = bucket_of(tx, request)
        for upload in uploads.scan(tx, bucket, start, keys.after(keys.name(prefix)) if prefix else b"\xff"):
            end = upload.key.find(delimiter, len(prefix)) if delimiter else -1
            rolled = upload.key[: end + len(delimiter)] if end >= 0 else ""
            if rolled and prefixes and prefixes[-1] == rolled:
                continue
            if len(found) + len(prefixes) >= limit:
                more = bool(limit)
                break
            if rolled:
                prefixes.append(rolled)
                last = (rolled, "")
            else:
                found.append(_listed(bucket, upload, quote))
                last = (upload.key, upload.id)
    return {
        "Bucket": bucket.name,
        "KeyMarker": quote(marker),
        "UploadIdMarker": upload_marker,
        "NextKeyMarker": quote(last[0]) if more or found else "",
        "NextUploadIdMarker": last[1],
        "Prefix": quote(prefix),
        "Delimiter": quote(delimiter) if delimiter else None,
        "EncodingType": request.get("EncodingType"),
        "MaxUploads": limit,
        "IsTruncated": more,
        "Uploads": found,
        "CommonPrefixes": [{"Prefix": quote(each)} for each in prefixes],
    }


def _listed(bucket: Bucket, upload: Upload, quote: listings.Quote) -> dict[str, Any]:
    shown = {
        "Key": quote(upload.key),
        "UploadId": upload.id,
        "Initiated": upload.initiated,
        "StorageClass": upload.storage or "STANDARD",
        "Owner": owner(upload.owner or bucket.owner),
        "Initiator": uploads.shown_initiator(upload.initiator),
    }
    if upload.chosen:
        shown["ChecksumAlgorithm"] = upload.algorithm
        shown["ChecksumType"] = "COMPOSITE" if upload.composite else "FULL_OBJECT"
    return shown
