"""The step of exports and imports."""

from __future__ import annotations

from haneul.service import Call, Step
from haneul.services.dynamodb import exports, imports
from haneul.services.dynamodb.state import Transfer


def step_transfer(call: Call, row: Transfer) -> Step:
    """Carry out what was asked; what has ended stays as it is."""
    if row.status != "IN_PROGRESS":
        return Step(row)
    return exports.run(call, row) if row.kind == "EXPORT" else imports.run(call, row)
