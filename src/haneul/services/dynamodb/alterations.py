"""UpdateTable: capacity, indexes, streams, replicas, and settings; one kind of change at a time, as AWS has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.service import Call, Scope, operation
from haneul.services.dynamodb import definitions, memory, replicas, streamrows
from haneul.services.dynamodb.descriptions import describe
from haneul.services.dynamodb.errors import errors, invalid, invalid_parameter
from haneul.services.dynamodb.names import locate, table_resource
from haneul.services.dynamodb.state import TABLES, Index, TableRow, Throughput
from haneul.services.dynamodb.tables import IN_USE, find, sse
from haneul.state.store import Writer

BUILD_AFTER = 0.15
_NOTHING = (
    "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or "
    "SSESpecification or ReplicaUpdates is required to be specified in UpdateTable"
)
_MEMBERS = (
    "ProvisionedThroughput",
    "BillingMode",
    "StreamSpecification",
    "GlobalSecondaryIndexUpdates",
    "SSESpecification",
    "ReplicaUpdates",
    "TableClass",
    "DeletionProtectionEnabled",
    "OnDemandThroughput",
    "WarmThroughput",
)


@operation(resource=table_resource)
def update_table(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateTable. Raises LimitExceededException, ResourceInUseException, ResourceNotFoundException."""
    definitions.unsupported(
        request, "VectorIndexUpdates", "GlobalTableWitnessUpdates", "DisassociationProtectionEnabled"
    )
    if request.get("MultiRegionConsistency") == "STRONG":
        definitions.unsupported(request, "MultiRegionConsistency")
    _check(request)
    scope, name = locate(call, request["TableName"])
    store = memory.of(call.cloud)
    now = call.now()
    with store.changing(scope, name), call.write() as tx:
        row = find(tx, scope, name)
        if row.status != "ACTIVE":
            raise errors.ResourceInUseException(
                IN_USE.format("created" if row.status == "CREATING" else "updated", name)
            )
        _capacity(row, request, now)
        _settings(call, row, request, now)
        _stream(tx, scope, row, request.get("StreamSpecification"), now)
        if request.get("GlobalSecondaryIndexUpdates"):
            _indexes(tx, scope, row, request, now)
        _share(call, tx, scope, row, request, now)
        if request.get("ReplicaUpdates"):
            replicas.update(call, tx, scope, row, request["ReplicaUpdates"])
        TABLES.put(tx, scope, row)
        counts = store.counts(tx, bytes.fromhex(row.data))
    return {"TableDescription": describe(scope, row, counts, "UPDATING")}


def _share(call: Call, tx: Writer, scope: Scope, row: TableRow, request: Mapping[str, Any], now: float) -> None:
    """Capacity mode and global indexes are the same in all regions of a table."""
    updates = request.get("GlobalSecondaryIndexUpdates")
    if request.get("BillingMode") is None and not updates:
        return
    for target, other in replicas.peers(tx, scope, row):
        with memory.of(call.cloud).changing(target, row.name):
            if request.get("BillingMode") is not None:
                _capacity(other, request, now)
            if updates:
                _indexes(tx, target, other, request, now)
            TABLES.put(tx, target, other)


def _check(request: Mapping[str, Any]) -> None:
    """What can be said without the table. Raises ValidationException."""
    if not any(request.get(member) not in (None, []) for member in _MEMBERS):
        raise invalid(_NOTHING)
    names: set[str] = set()
    for update in request.get("GlobalSecondaryIndexUpdates") or ():
        actions = [update[kind] for kind in ("Create", "Update", "Delete") if update.get(kind) is not None]
        if not actions:
            raise invalid_parameter(
                "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, "
                "GlobalSecondaryIndexUpdate.Delete must not be null"
            )
        if len(actions) > 1:
            raise invalid_parameter(
                "Only one of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, "
                "GlobalSecondaryIndexUpdate.Delete can be specified"
            )
        name = actions[0]["IndexName"]
        if name in names:
            raise invalid_parameter(
                f"Only one global secondary index update per index is allowed simultaneously. Index: {name}"
            )
        names.add(name)
    updates = request.get("GlobalSecondaryIndexUpdates") or ()
    if sum(update.get("Create") is not None or update.get("Delete") is not None for update in updates) > 1:
        raise errors.LimitExceededException(
            "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table"
        )


