"""Transactions over several calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.rdsdata.plane import plane
from haneul.services.rdsdata.targets import resolve


@operation(resource="{resourceArn}")
async def begin_transaction(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """BeginTransaction: rolled back after three minutes without a call, or after 24 hours."""
    target = await resolve(call, request)
    here = plane(call.cloud)
    return {"transactionId": await here.run(here.begin, target)}


@operation(resource="{resourceArn}")
async def commit_transaction(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CommitTransaction. Raises TransactionNotFoundException."""
    target = await resolve(call, request)
    here = plane(call.cloud)
    await here.run(here.end, request["transactionId"], target, b"COMMIT")
    return {"transactionStatus": "Transaction Committed"}


@operation(resource="{resourceArn}")
async def rollback_transaction(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RollbackTransaction. Raises TransactionNotFoundException."""
    target = await resolve(call, request)
    here = plane(call.cloud)
    await here.run(here.end, request["transactionId"], target, b"ROLLBACK")
    return {"transactionStatus": "Rollback Complete"}
