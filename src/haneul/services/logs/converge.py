"""What logs do with time: forget, answer queries, export, and reach subscribers."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from haneul.service import Call, Step
from haneul.services.logs.exports import put_object
from haneul.services.logs.groups import SWEEP_EVERY
from haneul.services.logs.insights.query import parse_query
from haneul.services.logs.names import millis
from haneul.services.logs.plane import journal
from haneul.services.logs.queries import KEPT, results_key
from haneul.services.logs.records import fields_of
from haneul.services.logs.state import GROUPS, QUERIES, STREAMS, Delivery, Export, Group, Query
from haneul.services.logs.subscriptions import batch_key, send
from haneul.state import chunks
from haneul.wire.errors import AwsError

log = logging.getLogger("haneul.logs")
DAY = 86_400_000
SCANNED = 1_000_000
"""Records that one query looks at, at most."""
TRIES = 5


def step_group(call: Call, group: Group) -> Step:
    """Delete events older than the retention, some at a time."""
    if group.retention is None:
        return Step(group)
    before = millis(call) - group.retention * DAY
    more = False
    with call.write() as tx:
        for stream in STREAMS.scan(tx, call.scope, group.name):
            if journal.delete_stream(tx, group.number, stream.number, before, limit=2000):
                more = True
                break
    return Step(group, 0.05 if more else SWEEP_EVERY)


def step_query(call: Call, query: Query) -> Step:
    """Run a query, and forget it after a week."""
    now = millis(call)
    if query.status != "Scheduled":
        if now - query.created < KEPT:
            return Step(query, (KEPT - (now - query.created)) / 1000)
        with call.write() as tx:
            chunks.delete(tx, results_key(query))
        return Step(None)
    parsed = parse_query(query.text)
    size = scanned = 0
    records: list[dict[str, Any]] = []
    for record, length in _records(call, query):
        scanned += 1
        size += length
        records.append(record)
        if scanned >= SCANNED:
            break
    records.sort(key=lambda record: record["@timestamp"], reverse=True)
    rows = parsed.run(records, query.limit)
    packed = orjson.dumps([parsed.show(row) for row in rows])
    with call.write() as tx:
        current = QUERIES.get(tx, call.scope, query.id)
        if current is None or current.status != "Scheduled":
            return Step(query, 0.0)
        chunks.put(tx, results_key(query), packed)
    statistics = {
        "recordsMatched": float(parsed.matched),
        "recordsScanned": float(scanned),
        "bytesScanned": float(size),
        "logGroupsScanned": float(len(query.groups)),
        "estimatedRecordsSkipped": 0.0,
        "estimatedBytesSkipped": 0.0,
    }
    done = msgspec.structs.replace(query, status="Complete", statistics=statistics, count=len(rows))
    return Step(done, KEPT / 1000)


def _records(call: Call, query: Query) -> Iterator[tuple[dict[str, Any], int]]:
    """The newest records of a query's groups in its time, with their sizes."""
    with call.read() as tx:
        for name in query.groups:
            group = GROUPS.get(tx, call.scope, name)
            if group is None:
                continue
            streams = {stream.number: stream.name for stream in STREAMS.scan(tx, call.scope, name)}
            for event in journal.of_group(tx, group.number, query.start, query.end + 1, reverse=True):
                record = fields_of(call.scope, group, streams.get(event.stream, ""), event)
                yield record, len(event.message)


def step_export(call: Call, export: Export) -> Step:
    """Write each stream's events as one compressed object."""
    if export.status not in ("PENDING", "RUNNING"):
        return Step(export)
    try:
        with call.read() as tx:
            group = GROUPS.get(tx, call.scope, export.group)
            streams = [] if group is None else list(STREAMS.scan(tx, call.scope, group.name))
        for stream in streams:
            if group is None or (export.streams and not stream.name.startswith(export.streams)):
                continue
            with call.read() as tx:
                events = journal.of_stream(tx, group.number, stream.number, export.start, export.end)
                text = "".join(f"{_stamp(event.time)} {event.message}\n" for event in events)
            if text:
                folder = stream.name.replace("/", "-")
                key = f"{export.prefix}/{export.id}/{folder}/000000.gz"
                put_object(call, export.bucket, key, gzip.compress(text.encode(), 6))
    except AwsError as error:
        failed = msgspec.structs.replace(export, status="FAILED", message=error.message, finished=millis(call))
        return Step(failed)
    return Step(
        msgspec.structs.replace(export, status="COMPLETED", message="Completed successfully", finished=millis(call))
    )


def _stamp(time: int) -> str:
    moment = datetime.fromtimestamp(time / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time % 1000:03d}Z"


def step_delivery(call: Call, delivery: Delivery) -> Step:
    """Hand a batch to its subscriber; after some tries it is given up."""
    with call.read() as tx:
        batch = chunks.get(tx, batch_key(delivery))
    if batch is not None:
        try:
            send(call, delivery, batch)
        except AwsError as error:
            if delivery.tries + 1 < TRIES and error.status != 501:
                return Step(msgspec.structs.replace(delivery, tries=delivery.tries + 1), 2.0**delivery.tries)
            log.info("gave up on log events for %s: %s", delivery.destination, error.message)
    with call.write() as tx:
        chunks.delete(tx, batch_key(delivery))
    return Step(None)
