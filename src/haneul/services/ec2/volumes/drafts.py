"""EBS' direct APIs, writing: snapshots that clients write block by block, on top of another or of nothing."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.converge import wake
from haneul.service import Call, operation
from haneul.services.ec2 import idempotency, tagging
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.volumes import creation, keys
from haneul.services.ec2.volumes.direct import ARN, BLOCK, absent, errors, readable, refused
from haneul.services.ec2.volumes.state import SNAPSHOT, Snapshot
from haneul.state.store import Writer
from haneul.state.table import Table
from haneul.wire.errors import AwsError

GIB = 1 << 30
_TOO_LARGE = 16_384


class DraftBlock(msgspec.Struct, kw_only=True):
    """A block that was written to a pending snapshot; digest: SHA-256 of its bytes."""

    snapshot: str
    number: int
    digest: bytes


BLOCKS = Table("ec2.draft-block", DraftBlock, key=("snapshot", "number"))


@operation(resource="arn:aws:ec2:{region}::snapshot/*")
async def start_snapshot(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """StartSnapshot: it fails by itself when it isn't completed within Timeout minutes (60).
    Raises ValidationException, ResourceNotFoundException, ConflictException."""
    size = request["VolumeSize"]
    if not 1 <= size <= _TOO_LARGE:
        raise refused("INVALID_VOLUME_SIZE", f"The volume size {size} is not between 1 and {_TOO_LARGE} GiB")
    parent = readable(call, request["ParentSnapshotId"]) if request.get("ParentSnapshotId") else None
    if parent is not None and (request.get("Encrypted") is not None or request.get("KmsKeyArn")):
        raise refused("INVALID_PARAMETER_VALUE", "A snapshot with a parent is encrypted as its parent is")
    if parent is not None and size < parent.size:
        raise refused("INVALID_VOLUME_SIZE", "The volume size is smaller than the parent snapshot's")
    row = _draft(call, request, parent)
    if row.encrypted and not row.data_key:
        row.data_key = await asyncio.to_thread(keys.new_data_key, call, row.key, row.id)

    def put(tx: Writer) -> Snapshot:
        try:
            before = idempotency.made_before(tx, call, request)
        except AwsError as error:
            raise errors.ConflictException(error.message) from None
        if before:
            return SNAPSHOT.get(tx, call.scope, before[0])
        SNAPSHOT.table.put(tx, call.scope, row)
        idempotency.remember(tx, call, request, [row.id])
        wake(tx, "ec2.snapshot", call.scope, (row.id,), call.now() + 60.0 * (request.get("Timeout") or 60))
        return row

    made = await call.transact(put)
    engine = planes.of(call.cloud).volumes
    await asyncio.to_thread(engine.ensure_draft, made.id, size * GIB, made.work.get("parent", ""))
    return _started(call, made)


@operation(resource=ARN)
async def put_snapshot_block(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutSnapshotBlock: 512 KiB, checked against their SHA-256, on disk with the answer."""
    content = await _whole(request["BlockData"])
    if len(content) != BLOCK or request["DataLength"] != BLOCK:
        raise refused("INVALID_BLOCK", f"A block has {BLOCK} bytes")
    if request["ChecksumAlgorithm"] != "SHA256":
        raise refused("INVALID_PARAMETER_VALUE", "The checksum algorithm must be SHA256")
    digest = hashlib.sha256(content).digest()
    if base64.b64encode(digest).decode() != request["Checksum"]:
        raise refused("INVALID_BLOCK", "The checksum does not match the block's bytes")
    row = _pending(call, request["SnapshotId"])
    number = request["BlockIndex"]
    if not 0 <= number < row.size * GIB // BLOCK:
        raise refused("INVALID_BLOCK", f"The block index {number} is beyond the volume's end")
    key = await asyncio.to_thread(keys.opened, call, row.data_key) if row.data_key else b""
    await asyncio.to_thread(planes.of(call.cloud).volumes.ensure_block, row.id, number, content, key)

    def put(tx: Writer) -> None:
        if _pending(call, row.id).state != "pending":
            raise absent(row.id)
        BLOCKS.put(tx, call.scope, DraftBlock(snapshot=row.id, number=number, digest=digest))

    await call.transact(put)
    return {"Checksum": request["Checksum"], "ChecksumAlgorithm": "SHA256"}


