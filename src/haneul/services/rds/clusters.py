"""Aurora DB clusters: create, describe, modify, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call, operation
from haneul.services.rds import cluster_snapshots, creation, families, listing, names, secrets, tags, versions, views
from haneul.services.rds.errors import errors, invalid, mixed, must, no_cluster
from haneul.services.rds.happenings import tell
from haneul.services.rds.parameters import find as find_group
from haneul.services.rds.state import CLUSTER_PARAMETER_GROUPS, CLUSTERS, ENDPOINTS, GLOBAL_CLUSTERS, INSTANCES, Cluster
from haneul.state.store import Reader, Writer

LIMIT = 40
_ARN = "arn:aws:rds:{region}:{account}:cluster:{DBClusterIdentifier}"
_FLAGS = {"StorageEncrypted": False, "CopyTagsToSnapshot": False, "DeletionProtection": False}
_NEVER_WAIT = ("MasterUserPassword", "BackupRetentionPeriod", "IAMDatabaseAuthenticationEnabled")
_ACUS = 256.0


@operation(resource=_ARN)
def create_db_cluster(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDBCluster: storage with a master user; instances come with CreateDBInstance.

    Raises DBClusterAlreadyExistsFault, InvalidParameterValue, InvalidParameterCombination.
    """
    kind = families.engine(request["Engine"])
    if not kind.clustered:
        raise mixed(
            f"The engine {kind.name} can't be run as a Multi-AZ DB cluster here: use CreateDBInstance with MultiAZ."
        )
    if request.get("EngineMode", "provisioned") != "provisioned":
        raise mixed(f"The engine mode {request['EngineMode']} you requested is currently unavailable.")
    version = versions.resolve(call, kind, request.get("EngineVersion"))
    with call.write() as tx:
        row = new(call, tx, request, kind, version)
        row.work["source"] = {"kind": "new"}
        if request.get("GlobalClusterIdentifier"):
            _join_global(call, tx, row, request["GlobalClusterIdentifier"].lower())
        if row.work["source"]["kind"] == "new":
            _master(row, request)
        add(call, tx, row)
    row = secrets.announce(call, CLUSTERS, row)
    with call.read() as tx:
        return {"DBCluster": views.cluster(call, tx, row)}


def new(call: Call, tx: Reader, request: Mapping[str, Any], kind: families.Engine, version: str) -> Cluster:
    """A new cluster's row, every member checked. Not yet stored."""
    resource = names.resource_id("cluster")
    row = Cluster(
        id=names.identifier(request["DBClusterIdentifier"], "DBClusterIdentifier"),
        resource_id=resource,
        engine=kind.name,
        version=version,
        status="creating",
        created=call.now(),
        volume=f"{resource.lower()}-0",
        master="",
        group=group_of(call, tx, request, kind, version),
        wanted_port=creation.port_of(request.get("Port"), kind),
        tags=tags.read(request.get("Tags")),
        servers=1,
    )
    backup, maintenance = creation.windows_of(request, resource)
    shape: dict[str, Any] = {
        "DatabaseName": names.database(request.get("DatabaseName"), kind.kind) or None,
        "BackupRetentionPeriod": creation.retention_of(request.get("BackupRetentionPeriod", 1), 1),
        "PreferredBackupWindow": backup,
        "PreferredMaintenanceWindow": maintenance,
        "AvailabilityZones": sorted(request.get("AvailabilityZones") or [call.region + letter for letter in "abc"]),
        "IAMDatabaseAuthenticationEnabled": request.get("EnableIAMDatabaseAuthentication", False),
        "HttpEndpointEnabled": request.get("EnableHttpEndpoint", False),
        "AutoMinorVersionUpgrade": request.get("AutoMinorVersionUpgrade", True),
        "StorageType": storage_of(request),
        "EngineLifecycleSupport": request.get("EngineLifecycleSupport", "open-source-rds-extended-support"),
        "security_groups": list(request.get("VpcSecurityGroupIds") or [views.default_security_group(call.scope)]),
    }
    shape |= {name: request.get(name, default) for name, default in _FLAGS.items()}
    if "KmsKeyId" in request:
        shape["KmsKeyId"] = request["KmsKeyId"]
    elif shape["StorageEncrypted"]:
        shape["KmsKeyId"] = f"arn:aws:kms:{call.region}:{call.account}:alias/aws/rds"
    if logs := request.get("EnableCloudwatchLogsExports"):
        shape["EnabledCloudwatchLogsExports"] = list(logs)
    if "ServerlessV2ScalingConfiguration" in request:
        shape["ServerlessV2ScalingConfiguration"] = scaling_of(request["ServerlessV2ScalingConfiguration"])
    if subnets := request.get("DBSubnetGroupName"):
        shape["subnet_group"] = creation.subnet_group_of(call, tx, subnets)
    row.shape = shape
    return row


