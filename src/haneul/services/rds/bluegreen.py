"""Blue/green deployments of PostgreSQL instances: a green copy follows, and takes over name and endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.rds import creation, families, listing, names, replicas, tags, versions
from haneul.services.rds.errors import errors, invalid, mixed, no_instance
from haneul.services.rds.state import BLUE_GREENS, INSTANCES, BlueGreen, Instance
from haneul.services.rds.tags import render
from haneul.state.store import Reader

_ARN = "arn:aws:rds:{region}:{account}:deployment:*"


@operation(resource=_ARN)
def create_blue_green_deployment(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateBlueGreenDeployment: a green instance that follows the blue one, with its own class and parameter group.

    Raises BlueGreenDeploymentAlreadyExistsFault, DBInstanceNotFound, InvalidDBInstanceState.
    """
    name = names.identifier(request["BlueGreenDeploymentName"], "BlueGreenDeploymentName", 60)
    scope, kind, source_name = names.split_arn(request["Source"])
    if kind != "db":
        raise errors.SourceClusterNotSupportedFault("Blue/green deployments of clusters aren't supported here.")
    with call.write() as tx:
        source = INSTANCES.get(tx, scope, source_name) if scope == call.scope else None
        if source is None:
            raise no_instance(source_name)
        _check_source(call, tx, source, request, name)
        green = _green(call, tx, request, source)
        row = BlueGreen(
            id=tokens.unique_id("bgd-", 16).lower(),
            name=name,
            source=request["Source"],
            target=names.arn(call.scope, "db", green.id),
            blue=source.id,
            green=green.id,
            status="PROVISIONING",
            created=call.now(),
            tags=tags.read(request.get("Tags")),
        )
        creation.add(call, tx, green)
        BLUE_GREENS.put(tx, call.scope, row)
        wake(tx, "rds.instance", call.scope, (green.id,), call.now())
        wake(tx, "rds.blue-green", call.scope, (row.id,), call.now() + 0.2)
    return {"BlueGreenDeployment": describe(row)}


def _check_source(call: Call, tx: Reader, source: Instance, request: Mapping[str, Any], name: str) -> None:
    if any(one.name == name for one in BLUE_GREENS.scan(tx, call.scope)):
        raise errors.BlueGreenDeploymentAlreadyExistsFault(f"A blue/green deployment named {name} already exists.")
    kind = families.engine(source.engine)
    if kind.kind != "postgres" or source.cluster:
        raise errors.SourceDatabaseNotSupportedFault(f"The source {source.id} ({source.engine}) is not supported.")
    if source.status != "available" or source.source:
        raise errors.InvalidDBInstanceState(f"The source DB instance {source.id} is not an available primary.")
    if not source.shape.get("BackupRetentionPeriod"):
        raise errors.InvalidDBInstanceState("The source DB instance must have automated backups enabled.")
    if request.get("TargetEngineVersion"):
        wanted = versions.resolve(call, kind, request["TargetEngineVersion"])
        if wanted != source.version:
            raise mixed(
                f"A green environment keeps the engine version here ({source.version}): "
                "upgrade it with ModifyDBInstance after the switchover."
            )


def _green(call: Call, tx: Reader, request: Mapping[str, Any], source: Instance) -> Instance:
    members: dict[str, Any] = {
        "DBInstanceIdentifier": f"{source.id[:49]}-green-{tokens.random_hex(6)}",
        "DBInstanceClass": request.get("TargetDBInstanceClass", source.klass),
        "BackupRetentionPeriod": source.shape["BackupRetentionPeriod"],
    }
    if request.get("TargetDBParameterGroupName"):
        members["DBParameterGroupName"] = request["TargetDBParameterGroupName"]
    for ours, theirs in (("AllocatedStorage", "TargetAllocatedStorage"), ("StorageType", "TargetStorageType"),
                         ("Iops", "TargetIops"), ("StorageThroughput", "TargetStorageThroughput")):  # fmt: skip
        if theirs in request:
            members[ours] = request[theirs]
    green = replicas.replica(call, tx, members, call.scope, source)
    green.tags = dict(source.tags)
    return green


