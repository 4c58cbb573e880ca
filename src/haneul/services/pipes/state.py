"""Rows of EventBridge Pipes."""

from __future__ import annotations

from typing import Any

import msgspec

from haneul.state.table import Table


class Pipe(msgspec.Struct, kw_only=True):
    """A pipe; `settings` are the members of its put, by AWS's names."""

    name: str
    settings: dict[str, Any]
    created: float
    modified: float
    desired: str = "RUNNING"
    state: str = "CREATING"
    reason: str | None = None
    tags: dict[str, str] = {}


class Checkpoint(msgspec.Struct, kw_only=True):
    """How far a pipe came in a shard of its stream."""

    pipe: str
    shard: str
    sequence: str


PIPES = Table("pipes.pipe", Pipe, key=("name",))
CHECKPOINTS = Table("pipes.checkpoint", Checkpoint, key=("pipe", "shard"))
