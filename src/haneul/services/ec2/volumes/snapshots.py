"""Snapshots: taken while the guest writes, copied, described, deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from haneul.converge import wake
from haneul.service import Call, Scope
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.errors import coded, errors, invalid
from haneul.services.ec2.instances.state import IMAGE, INSTANCE
from haneul.services.ec2.operations import operation
from haneul.services.ec2.volumes import attaching, creation, keys, locks
from haneul.services.ec2.volumes.state import FAST_RESTORES, SNAPSHOT, VOLUME, Snapshot, Volume
from haneul.state.store import Reader, Writer

ARN = "arn:aws:ec2:{region}::snapshot/{SnapshotId}"
LIMIT = 100_000
Value = TypeVar("Value")
_FILTERS = {
    "description": "Description",
    "encrypted": "Encrypted",
    "owner-alias": "OwnerAlias",
    "owner-id": "OwnerId",
    "progress": "Progress",
    "snapshot-id": "SnapshotId",
    "start-time": "StartTime",
    "status": "State",
    "storage-tier": "StorageTier",
    "transfer-type": "TransferType",
    "volume-id": "VolumeId",
    "volume-size": "VolumeSize",
}


def _of_volume(call: Call, request: Mapping[str, Any]) -> list[str]:
    return [f"arn:aws:ec2:{call.region}::snapshot/*", VOLUME.arn(call.scope, request["VolumeId"])]


def _of_copy(call: Call, request: Mapping[str, Any]) -> list[str]:
    return [f"arn:aws:ec2:{call.region}::snapshot/{one}" for one in ("*", request["SourceSnapshotId"])]


@operation(_of_volume)
async def create_snapshot(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateSnapshot: of this moment. A running guest is paused until its bytes are set aside; they are stored behind
    the answer."""
    tags = tagging.of_new(request, "snapshot")
    description = request.get("Description") or ""
    with call.read() as tx:
        volume = VOLUME.get(tx, call.scope, request["VolumeId"])
    (snapshot,) = await _take(call, [volume.id], description, lambda _: tags)
    return describe(call.scope, snapshot)


