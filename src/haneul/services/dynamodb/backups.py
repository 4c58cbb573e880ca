"""On-demand backups: a copy of a table as it is at one instant, and tables restored from one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.kit import tokens
from haneul.service import Call, Scope, Step, operation
from haneul.services.dynamodb import definitions, memory
from haneul.services.dynamodb.descriptions import describe, key_schema, projection, throughput
from haneul.services.dynamodb.errors import errors, invalid
from haneul.services.dynamodb.names import locate, parse_arn, table_arn, table_resource
from haneul.services.dynamodb.plane import records
from haneul.services.dynamodb.state import BACKUPS, TABLES, BackupRow, TableRow, Throughput
from haneul.services.dynamodb.tables import sse
from haneul.state.store import Reader
from haneul.state.table import after

CHUNK = 200
CHUNK_BYTES = 2 * 1024 * 1024


@operation(resource=table_resource)
def create_backup(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateBackup. Raises TableNotFoundException, TableInUseException."""
    scope, name = locate(call, request["TableName"])
    now = call.now()
    with call.write() as tx:
        row = TABLES.get(tx, scope, name)
        if row is None:
            raise errors.TableNotFoundException(f"Table not found: {name}")
        if row.status not in ("ACTIVE", "UPDATING"):
            raise errors.TableInUseException(f"Table is being created: {name}")
        counts = memory.of(call.cloud).counts(tx, bytes.fromhex(row.data)).get(0, [0, 0])
        backup = BackupRow(
            arn=f"{table_arn(scope, name)}/backup/{int(now * 1000):014d}-{tokens.random_hex(8)}",
            name=request["BackupName"],
            table=row,
            table_arn=table_arn(scope, name),
            kind="USER",
            status="CREATING",
            created=now,
            data=tokens.random_hex(16),
            size=max(0, counts[1]),
            count=max(0, counts[0]),
        )
        BACKUPS.put(tx, scope, backup)
        converge.wake(tx, "dynamodb.backup", scope, (backup.arn,), now)
    return {"BackupDetails": _details(backup)}


def _details(backup: BackupRow) -> dict[str, Any]:
    return {
        "BackupArn": backup.arn,
        "BackupName": backup.name,
        "BackupSizeBytes": backup.size,
        "BackupStatus": backup.status,
        "BackupType": backup.kind,
        "BackupCreationDateTime": backup.created,
        "BackupExpiryDateTime": backup.expires,
    }


def _find(tx: Reader, arn: str) -> tuple[Scope, BackupRow]:
    found = parse_arn(arn)
    backup = None if found is None else BACKUPS.get(tx, found[0], arn)
    if found is None or backup is None or backup.status == "DELETED":
        raise errors.BackupNotFoundException(f"Backup not found: {arn}")
    return found[0], backup


