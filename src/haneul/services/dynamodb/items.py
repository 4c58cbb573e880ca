"""Single items: put, get, update, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from haneul.service import Call, operation
from haneul.services.dynamodb import changes, expressions, iam, memory, throttle
from haneul.services.dynamodb.capacity import Bill, collection_metrics, meter_write, read_units
from haneul.services.dynamodb.changes import Written
from haneul.services.dynamodb.errors import detected, errors, invalid
from haneul.services.dynamodb.expressions import Condition, Update
from haneul.services.dynamodb.names import resolve, table_resource
from haneul.services.dynamodb.plane import projections, records, values
from haneul.services.dynamodb.plane.values import Item
from haneul.services.dynamodb.schemas import Schema, wrong_index_type
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

FAILED = "The conditional request failed"
_OLD_ONLY = "ReturnValues can only be ALL_OLD or NONE"


@operation(resource=table_resource, conditions=iam.item_conditions)
def put_item(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutItem. Raises ConditionalCheckFailedException, ResourceNotFoundException, ValidationException."""
    returns = request.get("ReturnValues", "NONE")
    if returns not in ("NONE", "ALL_OLD"):
        raise detected(invalid(_OLD_ONLY))
    item: Item = request["Item"]
    try:
        condition = expressions.write_condition(request)
        size = check_item(item)
    except AwsError as error:
        raise detected(error) from None
    store = memory.of(call.cloud)
    with call.write() as tx:
        schema = resolve(call, tx, request["TableName"])
        key = put_key(schema, item)
        throttle.admit(call, schema, "write")
        stored = tx.get(schema.base + key)
        old = None
        if condition is not None:
            expressions.check_key_paths(condition.paths, schema)
            old = _check(tx, schema, key, stored, condition, request)
        elif returns == "ALL_OLD":
            old = changes.load(tx, schema, key, stored)
        written = changes.put(store, tx, schema, key, stored, item, size, call.now(), old)
    output: dict[str, Any] = {}
    if returns == "ALL_OLD" and old is not None and old[0] is not None:
        output["Attributes"] = changes.fragment(old[1])
    return finish(call, request, schema, item, written, output)


