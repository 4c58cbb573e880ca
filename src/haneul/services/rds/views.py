"""Rows as AWS describes them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope
from haneul.services.rds import names, settings, subnets
from haneul.services.rds.families import ENGINES, family, major
from haneul.services.rds.parameters import find
from haneul.services.rds.plane import plane
from haneul.services.rds.state import (
    BACKUPS,
    CLUSTER_PARAMETER_GROUPS,
    CLUSTERS,
    INSTANCES,
    PARAMETER_GROUPS,
    SUBNET_GROUPS,
    Cluster,
    Instance,
    ParameterGroup,
    SubnetGroup,
)
from haneul.services.rds.tags import render
from haneul.state.store import Reader

_INNER = ("subnet_group", "security_groups")
ZONE_ID = "Z2R2ITUGPM61AM"


def instance(call: Call, tx: Reader, row: Instance) -> dict[str, Any]:
    """A DBInstance."""
    scope = call.scope
    cluster = CLUSTERS.get(tx, scope, row.cluster) if row.cluster else None
    shape = {key: value for key, value in row.shape.items() if key not in _INNER}
    replicas = [] if row.cluster else [one.id for one in INSTANCES.scan(tx, scope) if one.source == row.id]
    group = find(tx, scope, PARAMETER_GROUPS, row.group)
    until = _latest_restorable(tx, call, row)
    shown = {
        "DBInstanceIdentifier": row.id,
        "DBInstanceClass": row.klass,
        "Engine": row.engine,
        "EngineVersion": row.version,
        "DBInstanceStatus": row.status,
        "MasterUsername": row.master,
        "InstanceCreateTime": None if row.status == "creating" else row.created,
        "DbInstancePort": 0,
        "DbiResourceId": row.resource_id,
        "DBInstanceArn": names.arn(scope, "db", row.id),
        "DBClusterIdentifier": row.cluster or None,
        "Endpoint": endpoint(call, row.port) if row.port else None,
        "DBSecurityGroups": [],
        "VpcSecurityGroups": security_groups(row.shape),
        "DBParameterGroups": [{"DBParameterGroupName": row.group, "ParameterApplyStatus": apply_status(row, group)}],
        "DBSubnetGroup": subnet_group(call, tx, row.shape),
        "OptionGroupMemberships": [{"OptionGroupName": option_group(row), "Status": "in-sync"}],
        "PendingModifiedValues": row.pending,
        "ReadReplicaDBInstanceIdentifiers": sorted(replicas),
        "ReadReplicaDBClusterIdentifiers": [],
        "ReadReplicaSourceDBInstanceIdentifier": row.source or None,
        "StatusInfos": _replica_status(row),
        "AssociatedRoles": row.roles,
        "TagList": render(row.tags),
        "MasterUserSecret": (cluster.secret if cluster else row.secret) or None,
        "LatestRestorableTime": until,
        "CertificateDetails": {
            "CAIdentifier": row.shape.get("CACertificateIdentifier"),
            "ValidTill": row.created + 365 * 86_400,
        },
        "SecondaryAvailabilityZone": other_zone(row.shape["AvailabilityZone"]) if row.standby else None,
        "DomainMemberships": [],
        "CustomerOwnedIpEnabled": False,
        "ActivityStreamStatus": "stopped",
        "DedicatedLogVolume": False,
        "IsStorageConfigUpgradeAvailable": False,
        "BackupTarget": "region",
        "NetworkType": "IPV4",
    }
    if cluster is not None:
        shown |= _from_cluster(cluster)
    return shape | shown


def _from_cluster(cluster: Cluster) -> dict[str, Any]:
    """What an Aurora instance shows of its cluster."""
    shared = (
        "BackupRetentionPeriod", "PreferredBackupWindow", "StorageEncrypted", "KmsKeyId", "DeletionProtection",
        "IAMDatabaseAuthenticationEnabled",
    )  # fmt: skip
    shown = {key: cluster.shape.get(key) for key in shared}
    return shown | {
        "DeletionProtection": False,
        "DBName": cluster.shape.get("DatabaseName"),
        "AllocatedStorage": 1,
        "StorageType": "aurora",
        "LatestRestorableTime": None,
    }


def _latest_restorable(tx: Reader, call: Call, row: Instance) -> float | None:
    if row.cluster or not row.latest_backup:
        return None
    kept = BACKUPS.get(tx, call.scope, row.resource_id)
    if kept is None or not kept.base:
        return None
    live = row.status in ("available", "backing-up", "modifying", "storage-optimization")
    return max(kept.base[-1][0], call.now() - 1) if live else max(kept.until, kept.base[-1][0])


def _replica_status(row: Instance) -> list[dict[str, Any]] | None:
    if not row.source:
        return None
    return [{"StatusType": "read replication", "Normal": True, "Status": "replicating"}]


def endpoint(call: Call, port: int) -> dict[str, Any]:
    return {"Address": plane(call.cloud).host, "Port": port, "HostedZoneId": ZONE_ID}


def security_groups(shape: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"VpcSecurityGroupId": one, "Status": "active"} for one in shape.get("security_groups", ())]


def default_security_group(scope: Scope) -> str:
    return "sg-" + hashlib.sha256(f"{scope.account}/{scope.region}".encode()).hexdigest()[:17]


def subnet_group(call: Call, tx: Reader, shape: Mapping[str, Any]) -> dict[str, Any]:
    """The subnet group as it is embedded: the account's default one when none was named."""
    group = SUBNET_GROUPS.get(tx, call.scope, shape.get("subnet_group", "default"))
    if group is None:
        digest = hashlib.sha256(f"{call.account}/{call.region}".encode()).hexdigest()
        zones = [(f"subnet-{digest[i * 8 : i * 8 + 17]}", f"{call.region}{'abc'[i]}") for i in range(3)]
        group = SubnetGroup(name="default", description="default", vpc=f"vpc-{digest[:17]}", subnets=zones)
    return {key: value for key, value in subnets.describe(call.scope, group).items() if key != "SupportedNetworkTypes"}


