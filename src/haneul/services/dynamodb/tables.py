"""Tables: create, describe, list, delete; and the limits and endpoints of the service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.dynamodb import definitions, memory, policies, purge, streamrows
from haneul.services.dynamodb.descriptions import describe
from haneul.services.dynamodb.errors import errors, invalid
from haneul.services.dynamodb.names import locate, table_resource
from haneul.services.dynamodb.state import TABLES, TableRow
from haneul.state.store import Reader

_NOT_OF_THE_DELETED = frozenset(
    {
        "KeySchema",
        "AttributeDefinitions",
        "CreationDateTime",
        "GlobalSecondaryIndexes",
        "LocalSecondaryIndexes",
        "WarmThroughput",
    }
)
IN_USE = "Attempt to change a resource which is still in use: Table is being {}: {}"


@operation(resource=table_resource)
def create_table(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateTable. Raises LimitExceededException, ResourceInUseException, ValidationException."""
    definitions.unsupported(request, "VectorIndexes", "GlobalTableSourceArn")
    name = request["TableName"]
    if name.startswith("arn:"):
        name = locate(call, name)[1]
    definitions.check_table_name(name)
    row = new_row(call, name, request)
    view = definitions.stream_view(request.get("StreamSpecification"))
    with memory.of(call.cloud).changing(call.scope, name), call.write() as tx:
        if TABLES.get(tx, call.scope, name) is not None:
            raise errors.ResourceInUseException(f"Table already exists: {name}")
        if view is not None:
            streamrows.enable(tx, call.scope, row, view, call.now())
        TABLES.put(tx, call.scope, row)
    return {"TableDescription": describe(call.scope, row, {}, "CREATING")}


def new_row(call: Call, name: str, request: Mapping[str, Any]) -> TableRow:
    """The row of a table to be created. Raises ValidationException."""
    now = call.now()
    if request.get("KeySchema") is None or request.get("AttributeDefinitions") is None:
        missing = [m for m in ("KeySchema", "AttributeDefinitions") if request.get(m) is None]
        told = "; ".join(
            f"Value null at '{m[0].lower()}{m[1:]}' failed to satisfy constraint: Member must not be null"
            for m in missing
        )
        raise invalid(f"{len(missing)} validation error{'s' if len(missing) > 1 else ''} detected: {told}")
    billing = request.get("BillingMode", "PROVISIONED")
    defined = definitions.attributes(request["AttributeDefinitions"])
    units = definitions.throughput(request.get("ProvisionedThroughput"), billing)
    hashed, ranged = definitions.table_keys(request["KeySchema"], defined)
    row = TableRow(
        name=name,
        id=tokens.uuid(),
        data=tokens.random_hex(16),
        created=now,
        hash=hashed,
        range=ranged,
        attributes=defined,
        indexes=[],
        billing=billing,
        throughput=units,
        billed_since=now if billing == "PAY_PER_REQUEST" else None,
        protected=bool(request.get("DeletionProtectionEnabled")),
        table_class=request.get("TableClass"),
        sse=sse(request.get("SSESpecification"), call),
        tags=definitions.tags(request.get("Tags")),
        on_demand=definitions.on_demand(request.get("OnDemandThroughput"), billing),
        warm=definitions.warm(request.get("WarmThroughput"), None, billing, units),
    )
    row.indexes = definitions.indexes(row, request.get("LocalSecondaryIndexes"), request.get("GlobalSecondaryIndexes"))
    row.next_index = len(row.indexes) + 1
    definitions.check_used(row)
    if request.get("ResourcePolicy") is not None:
        policies.attach(call, row, request["ResourcePolicy"])
    return row


def sse(told: Mapping[str, Any] | None, call: Call) -> dict[str, Any] | None:
    """SSEDescription for a SSESpecification."""
    if not told or not told.get("Enabled"):
        if told and told.get("KMSMasterKeyId"):
            raise invalid(
                "One or more parameter values were invalid: KMSMasterKeyId can only be specified when SSE is enabled"
            )
        return None
    key = told.get("KMSMasterKeyId") or "alias/aws/dynamodb"
    if not key.startswith("arn:"):
        kind = "" if key.startswith("alias/") else "key/"
        key = f"arn:aws:kms:{call.region}:{call.account}:{kind}{key}"
    return {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key}


@operation(resource=table_resource)
def describe_table(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeTable. Raises ResourceNotFoundException."""
    scope, name = locate(call, request["TableName"])
    store = memory.of(call.cloud)
    with call.read() as tx:
        row = find(tx, scope, name)
        counts = store.counts(tx, bytes.fromhex(row.data))
        behind = store.is_behind(tx, bytes.fromhex(row.data))
    if behind:
        with call.write() as tx:
            converge.wake(tx, "dynamodb.count", scope, (name,), call.now())
    return {"Table": describe(scope, row, counts)}


def find(tx: Reader, scope: Scope, name: str) -> TableRow:
    """The table's row. Raises ResourceNotFoundException as operations on tables do."""
    row = TABLES.get(tx, scope, name)
    if row is None:
        raise errors.ResourceNotFoundException(f"Requested resource not found: Table: {name} not found")
    return row


@operation(resource="*")
def list_tables(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListTables."""
    limit = request.get("Limit", 100)
    after = request.get("ExclusiveStartTableName")
    with call.read() as tx:
        rows = list(TABLES.scan(tx, call.scope, after_key=None if after is None else (after,), limit=limit + 1))
    names = [row.name for row in rows[:limit]]
    output: dict[str, Any] = {"TableNames": names}
    if len(rows) > limit:
        output["LastEvaluatedTableName"] = names[-1]
    return output


@operation(resource=table_resource)
def delete_table(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteTable. Raises ResourceInUseException, ResourceNotFoundException, ValidationException."""
    scope, name = locate(call, request["TableName"])
    store = memory.of(call.cloud)
    with store.changing(scope, name), call.write() as tx:
        row = find(tx, scope, name)
        if row.status not in ("ACTIVE", "INACCESSIBLE_ENCRYPTION_CREDENTIALS"):
            doing = "created" if row.status == "CREATING" else "updated" if row.status == "UPDATING" else "deleted"
            raise errors.ResourceInUseException(IN_USE.format(doing, name))
        if row.protected:
            raise invalid(
                "Resource cannot be deleted as it is currently protected against deletion. "
                "Disable deletion protection first."
            )
        told = describe(scope, row, store.counts(tx, bytes.fromhex(row.data)), "DELETING")
        purge.remove_table(call, tx, scope, row)
    return {"TableDescription": {member: value for member, value in told.items() if member not in _NOT_OF_THE_DELETED}}


@operation(resource="*")
def describe_limits(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeLimits."""
    return {
        "AccountMaxReadCapacityUnits": 80_000,
        "AccountMaxWriteCapacityUnits": 80_000,
        "TableMaxReadCapacityUnits": 40_000,
        "TableMaxWriteCapacityUnits": 40_000,
    }


@operation(resource="*", anonymous=True)
def describe_endpoints(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeEndpoints: the address the caller itself used."""
    address = call.http.headers.get("host") if call.http is not None else None
    return {
        "Endpoints": [{"Address": address or f"dynamodb.{call.region}.amazonaws.com", "CachePeriodInMinutes": 1440}]
    }
