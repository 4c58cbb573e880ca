"""Automated backups: a base backup each day and the log between, so that any second of the last days can be had."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.rds import listing, names
from haneul.services.rds.errors import errors, invalid
from haneul.services.rds.families import ENGINES, major
from haneul.services.rds.happenings import tell
from haneul.services.rds.plane import Plane, plane
from haneul.services.rds.state import (
    BACKUPS,
    CLUSTER_SNAPSHOTS,
    SNAPSHOTS,
    AutomatedBackup,
    Cluster,
    Instance,
    Snapshot,
)
from haneul.services.rds.tags import render

INCREMENTS = 6
"""Incremental backups between two whole ones."""


def due(row: Instance | Cluster, now: float) -> bool:
    """Whether it is time for the day's backup."""
    if not row.shape.get("BackupRetentionPeriod", 0) or (isinstance(row, Instance) and row.source):
        return False  # a read replica's begin when it is promoted
    if not row.latest_backup:
        return True
    waited = now - row.backed_up
    return waited > 86_400 * 1.5 or (waited > 43_200 and names.inside_daily(row.shape["PreferredBackupWindow"], now))


def take(call: Call, plane: Plane, row: Instance | Cluster, server: str) -> None:
    """A base backup of `server` named row.work["taking"], as an automated snapshot of the instance or cluster; and
    those fall away that the retention period no longer wants."""
    engine = plane.engine(row.engine)
    backup: str = row.work["taking"]
    archive = row.resource_id.lower()
    with call.read() as tx:
        kept = BACKUPS.get(tx, call.scope, row.resource_id)
    base = [one for one in kept.base if one[1] != backup] if kept is not None else []
    since = base[-1][1] if base and len(base) % (INCREMENTS + 1) and engine.running(server) else None
    engine.ensure_backup(server, backup, since=since)
    now = call.now()
    if engine.running(server):
        engine.archived_until(server, archive)
    snapshot = _snapshot(row, backup, now, engine.backup_size(backup) or 0)
    if kept is None:
        kept = AutomatedBackup(
            resource_id=row.resource_id,
            source=row.id,
            status="active",
            created=now,
            server=server,
            engine=row.engine,
            version=row.version,
            ident=f"ab-{tokens.unique_id('', 26).lower()}",
        )
    kept.source, kept.server, kept.version = row.id, server, row.version
    kept.shape = dict(snapshot.shape)
    kept.base = [*base, (now, backup)]
    limit = now - row.shape["BackupRetentionPeriod"] * 86_400
    gone = [one for one, later in zip(kept.base, kept.base[1:], strict=False) if later[0] < limit]
    kept.base = [one for one in kept.base if one not in gone]
    _record(call, row, kept, snapshot, {name for _, name in gone})
    call.cloud.store.wait(call.ticket)  # nobody may find a backup written down that is gone
    for _, name in gone:
        engine.remove_backup(name)
    if gone:
        engine.trim_archive(archive, kept.base[0][1])
    row.backed_up, row.latest_backup = now, backup
    row.work = {key: value for key, value in row.work.items() if key != "taking"}


def _record(call: Call, row: Instance | Cluster, kept: AutomatedBackup, snapshot: Snapshot, gone: set[str]) -> None:
    table = SNAPSHOTS if isinstance(row, Instance) else CLUSTER_SNAPSHOTS
    with call.write() as tx:
        BACKUPS.put(tx, call.scope, kept)
        table.put(tx, call.scope, snapshot)
        for old in table.scan(tx, call.scope):
            if old.kind == "automated" and (
                old.backup in gone or (old.backup == snapshot.backup and old.id != snapshot.id)
            ):
                table.delete(tx, call.scope, old.id)
        kind = "db-instance" if isinstance(row, Instance) else "db-cluster"
        event = "RDS-EVENT-0002" if isinstance(row, Instance) else "RDS-EVENT-0169"
        tell(tx, call, kind, row.id, f"Finished DB {kind[3:].capitalize()} backup", "backup", event=event)


