"""Multipart uploads: an archive in parts of equal size, hashed part by part, put together without copying."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.kit.instants import iso8601
from haneul.service import Call, operation
from haneul.services.glacier.archives import check_description, new_id, stored
from haneul.services.glacier.errors import errors
from haneul.services.glacier.plane.intake import take
from haneul.services.glacier.plane.treehash import combine
from haneul.services.glacier.state import ARCHIVES, PARTS, UPLOADS, Archive, Part, Upload
from haneul.services.glacier.vaults import VAULT, arn, find_vault, page_limit
from haneul.state.store import Reader, Writer

MAX_PARTS = 10_000
_PART_SIZES = frozenset(1 << power for power in range(20, 33))
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/\*")


@operation(resource=VAULT)
def initiate_multipart_upload(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """InitiateMultipartUpload. The part size is 1 MiB times a power of two, up to 4 GiB."""
    text = request.get("partSize") or ""
    if not text.isdigit() or int(text) not in _PART_SIZES:
        raise errors.InvalidParameterValueException(f"Invalid part size: {text or 'null'}")
    description = check_description(request)
    with call.write() as tx:
        vault = find_vault(call, tx, request)
        upload = Upload(vault.name, new_id(), description, int(text), call.now())
        UPLOADS.put(tx, call.scope, upload)
    location = f"/{call.account}/vaults/{vault.name}/multipart-uploads/{upload.id}"
    return {"location": location, "uploadId": upload.id}


@operation(resource=VAULT)
async def upload_multipart_part(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UploadMultipartPart: its range must begin at a multiple of the part size; sending it again replaces it."""
    with call.read() as tx:
        upload = _find_upload(call, tx, request)
    match = _RANGE.fullmatch(request.get("range") or "")
    if match is None:
        raise errors.InvalidParameterValueException(f"Invalid Content-Range: {request.get('range')}")
    start, last = int(match[1]), int(match[2])
    if start % upload.part_size or not start <= last < start + upload.part_size:
        raise errors.InvalidParameterValueException("The range doesn't fit the upload's part size")
    if start // upload.part_size >= MAX_PARTS:
        raise errors.InvalidParameterValueException(f"An upload has at most {MAX_PARTS} parts")
    size = last - start + 1
    taken = await take(call.cloud.blobs, request["body"], size)
    if taken is None or taken.size != size:
        if taken is not None:
            call.cloud.blobs.delete(taken.blob)
        raise errors.InvalidParameterValueException("Content-Length doesn't match the range")
    wanted = request.get("checksum")
    if not wanted or taken.tree_hash != wanted.lower():
        call.cloud.blobs.delete(taken.blob)
        raise errors.InvalidParameterValueException(
            f"Checksum mismatch: expected {wanted} but received {taken.tree_hash}"
        )
    part = Part(upload.vault, upload.id, start, size, taken.tree_hash, taken.blob)

    def keep(tx: Writer) -> None:
        _find_upload(call, tx, request)
        PARTS.put(tx, call.scope, part)

    await call.transact(keep)
    return {"checksum": taken.tree_hash}


@operation(resource=VAULT)
def list_parts(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListParts, in the order of their ranges."""
    limit = page_limit(request, 50)
    marker = request.get("marker")
    start = (int(marker),) if marker and marker.isdigit() else None
    with call.read() as tx:
        upload = _find_upload(call, tx, request)
        parts = list(PARTS.scan(tx, call.scope, upload.vault, upload.id, from_key=start, limit=limit + 1))
    more = parts[limit].start if len(parts) > limit else None
    return {
        **_describe(call, upload),
        "Parts": [
            {"RangeInBytes": f"{p.start}-{p.start + p.size - 1}", "SHA256TreeHash": p.tree_hash} for p in parts[:limit]
        ],
        "Marker": None if more is None else str(more),
    }


@operation(resource=VAULT)
def list_multipart_uploads(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListMultipartUploads of a vault."""
    limit = page_limit(request, 50)
    start = (request["marker"],) if request.get("marker") else None
    with call.read() as tx:
        vault = find_vault(call, tx, request)
        uploads = list(UPLOADS.scan(tx, call.scope, vault.name, from_key=start, limit=limit + 1))
    more = uploads[limit].id if len(uploads) > limit else None
    return {"UploadsList": [_describe(call, upload) for upload in uploads[:limit]], "Marker": more}


@operation(resource=VAULT)
def complete_multipart_upload(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CompleteMultipartUpload: every part but the last is full, nothing is missing, and the whole tree hash fits."""
    with call.write() as tx:
        upload = _find_upload(call, tx, request)
        parts = list(PARTS.scan(tx, call.scope, upload.vault, upload.id))
        size = _contiguous(upload, parts)
        if (request.get("archiveSize") or "") != str(size):
            raise errors.InvalidParameterValueException(
                f"The archive size {request.get('archiveSize')} doesn't match the parts' {size}"
            )
        tree_hash = combine([bytes.fromhex(part.tree_hash) for part in parts])
        if tree_hash != (request.get("checksum") or "").lower():
            raise errors.InvalidParameterValueException(
                f"Checksum mismatch: expected {request.get('checksum')} but computed {tree_hash}"
            )
        archive = Archive(
            vault=upload.vault,
            id=new_id(),
            description=upload.description,
            created=call.now(),
            size=size,
            tree_hash=tree_hash,
            pieces=[(part.blob, part.size) for part in parts],
        )
        ARCHIVES.put(tx, call.scope, archive)
        _remove(call, tx, upload)
    call.meter("TimedStorage-Bytes", size)
    return stored(call, archive)


@operation(resource=VAULT)
def abort_multipart_upload(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """AbortMultipartUpload. Its parts are gone."""
    with call.write() as tx:
        _remove(call, tx, _find_upload(call, tx, request))
    return {}


def _find_upload(call: Call, tx: Reader, request: Mapping[str, Any]) -> Upload:
    vault = find_vault(call, tx, request)
    upload = UPLOADS.get(tx, call.scope, vault.name, request["uploadId"])
    if upload is None:
        raise errors.ResourceNotFoundException(f"Upload ID not found: {request['uploadId']}")
    return upload


def _contiguous(upload: Upload, parts: list[Part]) -> int:
    """The size in bytes of parts that follow each other without a gap."""
    size = 0
    for index, part in enumerate(parts):
        if part.start != size or (part.size != upload.part_size and index != len(parts) - 1):
            raise errors.InvalidParameterValueException(f"A part is missing at byte {size}")
        size += part.size
    if not parts:
        raise errors.InvalidParameterValueException("The upload has no parts")
    return size


def _remove(call: Call, tx: Writer, upload: Upload) -> None:
    UPLOADS.delete(tx, call.scope, upload.vault, upload.id)
    PARTS.delete_all(tx, call.scope, upload.vault, upload.id)


def _describe(call: Call, upload: Upload) -> dict[str, Any]:
    return {
        "MultipartUploadId": upload.id,
        "VaultARN": arn(call, upload.vault),
        "ArchiveDescription": upload.description,
        "PartSizeInBytes": upload.part_size,
        "CreationDate": iso8601(upload.created),
    }