@operation(resource=ARN)
def complete_snapshot(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CompleteSnapshot: checks how many blocks were written and, when given, the checksum of their checksums (SHA-256,
    LINEAR: in the order of their numbers). The snapshot is completed a moment later."""
    with call.write() as tx:
        row = SNAPSHOT.find(tx, call.scope, request["SnapshotId"])
        if row is None:
            raise absent(request["SnapshotId"])
        if row.state == "completed" or row.work.get("complete"):
            return {"Status": row.state}
        if row.state != "pending" or not row.work.get("draft"):
            raise refused("INVALID_SNAPSHOT_ID", f"The snapshot '{row.id}' is not being written")
        written = list(BLOCKS.scan(tx, call.scope, row.id))
        if len(written) != request["ChangedBlocksCount"]:
            raise refused("INVALID_PARAMETER_VALUE", f"{len(written)} blocks were written, not ChangedBlocksCount")
        whole = base64.b64encode(hashlib.sha256(b"".join(one.digest for one in written)).digest()).decode()
        if request.get("Checksum") not in (None, whole):
            raise refused("INVALID_PARAMETER_VALUE", "The checksum does not match the blocks' checksums")
        BLOCKS.delete_all(tx, call.scope, row.id)
        row.work = {**row.work, "complete": True}
        SNAPSHOT.table.put(tx, call.scope, row)
        wake(tx, "ec2.snapshot", call.scope, (row.id,), call.now())
    return {"Status": "pending"}


async def _whole(body: Any) -> bytes:
    """The block's bytes, never more than one block of them."""
    if isinstance(body, bytes):
        return body
    found = bytearray()
    async for piece in body:
        found += piece
        if len(found) > BLOCK:
            raise refused("INVALID_BLOCK", f"A block has {BLOCK} bytes")
    return bytes(found)


def _draft(call: Call, request: Mapping[str, Any], parent: Snapshot | None) -> Snapshot:
    encrypted, key, data_key = False, "", ""
    if parent is not None:
        encrypted, key, data_key = parent.encrypted, parent.key, parent.data_key
    else:
        with call.read() as tx:
            encrypted = bool(request.get("Encrypted")) or creation.encrypts_by_default(tx, call.scope)
            key = (request.get("KmsKeyArn") or creation.default_key(tx, call.scope)) if encrypted else ""
    try:
        tags = tagging.checked(request.get("Tags") or ())
    except AwsError as error:
        raise refused("INVALID_TAG", error.message) from None
    return Snapshot(
        id=SNAPSHOT.new_id(),
        volume="vol-ffffffff",
        size=request["VolumeSize"],
        state="pending",
        created=call.now(),
        description=request.get("Description") or "",
        progress="0%",
        encrypted=encrypted,
        key=key,
        data_key=data_key,
        work={"draft": True, "parent": parent.id if parent is not None else ""},
        tags=tags,
    )


def _pending(call: Call, identifier: str) -> Snapshot:
    with call.read() as tx:
        row = SNAPSHOT.find(tx, call.scope, identifier)
    if row is None:
        raise absent(identifier)
    if row.state != "pending" or not row.work.get("draft") or row.work.get("complete"):
        raise refused("INVALID_SNAPSHOT_ID", f"The snapshot '{identifier}' is not being written")
    return row


def _started(call: Call, row: Snapshot) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "SnapshotId": row.id,
        "OwnerId": call.account,
        "Status": row.state,
        "StartTime": row.created,
        "VolumeSize": row.size,
        "BlockSize": BLOCK,
        "Description": row.description,
        "Tags": tagging.render(row.tags),
    }
    if row.work.get("parent"):
        shown["ParentSnapshotId"] = row.work["parent"]
    if row.encrypted:
        shown |= {"KmsKeyArn": row.key, "SseType": "sse-kms"}
    return shown
