"""CreateImage: an image of an instance's volumes. Unless NoReboot is asked for, its guest is shut down, the bytes are
set aside while nothing writes, and it boots again; the instance is `running` all the time, as AWS's is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from haneul.converge import wake
from haneul.engines.errors import EngineError
from haneul.service import Call, Step
from haneul.services.ec2 import tagging
from haneul.services.ec2.errors import coded, errors
from haneul.services.ec2.instances import image_names, image_notices, image_registering
from haneul.services.ec2.instances.state import IMAGE, INSTANCE, Image, Instance
from haneul.services.ec2.operations import operation
from haneul.services.ec2.plane import Plane
from haneul.services.ec2.volumes import attaching, snapshots
from haneul.services.ec2.volumes.state import SNAPSHOT, VOLUME, Snapshot, Volume
from haneul.state.store import Writer

log = logging.getLogger("haneul.ec2")
POLL = 0.1
GRACE = 60.0
"""Seconds that a guest may take to shut itself down."""


def _arns(call: Call, request: Mapping[str, Any]) -> list[str]:
    kinds = [f"arn:aws:ec2:{call.region}::{kind}/*" for kind in ("image", "snapshot")]
    return [INSTANCE.arn(call.scope, request["InstanceId"]), *kinds]


@operation(_arns)
async def create_image(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateImage. Raises InvalidAMIName.Duplicate, IncorrectInstanceState, InvalidBlockDeviceMapping."""
    name, text = request["Name"], request.get("Description") or ""
    image_names.check_name(name)
    image_names.check_description(text)
    tags = {kind: tagging.of_new(request, kind, "image", "snapshot") for kind in ("image", "snapshot")}
    with call.read() as tx:
        instance = INSTANCE.get(tx, call.scope, request["InstanceId"])
        held = [volume.id for _, volume in attaching.held(tx, call.scope, instance.id)]
    reboots = instance.state in ("pending", "running") and not request.get("NoReboot")

    def put(tx: Writer, paused: str) -> str:
        row = _row(tx, call, request, instance, text, tags["image"])
        taken = _Taken(tx, call, row, tags["snapshot"], paused, instance.id if reboots else "")
        row.mappings = taken.mappings(request.get("BlockDeviceMappings") or ())
        row.work = {"snapshots": taken.made, "instance": instance.id if reboots else ""}
        IMAGE.table.put(tx, call.scope, row)
        image_notices.tell(tx, call.scope, row, call.now())
        wake(tx, "ec2.image", call.scope, (row.id,), call.now())
        return row.id

    if reboots:
        return {"ImageId": await call.transact(lambda tx: put(tx, ""))}
    return {"ImageId": await snapshots.while_paused(call, held, put)}


def _row(tx: Writer, call: Call, request: Mapping[str, Any], seen: Instance, text: str, tags: dict[str, str]) -> Image:
    instance = INSTANCE.get(tx, call.scope, seen.id)
    if instance.state not in ("pending", "running", "stopped"):
        raise errors.IncorrectInstanceState(f"The instance '{instance.id}' is not in the 'running' or 'stopped' state.")
    image_names.check_free(tx, call.scope, request["Name"])
    source = IMAGE.find(tx, call.scope, instance.image)
    inherited = source.options if source is not None else {}
    kept = {
        "EnaSupport": True,
        "SourceInstanceId": instance.id,
        "SourceImageId": instance.image,
        "SourceImageRegion": call.region,
        "BootMode": request.get("BootModeOverride") or instance.options.get("BootMode"),
        **{name: inherited.get(name) for name in ("ImdsSupport", "TpmSupport", "SriovNetSupport", "UefiData")},
    }
    return Image(
        id=IMAGE.new_id(),
        name=request["Name"],
        state="pending",
        created=call.now(),
        root_device=instance.root_device,
        description=text,
        architecture=instance.options.get("Architecture", "x86_64"),
        boot="direct" if instance.options.get("Boot") == "direct" else "disk",
        options={name: value for name, value in kept.items() if value},
        tags=tags,
    )


