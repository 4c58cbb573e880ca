"""DB snapshots: taken of a running or stopped instance, copied, shared, deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from haneul.converge import wake
from haneul.kit import tokens
from haneul.service import Call, Scope, Step, operation
from haneul.services.rds import backups, listing, names, tags
from haneul.services.rds.errors import errors, invalid, mixed, no_snapshot
from haneul.services.rds.families import major
from haneul.services.rds.happenings import tell
from haneul.services.rds.plane import plane
from haneul.services.rds.state import DISCARDED, INSTANCES, SNAPSHOTS, Instance, Snapshot
from haneul.services.rds.tags import render
from haneul.state.store import Reader, Writer

LIMIT = 100
SHARES = 20
_ARN = "arn:aws:rds:{region}:{account}:snapshot:{DBSnapshotIdentifier}"


@operation(resource=_ARN)
def create_db_snapshot(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDBSnapshot. Raises DBSnapshotAlreadyExists, DBInstanceNotFound, InvalidDBInstanceState."""
    from haneul.services.rds.instances import find

    with call.write() as tx:
        row = find(call, tx, request["DBInstanceIdentifier"])
        check_name(request["DBSnapshotIdentifier"], "DBSnapshotIdentifier")
        _check_free(call, tx, request["DBSnapshotIdentifier"].lower())
        if row.cluster:
            raise errors.InvalidDBInstanceState(
                "The specified instance is a member of a cluster and a snapshot cannot be created directly. "
                "Please use the CreateDBClusterSnapshot API instead."
            )
        if row.status not in ("available", "stopped", "storage-optimization"):
            raise errors.InvalidDBInstanceState(
                f"Cannot create a snapshot because the database instance {row.id} is not currently in the available "
                "state."
            )
        snapshot = begin(call, tx, row, request["DBSnapshotIdentifier"], tags.read(request.get("Tags")))
        if row.status == "available":
            row.status = "backing-up"
            row.work = {**row.work, "snapshot": snapshot.id}
            INSTANCES.put(tx, call.scope, row)
        return {"DBSnapshot": describe(call.scope, snapshot)}


def begin(call: Call, tx: Writer, row: Instance, name: str, own: dict[str, str]) -> Snapshot:
    """A new snapshot's row; its step takes the backup."""
    check_name(name, "DBSnapshotIdentifier")
    _check_free(call, tx, name.lower())
    _check_quota(call, tx)
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
        work={"server": row.server},
        tags=own,
    )
    SNAPSHOTS.put(tx, call.scope, snapshot)
    wake(tx, "rds.snapshot", call.scope, (snapshot.id,), call.now())
    return snapshot


def step_snapshot(call: Call, row: Snapshot) -> Step:
    """Take the backup, or copy one; then the instance is free again."""
    if row.status != "creating":
        return Step(row)
    engine = plane(call.cloud).engine(row.engine)
    if "copy_of" in row.work:
        engine.ensure_backup_copied(row.work["copy_of"], row.backup)
    else:
        engine.ensure_backup(row.work["server"], row.backup)
    row.size = engine.backup_size(row.backup) or 0
    row.status = "available"
    with call.write() as tx:
        tell(tx, call, "db-snapshot", row.id, "Manual snapshot created", "creation", event="RDS-EVENT-0042")
        instance = INSTANCES.get(tx, call.scope, row.source)
        if instance is not None and instance.work.get("snapshot") == row.id:
            instance.work = {key: value for key, value in instance.work.items() if key != "snapshot"}
            if instance.status == "backing-up":
                instance.status = "available"
            INSTANCES.put(tx, call.scope, instance)
            wake(tx, "rds.instance", call.scope, (instance.id,), call.now())
    row.work = {}
    return Step(row)


def step_discarded(call: Call, row: Snapshot) -> Step:
    """Remove the bytes of a snapshot that is gone."""
    plane(call.cloud).engine(row.engine).remove_backup(row.backup)
    return Step(None)


