"""Instances out of snapshots, and out of automated backups at any second."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call, operation
from haneul.services.rds import backups, classes, creation, names, snapshots, tags, views
from haneul.services.rds.errors import errors, invalid, mixed, no_instance
from haneul.services.rds.families import engine
from haneul.services.rds.plane import plane
from haneul.services.rds.state import BACKUPS, INSTANCES, AutomatedBackup, Instance
from haneul.state.store import Reader, Writer

_CARRIED = (
    "AllocatedStorage", "StorageType", "Iops", "StorageThroughput", "StorageEncrypted", "KmsKeyId", "LicenseModel",
    "BackupRetentionPeriod", "CopyTagsToSnapshot",
)  # fmt: skip


@operation(resource="arn:aws:rds:{region}:{account}:db:{DBInstanceIdentifier}")
def restore_db_instance_from_db_snapshot(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RestoreDBInstanceFromDBSnapshot. Raises DBSnapshotNotFound, InvalidDBSnapshotState, DBInstanceAlreadyExists."""
    if not request.get("DBSnapshotIdentifier"):
        raise invalid("The parameter DBSnapshotIdentifier must be provided and must not be blank.")
    with call.write() as tx:
        _, snapshot = snapshots.find(call, tx, request["DBSnapshotIdentifier"])
        if snapshot.status != "available":
            raise errors.InvalidDBSnapshotState(f"The snapshot {snapshot.id} is not in the available state.")
        row = _restored(call, tx, request, request["DBInstanceIdentifier"], snapshot.shape, snapshot.engine,
                        snapshot.version)  # fmt: skip
        row.work = {"source": {"kind": "backup", "backup": snapshot.backup}}
        later = snapshot.shape.get("restore_version")
        if later is not None and later != row.version:
            row.pending, row.work["due"] = {"EngineVersion": later}, ["EngineVersion"]
        creation.add(call, tx, row)
        wake(tx, "rds.instance", call.scope, (row.id,), call.now())
        return {"DBInstance": views.instance(call, tx, row)}


@operation(resource="arn:aws:rds:{region}:{account}:db:{TargetDBInstanceIdentifier}")
async def restore_db_instance_to_point_in_time(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RestoreDBInstanceToPointInTime: to a second, or to the latest there is. Raises PointInTimeRestoreNotEnabled."""
    latest, moment = request.get("UseLatestRestorableTime", False), request.get("RestoreTime")
    if latest and moment is not None:
        raise mixed("You can't specify both RestoreTime and UseLatestRestorableTime.")
    if not latest and moment is None:
        raise mixed("You must specify either RestoreTime or UseLatestRestorableTime.")
    with call.read() as tx:
        kept, source = _kept(call, tx, request)
    reached = await asyncio.to_thread(_reach, call, kept, source)
    if latest:
        moment = None
    elif moment is not None and moment > call.now():
        raise invalid("The specified restore time is in the future.")

    def make(tx: Writer) -> dict[str, Any]:
        shape = dict(kept.shape) if source is None else {**source.shape, "klass": source.klass, "master": source.master,
                                                        "port": source.wanted_port, "group": source.group}  # fmt: skip
        row = _restored(call, tx, request, request["TargetDBInstanceIdentifier"], shape, kept.engine, kept.version)
        backup = backups.chosen(call, kept, call.now() if moment is None else moment)
        until = moment if moment is not None and moment < reached else None
        row.work = {"source": {"kind": "backup", "backup": backup, "log_of": kept.resource_id.lower(), "until": until}}
        creation.add(call, tx, row)
        wake(tx, "rds.instance", call.scope, (row.id,), call.now())
        return {"DBInstance": views.instance(call, tx, row)}

    return await call.transact(make)


def _kept(call: Call, tx: Reader, request: Mapping[str, Any]) -> tuple[AutomatedBackup, Instance | None]:
    """The automated backup meant, and its instance if it is still there."""
    named, resource = request.get("SourceDBInstanceIdentifier"), request.get("SourceDbiResourceId")
    arn = request.get("SourceDBInstanceAutomatedBackupsArn")
    if named:
        _, name = names.locate(call, named, "db")
        source = INSTANCES.get(tx, call.scope, name)
        if source is None:
            raise no_instance(name)
        kept = BACKUPS.get(tx, call.scope, source.resource_id)
        if kept is None or not kept.base:
            raise errors.PointInTimeRestoreNotEnabled(f"Point in time restore is not enabled for instance {name}.")
        return kept, source
    for row in BACKUPS.scan(tx, call.scope):
        if row.resource_id == resource or names.arn(call.scope, "auto-backup", row.ident) == arn:
            live = next((one for one in INSTANCES.scan(tx, call.scope) if one.resource_id == row.resource_id), None)
            return row, live
    if resource or arn:
        raise errors.DBInstanceAutomatedBackupNotFound(f"DBInstanceAutomatedBackup {resource or arn} not found.")
    raise invalid("The parameter SourceDBInstanceIdentifier must be provided and must not be blank.")


def _reach(call: Call, kept: AutomatedBackup, source: Instance | None) -> float:
    """How far the archived log reaches, after a running server has handed over what it has."""
    engine_of = plane(call.cloud).engine(kept.engine)
    server = source.server if source is not None else kept.server
    return engine_of.archived_until(server, kept.resource_id.lower()) or 0.0


def _restored(
    call: Call,
    tx: Reader,
    request: Mapping[str, Any],
    name: str,
    shape: Mapping[str, Any],
    engine_name: str,
    version: str,
) -> Instance:
    """The row of an instance whose data comes from a backup: the request's members over those of the source."""
    kind = engine(engine_name)
    if request.get("Engine") not in (None, engine_name):
        raise mixed(f"A backup of engine {engine_name} can't be restored as {request['Engine']}.")
    resource = names.resource_id("db")
    given = {key: shape[key] for key in _CARRIED if shape.get(key) is not None} | dict(request)
    if given.get("StorageType") in ("gp2", "standard"):
        given = {key: value for key, value in given.items() if key not in ("Iops", "StorageThroughput")}
    if given.get("AllocatedStorage", 0) < shape.get("AllocatedStorage", 0):
        raise invalid(f"Invalid storage size: it must be at least {shape['AllocatedStorage']}.")
    row = Instance(
        id=names.identifier(name, "DBInstanceIdentifier"),
        resource_id=resource,
        engine=engine_name,
        version=version,
        status="creating",
        created=call.now(),
        server=resource.lower(),
        klass=classes.check(request.get("DBInstanceClass", shape["klass"])),
        master=shape["master"],
        group=creation.group_of(call, tx, request, engine_name, version),
        option_group=creation.option_group_of(call, tx, request),
        wanted_port=creation.port_of(request.get("Port", shape["port"]), kind),
        tags=tags.read(request.get("Tags")),
    )
    row.shape = creation.shape_of(
        call, tx, {key: value for key, value in given.items() if key != "DBName"}, kind, resource
    )
    row.shape["DBName"] = shape.get("DBName")
    return row
