"""Imports on their way: a step for each disk, and one that makes the image of them. Each may be repeated."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from haneul.engines.errors import EngineError
from haneul.engines.volumes import disks
from haneul.service import Call, Step
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.instances import image_notices, image_objects, image_registering
from haneul.services.ec2.instances.image_importing import KEPT
from haneul.services.ec2.instances.image_state import ImageTask
from haneul.services.ec2.instances.state import IMAGE, Image
from haneul.services.ec2.volumes import creation, keys
from haneul.services.ec2.volumes.state import SNAPSHOT, Snapshot
from haneul.wire.errors import AwsError

log = logging.getLogger("haneul.ec2")
_GIB = 1 << 30


def step_import_image(call: Call, row: ImageTask) -> Step:
    """The next disk; after the last one, the image."""
    return _step(call, row, _image)


def step_import_snapshot(call: Call, row: ImageTask) -> Step:
    """The disk."""
    return _step(call, row, lambda _, task: _completed(task))


def _step(call: Call, row: ImageTask, end: Callable[[Call, ImageTask], None]) -> Step:
    if row.state in ("completed", "deleted"):
        row.ended = row.ended or call.now()
        left = row.ended + KEPT - call.now()
        return Step(row, left) if left > 0 else Step(None)
    folder = work_folder(call, row.id)
    try:
        if row.state == "deleting":
            _undo(call, row)
        elif any(not one.get("Done") for one in row.disks):
            folder.mkdir(parents=True, exist_ok=True)
            _next_disk(call, row, folder)
            row.progress = int(90 * sum(bool(one.get("Done")) for one in row.disks) / len(row.disks))
            return Step(row, 0)
        else:
            end(call, row)
    except (AwsError, EngineError, OSError) as error:
        message = error.message if isinstance(error, AwsError) else str(error)
        log.warning("import %s failed: %s", row.id, message)
        row.state, row.message = "deleting", f"ClientError: {message}"[:500]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Step(row, 0)


def work_folder(call: Call, task: str) -> Path:
    """Where a task's files lie while it works."""
    return Path(call.cloud.config.data) / "engines" / "volumes" / "work" / task


def _next_disk(call: Call, row: ImageTask, folder: Path) -> None:
    disk = next(one for one in row.disks if not one.get("Done"))
    if row.request.get("Encrypted") and not disk.get("DataKey"):
        with call.read() as tx:
            disk["KmsKey"] = row.request.get("KmsKeyId") or creation.default_key(tx, call.scope)
        disk["DataKey"] = keys.new_data_key(call, disk["KmsKey"], disk["SnapshotId"])
        return  # written down before anything is sealed with it
    row.message = "converting"
    given = folder / "given"
    _fetch(call, row, disk, given)
    if disk["Format"] == "OVA":
        found = disks.disks_of_ova(given, folder)
        at = row.disks.index(disk)
        more = [
            {**disk, "Format": "VMDK", "Ova": number, "SnapshotId": SNAPSHOT.new_id(), "DeviceName": ""}
            for number in range(len(found))
        ]
        row.disks = [*row.disks[:at], *more, *row.disks[at + 1 :]]
        return
    if "Ova" in disk:
        given = disks.disks_of_ova(given, folder)[disk["Ova"]]
    raw = folder / "raw"
    size = disks.to_raw(given, disk["Format"].lower(), raw)
    _keep(call, row, disk, raw, size)
    disk |= {"Done": True, "Size": round(size / _GIB, 3)}


def _fetch(call: Call, row: ImageTask, disk: dict[str, Any], target: Path) -> None:
    acts = image_objects.acting(call, row.request["RoleArn"])
    try:
        with target.open("wb") as file:
            for piece in image_objects.read(acts, disk["Bucket"], disk["Key"]):
                file.write(piece)
    except AwsError as error:
        raise AwsError(
            error.code, f"Disk validation failed [{disk['Bucket']}/{disk['Key']}: {error.code}]", error.status
        ) from error


def _keep(call: Call, row: ImageTask, disk: dict[str, Any], raw: Path, size: int) -> None:
    """The disk's bytes are a snapshot."""
    engine = planes.of(call.cloud).volumes
    identifier = disk["SnapshotId"]
    if disk.get("DataKey"):
        plain = f"{identifier}-plain"
        engine.ensure_imported(plain, raw)
        taken = engine.ensure_copy(identifier, plain, b"", keys.opened(call, disk["DataKey"]))
        engine.remove_snapshot(plain)
    else:
        taken = engine.ensure_imported(identifier, raw)
    made = Snapshot(
        id=identifier,
        volume="vol-ffffffff",
        size=-(-size // _GIB),
        state="completed",
        created=row.created,
        completed=call.now(),
        description=row.request.get("Description") or f"Created by AWS-VMImport service for {row.id}",
        progress="100%",
        encrypted=bool(disk.get("DataKey")),
        key=disk.get("KmsKey", ""),
        data_key=disk.get("DataKey", ""),
        changed=taken.changed,
        metered=call.now(),
    )
    with call.write() as tx:
        if SNAPSHOT.find(tx, call.scope, identifier) is None:
            SNAPSHOT.table.put(tx, call.scope, made)


def _image(call: Call, row: ImageTask) -> None:
    """The image of a task's snapshots; its name is the task's id. Its id is written down first."""
    if not row.work.get("image"):
        row.work = {"image": IMAGE.new_id()}
        return
    with call.read() as tx:
        found = [SNAPSHOT.get(tx, call.scope, one["SnapshotId"]) for one in row.disks]
    devices = [_device(one.get("DeviceName"), number) for number, one in enumerate(row.disks)]
    image = Image(
        id=row.work["image"],
        name=row.id,
        state="available",
        created=call.now(),
        root_device=devices[0],
        description=row.request.get("Description") or f"AWS-VMImport service: Linux - {row.id}",
        architecture=row.request.get("Architecture") or "x86_64",
        boot=image_registering.boots(call, found[0]),
        mappings=[
            {
                "DeviceName": device,
                "Ebs": {
                    "SnapshotId": one.id,
                    "VolumeSize": one.size,
                    "VolumeType": "gp2",
                    "DeleteOnTermination": True,
                    "Encrypted": one.encrypted,
                },
            }
            for device, one in zip(devices, found, strict=True)
        ],
        options={
            "EnaSupport": True,
            **{name: row.request[name] for name in ("BootMode", "UsageOperation") if row.request.get(name)},
            **({"Platform": "windows", "PlatformDetails": "Windows"} if _windows(row) else {}),
        },
    )
    with call.write() as tx:
        IMAGE.table.put(tx, call.scope, image)
        image_notices.tell(tx, call.scope, image, call.now())
    row.image = image.id
    _completed(row)


def _device(name: str | None, number: int) -> str:
    if name:
        return name
    return "/dev/sda1" if number == 0 else f"/dev/sd{chr(ord('a') + number)}"


def _windows(row: ImageTask) -> bool:
    return str(row.request.get("Platform") or "").lower() == "windows"


def _completed(row: ImageTask) -> None:
    row.state, row.message, row.progress = "completed", "", 100


def _undo(call: Call, row: ImageTask) -> None:
    """Cancelled or failed: what it had made is gone."""
    engine = planes.of(call.cloud).volumes
    for disk in row.disks:
        if disk.get("Bucket"):
            engine.remove_snapshot(f"{disk['SnapshotId']}-plain")
            engine.remove_snapshot(disk["SnapshotId"])
            with call.write() as tx:
                SNAPSHOT.table.delete(tx, call.scope, disk["SnapshotId"])
    row.state = "deleted"