@operation(resource="{BackupArn}")
def describe_backup(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeBackup. Raises BackupNotFoundException."""
    with call.read() as tx:
        _, backup = _find(tx, request["BackupArn"])
    return {"BackupDescription": _description(backup)}


def _description(backup: BackupRow) -> dict[str, Any]:
    row = backup.table
    return {
        "BackupDetails": _details(backup),
        "SourceTableDetails": {
            "TableName": row.name,
            "TableId": row.id,
            "TableArn": backup.table_arn,
            "TableSizeBytes": backup.size,
            "KeySchema": key_schema((row.hash,), (row.range,) if row.range else ()),
            "TableCreationDateTime": row.created,
            "ProvisionedThroughput": {
                "ReadCapacityUnits": row.throughput.read,
                "WriteCapacityUnits": row.throughput.write,
            },
            "ItemCount": backup.count,
            "BillingMode": row.billing,
        },
        "SourceTableFeatureDetails": _features(row),
    }


def _features(row: TableRow) -> dict[str, Any]:
    told: dict[str, Any] = {"SSEDescription": row.sse}
    for member, local in (("LocalSecondaryIndexes", True), ("GlobalSecondaryIndexes", False)):
        found = []
        for index in row.indexes:
            if index.local is local:
                each = {
                    "IndexName": index.name,
                    "KeySchema": key_schema(index.hashes, index.ranges),
                    "Projection": projection(index),
                }
                if not local:
                    units = throughput(index.throughput)
                    each["ProvisionedThroughput"] = {k: v for k, v in units.items() if k.endswith("Units")}
                found.append(each)
        if found:
            told[member] = found
    if row.stream is not None:
        told["StreamDescription"] = {"StreamEnabled": True, "StreamViewType": row.stream}
    if row.ttl is not None:
        told["TimeToLiveDescription"] = {"TimeToLiveStatus": row.ttl_status, "AttributeName": row.ttl}
    return told


@operation(resource="*")
def list_backups(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListBackups."""
    limit = request.get("Limit", 100)
    kind = request.get("BackupType", "USER")
    wanted = None if request.get("TableName") is None else table_arn(*locate(call, request["TableName"]))
    lower, upper = request.get("TimeRangeLowerBound", 0.0), request.get("TimeRangeUpperBound")
    with call.read() as tx:
        rows = [
            row
            for row in BACKUPS.scan(tx, call.scope)
            if row.status != "DELETED"
            and (kind in ("ALL", row.kind))
            and (wanted is None or row.table_arn == wanted)
            and row.created >= lower
            and (upper is None or row.created < upper)
        ]
    rows.sort(key=lambda row: row.created)
    start = request.get("ExclusiveStartBackupArn")
    if start is not None:
        place = next((number for number, row in enumerate(rows) if row.arn == start), len(rows) - 1)
        rows = rows[place + 1 :]
    output: dict[str, Any] = {
        "BackupSummaries": [
            {
                "TableName": row.table.name,
                "TableId": row.table.id,
                "TableArn": row.table_arn,
                **_details(row),
            }
            for row in rows[:limit]
        ]
    }
    if len(rows) > limit:
        output["LastEvaluatedBackupArn"] = rows[limit - 1].arn
    return output


@operation(resource="{BackupArn}")
def delete_backup(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteBackup. Raises BackupInUseException, BackupNotFoundException."""
    with call.write() as tx:
        scope, backup = _find(tx, request["BackupArn"])
        if backup.status == "CREATING":
            raise errors.BackupInUseException(f"Backup is being created: {backup.arn}")
        backup.status = "DELETED"
        BACKUPS.put(tx, scope, backup)
        converge.wake(tx, "dynamodb.backup", scope, (backup.arn,), call.now())
    return {"BackupDescription": _description(backup)}


def copy_table(call: Call, backup: BackupRow) -> Step:
    """Copy the table's items as they are at one instant; killed on the way, it begins again."""
    source, target = records.root(backup.table.data) + b"\x00", records.root(backup.data) + b"\x00"
    pieces, copies = records.pieces_root(backup.table.data), records.pieces_root(backup.data)
    count = size = 0
    with call.cloud.store.read() as view:
        batch: list[tuple[bytes, bytes]] = []
        held = 0
        for key, value in view.scan(source, after(source)):
            place = key[len(source) :]
            batch.append((target + place, value))
            for number in range(value[0]):
                piece = view.get(pieces + place + bytes([number]))
                assert piece is not None
                batch.append((copies + place + bytes([number]), piece))
                held += len(piece)
            held += len(value)
            count += 1
            size += records.size(value)
            if len(batch) >= CHUNK or held >= CHUNK_BYTES:
                _store(call, batch)
                batch, held = [], 0
        _store(call, batch)
    backup.status, backup.count, backup.size = "AVAILABLE", count, size
    return Step(backup)


def _store(call: Call, batch: list[tuple[bytes, bytes]]) -> None:
    if batch:
        with call.write() as tx:
            for key, value in batch:
                tx.put(key, value)


@operation(resource=lambda call, request: [request["BackupArn"], table_arn(call.scope, request["TargetTableName"])])
def restore_table_from_backup(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RestoreTableFromBackup. Raises BackupInUseException, BackupNotFoundException, TableAlreadyExistsException."""
    name = request["TargetTableName"]
    definitions.check_table_name(name)
    with memory.of(call.cloud).changing(call.scope, name), call.write() as tx:
        _, backup = _find(tx, request["BackupArn"])
        if backup.status == "CREATING":
            raise errors.BackupInUseException(f"Backup is being created: {backup.arn}")
        if TABLES.get(tx, call.scope, name) is not None:
            raise errors.TableAlreadyExistsException(f"Table already exists: {name}")
        row = restored(call, backup.table, name, request)
        row.restore = {
            "SourceBackupArn": backup.arn,
            "SourceTableArn": backup.table_arn,
            "RestoreDateTime": call.now(),
            "RestoreInProgress": True,
        }
        row.building = {"data": backup.data}
        TABLES.put(tx, call.scope, row)
        converge.wake(tx, "dynamodb.build", call.scope, (name,), call.now())
    return {"TableDescription": describe(call.scope, row, {})}


def restored(call: Call, source: TableRow, name: str, request: Mapping[str, Any]) -> TableRow:
    """The row of a table to be filled from another's items, with the overrides that the request gives."""
    row = TableRow(
        name=name,
        id=tokens.uuid(),
        data=tokens.random_hex(16),
        created=call.now(),
        hash=source.hash,
        range=source.range,
        attributes=dict(source.attributes),
        indexes=[],
        billing=request.get("BillingModeOverride") or source.billing,
        throughput=Throughput(),
        status="CREATING",
        table_class=source.table_class,
        sse=source.sse,
        on_demand=source.on_demand,
    )
    if row.billing == "PAY_PER_REQUEST":
        row.billed_since = call.now()
        row.on_demand = definitions.on_demand(request.get("OnDemandThroughputOverride"), row.billing) or row.on_demand
    else:
        told = request.get("ProvisionedThroughputOverride")
        row.throughput = (
            definitions.throughput(told, row.billing)
            if told is not None or not source.throughput.read
            else Throughput(source.throughput.read, source.throughput.write)
        )
    if request.get("SSESpecificationOverride") is not None:
        row.sse = sse(request["SSESpecificationOverride"], call)
    for local, member in ((True, "LocalSecondaryIndexOverride"), (False, "GlobalSecondaryIndexOverride")):
        _index_overrides(row, source, local, request.get(member))
    row.next_index = len(row.indexes) + 1
    used = {row.hash, row.range} | {key for index in row.indexes for key in (*index.hashes, *index.ranges)}
    row.attributes = {key: kind for key, kind in row.attributes.items() if key in used}
    return row


def _index_overrides(row: TableRow, source: TableRow, local: bool, told: list[Mapping[str, Any]] | None) -> None:
    known = {index.name: index for index in source.indexes if index.local is local and index.status == "ACTIVE"}
    if told is not None:
        for each in told:
            if each["IndexName"] not in known:
                raise invalid(
                    f"One or more parameter values were invalid: Index {each['IndexName']} is not in the source"
                )
        known = {each["IndexName"]: known[each["IndexName"]] for each in told}
    for index in known.values():
        made = type(index)(
            index.name,
            len(row.indexes) + 1,
            local,
            index.hashes,
            index.ranges,
            index.projection,
            index.attributes,
        )
        if row.billing == "PROVISIONED" and not local:
            units = next((e.get("ProvisionedThroughput") for e in told or () if e["IndexName"] == index.name), None)
            made.throughput = (
                Throughput(units["ReadCapacityUnits"], units["WriteCapacityUnits"])
                if units
                else Throughput(index.throughput.read, index.throughput.write)
            )
        row.indexes.append(made)
