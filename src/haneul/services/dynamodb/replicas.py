"""Replicas of a table in other regions of this cloud (global tables, version 2019.11.21)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haneul.service import Call, Scope
from haneul.services.dynamodb.state import TableRow
from haneul.state.store import Writer


def update(call: Call, tx: Writer, scope: Scope, row: TableRow, updates: Sequence[Mapping[str, Any]]) -> None:
    """Add, change or remove replicas."""
    raise NotImplementedError
