"""Endpoints of clusters: the writer's, the readers', and custom ones over chosen instances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.rds import listing, names, tags
from haneul.services.rds.cluster_converge import READER_HOST
from haneul.services.rds.clusters import find
from haneul.services.rds.errors import errors, invalid, mixed
from haneul.services.rds.plane import plane
from haneul.services.rds.state import CLUSTERS, ENDPOINTS, Cluster, Endpoint
from haneul.state.store import Reader

LIMIT = 5
_ARN = "arn:aws:rds:{region}:{account}:cluster-endpoint:{DBClusterEndpointIdentifier}"


@operation(resource=_ARN)
def create_db_cluster_endpoint(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDBClusterEndpoint: READER or ANY, over the members named or all but those excluded."""
    kind = request["EndpointType"].upper()
    if kind not in ("READER", "ANY"):
        raise invalid(f"Invalid endpoint type: {request['EndpointType']}. It must be READER or ANY.")
    static, excluded = _members(request)
    with call.write() as tx:
        cluster = find(call, tx, request["DBClusterIdentifier"])
        name = names.identifier(request["DBClusterEndpointIdentifier"], "DBClusterEndpointIdentifier")
        if ENDPOINTS.get(tx, call.scope, name) is not None:
            raise errors.DBClusterEndpointAlreadyExistsFault(f"DB cluster endpoint {name} already exists.")
        own = [one for one in ENDPOINTS.scan(tx, call.scope) if one.cluster == cluster.id]
        if len(own) >= LIMIT:
            raise errors.DBClusterEndpointQuotaExceededFault(f"A cluster can have at most {LIMIT} custom endpoints.")
        _check(cluster, [*static, *excluded])
        row = Endpoint(
            id=name,
            cluster=cluster.id,
            kind=kind,
            resource_id=tokens.unique_id("cluster-endpoint-", 26),
            created=call.now(),
            static=static,
            excluded=excluded,
            tags=tags.read(request.get("Tags")),
        )
        ENDPOINTS.put(tx, call.scope, row)
        wake(tx, "rds.cluster", call.scope, (cluster.id,), call.now())
        return _describe(call, tx, row)