def other_zone(zone: str) -> str:
    return zone[:-1] + {"a": "b", "b": "c"}.get(zone[-1], "a")


def option_group(row: Instance) -> str:
    return row.option_group or f"default:{row.engine}-{major(row.engine, row.version).replace('.', '-')}"


def default_group(engine: str, version: str) -> str:
    return f"default.{family(engine, version)}"


def wanted_settings(row: Instance, group: ParameterGroup | None) -> dict[str, str]:
    return {name: value for name, (value, _) in group.values.items()} if group is not None else {}


def apply_status(row: Instance, group: ParameterGroup | None) -> str:
    """in-sync, applying, or pending-reboot: what the group says against what the server runs with."""
    if row.group_changed:
        return "pending-reboot"
    if group is None or not row.work.get("booted"):
        return "in-sync"
    applied: dict[str, str] = row.work.get("group_values", {})
    wanted = wanted_settings(row, group)
    changed = {name for name in wanted.keys() | applied.keys() if wanted.get(name) != applied.get(name)}
    if not changed:
        return "in-sync"
    known = settings.catalogue(group.family) or {}
    if any(_waits(known.get(name), group.values.get(name)) for name in changed):
        return "pending-reboot"
    return "applying"


def _waits(parameter: settings.Parameter | None, value: tuple[str, str] | None) -> bool:
    return parameter is None or parameter.static or (value is not None and value[1] == "pending-reboot")


def cluster(call: Call, tx: Reader, row: Cluster) -> dict[str, Any]:
    """A DBCluster."""
    from haneul.services.rds.cluster_converge import READER_HOST
    from haneul.services.rds.cluster_endpoints import address
    from haneul.services.rds.state import ENDPOINTS

    scope = call.scope
    shape = {key: value for key, value in row.shape.items() if key not in _INNER}
    kept = BACKUPS.get(tx, scope, row.resource_id)
    live = row.status in ("available", "backing-up") and kept is not None and bool(kept.base)
    custom = [one for one in ENDPOINTS.scan(tx, scope) if one.cluster == row.id and one.port]
    group = subnet_group(call, tx, row.shape)
    members = []
    for position, name in enumerate(row.members):
        member = INSTANCES.get(tx, scope, name)
        applied = apply_status(member, find(tx, scope, CLUSTER_PARAMETER_GROUPS, row.group)) if member else "in-sync"
        members.append(
            {
                "DBInstanceIdentifier": name,
                "IsClusterWriter": position == 0,
                "DBClusterParameterGroupStatus": applied if applied == "pending-reboot" else "in-sync",
                "PromotionTier": member.shape.get("PromotionTier", 1) if member else 1,
            }
        )
    host = plane(call.cloud).host
    return shape | {
        "DBClusterIdentifier": row.id,
        "DBClusterArn": names.arn(scope, "cluster", row.id),
        "DbClusterResourceId": row.resource_id,
        "Engine": row.engine,
        "EngineVersion": row.version,
        "Status": row.status,
        "MasterUsername": row.master,
        "DatabaseName": row.shape.get("DatabaseName"),
        "Endpoint": host,
        "ReaderEndpoint": READER_HOST if host == "localhost" else f"{host}:{row.reader_port}",
        "CustomEndpoints": [address(call, tx, one) for one in custom],
        "Port": row.port or row.wanted_port,
        "HostedZoneId": ZONE_ID,
        "DBClusterParameterGroup": row.group,
        "DBSubnetGroup": group["DBSubnetGroupName"],
        "VpcSecurityGroups": security_groups(row.shape),
        "DBClusterMembers": members,
        "ReadReplicaIdentifiers": [],
        "AssociatedRoles": row.roles,
        "ClusterCreateTime": row.created,
        "EarliestRestorableTime": kept.base[0][0] if kept is not None and kept.base else row.created,
        "LatestRestorableTime": call.now() - 1 if live else kept.until or None if kept is not None else None,
        "PendingModifiedValues": row.pending or None,
        "TagList": render(row.tags),
        "MasterUserSecret": row.secret or None,
        "DBClusterOptionGroupMemberships": [],
        "DomainMemberships": [],
        "ActivityStreamStatus": "stopped",
        "AllocatedStorage": 1,
        "CrossAccountClone": False,
        "EngineMode": "provisioned",
        "NetworkType": "IPV4",
        "GlobalWriteForwardingRequested": False,
        "MultiAZ": len(row.members) > 1,
    }


def is_postgres(engine: str) -> bool:
    return ENGINES[engine].kind == "postgres"
