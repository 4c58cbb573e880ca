"""ImportImage and ImportSnapshot: disks out of S3's objects; their tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2.errors import coded, errors, invalid, missing
from haneul.services.ec2.instances import image_objects, image_registering
from haneul.services.ec2.instances.image_state import IMPORT_IMAGE, IMPORT_SNAPSHOT, ImageTask
from haneul.services.ec2.kinds import Kind
from haneul.services.ec2.operations import operation
from haneul.services.ec2.volumes import creation, keys
from haneul.services.ec2.volumes.state import SNAPSHOT
from haneul.state.store import Reader, Writer

FORMATS = ("OVA", "VHD", "VHDX", "VMDK", "RAW", "QCOW2")
DISKS = 21
KEPT = 7 * 86400.0
"""Seconds that a task is told after its end."""
Request = Mapping[str, Any]
_FILTERS = {"task-state": "Status"}
_SNAPSHOT_FILTERS = {"task-state": "SnapshotTaskDetail.Status"}


@operation("arn:aws:ec2:{region}:{account}:import-image-task/*")
def import_image(call: Call, request: Request) -> dict[str, Any]:
    """ImportImage of one to 21 disks. Raises InvalidParameter when the role that reads them (vmimport) isn't there."""
    containers = request.get("DiskContainers") or ()
    if not containers:
        raise missing("DiskContainers")
    if len(containers) > DISKS:
        raise invalid(f"At most {DISKS} disks can be imported as an image.")
    if (request.get("Architecture") or "x86_64") not in ("i386", "x86_64", "arm64"):
        raise invalid(f"Value ({request['Architecture']}) for parameter architecture is invalid.")
    if request.get("BootMode") not in (None, *image_registering.BOOT_MODES[:2]):
        raise invalid(f"Value ({request['BootMode']}) for parameter bootMode is invalid.")
    names = ("Architecture", "BootMode", "Description", "LicenseType", "Platform", "UsageOperation")
    row = _row(call, request, IMPORT_IMAGE, names)
    with call.read() as tx:
        row.disks = [_disk(call, tx, one, FORMATS) for one in containers]
    return describe_image_task(_kept(call, request, IMPORT_IMAGE, "ec2.import-image", row))


@operation("arn:aws:ec2:{region}:{account}:import-snapshot-task/*")
def import_snapshot(call: Call, request: Request) -> dict[str, Any]:
    """ImportSnapshot of one disk. Raises InvalidParameter when the role that reads it (vmimport) isn't there."""
    container = request.get("DiskContainer")
    if not container:
        raise missing("DiskContainer")
    row = _row(call, request, IMPORT_SNAPSHOT, ("Description",))
    with call.read() as tx:
        row.disks = [_disk(call, tx, container, FORMATS[1:])]
    return describe_snapshot_task(_kept(call, request, IMPORT_SNAPSHOT, "ec2.import-snapshot", row))


@operation()
def describe_import_image_tasks(call: Call, request: Request) -> dict[str, Any]:
    """DescribeImportImageTasks."""
    return listing.describe(
        call, request, IMPORT_IMAGE, member="ImportImageTasks", ids="ImportTaskIds", filters=_FILTERS,
        render=lambda _, row: describe_image_task(row), limits=(1, 1000),
    )  # fmt: skip


@operation()
def describe_import_snapshot_tasks(call: Call, request: Request) -> dict[str, Any]:
    """DescribeImportSnapshotTasks."""
    return listing.describe(
        call, request, IMPORT_SNAPSHOT, member="ImportSnapshotTasks", ids="ImportTaskIds", filters=_SNAPSHOT_FILTERS,
        render=lambda _, row: describe_snapshot_task(row), limits=(1, 1000),
    )  # fmt: skip


def _task_arn(call: Call, request: Request) -> str:
    identifier = request.get("ImportTaskId") or "*"
    kind = IMPORT_SNAPSHOT if identifier.startswith(f"{IMPORT_SNAPSHOT.prefix}-") else IMPORT_IMAGE
    return kind.arn(call.scope, identifier)


@operation(_task_arn)
def cancel_import_task(call: Call, request: Request) -> dict[str, Any]:
    """CancelImportTask while it is active. Raises InvalidConversionTaskId."""
    identifier = request.get("ImportTaskId") or ""
    kind, step = (IMPORT_SNAPSHOT, "ec2.import-snapshot")
    if identifier.startswith("import-ami-"):
        kind, step = (IMPORT_IMAGE, "ec2.import-image")
    with call.write() as tx:
        row = kind.get(tx, call.scope, identifier)
        if row.state != "active":
            raise coded("IncorrectState", f"The task {row.id} is '{row.state}' and can't be cancelled.")
        row.state, row.message = "deleting", request.get("CancelReason") or "cancelled by user"
        kind.table.put(tx, call.scope, row)
        wake(tx, step, call.scope, (row.id,), call.now())
    return {"ImportTaskId": row.id, "PreviousState": "active", "State": "deleting"}


