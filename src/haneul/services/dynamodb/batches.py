"""BatchGetItem and BatchWriteItem: many items of several tables, each on its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from haneul.service import Call, operation
from haneul.services.dynamodb import changes, expressions, iam, memory, throttle
from haneul.services.dynamodb.capacity import Bills, collection_metrics, meter_read, meter_write, read_units
from haneul.services.dynamodb.changes import Written
from haneul.services.dynamodb.errors import Layered, invalid
from haneul.services.dynamodb.items import check_item, put_key
from haneul.services.dynamodb.names import batch_resource, resolve
from haneul.services.dynamodb.plane import projections, records, values
from haneul.services.dynamodb.plane.projections import Parts
from haneul.services.dynamodb.plane.values import Item
from haneul.services.dynamodb.schemas import NO_MATCH, Schema
from haneul.state.store import Reader
from haneul.wire.errors import AwsError

GET_LIMIT = 100
WRITE_LIMIT = 25
RESPONSE_LIMIT = 16 * 1024 * 1024
TRANSACTION = 1024 * 1024
"""Bytes of items written in one transaction: a batch of the largest items would not fit into one."""
_DUPLICATES = "Provided list of item keys contains duplicates"


@operation(resource=batch_resource, conditions=iam.batch_conditions)
def batch_get_item(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """BatchGetItem. Raises ResourceNotFoundException, ValidationException."""
    wanted = request["RequestItems"]
    if sum(len(each["Keys"]) for each in wanted.values()) > GET_LIMIT:
        raise invalid("Too many items requested for the BatchGetItem call")
    paths = {name: expressions.read_projection(each) for name, each in wanted.items()}
    responses: dict[str, list[Any]] = {}
    unprocessed: dict[str, Any] = {}
    bills = Bills()
    room = RESPONSE_LIMIT
    with call.read() as tx:
        located = {name: _locate_keys(call, tx, name, each["Keys"]) for name, each in wanted.items()}
        for name, (schema, found) in located.items():
            throttle.admit(call, schema, "read")
            expressions.check_key_paths(paths[name] or (), schema)
            bill = bills.of(schema.name)
            answers = responses.setdefault(name, [])
            left: list[Item] = []
            for key, place in found:
                if left:
                    left.append(key)
                    continue
                item, size = _read(tx, schema, place, paths[name])
                if size > room:
                    left.append(key)
                    continue
                room -= size
                bill.table += read_units(size, bool(wanted[name].get("ConsistentRead")))
                if item is not None:
                    answers.append(item)
            if left:
                unprocessed[name] = {**wanted[name], "Keys": left}
            throttle.charge(call, schema, "read", bill)
    meter_read(call, sum(bill.total for bill in bills.tables.values()))
    return {
        "Responses": responses,
        "UnprocessedKeys": unprocessed,
        "ConsumedCapacity": bills.tell(request.get("ReturnConsumedCapacity")),
    }


def _locate_keys(call: Call, tx: Reader, name: str, keys: list[Item]) -> tuple[Schema, list[tuple[Item, bytes]]]:
    schema = resolve(call, tx, name)
    found = [(key, schema.key(key)) for key in keys]
    if len({place for _, place in found}) != len(found):
        raise invalid(_DUPLICATES)
    return schema, found


def _read(tx: Reader, schema: Schema, key: bytes, paths: list[Parts] | None) -> tuple[Any, int]:
    value = tx.get(schema.base + key)
    if value is None:
        return None, 0
    json = records.json_of(tx, schema.pieces, key, value)
    if paths is None:
        return orjson.Fragment(json), records.size(value)
    return projections.project(orjson.loads(json), projections.tree(paths)), records.size(value)


class Write(NamedTuple):
    """One put (item) or delete (None) of a batch."""

    schema: Schema
    key: bytes
    item: Item | None
    size: int
    members: Mapping[str, Any]


@operation(resource=batch_resource, conditions=iam.batch_conditions)
def batch_write_item(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """BatchWriteItem. Raises ResourceNotFoundException, ValidationException."""
    wanted = request["RequestItems"]
    if sum(map(len, wanted.values())) > WRITE_LIMIT:
        raise invalid("Too many items requested for the BatchWriteItem call")
    for requests in wanted.values():
        for each in requests:
            _check_write(each)
    with call.read() as tx:
        writes = [write for name, requests in wanted.items() for write in _locate_writes(call, tx, name, requests)]
    bills = Bills()
    metrics: dict[str, list[dict[str, Any]]] = {}
    at = 0
    while at < len(writes):
        at = _write_some(call, writes, at, bills, metrics)
    for write in {write.schema.name: write for write in writes}.values():
        throttle.charge(call, write.schema, "write", bills.of(write.schema.name))
    meter_write(call, sum(bill.total for bill in bills.tables.values()))
    output: dict[str, Any] = {
        "UnprocessedItems": {},
        "ConsumedCapacity": bills.tell(request.get("ReturnConsumedCapacity")),
    }
    if request.get("ReturnItemCollectionMetrics") == "SIZE" and metrics:
        output["ItemCollectionMetrics"] = metrics
    return output


def _check_write(write: Mapping[str, Any]) -> None:
    if len(write) != 1:
        raise invalid(
            "Supplied WriteRequest must contain exactly one of PutRequest and DeleteRequest"
            if len(write) > 1
            else "Supplied WriteRequest is empty, must contain one of PutRequest and DeleteRequest"
        )
    try:
        if "PutRequest" in write:
            check_item(write["PutRequest"]["Item"])
        else:
            values.check_item(write["DeleteRequest"]["Key"])
    except Layered as wrong:
        raise invalid(wrong.older) from None


def _locate_writes(call: Call, tx: Reader, name: str, requests: list[Mapping[str, Any]]) -> list[Write]:
    schema = resolve(call, tx, name)
    throttle.admit(call, schema, "write")
    writes = []
    for each in requests:
        if "PutRequest" in each:
            item = each["PutRequest"]["Item"]
            writes.append(Write(schema, _batch_key(schema, item), item, values.item_size(item), item))
        else:
            key = each["DeleteRequest"]["Key"]
            writes.append(Write(schema, schema.key(key), None, 0, key))
    if len({write.key for write in writes}) != len(writes):
        raise invalid(_DUPLICATES)
    return writes


def _batch_key(schema: Schema, item: Item) -> bytes:
    """A put's key bytes; what isn't the table's key is told as keys are, not as items are."""
    try:
        return put_key(schema, item)
    except AwsError:
        if any(kind not in item.get(name, {}) for name, kind in schema.key_types):
            raise invalid(NO_MATCH) from None
        raise


def _write_some(
    call: Call, writes: list[Write], at: int, bills: Bills, metrics: dict[str, list[dict[str, Any]]]
) -> int:
    """Write as many as one transaction should hold; where to go on."""
    store = memory.of(call.cloud)
    now = call.now()
    size = 0
    done: list[tuple[Write, Written]] = []
    with call.write() as tx:
        while at < len(writes) and size < TRANSACTION:
            write = writes[at]
            # The table may have changed since the batch was checked: its newest schema decides what is indexed.
            schema = resolve(call, tx, write.schema.name)
            stored = tx.get(schema.base + write.key)
            written = Written(1)
            if write.item is not None:
                written = changes.put(store, tx, schema, write.key, stored, write.item, write.size, now)
            elif stored is not None:
                written = changes.remove(store, tx, schema, write.key, stored, now)
            size += write.size + 1000
            done.append((write, written))
            at += 1
    for write, written in done:
        bills.of(write.schema.name).written(write.schema, written)
        told = collection_metrics(write.schema, write.members, written)
        if told is not None:
            metrics.setdefault(write.schema.name, []).append(told)
    return at
