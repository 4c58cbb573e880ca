"""Query and Scan: pages of a table or an index, filtered and projected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from haneul.service import Call, operation
from haneul.services.dynamodb import expressions, iam, keyconditions, throttle
from haneul.services.dynamodb.capacity import Bill, meter_read, read_units
from haneul.services.dynamodb.errors import detected, invalid, invalid_parameter
from haneul.services.dynamodb.keyconditions import Span
from haneul.services.dynamodb.names import check_index_name, resolve, table_resource
from haneul.services.dynamodb.plane import keys, legacy, projections, records
from haneul.services.dynamodb.plane.binding import Binding
from haneul.services.dynamodb.plane.conditions import Test
from haneul.services.dynamodb.plane.projections import Parts
from haneul.services.dynamodb.plane.values import Item
from haneul.services.dynamodb.schemas import IndexSchema, Schema
from haneul.state.store import Reader

PAGE = 1024 * 1024
_EXPRESSIONS = ("ProjectionExpression", "FilterExpression", "KeyConditionExpression")


@operation(resource=table_resource, conditions=iam.query_conditions)
def query(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """Query. Raises ResourceNotFoundException, ValidationException."""
    old = ["AttributesToGet", "QueryFilter", "ConditionalOperator", "KeyConditions"]
    if request.get("KeyConditionExpression") is None:
        old.remove("KeyConditions")
    legacy.check_mixture(request, _EXPRESSIONS, old)
    bound = expressions.binding(request)
    tree = keyconditions.parsed(request, bound)
    reading = Reading(request, bound, "QueryFilter")
    bound.finish()
    found = keyconditions.key_conditions(request, bound, tree)
    with call.read() as tx:
        schema = resolve(call, tx, request["TableName"])
        reading.settle(schema)
        span = keyconditions.span(found, schema, reading.index)
        reading.check_filter(schema)
        throttle.admit(call, schema, "read", request.get("IndexName"))
        reading.pages(tx, schema, _resume(request, span, schema, reading.index), request)
    return reading.answer(call, schema, request)


@operation(resource=table_resource, conditions=iam.query_conditions)
def scan(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """Scan. Raises ResourceNotFoundException, ValidationException."""
    legacy.check_mixture(
        request, ("ProjectionExpression", "FilterExpression"), ("AttributesToGet", "ScanFilter", "ConditionalOperator")
    )
    bound = expressions.binding(request, wrapped=True)
    reading = Reading(request, bound, "ScanFilter")
    bound.finish()
    segment, total = _segment(request)
    with call.read() as tx:
        schema = resolve(call, tx, request["TableName"])
        reading.settle(schema)
        throttle.admit(call, schema, "read", request.get("IndexName"))
        prefix = schema.base if reading.index is None else reading.index.prefix
        low, high = keys.segment(segment, total) if total > 1 else (b"", b"\xff" * 9)
        span = Span(prefix + low, prefix + high)
        start = request.get("ExclusiveStartKey")
        if start is not None:
            at = keyconditions.start_key(start, schema, reading.index, "The provided starting key is invalid: ")
            if not span.start <= at < span.end:
                raise invalid(
                    "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey "
                    f"with correct Segment. TotalSegments: {total} Segment: {segment}"
                )
            span = Span(at + b"\x00", span.end)
        reading.pages(tx, schema, span, request)
    return reading.answer(call, schema, request)


def _segment(request: Mapping[str, Any]) -> tuple[int, int]:
    segment, total = request.get("Segment"), request.get("TotalSegments")
    if segment is None and total is None:
        return 0, 1
    if total is None:
        raise invalid(
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is "
            "present"
        )
    if segment is None:
        raise invalid(
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is "
            "present"
        )
    if segment >= total:
        raise invalid("The Segment parameter is zero-based and must be less than parameter TotalSegments")
    return segment, total


def _resume(request: Mapping[str, Any], span: Span, schema: Schema, index: IndexSchema | None) -> Span:
    """The rest of the span behind the ExclusiveStartKey."""
    start = request.get("ExclusiveStartKey")
    if start is None:
        return span
    at = keyconditions.start_key(start, schema, index)
    if not span.start <= at < span.end:
        raise invalid("The provided starting key is outside query boundaries based on provided conditions")
    if request.get("ScanIndexForward") is False:
        return Span(span.start, at)
    return Span(at + b"\x00", span.end)


class Reading:
    """What one page is read with, and what it has gathered."""

    def __init__(self, request: Mapping[str, Any], bound: Binding, legacy_filter: str) -> None:
        self.index_name: str | None = request.get("IndexName")
        if self.index_name is not None:
            check_index_name(self.index_name)
        self.test: Test | None
        self.test, self.filter_paths, self.filter_name = expressions.filter_test(request, bound, legacy_filter)
        self.paths: list[Parts] | None = expressions.projection(request, bound)
        self.consistent = bool(request.get("ConsistentRead"))
        self.select = self._select(request)
        self.index: IndexSchema | None = None
        self.fetches = False
        self.items: list[Any] = []
        self.count = self.scanned = 0
        self.bytes = 0
        self.fetched = 0.0
        self.last: Item | None = None

    def _select(self, request: Mapping[str, Any]) -> str:
        select: str | None = request.get("Select")
        how = "ProjectionExpression" if request.get("ProjectionExpression") is not None else "AttributesToGet"
        if self.paths is not None:
            if select not in (None, "SPECIFIC_ATTRIBUTES"):
                what = "only the Count" if select == "COUNT" else select
                raise detected(invalid(f"Cannot specify the {how} when choosing to get {what}"))
            return "SPECIFIC_ATTRIBUTES"
        if select == "SPECIFIC_ATTRIBUTES":
            raise detected(
                invalid(
                    "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
                )
            )
        if select == "ALL_PROJECTED_ATTRIBUTES" and self.index_name is None:
            raise detected(invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"))
        return select or ("ALL_PROJECTED_ATTRIBUTES" if self.index_name is not None else "ALL_ATTRIBUTES")

    def settle(self, schema: Schema) -> None:
        """What the table and its index allow. Raises ValidationException."""
        expressions.check_key_paths(self.paths or (), schema)
        expressions.check_key_paths(self.filter_paths, schema)
        if self.index_name is None:
            return
        self.index = index = schema.index(self.index_name)
        if self.consistent and not index.local:
            raise invalid("Consistent reads are not supported on global secondary indexes")
        if index.all:
            return
        if self.select == "ALL_ATTRIBUTES":
            if not index.local:
                raise invalid_parameter(
                    f"Select type ALL_ATTRIBUTES is not supported for global secondary index {index.name} "
                    "because its projection type is not ALL"
                )
            self.fetches = True
        elif self.paths is not None:
            missing = [str(path[0]) for path in self.paths if path[0] not in index.projected]
            if missing and not index.local:
                raise invalid_parameter(
                    f"Global secondary index {index.name} does not project [{', '.join(sorted(set(missing)))}]"
                )
            self.fetches = bool(missing)

    def check_filter(self, schema: Schema) -> None:
        """A query's filter is about what is no key."""
        if self.index is None:
            names = schema.key_names
        else:
            names = [name for name, _ in self.index.attributes]
        heads = {path[0] for path in self.filter_paths}
        for name in names:
            if name in heads:
                raise invalid(
                    f"{self.filter_name} can only contain non-primary key attributes: Primary key attribute: {name}"
                )

    def pages(self, tx: Reader, schema: Schema, span: Span, request: Mapping[str, Any]) -> None:
        """Read until the limit, a megabyte, or the end."""
        limit = request.get("Limit")
        if span.start >= span.end:
            return
        reverse = request.get("ScanIndexForward") is False
        pairs = tx.scan(span.start, span.end, reverse=reverse, limit=limit)
        if self.test is None and self.index is None and self.select in ("ALL_ATTRIBUTES", "COUNT"):
            self._quick(tx, schema, pairs, limit)
        else:
            self._slow(tx, schema, pairs, limit)

    def _quick(self, tx: Reader, schema: Schema, pairs: Iterable[tuple[bytes, bytes]], limit: int | None) -> None:
        """Whole items as they are stored."""
        base = len(schema.base)
        counting = self.select == "COUNT"
        items = self.items
        fragment = orjson.Fragment
        scanned = size = 0
        json = b""
        full = False
        for key, value in pairs:
            scanned += 1
            size += int.from_bytes(value[1:5], "big")
            json = value[records.HEADER :] if not value[0] else records.json_of(tx, schema.pieces, key[base:], value)
            if not counting:
                items.append(fragment(json))
            if size >= PAGE:
                full = True
                break
        self.scanned = self.count = scanned
        self.bytes = size
        if full or (limit is not None and scanned >= limit):
            self.last = orjson.loads(json)

    def _slow(self, tx: Reader, schema: Schema, pairs: Iterable[tuple[bytes, bytes]], limit: int | None) -> None:
        wanted = None if self.paths is None else projections.tree(self.paths)
        size = 0
        item: Item = {}
        full = False
        for key, value in pairs:
            self.scanned += 1
            size += records.size(value)
            item, whole = self._item(tx, schema, key, value)
            if self.test is None or self.test(item):
                self.count += 1
                if self.select != "COUNT":
                    self.items.append(whole if wanted is None else projections.project(whole, wanted))
            if size >= PAGE:
                full = True
                break
        self.bytes = size
        if full or (limit is not None and self.scanned >= limit):
            self.last = item

    def _item(self, tx: Reader, schema: Schema, key: bytes, value: bytes) -> tuple[Item, Item]:
        """(the entry's item, the item to return) behind a pair."""
        index = self.index
        if index is None:
            item = orjson.loads(records.json_of(tx, schema.pieces, key[len(schema.base) :], value))
            return item, item
        if not records.is_pointer(value) and not self.fetches:
            item = orjson.loads(memoryview(value)[records.HEADER :])
            return item, item
        base = key[len(index.prefix) :]
        base = base[_entry_length(index, base) :]
        stored = tx.get(schema.base + base)
        assert stored is not None, "an index entry without its item"
        whole: Item = orjson.loads(records.json_of(tx, schema.pieces, base, stored))
        self.fetched += read_units(records.size(stored), self.consistent)
        if self.fetches:
            return whole, whole
        projected = index.project(whole)
        return projected, projected

    def answer(self, call: Call, schema: Schema, request: Mapping[str, Any]) -> dict[str, Any]:
        """The page as the response has it."""
        output: dict[str, Any] = {"Count": self.count, "ScannedCount": self.scanned}
        if self.select != "COUNT":
            output["Items"] = self.items
        if self.last is not None:
            names = schema.key_names if self.index is None else self.index.key_names
            output["LastEvaluatedKey"] = {name: self.last[name] for name in names}
        bill = Bill(schema.name)
        amount = read_units(self.bytes, self.consistent)
        if self.index is None:
            bill.table = amount
        else:
            bill.index(schema, self.index.name, amount)
            if self.fetches:
                bill.table = self.fetched
        meter_read(call, bill.total)
        throttle.charge(call, schema, "read", bill)
        output["ConsumedCapacity"] = bill.tell(request.get("ReturnConsumedCapacity"))
        return output


def _entry_length(index: IndexSchema, entry: bytes) -> int:
    """How long the index's own part of an entry's key is; the item's key follows."""
    at = keys.HASH_BYTES
    at += keys.partition_length(entry, len(index.hashes)) - keys.HASH_BYTES
    for _, kind in index.ranges:
        at = keys.skip(kind, entry, at)
    return at
