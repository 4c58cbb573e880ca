"""DB proxies: endpoints of their own in front of instances and clusters, which follow the writer. They pool nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.rds import listing, names, tags
from haneul.services.rds.errors import errors, invalid, mixed
from haneul.services.rds.state import PROXIES, Proxy
from haneul.state.store import Reader

LIMIT = 20
_ARN = "arn:aws:rds:{region}:{account}:db-proxy:*"
_ECHOED = ("RequireTLS", "DebugLogging", "IdleClientTimeout")
_POOL = {
    "MaxConnectionsPercent": 100,
    "MaxIdleConnectionsPercent": 50,
    "ConnectionBorrowTimeout": 120,
    "SessionPinningFilters": [],
}


@operation(resource=_ARN)
def create_db_proxy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDBProxy. Raises DBProxyAlreadyExistsFault, DBProxyQuotaExceededFault, InvalidParameterValue."""
    name = names.identifier(request["DBProxyName"], "DBProxyName")
    family = request["EngineFamily"]
    if family not in ("POSTGRESQL", "MYSQL"):
        raise invalid(f"Invalid engine family: {family}. It must be POSTGRESQL or MYSQL here.")
    if not re.fullmatch(r"arn:aws:iam::\d{12}:role/.+", request["RoleArn"]):
        raise invalid(f"The specified IAM role is invalid: {request['RoleArn']}")
    row = Proxy(
        name=name,
        resource_id=tokens.unique_id("prx-", 17).lower(),
        family=family,
        status="creating",
        created=call.now(),
        updated=call.now(),
        role=request["RoleArn"],
        auth=_auth(request.get("Auth") or []),
        subnets=list(request["VpcSubnetIds"]),
        groups=list(request.get("VpcSecurityGroupIds") or ()),
        shape={"RequireTLS": False, "DebugLogging": False, "IdleClientTimeout": 1800}
        | {key: request[key] for key in _ECHOED if key in request},
        pool=dict(_POOL),
        tags=tags.read(request.get("Tags")),
    )
    _check_timeout(row.shape["IdleClientTimeout"])
    with call.write() as tx:
        if PROXIES.get(tx, call.scope, name) is not None:
            raise errors.DBProxyAlreadyExistsFault(f"DB Proxy {name} already exists.")
        taken = {one.place for _, one in PROXIES.everywhere(tx)}
        free = [place for place in range(1, LIMIT + 1) if place not in taken]
        if not free:
            raise errors.DBProxyQuotaExceededFault(f"The quota of {LIMIT} DB proxies was exceeded.")
        row.place = free[0]
        PROXIES.put(tx, call.scope, row)
        wake(tx, "rds.proxy", call.scope, (name,), call.now())
    return {"DBProxy": describe(call, row)}