def _capacity(row: TableRow, request: Mapping[str, Any], now: float) -> None:
    """BillingMode and ProvisionedThroughput."""
    billing = request.get("BillingMode", row.billing)
    told = request.get("ProvisionedThroughput")
    if billing == "PAY_PER_REQUEST":
        if told is not None:
            raise invalid_parameter(
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
            )
        if row.billing != billing:
            row.billing, row.billed_since = billing, now
            row.throughput = Throughput()
            for index in row.indexes:
                index.throughput = Throughput()
    elif row.billing != billing:
        row.throughput = definitions.throughput(told, billing)
        row.billing = billing
        row.on_demand = None
        _index_capacity_after_switch(row, request)
    elif told is not None:
        new = definitions.throughput(told, billing)
        if (new.read, new.write) == (row.throughput.read, row.throughput.write):
            raise invalid(
                "The provisioned throughput for the table will not change. The requested value equals the current "
                f"value. Current ReadCapacityUnits provisioned for the table: {row.throughput.read}. Requested "
                f"ReadCapacityUnits: {new.read}. Current WriteCapacityUnits provisioned for the table: "
                f"{row.throughput.write}. Requested WriteCapacityUnits: {new.write}. Refer to the Amazon DynamoDB "
                "Developer Guide for current limits and how to request higher limits."
            )
        row.throughput = changed(row.throughput, new, now)


def _index_capacity_after_switch(row: TableRow, request: Mapping[str, Any]) -> None:
    given = {
        update["Update"]["IndexName"]: update["Update"].get("ProvisionedThroughput")
        for update in request.get("GlobalSecondaryIndexUpdates") or ()
        if update.get("Update")
    }
    for index in row.indexes:
        if index.local:
            continue
        told = given.get(index.name)
        if told is None:
            raise invalid_parameter(f"ProvisionedThroughput must be specified for index: {index.name}")
        index.throughput = Throughput(told["ReadCapacityUnits"], told["WriteCapacityUnits"])


def changed(old: Throughput, new: Throughput, now: float) -> Throughput:
    """The new throughput, with when it went up and down."""
    down = new.read < old.read or new.write < old.write
    up = new.read > old.read or new.write > old.write
    return Throughput(
        new.read,
        new.write,
        now if up else old.increased,
        now if down else old.decreased,
        old.decreases + down,
    )


def _settings(call: Call, row: TableRow, request: Mapping[str, Any], now: float) -> None:
    if request.get("DeletionProtectionEnabled") is not None:
        row.protected = request["DeletionProtectionEnabled"]
    if request.get("TableClass") is not None:
        if request["TableClass"] != (row.table_class or "STANDARD"):
            row.class_changed = now
        row.table_class = request["TableClass"]
    if request.get("SSESpecification") is not None:
        row.sse = sse(request["SSESpecification"], call)
    if request.get("OnDemandThroughput") is not None:
        row.on_demand = definitions.on_demand(request["OnDemandThroughput"], row.billing)
    if request.get("WarmThroughput") is not None:
        row.warm = definitions.warm(request["WarmThroughput"], row.warm, row.billing, row.throughput)


def _stream(tx: Writer, scope: Scope, row: TableRow, told: Mapping[str, Any] | None, now: float) -> None:
    if told is None:
        return
    view = definitions.stream_view(told)
    if told["StreamEnabled"]:
        if row.stream is not None:
            raise invalid(f"Table already has an enabled stream: TableName: {row.name}")
        assert view is not None
        streamrows.enable(tx, scope, row, view, now)
    else:
        if row.stream is None:
            raise invalid(f"Table has no stream to disable: TableName: {row.name}")
        if row.replicas is not None and len(row.replicas) > 1:
            raise invalid_parameter("The stream of a table with replicas cannot be disabled")
        streamrows.disable(tx, scope, row, now)