def find(call: Call, tx: Reader, name: str) -> BlueGreen:
    row = BLUE_GREENS.get(tx, call.scope, name)
    if row is None:
        raise errors.BlueGreenDeploymentNotFoundFault(f"Blue/green deployment {name} not found.")
    return row


@operation(resource=_ARN)
def describe_blue_green_deployments(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeBlueGreenDeployments."""
    wanted = listing.filters(
        request, ("blue-green-deployment-identifier", "blue-green-deployment-name", "source", "target")
    )
    with call.read() as tx:
        name = request.get("BlueGreenDeploymentIdentifier")
        rows = [find(call, tx, name)] if name else list(BLUE_GREENS.scan(tx, call.scope))
    found = [
        row
        for row in rows
        if row.id in wanted.get("blue-green-deployment-identifier", [row.id])
        and row.name in wanted.get("blue-green-deployment-name", [row.name])
        and row.source in wanted.get("source", [row.source])
        and row.target in wanted.get("target", [row.target])
    ]
    return listing.page(request, "BlueGreenDeployments", found, lambda row: row.id, describe)


@operation(resource=_ARN)
def switchover_blue_green_deployment(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """SwitchoverBlueGreenDeployment: green takes blue's name and endpoint once it has every commit."""
    timeout = request.get("SwitchoverTimeout", 300)
    if not 30 <= timeout <= 3600:
        raise invalid(f"Invalid SwitchoverTimeout: {timeout}. It must be between 30 and 3600 seconds.")
    with call.write() as tx:
        row = find(call, tx, request["BlueGreenDeploymentIdentifier"])
        if row.status not in ("AVAILABLE", "SWITCHOVER_FAILED"):
            raise errors.InvalidBlueGreenDeploymentStateFault(
                f"The blue/green deployment {row.id} can't be switched over: its status is {row.status}."
            )
        row.status, row.until = "SWITCHOVER_IN_PROGRESS", call.now() + timeout
        BLUE_GREENS.put(tx, call.scope, row)
        wake(tx, "rds.blue-green", call.scope, (row.id,), call.now())
    return {"BlueGreenDeployment": describe(row)}


@operation(resource=_ARN)
def delete_blue_green_deployment(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteBlueGreenDeployment: the bracket, and with DeleteTarget (before the switchover) the green instance."""
    with call.write() as tx:
        row = find(call, tx, request["BlueGreenDeploymentIdentifier"])
        if row.status in ("SWITCHOVER_IN_PROGRESS", "DELETING"):
            raise errors.InvalidBlueGreenDeploymentStateFault(f"The blue/green deployment {row.id} is {row.status}.")
        if request.get("DeleteTarget"):
            if row.status == "SWITCHOVER_COMPLETED":
                raise mixed(
                    "You can't specify DeleteTarget if the blue/green deployment status is SWITCHOVER_COMPLETED."
                )
            green = INSTANCES.get(tx, call.scope, row.green)
            if green is not None:
                green.status = "deleting"
                INSTANCES.put(tx, call.scope, green)
                wake(tx, "rds.instance", call.scope, (green.id,), call.now())
        BLUE_GREENS.delete(tx, call.scope, row.id)
        row.status = "DELETING"
    return {"BlueGreenDeployment": describe(row) | {"DeleteTime": call.now()}}


def describe(row: BlueGreen) -> dict[str, Any]:
    made = row.status != "PROVISIONING"
    return {
        "BlueGreenDeploymentIdentifier": row.id,
        "BlueGreenDeploymentName": row.name,
        "Source": row.source,
        "Target": row.target,
        "SwitchoverDetails": [
            {
                "SourceMember": row.source,
                "TargetMember": row.target,
                "Status": row.status
                if row.status.startswith("SWITCHOVER")
                else "AVAILABLE"
                if made
                else "PROVISIONING",
            }
        ],
        "Tasks": [
            {"Name": "CREATING_READ_REPLICA_OF_SOURCE", "Status": "COMPLETED" if made else "IN_PROGRESS"},
            {"Name": "CONFIGURE_BACKUPS", "Status": "COMPLETED" if made else "PENDING"},
        ],
        "Status": row.status,
        "StatusDetails": row.details or None,
        "CreateTime": row.created,
        "TagList": render(row.tags),
    }
