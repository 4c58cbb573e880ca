"""What queues do with time: move tasks move, and old messages go."""

from __future__ import annotations

import hashlib

import msgspec

from haneul.service import Call, Step
from haneul.services.sqs.broker import Broker, Live, broker
from haneul.services.sqs.metrics import publish
from haneul.services.sqs.plane import journal
from haneul.services.sqs.plane.index import Entry
from haneul.services.sqs.queues import SWEEP_EVERY
from haneul.services.sqs.sending import deduplication_key
from haneul.services.sqs.state import Move, Queue
from haneul.services.sqs.tally import EVERY

BATCH = 100


def step_sweep(call: Call, row: Queue) -> Step:
    """Tell the queue's metrics, and delete what is older than the retention period though nobody asks for it."""
    house = broker(call)
    live = house.get(call.scope, row.name)
    more = telling = False
    if live is not None:
        telling = publish(call, live, house.now())
        live.told = telling
        with house.lock:
            now = house.now()
            if live.expired(now):
                with house.change(call, live) as tx:
                    more = live.sweep(tx, now)
    return Step(row, 0.1 if more else EVERY if telling else SWEEP_EVERY)


def step_move(call: Call, move: Move) -> Step:
    """Move some messages. A crash between moving and counting moves none twice: only the figure is approximate."""
    if move.status == "CANCELLING":
        return Step(msgspec.structs.replace(move, status="CANCELLED"))
    house = broker(call)
    source = house.get(call.scope, move.source)
    if source is None:
        return Step(None)
    limit = min(BATCH, move.rate or BATCH)
    fixed = house.by_arn(move.destination_arn) if move.destination_arn else None
    if move.destination_arn and fixed is None:
        return Step(msgspec.structs.replace(move, status="FAILED", failure="AWS.SimpleQueueService.NonExistentQueue"))
    with house.lock:
        moved, failure = _carry(call, house, source, fixed, limit)
    done = msgspec.structs.replace(move, moved=move.moved + moved)
    if failure:
        return Step(msgspec.structs.replace(done, status="FAILED", failure=failure))
    if moved < limit and moved == 0:
        return Step(msgspec.structs.replace(done, status="COMPLETED"))
    return Step(done, 1.0 if move.rate else 0.0)


def _carry(call: Call, house: Broker, source: Live, fixed: Live | None, limit: int) -> tuple[int, str | None]:
    """Move up to `limit` visible messages; how many, and why the task must fail."""
    now = house.now()
    source.index.tick(now)
    touched: list[Live] = []
    failure: str | None = None
    moved = 0
    with house.change(call, source) as tx:
        source.refill(tx, now)
        entries = source.index.take(limit)
        for at, entry in enumerate(entries):
            message = journal.get(tx, source.number, entry.sequence)
            if message is None:
                source.drop(tx, entry.sequence)
                continue
            target = fixed if fixed is not None else house.by_arn(message.origin) if message.origin else None
            if target is None:
                failure = (
                    "AWS.SimpleQueueService.NonExistentQueue" if message.origin else "CouldNotDetermineMessageSource"
                )
                _give_back(source, entries[at:], now)
                break
            source.drop(tx, entry.sequence)
            message.origin = ""
            message.sent = message.due = now
            if target.fifo and not message.deduplication:
                message.deduplication = hashlib.sha256(message.body.encode()).hexdigest()
            sequence = house.sequence()
            target.put(tx, sequence, message, now)
            if target.fifo:
                target.remember(tx, deduplication_key(target, message), sequence, message.id, now)
            if target not in touched:
                touched.append(target)
            moved += 1
    for target in touched:
        target.notify(moved)
    return moved, failure


def _give_back(source: Live, entries: list[Entry], now: int) -> None:
    for entry in entries:
        source.index.show(entry, now)
