"""Rows of SQS: queues and message move tasks. Messages have keys of their own (plane/journal.py)."""

from __future__ import annotations

import msgspec

from haneul.state.table import Table


class Queue(msgspec.Struct, kw_only=True):
    """A queue. `number` names its messages in the store, never used twice; `attributes` are those that were set."""

    name: str
    number: int
    created: int
    modified: int
    fifo: bool = False
    attributes: dict[str, str] = {}
    tags: dict[str, str] = {}
    purged: float = 0.0


class Move(msgspec.Struct, kw_only=True):
    """A task that moves the messages of a dead-letter queue; `source` is the queue's name."""

    source: str
    id: str
    source_arn: str
    destination_arn: str | None = None
    rate: int | None = None
    status: str = "RUNNING"
    moved: int = 0
    to_move: int = 0
    started: int = 0
    failure: str | None = None


QUEUES = Table("sqs.queue", Queue, key=("name",))
MOVES = Table("sqs.move", Move, key=("source", "id"))