@operation("arn:aws:ec2:{region}::snapshot/*")
async def create_snapshots(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateSnapshots: of all volumes of an instance, of one moment."""
    wanted = request["InstanceSpecification"]
    own = tagging.of_new(request, "snapshot")
    copied = request.get("CopyTagsFromSource") == "volume"
    excluded = set(wanted.get("ExcludeDataVolumeIds") or ())
    with call.read() as tx:
        instance = INSTANCE.get(tx, call.scope, wanted["InstanceId"])
        held = attaching.held(tx, call.scope, instance.id)
    if wanted.get("ExcludeBootVolume"):
        excluded |= {volume.id for device, volume in held if device == instance.root_device}
    chosen = [volume.id for _, volume in held if volume.id not in excluded]
    if not chosen:
        raise invalid(f"No volumes of instance {instance.id} are left to be snapshotted")
    made = await _take(
        call, chosen, request.get("Description") or "", lambda volume: (volume.tags | own) if copied else own
    )
    return {"Snapshots": [_info(call.scope, snapshot) for snapshot in made]}


@operation()
def describe_snapshots(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeSnapshots: one's own, those shared with one, and everybody's; OwnerIds takes self and amazon."""
    named = request.get("SnapshotIds") or ()
    SNAPSHOT.check(named)
    owners = {call.account if one == "self" else one for one in request.get("OwnerIds") or ()}
    restorable = set(request.get("RestorableByUserIds") or ())
    with call.read() as tx:
        rows = [
            (scope, row)
            for scope, row in SNAPSHOT.table.everywhere(tx)
            if scope.region == call.region
            and row.state != "deleting"
            and (scope.account == call.account or creation.usable(row, call.account))
        ]
    gone = set(named) - {row.id for _, row in rows}
    if gone:
        raise SNAPSHOT.missing(sorted(gone))
    items = [
        (row.id, describe(scope, row))
        for scope, row in rows
        if (not named or row.id in named)
        and (not owners or scope.account in owners)
        and (not restorable or _restorable(scope, row, restorable, call.account))
    ]
    return listing.paged(request, "Snapshots", items, _FILTERS)


@operation(ARN)
def delete_snapshot(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteSnapshot: blocks that later ones share stay. Raises InvalidSnapshot.InUse while an AMI is made of it."""
    with call.write() as tx:
        snapshot = SNAPSHOT.get(tx, call.scope, request["SnapshotId"])
        user = next((image.id for image in IMAGE.table.scan(tx, call.scope) if _uses(image, snapshot.id)), None)
        if user is not None:
            raise coded("InvalidSnapshot.InUse", f"The snapshot {snapshot.id} is currently in use by {user}")
        discard(tx, call.scope, call.now(), snapshot)
    return {}


def discard(tx: Writer, scope: Scope, now: float, snapshot: Snapshot) -> None:
    """The snapshot goes, and its fast restores with it. Raises SnapshotLock.Locked while it is locked."""
    if locks.locked(snapshot, now):
        raise coded("SnapshotLock.Locked", f"The snapshot '{snapshot.id}' is locked and cannot be deleted.")
    for account, row in list(FAST_RESTORES.everywhere(tx)):  # those of accounts that it was shared with, too
        if row.snapshot == snapshot.id:
            FAST_RESTORES.delete(tx, account, row.snapshot, row.zone)
    snapshot.state = "deleting"
    SNAPSHOT.table.put(tx, scope, snapshot)
    wake(tx, "ec2.snapshot", scope, (snapshot.id,), now)


@operation(_of_copy)
def copy_snapshot(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CopySnapshot: within a region or from another, sealed anew with a key where asked."""
    tags = tagging.of_new(request, "snapshot")
    source_scope = Scope(call.account, request.get("SourceRegion") or call.region)
    key = keys.resolve(call, request.get("KmsKeyId"))
    if not key:
        keys.own(call, request.get("Encrypted"))
    if key and request.get("Encrypted") is False:
        raise errors.InvalidParameterCombination("KmsKeyId requires Encrypted to be set.")
    with call.write() as tx:
        owner, source = creation.find(tx, source_scope, request["SourceSnapshotId"])
        if source.state != "completed":
            raise errors.IncorrectState(f"The snapshot '{source.id}' is not 'completed'")
        encrypted = source.encrypted or bool(request.get("Encrypted")) or creation.encrypts_by_default(tx, call.scope)
        copy = Snapshot(
            id=SNAPSHOT.new_id(),
            volume="vol-ffffffff",
            size=source.size,
            state="pending",
            created=call.now(),
            description=request.get("Description") or "",
            progress="0%",
            encrypted=encrypted,
            key=(key or creation.default_key(tx, call.scope)) if encrypted else "",
            work={"copy-of": source.id, "source-key": source.data_key},
            tags=tags,
        )
        if encrypted and source.encrypted and (not key or key == source.key) and owner.account == call.account:
            copy.key, copy.data_key = source.key, source.data_key
        SNAPSHOT.table.put(tx, call.scope, copy)
        wake(tx, "ec2.snapshot", call.scope, (copy.id,), call.now())
    return {"SnapshotId": copy.id, "Tags": tagging.render(tags)}


def describe(scope: Scope, row: Snapshot) -> dict[str, Any]:
    """A snapshot as every answer shows it."""
    shown: dict[str, Any] = {
        "SnapshotId": row.id,
        "VolumeId": row.volume,
        "State": row.state,
        "StartTime": row.created,
        "Progress": row.progress,
        "OwnerId": scope.account,
        "Description": row.description,
        "VolumeSize": row.size,
        "Encrypted": row.encrypted,
        "StorageTier": row.tier.get("tier", "standard"),
        "Tags": tagging.render(row.tags),
    }
    if scope.account == "amazon":
        shown |= {"OwnerId": "137112412989", "OwnerAlias": "amazon"}
    if row.encrypted:
        shown |= {"KmsKeyId": row.key, "SseType": "sse-kms"}
    if row.tier.get("until"):
        shown["RestoreExpiryTime"] = row.tier["until"]
    if row.completed:
        shown |= {"CompletionTime": row.completed}
    if row.work.get("message"):
        shown["StateMessage"] = row.work["message"]
    return shown


async def _take(call: Call, volumes: Sequence[str], description: str, tags: Any) -> list[Snapshot]:
    def put(tx: Writer, paused: str) -> list[Snapshot]:
        return [new_row(tx, call, one, description, tags, paused=paused) for one in volumes]

    return await while_paused(call, volumes, put)


async def while_paused(call: Call, volumes: Sequence[str], put: Callable[[Writer, str], Value]) -> Value:
    """`put(tx, instance)` writes rows of new snapshots while the guest that has the volumes is paused ("": none has):
    the bytes of this moment are set aside by their steps, which let it go on."""
    with call.read() as tx:
        instance = _running_owner(tx, call.scope, volumes)
    if instance:
        await asyncio.to_thread(planes.of(call.cloud).machines.pause, instance)
    try:
        return await call.transact(lambda tx: put(tx, instance))
    except BaseException:
        if instance:
            await asyncio.to_thread(planes.of(call.cloud).machines.resume, instance)
        raise


def new_row(
    tx: Writer, call: Call, identifier: str, description: str, tags: Any, *, paused: str = "", waits: str = ""
) -> Snapshot:
    """A volume's snapshot, its step woken. paused: the instance that goes on when the bytes are set aside. waits: the
    instance whose own step sets them aside when it is down."""
    volume = VOLUME.get(tx, call.scope, identifier)
    if volume.state in ("error", "deleting") or (volume.state == "creating" and not waits):
        raise errors.IncorrectState(f"Volume '{volume.id}' is in the '{volume.state}' state.")
    snapshot = Snapshot(
        id=SNAPSHOT.new_id(),
        volume=volume.id,
        size=volume.size,
        state="pending",
        created=call.now(),
        description=description,
        progress="0%",
        encrypted=volume.encrypted,
        key=volume.key,
        data_key=volume.data_key,
        work={"parent": _parent(tx, call.scope, volume), "paused": paused, "waits": waits},
        tags=tags(volume),
    )
    SNAPSHOT.table.put(tx, call.scope, snapshot)
    if not waits:
        wake(tx, "ec2.snapshot", call.scope, (snapshot.id,), call.now())
    return snapshot


def _parent(tx: Reader, scope: Scope, volume: Volume) -> str:
    """The snapshot that shares most blocks: the volume's last one, else what it was made of."""
    taken = [one for one in SNAPSHOT.table.scan(tx, scope) if one.volume == volume.id and one.state == "completed"]
    if taken:
        return max(taken, key=lambda one: one.created).id
    return volume.snapshot


def _running_owner(tx: Reader, scope: Scope, volumes: Sequence[str]) -> str:
    for identifier in volumes:
        for instance in VOLUME.get(tx, scope, identifier).attachments:
            row = INSTANCE.find(tx, scope, instance)
            if row is not None and row.state == "running":
                return instance
    return ""


def _uses(image: Any, snapshot: str) -> bool:
    return image.state != "deregistered" and any(
        (one.get("Ebs") or {}).get("SnapshotId") == snapshot for one in image.mappings
    )


def _restorable(scope: Scope, row: Snapshot, wanted: set[str], account: str) -> bool:
    if "all" in wanted and "all" in row.shared:
        return True
    users = {account if one == "self" else one for one in wanted}
    return bool(users & {scope.account, *row.shared})


def _info(scope: Scope, row: Snapshot) -> dict[str, Any]:
    shown = describe(scope, row)
    names = ("Description", "Tags", "Encrypted", "VolumeId", "State", "VolumeSize", "StartTime", "Progress", "OwnerId")
    return {name: shown[name] for name in (*names, "SnapshotId")}
