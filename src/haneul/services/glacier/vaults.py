"""Vaults: the folders that archives are kept in, and that policies, locks and notifications belong to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.kit.instants import iso8601
from haneul.service import Call, operation
from haneul.services.glacier.errors import errors
from haneul.services.glacier.state import ARCHIVES, UPLOADS, VAULT_LIMIT, VAULTS, Vault
from haneul.state.store import Reader

VAULT = "arn:aws:glacier:{region}:{account}:vaults/{vaultName}"
VAULTS_OF_ACCOUNT = "arn:aws:glacier:{region}:{account}:vaults/*"
INVENTORY_EVERY = 86_400.0
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")


@operation(resource=VAULT)
def create_vault(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateVault. Making one's own vault again changes nothing."""
    check_account(call, request)
    name = request["vaultName"]
    if not _NAME.fullmatch(name):
        raise errors.InvalidParameterValueException(f"Invalid vaultName: {name}")
    with call.write() as tx:
        if VAULTS.get(tx, call.scope, name) is None:
            if sum(1 for _ in VAULTS.scan(tx, call.scope, limit=VAULT_LIMIT)) >= VAULT_LIMIT:
                raise errors.LimitExceededException(f"The account already has {VAULT_LIMIT} vaults in this region")
            VAULTS.put(tx, call.scope, Vault(name=name, created=call.now()))
            converge.wake(tx, "glacier.vault", call.scope, (name,), call.now() + INVENTORY_EVERY)
    return {"location": f"/{call.account}/vaults/{name}"}


@operation(resource=VAULT)
def describe_vault(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeVault. Raises ResourceNotFoundException."""
    with call.read() as tx:
        return describe(call, find_vault(call, tx, request))


@operation(resource=VAULTS_OF_ACCOUNT)
def list_vaults(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListVaults: in the order of their names, from the marker (a vault's ARN) on."""
    check_account(call, request)
    limit = page_limit(request, 10)
    marker = request.get("marker")
    start = (marker.rpartition("/")[2],) if marker else None
    with call.read() as tx:
        vaults = list(VAULTS.scan(tx, call.scope, from_key=start, limit=limit + 1))
    more = vaults[limit].name if len(vaults) > limit else None
    return {
        "VaultList": [describe(call, vault) for vault in vaults[:limit]],
        "Marker": None if more is None else arn(call, more),
    }


@operation(resource=VAULT)
def delete_vault(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteVault. Raises InvalidParameterValueException while archives or uploads are in it."""
    check_account(call, request)
    name = request["vaultName"]
    with call.write() as tx:
        vault = VAULTS.get(tx, call.scope, name)
        if vault is None:
            return {}
        for table in (ARCHIVES, UPLOADS):
            if any(True for _ in table.scan(tx, call.scope, name, limit=1)):
                raise errors.InvalidParameterValueException(
                    f"Vault not empty or recently written to: {arn(call, name)}"
                )
        VAULTS.delete(tx, call.scope, name)
    return {}


def find_vault(call: Call, tx: Reader, request: Mapping[str, Any]) -> Vault:
    """The vault that a request names. Raises ResourceNotFoundException, AccessDeniedException."""
    check_account(call, request)
    vault = VAULTS.get(tx, call.scope, request["vaultName"])
    if vault is None:
        raise errors.ResourceNotFoundException(f"Vault not found for ARN: {arn(call, request['vaultName'])}")
    return vault


def check_account(call: Call, request: Mapping[str, Any]) -> None:
    """The path's account is the caller's own, or "-" for it."""
    if request.get("accountId", "-") not in ("-", "", call.account):
        raise errors.AccessDeniedException("The account in the path is not the one that signed the request")


def arn(call: Call, name: str) -> str:
    return f"arn:aws:glacier:{call.region}:{call.account}:vaults/{name}"


def describe(call: Call, vault: Vault) -> dict[str, Any]:
    inventoried = vault.inventoried
    return {
        "VaultARN": arn(call, vault.name),
        "VaultName": vault.name,
        "CreationDate": iso8601(vault.created),
        "LastInventoryDate": None if inventoried is None else iso8601(inventoried),
        "NumberOfArchives": vault.archives,
        "SizeInBytes": vault.size,
    }


def page_limit(request: Mapping[str, Any], most: int) -> int:
    """`limit` as a number of 1 to `most`, which is also the default."""
    text = request.get("limit")
    if text is None:
        return most
    if not text.isdigit() or int(text) < 1:
        raise errors.InvalidParameterValueException(f"Invalid limit: {text}")
    return min(int(text), most)
