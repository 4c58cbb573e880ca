"""What an instance refresh means for those who launch."""

from __future__ import annotations

from typing import Any

from haneul.service import Call
from haneul.services.autoscaling.state import REFRESHES, Group, Refresh
from haneul.state.store import Reader

ACTIVE = ("Pending", "InProgress", "Baking", "Cancelling", "RollbackInProgress")


def active(tx: Reader, call: Call, group: str) -> Refresh | None:
    """The refresh under way, if there is one."""
    for row in REFRESHES.scan(tx, call.scope, group, reverse=True, limit=1):
        return row if row.status in ACTIVE else None
    return None


def configuration(call: Call, group: Group) -> dict[str, Any] | None:
    """What is launched while a refresh goes on: its desired configuration, or, rolling back, the group's."""
    with call.read() as tx:
        row = active(tx, call, group.name)
    if row is None or not row.desired or row.status in ("RollbackInProgress", "Cancelling"):
        return None
    return row.desired
