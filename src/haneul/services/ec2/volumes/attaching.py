"""Volumes at instances: attached and detached while they run, held by them from their launch on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call, Scope
from haneul.services.ec2.errors import coded, errors, invalid, missing
from haneul.services.ec2.instances.state import INSTANCE, Instance
from haneul.services.ec2.operations import operation
from haneul.services.ec2.volumes.state import VOLUME, Volume
from haneul.services.ec2.volumes.volumes import attachment
from haneul.state.store import Reader, Writer

LIMIT = 28
"""Volumes at an instance."""
SHARED = 16
"""Instances at a volume with Multi-Attach."""
_DEVICE = re.compile(r"/dev/(sd[a-z][1-9]?[0-5]?|xvd[a-z]{1,2}|hd[a-z][1-9]?[0-5]?)|xvd[a-z]{1,2}|sd[a-z]")


def _arns(call: Call, request: Mapping[str, Any]) -> list[str]:
    found = [VOLUME.arn(call.scope, request["VolumeId"])]
    if request.get("InstanceId"):
        found.append(INSTANCE.arn(call.scope, request["InstanceId"]))
    return found


@operation(_arns)
def attach_volume(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """AttachVolume to a running or stopped instance; `attached` once its guest has the disk.
    Raises VolumeInUse, IncorrectState, InvalidVolume.ZoneMismatch, AttachmentLimitExceeded."""
    with call.write() as tx:
        volume = VOLUME.get(tx, call.scope, request["VolumeId"])
        instance = INSTANCE.get(tx, call.scope, request["InstanceId"])
        _check(tx, call.scope, volume, instance)
        device = request.get("Device")
        if not device:
            raise missing("device")
        check_device(device)
        if any(used == device for used, _ in held(tx, call.scope, instance.id)):
            raise invalid(f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use")
        hold(tx, call.scope, call.now(), volume, instance.id, device, delete=False)
        return attachment(volume, instance.id)


@operation(_arns)
def detach_volume(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DetachVolume: waits (state busy) while the guest has it mounted, unless forced. A root volume goes only while its
    instance is stopped (OperationNotPermitted)."""
    with call.write() as tx:
        volume = VOLUME.get(tx, call.scope, request["VolumeId"])
        instance = request.get("InstanceId") or (next(iter(volume.attachments), ""))
        if instance not in volume.attachments:
            raise _not_attached(tx, call.scope, volume, instance)
        now = volume.attachments[instance]
        if request.get("Device") not in (None, now["device"]):
            raise coded(
                "InvalidAttachment.NotFound",
                f"The volume '{volume.id}' is not attached to instance '{instance}' as device {request['Device']}",
            )
        row = INSTANCE.find(tx, call.scope, instance)
        if row is not None and row.root_device == now["device"] and row.state not in ("stopped", "terminated"):
            raise errors.OperationNotPermitted(f"Unable to detach root volume '{volume.id}' from instance '{instance}'")
        now |= {"state": "detaching", "force": bool(request.get("Force"))}
        VOLUME.table.put(tx, call.scope, volume)
        wake(tx, "ec2.volume", call.scope, (volume.id,), call.now())
        return attachment(volume, instance)


def check_device(device: str) -> None:
    """Raises InvalidParameterValue for a device name that AWS refuses."""
    if not _DEVICE.fullmatch(device):
        raise invalid(f"Value ({device}) for parameter device is invalid. {device} is not a valid EBS device name.")


def hold(tx: Writer, scope: Scope, now: float, volume: Volume, instance: str, device: str, *, delete: bool) -> None:
    """The volume is the instance's, attaching. The volume's step attaches it when the instance runs already; at a
    launch the instance's step does, and says so with `attached`."""
    volume.attachments[instance] = {"device": device, "state": "attaching", "time": now, "delete": delete}
    VOLUME.table.put(tx, scope, volume)
    wake(tx, "ec2.volume", scope, (volume.id,), now)


def held(tx: Reader, scope: Scope, instance: str) -> list[tuple[str, Volume]]:
    """(device, volume) of all that an instance has, in the order of devices."""
    found = [
        (volume.attachments[instance]["device"], volume)
        for volume in VOLUME.table.scan(tx, scope)
        if instance in volume.attachments
    ]
    return sorted(found, key=lambda one: (len(one[0]), one[0]))


def attached(tx: Writer, scope: Scope, volume: Volume, instance: str) -> None:
    """The instance's guest has it."""
    if instance in volume.attachments:
        volume.attachments[instance]["state"] = "attached"
        VOLUME.table.put(tx, scope, volume)


def release(tx: Writer, scope: Scope, volume: Volume, instance: str) -> None:
    """The instance is gone, or has let go: the volume is available again."""
    if volume.attachments.pop(instance, None) is not None:
        VOLUME.table.put(tx, scope, volume)


def discard(tx: Writer, scope: Scope, now: float, volume: Volume) -> None:
    """The volume goes with its instance (DeleteOnTermination)."""
    volume.attachments = {}
    volume.state = "deleting"
    VOLUME.table.put(tx, scope, volume)
    wake(tx, "ec2.volume", scope, (volume.id,), now)


def _check(tx: Reader, scope: Scope, volume: Volume, instance: Instance) -> None:
    if instance.state not in ("running", "stopped", "pending", "stopping"):
        raise errors.IncorrectState(f"Instance '{instance.id}' is not 'running'.")
    if volume.zone != instance.zone:
        raise coded(
            "InvalidVolume.ZoneMismatch",
            f"The volume '{volume.id}' is not in the same availability zone as instance '{instance.id}'",
        )
    if instance.id in volume.attachments or (volume.attachments and not volume.multi_attach):
        raise errors.VolumeInUse(f"{volume.id} is already attached to an instance")
    if volume.state not in ("available", "in-use"):
        raise errors.IncorrectState(f"The volume '{volume.id}' is not 'available'.")
    if len(volume.attachments) >= SHARED or len(held(tx, scope, instance.id)) >= LIMIT:
        raise errors.AttachmentLimitExceeded(f"The maximum of {LIMIT} volumes at instance {instance.id} is reached")


def _not_attached(tx: Reader, scope: Scope, volume: Volume, instance: str) -> Exception:
    if instance:
        INSTANCE.get(tx, scope, instance)
        return coded(
            "InvalidAttachment.NotFound", f"The volume '{volume.id}' is not attached to instance '{instance}'."
        )
    return errors.IncorrectState(f"Volume '{volume.id}' is in the 'available' state.")
