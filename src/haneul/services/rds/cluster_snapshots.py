"""DB cluster snapshots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from haneul.converge import wake
from haneul.kit import tokens
from haneul.service import Call, Scope, Step, operation
from haneul.services.rds import backups, listing, names, snapshots, tags
from haneul.services.rds.errors import errors, invalid, no_cluster_snapshot
from haneul.services.rds.happenings import tell
from haneul.services.rds.plane import plane
from haneul.services.rds.state import CLUSTER_SNAPSHOTS, CLUSTERS, DISCARDED, Cluster, Snapshot
from haneul.services.rds.tags import render
from haneul.state.store import Reader, Writer

_ARN = "arn:aws:rds:{region}:{account}:cluster-snapshot:{DBClusterSnapshotIdentifier}"


@operation(resource=_ARN)
def create_db_cluster_snapshot(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDBClusterSnapshot. Raises DBClusterSnapshotAlreadyExistsFault, InvalidDBClusterStateFault."""
    from haneul.services.rds.clusters import find as find_cluster

    with call.write() as tx:
        row = find_cluster(call, tx, request["DBClusterIdentifier"])
        if row.status not in ("available", "stopped"):
            raise errors.InvalidDBClusterStateFault(f"DBCluster {row.id} is not in available state.")
        snapshot = begin(call, tx, row, request["DBClusterSnapshotIdentifier"], tags.read(request.get("Tags")))
        if row.status == "available":
            row.status = "backing-up"
            row.work = {**row.work, "snapshot": snapshot.id}
            CLUSTERS.put(tx, call.scope, row)
        return {"DBClusterSnapshot": describe(call.scope, snapshot)}


def begin(call: Call, tx: Writer, row: Cluster, name: str, own: dict[str, str]) -> Snapshot:
    """A new snapshot's row; its step takes the backup."""
    snapshots.check_name(name, "DBClusterSnapshotIdentifier")
    _check_free(call, tx, name.lower())
    if row.shape.get("CopyTagsToSnapshot"):
        own = row.tags | own
    snapshot = Snapshot(
        id=name.lower(),
        source=row.id,
        resource_id=row.resource_id,
        kind="manual",
        status="creating",
        created=call.now(),
        backup=f"snap-{tokens.random_hex(16)}",
        engine=row.engine,
        version=row.version,
        shape=backups.facts(row, call.now()),
        work={"server": row.volume},
        tags=own,
    )
    CLUSTER_SNAPSHOTS.put(tx, call.scope, snapshot)
    wake(tx, "rds.cluster-snapshot", call.scope, (snapshot.id,), call.now())
    return snapshot


def step_snapshot(call: Call, row: Snapshot) -> Step:
    """Take the backup, or copy one; then the cluster is free again."""
    if row.status != "creating":
        return Step(row)
    engine = plane(call.cloud).engine(row.engine)
    if "copy_of" in row.work:
        engine.ensure_backup_copied(row.work["copy_of"], row.backup)
    else:
        engine.ensure_backup(row.work["server"], row.backup)
    row.size, row.status = engine.backup_size(row.backup) or 0, "available"
    with call.write() as tx:
        tell(
            tx, call, "db-cluster-snapshot", row.id, "Manual cluster snapshot created", "backup", event="RDS-EVENT-0075"
        )
        cluster = CLUSTERS.get(tx, call.scope, row.source)
        if cluster is not None and cluster.work.get("snapshot") == row.id:
            cluster.work = {key: value for key, value in cluster.work.items() if key != "snapshot"}
            if cluster.status == "backing-up":
                cluster.status = "available"
            CLUSTERS.put(tx, call.scope, cluster)
            wake(tx, "rds.cluster", call.scope, (cluster.id,), call.now())
    row.work = {}
    return Step(row)


