"""Clusters out of snapshots, out of automated backups at any second, and clones."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.rds import backups, cluster_snapshots, clusters, families, names, views
from haneul.services.rds.errors import errors, invalid, mixed, must
from haneul.services.rds.plane import plane
from haneul.services.rds.state import BACKUPS, AutomatedBackup, Cluster
from haneul.state.store import Reader, Writer

_CARRIED = ("BackupRetentionPeriod", "StorageEncrypted", "KmsKeyId", "ServerlessV2ScalingConfiguration", "StorageType")


@operation(resource="arn:aws:rds:{region}:{account}:cluster:{DBClusterIdentifier}")
def restore_db_cluster_from_snapshot(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RestoreDBClusterFromSnapshot. Raises DBClusterSnapshotNotFoundFault, InvalidDBClusterSnapshotStateFault."""
    if not request["SnapshotIdentifier"]:
        raise must("SnapshotIdentifier")
    with call.write() as tx:
        _, snapshot = cluster_snapshots.find(call, tx, request["SnapshotIdentifier"])
        if snapshot.status != "available":
            raise errors.InvalidDBClusterSnapshotStateFault(
                f"The snapshot {snapshot.id} is not in the available state."
            )
        if request["Engine"] != snapshot.engine:
            raise mixed(f"A snapshot of engine {snapshot.engine} can't be restored as {request['Engine']}.")
        row = _restored(call, tx, request, snapshot.shape, snapshot.engine, snapshot.version)
        row.work["source"] = {"kind": "backup", "backup": snapshot.backup}
        clusters.add(call, tx, row)
        return {"DBCluster": views.cluster(call, tx, row)}


