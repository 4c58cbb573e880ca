"""The one way an item changes: its row, its index entries, and what the change leaves behind, in one transaction."""

from __future__ import annotations

from typing import Any

import orjson

from haneul.services.dynamodb import trail
from haneul.services.dynamodb.errors import errors
from haneul.services.dynamodb.memory import Memory
from haneul.services.dynamodb.plane import records, values
from haneul.services.dynamodb.plane.values import Item
from haneul.services.dynamodb.schemas import IndexSchema, Schema
from haneul.state.store import Reader, Writer

COLLECTIONS = b"ddbs/"
COLLECTION_LIMIT = 10 * 1024**3


class Written:
    """What a change cost: write units of the table, and of each index it touched."""

    __slots__ = ("collection", "indexes", "table")

    def __init__(self, table: int) -> None:
        self.table = table
        self.indexes: dict[str, int] = {}
        self.collection: int | None = None


def units(size: int) -> int:
    """Write units of `size` bytes."""
    return (size + 1023) // 1024 or 1


def load(tx: Reader, schema: Schema, key: bytes, value: bytes | None) -> tuple[Item | None, bytes]:
    """The stored item and its JSON."""
    if value is None:
        return None, b""
    json = records.json_of(tx, schema.pieces, key, value) if value[0] else value[records.HEADER :]
    return orjson.loads(json), json


def put(
    memory: Memory,
    tx: Writer,
    schema: Schema,
    key: bytes,
    stored: bytes | None,
    item: Item,
    size: int,
    now: float,
    old: tuple[Item | None, bytes] | None = None,
    stamp: int | None = None,
) -> Written:
    """Make `item` (validated, `size` bytes) what is under `key`, in place of the row `stored`.

    old: the stored item, if the caller has it. stamp: when it was written, for a change from another region.
    """
    json = orjson.dumps(item)
    before = 0 if stored is None else records.size(stored)
    written = Written(units(max(size, before)))
    at = int(now * 1_000_000) if stamp is None else stamp
    if schema.replicated and stamp is None:
        at = memory.stamp(now, 0 if stored is None else records.written(stored))
    if not schema.plain:
        if old is None:
            old = load(tx, schema, key, stored)
        _trail(memory, tx, schema, key, stored, old, item, json, size, now, written, False, stamp)
    records.put(tx, schema.base, schema.pieces, key, stored, json, size, at)
    memory.count(tx, schema.data, 0, 1 if stored is None else 0, size - before)
    return written


def remove(
    memory: Memory,
    tx: Writer,
    schema: Schema,
    key: bytes,
    stored: bytes,
    now: float,
    old: tuple[Item | None, bytes] | None = None,
    service: bool = False,
    stamp: int | None = None,
) -> Written:
    """Take away the item whose row is `stored`. service: DynamoDB itself does it (it has expired)."""
    size = records.size(stored)
    written = Written(units(size))
    if not schema.plain:
        if old is None:
            old = load(tx, schema, key, stored)
        _trail(memory, tx, schema, key, stored, old, None, None, 0, now, written, service, stamp)
        if schema.replicated:
            at = memory.stamp(now, records.written(stored)) if stamp is None else stamp
            tx.put(trail.GONE + schema.data + key, at.to_bytes(8, "big"))
    records.delete(tx, schema.base, schema.pieces, key, stored)
    memory.count(tx, schema.data, 0, -1, -size)
    return written


def _trail(
    memory: Memory,
    tx: Writer,
    schema: Schema,
    key: bytes,
    stored: bytes | None,
    old: tuple[Item | None, bytes],
    new: Item | None,
    json: bytes | None,
    size: int,
    now: float,
    written: Written,
    service: bool,
    stamp: int | None,
) -> None:
    old_item, old_json = old
    for index in schema.indexes:
        _maintain(memory, tx, schema, index, key, old_item, new, now, written)
    if schema.has_local:
        written.collection = _collect(tx, schema, key, size - (0 if stored is None else records.size(stored)))
    if schema.stream:
        before = 0 if stored is None else records.written(stored)
        trail.record(memory, tx, schema, old_item, old_json or None, new, json, now, service, before)
    if schema.logged:
        trail.undo(memory, tx, schema, key, stored, old_json, now)
    if schema.ttl:
        trail.note_expiry(memory, tx, schema, key, old_item, new, now)
    if schema.replicated:
        if stamp is None:
            trail.enqueue(memory, tx, schema, key, now)
        if new is not None:
            tx.delete(trail.GONE + schema.data + key)


def _maintain(
    memory: Memory,
    tx: Writer,
    schema: Schema,
    index: IndexSchema,
    key: bytes,
    old: Item | None,
    new: Item | None,
    now: float,
    written: Written,
) -> None:
    """Bring one index up to date."""
    before = None if old is None else index.key(old, key)
    after = None if new is None else index.key(new, key)
    if before is None and after is None:
        return
    was = index.project(old or {}) if before is not None else None
    will = index.project(new or {}) if after is not None else None
    if before == after and was == will:
        return
    cost = 0
    count = grown = 0
    if was is not None:
        old_size = values.item_size(was)
        count, grown = -1, -old_size
        if before != after:
            assert before is not None
            tx.delete(index.prefix + before)
            cost += units(old_size)
    if will is not None:
        assert after is not None
        size = values.item_size(will)
        tx.put(index.prefix + after, records.entry(orjson.dumps(will), size, int(now * 1_000_000)))
        cost += units(max(size, old_size) if was is not None and before == after else size)
        count, grown = count + 1, grown + size
    written.indexes[index.name] = cost
    memory.count(tx, schema.data, index.row.number, count, grown)


def _collect(tx: Writer, schema: Schema, key: bytes, grown: int) -> int:
    """Keep the size of the item's collection (tables with local indexes). Raises ItemCollectionSizeLimitExceeded."""
    place = COLLECTIONS + schema.data + partition_of(key)
    stored = tx.get(place)
    size = max(0, (0 if stored is None else int.from_bytes(stored, "big")) + grown)
    if size > COLLECTION_LIMIT and grown > 0:
        raise errors.ItemCollectionSizeLimitExceededException(
            "Collection size exceeded. Collection size of this item exceeds the maximum limit"
        )
    if size:
        tx.put(place, size.to_bytes(8, "big"))
    else:
        tx.delete(place)
    return size


def partition_of(key: bytes) -> bytes:
    """The partition part of an item's key."""
    return key[: 10 + int.from_bytes(key[8:10], "big")]


def fragment(json: bytes) -> Any:
    """JSON that goes into an answer as it is."""
    return orjson.Fragment(json)
