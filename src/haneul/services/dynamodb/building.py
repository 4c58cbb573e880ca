"""Tables that are filled from elsewhere: a backup, an earlier time of another table, a replica's region."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import orjson

from haneul.service import Call, Scope, Step
from haneul.services.dynamodb import changes, memory, replicas, trail
from haneul.services.dynamodb.plane import logs, records
from haneul.services.dynamodb.plane.values import Item
from haneul.services.dynamodb.schemas import Schema
from haneul.services.dynamodb.state import TABLES, TableRow
from haneul.state.store import Reader
from haneul.state.table import after

CHUNK = 100
CHUNK_BYTES = 1024 * 1024
Found = tuple[bytes, Item, int]


def step_build(call: Call, row: TableRow) -> Step:
    """Fill the table, then make it active. Killed on the way it begins again: what is there is put once more."""
    told = row.building
    if told is None or "import" in told:
        return Step(row)
    if "replica" in told:
        fill_replica(call, row, Scope(call.scope.account, told["replica"]))
        settle(call, row.name)
        return Step(row, 0.0)
    schema = Schema(call.scope, row, b"")
    with call.cloud.store.read() as view:
        source = items(view, told["data"])
        if told.get("at") is not None:
            source = as_of(view, told["data"], float(told["at"]), source)
        batch: list[Found] = []
        held = 0
        for found in source:
            batch.append(found)
            held += found[2]
            if len(batch) >= CHUNK or held >= CHUNK_BYTES:
                put(call, schema, batch)
                batch, held = [], 0
        put(call, schema, batch)
    settle(call, row.name)
    return Step(row, 0.0)


def fill_replica(call: Call, row: TableRow, source: Scope) -> None:
    """Bring over what the source holds; what changes there meanwhile follows by its queue, and the newest wins."""
    store = memory.of(call.cloud)
    with call.read() as tx:
        origin = TABLES.get(tx, source, row.name)
    if origin is None:
        return
    base = records.root(origin.data) + b"\x00"
    at = base
    while True:
        with call.write() as tx:
            there = store.schema(tx, source, row.name)
            here = store.schema(tx, call.scope, row.name)
            if there is None or here is None:
                return
            keys = [key for key, _ in tx.scan(at, after(base), limit=CHUNK // 2)]
            for key in keys:
                replicas.carry(store, tx, there, here, key[len(base) :], call.now())
        if len(keys) < CHUNK // 2:
            return
        at = keys[-1] + b"\x00"


def settle(call: Call, name: str) -> None:
    """The table is complete: it can be used."""
    with memory.of(call.cloud).changing(call.scope, name), call.write() as tx:
        row = TABLES.get(tx, call.scope, name)
        if row is None or row.building is None:
            return
        row.building = None
        row.status = "ACTIVE"
        if row.restore is not None:
            row.restore = {**row.restore, "RestoreInProgress": False}
        replicas.settle(call, tx, call.scope, row)
        TABLES.put(tx, call.scope, row)


def items(view: Reader, data: str) -> Iterator[Found]:
    base, pieces = records.root(data) + b"\x00", records.pieces_root(data)
    for key, value in view.scan(base, after(base)):
        place = key[len(base) :]
        yield place, orjson.loads(records.json_of(view, pieces, place, value)), records.size(value)


def as_of(view: Reader, data: str, at: float, now: Iterator[Found]) -> Iterator[Found]:
    """Items as they were at `at`: those of now, with what changed since put back.

    Only the first change of a key since then counts: what it found is what there was.
    """
    prefix = trail.UNDO + bytes.fromhex(data)
    since = logs.position(prefix, int(at * 1_000_000) + 1)
    before: dict[bytes, tuple[Item, int] | None] = {}
    for _, entry in logs.entries(view.scan(since, after(prefix))):
        key, stored = msgspec.msgpack.decode(entry, type=tuple[bytes, bytes | None])
        if key not in before:
            before[key] = None if stored is None else (orjson.loads(stored[records.HEADER :]), records.size(stored))
    for found in now:
        if found[0] not in before:
            yield found
    for key, old in before.items():
        if old is not None:
            yield key, *old


def changed(view: Reader, data: str, start: float, end: float) -> Iterator[tuple[int, Item | None, Item | None]]:
    """(microseconds of the last change, the item at `start`, at `end`) of all keys changed from `start` until `end`."""
    prefix, base = trail.UNDO + bytes.fromhex(data), records.root(data) + b"\x00"
    limit = int(end * 1_000_000)
    before: dict[bytes, bytes | None] = {}
    last: dict[bytes, int] = {}
    after_: dict[bytes, bytes | None] = {}
    since = logs.position(prefix, int(start * 1_000_000))
    for number, entry in logs.entries(view.scan(since, after(prefix))):
        key, stored = msgspec.msgpack.decode(entry, type=tuple[bytes, bytes | None])
        if number < limit:
            before.setdefault(key, stored)
            last[key] = number
        elif key in before:
            after_.setdefault(key, stored)
    for key, number in last.items():
        then = _image(before[key])
        if key in after_:
            yield number, then, _image(after_[key])
            continue
        value = view.get(base + key)
        json = None if value is None else records.json_of(view, records.pieces_root(data), key, value)
        yield number, then, None if json is None else orjson.loads(json)


def _image(stored: bytes | None) -> Item | None:
    return None if stored is None else orjson.loads(stored[records.HEADER :])


def put(call: Call, schema: Schema, batch: list[Found]) -> None:
    if not batch:
        return
    store = memory.of(call.cloud)
    with call.write() as tx:
        if TABLES.get(tx, schema.scope, schema.name) is None:
            return
        for key, item, size in batch:
            stored = tx.get(schema.base + key)
            changes.put(store, tx, schema, key, stored, item, size, call.now())
