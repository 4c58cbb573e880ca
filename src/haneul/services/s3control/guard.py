"""What an access grants instance says about who may ask it for access: other accounts only by its policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Guard, Scope
from haneul.services.s3control.grants import INSTANCE, INSTANCES, Instance

_ASKED = frozenset({"GetDataAccess", "ListCallerAccessGrants"})


def guard(call: Call, request: Mapping[str, Any]) -> Guard | None:
    """The guard of the instance that is asked; None for what only an account itself does."""
    if call.operation not in _ASKED:
        return None
    account = request["AccountId"]
    with call.read() as tx:
        return guard_of(account, INSTANCES.get(tx, Scope(account, call.region), INSTANCE))


def guard_of(account: str, instance: Instance | None) -> Guard:
    return Guard(account, None if instance is None else instance.policy)
