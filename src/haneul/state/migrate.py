"""Row versions: a row written by an older Haneul is brought up to date as it is read.

    @migration("glacier.vault", 2)      # from version 1 to 2
    def add_lock(row: dict[str, Any]) -> None:
        row["lock"] = None

A member added with a default needs none; only renames and changed meanings do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

Step = Callable[[dict[str, Any]], None]
_STEPS: dict[str, dict[int, Step]] = {}


class NewerRow(Exception):
    """The row was written by a newer Haneul: this one must not touch it."""


def migration(table: str, to: int) -> Callable[[Step], Step]:
    """Register the step that brings a row of `table` from version `to - 1` to `to`. Declare it above the Table."""

    def register(step: Step) -> Step:
        _STEPS.setdefault(table, {})[to] = step
        return step

    return register


def version_of(table: str) -> int:
    return max(_STEPS.get(table, {}), default=1)


def upgrade(table: str, version: int, packed: bytes) -> dict[str, Any]:
    """The members of a packed row of an older `version`, brought up to date. Raises NewerRow."""
    newest = version_of(table)
    if version > newest:
        raise NewerRow(f"a row of {table} has version {version}; this Haneul knows up to {newest}: use a newer one")
    row: dict[str, Any] = msgspec.msgpack.decode(packed)
    for to in range(version + 1, newest + 1):
        _STEPS[table][to](row)
    return row
