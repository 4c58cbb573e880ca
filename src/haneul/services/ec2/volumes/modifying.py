"""ModifyVolume: bigger, of another type, with other IOPS - while it is in use, as AWS does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call
from haneul.services.ec2 import listing
from haneul.services.ec2.errors import coded, errors, invalid
from haneul.services.ec2.operations import operation
from haneul.services.ec2.volumes import types
from haneul.services.ec2.volumes.state import VOLUME, Volume

ARN = "arn:aws:ec2:{region}:{account}:volume/{VolumeId}"
EVERY = 6 * 3600.0
"""Seconds from one modification of a volume to the next."""
_FILTERS = {
    "modification-state": "ModificationState",
    "original-iops": "OriginalIops",
    "original-size": "OriginalSize",
    "original-volume-type": "OriginalVolumeType",
    "start-time": "StartTime",
    "target-iops": "TargetIops",
    "target-size": "TargetSize",
    "target-volume-type": "TargetVolumeType",
    "volume-id": "VolumeId",
}


@operation(ARN)
def modify_volume(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyVolume. Raises VolumeModificationRateExceeded within six hours of the last change, InvalidParameterValue
    for a smaller size, IncorrectState for a volume that isn't there yet."""
    with call.write() as tx:
        volume = VOLUME.get(tx, call.scope, request["VolumeId"])
        if volume.state != "available":
            raise errors.IncorrectState(f"Volume '{volume.id}' is in the '{volume.state}' state.")
        last = volume.modification
        if last and call.now() < last["start"] + EVERY:
            raise errors.VolumeModificationRateExceeded(
                f"You've reached the maximum modification rate per volume limit. Wait at least 6 hours between "
                f"modifications per EBS volume. (volume {volume.id})"
            )
        before = {name: getattr(volume, name) for name in ("size", "type", "iops", "throughput", "multi_attach")}
        _change(volume, request)
        volume.modification = {"state": "modifying", "start": call.now(), "original": before}
        VOLUME.table.put(tx, call.scope, volume)
        wake(tx, "ec2.volume", call.scope, (volume.id,), call.now())
        return {"VolumeModification": describe(volume)}


@operation()
def describe_volumes_modifications(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeVolumesModifications: the last change of each volume. Raises InvalidVolumeModification.NotFound for named
    volumes that never were modified."""
    named = request.get("VolumeIds") or ()
    with call.read() as tx:
        volumes = VOLUME.get_all(tx, call.scope, named) if named else list(VOLUME.table.scan(tx, call.scope))
    for volume in volumes if named else ():
        if not volume.modification:
            raise coded("InvalidVolumeModification.NotFound", f"Modification for volume '{volume.id}' does not exist.")
    items = [(volume.id, describe(volume)) for volume in volumes if volume.modification]
    return listing.paged(request, "VolumesModifications", items, _FILTERS, (1, 500))


def describe(volume: Volume) -> dict[str, Any]:
    """A volume's last modification as answers show it."""
    known = volume.modification
    before = known["original"]
    done = known["state"] == "completed"
    shown: dict[str, Any] = {
        "VolumeId": volume.id,
        "ModificationState": known["state"],
        "TargetSize": volume.size,
        "TargetVolumeType": volume.type,
        "TargetMultiAttachEnabled": volume.multi_attach,
        "OriginalSize": before["size"],
        "OriginalVolumeType": before["type"],
        "OriginalMultiAttachEnabled": before["multi_attach"],
        "Progress": 100 if done else 0,
        "StartTime": known["start"],
    }
    for name in ("iops", "throughput"):
        if getattr(volume, name):
            shown[f"Target{name.title()}"] = getattr(volume, name)
        if before[name]:
            shown[f"Original{name.title()}"] = before[name]
    if done:
        shown["EndTime"] = known["end"]
    return shown


def _change(volume: Volume, request: Mapping[str, Any]) -> None:
    kind = request.get("VolumeType") or volume.type
    size = request.get("Size") or volume.size
    if size < volume.size:
        raise invalid(f"New size cannot be smaller than existing size ({volume.size} GiB)")
    kept = kind == volume.type and kind != "gp2"
    iops = request.get("Iops") or (volume.iops if kept and volume.iops else None)
    throughput = request.get("Throughput") or (volume.throughput if kept and volume.throughput else None)
    volume.iops, volume.throughput = types.settle(kind, size, iops, throughput)
    volume.type, volume.size = kind, size
    if request.get("MultiAttachEnabled") is not None:
        if kind not in types.MULTI_ATTACH:
            raise invalid(f"Multi-Attach is not supported for {kind} volumes.")
        volume.multi_attach = bool(request["MultiAttachEnabled"])
