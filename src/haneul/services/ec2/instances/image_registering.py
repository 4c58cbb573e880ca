"""RegisterImage: an image of snapshots that are there already."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from haneul.engines.errors import EngineError
from haneul.service import Call, Scope
from haneul.services.ec2 import plane as planes
from haneul.services.ec2 import tagging
from haneul.services.ec2.errors import coded, errors, invalid
from haneul.services.ec2.instances import image_builtin, image_names, image_notices
from haneul.services.ec2.instances.state import IMAGE, Image
from haneul.services.ec2.operations import operation
from haneul.services.ec2.volumes import creation, keys, types
from haneul.services.ec2.volumes.state import Snapshot
from haneul.state.store import Reader, Writer

ARCHITECTURES = ("i386", "x86_64", "arm64", "x86_64_mac", "arm64_mac")
BOOT_MODES = ("legacy-bios", "uefi", "uefi-preferred")
_BOOT_SIGNATURE = slice(510, 512)
_EXT_MAGIC = slice(1080, 1082)


def _arns(call: Call, request: Mapping[str, Any]) -> list[str]:
    used = [one["Ebs"]["SnapshotId"] for one in request.get("BlockDeviceMappings") or () if _snapshot(one)]
    return [f"arn:aws:ec2:{call.region}::image/*", *(f"arn:aws:ec2:{call.region}::snapshot/{one}" for one in used)]


@operation(_arns)
async def register_image(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RegisterImage of EBS snapshots. Raises InvalidAMIName.Duplicate, InvalidBlockDeviceMapping,
    InvalidSnapshot.NotFound, UnsupportedOperation for manifests of instance store."""
    name, text = request["Name"], request.get("Description") or ""
    image_names.check_name(name)
    image_names.check_description(text)
    tags = tagging.of_new(request, "image")
    options = _options(request)
    root = request.get("RootDeviceName") or "/dev/sda1"
    with call.read() as tx:
        image_names.check_free(tx, call.scope, name)
        mappings = _mappings(tx, call.scope, request.get("BlockDeviceMappings") or (), root)
        found = next(one["Ebs"]["SnapshotId"] for one in mappings if one["DeviceName"] == root)
        _, snapshot = creation.find(tx, call.scope, found)
    boot = await asyncio.to_thread(boots, call, snapshot)
    row = Image(
        id=IMAGE.new_id(),
        name=name,
        state="available",
        created=call.now(),
        root_device=root,
        description=text,
        architecture=request.get("Architecture") or "i386",
        boot=boot,
        mappings=mappings,
        options=options,
        tags=tags,
    )

    def put(tx: Writer) -> None:
        image_names.check_free(tx, call.scope, name)
        IMAGE.table.put(tx, call.scope, row)
        image_notices.tell(tx, call.scope, row, call.now())

    await call.transact(put)
    return {"ImageId": row.id}


def boots(call: Call, snapshot: Snapshot) -> str:
    """How a disk of the snapshot's content boots: "direct" for one file system without a boot sector, else "disk".
    Blocking: its first block is read."""
    plane = planes.of(call.cloud)
    try:
        image_builtin.ensure_bytes(plane, snapshot.id)
        first = plane.volumes.read_block(snapshot.id, 0, keys.opened(call, snapshot.data_key))
    except EngineError as error:
        raise errors.InternalError(f"The snapshot {snapshot.id} can't be read: {error}") from error
    bare = first[_EXT_MAGIC] == b"\x53\xef" and first[_BOOT_SIGNATURE] != b"\x55\xaa"
    return "direct" if bare else "disk"


