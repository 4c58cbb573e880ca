"""A table's streams as rows: enabled with a label of their own, disabled, and gone a day later."""

from __future__ import annotations

from datetime import UTC, datetime

from haneul import converge
from haneul.kit import tokens
from haneul.service import Call, Scope, Step
from haneul.services.dynamodb import trail
from haneul.services.dynamodb.descriptions import key_schema
from haneul.services.dynamodb.plane import logs
from haneul.services.dynamodb.state import STREAMS, StreamRow, TableRow
from haneul.state.store import Reader, Writer

LIFE = 24 * 3600.0
TRIM_EVERY = 600.0


def enable(tx: Writer, scope: Scope, row: TableRow, view: str, now: float) -> None:
    """Give the table a new stream; the caller stores the row."""
    instant = datetime.fromtimestamp(now, UTC)
    label = f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}"
    while STREAMS.get(tx, scope, row.name, label) is not None:
        now += 0.001
        instant = datetime.fromtimestamp(now, UTC)
        label = f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}"
    row.stream = view
    row.stream_label = label
    stream = StreamRow(
        table=row.name,
        label=label,
        data=row.data + trail.label_digits(label),
        view=view,
        keys=key_schema((row.hash,), (row.range,) if row.range else ()),
        created=now,
        shard=f"shardId-{int(now * 1000):020d}-{tokens.random_hex(8)}",
        first=int(now * 1_000_000),
    )
    STREAMS.put(tx, scope, stream)
    converge.wake(tx, "dynamodb.stream", scope, (row.name, label), now + TRIM_EVERY)


def disable(tx: Writer, scope: Scope, row: TableRow, now: float) -> None:
    """Close the table's stream; what it holds can be read for a day. The caller stores the row."""
    if row.stream is None or row.stream_label is None:
        return
    stream = STREAMS.get(tx, scope, row.name, row.stream_label)
    row.stream = None
    if stream is not None:
        stream.disabled = now
        stream.last = last_number(tx, stream)
        STREAMS.put(tx, scope, stream)
        converge.wake(tx, "dynamodb.stream", scope, (stream.table, stream.label), now + TRIM_EVERY)


def last_number(tx: Reader, stream: StreamRow) -> int:
    """The number of the newest record, or where the stream begins."""
    prefix = trail.stream_prefix(stream.data)
    newest = next(iter(tx.scan(prefix, prefix + b"\xff" * 9, reverse=True, limit=1)), None)
    return stream.first if newest is None else int.from_bytes(newest[0][len(prefix) : len(prefix) + 8], "big")


def step_stream(call: Call, stream: StreamRow) -> Step:
    """Trim records older than a day; forget a stream that was disabled a day ago."""
    now = call.now()
    prefix = trail.stream_prefix(stream.data)
    horizon = logs.position(prefix, max(0, int((now - LIFE) * 1_000_000)))
    with call.write() as tx:
        if stream.disabled is not None and now - stream.disabled > LIFE:
            tx.delete_range(prefix, prefix + b"\xff" * 9)
            return Step(None)
        tx.delete_range(prefix, horizon)
    return Step(stream, TRIM_EVERY)
