"""Global tables of version 2017.11.29: empty tables of one name, made replicas of each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope, operation
from haneul.services.dynamodb import memory, replicas
from haneul.services.dynamodb.descriptions import describe, throughput
from haneul.services.dynamodb.errors import errors, invalid
from haneul.services.dynamodb.state import GLOBALS, TABLES, GlobalRow, TableRow
from haneul.state.store import Reader, Writer

EVERYWHERE = "aws-global"
"""A global table belongs to an account, whatever region is asked."""


def _resource(call: Call, request: Mapping[str, Any]) -> str:
    return f"arn:aws:dynamodb::{call.account}:global-table/{request['GlobalTableName']}"


def _home(call: Call) -> Scope:
    return Scope(call.account, EVERYWHERE)


@operation(resource=_resource)
def create_global_table(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateGlobalTable. Raises GlobalTableAlreadyExistsException, TableNotFoundException, ValidationException."""
    name = request["GlobalTableName"]
    regions = [replica.get("RegionName", "") for replica in request["ReplicationGroup"]]
    with call.write() as tx:
        if GLOBALS.get(tx, _home(call), name) is not None:
            raise errors.GlobalTableAlreadyExistsException(f"Global table with name: '{name}' already exists.")
        if call.region not in regions:
            raise invalid(f"The local region {call.region} must be part of the replication group")
        row = GlobalRow(name, call.now(), regions)
        _join(call, tx, row, regions)
        GLOBALS.put(tx, _home(call), row)
    return {"GlobalTableDescription": _describe(call, row)}


def _join(call: Call, tx: Writer, row: GlobalRow, regions: list[str]) -> None:
    """Make the tables of these regions replicas of each other. Raises what keeps one of them out."""
    tables = {region: _member(call, tx, row.name, region) for region in regions}
    schemas = {(table.hash, table.range, tuple(sorted(table.attributes.items()))) for table in tables.values()}
    if len(schemas) > 1:
        raise invalid(f"The tables named '{row.name}' do not have the same keys in all regions")
    members: dict[str, dict[str, Any]] = {region: {} for region in regions}
    for region, table in tables.items():
        target = Scope(call.account, region)
        with memory.of(call.cloud).changing(target, row.name):
            table.replicas = members if len(members) > 1 else None
            TABLES.put(tx, target, table)


def _member(call: Call, tx: Reader, name: str, region: str) -> TableRow:
    table = TABLES.get(tx, Scope(call.account, region), name)
    if table is None:
        raise errors.TableNotFoundException(f"Table not found: {name} in region {region}")
    if table.stream != replicas.IMAGES:
        raise invalid(f"Table {name} in region {region} must have a stream of type {replicas.IMAGES}")
    return table


@operation(resource=_resource)
def describe_global_table(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeGlobalTable. Raises GlobalTableNotFoundException."""
    with call.read() as tx:
        row = _find(call, tx, request["GlobalTableName"])
    return {"GlobalTableDescription": _describe(call, row)}


def _find(call: Call, tx: Reader, name: str) -> GlobalRow:
    row = GLOBALS.get(tx, _home(call), name)
    if row is None:
        raise errors.GlobalTableNotFoundException(f"Global table with name: '{name}' does not exist.")
    return row


def _describe(call: Call, row: GlobalRow) -> dict[str, Any]:
    return {
        "ReplicationGroup": [{"RegionName": region, "ReplicaStatus": "ACTIVE"} for region in row.regions],
        "GlobalTableArn": _resource(call, {"GlobalTableName": row.name}),
        "CreationDateTime": row.created,
        "GlobalTableStatus": "ACTIVE",
        "GlobalTableName": row.name,
    }


@operation(resource="*")
def list_global_tables(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListGlobalTables."""
    limit = request.get("Limit", 100)
    after = request.get("ExclusiveStartGlobalTableName")
    wanted = request.get("RegionName")
    with call.read() as tx:
        rows = GLOBALS.scan(tx, _home(call), after_key=None if after is None else (after,))
        found = [row for row in rows if wanted is None or wanted in row.regions]
    output: dict[str, Any] = {
        "GlobalTables": [
            {"GlobalTableName": row.name, "ReplicationGroup": [{"RegionName": region} for region in row.regions]}
            for row in found[:limit]
        ]
    }
    if len(found) > limit:
        output["LastEvaluatedGlobalTableName"] = found[limit - 1].name
    return output


@operation(resource=_resource)
def update_global_table(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateGlobalTable. Raises GlobalTableNotFoundException, ReplicaAlreadyExistsException,
    ReplicaNotFoundException."""
    with call.write() as tx:
        row = _find(call, tx, request["GlobalTableName"])
        for update in request["ReplicaUpdates"]:
            if update.get("Create") is not None:
                region = update["Create"]["RegionName"]
                if region in row.regions:
                    raise errors.ReplicaAlreadyExistsException(f"Replica already exists in region {region}")
                row.regions = [*row.regions, region]
            if update.get("Delete") is not None:
                region = update["Delete"]["RegionName"]
                if region not in row.regions:
                    raise errors.ReplicaNotFoundException(f"Replica not found in region {region}")
                row.regions = [other for other in row.regions if other != region]
                _part(call, tx, row.name, region)
        _join(call, tx, row, row.regions)
        GLOBALS.put(tx, _home(call), row)
    return {"GlobalTableDescription": _describe(call, row)}


def _part(call: Call, tx: Writer, name: str, region: str) -> None:
    """The table of this region goes its own way, with what it holds."""
    target = Scope(call.account, region)
    table = TABLES.get(tx, target, name)
    if table is not None:
        with memory.of(call.cloud).changing(target, name):
            table.replicas = None
            TABLES.put(tx, target, table)


@operation(resource=_resource)
def describe_global_table_settings(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeGlobalTableSettings. Raises GlobalTableNotFoundException."""
    settings = []
    with call.read() as tx:
        row = _find(call, tx, request["GlobalTableName"])
        for region in row.regions:
            scope = Scope(call.account, region)
            table = TABLES.get(tx, scope, row.name)
            if table is None:
                continue
            told = describe(scope, table, {})
            settings.append(
                {
                    "RegionName": region,
                    "ReplicaStatus": "ACTIVE",
                    "ReplicaBillingModeSummary": told.get("BillingModeSummary"),
                    "ReplicaProvisionedReadCapacityUnits": table.throughput.read,
                    "ReplicaProvisionedWriteCapacityUnits": table.throughput.write,
                    "ReplicaGlobalSecondaryIndexSettings": [
                        {
                            "IndexName": index.name,
                            "IndexStatus": index.status,
                            "ProvisionedReadCapacityUnits": throughput(index.throughput)["ReadCapacityUnits"],
                            "ProvisionedWriteCapacityUnits": throughput(index.throughput)["WriteCapacityUnits"],
                        }
                        for index in table.indexes
                        if not index.local
                    ],
                }
            )
    return {"GlobalTableName": row.name, "ReplicaSettings": settings}