def describe_image_task(row: ImageTask) -> dict[str, Any]:
    """An import of an image as every answer shows it."""
    return {
        "ImportTaskId": row.id,
        **{name: value for name, value in row.request.items() if name not in ("RoleArn", "KmsKeyId", "Encrypted")},
        **_sealing(row),
        "Hypervisor": "xen",
        "ImageId": row.image or None,
        "Status": row.state,
        "StatusMessage": row.message or None,
        "Progress": str(row.progress) if row.state == "active" else None,
        "SnapshotDetails": [_detail(one) for one in row.disks],
        "Tags": tagging.render(row.tags),
    }


def describe_snapshot_task(row: ImageTask) -> dict[str, Any]:
    """An import of a snapshot as every answer shows it."""
    (disk,) = row.disks
    detail = {
        **_detail(disk),
        **_sealing(row),
        "Description": row.request.get("Description") or "",
        "Status": row.state,
        "StatusMessage": row.message or None,
        "Progress": str(row.progress) if row.state == "active" else None,
    }
    detail.pop("DeviceName", None)
    return {
        "ImportTaskId": row.id,
        "Description": row.request.get("Description") or "",
        "SnapshotTaskDetail": {name: value for name, value in detail.items() if value is not None},
        "Tags": tagging.render(row.tags),
    }


def _row(call: Call, request: Request, kind: Kind[ImageTask], names: tuple[str, ...]) -> ImageTask:
    """A task that nobody has begun."""
    tags = tagging.of_new(request, kind.type)
    key = keys.resolve(call, request.get("KmsKeyId"))
    if key and not request.get("Encrypted"):
        raise errors.InvalidParameterCombination("KmsKeyId requires Encrypted to be set.")
    kept = {name: request[name] for name in names if request.get(name)}
    if request.get("Encrypted"):
        kept |= {"Encrypted": True, "KmsKeyId": key}
    return ImageTask(id=kind.new_id(), created=call.now(), message="pending", progress=0, request=kept, tags=tags)


def _disk(call: Call, tx: Reader, container: Request, formats: tuple[str, ...]) -> dict[str, Any]:
    """Where a disk is, and what its snapshot will be."""
    if container.get("SnapshotId"):
        SNAPSHOT.get(tx, call.scope, container["SnapshotId"])
        creation.find(tx, call.scope, container["SnapshotId"])
        return {"SnapshotId": container["SnapshotId"], "Done": True, "DeviceName": container.get("DeviceName")}
    given = container.get("UserBucket") or {}
    bucket, key = image_objects.place(given.get("S3Bucket"), given.get("S3Key"), container.get("Url"))
    kind = (container.get("Format") or key.rpartition(".")[2]).upper()
    if kind not in formats:
        raise invalid(f"Value ({kind}) for parameter format is invalid. Valid values: {', '.join(formats)}.")
    disk = {
        "Bucket": bucket,
        "Key": key,
        "Url": container.get("Url"),
        "Format": kind,
        "Description": container.get("Description"),
        "DeviceName": container.get("DeviceName"),
        "SnapshotId": SNAPSHOT.new_id(),
    }
    return {name: value for name, value in disk.items() if value}


def _kept(call: Call, request: Request, kind: Kind[ImageTask], step: str, row: ImageTask) -> ImageTask:
    if any(not one.get("Done") for one in row.disks):
        row.request["RoleArn"] = image_objects.role_arn(call, request.get("RoleName"))

    def put(tx: Writer) -> ImageTask:
        made = idempotency.made_before(tx, call, request)
        if made:
            return kind.get(tx, call.scope, made[0])
        if kind is IMPORT_IMAGE:
            _check_active(tx, call)
        kind.table.put(tx, call.scope, row)
        wake(tx, step, call.scope, (row.id,), call.now())
        idempotency.remember(tx, call, request, [row.id])
        return row

    with call.write() as tx:
        return put(tx)


def _check_active(tx: Reader, call: Call) -> None:
    active = sum(1 for one in IMPORT_IMAGE.table.scan(tx, call.scope) if one.state == "active")
    if active >= 20:
        raise errors.ResourceCountLimitExceeded("You have reached the maximum of 20 active import tasks.")


def _sealing(row: ImageTask) -> dict[str, Any]:
    if not row.request.get("Encrypted"):
        return {"Encrypted": False}
    return {"Encrypted": True, "KmsKeyId": row.request.get("KmsKeyId") or None}


def _detail(disk: Request) -> dict[str, Any]:
    shown = {
        "Description": disk.get("Description"),
        "DeviceName": disk.get("DeviceName"),
        "DiskImageSize": disk.get("Size"),
        "Format": disk.get("Format"),
        "SnapshotId": disk["SnapshotId"] if disk.get("Done") else None,
        "Status": "completed" if disk.get("Done") else "active",
        "Url": disk.get("Url"),
        "UserBucket": {"S3Bucket": disk["Bucket"], "S3Key": disk["Key"]} if disk.get("Bucket") else None,
    }
    return {name: value for name, value in shown.items() if value is not None}
