"""An account's data retrieval policy: none, free tier only, or so many bytes an hour (asked of Standard jobs)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.glacier.errors import errors
from haneul.services.glacier.state import ACCOUNTS, Account
from haneul.services.glacier.vaults import check_account
from haneul.state.store import Writer

FREE_BYTES_PER_HOUR = (10 << 30) // (30 * 24)
"""The free tier's 10 GB a month, an hour at a time."""
_STRATEGIES = ("BytesPerHour", "FreeTier", "None")


@operation()
def set_data_retrieval_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """SetDataRetrievalPolicy. One rule; BytesPerHour needs a number of at least 1."""
    check_account(call, request)
    rules = (request.get("Policy") or {}).get("Rules") or []
    if len(rules) != 1 or rules[0].get("Strategy") not in _STRATEGIES:
        raise errors.InvalidParameterValueException("Invalid data retrieval policy")
    strategy = rules[0]["Strategy"]
    amount = rules[0].get("BytesPerHour")
    if (strategy == "BytesPerHour") != (amount is not None) or (amount is not None and amount < 1):
        raise errors.InvalidParameterValueException("BytesPerHour goes with the strategy BytesPerHour")
    with call.write() as tx:
        account = ACCOUNTS.get(tx, call.scope, "settings") or Account()
        account.strategy = strategy
        account.bytes_per_hour = amount
        ACCOUNTS.put(tx, call.scope, account)
    return {}


@operation()
def get_data_retrieval_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetDataRetrievalPolicy."""
    check_account(call, request)
    with call.read() as tx:
        account = ACCOUNTS.get(tx, call.scope, "settings") or Account()
    return {"Policy": {"Rules": [{"Strategy": account.strategy, "BytesPerHour": account.bytes_per_hour}]}}


def spend(call: Call, tx: Writer, size: int) -> None:
    """Count a Standard retrieval of `size` bytes. Raises PolicyEnforcedException beyond the hour's allowance."""
    account = ACCOUNTS.get(tx, call.scope, "settings") or Account()
    allowed = FREE_BYTES_PER_HOUR if account.strategy == "FreeTier" else account.bytes_per_hour
    if account.strategy == "None" or allowed is None:
        return
    hour = int(call.now() // 3600)
    used = account.retrieved if account.hour == hour else 0
    if used + size > allowed:
        raise errors.PolicyEnforcedException("The job is denied by the current data retrieval policy.")
    account.hour, account.retrieved = hour, used + size
    ACCOUNTS.put(tx, call.scope, account)