def storage_of(request: Mapping[str, Any]) -> str | None:
    storage = request.get("StorageType")
    if storage not in (None, "", "aurora", "aurora-iopt1"):
        raise mixed(f"Storage type {storage} is not supported for Aurora: use aurora or aurora-iopt1.")
    return "aurora-iopt1" if storage == "aurora-iopt1" else None


def scaling_of(wanted: Mapping[str, Any]) -> dict[str, float]:
    """Capacity from 0 (it may sleep) to 256 units. Raises InvalidParameterValue, InvalidParameterCombination."""
    least, most = wanted.get("MinCapacity"), wanted.get("MaxCapacity")
    if least is None or most is None:
        raise mixed("Serverless v2 MinCapacity and MaxCapacity must be provided.")
    for value in (least, most):
        if not 0 <= value <= _ACUS or value * 2 != int(value * 2):
            raise invalid(f"Serverless v2 capacity {value} isn't valid. Capacity is 0 to 256 in steps of 0.5.")
    if most < 1:
        raise invalid("Serverless v2 maximum capacity can't be less than 1.0.")
    if least > most:
        raise mixed(f"Serverless v2 minimum capacity {least} can't be greater than the maximum capacity {most}.")
    kept = {"MinCapacity": float(least), "MaxCapacity": float(most)}
    return kept | (
        {"SecondsUntilAutoPause": wanted["SecondsUntilAutoPause"]} if "SecondsUntilAutoPause" in wanted else {}
    )


def _master(row: Cluster, request: Mapping[str, Any]) -> None:
    if not request.get("MasterUsername"):
        raise must("MasterUsername")
    row.master = names.user(request["MasterUsername"], "postgres")
    if request.get("ManageMasterUserPassword"):
        if request.get("MasterUserPassword"):
            raise mixed("You can't specify MasterUserPassword when ManageMasterUserPassword is enabled.")
        row.work["manage"] = request.get("MasterUserSecretKmsKeyId", "")
    elif not request.get("MasterUserPassword"):
        raise must("MasterUserPassword")
    else:
        row.password = names.password(request["MasterUserPassword"])


def _join_global(call: Call, tx: Writer, row: Cluster, name: str) -> None:
    """The first cluster of a global one is its writer; every other one follows that."""
    from haneul.services.rds.global_clusters import attach

    source = attach(call, tx, row, name)
    if source is not None:
        row.work["source"] = {"kind": "global", "cluster": source}


def add(call: Call, tx: Writer, row: Cluster) -> None:
    if CLUSTERS.get(tx, call.scope, row.id) is not None:
        raise errors.DBClusterAlreadyExistsFault("DB Cluster already exists")
    if sum(1 for _ in CLUSTERS.scan(tx, call.scope, limit=LIMIT)) >= LIMIT:
        raise errors.DBClusterQuotaExceededFault(f"The quota of {LIMIT} DB clusters was exceeded.")
    CLUSTERS.put(tx, call.scope, row)
    wake(tx, "rds.cluster", call.scope, (row.id,), call.now())


def group_of(call: Call, tx: Reader, request: Mapping[str, Any], kind: families.Engine, version: str) -> str:
    wanted = request.get("DBClusterParameterGroupName") or f"default.{families.family(kind.name, version)}"
    name: str = wanted.lower()
    group = find_group(tx, call.scope, CLUSTER_PARAMETER_GROUPS, name)
    if group is None:
        raise errors.DBClusterParameterGroupNotFound(f"DBClusterParameterGroup not found: {name}")
    if group.family != families.family(kind.name, version):
        raise mixed(
            f"The Parameter Group {name} with DBParameterGroupFamily {group.family} cannot be used for this cluster. "
            f"Please use a Parameter Group with DBParameterGroupFamily {families.family(kind.name, version)}"
        )
    return name


