"""Vault locks: a policy tried for a day (InProgress), then completed with its id and unchangeable for good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.kit.instants import iso8601
from haneul.service import Call, operation
from haneul.services.glacier.errors import errors
from haneul.services.glacier.policies import policy_text
from haneul.services.glacier.state import VAULTS, Lock, Vault
from haneul.services.glacier.vaults import VAULT, find_vault

TRIAL = 86_400.0


@operation(resource=VAULT)
def initiate_vault_lock(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """InitiateVaultLock. Raises InvalidParameterValueException while another lock is under way or done."""
    text = policy_text(request)
    now = call.now()
    with call.write() as tx:
        vault = find_vault(call, tx, request)
        if _current(vault, now) is not None:
            raise errors.InvalidParameterValueException("A vault lock is already in progress or in place")
        vault.lock = Lock(tokens.random_hex(32), text, "InProgress", now, now + TRIAL)
        VAULTS.put(tx, call.scope, vault)
    return {"lockId": vault.lock.id}


@operation(resource=VAULT)
def get_vault_lock(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetVaultLock. Raises ResourceNotFoundException when there is none."""
    with call.read() as tx:
        vault = find_vault(call, tx, request)
    lock = _current(vault, call.now())
    if lock is None:
        raise errors.ResourceNotFoundException("No vault lock policy is set.")
    return {
        "Policy": lock.policy,
        "State": lock.state,
        "CreationDate": iso8601(lock.created),
        "ExpirationDate": None if lock.expires is None else iso8601(lock.expires),
    }


@operation(resource=VAULT)
def complete_vault_lock(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CompleteVaultLock. From then on the policy holds and nobody can change it."""
    with call.write() as tx:
        vault = find_vault(call, tx, request)
        lock = _current(vault, call.now())
        if lock is None:
            raise errors.ResourceNotFoundException("No vault lock is in progress.")
        if lock.id != request["lockId"]:
            raise errors.InvalidParameterValueException(f"Invalid lock ID: {request['lockId']}")
        lock.state = "Locked"
        lock.expires = None
        VAULTS.put(tx, call.scope, vault)
    return {}


@operation(resource=VAULT)
def abort_vault_lock(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """AbortVaultLock. A completed lock can't be taken off."""
    with call.write() as tx:
        vault = find_vault(call, tx, request)
        lock = _current(vault, call.now())
        if lock is not None and lock.state == "Locked":
            raise errors.InvalidParameterValueException("The vault lock policy is in place and can't be removed")
        vault.lock = None
        VAULTS.put(tx, call.scope, vault)
    return {}


def _current(vault: Vault, now: float) -> Lock | None:
    """The lock that counts now: a trial ends by itself."""
    lock = vault.lock
    return None if lock is None or (lock.expires is not None and lock.expires <= now) else lock
