"""Time to live: which attribute tells when an item expires."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.service import Call, operation
from haneul.services.dynamodb import memory, replicas, trail
from haneul.services.dynamodb.errors import invalid
from haneul.services.dynamodb.names import locate, table_resource
from haneul.services.dynamodb.state import TABLES
from haneul.services.dynamodb.tables import find
from haneul.state.table import after


@operation(resource=table_resource)
def update_time_to_live(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateTimeToLive. Raises ResourceNotFoundException, ValidationException."""
    told = request["TimeToLiveSpecification"]
    attribute, enabled = told["AttributeName"], told["Enabled"]
    scope, name = locate(call, request["TableName"])
    with memory.of(call.cloud).changing(scope, name), call.write() as tx:
        row = find(tx, scope, name)
        if enabled:
            if row.ttl is not None:
                if row.ttl == attribute:
                    raise invalid("TimeToLive is already enabled")
                raise invalid(f"TimeToLive is active on a different AttributeName: current AttributeName is {row.ttl}")
            row.ttl, row.ttl_status, row.ttl_cursor = attribute, "ENABLED", b""
            converge.wake(tx, "dynamodb.expiry", scope, (name,), call.now())
        else:
            if row.ttl is None:
                raise invalid("TimeToLive is already disabled")
            if row.ttl != attribute:
                raise invalid(f"TimeToLive is active on a different AttributeName: current AttributeName is {row.ttl}")
            row.ttl, row.ttl_status, row.ttl_cursor = None, "DISABLED", None
            prefix = trail.EXPIRY + bytes.fromhex(row.data)
            tx.delete_range(prefix, after(prefix))
        TABLES.put(tx, scope, row)
        for target, other in replicas.peers(tx, scope, row):
            with memory.of(call.cloud).changing(target, name):
                other.ttl, other.ttl_status, other.ttl_cursor = row.ttl, row.ttl_status, row.ttl_cursor
                TABLES.put(tx, target, other)
            converge.wake(tx, "dynamodb.expiry", target, (name,), call.now())
    return {"TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": enabled}}


@operation(resource=table_resource)
def describe_time_to_live(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeTimeToLive. Raises ResourceNotFoundException."""
    scope, name = locate(call, request["TableName"])
    with call.read() as tx:
        row = find(tx, scope, name)
    told: dict[str, Any] = {"TimeToLiveStatus": row.ttl_status}
    if row.ttl is not None:
        told["AttributeName"] = row.ttl
    return {"TimeToLiveDescription": told}
