"""Volumes: create, describe, delete, status and attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call, Scope
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2.errors import errors, invalid
from haneul.services.ec2.operations import operation
from haneul.services.ec2.volumes import creation, keys
from haneul.services.ec2.volumes.state import VOLUME, Volume
from haneul.services.ec2.vpc.places import zone_id, zone_named

ARN = "arn:aws:ec2:{region}:{account}:volume/{VolumeId}"
_FILTERS = {
    "attachment.attach-time": "Attachments.AttachTime",
    "attachment.delete-on-termination": "Attachments.DeleteOnTermination",
    "attachment.device": "Attachments.Device",
    "attachment.instance-id": "Attachments.InstanceId",
    "attachment.status": "Attachments.State",
    "availability-zone": "AvailabilityZone",
    "availability-zone-id": "AvailabilityZoneId",
    "create-time": "CreateTime",
    "encrypted": "Encrypted",
    "fast-restored": "FastRestored",
    "multi-attach-enabled": "MultiAttachEnabled",
    "operator.managed": "Operator.Managed",
    "operator.principal": "Operator.Principal",
    "size": "Size",
    "snapshot-id": "SnapshotId",
    "status": "State",
    "volume-id": "VolumeId",
    "volume-type": "VolumeType",
}
_STATUS_FILTERS = {
    "action.code": "Actions.Code",
    "action.description": "Actions.Description",
    "action.event-id": "Actions.EventId",
    "attachment-status.instance-id": "AttachmentStatuses.InstanceId",
    "attachment-status.io-performance": "AttachmentStatuses.IoPerformance",
    "availability-zone": "AvailabilityZone",
    "event.description": "Events.Description",
    "event.event-id": "Events.EventId",
    "event.event-type": "Events.EventType",
    "event.not-after": "Events.NotAfter",
    "event.not-before": "Events.NotBefore",
    "volume-status.details-name": "VolumeStatus.Details.Name",
    "volume-status.details-status": "VolumeStatus.Details.Status",
    "volume-status.status": "VolumeStatus.Status",
}


@operation("arn:aws:ec2:{region}:{account}:volume/*")
def create_volume(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateVolume: empty or of a snapshot. Raises InvalidZone.NotFound, InvalidSnapshot.NotFound,
    InvalidParameterValue."""
    zone = request.get("AvailabilityZone") or zone_named(call.region, request.get("AvailabilityZoneId") or "")
    if not zone:
        raise errors.MissingParameter("The request must contain the parameter AvailabilityZone or AvailabilityZoneId")
    tags = tagging.of_new(request, "volume")
    encrypted = request.get("Encrypted")
    key = keys.resolve(call, request.get("KmsKeyId")) if encrypted else request.get("KmsKeyId") or ""
    if not key:
        keys.own(call, encrypted)
    with call.write() as tx:
        before = idempotency.made_before(tx, call, request)
        if before:
            return describe(call.scope, VOLUME.get(tx, call.scope, before[0]))
        volume = creation.make(
            tx,
            call.scope,
            call.now(),
            zone=zone,
            size=request.get("Size"),
            snapshot=request.get("SnapshotId") or "",
            type=request.get("VolumeType") or "gp2",
            iops=request.get("Iops"),
            throughput=request.get("Throughput"),
            encrypted=encrypted,
            key=key,
            multi_attach=bool(request.get("MultiAttachEnabled")),
            tags=tags,
        )
        idempotency.remember(tx, call, request, [volume.id])
    return describe(call.scope, volume)


