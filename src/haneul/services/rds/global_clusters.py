"""Global clusters: clusters of several regions of this installation, one of which writes and the others follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.rds import families, listing, names, tags, versions
from haneul.services.rds.errors import errors, mixed, no_cluster
from haneul.services.rds.state import CLUSTERS, GLOBAL_CLUSTERS, Cluster, GlobalCluster
from haneul.services.rds.tags import render
from haneul.state.store import Reader, Writer

LIMIT = 10
_ARN = "arn:aws:rds::{account}:global-cluster:{GlobalClusterIdentifier}"


def scope(call: Call) -> Scope:
    """Global clusters belong to the account, not to a region."""
    return Scope(call.account, "aws-global")


@operation(resource=_ARN)
def create_global_cluster(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateGlobalCluster: empty, or around a cluster that is there."""
    name = names.identifier(request.get("GlobalClusterIdentifier", ""), "GlobalClusterIdentifier")
    with call.write() as tx:
        if GLOBAL_CLUSTERS.get(tx, scope(call), name) is not None:
            raise errors.GlobalClusterAlreadyExistsFault(f"Global cluster {name} already exists.")
        source = _source(call, tx, request.get("SourceDBClusterIdentifier"))
        if source is not None and request.get("Engine") not in (None, source.engine):
            raise mixed(
                "When creating global cluster from existing db cluster, value for engineName should not be specified."
            )
        engine = source.engine if source is not None else request.get("Engine", families.AURORA)
        kind = families.engine(engine)
        if not kind.clustered:
            raise mixed(f"Engine {engine} can't be used for a global cluster.")
        row = GlobalCluster(
            id=name,
            resource_id=tokens.unique_id("cluster-", 16).lower(),
            engine=engine,
            version=source.version if source else versions.resolve(call, kind, request.get("EngineVersion")),
            created=call.now(),
            shape={
                "DeletionProtection": request.get("DeletionProtection", False),
                "StorageEncrypted": source.shape["StorageEncrypted"]
                if source
                else request.get("StorageEncrypted", False),
                "DatabaseName": source.shape.get("DatabaseName") if source else request.get("DatabaseName"),
            },
            tags=tags.read(request.get("Tags")),
        )
        if source is not None:
            row.members = [(names.arn(call.scope, "cluster", source.id), "writer")]
            source.global_id = name
            CLUSTERS.put(tx, call.scope, source)
        GLOBAL_CLUSTERS.put(tx, scope(call), row)
    return {"GlobalCluster": describe(call, row)}


def _source(call: Call, tx: Reader, named: str | None) -> Cluster | None:
    if not named:
        return None
    where, name = names.locate(call, named, "cluster")
    row = CLUSTERS.get(tx, where, name) if where == call.scope else None
    if row is None:
        raise no_cluster(name)
    if row.status != "available":
        raise errors.InvalidDBClusterStateFault(f"DBCluster {name} is not in available state.")
    if row.global_id:
        raise errors.InvalidDBClusterStateFault(f"DBCluster {name} is already part of a global cluster.")
    return row


def attach(call: Call, tx: Writer, row: Cluster, name: str) -> str | None:
    """Make a new cluster part of a global one; the ARN of the one it will follow, None when it is the first."""
    found = find(call, tx, name)
    primary = next((arn for arn, role in found.members if role == "writer"), None)
    if primary is not None and any(names.split_arn(arn)[0].region == call.region for arn, _ in found.members):
        raise errors.InvalidGlobalClusterStateFault(f"Global cluster {name} has a cluster in {call.region} already.")
    role = "writer" if primary is None else "reader"
    found.members = [*found.members, (names.arn(call.scope, "cluster", row.id), role)]
    row.global_id = name
    GLOBAL_CLUSTERS.put(tx, scope(call), found)
    return primary


def find(call: Call, tx: Reader, name: str) -> GlobalCluster:
    plain = name.rpartition(":")[2].lower()
    row = GLOBAL_CLUSTERS.get(tx, scope(call), plain)
    if row is None:
        raise errors.GlobalClusterNotFoundFault(f"Global cluster {plain} not found.")
    return row


