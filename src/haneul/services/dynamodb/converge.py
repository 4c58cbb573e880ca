"""What takes time on a table: building and removing indexes, expiring items, counting anew, forgetting backups."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from haneul.service import Call, Step
from haneul.services.dynamodb import changes, memory, purge, trail
from haneul.services.dynamodb.memory import Counts, Memory
from haneul.services.dynamodb.plane import keys, records, values
from haneul.services.dynamodb.plane.values import Item
from haneul.services.dynamodb.schemas import IndexSchema, Schema
from haneul.services.dynamodb.state import TABLES, BackupRow, Index, TableRow
from haneul.state.store import Writer
from haneul.state.table import after

CHUNK = 100
CHUNK_BYTES = 1024 * 1024
SLICE = 0.2
"""Seconds a step works before it lets others have the worker."""
EXPIRE_EVERY = 30.0
UNDO_EVERY = 3600.0


def step_index(call: Call, row: TableRow) -> Step:
    """Build the index that is being created, or remove the one that is being deleted, a piece at a time."""
    pending = [index for index in row.indexes if index.status in ("CREATING", "DELETING")]
    if not pending:
        return Step(row)
    until = call.cloud.clock.monotonic() + SLICE
    work: Callable[[Call, str, int], bool] = _remove_some if pending[0].status == "DELETING" else _build_some
    while work(call, row.name, pending[0].number):
        if call.cloud.clock.monotonic() > until:
            break
    return Step(row, 0.0)  # the row has changed meanwhile: the loop looks again


def _index(row: TableRow | None, number: int) -> Index | None:
    return None if row is None else next((index for index in row.indexes if index.number == number), None)


def _settled(row: TableRow) -> None:
    if all(index.status == "ACTIVE" for index in row.indexes):
        row.status = "ACTIVE"


def _build_some(call: Call, name: str, number: int) -> bool:
    """Index the next items; whether there are more."""
    store = memory.of(call.cloud)
    with store.changing(call.scope, name), call.write() as tx:
        row = TABLES.get(tx, call.scope, name)
        index = _index(row, number)
        if row is None or index is None or index.status != "CREATING":
            return False
        schema = Schema(call.scope, row, b"")
        indexed = next(each for each in schema.indexes if each.row.number == number)
        cursor = _fill(store, tx, schema, indexed, index.cursor or b"", call.now())
        if cursor is None:
            index.status, index.backfilling, index.cursor = "ACTIVE", False, None
            _settled(row)
        else:
            index.cursor = cursor
        TABLES.put(tx, call.scope, row)
    return cursor is not None


def _fill(store: Memory, tx: Writer, schema: Schema, index: IndexSchema, cursor: bytes, now: float) -> bytes | None:
    """Put entries of the items behind `cursor`; where to go on, or None at the end."""
    start = schema.base + cursor + (b"\x00" if cursor else b"")
    count = size = 0
    last = b""
    for key, value in tx.scan(start, after(schema.base), limit=CHUNK):
        last = key[len(schema.base) :]
        item: Item = orjson.loads(records.json_of(tx, schema.pieces, last, value))
        place = index.key(item, last) if fits(index, item) else None
        if place is not None and tx.get(index.prefix + place) is None:
            projected = index.project(item)
            counted = values.item_size(projected)
            tx.put(index.prefix + place, records.entry(orjson.dumps(projected), counted, int(now * 1_000_000)))
            store.count(tx, schema.data, index.row.number, 1, counted)
        count += 1
        size += len(value)
        if size > CHUNK_BYTES:
            return last
    return last if count == CHUNK else None


def fits(index: IndexSchema, item: Item) -> bool:
    """Whether an older item's values may be keys of the index at all: not empty, and not too long."""
    for number, (name, kind) in enumerate(index.attributes):
        value = item.get(name)
        if value is None or kind not in value:
            return False
        if kind != "N":
            size = len(keys.raw(kind, value[kind]))
            if not 0 < size <= (2048 if number < len(index.hashes) else 1024):
                return False
    return True


def _remove_some(call: Call, name: str, number: int) -> bool:
    """Take away the index: its entries, then its row."""
    store = memory.of(call.cloud)
    with store.changing(call.scope, name), call.write() as tx:
        row = TABLES.get(tx, call.scope, name)
        index = _index(row, number)
        if row is None or index is None:
            return False
        root = records.root(row.data) + bytes([number])
        tx.delete_range(root, after(root))
        row.indexes = [each for each in row.indexes if each.number != number]
        used = {row.hash, row.range} | {name for each in row.indexes for name in (*each.hashes, *each.ranges)}
        row.attributes = {name: kind for name, kind in row.attributes.items() if name in used}
        _settled(row)
        TABLES.put(tx, call.scope, row)
    return False


