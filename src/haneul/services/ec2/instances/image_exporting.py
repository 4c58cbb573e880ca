"""ExportImage: the root disk of an image as VMDK, VHD or raw in a bucket."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from haneul.converge import wake
from haneul.engines.errors import EngineError
from haneul.engines.volumes import disks
from haneul.service import Call, Step
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.errors import errors, invalid
from haneul.services.ec2.instances import image_import_steps, image_objects, images
from haneul.services.ec2.instances.image_state import EXPORT_IMAGE, ImageTask
from haneul.services.ec2.operations import operation
from haneul.services.ec2.volumes import creation, keys
from haneul.wire.errors import AwsError

log = logging.getLogger("haneul.ec2")
KEPT = 7 * 86400.0
_GIB = 1 << 30
Request = Mapping[str, Any]


@operation("arn:aws:ec2:{region}::image/{ImageId}")
def export_image(call: Call, request: Request) -> dict[str, Any]:
    """ExportImage. Raises InvalidParameter when the role that writes it (vmimport) isn't there, InvalidRequest for an
    image of more disks than one, as AWS does."""
    if request["DiskImageFormat"] not in ("VMDK", "RAW", "VHD"):
        raise invalid(f"Value ({request['DiskImageFormat']}) for parameter diskImageFormat is invalid.")
    role = image_objects.role_arn(call, request.get("RoleName"))
    tags = tagging.of_new(request, EXPORT_IMAGE.type)
    place = request["S3ExportLocation"]
    with call.write() as tx:
        made = idempotency.made_before(tx, call, request)
        if made:
            return {**_described(EXPORT_IMAGE.get(tx, call.scope, made[0])), "RoleName": role.rpartition("/")[2]}
        image = images.owned(tx, call, request["ImageId"])
        if image.state != "available":
            raise images.gone(image)
        found = images.snapshots_of(image)
        if len(found) != 1:
            raise errors.InvalidRequest(f"An image of one disk can be exported; {image.id} has {len(found)}.")
        creation.find(tx, call.scope, found[0])
        row = ImageTask(
            id=EXPORT_IMAGE.new_id(),
            created=call.now(),
            message="validating",
            request={
                "Description": request.get("Description") or "",
                "DiskImageFormat": request["DiskImageFormat"],
                "S3ExportLocation": {name: place[name] for name in ("S3Bucket", "S3Prefix") if place.get(name)},
                "RoleArn": role,
            },
            disks=[{"SnapshotId": found[0]}],
            image=image.id,
            tags=tags,
        )
        EXPORT_IMAGE.table.put(tx, call.scope, row)
        wake(tx, "ec2.export-image", call.scope, (row.id,), call.now())
        idempotency.remember(tx, call, request, [row.id])
    return {
        **_described(row),
        "DiskImageFormat": request["DiskImageFormat"],
        "RoleName": role.rpartition("/")[2],
    }


@operation()
def describe_export_image_tasks(call: Call, request: Request) -> dict[str, Any]:
    """DescribeExportImageTasks."""
    return listing.describe(
        call, request, EXPORT_IMAGE, member="ExportImageTasks", ids="ExportImageTaskIds",
        filters={"task-state": "Status"}, render=lambda _, row: _described(row), limits=(1, 500),
    )  # fmt: skip


def step_export_image(call: Call, row: ImageTask) -> Step:
    """Lay the disk out, convert it, write the object."""
    if row.state != "active":
        row.ended = row.ended or call.now()
        left = row.ended + KEPT - call.now()
        return Step(row, left) if left > 0 else Step(None)
    folder = image_import_steps.work_folder(call, row.id)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _export(call, row, folder)
        row.state, row.message, row.progress = "completed", "", 100
    except (AwsError, EngineError, OSError) as error:
        message = error.message if isinstance(error, AwsError) else str(error)
        log.warning("export %s failed: %s", row.id, message)
        row.state, row.message = "deleted", f"ClientError: {message}"[:500]
    finally:
        planes.of(call.cloud).volumes.remove_volume(row.id)
        shutil.rmtree(folder, ignore_errors=True)
    return Step(row, 0)


def _export(call: Call, row: ImageTask, folder: Path) -> None:
    engine = planes.of(call.cloud).volumes
    with call.read() as tx:
        _, snapshot = creation.find(tx, call.scope, row.disks[0]["SnapshotId"])
    engine.ensure_volume(row.id, snapshot.size * _GIB, snapshot.id, keys.opened(call, snapshot.data_key))
    kind = row.request["DiskImageFormat"].lower()
    target = engine.path(row.id) if kind == "raw" else folder / f"disk.{kind}"
    if kind != "raw":
        disks.from_raw(engine.path(row.id), kind, target)
    place = row.request["S3ExportLocation"]
    key = f"{place.get('S3Prefix') or ''}{row.id}.{kind}"
    image_objects.write(image_objects.acting(call, row.request["RoleArn"]), place["S3Bucket"], key, _bytes(target))


def _bytes(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(image_objects.PIECE):
            yield piece


def _described(row: ImageTask) -> dict[str, Any]:
    return {
        "ExportImageTaskId": row.id,
        "Description": row.request["Description"],
        "ImageId": row.image,
        "S3ExportLocation": row.request["S3ExportLocation"],
        "Status": row.state,
        "StatusMessage": row.message or None,
        "Progress": str(row.progress) if row.state == "active" else None,
        "Tags": tagging.render(row.tags),
    }
