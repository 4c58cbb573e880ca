"""DB instances: create, describe, modify, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call, operation
from haneul.services.rds import (
    classes,
    creation,
    families,
    joining,
    listing,
    names,
    secrets,
    snapshots,
    versions,
    views,
)
from haneul.services.rds.errors import errors, mixed, no_instance
from haneul.services.rds.happenings import tell
from haneul.services.rds.state import BACKUPS, CLUSTERS, INSTANCES, Instance
from haneul.state.store import Reader, Writer

_ARN = "arn:aws:rds:{region}:{account}:db:{DBInstanceIdentifier}"
_OF_CLUSTER = (
    "BackupRetentionPeriod", "PreferredBackupWindow", "MasterUserPassword", "AllocatedStorage",
    "StorageType", "Iops", "DBPortNumber", "EngineVersion", "MultiAZ", "EnableIAMDatabaseAuthentication",
)  # fmt: skip
_NEVER_WAIT = ("MasterUserPassword", "BackupRetentionPeriod")
"""Changes that AWS makes at once whatever ApplyImmediately says."""


@operation(resource=_ARN)
def create_db_instance(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDBInstance: a server of its own, or one more of an Aurora cluster.

    Raises DBInstanceAlreadyExists, InvalidParameterValue, InvalidParameterCombination, DBParameterGroupNotFound,
    DBSubnetGroupNotFoundFault, DBClusterNotFoundFault, InstanceQuotaExceeded, StorageQuotaExceeded.
    """
    kind = creation.kind_of(request)
    if kind.clustered:
        row = joining.join(call, request, kind)
    else:
        if request.get("DBClusterIdentifier"):
            raise mixed(f"DBClusterIdentifier can't be specified for engine {kind.name}.")
        version = creation.version_of(call, kind, request.get("EngineVersion"))
        with call.write() as tx:
            row = creation.instance(call, tx, request, kind, version)
            creation.master(row, request, kind)
            creation.add(call, tx, row)
            wake(tx, "rds.instance", call.scope, (row.id,), call.now())
        row = secrets.announce(call, INSTANCES, row)
    with call.read() as tx:
        return {"DBInstance": views.instance(call, tx, row)}