def _snapshot(row: Instance | Cluster, backup: str, now: float, size: int) -> Snapshot:
    moment = datetime.datetime.fromtimestamp(now, datetime.UTC)
    return Snapshot(
        id=f"rds:{row.id}-{moment:%Y-%m-%d-%H-%M}",
        source=row.id,
        resource_id=row.resource_id,
        kind="automated",
        status="available",
        created=now,
        backup=backup,
        engine=row.engine,
        version=row.version,
        shape=facts(row, now),
        tags=dict(row.tags) if row.shape.get("CopyTagsToSnapshot") else {},
        size=size,
    )


def facts(row: Instance | Cluster, now: float) -> dict[str, Any]:
    """What a restore and a description need to know of the instance or cluster, beside the data."""
    found = {
        **row.shape,
        "master": row.master,
        "port": row.wanted_port,
        "original": now,
        "instance_created": row.created,
        "group": row.group,
    }
    if isinstance(row, Instance):
        found |= {"klass": row.klass, "option_group": row.option_group}
    return found


def mark(call: Call, plane: Plane, row: Instance | Cluster, server: str) -> None:
    """Before a server ends: what it has written is in the archive, and the backup says how far that reaches."""
    until = plane.engine(row.engine).archived_until(server, row.resource_id.lower())
    with call.write() as tx:
        kept = BACKUPS.get(tx, call.scope, row.resource_id)
        if kept is not None and until is not None:
            kept.until = until
            BACKUPS.put(tx, call.scope, kept)


def forget(call: Call, plane: Plane, row: Instance | Cluster, *, keep: bool) -> None:
    """The instance is gone, or wants no more backups: its automated ones go too, unless they are to be kept."""
    with call.read() as tx:
        kept = BACKUPS.get(tx, call.scope, row.resource_id)
    engine = plane.engine(row.engine)
    if keep and kept is not None:
        with call.write() as tx:
            kept.status, kept.deleted = "retained", call.now()
            BACKUPS.put(tx, call.scope, kept)
        return
    remove(call, plane, kept)
    if "taking" in row.work:
        engine.remove_backup(row.work["taking"])
    engine.remove_archive(row.resource_id.lower())


def remove(call: Call, plane: Plane, kept: AutomatedBackup | None) -> None:
    if kept is None:
        return
    engine = plane.engine(kept.engine)
    for _, name in reversed(kept.base):
        engine.remove_backup(name)
    engine.remove_archive(kept.resource_id.lower())
    with call.write() as tx:
        BACKUPS.delete(tx, call.scope, kept.resource_id)
        for table in (SNAPSHOTS, CLUSTER_SNAPSHOTS):
            for old in table.scan(tx, call.scope):
                if old.kind == "automated" and old.resource_id == kept.resource_id:
                    table.delete(tx, call.scope, old.id)