@operation(resource="arn:aws:rds::{account}:global-cluster:*")
def describe_global_clusters(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeGlobalClusters."""
    wanted = listing.filters(request, ("db-cluster-id", "region"))
    with call.read() as tx:
        name = request.get("GlobalClusterIdentifier")
        rows = [find(call, tx, name)] if name else list(GLOBAL_CLUSTERS.scan(tx, scope(call)))
    if "db-cluster-id" in wanted:
        rows = [row for row in rows if any(arn in wanted["db-cluster-id"] for arn, _ in row.members)]
    return listing.page(request, "GlobalClusters", rows, lambda row: row.id, lambda row: describe(call, row))


@operation(resource=_ARN)
def modify_global_cluster(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyGlobalCluster: its name and deletion protection."""
    with call.write() as tx:
        row = find(call, tx, request.get("GlobalClusterIdentifier", ""))
        if "DeletionProtection" in request:
            row.shape = {**row.shape, "DeletionProtection": request["DeletionProtection"]}
        if request.get("NewGlobalClusterIdentifier"):
            new = names.identifier(request["NewGlobalClusterIdentifier"], "NewGlobalClusterIdentifier")
            if GLOBAL_CLUSTERS.get(tx, scope(call), new) is not None:
                raise errors.GlobalClusterAlreadyExistsFault(f"Global cluster {new} already exists.")
            GLOBAL_CLUSTERS.delete(tx, scope(call), row.id)
            row.id = new
            for arn, _ in row.members:
                where, _, name = names.split_arn(arn)
                member = CLUSTERS.get(tx, where, name)
                if member is not None:
                    member.global_id = new
                    CLUSTERS.put(tx, where, member)
        GLOBAL_CLUSTERS.put(tx, scope(call), row)
    return {"GlobalCluster": describe(call, row)}


@operation(resource=_ARN)
def remove_from_global_cluster(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RemoveFromGlobalCluster: the member stands alone from now on, and takes writes."""
    with call.write() as tx:
        row = find(call, tx, request.get("GlobalClusterIdentifier", ""))
        arn = request.get("DbClusterIdentifier", "")
        where, name = names.locate(call, arn, "cluster")
        member = CLUSTERS.get(tx, where, name)
        if member is None or member.global_id != row.id:
            raise no_cluster(name)
        role = next((role for one, role in row.members if one == names.arn(where, "cluster", name)), "reader")
        if role == "writer" and len(row.members) > 1:
            raise errors.InvalidGlobalClusterStateFault(
                "The primary cluster can be removed only when it is the last one."
            )
        row.members = [(one, role) for one, role in row.members if one != names.arn(where, "cluster", name)]
        member.global_id = ""
        if "follows" in member.work:
            member.work = {**member.work, "free": True}
        CLUSTERS.put(tx, where, member)
        wake(tx, "rds.cluster", where, (name,), call.now())
        GLOBAL_CLUSTERS.put(tx, scope(call), row)
    return {"GlobalCluster": describe(call, row)}


@operation(resource=_ARN)
def delete_global_cluster(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteGlobalCluster: an empty one. Raises InvalidGlobalClusterStateFault."""
    with call.write() as tx:
        row = find(call, tx, request["GlobalClusterIdentifier"])
        if row.shape.get("DeletionProtection"):
            raise mixed("Cannot delete protected Global Cluster, please disable deletion protection and try again.")
        if row.members:
            raise errors.InvalidGlobalClusterStateFault(f"Global Cluster {row.id} is not empty")
        GLOBAL_CLUSTERS.delete(tx, scope(call), row.id)
    return {"GlobalCluster": describe(call, row) | {"Status": "deleting"}}


def describe(call: Call, row: GlobalCluster) -> dict[str, Any]:
    readers = [arn for arn, role in row.members if role == "reader"]
    return {
        "GlobalClusterIdentifier": row.id,
        "GlobalClusterResourceId": row.resource_id,
        "GlobalClusterArn": f"arn:aws:rds::{call.account}:global-cluster:{row.id}",
        "Status": "available",
        "Engine": row.engine,
        "EngineVersion": row.version,
        "EngineLifecycleSupport": "open-source-rds-extended-support",
        "DatabaseName": row.shape.get("DatabaseName"),
        "StorageEncrypted": row.shape.get("StorageEncrypted"),
        "DeletionProtection": row.shape.get("DeletionProtection"),
        "GlobalClusterMembers": [
            {
                "DBClusterArn": arn,
                "Readers": readers if role == "writer" else [],
                "IsWriter": role == "writer",
                "GlobalWriteForwardingStatus": "disabled",
                "SynchronizationStatus": "connected",
            }
            for arn, role in row.members
        ],
        "TagList": render(row.tags),
    }
