"""The block devices of a launch: the image's, with the request's over them, each a volume of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haneul.service import Scope
from haneul.services.ec2.errors import coded, errors
from haneul.services.ec2.instances.state import Image
from haneul.state.store import Writer

Mapped = dict[str, dict[str, Any]]
"""Device name -> Ebs."""


def merged(image: Image, asked: Sequence[Mapping[str, Any]]) -> Mapped:
    """What will be attached. Raises InvalidBlockDeviceMapping, MissingParameter."""
    found: Mapped = {}
    for one in image.mappings:
        if one.get("Ebs"):
            found[one["DeviceName"]] = dict(one["Ebs"])
    for wish in asked:
        device = wish.get("DeviceName")
        if not device:
            raise errors.MissingParameter("The request must contain the parameter deviceName")
        if wish.get("NoDevice") is not None:
            if device == image.root_device:
                raise coded("InvalidBlockDeviceMapping", "The root device of an instance cannot be left out.")
            found.pop(device, None)
        elif wish.get("VirtualName") is not None and not wish.get("Ebs"):
            found.pop(device, None)  # instance store: AWS ignores what the type doesn't have
        elif not wish.get("Ebs") and device not in found:
            raise errors.MissingParameter("The request must contain the parameter ebs")
        else:
            found[device] = _over(image, device, found.get(device), wish.get("Ebs") or {})
    return found


def _over(image: Image, device: str, beneath: Mapping[str, Any] | None, asked: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in asked.items() if value is not None}
    if beneath is not None:
        snapshot = given.get("SnapshotId")
        if device == image.root_device and snapshot not in (None, beneath.get("SnapshotId")):
            raise coded(
                "InvalidBlockDeviceMapping", f"snapshotId cannot be modified on root device {image.root_device}"
            )
        below = dict(beneath)
        if given.get("VolumeType") not in (None, beneath.get("VolumeType")):  # figures of the other type don't fit
            below = {name: value for name, value in below.items() if name not in ("Iops", "Throughput")}
        return {**below, **given}
    if not given.get("VolumeSize") and not given.get("SnapshotId"):
        raise errors.MissingParameter("The request must contain the parameter size or snapshotId")
    return given


def make(
    tx: Writer, scope: Scope, now: float, *, zone: str, instance: str, mapped: Mapped, tags: dict[str, str]
) -> None:
    """The volumes of a new instance, each held for it. Raises what creating volumes raises."""
    from haneul.services.ec2.volumes import attaching, creation

    for device, ebs in mapped.items():
        volume = creation.make(
            tx,
            scope,
            now,
            zone=zone,
            size=ebs.get("VolumeSize"),
            snapshot=ebs.get("SnapshotId") or "",
            type=ebs.get("VolumeType") or "gp2",
            iops=ebs.get("Iops"),
            throughput=ebs.get("Throughput"),
            encrypted=ebs.get("Encrypted"),
            key=ebs.get("KmsKeyId") or "",
            tags=dict(tags),
        )
        attaching.hold(tx, scope, now, volume, instance, device, delete=ebs.get("DeleteOnTermination", True))
