"""EBS' direct APIs, reading: which blocks a snapshot has, which two differ in, and their bytes.

Source: EBS direct APIs' reference. Blocks are 512 KiB; a token names a block for a week.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.volumes import creation, keys
from haneul.services.ec2.volumes.state import Snapshot
from haneul.wire.errors import AwsError, Errors

errors = Errors("ebs")
BLOCK = 512 << 10
LIFE = 7 * 86_400.0
ARN = "arn:aws:ec2:{region}::snapshot/{SnapshotId}"


@operation(resource=ARN)
async def list_snapshot_blocks(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListSnapshotBlocks: those that aren't all zeros. Raises ResourceNotFoundException, ValidationException."""
    row = readable(call, request["SnapshotId"])
    known = await asyncio.to_thread(planes.of(call.cloud).volumes.digests, row.id)
    expiry = call.now() + LIFE
    output = _page(request, "Blocks", known, lambda number: _listed(row.id, number, expiry))
    return output | {"ExpiryTime": expiry, "VolumeSize": row.size, "BlockSize": BLOCK}


@operation(resource="arn:aws:ec2:{region}::snapshot/{SecondSnapshotId}")
async def list_changed_blocks(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListChangedBlocks: where the second snapshot isn't as the first; without a first, all that it has.
    Raises ValidationException for snapshots of different volumes' lines."""
    second = readable(call, request["SecondSnapshotId"])
    first = readable(call, request["FirstSnapshotId"]) if request.get("FirstSnapshotId") else None
    volumes = planes.of(call.cloud).volumes
    after = await asyncio.to_thread(volumes.digests, second.id)
    before = {} if first is None else await asyncio.to_thread(volumes.digests, first.id)
    if first is not None and first.encrypted != second.encrypted:
        raise refused("UNRELATED_SNAPSHOTS", "The snapshots are not of the same volume or lineage")
    changed = sorted(number for number in before.keys() | after.keys() if before.get(number) != after.get(number))
    expiry = call.now() + LIFE

    def shown(number: int) -> dict[str, Any]:
        found: dict[str, Any] = {"BlockIndex": number}
        if first is not None and number in before:
            found["FirstBlockToken"] = _token(first.id, number, expiry)
        if number in after:
            found["SecondBlockToken"] = _token(second.id, number, expiry)
        return found

    output = _page(request, "ChangedBlocks", changed, shown)
    return output | {"ExpiryTime": expiry, "VolumeSize": second.size, "BlockSize": BLOCK}


@operation(resource=ARN)
async def get_snapshot_block(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetSnapshotBlock: 512 KiB and their SHA-256, opened when they are sealed."""
    row = readable(call, request["SnapshotId"])
    _check_token(call, request["BlockToken"], row.id, request["BlockIndex"])
    key = await asyncio.to_thread(keys.opened, call, row.data_key) if row.data_key else b""
    read = planes.of(call.cloud).volumes.read_block
    content = await asyncio.to_thread(read, row.id, request["BlockIndex"], key)
    return {
        "DataLength": len(content),
        "BlockData": content,
        "Checksum": base64.b64encode(hashlib.sha256(content).digest()).decode(),
        "ChecksumAlgorithm": "SHA256",
    }


def readable(call: Call, identifier: str) -> Snapshot:
    """A completed snapshot that the caller may read. Raises ResourceNotFoundException, ValidationException."""
    with call.read() as tx:
        try:
            _, row = creation.find(tx, call.scope, identifier)
        except AwsError:
            raise absent(identifier) from None
    if row.state != "completed":
        raise refused("INVALID_SNAPSHOT_ID", f"The snapshot '{identifier}' is not completed")
    return row


def absent(identifier: str) -> AwsError:
    return errors.ResourceNotFoundException(f"The snapshot '{identifier}' does not exist.", Reason="SNAPSHOT_NOT_FOUND")


def refused(reason: str, message: str) -> AwsError:
    return errors.ValidationException(message, Reason=reason)


def _page(request: Mapping[str, Any], member: str, numbers: Iterable[int], shown: Any) -> dict[str, Any]:
    limit = request.get("MaxResults") or 10_000
    start = request.get("StartingBlockIndex") or 0
    if request.get("NextToken"):
        opened = tokens.open_page(request["NextToken"])
        if opened is None or len(opened) != 1 or not isinstance(opened[0], int):
            raise refused("INVALID_PAGE_TOKEN", "The page token is not valid")
        start = opened[0]
    found = [number for number in numbers if number >= start]
    output: dict[str, Any] = {member: [shown(number) for number in found[:limit]]}
    if len(found) > limit:
        output["NextToken"] = tokens.seal_page(found[limit])
    return output


def _listed(snapshot: str, number: int, expiry: float) -> dict[str, Any]:
    return {"BlockIndex": number, "BlockToken": _token(snapshot, number, expiry)}


def _token(snapshot: str, number: int, expiry: float) -> str:
    return tokens.seal_page(snapshot, number, int(expiry))


def _check_token(call: Call, token: str, snapshot: str, number: int) -> None:
    opened = tokens.open_page(token)
    if opened is None or opened[:2] != [snapshot, number] or len(opened) != 3:
        raise refused("INVALID_BLOCK_TOKEN", "The block token is not valid for this block")
    if int(opened[2]) < call.now():
        raise refused("INVALID_BLOCK_TOKEN", "The block token has expired")