class _Taken:
    """The snapshots of one image, and how it maps them."""

    def __init__(self, tx: Writer, call: Call, image: Image, tags: dict[str, str], paused: str, waits: str) -> None:
        self.made: list[str] = []
        self._tx, self._call, self._image = tx, call, image
        self._tags, self._paused, self._waits = tags, paused, waits
        self._instance = image.options["SourceInstanceId"]

    def mappings(self, asked: Any) -> list[dict[str, Any]]:
        """The instance's volumes as the request wants them, a snapshot of each; what it adds; what it leaves out."""
        wishes = {one.get("DeviceName") or "": one for one in asked}
        if "" in wishes:
            raise errors.MissingParameter("The request must contain the parameter deviceName")
        found = []
        held = attaching.held(self._tx, self._call.scope, self._instance)
        for device, volume in sorted(held, key=lambda one: one[0] != self._image.root_device):  # the root comes first
            wish = wishes.pop(device, {})
            if wish.get("NoDevice") is None:
                found.append({"DeviceName": device, "Ebs": self._ebs(device, volume, wish.get("Ebs") or {})})
            elif device == self._image.root_device:
                raise coded("InvalidBlockDeviceMapping", "The root device of an instance cannot be left out.")
        for device, wish in wishes.items():
            if wish.get("Ebs"):
                filled = image_registering.filled(self._tx, self._call.scope, {"VolumeType": "gp2", **wish["Ebs"]})
                found.append({"DeviceName": device, "Ebs": filled})
            elif wish.get("VirtualName"):
                found.append({"DeviceName": device, "VirtualName": wish["VirtualName"]})
        return found

    def _ebs(self, device: str, volume: Volume, wish: Mapping[str, Any]) -> dict[str, Any]:
        if wish.get("VolumeSize") not in (None, volume.size) or wish.get("SnapshotId") or wish.get("Encrypted"):
            raise coded(
                "InvalidBlockDeviceMapping",
                f"The size, snapshot and encryption of {device} are those of its volume and can't be changed.",
            )
        snapshot = snapshots.new_row(
            self._tx, self._call, volume.id, f"Created by CreateImage({self._instance}) for {self._image.id}",
            lambda _: self._tags, paused=self._paused, waits=self._waits,
        )  # fmt: skip
        self.made.append(snapshot.id)
        kind = wish.get("VolumeType") or volume.type
        same = kind == volume.type
        shown = {
            "DeleteOnTermination": wish.get("DeleteOnTermination", volume.attachments[self._instance]["delete"]),
            "SnapshotId": snapshot.id,
            "VolumeSize": volume.size,
            "VolumeType": kind,
            "Iops": wish.get("Iops") or (volume.iops if same and kind in ("io1", "io2", "gp3") else None),
            "Throughput": wish.get("Throughput") or (volume.throughput if same and kind == "gp3" else None),
            "Encrypted": volume.encrypted,
        }
        return {name: value for name, value in shown.items() if value is not None}


def step_instance(call: Call, plane: Plane, row: Instance, boot: Callable[[], None]) -> Step:
    """The instance has images to be made of it at rest: shut its guest down, set the bytes aside, boot it again."""
    runs = plane.machines.state(row.id) in ("running", "paused")
    left = waiting(call, row.id)
    if runs and left:
        asked = row.work.get("asked")
        if asked is None:
            plane.machines.ask_shutdown(row.id)
            row.work = {**row.work, "asked": call.now()}
        elif call.now() - asked > GRACE:
            plane.machines.power_off(row.id)
        return Step(row, POLL)
    if not runs:
        for one in left:
            _set_aside(call, plane, one)
        boot()
        plane.vitals.rebooted(row.id)
    return Step(_done(call, row), POLL)


def _done(call: Call, row: Instance) -> Instance:
    """The images that the step saw are taken; those asked for meanwhile are the next step's."""
    taken = row.work.get("imaging") or ()
    with call.write() as tx:
        current = INSTANCE.find(tx, call.scope, row.id) or row
        left = [one for one in current.work.get("imaging") or () if one not in taken]
        kept = {name: value for name, value in current.work.items() if name not in ("imaging", "asked")}
        current.work = {**kept, "imaging": left} if left else kept
        INSTANCE.table.put(tx, call.scope, current)
    return current


def waiting(call: Call, instance: str) -> list[Snapshot]:
    """Snapshots whose bytes are to be set aside while the instance is down."""
    with call.read() as tx:
        rows = SNAPSHOT.table.scan(tx, call.scope)
        return [one for one in rows if one.state == "pending" and one.work.get("waits") == instance]


def _set_aside(call: Call, plane: Plane, row: Snapshot) -> None:
    try:
        plane.volumes.ensure_frozen(row.volume, row.id)
    except EngineError as error:
        log.warning("snapshot %s failed: %s", row.id, error)
        release(call, row.id, {"state": "error", "work": {"message": str(error)}})
        return
    release(call, row.id, {"work": {**row.work, "waits": "", "frozen": True}})


def release(call: Call, snapshot: str, changes: Mapping[str, Any]) -> None:
    """The snapshot waits for nothing more: its own step goes on."""
    with call.write() as tx:
        row = SNAPSHOT.find(tx, call.scope, snapshot)
        if row is None or row.state != "pending":
            return
        volume = VOLUME.find(tx, call.scope, row.volume)
        row.data_key = row.data_key or (volume.data_key if volume is not None else "")
        for name, value in changes.items():
            setattr(row, name, value)
        SNAPSHOT.table.put(tx, call.scope, row)
        wake(tx, "ec2.snapshot", call.scope, (row.id,), call.now())


def turn(call: Call, row: Image) -> None:
    """An image on its way whose snapshots wait for an instance: see that the instance's step knows, or, when it has
    forgotten (it was stopped or ended meanwhile), that they wait no longer."""
    identifier = row.work["instance"]
    with call.write() as tx:
        instance = INSTANCE.find(tx, call.scope, identifier)
        if instance is not None and instance.state in ("pending", "stopping", "shutting-down"):
            return
        if instance is not None and instance.state == "running":
            images = instance.work.get("imaging") or []
            if row.id in images:
                return
            if not row.work.get("turned"):
                instance.work = {**instance.work, "imaging": [*images, row.id]}
                row.work = {**row.work, "turned": True}
                INSTANCE.table.put(tx, call.scope, instance)
                IMAGE.table.put(tx, call.scope, row)
                wake(tx, "ec2.instance", call.scope, (identifier,), call.now())
                return
    for one in waiting(call, identifier):
        if one.id in row.work["snapshots"]:
            release(call, one.id, {"work": {**one.work, "waits": ""}})