@operation(resource="arn:aws:rds:{region}:{account}:auto-backup:*")
def describe_db_instance_automated_backups(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBInstanceAutomatedBackups: of instances that are there, and those kept of deleted ones."""
    wanted = listing.filters(request, ("status", "db-instance-id", "dbi-resource-id"))
    with call.read() as tx:
        rows = [row for row in BACKUPS.scan(tx, call.scope) if not ENGINES[row.engine].clustered]
    found = [
        row
        for row in rows
        if request.get("DbiResourceId", row.resource_id) == row.resource_id
        and request.get("DBInstanceIdentifier", row.source).lower() == row.source
        and row.status in wanted.get("status", [row.status])
        and row.source in wanted.get("db-instance-id", [row.source])
        and row.resource_id in wanted.get("dbi-resource-id", [row.resource_id])
    ]
    ident = request.get("DBInstanceAutomatedBackupsArn")
    if ident is not None:
        found = [row for row in found if names.arn(call.scope, "auto-backup", row.ident) == ident]
    if not found and (ident or "DbiResourceId" in request or "DBInstanceIdentifier" in request):
        what = ident or request.get("DbiResourceId") or request["DBInstanceIdentifier"]
        raise errors.DBInstanceAutomatedBackupNotFound(f"DBInstanceAutomatedBackup {what} not found.")
    return listing.page(
        request, "DBInstanceAutomatedBackups", found, lambda row: row.resource_id, lambda row: describe(call, row)
    )


@operation(resource="arn:aws:rds:{region}:{account}:auto-backup:*")
async def delete_db_instance_automated_backup(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteDBInstanceAutomatedBackup: of an instance that is gone."""
    import asyncio

    wanted, arn = request.get("DbiResourceId"), request.get("DBInstanceAutomatedBackupsArn")
    with call.read() as tx:
        rows = list(BACKUPS.scan(tx, call.scope))
    row = next(
        (one for one in rows if one.resource_id == wanted or names.arn(call.scope, "auto-backup", one.ident) == arn),
        None,
    )
    if row is None:
        raise errors.DBInstanceAutomatedBackupNotFound(f"DBInstanceAutomatedBackup {wanted or arn} not found.")
    if row.status != "retained":
        raise errors.InvalidDBInstanceAutomatedBackupState(
            "The automated backup is in an invalid state: it belongs to an active DB instance."
        )
    await asyncio.to_thread(remove, call, plane(call.cloud), row)
    return {"DBInstanceAutomatedBackup": describe(call, row)}


def window(call: Call, row: AutomatedBackup) -> tuple[float, float]:
    """The first and the last moment that can be restored."""
    last = max(row.until, row.base[-1][0]) if row.status == "retained" else call.now() - 1
    return row.base[0][0], max(last, row.base[0][0])


def chosen(call: Call, row: AutomatedBackup, moment: float) -> str:
    """The newest base backup from before `moment`. Raises InvalidParameterValue outside the window."""
    begin, end = window(call, row)
    if not begin - 1 <= moment <= max(end, call.now()):
        raise invalid(
            "The specified instance cannot be restored to a time later than its latest restorable time or before its "
            "earliest restorable time."
        )
    older = [name for taken, name in row.base if taken <= moment]
    return older[-1] if older else row.base[0][1]


def describe(call: Call, row: AutomatedBackup) -> dict[str, Any]:
    begin, end = window(call, row) if row.base else (None, None)
    shape = row.shape
    return {
        "DBInstanceArn": names.arn(call.scope, "db", row.source),
        "DbiResourceId": row.resource_id,
        "Region": call.region,
        "DBInstanceIdentifier": row.source,
        "RestoreWindow": {"EarliestTime": begin, "LatestTime": end},
        "AllocatedStorage": shape.get("AllocatedStorage"),
        "Status": row.status,
        "Port": shape.get("port"),
        "AvailabilityZone": shape.get("AvailabilityZone"),
        "InstanceCreateTime": row.created,
        "MasterUsername": shape.get("master"),
        "Engine": row.engine,
        "EngineVersion": row.version,
        "LicenseModel": shape.get("LicenseModel"),
        "OptionGroupName": f"default:{row.engine}-{major(row.engine, row.version).replace('.', '-')}",
        "Encrypted": shape.get("StorageEncrypted"),
        "StorageType": shape.get("StorageType"),
        "Iops": shape.get("Iops"),
        "StorageThroughput": shape.get("StorageThroughput"),
        "KmsKeyId": shape.get("KmsKeyId"),
        "IAMDatabaseAuthenticationEnabled": shape.get("IAMDatabaseAuthenticationEnabled"),
        "BackupRetentionPeriod": shape.get("BackupRetentionPeriod"),
        "DBInstanceAutomatedBackupsArn": names.arn(call.scope, "auto-backup", row.ident),
        "BackupTarget": "region",
        "MultiTenant": False,
        "TagList": render({}),
    }
