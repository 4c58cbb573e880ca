"""Access policies of vaults, and what they and a vault lock say to the gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from haneul.service import Call, Guard, operation
from haneul.services.glacier.errors import errors
from haneul.services.glacier.state import VAULTS
from haneul.services.glacier.vaults import VAULT, find_vault

POLICY_BYTES = 20 << 10


@operation(resource=VAULT)
def set_vault_access_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """SetVaultAccessPolicy. Raises InvalidParameterValueException for what is no policy."""
    text = policy_text(request)
    with call.write() as tx:
        vault = find_vault(call, tx, request)
        vault.access_policy = text
        VAULTS.put(tx, call.scope, vault)
    return {}


@operation(resource=VAULT)
def get_vault_access_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetVaultAccessPolicy. Raises ResourceNotFoundException when none is set."""
    with call.read() as tx:
        vault = find_vault(call, tx, request)
    if vault.access_policy is None:
        raise errors.ResourceNotFoundException("No vault access policy is set.")
    return {"policy": {"Policy": vault.access_policy}}


@operation(resource=VAULT)
def delete_vault_access_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteVaultAccessPolicy. Deleting none is no error."""
    with call.write() as tx:
        vault = find_vault(call, tx, request)
        vault.access_policy = None
        VAULTS.put(tx, call.scope, vault)
    return {}


def policy_text(request: Mapping[str, Any]) -> str:
    """The policy document of a request, looked at just enough to be one."""
    text: str | None = (request.get("policy") or {}).get("Policy")
    if not text:
        raise errors.MissingParameterValueException("Required parameter missing: policy")
    if len(text.encode()) > POLICY_BYTES:
        raise errors.InvalidParameterValueException(f"The policy is larger than {POLICY_BYTES} bytes")
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise errors.InvalidParameterValueException("Invalid vault access policy: it is not valid JSON") from None
    if not isinstance(document, dict) or not document.get("Statement"):
        raise errors.InvalidParameterValueException("Invalid vault access policy: it has no Statement")
    return text


def guard(call: Call, request: Mapping[str, Any]) -> Guard | None:
    """The vault's access policy and lock policy, as one document; None when the vault isn't there."""
    name = request.get("vaultName")
    if not name:
        return None
    with call.read() as tx:
        vault = VAULTS.get(tx, call.scope, name)
    if vault is None:
        return None
    texts = [vault.access_policy] if vault.access_policy else []
    if vault.lock is not None and (vault.lock.expires is None or vault.lock.expires > call.now()):
        texts.append(vault.lock.policy)
    return Guard(call.account, _joined(texts))


def _joined(texts: list[str]) -> str | None:
    if len(texts) < 2:
        return texts[0] if texts else None
    statements: list[Any] = []
    for text in texts:
        found = orjson.loads(text)["Statement"]
        statements += found if isinstance(found, list) else [found]
    return orjson.dumps({"Version": "2012-10-17", "Statement": statements}).decode()
