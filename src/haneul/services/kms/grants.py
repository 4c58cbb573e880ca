"""Grants: leave for a principal to use a key, until it is retired or revoked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.kms.errors import errors, invalid
from haneul.services.kms.lookup import by_key, check_state, find, page
from haneul.services.kms.plane.specs import AGREE, ENCRYPT, KEM, MAC, SIGN
from haneul.services.kms.state import DISABLED, ENABLED, GRANTS, Grant, Key
from haneul.state.store import Reader

_ALWAYS = {"CreateGrant", "RetireGrant", "DescribeKey"}
_SYMMETRIC = {
    "Decrypt",
    "Encrypt",
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "ReEncryptFrom",
    "ReEncryptTo",
}
_BY_USAGE = {
    ENCRYPT: {"Decrypt", "Encrypt", "ReEncryptFrom", "ReEncryptTo", "GetPublicKey"},
    SIGN: {"Sign", "Verify", "GetPublicKey"},
    MAC: {"GenerateMac", "VerifyMac"},
    AGREE: {"DeriveSharedSecret", "GetPublicKey"},
    KEM: {"Encapsulate", "Decapsulate", "GetPublicKey"},
}


def _allowed(key: Key) -> set[str]:
    return _ALWAYS | (_SYMMETRIC if key.spec == "SYMMETRIC_DEFAULT" else _BY_USAGE[key.usage])


@operation(resource=by_key)
def create_grant(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateGrant. The same again with a Name gives the grant there is."""
    key = find(call, request["KeyId"], aliases=False)
    check_state(key, ENABLED, DISABLED)
    operations = list(request["Operations"])
    if wrong := sorted(set(operations) - _allowed(key)):
        raise invalid(f"Grant operations [{', '.join(wrong)}] are not supported by the key {key.arn}")
    grantee = request.get("GranteePrincipal") or request.get("GranteeServicePrincipal")
    if not grantee:
        raise invalid("You must specify GranteePrincipal or GranteeServicePrincipal")
    if request.get("DryRun"):
        raise dry_run()
    constraints = request.get("Constraints") or {}
    grant = Grant(
        key=key.id,
        id=tokens.random_hex(64),
        token=tokens.seal_page(tokens.random_hex(96)),
        created=call.now(),
        grantee=grantee,
        retiring=request.get("RetiringPrincipal") or request.get("RetiringServicePrincipal"),
        operations=operations,
        name=request.get("Name"),
        issuer=f"arn:aws:iam::{call.account}:root",
        subset=constraints.get("EncryptionContextSubset"),
        equals=constraints.get("EncryptionContextEquals"),
        source_arn=constraints.get("SourceArn"),
        services=("GranteeServicePrincipal" in request, "RetiringServicePrincipal" in request),
    )
    with call.write() as tx:
        if grant.name:
            for known in GRANTS.scan(tx, Scope(key.account, key.region), key.id):
                if _same(known, grant):
                    return {"GrantToken": known.token, "GrantId": known.id}
        GRANTS.put(tx, Scope(key.account, key.region), grant)
    return {"GrantToken": grant.token, "GrantId": grant.id}


def _same(one: Grant, other: Grant) -> bool:
    return (one.name, one.grantee, one.retiring, one.subset, one.equals, one.source_arn) == (
        other.name,
        other.grantee,
        other.retiring,
        other.subset,
        other.equals,
        other.source_arn,
    ) and sorted(one.operations) == sorted(other.operations)


def dry_run() -> Exception:
    return errors.DryRunOperationException("The request would have succeeded, but the DryRun option is set.")


def _entry(grant: Grant, scope: Scope) -> dict[str, Any]:
    result: dict[str, Any] = {
        "KeyId": f"arn:aws:kms:{scope.region}:{scope.account}:key/{grant.key}",
        "GrantId": grant.id,
        "Name": grant.name or "",
        "CreationDate": grant.created,
        "GranteeServicePrincipal" if grant.services[0] else "GranteePrincipal": grant.grantee,
        "RetiringServicePrincipal" if grant.services[1] else "RetiringPrincipal": grant.retiring,
        "IssuingAccount": grant.issuer,
        "Operations": grant.operations,
    }
    constraints: dict[str, Any] = {}
    if grant.subset:
        constraints["EncryptionContextSubset"] = grant.subset
    if grant.equals:
        constraints["EncryptionContextEquals"] = grant.equals
    if grant.source_arn:
        constraints["SourceArn"] = grant.source_arn
    if constraints:
        result["Constraints"] = constraints
    return result