def _indexes(tx: Writer, scope: Scope, row: TableRow, request: Mapping[str, Any], now: float) -> None:
    for update in request["GlobalSecondaryIndexUpdates"]:
        if update.get("Create") is not None:
            _create_index(row, update["Create"], request.get("AttributeDefinitions"))
        elif update.get("Delete") is not None:
            _global(row, update["Delete"]["IndexName"]).status = "DELETING"
        else:
            _update_index(row, update["Update"], request, now)
            continue
        row.status = "UPDATING"
        converge.wake(tx, "dynamodb.index", scope, (row.name,), now + BUILD_AFTER)


def _global(row: TableRow, name: str) -> Index:
    for index in row.indexes:
        if index.name == name and not index.local:
            return index
    raise errors.ResourceNotFoundException("Requested resource not found")


def _create_index(row: TableRow, told: Mapping[str, Any], defined: list[Mapping[str, str]] | None) -> None:
    given = definitions.attributes(defined or [])
    for name, kind in given.items():
        if row.attributes.get(name, kind) != kind:
            raise invalid_parameter(
                f"Attributes cannot be redefined. Please check that your attribute has the same type as previously "
                f"defined. Existing schema: Schema:[SchemaElement: key{{{name}:{row.attributes[name]}}}] "
                f"New schema: Schema:[SchemaElement: key{{{name}:{kind}}}]"
            )
    if any(index.name == told["IndexName"] for index in row.indexes):
        raise invalid(f"Attempting to create an index which already exists: {told['IndexName']}")
    needed = [each["AttributeName"] for each in told["KeySchema"]]
    missing = [name for name in needed if name not in given]
    if missing:
        raise invalid_parameter(
            "Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: [{', '.join(needed)}], AttributeDefinitions: [{', '.join(given)}]"
        )
    # Definitions that nothing uses are ignored, unlike in CreateTable.
    row.attributes |= {name: kind for name, kind in given.items() if name in needed}
    index = definitions.global_index(told, row, row.next_index)
    if sum(not each.local for each in row.indexes) >= definitions.GLOBAL_LIMIT:
        raise errors.LimitExceededException(
            f"GlobalSecondaryIndex count exceeds the per-table limit of {definitions.GLOBAL_LIMIT}"
        )
    row.next_index += 1
    index.status, index.backfilling, index.cursor = "CREATING", True, b""
    row.indexes.append(index)
    definitions.check_projected(row.indexes)


def _update_index(row: TableRow, told: Mapping[str, Any], request: Mapping[str, Any], now: float) -> None:
    index = _global(row, told["IndexName"])
    units = told.get("ProvisionedThroughput")
    if units is not None:
        if row.billing == "PAY_PER_REQUEST":
            raise invalid_parameter(
                f"ProvisionedThroughput should not be specified for index: {index.name} when BillingMode is "
                "PAY_PER_REQUEST"
            )
        for member in ("ReadCapacityUnits", "WriteCapacityUnits"):
            if units[member] > definitions.MOST_UNITS:
                raise invalid(f"Given value {units[member]} for {member} is out of bounds for index {index.name}")
        new = Throughput(units["ReadCapacityUnits"], units["WriteCapacityUnits"])
        same = (new.read, new.write) == (index.throughput.read, index.throughput.write)
        if same and request.get("BillingMode") is None:
            raise invalid(
                f"The provisioned throughput for the index {index.name} will not change. The requested value equals "
                f"the current value. Current ReadCapacityUnits provisioned for the index: {index.throughput.read}. "
                f"Requested ReadCapacityUnits: {new.read}. Current WriteCapacityUnits provisioned for the index: "
                f"{index.throughput.write}. Requested WriteCapacityUnits: {new.write}. Refer to the Amazon DynamoDB "
                "Developer Guide for current limits and how to request higher limits."
            )
        if not same:
            index.throughput = changed(index.throughput, new, now)
    if told.get("OnDemandThroughput") is not None:
        index.on_demand = definitions.on_demand(told["OnDemandThroughput"], row.billing)
    if told.get("WarmThroughput") is not None:
        what = f"index {index.name}"
        index.warm = definitions.warm(told["WarmThroughput"], index.warm, row.billing, index.throughput, what)
