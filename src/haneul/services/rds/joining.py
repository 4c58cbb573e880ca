"""Instances joining and leaving Aurora clusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call
from haneul.services.rds import creation, versions
from haneul.services.rds.errors import errors, mixed, must, no_cluster
from haneul.services.rds.families import Engine, family
from haneul.services.rds.state import CLUSTERS, Cluster, Instance

LIMIT = 16
_OF_THE_CLUSTER = (
    "MasterUsername", "MasterUserPassword", "AllocatedStorage", "BackupRetentionPeriod",
    "PreferredBackupWindow", "DBName", "StorageEncrypted", "KmsKeyId", "VpcSecurityGroupIds",
    "ManageMasterUserPassword", "Port", "DeletionProtection",
)  # fmt: skip


def join(call: Call, request: Mapping[str, Any], kind: Engine) -> Instance:
    """Add an instance to its cluster: the first one writes, the others follow it."""
    named = request.get("DBClusterIdentifier")
    if not named:
        raise must("DBClusterIdentifier")
    for member in _OF_THE_CLUSTER:
        if request.get(member):
            raise mixed(f"The requested DB Instance will be a member of a DB Cluster. Set {member} for the DB Cluster.")
    with call.write() as tx:
        cluster = CLUSTERS.get(tx, call.scope, named.lower())
        if cluster is None:
            raise no_cluster(named.lower())
        _check(cluster, kind, request)
        if request.get("EngineVersion"):
            wanted = versions.resolve(call, kind, request["EngineVersion"])
            if wanted != cluster.version:
                raise mixed(
                    f"The engine version that you requested for your DB instance ({wanted}) does not match the engine "
                    f"version of your DB cluster ({cluster.version})."
                )
        row = creation.instance(call, tx, _own(request, cluster), kind, cluster.version)
        row.cluster, row.master, row.wanted_port = cluster.id, cluster.master, 0
        row.server = cluster.volume
        if cluster.members:
            row.server = f"{cluster.resource_id.lower()}-{cluster.servers}"
            cluster.servers += 1
        creation.add(call, tx, row)
        cluster.members = [*cluster.members, row.id]
        CLUSTERS.put(tx, call.scope, cluster)
        wake(tx, "rds.instance", call.scope, (row.id,), call.now())
    return row


def _own(request: Mapping[str, Any], cluster: Cluster) -> dict[str, Any]:
    given = {**request, "BackupRetentionPeriod": cluster.shape["BackupRetentionPeriod"]}
    if "subnet_group" in cluster.shape:
        given.setdefault("DBSubnetGroupName", cluster.shape["subnet_group"])
    given.setdefault("DBParameterGroupName", f"default.{family(cluster.engine, cluster.version)}")
    return given


def _check(cluster: Cluster, kind: Engine, request: Mapping[str, Any]) -> None:
    if cluster.engine != kind.name:
        raise mixed(
            f"The engine name requested for your DB instance ({kind.name}) doesn't match the engine name of your DB "
            f"cluster ({cluster.engine})."
        )
    if cluster.status not in ("available", "creating", "backing-up", "modifying"):
        raise errors.InvalidDBClusterStateFault(f"DBCluster {cluster.id} is not in available state.")
    if len(cluster.members) >= LIMIT:
        raise errors.InstanceQuotaExceeded(f"A DB cluster can have at most {LIMIT} DB instances.")
    if request["DBInstanceClass"] == "db.serverless" and "ServerlessV2ScalingConfiguration" not in cluster.shape:
        raise mixed(
            "Set the Serverless v2 scaling configuration on the parent DB cluster before creating a Serverless v2 DB "
            "instance."
        )