def step_expiry(call: Call, row: TableRow) -> Step:
    """Note when the items that were there before TTL was enabled expire, and delete what has expired."""
    if row.ttl_cursor is not None:
        _prepare(call, row.name)
        return Step(row, 0.0)
    if row.ttl is None:
        return Step(row)
    until = call.cloud.clock.monotonic() + SLICE
    wait = 0.0
    while wait == 0.0 and call.cloud.clock.monotonic() < until:
        wait = _expire_some(call, row.name)
    memory.of(call.cloud).expiry_due[bytes.fromhex(row.data)] = call.now() + wait
    return Step(row, wait)


def _prepare(call: Call, name: str) -> None:
    """Note when existing items expire, from where the last step came to."""
    with memory.of(call.cloud).changing(call.scope, name), call.write() as tx:
        row = TABLES.get(tx, call.scope, name)
        if row is None or row.ttl_cursor is None or row.ttl is None:
            return
        schema = Schema(call.scope, row, b"")
        cursor = row.ttl_cursor or b""
        count = 0
        for key, value in tx.scan(schema.base + cursor, after(schema.base), limit=CHUNK * 5):
            cursor = key[len(schema.base) :] + b"\x00"
            item: Item = orjson.loads(records.json_of(tx, schema.pieces, cursor[:-1], value))
            seconds = trail.expiry(item, row.ttl)
            if seconds is not None:
                tx.put(trail.expiry_key(schema, seconds, cursor[:-1]), b"")
            count += 1
        row.ttl_cursor = cursor
        if count < CHUNK * 5:
            row.ttl_cursor = None
        TABLES.put(tx, call.scope, row)


def _expire_some(call: Call, name: str) -> float:
    """Delete some expired items; seconds until there is more to do (0: at once)."""
    store = memory.of(call.cloud)
    now = call.now()
    with call.write() as tx:
        schema = store.schema(tx, call.scope, name)
        if schema is None or schema.ttl is None:
            return EXPIRE_EVERY
        prefix = trail.EXPIRY + schema.data
        # What was dead for five years is left alone: it is more likely no time at all.
        oldest = prefix + max(0, int(now) - trail.FIVE_YEARS).to_bytes(8, "big")
        for count, (entry, _) in enumerate(tx.scan(oldest, after(prefix), limit=CHUNK), 1):
            seconds = int.from_bytes(entry[len(prefix) : len(prefix) + 8], "big")
            if seconds > now:
                return min(max(seconds - now, 0.05), EXPIRE_EVERY)
            _expire(store, tx, schema, entry[len(prefix) + 8 :], entry, now)
            if count == CHUNK:
                return 0.0
    return EXPIRE_EVERY


def _expire(store: Memory, tx: Writer, schema: Schema, key: bytes, entry: bytes, now: float) -> None:
    tx.delete(entry)
    stored = tx.get(schema.base + key)
    if stored is None:
        return
    old = changes.load(tx, schema, key, stored)
    seconds = trail.expiry(old[0], schema.ttl or "")
    if seconds is not None and seconds <= now:
        changes.remove(store, tx, schema, key, stored, now, old, service=True)


def step_count(call: Call, row: TableRow) -> Step:
    """Count a table's items anew: the process that counted them was killed."""
    store = memory.of(call.cloud)
    data = bytes.fromhex(row.data)
    counts: Counts = {}
    root = records.root(row.data)
    with call.cloud.store.read() as view:
        with call.write() as tx:
            if not store.is_behind(tx, data):
                return Step(row)
            store.start_count(tx, data)
            view.get(root)  # from here on the view stands still: what comes later is counted as a difference
        for key, value in view.scan(root, after(root)):
            pair = counts.setdefault(key[len(root)], [0, 0])
            pair[0] += 1
            pair[1] += records.size(value)
    with call.write() as tx:
        store.set_counts(tx, data, counts)
    return Step(row)


def step_undo(call: Call, row: TableRow) -> Step:
    """Forget changes older than the recovery period."""
    if row.pitr_since is None:
        return Step(row)
    prefix = trail.UNDO + bytes.fromhex(row.data)
    horizon = int((call.now() - row.recovery_days * 86400) * 1_000_000)
    with call.write() as tx:
        tx.delete_range(prefix, prefix + max(0, horizon).to_bytes(8, "big"))
    return Step(row, UNDO_EVERY)


def step_backup(call: Call, row: BackupRow) -> Step:
    """Make a backup; remove a deleted or expired one."""
    from haneul.services.dynamodb.backups import copy_table  # late: backups builds on this module's neighbours

    if row.status == "DELETED" or (row.expires is not None and row.expires <= call.now()):
        with call.write() as tx:
            purge.drop(tx, row.data)
        return Step(None)
    if row.status == "CREATING":
        return copy_table(call, row)
    return Step(row, None if row.expires is None else max(1.0, row.expires - call.now()))
