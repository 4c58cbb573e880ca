"""Keys: create, describe, list, enable, disable, delete."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping
from typing import Any

import msgspec

from haneul import converge
from haneul.converge.timers import settle
from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.kms.errors import errors, invalid
from haneul.services.kms.lookup import by_key, check_state, find, new_material, page
from haneul.services.kms.plane import ciphers
from haneul.services.kms.plane.specs import ENCRYPT, MEMBER, SPECS
from haneul.services.kms.state import (
    ALIASES,
    DISABLED,
    ENABLED,
    GRANTS,
    KEYS,
    PENDING_DELETION,
    PENDING_IMPORT,
    PENDING_REPLICA_DELETION,
    Key,
)
from haneul.state.store import Writer

DAY = 86400.0


def default_policy(account: str) -> str:
    """The policy of a key that was given none: the account may, and so may whoever IAM says."""
    statement = {
        "Sid": "Enable IAM User Permissions",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    document = {"Version": "2012-10-17", "Id": "key-default-1", "Statement": [statement]}
    return json.dumps(document, indent=2, separators=(",", " : "))


def check_policy(text: str) -> None:
    try:
        document = json.loads(text)
    except ValueError:
        raise errors.MalformedPolicyDocumentException("Policy is not valid JSON.") from None
    if not isinstance(document, dict) or not document.get("Statement"):
        raise errors.MalformedPolicyDocumentException(
            "The new key policy will not allow you to update the key policy in the future."
        )


def check_tags(tags: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for tag in tags or ():
        key, value = tag["TagKey"], tag.get("TagValue", "")
        if key.lower().startswith("aws:"):
            raise errors.TagException("Tags beginning with aws: are reserved")
        if key in found:
            raise errors.TagException(f"Duplicate tag keys: {key}")
        found[key] = value
    if len(found) > 50:
        raise errors.TagException("Too many tags")
    return found


@operation()
def create_key(call: Call, request: Mapping[str, Any]) -> dict[str, Any] | Awaitable[dict[str, Any]]:
    """CreateKey. RSA keys are generated in a thread."""
    key = _new_key(call, request)
    if key.origin == "EXTERNAL":
        return _created(call, key, None)
    if key.spec.startswith("RSA_"):
        return _create_slowly(call, key)
    return _created(call, key, ciphers.generate(key.spec))


async def _create_slowly(call: Call, key: Key) -> dict[str, Any]:
    return _created(call, key, await asyncio.to_thread(ciphers.generate, key.spec))


def _created(call: Call, key: Key, material: bytes | None) -> dict[str, Any]:
    if material is not None:
        new_material(call, key, material)
    with call.write() as tx:
        KEYS.put(tx, call.scope, key)
    return {"KeyMetadata": metadata(key)}


def _new_key(call: Call, request: Mapping[str, Any]) -> Key:
    spec = request.get("KeySpec") or request.get("CustomerMasterKeySpec") or "SYMMETRIC_DEFAULT"
    if request.get("KeySpec") and request.get("CustomerMasterKeySpec"):
        raise invalid(
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
            "CustomerMasterKeySpec is deprecated."
        )
    if spec not in SPECS:
        raise errors.UnsupportedOperationException(f"The key spec {spec} is not supported here.")
    origin = request.get("Origin") or "AWS_KMS"
    if origin not in ("AWS_KMS", "EXTERNAL") or request.get("CustomKeyStoreId") or request.get("XksKeyId"):
        raise errors.UnsupportedOperationException("Custom key stores are not supported here.")
    known = SPECS[spec]
    usage = request.get("KeyUsage")
    if usage is None:
        # Only a symmetric encryption key needs no word about its usage.
        if spec != "SYMMETRIC_DEFAULT":
            raise invalid("You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
        usage = ENCRYPT
    if usage not in known.algorithms:
        raise invalid(f"KeyUsage {usage} is not compatible with KeySpec {spec}")
    if policy := request.get("Policy"):
        check_policy(policy)
    multi = bool(request.get("MultiRegion"))
    return Key(
        id="mrk-" + tokens.random_hex(32) if multi else tokens.uuid(),
        account=call.account,
        region=call.region,
        spec=spec,
        usage=usage,
        created=call.now(),
        state=PENDING_IMPORT if origin == "EXTERNAL" else ENABLED,
        origin=origin,
        description=request.get("Description") or "",
        policy=policy or default_policy(call.account),
        tags=check_tags(request.get("Tags")),
        multi_region=multi,
        primary=call.region if multi else "",
        family=[call.region] if multi else [],
    )


def metadata(key: Key) -> dict[str, Any]:
    """KeyMetadata as AWS tells it."""
    result: dict[str, Any] = {
        "AWSAccountId": key.account,
        "KeyId": key.id,
        "Arn": key.arn,
        "CreationDate": key.created,
        "Enabled": key.state == ENABLED,
        "Description": key.description,
        "KeyUsage": key.usage,
        "KeyState": key.state,
        "Origin": key.origin,
        "KeyManager": key.manager,
        "CustomerMasterKeySpec": key.spec,
        "KeySpec": key.spec,
        MEMBER[key.usage]: list(SPECS[key.spec].algorithms[key.usage]),
        "MultiRegion": key.multi_region,
    }
    if key.deletion is not None:
        result["DeletionDate"] = key.deletion
    if key.state == PENDING_REPLICA_DELETION:
        result["PendingDeletionWindowInDays"] = key.window
    current = key.current
    if key.origin == "EXTERNAL" and current is not None:
        result["ExpirationModel"] = "KEY_MATERIAL_EXPIRES" if current.expires else "KEY_MATERIAL_DOES_NOT_EXPIRE"
        result["ValidTo"] = current.expires
    if current is not None and key.spec == "SYMMETRIC_DEFAULT":
        result["CurrentKeyMaterialId"] = current.id
    if key.multi_region:
        result["MultiRegionConfiguration"] = _family(key)
    return result


def _family(key: Key) -> dict[str, Any]:
    def member(region: str) -> dict[str, str]:
        return {"Arn": f"arn:aws:kms:{region}:{key.account}:key/{key.id}", "Region": region}

    return {
        "MultiRegionKeyType": "PRIMARY" if key.primary == key.region else "REPLICA",
        "PrimaryKey": member(key.primary),
        "ReplicaKeys": [member(region) for region in key.family if region != key.primary],
    }


@operation(resource=by_key)
def describe_key(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeKey, by any of a key's names."""
    return {"KeyMetadata": metadata(find(call, request["KeyId"]))}