@operation(resource="arn:aws:rds:{region}:{account}:cluster:{DBClusterIdentifier}")
async def restore_db_cluster_to_point_in_time(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RestoreDBClusterToPointInTime: a full copy at a second, or (copy-on-write) a clone of now."""
    latest, moment = request.get("UseLatestRestorableTime", False), request.get("RestoreToTime")
    kind = request.get("RestoreType", "full-copy")
    if kind not in ("full-copy", "copy-on-write"):
        raise invalid(f"Invalid restore type: {kind}. It must be full-copy or copy-on-write.")
    if latest and moment is not None:
        raise mixed("You can't specify both RestoreToTime and UseLatestRestorableTime.")
    if not latest and moment is None:
        raise mixed("You must specify either RestoreToTime or UseLatestRestorableTime.")
    if kind == "copy-on-write" and not latest:
        raise mixed("A clone is made of the latest restorable time: specify UseLatestRestorableTime.")
    with call.read() as tx:
        kept, source = _source(call, tx, request)
    reached = 0.0
    if kind == "full-copy":
        reached = await asyncio.to_thread(_reach, call, kept, source)
    if moment is not None and moment > call.now():
        raise invalid("The specified restore time is in the future.")

    def make(tx: Writer) -> dict[str, Any]:
        shape = dict(kept.shape) if source is None else backups.facts(source, call.now())
        row = _restored(call, tx, request, shape, kept.engine, source.version if source is not None else kept.version)
        if kind == "copy-on-write":
            if source is None:
                raise no_source(request)
            row.work["source"] = {"kind": "clone", "server": source.volume}
        else:
            backup = backups.chosen(call, kept, call.now() if moment is None else moment)
            until = moment if moment is not None and moment < reached else None
            archive = kept.resource_id.lower()
            row.work["source"] = {"kind": "backup", "backup": backup, "log_of": archive, "until": until}
        clusters.add(call, tx, row)
        return {"DBCluster": views.cluster(call, tx, row)}

    return await call.transact(make)


def no_source(request: Mapping[str, Any]) -> Exception:
    return errors.DBClusterNotFoundFault(f"DBCluster {request.get('SourceDBClusterIdentifier')} not found.")


def _source(call: Call, tx: Reader, request: Mapping[str, Any]) -> tuple[AutomatedBackup, Cluster | None]:
    if request.get("SourceDBClusterIdentifier"):
        source = clusters.find(call, tx, request["SourceDBClusterIdentifier"])
        kept = BACKUPS.get(tx, call.scope, source.resource_id)
        if kept is None or not kept.base:
            raise errors.InvalidDBClusterStateFault(f"DBCluster {source.id} has no automated backup yet.")
        return kept, source
    resource = request.get("SourceDbClusterResourceId")
    found = BACKUPS.get(tx, call.scope, resource) if resource else None
    if found is None:
        if resource:
            raise errors.DBClusterAutomatedBackupNotFoundFault(f"DBClusterAutomatedBackup {resource} not found.")
        raise must("SourceDBClusterIdentifier")
    return found, None


def _reach(call: Call, kept: AutomatedBackup, source: Cluster | None) -> float:
    engine = plane(call.cloud).engine(kept.engine)
    server = source.volume if source is not None else kept.server
    return engine.archived_until(server, kept.resource_id.lower()) or 0.0


def _restored(
    call: Call, tx: Reader, request: Mapping[str, Any], shape: Mapping[str, Any], engine_name: str, version: str
) -> Cluster:
    kind = families.engine(engine_name)
    given = {key: shape[key] for key in _CARRIED if shape.get(key) is not None}
    given |= {"Port": shape["port"]} | {key: value for key, value in request.items() if key != "DatabaseName"}
    row = clusters.new(call, tx, given, kind, version)
    row.master = shape["master"]
    row.shape["DatabaseName"] = shape.get("DatabaseName")
    return row


@operation(resource="arn:aws:rds:{region}:{account}:cluster-auto-backup:*")
def describe_db_cluster_automated_backups(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBClusterAutomatedBackups."""
    from haneul.services.rds import listing

    wanted = listing.filters(request, ("status", "db-cluster-id", "db-cluster-resource-id"))
    with call.read() as tx:
        rows = [row for row in BACKUPS.scan(tx, call.scope) if families.ENGINES[row.engine].clustered]
    found = [
        row
        for row in rows
        if request.get("DbClusterResourceId", row.resource_id) == row.resource_id
        and request.get("DBClusterIdentifier", row.source).lower() == row.source
        and row.status in wanted.get("status", [row.status])
        and row.source in wanted.get("db-cluster-id", [row.source])
        and row.resource_id in wanted.get("db-cluster-resource-id", [row.resource_id])
    ]
    if not found and (request.get("DbClusterResourceId") or request.get("DBClusterIdentifier")):
        what = request.get("DbClusterResourceId") or request["DBClusterIdentifier"]
        raise errors.DBClusterAutomatedBackupNotFoundFault(f"DBClusterAutomatedBackup {what} not found.")
    return listing.page(
        request, "DBClusterAutomatedBackups", found, lambda row: row.resource_id, lambda row: _describe(call, row)
    )


@operation(resource="arn:aws:rds:{region}:{account}:cluster-auto-backup:{DbClusterResourceId}")
async def delete_db_cluster_automated_backup(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteDBClusterAutomatedBackup: of a cluster that is gone."""
    resource = request["DbClusterResourceId"]
    with call.read() as tx:
        row = BACKUPS.get(tx, call.scope, resource)
    if row is None:
        raise errors.DBClusterAutomatedBackupNotFoundFault(f"DBClusterAutomatedBackup {resource} not found.")
    if row.status != "retained":
        raise errors.InvalidDBClusterAutomatedBackupStateFault("The automated backup belongs to an active DB cluster.")
    await asyncio.to_thread(backups.remove, call, plane(call.cloud), row)
    return {"DBClusterAutomatedBackup": _describe(call, row)}


def _describe(call: Call, row: AutomatedBackup) -> dict[str, Any]:
    begin, end = backups.window(call, row) if row.base else (None, None)
    shape = row.shape
    return {
        "Engine": row.engine,
        "EngineVersion": row.version,
        "DBClusterAutomatedBackupsArn": names.arn(call.scope, "cluster-auto-backup", row.ident),
        "DBClusterIdentifier": row.source,
        "DBClusterArn": names.arn(call.scope, "cluster", row.source),
        "DbClusterResourceId": row.resource_id,
        "Region": call.region,
        "RestoreWindow": {"EarliestTime": begin, "LatestTime": end},
        "MasterUsername": shape.get("master"),
        "ClusterCreateTime": row.created,
        "StorageEncrypted": bool(shape.get("StorageEncrypted")),
        "AllocatedStorage": 1,
        "Status": row.status,
        "Port": shape.get("port"),
        "EngineMode": "provisioned",
        "AvailabilityZones": shape.get("AvailabilityZones"),
        "BackupRetentionPeriod": shape.get("BackupRetentionPeriod"),
        "PreferredBackupWindow": shape.get("PreferredBackupWindow"),
        "IAMDatabaseAuthenticationEnabled": bool(shape.get("IAMDatabaseAuthenticationEnabled")),
        "TagList": [],
    }