def _options(request: Mapping[str, Any]) -> dict[str, Any]:
    """What the request says of the image, by AWS's names."""
    if request.get("ImageLocation"):
        raise errors.UnsupportedOperation("Images of instance store (ImageLocation) can't be registered here.")
    if (request.get("Architecture") or "i386") not in ARCHITECTURES:
        raise invalid(f"Value ({request['Architecture']}) for parameter architecture is invalid.")
    kind = request.get("VirtualizationType") or "paravirtual"
    if kind not in ("hvm", "paravirtual"):
        raise invalid(f"Value ({kind}) for parameter virtualizationType is invalid.")
    wanted = {"BootMode": BOOT_MODES, "ImdsSupport": ("v2.0",), "TpmSupport": ("v2.0",), "SriovNetSupport": ("simple",)}
    for name, allowed in wanted.items():
        if request.get(name) not in (None, "", *allowed):
            raise invalid(f"Value ({request[name]}) for parameter {name[0].lower()}{name[1:]} is invalid.")
    if kind == "hvm" and (request.get("KernelId") or request.get("RamdiskId")):
        raise errors.InvalidParameterCombination("HVM AMIs can't have a kernel or a RAM disk.")
    kept = {name: request.get(name) for name in (*wanted, "KernelId", "RamdiskId", "UefiData", "EnaSupport")}
    return {"VirtualizationType": kind, **{name: value for name, value in kept.items() if value}}


def _mappings(tx: Reader, scope: Scope, asked: Sequence[Mapping[str, Any]], root: str) -> list[dict[str, Any]]:
    """BlockDeviceMappings, filled in from the snapshots. Raises InvalidBlockDeviceMapping and more."""
    if not asked:
        raise errors.InvalidRequest("The request must contain either a manifest or a block device mapping.")
    devices = [one.get("DeviceName") or "" for one in asked]
    if not all(devices):
        raise errors.MissingParameter("The request must contain the parameter deviceName")
    if len(set(devices)) < len(devices):
        raise coded("InvalidBlockDeviceMapping", "A device name is mapped more than once.")
    found = [one for one in (_mapping(tx, scope, wish) for wish in asked) if one is not None]
    if not any(one["DeviceName"] == root and _snapshot(one) for one in found):
        raise coded("InvalidBlockDeviceMapping", f"The root device {root} must be mapped to an EBS snapshot.")
    return found


def _mapping(tx: Reader, scope: Scope, wish: Mapping[str, Any]) -> dict[str, Any] | None:
    device = wish["DeviceName"]
    if wish.get("NoDevice") is not None:
        return None
    if not wish.get("Ebs"):
        return {"DeviceName": device, "VirtualName": wish.get("VirtualName") or "ephemeral0"}
    return {"DeviceName": device, "Ebs": filled(tx, scope, wish["Ebs"])}


def filled(tx: Reader, scope: Scope, ebs: Mapping[str, Any]) -> dict[str, Any]:
    """An Ebs of a request as the image tells it: size and encryption of its snapshot, figures of its type."""
    snapshot = ebs.get("SnapshotId")
    size = ebs.get("VolumeSize")
    encrypted = bool(ebs.get("Encrypted"))
    if snapshot:
        if ebs.get("Encrypted") is not None:
            raise coded("InvalidBlockDeviceMapping", "Encrypted can't be specified together with a snapshot.")
        _, source = creation.find(tx, scope, snapshot)
        if source.state != "completed":
            raise errors.IncorrectState(f"The snapshot '{snapshot}' is not 'completed'")
        size, encrypted = size or source.size, source.encrypted
        if size < source.size:
            raise invalid(f"The size of a volume can't be smaller than its snapshot's: {source.size} GiB")
    if not size:
        raise errors.MissingParameter("The request must contain the parameter size or snapshotId")
    kind = ebs.get("VolumeType") or "standard"
    types.settle(kind, size, ebs.get("Iops"), ebs.get("Throughput"))
    shown = {
        "DeleteOnTermination": ebs.get("DeleteOnTermination", True),
        "SnapshotId": snapshot,
        "VolumeSize": size,
        "VolumeType": kind,
        "Iops": ebs.get("Iops"),
        "Throughput": ebs.get("Throughput"),
        "Encrypted": encrypted,
        "KmsKeyId": ebs.get("KmsKeyId"),
    }
    return {name: value for name, value in shown.items() if value is not None}


def _snapshot(mapping: Mapping[str, Any]) -> str:
    return str((mapping.get("Ebs") or {}).get("SnapshotId") or "")
