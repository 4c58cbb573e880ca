"""Replicas of a table in other regions of this cloud (global tables, version 2019.11.21)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haneul.service import Call, Scope
from haneul.services.dynamodb.state import TableRow
from haneul.state.store import Writer
from haneul.wire.errors import AwsError


def update(call: Call, tx: Writer, scope: Scope, row: TableRow, updates: Sequence[Mapping[str, Any]]) -> None:
    """Replicas are not here yet, and a table must not say it has one. Raises NotImplemented (501)."""
    raise AwsError("NotImplemented", "Global tables are not implemented: ReplicaUpdates can't be carried out.", 501)