@operation(resource=by_key)
def list_grants(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListGrants of a key."""
    key = find(call, request["KeyId"], aliases=False)
    scope = Scope(key.account, key.region)
    wanted, grantee = request.get("GrantId"), request.get("GranteePrincipal") or request.get("GranteeServicePrincipal")
    with call.read() as tx:
        rows = [
            grant
            for grant in GRANTS.scan(tx, scope, key.id)
            if wanted in (None, grant.id) and grantee in (None, grant.grantee)
        ]
    chosen, rest = page(rows, request, default=50, most=100)
    return {"Grants": [_entry(grant, scope) for grant in chosen], **rest}


@operation()
def list_retirable_grants(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListRetirableGrants: of all keys, those that this principal may retire."""
    principal = request.get("RetiringPrincipal") or request.get("RetiringServicePrincipal")
    if principal is None:
        raise errors.ValidationException("Either RetiringPrincipal or RetiringServicePrincipal must be given")
    with call.read() as tx:
        rows = [grant for grant in GRANTS.scan(tx, call.scope) if grant.retiring == principal]
    chosen, rest = page(rows, request, default=50, most=100)
    return {"Grants": [_entry(grant, call.scope) for grant in chosen], **rest}


@operation(resource=by_key)
def revoke_grant(call: Call, request: Mapping[str, Any]) -> None:
    """RevokeGrant."""
    key = find(call, request["KeyId"], aliases=False)
    scope = Scope(key.account, key.region)
    with call.write() as tx:
        if GRANTS.get(tx, scope, key.id, request["GrantId"]) is None:
            raise errors.NotFoundException(f"Grant ID {request['GrantId']} not found")
        if request.get("DryRun"):
            raise dry_run()
        GRANTS.delete(tx, scope, key.id, request["GrantId"])


@operation()
def retire_grant(call: Call, request: Mapping[str, Any]) -> None:
    """RetireGrant, by token or by key and id."""
    token, key_name, grant_id = request.get("GrantToken"), request.get("KeyId"), request.get("GrantId")
    if not token and not (key_name and grant_id):
        raise invalid("Grant token OR (grant ID, key ID) must be specified")
    if token and (key_name or grant_id):
        raise invalid("Grant token OR (grant ID, key ID) must be specified")
    with call.write() as tx:
        grant = _by_token(tx, call, token) if token else None
        if grant is None and key_name:
            key = find(call, key_name, aliases=False)
            grant = GRANTS.get(tx, Scope(key.account, key.region), key.id, str(grant_id))
        if grant is None:
            if token:
                raise errors.InvalidGrantTokenException("Invalid grant token")
            raise errors.NotFoundException(f"Grant ID {grant_id} not found")
        if request.get("DryRun"):
            raise dry_run()
        GRANTS.delete(tx, call.scope, grant.key, grant.id)


def _by_token(tx: Reader, call: Call, token: str) -> Grant | None:
    return next((grant for grant in GRANTS.scan(tx, call.scope) if grant.token == token), None)


def grants_call(tx: Reader, call: Call, key: Key, request: Mapping[str, Any]) -> bool:
    """A grant on this key allows the call's principal this operation in this encryption context."""
    principal = call.principal
    names = {principal.arn, principal.role_arn, f"arn:aws:iam::{principal.account}:root", principal.account} - {""}
    wanted = {"ReEncrypt": {"ReEncryptFrom", "ReEncryptTo"}}.get(call.operation, {call.operation})
    context = request.get("EncryptionContext") or {}
    for grant in GRANTS.scan(tx, Scope(key.account, key.region), key.id):
        if grant.grantee not in names or not wanted & set(grant.operations):
            continue
        if grant.equals is not None and grant.equals != context:
            continue
        if grant.subset is not None and any(context.get(name) != value for name, value in grant.subset.items()):
            continue
        return True
    return False
