"""What a change leaves behind besides the item: stream records, the undo log, replication, expiry entries.

All in the transaction of the change.

    ddbr/ STREAM number         a stream record
    ddbu/ DATA number           the undo log: the item's key, and its row before the change
    ddbq/ DATA key              keys whose items other regions have yet to get
    ddbz/ DATA key              when an item was deleted, for tables in several regions
    ddbe/ DATA expiry key       items by when they expire
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import orjson

from haneul import converge
from haneul.services.dynamodb.memory import Memory
from haneul.services.dynamodb.plane import logs, records, values
from haneul.services.dynamodb.plane.values import Item
from haneul.services.dynamodb.schemas import Schema
from haneul.state.store import Writer

STREAM = b"ddbr/"
UNDO = b"ddbu/"
QUEUE = b"ddbq/"
GONE = b"ddbz/"
EXPIRY = b"ddbe/"
FIVE_YEARS = 5 * 365 * 86400


def stream_prefix(data: str) -> bytes:
    return STREAM + bytes.fromhex(data)


def record(
    memory: Memory,
    tx: Writer,
    schema: Schema,
    old: Item | None,
    old_json: bytes | None,
    new: Item | None,
    new_json: bytes | None,
    now: float,
    service: bool,
    after: int,
) -> None:
    """Append a stream record, unless the item is as it was."""
    if old is not None and new is not None and (old_json == new_json or same(old, new)):
        return
    view = schema.stream
    key = schema.key_of(new if new is not None else old or {})
    entry: dict[str, Any] = {
        "n": "INSERT" if old is None else "REMOVE" if new is None else "MODIFY",
        "t": int(now),
        "k": key,
    }
    size = values.item_size(key)
    if new_json is not None and view in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES"):
        entry["N"] = orjson.Fragment(new_json)
        size += values.item_size(new or {})
    if old_json is not None and view in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES"):
        entry["O"] = orjson.Fragment(old_json)
        size += values.item_size(old or {})
    entry["s"] = size
    if service:
        entry["u"] = 1
    prefix = STREAM + bytes.fromhex(stream_data(schema))
    logs.append(tx, prefix, memory.next_number(tx, prefix, now, after), orjson.dumps(entry))


def stream_data(schema: Schema) -> str:
    """Where the records of the table's current stream lie: below the table's own name and the stream's time."""
    assert schema.row.stream_label is not None
    return schema.row.data + label_digits(schema.row.stream_label)


def label_digits(label: str) -> str:
    """A stream's label (2024-01-31T12:00:00.000) as 14 hex digits of its own."""
    digits = "".join(character for character in label if character.isdigit())
    return f"{int(digits):014x}"


def same(old: Item, new: Item) -> bool:
    return len(old) == len(new) and all(name in new and values.equal(value, new[name]) for name, value in old.items())


def undo(memory: Memory, tx: Writer, schema: Schema, key: bytes, stored: bytes | None, json: bytes, now: float) -> None:
    """Remember what the item was before a change: its header and JSON, or that there was none."""
    before = None if stored is None else stored[:13] + json
    prefix = UNDO + schema.data
    number = memory.next_number(tx, prefix, now, 0 if stored is None else records.written(stored))
    logs.append(tx, prefix, number, msgspec.msgpack.encode((key, before)))


def enqueue(memory: Memory, tx: Writer, schema: Schema, key: bytes, now: float) -> None:
    """Note that other regions have yet to get the item, as it is then."""
    tx.put(QUEUE + schema.data + key, b"")
    if memory.should_wake(schema.data, now):
        converge.wake(tx, "dynamodb.replicate", schema.scope, (schema.name,), now)


def expiry(item: Item | None, attribute: str) -> int | None:
    """When the item expires, if its TTL attribute says so: whole seconds."""
    value = None if item is None else item.get(attribute)
    if value is None or "N" not in value:
        return None
    seconds = int(Decimal(value["N"]))
    return seconds if 0 < seconds < 1 << 40 else None


def expiry_key(schema: Schema, seconds: int, key: bytes) -> bytes:
    return EXPIRY + schema.data + seconds.to_bytes(8, "big") + key


def note_expiry(
    memory: Memory, tx: Writer, schema: Schema, key: bytes, old: Item | None, new: Item | None, now: float
) -> None:
    attribute = schema.ttl
    assert attribute is not None
    before, after = expiry(old, attribute), expiry(new, attribute)
    if before == after:
        return
    if before is not None:
        tx.delete(expiry_key(schema, before, key))
    if after is not None:
        tx.put(expiry_key(schema, after, key), b"")
        due = max(float(after), now)
        if due < memory.expiry_due.get(schema.data, 1e18) - 0.5:
            memory.expiry_due[schema.data] = due
            converge.wake(tx, "dynamodb.expiry", schema.scope, (schema.name,), due + 0.05)