def _members(request: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    static = [one.lower() for one in request.get("StaticMembers") or ()]
    excluded = [one.lower() for one in request.get("ExcludedMembers") or ()]
    if static and excluded:
        raise mixed("StaticMembers and ExcludedMembers can't be specified together.")
    return static, excluded


def _check(cluster: Cluster, members: list[str]) -> None:
    for name in members:
        if name not in cluster.members:
            raise errors.DBInstanceNotFound(f"DBInstance {name} not found in cluster {cluster.id}.")


@operation(resource="arn:aws:rds:{region}:{account}:cluster-endpoint:*")
def describe_db_cluster_endpoints(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBClusterEndpoints: the built-in ones and the custom ones."""
    wanted = listing.filters(
        request,
        ("db-cluster-endpoint-type", "db-cluster-endpoint-custom-type", "db-cluster-endpoint-id",
         "db-cluster-endpoint-status", "db-cluster-id"),
    )  # fmt: skip
    with call.read() as tx:
        if request.get("DBClusterIdentifier"):
            rows = [find(call, tx, request["DBClusterIdentifier"])]
        else:
            rows = list(CLUSTERS.scan(tx, call.scope))
        shown = [one for row in rows for one in _of_cluster(call, tx, row)]
    name = request.get("DBClusterEndpointIdentifier")
    found = [
        one
        for one in shown
        if (not name or one.get("DBClusterEndpointIdentifier") == name.lower())
        and one["EndpointType"].lower()
        in [v.lower() for v in wanted.get("db-cluster-endpoint-type", [one["EndpointType"]])]
        and one.get("CustomEndpointType")
        in wanted.get("db-cluster-endpoint-custom-type", [one.get("CustomEndpointType")])
        and one["Status"] in wanted.get("db-cluster-endpoint-status", [one["Status"]])
        and one["DBClusterIdentifier"] in wanted.get("db-cluster-id", [one["DBClusterIdentifier"]])
        and one.get("DBClusterEndpointIdentifier")
        in wanted.get("db-cluster-endpoint-id", [one.get("DBClusterEndpointIdentifier")])
    ]
    if name and not found:
        raise errors.DBClusterEndpointNotFoundFault(f"DB cluster endpoint {name} not found.")
    return listing.page(
        request,
        "DBClusterEndpoints",
        found,
        lambda one: f"{one['DBClusterIdentifier']}/{one.get('DBClusterEndpointIdentifier', '')}/{one['EndpointType']}",
        lambda one: one,
    )


def _of_cluster(call: Call, tx: Reader, row: Cluster) -> list[dict[str, Any]]:
    host = plane(call.cloud).host
    reader = READER_HOST if host == "localhost" else host
    status = "available" if row.members else "inactive"
    built_in = [
        {"DBClusterIdentifier": row.id, "Endpoint": address, "Status": status, "EndpointType": kind}
        for kind, address in (("WRITER", host), ("READER", reader))
    ]
    return built_in + [_describe(call, tx, one) for one in ENDPOINTS.scan(tx, call.scope) if one.cluster == row.id]


def _own(call: Call, tx: Reader, name: str) -> Endpoint:
    row = ENDPOINTS.get(tx, call.scope, name.lower())
    if row is None:
        raise errors.DBClusterEndpointNotFoundFault(f"DB cluster endpoint {name} not found.")
    return row


@operation(resource=_ARN)
def modify_db_cluster_endpoint(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyDBClusterEndpoint."""
    static, excluded = _members(request)
    with call.write() as tx:
        row = _own(call, tx, request["DBClusterEndpointIdentifier"])
        cluster = find(call, tx, row.cluster)
        _check(cluster, [*static, *excluded])
        if request.get("EndpointType"):
            row.kind = request["EndpointType"].upper()
        if "StaticMembers" in request:
            row.static, row.excluded = static, []
        if "ExcludedMembers" in request:
            row.static, row.excluded = [], excluded
        ENDPOINTS.put(tx, call.scope, row)
        wake(tx, "rds.cluster", call.scope, (row.cluster,), call.now())
        return _describe(call, tx, row)


@operation(resource=_ARN)
async def delete_db_cluster_endpoint(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteDBClusterEndpoint."""
    import asyncio

    def remove(tx: Any) -> tuple[dict[str, Any], str]:
        row = _own(call, tx, request["DBClusterEndpointIdentifier"])
        cluster = CLUSTERS.get(tx, call.scope, row.cluster)
        ENDPOINTS.delete(tx, call.scope, row.id)
        shown = _describe(call, tx, row) | {"Status": "deleting"}
        return shown, f"{cluster.resource_id}/{row.resource_id}" if cluster is not None else ""

    shown, opened = await call.transact(remove)
    await asyncio.to_thread(plane(call.cloud).endpoints.ensure_closed, opened)
    return shown


def address(call: Call, tx: Reader, row: Endpoint) -> str:
    """Where a custom endpoint listens: an address of its own, on the cluster's port."""
    host = plane(call.cloud).host
    if host != "localhost":
        return f"{host}:{row.port}" if row.port else host
    own = [one.id for one in ENDPOINTS.scan(tx, call.scope) if one.cluster == row.cluster]
    return f"127.0.0.{3 + own.index(row.id)}" if row.id in own else host


def _describe(call: Call, tx: Reader, row: Endpoint) -> dict[str, Any]:
    return {
        "DBClusterEndpointIdentifier": row.id,
        "DBClusterIdentifier": row.cluster,
        "DBClusterEndpointResourceIdentifier": row.resource_id,
        "Endpoint": address(call, tx, row),
        "Status": "available" if row.port else "creating",
        "EndpointType": "CUSTOM",
        "CustomEndpointType": row.kind,
        "StaticMembers": row.static,
        "ExcludedMembers": row.excluded,
        "DBClusterEndpointArn": names.arn(call.scope, "cluster-endpoint", row.id),
    }