@operation(resource=table_resource, conditions=iam.item_conditions)
def get_item(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetItem. Raises ResourceNotFoundException, ValidationException."""
    paths = None
    if len(request) > 2:
        paths = expressions.read_projection(request)
    with call.read() as tx:
        schema = resolve(call, tx, request["TableName"])
        key = schema.key(request["Key"])
        throttle.admit(call, schema, "read")
        if paths is not None:
            expressions.check_key_paths(paths, schema)
        value = tx.get(schema.base + key)
        if value is not None and value[0]:
            value = value[: records.HEADER] + records.json_of(tx, schema.pieces, key, value)
    size = 0 if value is None else records.size(value)
    amount = read_units(size, bool(request.get("ConsistentRead")))
    call.meter("ReadRequestUnits", amount)
    output: dict[str, Any] = {}
    if value is not None:
        json = value[records.HEADER :]
        if paths is None:
            output["Item"] = orjson.Fragment(json)
        else:
            output["Item"] = projections.project(orjson.loads(json), projections.tree(paths))
    if len(request) > 2 or schema.row.billing == "PROVISIONED":
        bill = Bill(schema.name)
        bill.table = amount
        throttle.charge(call, schema, "read", bill)
        output["ConsumedCapacity"] = bill.tell(request.get("ReturnConsumedCapacity"))
    return output


@operation(resource=table_resource, conditions=iam.item_conditions)
def update_item(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateItem. Raises ConditionalCheckFailedException, ResourceNotFoundException, ValidationException."""
    try:
        update = Update(request)
    except AwsError as error:
        raise detected(error) from None
    returns = request.get("ReturnValues", "NONE")
    with call.write() as tx:
        schema = resolve(call, tx, request["TableName"])
        try:
            key = schema.key(request["Key"])
        except AwsError as error:
            raise _of_key(request["Key"], error) from None
        throttle.admit(call, schema, "write")
        update.check(schema)
        old_item, new, written = perform_update(call, tx, schema, key, update, request)
    output: dict[str, Any] = {}
    attributes = returned(returns, update, old_item, new)
    if attributes:
        output["Attributes"] = attributes
    return finish(call, request, schema, request["Key"], written, output)


def perform_update(
    call: Call, tx: Writer, schema: Schema, key: bytes, update: Update, request: Mapping[str, Any]
) -> tuple[Item | None, Item | None, Written]:
    """Check and apply an update within a transaction: the item before, the item after, and what it cost."""
    stored = tx.get(schema.base + key)
    if update.condition is not None:
        expressions.check_key_paths(update.condition.paths, schema)
        old = _check(tx, schema, key, stored, update.condition, request)
    else:
        old = changes.load(tx, schema, key, stored)
    old_item, old_json = old
    if old_item is None and update.only_removes():
        return None, None, Written(1)
    new: Item = dict(request["Key"]) if old_item is None else orjson.loads(old_json)
    size = update.apply(schema, dict(request["Key"]) if old_item is None else old_item, new)
    written = changes.put(memory.of(call.cloud), tx, schema, key, stored, new, size, call.now(), old)
    return old_item, new, written


@operation(resource=table_resource, conditions=iam.item_conditions)
def delete_item(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteItem. Raises ConditionalCheckFailedException, ResourceNotFoundException, ValidationException."""
    returns = request.get("ReturnValues", "NONE")
    if returns not in ("NONE", "ALL_OLD"):
        raise detected(invalid(_OLD_ONLY))
    try:
        condition = expressions.write_condition(request)
    except AwsError as error:
        raise detected(error) from None
    with call.write() as tx:
        schema = resolve(call, tx, request["TableName"])
        try:
            key = schema.key(request["Key"])
        except AwsError as error:
            raise _of_key(request["Key"], error) from None
        throttle.admit(call, schema, "write")
        stored = tx.get(schema.base + key)
        old: tuple[Item | None, bytes] | None = None
        if condition is not None:
            expressions.check_key_paths(condition.paths, schema)
            old = _check(tx, schema, key, stored, condition, request)
        elif returns == "ALL_OLD":
            old = changes.load(tx, schema, key, stored)
        written = Written(1)
        if stored is not None:
            written = changes.remove(memory.of(call.cloud), tx, schema, key, stored, call.now(), old)
    output: dict[str, Any] = {}
    if returns == "ALL_OLD" and old is not None and old[0] is not None:
        output["Attributes"] = changes.fragment(old[1])
    return finish(call, request, schema, request["Key"], written, output)


def _of_key(key: Item, error: AwsError) -> AwsError:
    """Wrong values of a key are wrong in themselves; that they are no key of this table is not."""
    try:
        values.check_item(key)
    except AwsError as wrong:
        return detected(wrong)
    return error


def check_item(item: Item) -> int:
    """Validate an item to be put; its size. Raises ValidationException."""
    size = values.check_item(item)
    if size > values.ITEM_LIMIT:
        raise invalid("Item size has exceeded the maximum allowed size")
    return size


def put_key(schema: Schema, item: Item) -> bytes:
    """The key bytes of an item to be put, its index keys checked. Raises ValidationException."""
    key = schema.item_key(item)
    if schema.index_keys:
        schema.check_index_keys(item, wrong_index_type)
    return key


def _check(
    tx: Reader, schema: Schema, key: bytes, stored: bytes | None, condition: Condition, request: Mapping[str, Any]
) -> tuple[Item | None, bytes]:
    """The stored item, if the condition holds of it. Raises ConditionalCheckFailedException."""
    old = changes.load(tx, schema, key, stored)
    if not condition.test(old[0] or {}):
        members = {}
        if request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and old[0] is not None:
            members["Item"] = old[0]
        raise errors.ConditionalCheckFailedException(FAILED, **members)
    return old


def returned(returns: str, update: Update, old: Item | None, new: Item | None) -> Item | None:
    """The Attributes that ReturnValues asks for."""
    if returns == "ALL_NEW":
        return new
    if returns == "ALL_OLD":
        return old
    if returns == "UPDATED_NEW":
        return projections.project(new or {}, projections.tree(update.paths))
    if returns == "UPDATED_OLD":
        return projections.project(old or {}, projections.tree(update.paths))
    return None


def finish(
    call: Call,
    request: Mapping[str, Any],
    schema: Schema,
    key: Mapping[str, Any],
    written: Written,
    output: dict[str, Any],
) -> dict[str, Any]:
    """Charge a write, and tell what it consumed if the request asks."""
    how = request.get("ReturnConsumedCapacity")
    if how is None and not written.indexes and schema.row.billing != "PROVISIONED":
        call.meter("WriteRequestUnits", float(written.table))
    else:
        bill = Bill(schema.name)
        bill.written(schema, written)
        meter_write(call, bill.total)
        throttle.charge(call, schema, "write", bill)
        output["ConsumedCapacity"] = bill.tell(how)
    if request.get("ReturnItemCollectionMetrics") == "SIZE":
        output["ItemCollectionMetrics"] = collection_metrics(schema, key, written)
    return output