@operation(resource="arn:aws:rds:{region}:{account}:cluster-snapshot:*")
def describe_db_cluster_snapshots(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBClusterSnapshots."""
    wanted = listing.filters(
        request, ("db-cluster-id", "db-cluster-snapshot-id", "snapshot-type", "engine", "db-cluster-resource-id")
    )
    name, cluster = request.get("DBClusterSnapshotIdentifier"), request.get("DBClusterIdentifier")
    with call.read() as tx:
        rows = list(_visible(call, tx, request))

    def any_of(filter_name: str, *values: str) -> bool:
        return filter_name not in wanted or bool(set(wanted[filter_name]) & set(values))

    found = [
        (scope, row)
        for scope, row in rows
        if (not name or name.lower() in (row.id, names.arn(scope, "cluster-snapshot", row.id)))
        and (not cluster or cluster.lower() in (row.source, names.arn(scope, "cluster", row.source)))
        and request.get("DbClusterResourceId", row.resource_id) == row.resource_id
        and any_of("db-cluster-id", row.source, names.arn(scope, "cluster", row.source))
        and any_of("db-cluster-snapshot-id", row.id)
        and any_of("snapshot-type", row.kind)
        and any_of("engine", row.engine)
        and any_of("db-cluster-resource-id", row.resource_id)
    ]
    if name and not found:
        raise no_cluster_snapshot(name)
    return listing.page(
        request,
        "DBClusterSnapshots",
        found,
        lambda pair: f"{pair[0].account}/{pair[1].id}",
        lambda pair: describe(pair[0], pair[1], foreign=pair[0].account != call.account),
    )


def _visible(call: Call, tx: Reader, request: Mapping[str, Any]) -> Iterator[tuple[Scope, Snapshot]]:
    kind = request.get("SnapshotType")
    if kind not in (None, "manual", "automated", "shared", "public", "awsbackup"):
        raise invalid(f"Unrecognized snapshot type: {kind}")
    public = kind == "public" or (kind is None and request.get("IncludePublic"))
    shared = kind == "shared" or (kind is None and request.get("IncludeShared"))
    name = request.get("DBClusterSnapshotIdentifier", "")
    if name.startswith("arn:"):
        scope, _ = names.locate(call, name, "cluster-snapshot")
        public = shared = scope.account != call.account
    if kind not in ("shared", "public"):
        for row in CLUSTER_SNAPSHOTS.scan(tx, call.scope):
            if kind in (None, row.kind):
                yield call.scope, row
    if public or shared:
        for scope, row in CLUSTER_SNAPSHOTS.everywhere(tx):
            if scope.region != call.region or (scope.account == call.account and kind != "public"):
                continue
            if (public and "all" in row.shared) or (shared and call.account in row.shared):
                yield scope, row


def find(call: Call, tx: Reader, name: str) -> tuple[Scope, Snapshot]:
    """A snapshot of one's own, or shared with one, by name or ARN. Raises DBClusterSnapshotNotFoundFault."""
    scope, plain = names.locate(call, name, "cluster-snapshot")
    row = CLUSTER_SNAPSHOTS.get(tx, scope, plain)
    if row is None or (scope.account != call.account and not {"all", call.account} & set(row.shared)):
        raise no_cluster_snapshot(name)
    return scope, row


@operation(resource="arn:aws:rds:{region}:{account}:cluster-snapshot:{TargetDBClusterSnapshotIdentifier}")
def copy_db_cluster_snapshot(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CopyDBClusterSnapshot."""
    target = request["TargetDBClusterSnapshotIdentifier"]
    snapshots.check_name(target, "TargetDBClusterSnapshotIdentifier")
    with call.write() as tx:
        scope, source = find(call, tx, request["SourceDBClusterSnapshotIdentifier"])
        _check_free(call, tx, target.lower())
        if source.status != "available":
            raise errors.InvalidDBClusterSnapshotStateFault(f"The snapshot {source.id} is not available.")
        own = tags.read(request.get("Tags"))
        encrypted = {"StorageEncrypted": True, "KmsKeyId": request["KmsKeyId"]} if request.get("KmsKeyId") else {}
        copy = Snapshot(
            id=target.lower(),
            source=source.source,
            resource_id=source.resource_id,
            kind="manual",
            status="creating",
            created=call.now(),
            backup=f"snap-{tokens.random_hex(16)}",
            engine=source.engine,
            version=source.version,
            shape={**source.shape, **encrypted, "source_arn": names.arn(scope, "cluster-snapshot", source.id)},
            work={"copy_of": source.backup},
            tags=own or (dict(source.tags) if request.get("CopyTags") else {}),
        )
        CLUSTER_SNAPSHOTS.put(tx, call.scope, copy)
        wake(tx, "rds.cluster-snapshot", call.scope, (copy.id,), call.now())
    return {"DBClusterSnapshot": describe(call.scope, copy)}


@operation(resource=_ARN)
def delete_db_cluster_snapshot(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteDBClusterSnapshot."""
    with call.write() as tx:
        row = _own(call, tx, request["DBClusterSnapshotIdentifier"])
        if row.kind == "automated":
            raise errors.InvalidDBClusterSnapshotStateFault(f"Cannot delete an automated snapshot: {row.id}")
        if row.status not in ("available", "failed"):
            raise errors.InvalidDBClusterSnapshotStateFault(f"The snapshot {row.id} is not in the available state.")
        shown = describe(call.scope, row) | {"Status": "deleted"}
        CLUSTER_SNAPSHOTS.delete(tx, call.scope, row.id)
        row.id = f"deleted/{row.backup}"
        DISCARDED.put(tx, call.scope, row)
        wake(tx, "rds.discarded", call.scope, (row.id,), call.now())
    return {"DBClusterSnapshot": shown}


@operation(resource=_ARN)
def describe_db_cluster_snapshot_attributes(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBClusterSnapshotAttributes."""
    with call.read() as tx:
        return {
            "DBClusterSnapshotAttributesResult": _attributes(_own(call, tx, request["DBClusterSnapshotIdentifier"]))
        }


@operation(resource=_ARN)
def modify_db_cluster_snapshot_attribute(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyDBClusterSnapshotAttribute."""
    with call.write() as tx:
        row = _own(call, tx, request["DBClusterSnapshotIdentifier"])
        row.shared = snapshots.shares(row, request)
        CLUSTER_SNAPSHOTS.put(tx, call.scope, row)
    return {"DBClusterSnapshotAttributesResult": _attributes(row)}


def _attributes(row: Snapshot) -> dict[str, Any]:
    return {
        "DBClusterSnapshotIdentifier": row.id,
        "DBClusterSnapshotAttributes": [{"AttributeName": "restore", "AttributeValues": row.shared}],
    }


def _own(call: Call, tx: Reader, name: str) -> Snapshot:
    scope, plain = names.locate(call, name, "cluster-snapshot")
    row = CLUSTER_SNAPSHOTS.get(tx, scope, plain) if scope == call.scope else None
    if row is None:
        raise no_cluster_snapshot(name)
    return row


def _check_free(call: Call, tx: Reader, name: str) -> None:
    if CLUSTER_SNAPSHOTS.get(tx, call.scope, name) is not None:
        raise errors.DBClusterSnapshotAlreadyExistsFault(
            f"Cannot create the cluster snapshot because one with the identifier {name} already exists."
        )


def describe(scope: Scope, row: Snapshot, *, foreign: bool = False) -> dict[str, Any]:
    shape = row.shape
    name = names.arn(scope, "cluster-snapshot", row.id)
    return {
        "AvailabilityZones": shape.get("AvailabilityZones"),
        "DBClusterSnapshotIdentifier": name if foreign else row.id,
        "DBClusterIdentifier": row.source,
        "SnapshotCreateTime": row.created,
        "Engine": row.engine,
        "EngineMode": "provisioned",
        "EngineVersion": row.version,
        "AllocatedStorage": max(1, row.size >> 30),
        "Status": row.status,
        "Port": shape.get("port") if row.status == "available" else 0,
        "VpcId": None,
        "ClusterCreateTime": shape.get("instance_created"),
        "MasterUsername": shape.get("master"),
        "LicenseModel": "postgresql-license",
        "SnapshotType": row.kind,
        "PercentProgress": 100 if row.status == "available" else 0,
        "StorageEncrypted": bool(shape.get("StorageEncrypted")),
        "KmsKeyId": shape.get("KmsKeyId"),
        "DBClusterSnapshotArn": name,
        "SourceDBClusterSnapshotArn": shape.get("source_arn"),
        "IAMDatabaseAuthenticationEnabled": bool(shape.get("IAMDatabaseAuthenticationEnabled")),
        "TagList": render(row.tags),
        "StorageType": shape.get("StorageType") or "aurora",
        "DbClusterResourceId": row.resource_id,
    }
