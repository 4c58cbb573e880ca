"""Replicas of a table in other regions of this cloud (global tables, version 2019.11.21).

A change of a replicated table leaves its key in a queue; a step brings the item to the other regions, where the newest
write wins: each row says when it was written, and so does what is left of a deleted one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from haneul import converge
from haneul.kit import tokens
from haneul.service import Call, Scope, Step
from haneul.services.dynamodb import changes, memory, purge, streamrows, trail
from haneul.services.dynamodb.errors import errors, invalid
from haneul.services.dynamodb.memory import Memory
from haneul.services.dynamodb.plane import records
from haneul.services.dynamodb.schemas import Schema
from haneul.services.dynamodb.state import TABLES, TableRow, Throughput
from haneul.state.store import Conflict, Writer
from haneul.state.table import after

IMAGES = "NEW_AND_OLD_IMAGES"
CHUNK = 50
SLICE = 0.2
TOMBSTONES = 86400.0
PURGE_EVERY = 3600.0
LOOK_AGAIN = 1.0


def update(call: Call, tx: Writer, scope: Scope, row: TableRow, updates: Sequence[Mapping[str, Any]]) -> None:
    """Add, change or remove replicas; the caller stores the row. Raises ReplicaNotFoundException."""
    for each in updates:
        kind = next((kind for kind in ("Create", "Update", "Delete") if each.get(kind) is not None), None)
        if kind is None:
            raise invalid("One of Create, Update and Delete must be specified in a replica update")
        told = each[kind]
        region = told["RegionName"]
        if region == scope.region:
            raise invalid(
                "Cannot add, delete, or update the local region through ReplicaUpdates. Use CreateTable, DeleteTable, "
                "or UpdateTable as required."
            )
        if kind == "Create":
            _create(call, tx, scope, row, region, told)
        elif region not in (row.replicas or {}):
            raise errors.ReplicaNotFoundException(f"Replica not found in region {region} for table {row.name}")
        elif kind == "Update":
            assert row.replicas is not None
            row.replicas[region] |= _settings(told)
        else:
            _remove(call, tx, scope, row, region)
        _tell(call, tx, scope, row)


def _settings(told: Mapping[str, Any]) -> dict[str, Any]:
    named = {
        "key": "KMSMasterKeyId",
        "throughput": "ProvisionedThroughputOverride",
        "on_demand": "OnDemandThroughputOverride",
        "indexes": "GlobalSecondaryIndexes",
        "class": "TableClassOverride",
    }
    return {ours: told[theirs] for ours, theirs in named.items() if told.get(theirs) is not None}


def _create(call: Call, tx: Writer, scope: Scope, row: TableRow, region: str, told: Mapping[str, Any]) -> None:
    """The replica's own table, to be filled from this one."""
    target = Scope(scope.account, region)
    if region in (row.replicas or {}) or TABLES.get(tx, target, row.name) is not None:
        raise invalid(
            f"Failed to create a the new replica of table with name: '{row.name}' because one or more replicas already "
            "existed as tables."
        )
    if row.stream is None:
        streamrows.enable(tx, scope, row, IMAGES, call.now())
    elif row.stream != IMAGES:
        raise invalid(f"The stream of table {row.name} must have the view type {IMAGES} for replicas to be created")
    row.replicas = {scope.region: {}, **(row.replicas or {}), region: {"status": "CREATING", **_settings(told)}}
    row.status = "UPDATING"
    made = copy(call, row)
    made.building = {"replica": scope.region}
    streamrows.enable(tx, target, made, IMAGES, call.now())
    with memory.of(call.cloud).changing(target, row.name):
        TABLES.put(tx, target, made)
    converge.wake(tx, "dynamodb.build", target, (row.name,), call.now())


def copy(call: Call, row: TableRow) -> TableRow:
    """The row of a replica: the same keys, indexes and capacity, with a life of its own."""
    made = TableRow(
        name=row.name,
        id=tokens.uuid(),
        data=tokens.random_hex(16),
        created=call.now(),
        hash=row.hash,
        range=row.range,
        attributes=dict(row.attributes),
        indexes=[],
        billing=row.billing,
        throughput=Throughput(row.throughput.read, row.throughput.write),
        status="CREATING",
        billed_since=call.now() if row.billing == "PAY_PER_REQUEST" else None,
        next_index=row.next_index,
        ttl=row.ttl,
        ttl_status=row.ttl_status,
        replicas=row.replicas,
    )
    for index in row.indexes:
        fresh = type(index)(
            index.name, index.number, index.local, index.hashes, index.ranges, index.projection, index.attributes
        )
        fresh.throughput = Throughput(index.throughput.read, index.throughput.write)
        made.indexes.append(fresh)
    return made


def _remove(call: Call, tx: Writer, scope: Scope, row: TableRow, region: str) -> None:
    """The replica's table goes away with its items; the others forget it."""
    assert row.replicas is not None
    target = Scope(scope.account, region)
    other = TABLES.get(tx, target, row.name)
    if other is not None:
        with memory.of(call.cloud).changing(target, row.name):
            other.replicas = None  # nobody is to be told by the table that goes
            purge.remove_table(call, tx, target, other)
    row.replicas = {name: told for name, told in row.replicas.items() if name != region}


