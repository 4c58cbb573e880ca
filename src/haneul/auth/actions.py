"""Which IAM action an operation needs where that isn't `prefix:Operation`: facts of AWS's reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from haneul.service import Call, Operation

Needed = str | list[str]


def needed(call: Call, operation: Operation, request: Mapping[str, Any], prefix: str) -> Needed:
    """The action or actions that the call needs; "" for an operation that needs no permission."""
    action = operation.action
    if action is not None:
        return action if isinstance(action, str) else action(call, request)
    return f"{prefix}:{call.operation}"