@operation(resource="arn:aws:rds:{region}:{account}:snapshot:*")
def describe_db_snapshots(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBSnapshots: one's own, and with SnapshotType or Include... those of others."""
    wanted = listing.filters(
        request, ("db-instance-id", "db-snapshot-id", "dbi-resource-id", "snapshot-type", "engine")
    )
    name, instance = request.get("DBSnapshotIdentifier"), request.get("DBInstanceIdentifier")
    with call.read() as tx:
        rows = list(_visible(call, tx, request))
    found = [
        (scope, row)
        for scope, row in rows
        if (not name or name.lower() in (row.id, names.arn(scope, "snapshot", row.id)))
        and (not instance or instance.lower() in (row.source, names.arn(scope, "db", row.source)))
        and request.get("DbiResourceId", row.resource_id) == row.resource_id
        and _any(wanted, "db-instance-id", row.source, names.arn(scope, "db", row.source))
        and _any(wanted, "db-snapshot-id", row.id)
        and _any(wanted, "dbi-resource-id", row.resource_id)
        and _any(wanted, "snapshot-type", row.kind)
        and _any(wanted, "engine", row.engine)
    ]
    if name and not found:
        raise no_snapshot(name)
    return listing.page(
        request,
        "DBSnapshots",
        found,
        lambda pair: f"{pair[0].account}/{pair[1].id}",
        lambda pair: describe(pair[0], pair[1], foreign=pair[0].account != call.account),
    )


def _any(wanted: Mapping[str, list[str]], name: str, *values: str) -> bool:
    return name not in wanted or bool(set(wanted[name]) & set(values))


def _visible(call: Call, tx: Reader, request: Mapping[str, Any]) -> Iterator[tuple[Scope, Snapshot]]:
    kind = request.get("SnapshotType")
    if kind not in (None, "manual", "automated", "shared", "public", "awsbackup"):
        raise invalid(f"Unrecognized snapshot type: {kind}")
    public = kind == "public" or (kind is None and request.get("IncludePublic"))
    shared = kind == "shared" or (kind is None and request.get("IncludeShared"))
    name = request.get("DBSnapshotIdentifier", "")
    if name.startswith("arn:"):
        scope, _ = names.locate(call, name, "snapshot")
        public = shared = scope.account != call.account
    if kind not in ("shared", "public"):
        for row in SNAPSHOTS.scan(tx, call.scope):
            if kind in (None, row.kind):
                yield call.scope, row
    if public or shared:
        for scope, row in SNAPSHOTS.everywhere(tx):
            if scope.region != call.region or (scope.account == call.account and kind != "public"):
                continue
            if (public and "all" in row.shared) or (shared and call.account in row.shared):
                yield scope, row


def find(call: Call, tx: Reader, name: str) -> tuple[Scope, Snapshot]:
    """A snapshot of one's own, or shared with one, by name or ARN. Raises DBSnapshotNotFound."""
    scope, plain = names.locate(call, name, "snapshot")
    row = SNAPSHOTS.get(tx, scope, plain)
    if row is None or (scope.account != call.account and not {"all", call.account} & set(row.shared)):
        raise no_snapshot(name)
    return scope, row


@operation(resource="arn:aws:rds:{region}:{account}:snapshot:{TargetDBSnapshotIdentifier}")
def copy_db_snapshot(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CopyDBSnapshot: automated or manual, of this account or another, of this region or another."""
    target = request["TargetDBSnapshotIdentifier"]
    check_name(target, "TargetDBSnapshotIdentifier")
    with call.write() as tx:
        scope, source = find(call, tx, request["SourceDBSnapshotIdentifier"])
        _check_free(call, tx, target.lower())
        _check_quota(call, tx)
        if source.status != "available":
            raise errors.InvalidDBSnapshotState(f"Cannot copy the snapshot {source.id}: it is not available.")
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
            shape={**source.shape, **encrypted, "source_arn": names.arn(scope, "snapshot", source.id),
                   "source_region": scope.region},
            work={"copy_of": source.backup},
            tags=own or (dict(source.tags) if request.get("CopyTags") else {}),
        )  # fmt: skip
        SNAPSHOTS.put(tx, call.scope, copy)
        wake(tx, "rds.snapshot", call.scope, (copy.id,), call.now())
    return {"DBSnapshot": describe(call.scope, copy)}


@operation(resource=_ARN)
def modify_db_snapshot(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyDBSnapshot: the version that a restore of it runs."""
    from haneul.services.rds import families, versions

    with call.write() as tx:
        row = _own(call, tx, request["DBSnapshotIdentifier"])
        if request.get("EngineVersion"):
            row.shape = {
                **row.shape,
                "restore_version": versions.resolve(call, families.engine(row.engine), request["EngineVersion"]),
            }
        if request.get("OptionGroupName"):
            row.shape = {**row.shape, "option_group": request["OptionGroupName"].lower()}
        SNAPSHOTS.put(tx, call.scope, row)
    return {"DBSnapshot": describe(call.scope, row)}


@operation(resource=_ARN)
def delete_db_snapshot(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteDBSnapshot: manual ones that are available."""
    with call.write() as tx:
        row = _own(call, tx, request["DBSnapshotIdentifier"])
        if row.kind == "automated":
            raise errors.InvalidDBSnapshotState(f"Cannot delete an automated snapshot: {row.id}")
        if row.status not in ("available", "failed"):
            raise errors.InvalidDBSnapshotState(f"The snapshot {row.id} is not in the available state.")
        shown = describe(call.scope, row) | {"Status": "deleted"}
        SNAPSHOTS.delete(tx, call.scope, row.id)
        _discard(call, tx, row)
        tell(tx, call, "db-snapshot", row.id, "Deleted user snapshot.", "deletion", event="RDS-EVENT-0041")
    return {"DBSnapshot": shown}


def _discard(call: Call, tx: Writer, row: Snapshot) -> None:
    """Its name is free at once; its bytes go by a step of their own, under a name that nobody can ask for."""
    row.id, row.status = f"deleted/{row.backup}", "deleting"
    DISCARDED.put(tx, call.scope, row)
    wake(tx, "rds.discarded", call.scope, (row.id,), call.now())


@operation(resource=_ARN)
def describe_db_snapshot_attributes(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBSnapshotAttributes: who may restore it."""
    with call.read() as tx:
        return {"DBSnapshotAttributesResult": _attributes(_own(call, tx, request["DBSnapshotIdentifier"]))}


@operation(resource=_ARN)
def modify_db_snapshot_attribute(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyDBSnapshotAttribute: share it with accounts, or with "all"."""
    with call.write() as tx:
        row = _own(call, tx, request["DBSnapshotIdentifier"])
        row.shared = shares(row, request)
        SNAPSHOTS.put(tx, call.scope, row)
    return {"DBSnapshotAttributesResult": _attributes(row)}


def shares(row: Snapshot, request: Mapping[str, Any]) -> list[str]:
    """Whom it is shared with after the request. Raises InvalidParameterValue, SharedSnapshotQuotaExceeded."""
    if request["AttributeName"] != "restore":
        raise invalid(f"Invalid attribute name: {request['AttributeName']}")
    if row.kind != "manual":
        raise errors.InvalidDBSnapshotState("Only manual snapshots can be shared.")
    added, gone = request.get("ValuesToAdd") or [], request.get("ValuesToRemove") or []
    for one in [*added, *gone]:
        if one != "all" and not (one.isdigit() and len(one) == 12):
            raise invalid(f"Invalid account identifier: {one}")
    if "all" in added and row.shape.get("StorageEncrypted"):
        raise mixed("An encrypted snapshot can't be made public.")
    shared = sorted((set(row.shared) | set(added)) - set(gone))
    if len([one for one in shared if one != "all"]) > SHARES:
        raise errors.SharedSnapshotQuotaExceeded(f"A snapshot can be shared with at most {SHARES} accounts.")
    return shared


def _attributes(row: Snapshot) -> dict[str, Any]:
    return {
        "DBSnapshotIdentifier": row.id,
        "DBSnapshotAttributes": [{"AttributeName": "restore", "AttributeValues": row.shared}],
    }


def _own(call: Call, tx: Reader, name: str) -> Snapshot:
    scope, plain = names.locate(call, name, "snapshot")
    row = SNAPSHOTS.get(tx, scope, plain) if scope == call.scope else None
    if row is None:
        raise no_snapshot(name)
    return row


def check_name(name: str, member: str) -> None:
    if name.lower().startswith("rds:"):
        raise invalid(f"The parameter {member} is not a valid identifier. Identifiers must begin with a letter.")
    names.identifier(name, member, 255)


def _check_free(call: Call, tx: Reader, name: str) -> None:
    if SNAPSHOTS.get(tx, call.scope, name) is not None:
        raise errors.DBSnapshotAlreadyExists(
            f"Cannot create the snapshot because a snapshot with the identifier {name} already exists."
        )


def _check_quota(call: Call, tx: Reader) -> None:
    if sum(1 for row in SNAPSHOTS.scan(tx, call.scope) if row.kind == "manual") >= LIMIT:
        raise errors.SnapshotQuotaExceeded(f"Cannot create more than {LIMIT} manual snapshots")


def describe(scope: Scope, row: Snapshot, *, foreign: bool = False) -> dict[str, Any]:
    shape = row.shape
    name = names.arn(scope, "snapshot", row.id)
    kept = ("AllocatedStorage", "AvailabilityZone", "LicenseModel", "Iops", "StorageThroughput", "StorageType",
            "KmsKeyId", "IAMDatabaseAuthenticationEnabled", "Timezone")  # fmt: skip
    return {key: shape[key] for key in kept if shape.get(key) is not None} | {
        "DBSnapshotIdentifier": name if foreign else row.id,
        "DBInstanceIdentifier": row.source,
        "SnapshotCreateTime": row.created if row.status == "available" else None,
        "OriginalSnapshotCreateTime": shape.get("original", row.created) if row.status == "available" else None,
        "SnapshotDatabaseTime": row.created if row.status == "available" else None,
        "Engine": row.engine,
        "EngineVersion": shape.get("restore_version", row.version),
        "Status": row.status,
        "Port": shape.get("port"),
        "VpcId": None,
        "InstanceCreateTime": shape.get("instance_created"),
        "MasterUsername": shape.get("master"),
        "SnapshotType": row.kind,
        "OptionGroupName": shape.get("option_group")
        or f"default:{row.engine}-{major(row.engine, row.version).replace('.', '-')}",
        "PercentProgress": 100 if row.status == "available" else 0,
        "SourceRegion": shape.get("source_region"),
        "SourceDBSnapshotIdentifier": shape.get("source_arn"),
        "Encrypted": bool(shape.get("StorageEncrypted")),
        "DBSnapshotArn": name,
        "ProcessorFeatures": shape.get("ProcessorFeatures") or [],
        "DbiResourceId": row.resource_id,
        "TagList": render(row.tags),
        "SnapshotTarget": "region",
        "DedicatedLogVolume": False,
        "MultiTenant": False,
        "DBSystemId": None,
    }