@operation(resource="arn:aws:rds:{region}:{account}:cluster:*")
def describe_db_clusters(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBClusters."""
    wanted = listing.filters(
        request, ("clone-group-id", "db-cluster-id", "db-cluster-resource-id", "domain", "engine", "engine-mode")
    )
    with call.read() as tx:
        name = request.get("DBClusterIdentifier")
        rows = [find(call, tx, name)] if name else list(CLUSTERS.scan(tx, call.scope))
        found = [
            row
            for row in rows
            if _named(call, row, wanted.get("db-cluster-id"))
            and row.resource_id in wanted.get("db-cluster-resource-id", [row.resource_id])
            and row.engine in wanted.get("engine", [row.engine])
            and "domain" not in wanted
        ]
        return listing.page(request, "DBClusters", found, lambda row: row.id, lambda row: views.cluster(call, tx, row))


def _named(call: Call, row: Cluster, values: list[str] | None) -> bool:
    return values is None or any(one.lower() in (row.id, names.arn(call.scope, "cluster", row.id)) for one in values)


def find(call: Call, tx: Reader, name: str) -> Cluster:
    """The cluster of this name, ARN or resource id. Raises DBClusterNotFoundFault."""
    scope, plain = names.locate(call, name, "cluster")
    row = CLUSTERS.get(tx, scope, plain) if scope == call.scope else None
    if row is None and name.startswith("cluster-"):
        row = next((one for one in CLUSTERS.scan(tx, call.scope) if one.resource_id == name), None)
    if row is None:
        raise no_cluster(plain)
    return row


@operation(resource=_ARN)
def modify_db_cluster(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyDBCluster. Raises InvalidDBClusterStateFault unless it is available."""
    now = bool(request.get("ApplyImmediately", False))
    with call.write() as tx:
        row = find(call, tx, request["DBClusterIdentifier"])
        if row.status != "available":
            raise errors.InvalidDBClusterStateFault(f"DBCluster {row.id} is not in available state.")
        row.shape = {**row.shape, **_kept(row, request)}
        row.pending = {**row.pending, **_later(call, row, request)}
        if "DBClusterParameterGroupName" in request:
            kind = families.engine(row.engine)
            version = versions.resolve(call, kind, request.get("EngineVersion") or row.version)
            row.group = group_of(call, tx, request, kind, version)
            for name in row.members:
                member = INSTANCES.get(tx, call.scope, name)
                if member is not None:
                    member.group_changed = True
                    INSTANCES.put(tx, call.scope, member)
        due = sorted(key for key in row.pending if now or key in _NEVER_WAIT)
        if "NewDBClusterIdentifier" in request:
            row = _rename(call, tx, row, request["NewDBClusterIdentifier"])
        if due:
            row.status = "modifying"
            row.work = {**row.work, "due": due}
        CLUSTERS.put(tx, call.scope, row)
        wake(tx, "rds.cluster", call.scope, (row.id,), call.now())
        for name in row.members:
            wake(tx, "rds.instance", call.scope, (name,), call.now())
    row = secrets.announce(call, CLUSTERS, row)
    with call.read() as reader:
        return {"DBCluster": views.cluster(call, reader, row)}


@operation(resource="{ResourceArn}")
def enable_http_endpoint(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """EnableHttpEndpoint: the Data API may be used."""
    return _http_endpoint(call, request["ResourceArn"], True)


@operation(resource="{ResourceArn}")
def disable_http_endpoint(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DisableHttpEndpoint."""
    return _http_endpoint(call, request["ResourceArn"], False)


def _http_endpoint(call: Call, arn: str, enabled: bool) -> dict[str, Any]:
    with call.write() as tx:
        _, kind, name = names.split_arn(arn)
        row = CLUSTERS.get(tx, call.scope, name) if kind == "cluster" else None
        if row is None:
            raise errors.ResourceNotFoundFault(f"The specified resource ID was not found: {arn}")
        row.shape = {**row.shape, "HttpEndpointEnabled": enabled}
        CLUSTERS.put(tx, call.scope, row)
    return {"ResourceArn": arn, "HttpEndpointEnabled": enabled}


def _kept(row: Cluster, request: Mapping[str, Any]) -> dict[str, Any]:
    kept = {
        name: request[name]
        for name in ("CopyTagsToSnapshot", "DeletionProtection", "AutoMinorVersionUpgrade")
        if name in request
    }
    if "EnableHttpEndpoint" in request:
        kept["HttpEndpointEnabled"] = request["EnableHttpEndpoint"]
    if "VpcSecurityGroupIds" in request:
        kept["security_groups"] = list(request["VpcSecurityGroupIds"])
    if "ServerlessV2ScalingConfiguration" in request:
        current = row.shape.get("ServerlessV2ScalingConfiguration") or {}
        kept["ServerlessV2ScalingConfiguration"] = scaling_of(current | request["ServerlessV2ScalingConfiguration"])
    if "StorageType" in request:
        kept["StorageType"] = storage_of(request)
    backup, maintenance = row.shape["PreferredBackupWindow"], row.shape["PreferredMaintenanceWindow"]
    if request.get("PreferredBackupWindow"):
        backup = kept["PreferredBackupWindow"] = names.backup_window(request["PreferredBackupWindow"])
    if request.get("PreferredMaintenanceWindow"):
        maintenance = names.maintenance_window(request["PreferredMaintenanceWindow"])
        kept["PreferredMaintenanceWindow"] = maintenance
    names.check_windows(backup, maintenance)
    return kept


def _later(call: Call, row: Cluster, request: Mapping[str, Any]) -> dict[str, Any]:
    later: dict[str, Any] = {}
    if secrets.change(row, request):
        later["MasterUserPassword"] = "****"
    if request.get("MasterUserPassword") is not None:
        row.password = names.password(request["MasterUserPassword"])
    if "BackupRetentionPeriod" in request and request["BackupRetentionPeriod"] != row.shape["BackupRetentionPeriod"]:
        later["BackupRetentionPeriod"] = creation.retention_of(request["BackupRetentionPeriod"], 1)
    if "EnableIAMDatabaseAuthentication" in request:
        later["IAMDatabaseAuthenticationEnabled"] = request["EnableIAMDatabaseAuthentication"]
    if "Port" in request and request["Port"] != row.wanted_port:
        later["Port"] = creation.port_of(request["Port"], families.engine(row.engine))
    if request.get("EngineVersion"):
        version = versions.resolve(call, families.engine(row.engine), request["EngineVersion"])
        if version != row.version:
            crosses = families.major(row.engine, version) != families.major(row.engine, row.version)
            if crosses and not request.get("AllowMajorVersionUpgrade"):
                raise mixed("The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.")
            if versions.earlier(version, row.version):
                raise mixed(f"Cannot upgrade {row.engine} from {row.version} to {version}")
            later["EngineVersion"] = version
    return later


def _rename(call: Call, tx: Writer, row: Cluster, wanted: str) -> Cluster:
    new_name = names.identifier(wanted, "NewDBClusterIdentifier")
    if new_name == row.id:
        return row
    if CLUSTERS.get(tx, call.scope, new_name) is not None:
        raise errors.DBClusterAlreadyExistsFault("DB Cluster already exists")
    CLUSTERS.delete(tx, call.scope, row.id)
    for name in row.members:
        member = INSTANCES.get(tx, call.scope, name)
        if member is not None:
            member.cluster = new_name
            INSTANCES.put(tx, call.scope, member)
    for endpoint in ENDPOINTS.scan(tx, call.scope):
        if endpoint.cluster == row.id:
            endpoint.cluster = new_name
            ENDPOINTS.put(tx, call.scope, endpoint)
    tell(tx, call, "db-cluster", new_name, f"Renamed cluster from {row.id} to {new_name}", "notification",
         event="RDS-EVENT-0176")  # fmt: skip
    row.id = new_name
    return row


@operation(resource=_ARN)
def delete_db_cluster(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteDBCluster: once its instances are gone. Raises InvalidDBClusterStateFault, InvalidParameterCombination."""
    skip, final = request.get("SkipFinalSnapshot", False), request.get("FinalDBSnapshotIdentifier")
    with call.write() as tx:
        row = find(call, tx, request["DBClusterIdentifier"])
        if row.status == "deleting":
            raise errors.InvalidDBClusterStateFault(f"Cluster {row.id} is already being deleted.")
        if row.shape.get("DeletionProtection"):
            raise mixed("Cannot delete protected Cluster, please disable deletion protection and try again.")
        if skip and final:
            raise mixed("FinalDBSnapshotIdentifier can not be specified when SkipFinalSnapshot is specified.")
        if not skip and not final:
            raise mixed("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
        members = [INSTANCES.get(tx, call.scope, name) for name in row.members]
        if any(member is not None and member.status != "deleting" for member in members):
            raise errors.InvalidDBClusterStateFault(
                "Cluster cannot be deleted, it still contains DB instances in non-deleting state."
            )
        if row.global_id and GLOBAL_CLUSTERS.get(tx, _global(call), row.global_id) is not None:
            raise errors.InvalidDBClusterStateFault(
                "This cluster is a part of a global cluster, please remove it from globalcluster first."
            )
        if final:
            cluster_snapshots.begin(call, tx, row, final, {})
            row.work = {**row.work, "final": final.lower()}
        row.status = "deleting"
        row.work = {**row.work, "keep_backups": not request.get("DeleteAutomatedBackups", True)}
        CLUSTERS.put(tx, call.scope, row)
        wake(tx, "rds.cluster", call.scope, (row.id,), call.now())
        return {"DBCluster": views.cluster(call, tx, row)}


def _global(call: Call) -> Any:
    from haneul.services.rds.global_clusters import scope

    return scope(call)