@operation()
def describe_volumes(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeVolumes."""
    return listing.describe(
        call,
        request,
        VOLUME,
        member="Volumes",
        ids="VolumeIds",
        filters=_FILTERS,
        render=lambda _, volume: describe(call.scope, volume),
    )


@operation(ARN)
def delete_volume(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteVolume. Raises VolumeInUse while it is attached."""
    with call.write() as tx:
        volume = VOLUME.get(tx, call.scope, request["VolumeId"])
        if volume.attachments:
            instance = next(iter(volume.attachments))
            raise errors.VolumeInUse(f"Volume {volume.id} is currently attached to {instance}")
        if volume.state != "deleting":
            volume.state = "deleting"
            VOLUME.table.put(tx, call.scope, volume)
            wake(tx, "ec2.volume", call.scope, (volume.id,), call.now())
    return {}


@operation()
def describe_volume_status(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeVolumeStatus: ok once the volume's bytes are there, insufficient-data before."""
    return listing.describe(
        call,
        request,
        VOLUME,
        member="VolumeStatuses",
        ids="VolumeIds",
        filters=_STATUS_FILTERS,
        render=lambda _, volume: _status(volume),
    )


@operation(ARN)
def describe_volume_attribute(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeVolumeAttribute: autoEnableIO, productCodes."""
    with call.read() as tx:
        volume = VOLUME.get(tx, call.scope, request["VolumeId"])
    if request["Attribute"] == "autoEnableIO":
        return {"VolumeId": volume.id, "AutoEnableIO": {"Value": bool(volume.work.get("auto-enable-io"))}}
    if request["Attribute"] == "productCodes":
        return {"VolumeId": volume.id, "ProductCodes": []}
    raise invalid(f"Value ({request['Attribute']}) for parameter attribute is invalid. Unknown attribute.")


@operation(ARN)
def modify_volume_attribute(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyVolumeAttribute: AutoEnableIO. No volume here is ever cut off from I/O, so both ways behave alike."""
    with call.write() as tx:
        volume = VOLUME.get(tx, call.scope, request["VolumeId"])
        wanted = bool((request.get("AutoEnableIO") or {}).get("Value"))
        volume.work = {**volume.work, "auto-enable-io": wanted}
        VOLUME.table.put(tx, call.scope, volume)
    return {}


@operation(ARN)
def enable_volume_io(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """EnableVolumeIO: I/O is never disabled here, so there is nothing to enable."""
    with call.read() as tx:
        VOLUME.get(tx, call.scope, request["VolumeId"])
    return {}


def describe(scope: Scope, volume: Volume) -> dict[str, Any]:
    """A volume as every answer shows it."""
    shown: dict[str, Any] = {
        "VolumeId": volume.id,
        "Size": volume.size,
        "SnapshotId": volume.snapshot,
        "AvailabilityZone": volume.zone,
        "AvailabilityZoneId": zone_id(volume.zone),
        "State": "creating" if volume.state == "creating" else "in-use" if volume.attachments else volume.state,
        "CreateTime": volume.created,
        "Attachments": [attachment(volume, instance) for instance in volume.attachments],
        "Encrypted": volume.encrypted,
        "VolumeType": volume.type,
        "MultiAttachEnabled": volume.multi_attach,
    }
    if volume.tags:  # without any, AWS leaves them out
        shown["Tags"] = tagging.render(volume.tags)
    if volume.iops:
        shown["Iops"] = volume.iops
    if volume.throughput:
        shown["Throughput"] = volume.throughput
    if volume.encrypted:
        shown |= {"KmsKeyId": volume.key, "SseType": "sse-kms"}
    return shown


def attachment(volume: Volume, instance: str) -> dict[str, Any]:
    """One of a volume's attachments as answers show it."""
    held = volume.attachments[instance]
    return {
        "VolumeId": volume.id,
        "InstanceId": instance,
        "Device": held["device"],
        "State": held["state"],
        "AttachTime": held["time"],
        "DeleteOnTermination": held["delete"],
    }


def _status(volume: Volume) -> dict[str, Any]:
    ready = volume.state not in ("creating", "error")
    word = "ok" if ready else "impaired" if volume.state == "error" else "insufficient-data"
    return {
        "VolumeId": volume.id,
        "AvailabilityZone": volume.zone,
        "Actions": [],
        "Events": [],
        "VolumeStatus": {
            "Status": word,
            "Details": [
                {"Name": "io-enabled", "Status": "passed" if ready else "failed"},
                {"Name": "io-performance", "Status": "not-applicable"},
            ],
        },
        "AttachmentStatuses": [],
    }