def _tell(call: Call, tx: Writer, scope: Scope, row: TableRow) -> None:
    """Let the other replicas know who belongs to the table; the last one is a plain table again."""
    members = dict(row.replicas or {})
    if len(members) < 2:
        row.replicas = None
    for region in members:
        if region == scope.region:
            continue
        target = Scope(scope.account, region)
        with memory.of(call.cloud).changing(target, row.name):
            other = TABLES.get(tx, target, row.name)
            if other is not None:
                other.replicas = members
                TABLES.put(tx, target, other)


def peers(tx: Writer, scope: Scope, row: TableRow) -> list[tuple[Scope, TableRow]]:
    """The rows of the table's other replicas."""
    found = []
    for region in row.replicas or {}:
        target = Scope(scope.account, region)
        other = TABLES.get(tx, target, row.name) if region != scope.region else None
        if other is not None:
            found.append((target, other))
    return found


def settle(call: Call, tx: Writer, scope: Scope, row: TableRow) -> None:
    """A replica is complete: everybody says so. The caller stores the replica's own row."""
    if row.replicas is None:
        return
    row.replicas[scope.region] = {**row.replicas.get(scope.region, {}), "status": "ACTIVE"}
    for target, other in peers(tx, scope, row):
        with memory.of(call.cloud).changing(target, row.name):
            other.replicas = row.replicas
            if all(told.get("status", "ACTIVE") == "ACTIVE" for told in row.replicas.values()) and all(
                index.status == "ACTIVE" for index in other.indexes
            ):
                other.status = "ACTIVE"
            TABLES.put(tx, target, other)
        converge.wake(tx, "dynamodb.replicate", target, (row.name,), call.now())
    converge.wake(tx, "dynamodb.replicate", scope, (row.name,), call.now())


def step_replicate(call: Call, row: TableRow) -> Step:
    """Bring what has changed here to the other regions."""
    if row.replicas is None:
        return Step(row)
    until = call.cloud.clock.monotonic() + SLICE
    chunk, more = CHUNK, True
    while more:
        try:
            more = _replicate_some(call, row.name, chunk)
        except Conflict:  # its items are being written: fewer at a time
            chunk = max(1, chunk // 4)
        if more and call.cloud.clock.monotonic() > until:
            return Step(row, 0.0)
    _forget_old(call, row)
    return Step(row, LOOK_AGAIN if memory.of(call.cloud).several else PURGE_EVERY)


def _replicate_some(call: Call, name: str, chunk: int) -> bool:
    """The next keys of the queue; whether there may be more."""
    store = memory.of(call.cloud)
    scope = call.scope
    with call.read() as view:  # not in the transaction: what is put in the queue meanwhile is no conflict
        source = store.schema(view, scope, name)
        if source is None or not source.row.replicas:
            return False
        prefix = trail.QUEUE + source.data
        keys = [key for key, _ in view.scan(prefix, after(prefix), limit=chunk)]
    if not keys:
        return False
    with call.write() as tx:
        source = store.schema(tx, scope, name)
        if source is None or not source.row.replicas or trail.QUEUE + source.data != prefix:
            return False
        targets = []
        for region in source.row.replicas:
            target = store.schema(tx, Scope(scope.account, region), name) if region != scope.region else None
            if target is not None:
                targets.append(target)
        units = 0
        for key in keys:
            for target in targets:
                units += carry(store, tx, source, target, key[len(prefix) :], call.now())
            tx.delete(key)
    if units:
        call.meter("ReplicatedWriteRequestUnits", float(units))
    return len(keys) == chunk


def carry(store: Memory, tx: Writer, source: Schema, target: Schema, key: bytes, now: float) -> int:
    """Make the item in `target` what it is in `source`, if it was written there later; the write units it took."""
    stored, there = tx.get(source.base + key), tx.get(target.base + key)
    stamp = _written(tx, source, key, stored)
    other = _written(tx, target, key, there)
    if stamp < other or (stamp == other and (stored or b"") <= (there or b"")):
        return 0
    if stored is not None:
        item = orjson.loads(records.json_of(tx, source.pieces, key, stored))
        return changes.put(store, tx, target, key, there, item, records.size(stored), now, stamp=stamp).table
    if there is not None:
        return changes.remove(store, tx, target, key, there, now, stamp=stamp).table
    tx.put(trail.GONE + target.data + key, stamp.to_bytes(8, "big"))
    return 0


def _written(tx: Writer, schema: Schema, key: bytes, stored: bytes | None) -> int:
    """When the item was written, or deleted (0: it never was there)."""
    if stored is not None:
        return records.written(stored)
    gone = tx.get(trail.GONE + schema.data + key)
    return 0 if gone is None else int.from_bytes(gone, "big")


def _forget_old(call: Call, row: TableRow) -> None:
    """What was deleted a day ago no late write can bring back."""
    prefix = trail.GONE + bytes.fromhex(row.data)
    horizon = int((call.now() - TOMBSTONES) * 1_000_000)
    with call.write() as tx:
        for key, value in list(tx.scan(prefix, after(prefix), limit=5000)):
            if int.from_bytes(value, "big") < horizon:
                tx.delete(key)
