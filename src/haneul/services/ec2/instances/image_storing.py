"""Images as single objects in a bucket, and back: CreateStoreImageTask, CreateRestoreImageTask.

The object: a line that says what it is; a head in JSON with its length; then every block that isn't zeros, packed, with
its disk, number and length before it. What is restored was perhaps written by a stranger: every figure is checked.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec

from haneul.converge import wake
from haneul.engines.errors import EngineError
from haneul.engines.volumes.port import BLOCK
from haneul.kit import tokens
from haneul.service import Call, Step
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.errors import errors, invalid
from haneul.services.ec2.instances import (
    image_copying,
    image_import_steps,
    image_names,
    image_notices,
    image_objects,
    images,
)
from haneul.services.ec2.instances.image_state import STORE_TASKS, StoreTask
from haneul.services.ec2.instances.state import IMAGE, Image
from haneul.services.ec2.operations import operation
from haneul.services.ec2.volumes import creation, keys
from haneul.services.ec2.volumes.state import SNAPSHOT, Snapshot
from haneul.wire.errors import AwsError

log = logging.getLogger("haneul.ec2")
MAGIC = b"HANEUL-AMI 1\n"
KEPT = 31 * 86400.0
_HEAD = struct.Struct(">I")
_PIECE = struct.Struct(">HII")
_HEAD_LIMIT = 1 << 20
_DISKS = 28
_LARGEST_GIB = 16384
_EBS = {"DeleteOnTermination": bool, "VolumeSize": int, "VolumeType": str, "Iops": int, "Throughput": int}
Request = Mapping[str, Any]


class StoredDisk(msgspec.Struct, kw_only=True):
    snapshot: str
    size: int


class StoredImage(msgspec.Struct, kw_only=True):
    """The head of an object: an image without what is its owner's alone (sharing, tags)."""

    image: str
    name: str
    root_device: str
    description: str
    architecture: str
    boot: str
    mappings: list[dict[str, Any]]
    options: dict[str, Any]
    disks: list[StoredDisk]


@operation("arn:aws:ec2:{region}::image/{ImageId}")
def create_store_image_task(call: Call, request: Request) -> dict[str, Any]:
    """CreateStoreImageTask: the object is `<image id>.bin`. The caller must be allowed to write it."""
    key = f"{request['ImageId']}.bin"
    call.cloud.gate.check(call, "s3:PutObject", f"arn:aws:s3:::{request['Bucket']}/{key}")
    with call.write() as tx:
        scope, row = images.find(tx, call, request["ImageId"])
        if row.state != "available" or scope.account != call.account:
            raise errors.InvalidRequest(f"The AMI '{row.id}' can't be stored: it isn't an available one of your own.")
        if any((one.get("Ebs") or {}).get("Encrypted") for one in row.mappings):
            raise errors.UnsupportedOperation("AMIs with encrypted snapshots can't be stored.")
        tasks = [one for one in STORE_TASKS.scan(tx, call.scope) if one.state == "InProgress"]
        if any(one.image == row.id for one in tasks):
            raise errors.InvalidRequest(f"The AMI '{row.id}' is being stored already.")
        tags = {one["Key"]: one.get("Value") or "" for one in request.get("S3ObjectTags") or ()}
        task = StoreTask(
            id=f"{2**63 - int(call.now() * 1000):019d}{tokens.resource_id('x', 8)}",
            image=row.id,
            bucket=request["Bucket"],
            created=call.now(),
            tagging=urlencode(tags),
        )
        STORE_TASKS.put(tx, call.scope, task)
        wake(tx, "ec2.store-image", call.scope, (task.id,), call.now())
    return {"ObjectKey": key}