@operation(resource="arn:aws:rds:{region}:{account}:db:*")
def describe_db_instances(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBInstances. Raises DBInstanceNotFound for a name that nobody has."""
    wanted = listing.filters(request, ("db-cluster-id", "db-instance-id", "dbi-resource-id", "domain", "engine"))
    with call.read() as tx:
        rows = _selected(call, tx, request)
        found = [row for row in rows if _passes(call, row, wanted)]
        return listing.page(
            request, "DBInstances", found, lambda row: row.id, lambda row: views.instance(call, tx, row)
        )


def _selected(call: Call, tx: Reader, request: Mapping[str, Any]) -> list[Instance]:
    name = request.get("DBInstanceIdentifier")
    if not name:
        return list(INSTANCES.scan(tx, call.scope))
    if name.startswith("arn:"):
        scope, name = names.locate(call, name, "db")
        if scope != call.scope:
            raise no_instance(name)
    row = INSTANCES.get(tx, call.scope, name.lower())
    if row is None:
        by_resource = [one for one in INSTANCES.scan(tx, call.scope) if one.resource_id == name]
        if not by_resource:
            raise no_instance(name)
        return by_resource
    return [row]


def _passes(call: Call, row: Instance, wanted: Mapping[str, list[str]]) -> bool:
    def named(values: list[str], name: str, kind: str) -> bool:
        return name != "" and any(value.lower() in (name, names.arn(call.scope, kind, name)) for value in values)

    return (
        ("db-instance-id" not in wanted or named(wanted["db-instance-id"], row.id, "db"))
        and ("db-cluster-id" not in wanted or named(wanted["db-cluster-id"], row.cluster, "cluster"))
        and row.resource_id in wanted.get("dbi-resource-id", [row.resource_id])
        and row.engine in wanted.get("engine", [row.engine])
        and "domain" not in wanted
    )


def find(call: Call, tx: Reader, name: str) -> Instance:
    """The instance of this name or ARN in the caller's scope. Raises DBInstanceNotFound."""
    scope, name = names.locate(call, name, "db")
    row = INSTANCES.get(tx, scope, name) if scope == call.scope else None
    if row is None:
        raise no_instance(name)
    return row


@operation(resource=_ARN)
def modify_db_instance(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyDBInstance: at once, or in the next maintenance window for what interrupts service.

    Raises InvalidDBInstanceState unless the instance is available.
    """
    now = bool(request.get("ApplyImmediately", False))
    with call.write() as tx:
        row = find(call, tx, request["DBInstanceIdentifier"])
        if row.status not in ("available", "incompatible-parameters", "storage-optimization"):
            raise errors.InvalidDBInstanceState("Database instance is not in available state.")
        if row.cluster:
            _check_of_cluster(request)
        kept, later = _changes(call, tx, row, request)
        row.shape = {**row.shape, **kept}
        row.pending = {**row.pending, **later}
        if now and "NewDBInstanceIdentifier" in request:
            row = _rename(call, tx, row, request["NewDBInstanceIdentifier"])
        elif "NewDBInstanceIdentifier" in request:
            new = names.identifier(request["NewDBInstanceIdentifier"], "NewDBInstanceIdentifier")
            row.pending = {**row.pending, "DBInstanceIdentifier": new}
        due = sorted(key for key in row.pending if now or key in _NEVER_WAIT)
        if due:
            row.status = "resetting-master-credentials" if due == ["MasterUserPassword"] else "modifying"
            row.work = {**row.work, "due": due}
        INSTANCES.put(tx, call.scope, row)
        wake(tx, "rds.instance", call.scope, (row.id,), call.now())
    row = secrets.announce(call, INSTANCES, row)
    with call.read() as reader:
        return {"DBInstance": views.instance(call, reader, row)}


def _check_of_cluster(request: Mapping[str, Any]) -> None:
    for member in _OF_CLUSTER:
        if member in request:
            raise mixed(f"{member} can't be modified for a DB instance of an Aurora cluster: use ModifyDBCluster.")


def _changes(
    call: Call, tx: Reader, row: Instance, request: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What changes at once in the shape, and what has to be done to the server."""
    kind = families.engine(row.engine)
    kept = _plain_changes(call, row, request)
    later: dict[str, Any] = {}
    if secrets.change(row, request):
        later["MasterUserPassword"] = "****"
    if request.get("MasterUserPassword") is not None:
        row.password = names.password(request["MasterUserPassword"], 128 if kind.kind == "postgres" else 41)
    if "DBParameterGroupName" in request and request["DBParameterGroupName"].lower() != row.group:
        row.group = creation.group_of(call, tx, request, row.engine, _version(call, row, request))
        row.group_changed = True
    if "OptionGroupName" in request:
        row.option_group = creation.option_group_of(call, tx, request)
    if "DBInstanceClass" in request and request["DBInstanceClass"] != row.klass:
        later["DBInstanceClass"] = classes.check(request["DBInstanceClass"], aurora=kind.clustered)
    version = _version(call, row, request)
    if version != row.version:
        _check_upgrade(row, version, bool(request.get("AllowMajorVersionUpgrade")))
        later["EngineVersion"] = version
    if "MultiAZ" in request and request["MultiAZ"] != row.shape.get("MultiAZ"):
        later["MultiAZ"] = request["MultiAZ"]
    if "BackupRetentionPeriod" in request and request["BackupRetentionPeriod"] != row.shape["BackupRetentionPeriod"]:
        later["BackupRetentionPeriod"] = creation.retention_of(request["BackupRetentionPeriod"])
    if "DBPortNumber" in request and request["DBPortNumber"] != row.wanted_port:
        later["Port"] = creation.port_of(request["DBPortNumber"], kind)
    if "EnableIAMDatabaseAuthentication" in request:
        wanted = request["EnableIAMDatabaseAuthentication"]
        if wanted != row.shape.get("IAMDatabaseAuthenticationEnabled"):
            later["IAMDatabaseAuthenticationEnabled"] = wanted
    return kept, later | _storage_changes(row, request)


def _plain_changes(call: Call, row: Instance, request: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        name: request[name]
        for name in ("AutoMinorVersionUpgrade", "CopyTagsToSnapshot", "DeletionProtection", "PubliclyAccessible",
                     "MaxAllocatedStorage", "PromotionTier", "PerformanceInsightsRetentionPeriod")
        if name in request
    }  # fmt: skip
    if "EnablePerformanceInsights" in request:
        kept["PerformanceInsightsEnabled"] = request["EnablePerformanceInsights"]
    if "MonitoringInterval" in request:
        kept["MonitoringInterval"] = creation.monitoring_of(row.shape | dict(request))
        kept["MonitoringRoleArn"] = request.get("MonitoringRoleArn", row.shape.get("MonitoringRoleArn"))
    if "VpcSecurityGroupIds" in request:
        kept["security_groups"] = list(request["VpcSecurityGroupIds"])
    if "CACertificateIdentifier" in request:
        kept["CACertificateIdentifier"] = creation.certificate_of(request["CACertificateIdentifier"])
    backup = row.shape.get("PreferredBackupWindow", "")
    maintenance = row.shape["PreferredMaintenanceWindow"]
    if request.get("PreferredBackupWindow"):
        backup = kept["PreferredBackupWindow"] = names.backup_window(request["PreferredBackupWindow"])
    if request.get("PreferredMaintenanceWindow"):
        maintenance = names.maintenance_window(request["PreferredMaintenanceWindow"])
        kept["PreferredMaintenanceWindow"] = maintenance
    if backup and len(kept.keys() & {"PreferredBackupWindow", "PreferredMaintenanceWindow"}):
        names.check_windows(backup, maintenance)
    if logs := request.get("CloudwatchLogsExportConfiguration"):
        current = set(row.shape.get("EnabledCloudwatchLogsExports", ()))
        changed = (current | set(logs.get("EnableLogTypes", ()))) - set(logs.get("DisableLogTypes", ()))
        if changed - creation.LOGS[families.engine(row.engine).kind]:
            raise mixed(f"You cannot use the log types '{', '.join(sorted(changed))}' with engine {row.engine}.")
        kept["EnabledCloudwatchLogsExports"] = sorted(changed)
    return kept


def _storage_changes(row: Instance, request: Mapping[str, Any]) -> dict[str, Any]:
    given = {
        key: request[key] for key in ("AllocatedStorage", "Iops", "StorageType", "StorageThroughput") if key in request
    }
    changed = {key: value for key, value in given.items() if value != row.shape.get(key)}
    if not changed:
        return {}
    size = changed.get("AllocatedStorage", row.shape.get("AllocatedStorage", 0))
    if size < row.shape.get("AllocatedStorage", 0):
        raise mixed("Requested storage size can't be smaller than the current storage size.")
    wanted = {"AllocatedStorage": size, "StorageType": changed.get("StorageType", row.shape.get("StorageType"))}
    iops = given.get("Iops", row.shape.get("Iops") if wanted["StorageType"] in ("io1", "io2", "gp3") else None)
    creation.storage_of(wanted | ({"Iops": iops} if iops else {}), families.engine(row.engine))
    return changed


def _version(call: Call, row: Instance, request: Mapping[str, Any]) -> str:
    if not request.get("EngineVersion"):
        return row.version
    return versions.resolve(call, families.engine(row.engine), request["EngineVersion"])


def _check_upgrade(row: Instance, version: str, allowed: bool) -> None:
    if versions.earlier(version, row.version):
        raise mixed(f"Cannot upgrade {row.engine} from {row.version} to {version}")
    if families.major(row.engine, row.version) != families.major(row.engine, version) and not allowed:
        raise mixed("The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.")


def _rename(call: Call, tx: Writer, row: Instance, wanted: str) -> Instance:
    """The row under its new name; what names the old one follows."""
    new = names.identifier(wanted, "NewDBInstanceIdentifier")
    if new == row.id:
        return row
    if INSTANCES.get(tx, call.scope, new) is not None:
        raise errors.DBInstanceAlreadyExists("DB instance already exists")
    INSTANCES.delete(tx, call.scope, row.id)
    for replica in INSTANCES.scan(tx, call.scope):
        if replica.source == row.id:
            replica.source = new
            INSTANCES.put(tx, call.scope, replica)
    kept = BACKUPS.get(tx, call.scope, row.resource_id)
    if kept is not None:
        kept.source = new
        BACKUPS.put(tx, call.scope, kept)
    if row.cluster:
        cluster = CLUSTERS.get(tx, call.scope, row.cluster)
        if cluster is not None:
            cluster.members = [new if one == row.id else one for one in cluster.members]
            CLUSTERS.put(tx, call.scope, cluster)
    tell(tx, call, "db-instance", new, f"Renamed instance from {row.id} to {new}", "configuration change",
         event="RDS-EVENT-0025")  # fmt: skip
    row.id, row.status = new, "renaming"
    return row


@operation(resource=_ARN)
def delete_db_instance(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteDBInstance. Raises InvalidParameterCombination for protected ones and final snapshots not agreed on."""
    skip, final = request.get("SkipFinalSnapshot", False), request.get("FinalDBSnapshotIdentifier")
    with call.write() as tx:
        row = find(call, tx, request["DBInstanceIdentifier"])
        if row.status == "deleting":
            raise errors.InvalidDBInstanceState(f"Instance {row.id} is already being deleted.")
        if row.shape.get("DeletionProtection"):
            raise mixed("Cannot delete protected DB Instance, please disable deletion protection and try again.")
        if row.cluster:
            if final:
                raise mixed("FinalDBSnapshotIdentifier can not be specified when deleting a cluster instance.")
        elif skip and final:
            raise mixed("FinalDBSnapshotIdentifier can not be specified when SkipFinalSnapshot is specified.")
        elif not skip and not row.source:
            if not final:
                raise mixed("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
            if row.status not in ("available", "stopped", "backing-up", "storage-full"):
                raise errors.InvalidDBInstanceState(
                    f"Cannot create a final snapshot because the instance {row.id} is not available."
                )
            snapshots.begin(call, tx, row, final, {})
            row.work = {**row.work, "final": final.lower()}
        elif row.source and final:
            raise mixed("FinalDBSnapshotIdentifier can not be specified when deleting a replica instance.")
        row.status = "deleting"
        row.work = {**row.work, "keep_backups": not request.get("DeleteAutomatedBackups", True)}
        INSTANCES.put(tx, call.scope, row)
        wake(tx, "rds.instance", call.scope, (row.id,), call.now())
        return {"DBInstance": views.instance(call, tx, row)}


@operation(resource=_ARN)
def describe_valid_db_instance_modifications(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeValidDBInstanceModifications."""
    with call.read() as tx:
        row = find(call, tx, request["DBInstanceIdentifier"])
    if row.status != "available":
        raise errors.InvalidDBInstanceState(f"Instance {row.id} is not in available state.")
    least = row.shape.get("AllocatedStorage", 20)
    sizes = {"From": least, "To": 65_536, "Step": 1}
    storage = [
        {"StorageType": name, "StorageSize": [sizes], "SupportsStorageAutoscaling": True}
        for name in ("gp2", "gp3", "io1", "io2")
    ]
    return {"ValidDBInstanceModificationsMessage": {"Storage": storage, "ValidProcessorFeatures": []}}
