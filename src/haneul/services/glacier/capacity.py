"""Provisioned capacity: units, each a month long, that keep expedited retrievals available."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.kit.instants import iso8601
from haneul.service import Call, operation
from haneul.services.glacier.errors import errors
from haneul.services.glacier.state import CAPACITY, Capacity
from haneul.services.glacier.vaults import check_account

UNITS = 2
MONTH = 30 * 86_400.0


@operation()
def purchase_provisioned_capacity(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PurchaseProvisionedCapacity. Raises LimitExceededException beyond two units at a time."""
    check_account(call, request)
    now = call.now()
    with call.write() as tx:
        units = [unit for unit in CAPACITY.scan(tx, call.scope) if unit.expires > now]
        if len(units) >= UNITS:
            raise errors.LimitExceededException(f"You can have at most {UNITS} provisioned capacity units")
        unit = Capacity(tokens.secret(21), now, now + MONTH)
        CAPACITY.put(tx, call.scope, unit)
    call.meter("ProvisionedCapacity", 1)
    return {"capacityId": unit.id}


@operation()
def list_provisioned_capacity(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListProvisionedCapacity."""
    check_account(call, request)
    with call.read() as tx:
        units = [unit for unit in CAPACITY.scan(tx, call.scope) if unit.expires > call.now()]
    return {
        "ProvisionedCapacityList": [
            {"CapacityId": u.id, "StartDate": iso8601(u.start), "ExpirationDate": iso8601(u.expires)} for u in units
        ]
    }
