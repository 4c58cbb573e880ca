"""Volumes and snapshots on their way. Each step may be repeated, and interrupted, at any point."""

from __future__ import annotations

import logging

from haneul.engines.errors import EngineBusy, EngineError, EngineMissing
from haneul.engines.machines.port import Disk
from haneul.engines.volumes.port import Taken
from haneul.service import Call, Step
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.account import hours
from haneul.services.ec2.instances import image_builtin
from haneul.services.ec2.instances.state import INSTANCE
from haneul.services.ec2.volumes import keys, opening, usage
from haneul.services.ec2.volumes.state import SNAPSHOT, Snapshot, Volume
from haneul.wire.errors import AwsError

log = logging.getLogger("haneul.ec2")
GIB = 1 << 30
TRIES = 3
"""To make a volume, before it is one that failed."""
COUNTED = 600.0
"""Seconds between looks at what a volume that is at rest costs."""


def step_volume(call: Call, row: Volume) -> Step:
    """Make it, attach it, grow it, let go of it, remove it."""
    plane = planes.of(call.cloud)
    if row.state == "creating" and (more := _create(call, row)) is not None:
        return more
    if row.state == "deleting":
        if _being_frozen(call, row.id):
            return Step(row, 0.2)
        plane.volumes.remove_volume(row.id)
        usage.count_volume(call, row)
        return Step(None)
    waiting = [_attachment(call, row, instance) for instance in list(row.attachments)]
    if row.modification.get("state") == "modifying":
        _grow(call, row)
    opening.settle(call, row)
    usage.count_volume(call, row)
    return Step(row, 0.25 if any(waiting) else COUNTED)


def _create(call: Call, row: Volume) -> Step | None:
    """Its bytes are there, and it is available; else what comes next."""
    plane = planes.of(call.cloud)
    try:
        if row.encrypted and not row.data_key:
            row.data_key = keys.new_data_key(call, row.key, row.id)
            return Step(row, 0)  # written down before a byte is encrypted with it
        source = _source_key(call, row)
        own = keys.opened(call, row.data_key) if row.encrypted else b""
        image_builtin.ensure_bytes(plane, row.snapshot)
    except AwsError as error:
        return _failed(row, f"KMS gives no key: {error.code}: {error.message}")
    except EngineError as error:
        return _failed(row, str(error))
    try:
        plane.volumes.ensure_volume(row.id, row.size * GIB, row.snapshot, source, own)
    except EngineError as error:
        tries = row.work.get("tries", 0) + 1
        if isinstance(error, EngineMissing) or tries >= TRIES:
            return _failed(row, str(error))
        row.work = {**row.work, "tries": tries}
        return Step(row, float(tries))
    row.state, row.metered = "available", call.now()
    row.work = {name: value for name, value in row.work.items() if name != "tries"}
    return None


def _failed(row: Volume, message: str) -> Step:
    log.warning("volume %s can't be made: %s", row.id, message)
    row.state, row.work = "error", {"message": message}
    return Step(row)


def _attachment(call: Call, row: Volume, instance: str) -> bool:
    """Bring one attachment further; whether there is more to do."""
    held = row.attachments[instance]
    if held["state"] == "attached":
        return False
    machines = planes.of(call.cloud).machines
    with call.read() as tx:
        owner = INSTANCE.find(tx, call.scope, instance)
    running = machines.state(instance) in ("running", "paused")
    if held["state"] == "attaching":
        if owner is not None and owner.state == "pending":
            return False  # its launch attaches what it holds, and says so
        if running:
            machines.attach(instance, disk(call, row, held["device"]))
        held["state"] = "attached"
        return False
    try:
        if running:
            machines.detach(instance, row.id, force=bool(held.get("force")))
    except EngineBusy:
        held["state"] = "busy"
        return True
    del row.attachments[instance]
    return False


def disk(call: Call, row: Volume, device: str) -> Disk:
    """The volume as a machine has it, open. Raises EngineError."""
    return Disk(id=row.id, path=opening.ensure(call, row), serial=row.id.replace("-", "")[:20], device=device)


def _grow(call: Call, row: Volume) -> None:
    plane = planes.of(call.cloud)
    plane.volumes.ensure_grown(row.id, row.size * GIB)
    for instance in row.attachments:
        if plane.machines.state(instance) == "running":
            plane.machines.resized(instance, row.id)
    row.modification = {**row.modification, "state": "completed", "end": call.now()}


def step_snapshot(call: Call, row: Snapshot) -> Step:
    """Set the bytes aside, let the guest go on, store what changed; or remove it."""
    plane = planes.of(call.cloud)
    if row.state == "deleting":
        plane.volumes.remove_snapshot(row.id)
        return Step(None)
    if row.state != "pending" or row.work.get("waits"):
        return Step(row)
    if row.work.get("draft") and not row.work.get("complete"):  # its time is over
        row.state, row.work = "error", {"message": "The snapshot was not completed in time"}
        return Step(row)
    try:
        if row.work.get("complete"):
            taken = plane.volumes.ensure_sealed(row.id)
        elif row.work.get("copy-of"):
            if row.encrypted and not row.data_key:
                row.data_key = keys.new_data_key(call, row.key, row.id)
                return Step(row, 0)  # written down before a block is sealed with it
            taken = _copy(call, row)
        elif row.work.get("frozen"):
            taken = plane.volumes.ensure_snapshot(row.id, row.work.get("parent", ""), keys.opened(call, row.data_key))
        else:
            plane.volumes.ensure_frozen(row.volume, row.id)
            row.work = {**row.work, "frozen": True}
            _let_go(call, row)
            return Step(row, 0)
    except EngineError as error:
        _let_go(call, row)
        log.warning("snapshot %s failed: %s", row.id, error)
        row.state = "error"
        row.work = {"message": str(error)}
        return Step(row)
    row.changed = taken.changed
    with call.write() as tx:
        hours.begin(tx, call.scope, call.now())
    row.state, row.progress, row.completed, row.work = "completed", "100%", call.now(), {}
    return Step(row)


def _let_go(call: Call, row: Snapshot) -> None:
    """The guest runs again, once none of its volumes waits to be set aside."""
    instance = row.work.get("paused")
    if not instance:
        return
    with call.read() as tx:
        others = [
            one.id
            for one in SNAPSHOT.table.scan(tx, call.scope)
            if one.id != row.id and one.work.get("paused") == instance and not one.work.get("frozen")
        ]
    if not others:
        planes.of(call.cloud).machines.resume(instance)


def _copy(call: Call, row: Snapshot) -> Taken:
    source = row.work["copy-of"]
    old = keys.opened(call, row.work.get("source-key", ""))
    image_builtin.ensure_bytes(planes.of(call.cloud), source)
    return planes.of(call.cloud).volumes.ensure_copy(row.id, source, old, keys.opened(call, row.data_key))


def _source_key(call: Call, row: Volume) -> bytes:
    """What the blocks of a new volume's snapshot are sealed with."""
    from haneul.services.ec2.volumes import creation

    if not row.snapshot:
        return b""
    with call.read() as tx:
        _, source = creation.find(tx, call.scope, row.snapshot)
    return keys.opened(call, source.data_key)


def _being_frozen(call: Call, volume: str) -> bool:
    with call.read() as tx:
        return any(
            one.volume == volume and one.state == "pending" and not one.work.get("frozen")
            for one in SNAPSHOT.table.scan(tx, call.scope)
        )
