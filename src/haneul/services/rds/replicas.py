"""Read replicas: created beside their source, promoted to stand alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call, Scope, operation
from haneul.services.rds import classes, creation, names, tags, views
from haneul.services.rds.errors import errors, invalid, no_instance
from haneul.services.rds.families import engine, family
from haneul.services.rds.instances import find
from haneul.services.rds.state import INSTANCES, Instance
from haneul.state.store import Reader

LIMIT = 15
_ARN = "arn:aws:rds:{region}:{account}:db:{DBInstanceIdentifier}"
_CARRIED = (
    "AllocatedStorage", "StorageType", "Iops", "StorageThroughput", "MaxAllocatedStorage", "StorageEncrypted",
    "KmsKeyId", "DBName", "LicenseModel", "EngineLifecycleSupport",
)  # fmt: skip


@operation(resource=_ARN)
def create_db_instance_read_replica(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDBInstanceReadReplica: of a source with automated backups, in this region or (by ARN) another.

    Raises DBInstanceNotFound, DBInstanceAlreadyExists, InvalidDBInstanceState.
    """
    named = request.get("SourceDBInstanceIdentifier")
    if not named:
        raise invalid("The parameter SourceDBInstanceIdentifier must be provided and must not be blank.")
    with call.write() as tx:
        scope, source = _source(call, tx, named)
        row = replica(call, tx, request, scope, source)
        creation.add(call, tx, row)
        wake(tx, "rds.instance", call.scope, (row.id,), call.now())
        return {"DBInstance": views.instance(call, tx, row)}


def _source(call: Call, tx: Reader, named: str) -> tuple[Scope, Instance]:
    scope, name = names.locate(call, named, "db")
    source = INSTANCES.get(tx, scope, name) if scope.account == call.account else None
    if source is None:
        raise no_instance(name)
    if source.cluster:
        raise errors.InvalidDBInstanceState(
            f"{name} belongs to a DB cluster: add a DB instance to the cluster instead."
        )
    if source.status not in ("available", "backing-up", "modifying", "storage-optimization"):
        raise errors.InvalidDBInstanceState(f"Source instance {name} is not in available state.")
    if not source.shape.get("BackupRetentionPeriod") and not source.source:
        raise errors.InvalidDBInstanceState(
            f"Automated backups are not enabled for this database instance. To enable automated backups, use "
            f"ModifyDBInstance to set the backup retention period to a non-zero value. Source: {name}"
        )
    if sum(1 for one in INSTANCES.scan(tx, scope) if one.source == source.id) >= LIMIT:
        raise errors.InstanceQuotaExceeded(f"{name} has {LIMIT} read replicas already.")
    return scope, source


def replica(call: Call, tx: Reader, request: Mapping[str, Any], scope: Scope, source: Instance) -> Instance:
    kind = engine(source.engine)
    name = names.identifier(request["DBInstanceIdentifier"], "DBInstanceIdentifier")
    resource = names.resource_id("db")
    given = {"BackupRetentionPeriod": 0, "MultiAZ": False} | dict(request)
    given |= {key: source.shape[key] for key in _CARRIED if key in source.shape and key not in request}
    given.pop("KmsKeyId", None)
    group = request.get("DBParameterGroupName") or source.group
    row = Instance(
        id=name,
        resource_id=resource,
        engine=source.engine,
        version=source.version,
        status="creating",
        created=call.now(),
        server=resource.lower(),
        klass=classes.check(request.get("DBInstanceClass", source.klass)),
        master=source.master,
        group=creation.group_of(call, tx, {"DBParameterGroupName": group}, source.engine, source.version)
        if scope == call.scope or "DBParameterGroupName" in request
        else f"default.{family(source.engine, source.version)}",
        option_group=creation.option_group_of(call, tx, request) or source.option_group,
        wanted_port=creation.port_of(request.get("Port", source.wanted_port), kind),
        source=source.id if scope == call.scope else names.arn(scope, "db", source.id),
        tags=tags.read(request.get("Tags")),
        work={"source": {"kind": "replica"}},
    )
    row.shape = creation.shape_of(call, tx, _affordable(given), kind, resource)
    row.shape["DBName"] = source.shape.get("DBName")
    return row


def _affordable(given: dict[str, Any]) -> dict[str, Any]:
    """The source's gp3 figures are the type's own defaults, not a choice."""
    if given.get("StorageType") in ("gp2", "standard"):
        return {key: value for key, value in given.items() if key not in ("Iops", "StorageThroughput")}
    return given


@operation(resource=_ARN)
def promote_read_replica(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PromoteReadReplica. Raises InvalidDBInstanceState when it isn't a replica that is available."""
    with call.write() as tx:
        row = find(call, tx, request["DBInstanceIdentifier"])
        if row.status != "available":
            raise errors.InvalidDBInstanceState(f"Instance {row.id} is not in available state.")
        if not row.source:
            raise errors.InvalidDBInstanceState(f"DB Instance {row.id} is not a read replica.")
        retention = creation.retention_of(request.get("BackupRetentionPeriod", 1))
        row.shape = {**row.shape, "BackupRetentionPeriod": retention}
        if request.get("PreferredBackupWindow"):
            window = names.backup_window(request["PreferredBackupWindow"])
            names.check_windows(window, row.shape["PreferredMaintenanceWindow"])
            row.shape["PreferredBackupWindow"] = window
        row.status = "modifying"
        row.work = {**row.work, "promote": True}
        INSTANCES.put(tx, call.scope, row)
        wake(tx, "rds.instance", call.scope, (row.id,), call.now())
        return {"DBInstance": views.instance(call, tx, row)}
