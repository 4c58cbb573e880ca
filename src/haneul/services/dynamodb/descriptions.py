"""Tables as AWS describes them."""

from __future__ import annotations

from typing import Any

from haneul.service import Scope
from haneul.services.dynamodb.definitions import ON_DEMAND_READS, ON_DEMAND_WRITES
from haneul.services.dynamodb.memory import Counts
from haneul.services.dynamodb.names import table_arn
from haneul.services.dynamodb.state import Index, TableRow, Throughput


def describe(scope: Scope, row: TableRow, counts: Counts, status: str | None = None) -> dict[str, Any]:
    """A TableDescription; `status` overrides the row's (what CreateTable answers is never what comes after)."""
    arn = table_arn(scope, row.name)
    items, size = counts.get(0, (0, 0))
    told: dict[str, Any] = {
        "AttributeDefinitions": attribute_definitions(row),
        "TableName": row.name,
        "KeySchema": key_schema((row.hash,), (row.range,) if row.range else ()),
        "TableStatus": status or row.status,
        "CreationDateTime": row.created,
        "ProvisionedThroughput": throughput(row.throughput),
        "TableSizeBytes": max(0, size),
        "ItemCount": max(0, items),
        "TableArn": arn,
        "TableId": row.id,
        "DeletionProtectionEnabled": row.protected,
        "WarmThroughput": warm(row.warm, row.billing, row.throughput, status or row.status),
        "OnDemandThroughput": on_demand(row.on_demand),
        "RestoreSummary": row.restore,
    }
    if row.billed_since is not None:
        told["BillingModeSummary"] = {
            "BillingMode": row.billing,
            "LastUpdateToPayPerRequestDateTime": row.billed_since,
        }
    if row.table_class is not None:
        told["TableClassSummary"] = {"TableClass": row.table_class, "LastUpdateDateTime": row.class_changed}
    if row.sse is not None:
        told["SSEDescription"] = row.sse
    if row.stream is not None:
        told["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": row.stream}
    if row.stream_label is not None:
        told["LatestStreamLabel"] = row.stream_label
        told["LatestStreamArn"] = f"{arn}/stream/{row.stream_label}"
    for member, local in (("LocalSecondaryIndexes", True), ("GlobalSecondaryIndexes", False)):
        described = [_index(arn, row, index, counts, status) for index in row.indexes if index.local is local]
        if described:
            told[member] = described
    if row.replicas is not None and len(row.replicas) > 1:
        told["GlobalTableVersion"] = "2019.11.21"
        told["Replicas"] = replicas(scope, row)
        told["MultiRegionConsistency"] = "EVENTUAL"
    return told


def attribute_definitions(row: TableRow) -> list[dict[str, str]]:
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in row.attributes.items()]


def key_schema(hashes: tuple[str, ...], ranges: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": "HASH"} for name in hashes] + [
        {"AttributeName": name, "KeyType": "RANGE"} for name in ranges
    ]


def throughput(units: Throughput) -> dict[str, Any]:
    return {
        "LastIncreaseDateTime": units.increased,
        "LastDecreaseDateTime": units.decreased,
        "NumberOfDecreasesToday": units.decreases,
        "ReadCapacityUnits": units.read,
        "WriteCapacityUnits": units.write,
    }


def warm(told: dict[str, int] | None, billing: str, units: Throughput, status: str) -> dict[str, Any]:
    reads, writes = (units.read, units.write) if billing == "PROVISIONED" else (ON_DEMAND_READS, ON_DEMAND_WRITES)
    told = told or {}
    return {
        "ReadUnitsPerSecond": max(reads, told.get("ReadUnitsPerSecond", 0)),
        "WriteUnitsPerSecond": max(writes, told.get("WriteUnitsPerSecond", 0)),
        "Status": "UPDATING" if status in ("CREATING", "UPDATING") else "ACTIVE",
    }


def on_demand(told: dict[str, int] | None) -> dict[str, int] | None:
    if told is None:
        return None
    return {
        "MaxReadRequestUnits": told.get("MaxReadRequestUnits", -1),
        "MaxWriteRequestUnits": told.get("MaxWriteRequestUnits", -1),
    }


def projection(index: Index) -> dict[str, Any]:
    told: dict[str, Any] = {"ProjectionType": index.projection}
    if index.attributes is not None:
        told["NonKeyAttributes"] = list(index.attributes)
    return told


def _index(arn: str, row: TableRow, index: Index, counts: Counts, status: str | None) -> dict[str, Any]:
    items, size = counts.get(index.number, (0, 0))
    told: dict[str, Any] = {
        "IndexName": index.name,
        "KeySchema": key_schema(index.hashes, index.ranges),
        "Projection": projection(index),
        "IndexSizeBytes": max(0, size),
        "ItemCount": max(0, items),
        "IndexArn": f"{arn}/index/{index.name}",
    }
    if index.local:
        return told
    told["IndexStatus"] = "CREATING" if status == "CREATING" else index.status
    if index.backfilling:
        told["Backfilling"] = True
    told["ProvisionedThroughput"] = throughput(index.throughput)
    told["OnDemandThroughput"] = on_demand(index.on_demand)
    told["WarmThroughput"] = warm(index.warm, row.billing, index.throughput, told["IndexStatus"])
    return told


def replicas(scope: Scope, row: TableRow) -> list[dict[str, Any]]:
    """The replicas in other regions."""
    told = []
    for region, settings in sorted((row.replicas or {}).items()):
        if region == scope.region:
            continue
        told.append(
            {
                "RegionName": region,
                "ReplicaStatus": settings.get("status", "ACTIVE"),
                "ReplicaArn": table_arn(Scope(scope.account, region), row.name),
                "KMSMasterKeyId": settings.get("key"),
                "ProvisionedThroughputOverride": settings.get("throughput"),
                "OnDemandThroughputOverride": settings.get("on_demand"),
                "GlobalSecondaryIndexes": settings.get("indexes"),
                "ReplicaTableClassSummary": settings.get("class") and {"TableClass": settings["class"]},
            }
        )
    return told
