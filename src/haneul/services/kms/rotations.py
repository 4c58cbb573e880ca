"""Rotation: new material for new ciphertexts; the old still opens what it closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.converge.timers import settle
from haneul.service import Call, Scope, operation
from haneul.services.kms.errors import errors
from haneul.services.kms.keys import DAY, plan, refuse_managed, rewrite
from haneul.services.kms.lookup import by_key, check_state, find, new_material, page
from haneul.services.kms.plane import ciphers
from haneul.services.kms.state import DISABLED, ENABLED, KEYS, PENDING_DELETION, Key, Material
from haneul.state.store import Writer

ON_DEMAND_LIMIT = 25


def _rotatable(call: Call, request: Mapping[str, Any], *, automatic: bool = True) -> Key:
    key = find(call, request["KeyId"], aliases=False)
    if key.spec != "SYMMETRIC_DEFAULT" or (automatic and key.origin != "AWS_KMS"):
        raise errors.UnsupportedOperationException("")
    return key


def _primary(key: Key) -> None:
    if key.multi_region and key.primary != key.region:
        raise errors.UnsupportedOperationException(f"{key.arn} is a replica: rotate its primary key.")


@operation(resource=by_key)
def enable_key_rotation(call: Call, request: Mapping[str, Any]) -> None:
    """EnableKeyRotation: a period of 90 to 2,560 days, 365 unless told."""
    key = _rotatable(call, request)
    refuse_managed(key)
    check_state(key, ENABLED)
    _primary(key)
    days = request.get("RotationPeriodInDays") or (key.rotation_days if key.rotates else 365)
    with call.write() as tx:
        changed = rewrite(tx, key, rotates=True, rotation_days=days, next_rotation=call.now() + days * DAY)
        plan(tx, changed)


@operation(resource=by_key)
def disable_key_rotation(call: Call, request: Mapping[str, Any]) -> None:
    """DisableKeyRotation."""
    key = _rotatable(call, request)
    refuse_managed(key)
    check_state(key, ENABLED)
    _primary(key)
    with call.write() as tx:
        changed = rewrite(tx, key, rotates=False, next_rotation=None)
        settle(tx, "kms.key", Scope(key.account, key.region), (key.id,))
        plan(tx, changed)


@operation(resource=by_key)
def get_key_rotation_status(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetKeyRotationStatus."""
    key = find(call, request["KeyId"], aliases=False)
    if key.state == PENDING_DELETION:
        raise errors.KMSInvalidStateException(f"{key.arn} is pending deletion.")
    if key.spec != "SYMMETRIC_DEFAULT":
        return {"KeyRotationEnabled": False, "KeyId": key.arn}
    return {
        "KeyRotationEnabled": key.rotates,
        "KeyId": key.arn,
        "RotationPeriodInDays": key.rotation_days if key.rotates else None,
        "NextRotationDate": key.next_rotation if key.rotates else None,
        "OnDemandRotationStartDate": key.demand_started,
    }


@operation(resource=by_key)
def rotate_key_on_demand(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RotateKeyOnDemand: at once here."""
    key = _rotatable(call, request, automatic=False)
    refuse_managed(key)
    check_state(key, ENABLED)
    _primary(key)
    if sum(material.kind == "ON_DEMAND" for material in key.materials) >= ON_DEMAND_LIMIT:
        raise errors.LimitExceededException(
            f"The limit of {ON_DEMAND_LIMIT} on-demand rotations has been reached for {key.arn}."
        )
    if key.origin == "EXTERNAL":
        return _rotate_imported(call, key)
    with call.write() as tx:
        rotate(tx, call, key, "ON_DEMAND")
    return {"KeyId": key.arn}


def _rotate_imported(call: Call, key: Key) -> dict[str, Any]:
    """The newest imported material that waits becomes the current one."""
    waiting = [material for material in key.materials if material.pending]
    if not waiting:
        raise errors.KMSInvalidStateException(f"{key.arn} has no new key material that is pending rotation.")
    with call.write() as tx:
        materials = [
            msgspec.structs.replace(material, pending=False, kind="ON_DEMAND", created=call.now())
            if material.number == waiting[-1].number
            else material
            for material in key.materials
        ]
        _family_write(tx, key, materials=materials)
    return {"KeyId": key.arn}


def rotate(tx: Writer, call: Call, key: Key, kind: str) -> Key:
    """Give a key (and its replicas) new material."""
    new_material(call, key, ciphers.generate(key.spec), kind)
    return _family_write(tx, key, materials=key.materials, next_number=key.next_number)


def _family_write(tx: Writer, key: Key, **changes: Any) -> Key:
    changed = rewrite(tx, key, **changes)
    for region in key.family:
        if region != key.region and (other := KEYS.get(tx, Scope(key.account, region), key.id)) is not None:
            rewrite(tx, other, **changes)
    return changed


@operation(resource=by_key)
def list_key_rotations(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListKeyRotations: completed ones, or every material when asked."""
    key = find(call, request["KeyId"], aliases=False)
    if key.spec != "SYMMETRIC_DEFAULT":
        raise errors.UnsupportedOperationException("")
    check_state(key, ENABLED, DISABLED)
    everything = request.get("IncludeKeyMaterial") == "ALL_KEY_MATERIAL"
    rows = [material for material in key.materials if everything or material.kind]
    chosen, rest = page(rows, request)
    return {"Rotations": [_entry(key, material) for material in chosen], **rest}


def _entry(key: Key, material: Material) -> dict[str, Any]:
    current = key.current
    state = "CURRENT" if current is not None and current.number == material.number else "NON_CURRENT"
    if material.pending:
        state = "PENDING_ROTATION"
    entry: dict[str, Any] = {
        "KeyId": key.arn,
        "KeyMaterialId": material.id,
        "KeyMaterialState": state,
        "RotationDate": material.created if material.kind else None,
        "RotationType": material.kind or None,
    }
    if key.origin == "EXTERNAL":
        entry["ImportState"] = "IMPORTED" if material.sealed else "PENDING_IMPORT"
        entry["KeyMaterialDescription"] = material.description
        if material.sealed:
            entry["ExpirationModel"] = "KEY_MATERIAL_EXPIRES" if material.expires else "KEY_MATERIAL_DOES_NOT_EXPIRE"
            entry["ValidTo"] = material.expires
    return entry
