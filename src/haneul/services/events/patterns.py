"""Patterns tried on an event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul.kit.patterns import compile_pattern
from haneul.service import Call, operation
from haneul.services.events.errors import invalid
from haneul.services.events.rules import check_pattern

_NEEDED = ("id", "account", "source", "time", "region", "resources", "detail-type")


@operation()
def test_event_pattern(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """TestEventPattern."""
    try:
        event = json.loads(request["Event"])
    except ValueError:
        raise invalid("Parameter Event is not valid.") from None
    if not isinstance(event, dict):
        raise invalid("Parameter Event is not valid.")
    for name in _NEEDED:
        if name not in event:
            raise invalid(f"Parameter Event is not valid. Reason: {name} is a required field.")
    check_pattern(request["EventPattern"])
    return {"Result": compile_pattern(json.loads(request["EventPattern"]))(event)}