@operation("arn:aws:ec2:{region}::image/*")
def create_restore_image_task(call: Call, request: Request) -> dict[str, Any]:
    """CreateRestoreImageTask: an image of an object that CreateStoreImageTask wrote. The caller must be allowed to read
    it. Raises InvalidAMIName.Duplicate."""
    bucket, key = request["Bucket"], request["ObjectKey"]
    call.cloud.gate.check(call, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
    tags = {kind: tagging.of_new(request, kind, "image", "snapshot") for kind in ("image", "snapshot")}
    name = request.get("Name") or ""
    if name:
        image_names.check_name(name)
    with call.write() as tx:
        if name:
            image_names.check_free(tx, call.scope, name)
        row = Image(
            id=IMAGE.new_id(),
            name=name or key.rpartition("/")[2],
            state="pending",
            created=call.now(),
            root_device="/dev/sda1",
            work={"restore": {"bucket": bucket, "key": key, "named": bool(name), "tags": tags["snapshot"]}},
            tags=tags["image"],
        )
        IMAGE.table.put(tx, call.scope, row)
        image_notices.tell(tx, call.scope, row, call.now())
        wake(tx, "ec2.image", call.scope, (row.id,), call.now())
    return {"ImageId": row.id}


@operation()
def describe_store_image_tasks(call: Call, request: Request) -> dict[str, Any]:
    """DescribeStoreImageTasks of the last 31 days, the newest first; of images that are named, the last task alone."""
    named = request.get("ImageIds") or ()
    IMAGE.check(named)
    if named and request.get("MaxResults") is not None:
        raise errors.InvalidParameterCombination("The parameter ImageIds cannot be used with the parameter MaxResults")
    asked = request if not named else {**request, "Filters": None}
    with call.read() as tx:
        rows = list(STORE_TASKS.scan(tx, call.scope))
    if named:
        last = {row.image: row for row in reversed(rows)}
        rows = [last[one] for one in named if one in last]
    items = [(row.id, _described(row)) for row in rows]
    filters = {"task-state": "StoreTaskState", "bucket": "Bucket"}
    return listing.paged(asked, "StoreImageTaskResults", items, filters, (1, 200))


def step_store_image(call: Call, row: StoreTask) -> Step:
    """Write the object, in parts."""
    if row.state != "InProgress":
        left = row.created + KEPT - call.now()
        return Step(row, left) if left > 0 else Step(None)
    try:
        with call.read() as tx:
            image = IMAGE.get(tx, call.scope, row.image)
        image_objects.write(call, row.bucket, f"{row.image}.bin", _pieces(call, image), row.tagging)
    except (AwsError, EngineError) as error:
        message = error.message if isinstance(error, AwsError) else str(error)
        log.warning("storing %s failed: %s", row.image, message)
        row.state, row.message = "Failed", message[:300]
        return Step(row, 0)
    row.state, row.progress = "Completed", 100
    return Step(row, 0)


def restore(call: Call, row: Image) -> Step:
    """The image's snapshots are read from its object; they are written down when all of them are there."""
    wanted = row.work["restore"]
    ids = wanted.get("snapshots")
    pieces = _Pieces(image_objects.read(call, wanted["bucket"], wanted["key"]))
    head = pieces.head()
    if not ids:  # written down before anything is made under them
        row.work = {"restore": {**wanted, "snapshots": [SNAPSHOT.new_id() for _ in head.disks]}}
        return Step(row, 0)
    folder = image_import_steps.work_folder(call, row.id)
    try:
        changed = _laid_out(call, folder, head, pieces, ids)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _apply(call, row, head, dict(zip([disk.snapshot for disk in head.disks], ids, strict=True)))
    with call.write() as tx:
        for one, disk, held in zip(ids, head.disks, changed, strict=True):
            made = Snapshot(
                id=one,
                volume="vol-ffffffff",
                size=disk.size,
                state="completed",
                created=row.created,
                completed=call.now(),
                description=f"Restored for {row.id} from {wanted['bucket']}/{wanted['key']}",
                progress="100%",
                changed=held,
                metered=call.now(),
                tags=wanted["tags"],
            )
            SNAPSHOT.table.put(tx, call.scope, made)
    return Step(row, 0)


def _laid_out(call: Call, folder: Path, head: StoredImage, pieces: _Pieces, ids: list[str]) -> list[int]:
    """The disks as raw files, then as snapshots; the bytes that each holds."""
    engine = planes.of(call.cloud).volumes
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / str(index) for index in range(len(ids))]
    with contextlib.ExitStack() as opened:
        files = [opened.enter_context(path.open("wb")) for path in paths]
        for file, disk in zip(files, head.disks, strict=True):
            file.truncate(disk.size << 30)
        left = shutil.disk_usage(folder).free
        for index, number, content in pieces.blocks(head):
            left -= BLOCK
            if left < 0:  # what is packed may be a thousand times larger than it looks
                raise EngineError("the stored AMI's disks are larger than what this machine has to spare")
            os.pwrite(files[index].fileno(), content, number * BLOCK)
    return [engine.ensure_imported(one, path).changed for one, path in zip(ids, paths, strict=True)]


def forget(call: Call, row: Image) -> None:
    """A restore that failed: nothing of it stays."""
    for one in (row.work.get("restore") or {}).get("snapshots") or ():
        planes.of(call.cloud).volumes.remove_snapshot(one)