def _auth(wanted: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for one in wanted:
        if one.get("AuthScheme", "SECRETS") == "SECRETS" and not one.get("SecretArn"):
            raise invalid("A secret ARN is required for the authentication scheme SECRETS.")
        found.append({"AuthScheme": "SECRETS", "IAMAuth": "DISABLED"} | dict(one))
    return found


def _check_timeout(seconds: int) -> None:
    if not 1 <= seconds <= 28_800:
        raise invalid(f"Invalid IdleClientTimeout: {seconds}. It must be between 1 and 28800 seconds.")


def find(call: Call, tx: Reader, name: str) -> Proxy:
    row = PROXIES.get(tx, call.scope, name.lower())
    if row is None:
        raise errors.DBProxyNotFoundFault(f"DBProxy {name} not found.")
    return row


@operation(resource=_ARN)
def describe_db_proxies(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBProxies."""
    listing.filters(request, ())
    with call.read() as tx:
        name = request.get("DBProxyName")
        rows = [find(call, tx, name)] if name else list(PROXIES.scan(tx, call.scope))
    return listing.page(request, "DBProxies", rows, lambda row: row.name, lambda row: describe(call, row))


@operation(resource=_ARN)
def modify_db_proxy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyDBProxy."""
    with call.write() as tx:
        row = find(call, tx, request["DBProxyName"])
        if row.status != "available":
            raise errors.InvalidDBProxyStateFault(f"DBProxy {row.name} is not in available state.")
        if "Auth" in request:
            row.auth = _auth(request["Auth"])
        row.shape = {**row.shape, **{key: request[key] for key in _ECHOED if key in request}}
        _check_timeout(row.shape["IdleClientTimeout"])
        row.role = request.get("RoleArn", row.role)
        row.groups = list(request.get("SecurityGroups", row.groups))
        row.updated = call.now()
        if request.get("NewDBProxyName"):
            new = names.identifier(request["NewDBProxyName"], "NewDBProxyName")
            if PROXIES.get(tx, call.scope, new) is not None:
                raise errors.DBProxyAlreadyExistsFault(f"DB Proxy {new} already exists.")
            PROXIES.delete(tx, call.scope, row.name)
            row.name = new
        PROXIES.put(tx, call.scope, row)
        wake(tx, "rds.proxy", call.scope, (row.name,), call.now())
    return {"DBProxy": describe(call, row)}


@operation(resource=_ARN)
def delete_db_proxy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteDBProxy."""
    with call.write() as tx:
        row = find(call, tx, request["DBProxyName"])
        if row.status == "deleting":
            raise errors.InvalidDBProxyStateFault(f"DBProxy {row.name} is already being deleted.")
        row.status = "deleting"
        PROXIES.put(tx, call.scope, row)
        wake(tx, "rds.proxy", call.scope, (row.name,), call.now())
    return {"DBProxy": describe(call, row)}


# The one target group that a proxy has, and its targets.


@operation(resource=_ARN)
def describe_db_proxy_target_groups(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBProxyTargetGroups."""
    listing.filters(request, ())
    with call.read() as tx:
        row = find(call, tx, request["DBProxyName"])
    _check_group(row, request.get("TargetGroupName"))
    return {"TargetGroups": [_group(call, row)]}


def _check_group(row: Proxy, name: str | None) -> None:
    if name not in (None, "default"):
        raise errors.DBProxyTargetGroupNotFoundFault(f"DBProxyTargetGroup {name} of proxy {row.name} not found.")


@operation(resource=_ARN)
def modify_db_proxy_target_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyDBProxyTargetGroup: its pool's configuration, which comes back as it was given."""
    with call.write() as tx:
        row = find(call, tx, request["DBProxyName"])
        _check_group(row, request["TargetGroupName"])
        wanted = request.get("ConnectionPoolConfig") or {}
        for key in ("MaxConnectionsPercent", "MaxIdleConnectionsPercent"):
            if not 0 <= wanted.get(key, 50) <= 100:
                raise invalid(f"Invalid {key}: {wanted[key]}. It must be between 0 and 100.")
        row.pool = {**row.pool, **wanted}
        row.updated = call.now()
        PROXIES.put(tx, call.scope, row)
    return {"DBProxyTargetGroup": _group(call, row)}


@operation(resource=_ARN)
def register_db_proxy_targets(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RegisterDBProxyTargets: one instance or one cluster."""
    from haneul.services.rds.clusters import find as find_cluster
    from haneul.services.rds.instances import find as find_instance

    instances = request.get("DBInstanceIdentifiers") or []
    clusters = request.get("DBClusterIdentifiers") or []
    if len(instances) + len(clusters) != 1:
        raise mixed("Exactly one DB instance or DB cluster must be specified.")
    with call.write() as tx:
        row = find(call, tx, request["DBProxyName"])
        _check_group(row, request.get("TargetGroupName"))
        if row.target:
            raise errors.DBProxyTargetAlreadyRegisteredFault(f"The proxy {row.name} has a target already.")
        if instances:
            row.target = ("RDS_INSTANCE", find_instance(call, tx, instances[0]).id)
        else:
            row.target = ("TRACKED_CLUSTER", find_cluster(call, tx, clusters[0]).id)
        PROXIES.put(tx, call.scope, row)
        wake(tx, "rds.proxy", call.scope, (row.name,), call.now())
        return {"DBProxyTargets": _targets(call, tx, row)}


@operation(resource=_ARN)
def deregister_db_proxy_targets(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeregisterDBProxyTargets."""
    named = [*(request.get("DBInstanceIdentifiers") or ()), *(request.get("DBClusterIdentifiers") or ())]
    with call.write() as tx:
        row = find(call, tx, request["DBProxyName"])
        _check_group(row, request.get("TargetGroupName"))
        for name in named:
            if not row.target or row.target[1] != name.lower():
                raise errors.DBProxyTargetNotFoundFault(f"The target {name} is not registered with {row.name}.")
        row.target = None
        PROXIES.put(tx, call.scope, row)
        wake(tx, "rds.proxy", call.scope, (row.name,), call.now())
    return {}


@operation(resource=_ARN)
def describe_db_proxy_targets(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDBProxyTargets: with their health as the engines tell it."""
    listing.filters(request, ())
    with call.read() as tx:
        row = find(call, tx, request["DBProxyName"])
        _check_group(row, request.get("TargetGroupName"))
        shown = _targets(call, tx, row)
    return listing.page(request, "Targets", shown, lambda one: f"{one['Type']}/{one['RdsResourceId']}", lambda one: one)


def _targets(call: Call, tx: Reader, row: Proxy) -> list[dict[str, Any]]:
    from haneul.services.rds.plane import plane
    from haneul.services.rds.state import CLUSTERS, INSTANCES

    if row.target is None:
        return []
    kind, name = row.target
    if kind == "RDS_INSTANCE":
        member = INSTANCES.get(tx, call.scope, name)
        return [_target(call, member, "READ_WRITE")] if member is not None else []
    cluster = CLUSTERS.get(tx, call.scope, name)
    if cluster is None:
        return []
    members = [INSTANCES.get(tx, call.scope, one) for one in cluster.members]
    tracked = {
        "Type": "TRACKED_CLUSTER",
        "RdsResourceId": name,
        "TargetArn": names.arn(call.scope, "cluster", name),
        "Endpoint": plane(call.cloud).host,
        "Port": cluster.port or cluster.wanted_port,
    }
    return [tracked] + [
        _target(call, one, "READ_ONLY" if position else "READ_WRITE", name)
        for position, one in enumerate(members)
        if one is not None
    ]


def _target(call: Call, member: Any, role: str, cluster: str | None = None) -> dict[str, Any]:
    from haneul.services.rds.plane import plane

    healthy = member.status in ("available", "backing-up")
    return {
        "Type": "RDS_INSTANCE",
        "RdsResourceId": member.id,
        "TargetArn": names.arn(call.scope, "db", member.id),
        "Endpoint": plane(call.cloud).host,
        "Port": member.port,
        "TrackedClusterId": cluster,
        "Role": role,
        "TargetHealth": {"State": "AVAILABLE"}
        if healthy
        else {"State": "UNAVAILABLE", "Reason": "UNREACHABLE", "Description": f"The DB instance is {member.status}."},
    }


def _group(call: Call, row: Proxy) -> dict[str, Any]:
    return {
        "DBProxyName": row.name,
        "TargetGroupName": "default",
        "TargetGroupArn": names.arn(call.scope, "target-group", f"prx-tg-{row.resource_id[4:]}"),
        "IsDefault": True,
        "Status": row.status,
        "ConnectionPoolConfig": row.pool,
        "CreatedDate": row.created,
        "UpdatedDate": row.updated,
    }


def describe(call: Call, row: Proxy) -> dict[str, Any]:
    from haneul.services.rds.proxy_converge import address

    return row.shape | {
        "DBProxyName": row.name,
        "DBProxyArn": names.arn(call.scope, "db-proxy", row.resource_id),
        "Status": row.status,
        "EngineFamily": row.family,
        "VpcSubnetIds": row.subnets,
        "VpcSecurityGroupIds": row.groups,
        "Auth": row.auth,
        "RoleArn": row.role,
        "Endpoint": address(call, row),
        "CreatedDate": row.created,
        "UpdatedDate": row.updated,
    }