@operation()
def list_keys(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListKeys, in the order of ids."""
    with call.read() as tx:
        keys = list(KEYS.scan(tx, call.scope))
    chosen, rest = page(keys, request)
    return {"Keys": [{"KeyId": key.id, "KeyArn": key.arn} for key in chosen], **rest}


def change(call: Call, key: Key, **changes: Any) -> Key:
    """Write a key's row with changes."""
    with call.write() as tx:
        return rewrite(tx, key, **changes)


def rewrite(tx: Writer, key: Key, **changes: Any) -> Key:
    scope = Scope(key.account, key.region)
    changed = msgspec.structs.replace(KEYS.get(tx, scope, key.id) or key, **changes)
    KEYS.put(tx, scope, changed)
    return changed


def refuse_managed(key: Key) -> None:
    if key.manager == "AWS":
        raise errors.AccessDeniedException(f"The operation is not permitted on {key.arn}: it is managed by AWS.")


@operation()
def describe_custom_key_stores(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeCustomKeyStores: there are none here, and none can be made."""
    name = request.get("CustomKeyStoreId") or request.get("CustomKeyStoreName")
    if name:
        raise errors.CustomKeyStoreNotFoundException(f"Custom key store {name} is not found.")
    return {"CustomKeyStores": [], "Truncated": False}


@operation(resource=by_key)
def update_key_description(call: Call, request: Mapping[str, Any]) -> None:
    """UpdateKeyDescription."""
    key = find(call, request["KeyId"], aliases=False)
    refuse_managed(key)
    check_state(key, ENABLED, DISABLED, PENDING_IMPORT)
    change(call, key, description=request["Description"])


@operation(resource=by_key)
def enable_key(call: Call, request: Mapping[str, Any]) -> None:
    """EnableKey."""
    key = find(call, request["KeyId"], aliases=False)
    refuse_managed(key)
    check_state(key, ENABLED, DISABLED)
    change(call, key, state=ENABLED)


@operation(resource=by_key)
def disable_key(call: Call, request: Mapping[str, Any]) -> None:
    """DisableKey."""
    key = find(call, request["KeyId"], aliases=False)
    refuse_managed(key)
    check_state(key, ENABLED, DISABLED)
    change(call, key, state=DISABLED)


@operation(resource=by_key)
def schedule_key_deletion(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ScheduleKeyDeletion: after 7 to 30 days the key and its material are gone."""
    key = find(call, request["KeyId"], aliases=False)
    refuse_managed(key)
    window = request.get("PendingWindowInDays", 30)
    if not 7 <= window <= 30:
        raise invalid(f"PendingWindowInDays should be between 7 and 30, but it is {window}")
    check_state(key, ENABLED, DISABLED, PENDING_IMPORT)
    waits = key.multi_region and key.primary == key.region and len(key.family) > 1
    deletion = None if waits else call.now() + window * DAY
    with call.write() as tx:
        changed = rewrite(
            tx,
            key,
            state=PENDING_REPLICA_DELETION if waits else PENDING_DELETION,
            deletion=deletion,
            window=window,
            before_deletion=key.state,
        )
        if deletion is not None:
            converge.wake(tx, "kms.key", Scope(key.account, key.region), (key.id,), deletion)
    return {
        "KeyId": key.arn,
        "DeletionDate": deletion,
        "KeyState": changed.state,
        "PendingWindowInDays": window,
    }


@operation(resource=by_key)
def cancel_key_deletion(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CancelKeyDeletion: the key is disabled afterwards."""
    key = find(call, request["KeyId"], aliases=False)
    if key.state not in (PENDING_DELETION, PENDING_REPLICA_DELETION):
        raise errors.KMSInvalidStateException(f"{key.arn} is not pending deletion.")
    state = PENDING_IMPORT if key.before_deletion == PENDING_IMPORT else DISABLED
    with call.write() as tx:
        rewrite(tx, key, state=state, deletion=None, window=None)
        settle(tx, "kms.key", Scope(key.account, key.region), (key.id,))
        plan(tx, key)
    return {"KeyId": key.arn}


def plan(tx: Writer, key: Key) -> None:
    """Ask for the key's next step: its rotation, or the end of imported material."""
    moments = [material.expires for material in key.materials if material.expires and material.sealed]
    if key.rotates and key.next_rotation is not None:
        moments.append(key.next_rotation)
    if moments:
        converge.wake(tx, "kms.key", Scope(key.account, key.region), (key.id,), min(moments))


def erase(tx: Writer, key: Key) -> None:
    """Remove a key's aliases and grants (the caller removes the row)."""
    scope = Scope(key.account, key.region)
    for alias in list(ALIASES.scan(tx, scope)):
        if alias.key == key.id:
            ALIASES.delete(tx, scope, alias.name)
    GRANTS.delete_all(tx, scope, key.id)