def _apply(call: Call, row: Image, head: StoredImage, ids: dict[str, str]) -> None:
    """The image is what the head says, its snapshots are the new ones."""
    row.mappings = []
    for one in head.mappings:
        ebs = one.get("Ebs")
        if isinstance(ebs, dict):
            kept = {name: ebs[name] for name, kind in _EBS.items() if type(ebs.get(name)) is kind}
            made = {"SnapshotId": ids[ebs["SnapshotId"]]} if ebs.get("SnapshotId") else {}
            row.mappings.append({"DeviceName": one["DeviceName"], "Ebs": {**kept, **made, "Encrypted": False}})
        else:
            row.mappings.append({"DeviceName": one["DeviceName"], "VirtualName": str(one.get("VirtualName"))})
    with call.read() as tx:
        taken = {one.name for one in IMAGE.table.scan(tx, call.scope) if one.id != row.id and one.state == "available"}
    if not row.work["restore"]["named"] and head.name not in taken:
        row.name = head.name
    row.root_device, row.description = head.root_device, head.description
    row.architecture, row.boot = head.architecture, head.boot
    given = {name: head.options.get(name) for name in image_copying.COPIED}
    row.options = {name: value for name, value in given.items() if isinstance(value, str | bool)}
    row.work = {"snapshots": list(ids.values())}


def _pieces(call: Call, image: Image) -> Iterator[bytes]:
    """An image's object."""
    engine = planes.of(call.cloud).volumes
    found: list[Snapshot] = []
    with call.read() as tx:
        found = [creation.find(tx, call.scope, one)[1] for one in images.snapshots_of(image)]
    head = StoredImage(
        image=image.id,
        name=image.name,
        root_device=image.root_device,
        description=image.description,
        architecture=image.architecture,
        boot=image.boot,
        mappings=image.mappings,
        options={name: image.options[name] for name in image_copying.COPIED if image.options.get(name)},
        disks=[StoredDisk(snapshot=one.id, size=one.size) for one in found],
    )
    text = msgspec.json.encode(head)
    yield MAGIC + _HEAD.pack(len(text)) + text
    for index, one in enumerate(found):
        key = keys.opened(call, one.data_key)
        for number in engine.digests(one.id):
            packed = zlib.compress(engine.read_block(one.id, number, key), 1)
            yield _PIECE.pack(index, number, len(packed)) + packed


class _Pieces:
    """An object, read as what it should be. Raises EngineError for anything else."""

    def __init__(self, content: Iterator[bytes]) -> None:
        self._content = content
        self._held = bytearray()

    def head(self) -> StoredImage:
        if self._take(len(MAGIC)) != MAGIC:
            raise EngineError("the object is no stored AMI")
        (length,) = _HEAD.unpack(self._take(_HEAD.size))
        if length > _HEAD_LIMIT:
            raise EngineError("the stored AMI's head is too long")
        try:
            head = msgspec.json.decode(self._take(length), type=StoredImage)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EngineError(f"the stored AMI's head can't be read: {error}") from error
        _check(head)
        return head

    def blocks(self, head: StoredImage) -> Iterator[tuple[int, int, bytes]]:
        """(disk, block number, its bytes)."""
        while start := self._take(_PIECE.size, end=True):
            disk, number, length = _PIECE.unpack(start)
            if disk >= len(head.disks) or number >= (head.disks[disk].size << 30) // BLOCK or length > 2 * BLOCK:
                raise EngineError("the stored AMI holds a block of no disk")
            unpacker = zlib.decompressobj()
            try:
                content = unpacker.decompress(self._take(length), BLOCK)
            except zlib.error as error:
                raise EngineError("a block of the stored AMI can't be read") from error
            if len(content) != BLOCK:
                raise EngineError("a block of the stored AMI has the wrong size")
            yield disk, number, content

    def _take(self, length: int, *, end: bool = False) -> bytes:
        while len(self._held) < length:
            piece = next(self._content, None)
            if piece is None:
                if end and not self._held:
                    return b""
                raise EngineError("the stored AMI ends too early")
            self._held += piece
        taken = bytes(self._held[:length])
        del self._held[:length]
        return taken


def _check(head: StoredImage) -> None:
    named = [disk.snapshot for disk in head.disks]
    used = [ebs.get("SnapshotId") for one in head.mappings if isinstance(ebs := one.get("Ebs"), dict)]
    fine = (
        0 < len(named) <= _DISKS
        and len(set(named)) == len(named)
        and {one for one in used if one} == set(named)
        and all(0 < disk.size <= _LARGEST_GIB for disk in head.disks)
        and all(isinstance(one.get("DeviceName"), str) for one in head.mappings)
        and head.boot in ("direct", "disk")
        and head.architecture in ("i386", "x86_64", "arm64", "x86_64_mac", "arm64_mac")
        and any(one["DeviceName"] == head.root_device for one in head.mappings)
    )
    if not fine:
        raise EngineError("the stored AMI's head is not consistent")
    try:
        image_names.check_name(head.name)
    except AwsError as error:
        raise invalid(error.message) from error


def _described(row: StoreTask) -> dict[str, Any]:
    shown = {
        "AmiId": row.image,
        "TaskStartTime": row.created,
        "Bucket": row.bucket,
        "S3objectKey": f"{row.image}.bin",
        "ProgressPercentage": row.progress,
        "StoreTaskState": row.state,
        "StoreTaskFailureReason": row.message or None,
    }
    return {name: value for name, value in shown.items() if value is not None}
