"""Key material that was made elsewhere: wrap it, import it, delete it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.auth.sealed import SealError
from haneul.converge.timers import settle
from haneul.service import Call, Scope, operation
from haneul.services.kms.errors import errors, invalid
from haneul.services.kms.keys import DAY, plan, rewrite
from haneul.services.kms.lookup import by_key, check_state, find, new_material
from haneul.services.kms.plane import ciphers
from haneul.services.kms.plane.specs import is_symmetric
from haneul.services.kms.state import DISABLED, ENABLED, PENDING_DELETION, PENDING_IMPORT, Key
from haneul.services.kms.vault import vault

_TOKEN = b"kms/import"


class Ticket(msgspec.Struct, array_like=True):
    """What an import token holds, sealed: the wrapping key's private half, for which key, until when."""

    key: str
    algorithm: str
    private: bytes
    until: float


def _external(call: Call, request: Mapping[str, Any]) -> Key:
    key = find(call, request["KeyId"], aliases=False)
    if key.origin != "EXTERNAL":
        raise errors.UnsupportedOperationException(
            f"{key.arn} origin is {key.origin} which is not valid for this operation."
        )
    return key


@operation(resource=by_key)
async def get_parameters_for_import(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetParametersForImport: a public key to wrap with, and a token that is good for a day."""
    key = _external(call, request)
    if key.state == PENDING_DELETION:
        raise errors.KMSInvalidStateException(f"{key.arn} is pending deletion.")
    spec, algorithm = request["WrappingKeySpec"], request["WrappingAlgorithm"]
    if not spec.startswith("RSA_") or algorithm == "SM2PKE":
        raise errors.UnsupportedOperationException(f"The wrapping key spec {spec} is not supported here.")
    if not is_symmetric(key.spec) and not algorithm.startswith("RSA_AES_KEY_WRAP") and key.spec.startswith("RSA_"):
        raise invalid(f"{algorithm} can't wrap key material of {key.spec}; use RSA_AES_KEY_WRAP_SHA_256.")
    private = await asyncio.to_thread(ciphers.generate, spec)
    until = call.now() + DAY
    ticket = msgspec.msgpack.encode(Ticket(key.id, algorithm, private, until))
    return {
        "KeyId": key.arn,
        "ImportToken": vault(call).sealed.seal(ticket, _TOKEN),
        "PublicKey": ciphers.public_der(private),
        "ParametersValidTo": until,
    }


@operation(resource=by_key)
def import_key_material(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ImportKeyMaterial. The same material may be imported again; other material only to be rotated in."""
    key = _external(call, request)
    check_state(key, ENABLED, DISABLED, PENDING_IMPORT)
    expires = _expiry(call, request)
    raw = _unwrap(call, key, request)
    identity = ciphers.material_id(raw)
    fresh = request.get("ImportType") == "NEW_KEY_MATERIAL"
    known = next((material for material in key.materials if material.id == identity), None)
    if (wanted := request.get("KeyMaterialId")) and wanted != identity:
        raise errors.IncorrectKeyMaterialException("")
    if fresh and known is not None:
        raise errors.IncorrectKeyMaterialException(f"The key material {identity} was imported before.")
    if fresh and key.spec != "SYMMETRIC_DEFAULT":
        raise errors.UnsupportedOperationException(
            "Only symmetric encryption keys can have more than one key material."
        )
    if not fresh and known is None and key.materials:
        raise errors.IncorrectKeyMaterialException("")
    if known is not None:
        sealed = vault(call).seal(key.id, raw)
        key.materials = [
            msgspec.structs.replace(material, sealed=sealed, expires=expires) if material.id == identity else material
            for material in key.materials
        ]
    else:
        waits = bool(key.materials)
        added = new_material(call, key, raw)
        added.expires = expires
        added.pending = waits
        added.description = request.get("KeyMaterialDescription")
    with call.write() as tx:
        state = ENABLED if key.state == PENDING_IMPORT and key.current else key.state
        changed = rewrite(tx, key, materials=key.materials, next_number=key.next_number, state=state)
        settle(tx, "kms.key", Scope(key.account, key.region), (key.id,))
        plan(tx, changed)
    return {"KeyId": key.arn, "KeyMaterialId": identity if key.spec == "SYMMETRIC_DEFAULT" else None}


def _expiry(call: Call, request: Mapping[str, Any]) -> float | None:
    model = request.get("ExpirationModel") or "KEY_MATERIAL_EXPIRES"
    until = request.get("ValidTo")
    if model == "KEY_MATERIAL_DOES_NOT_EXPIRE":
        if until is not None:
            raise invalid("ValidTo must not be set when ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE.")
        return None
    if until is None:
        raise invalid("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES")
    if until <= call.now():
        raise invalid("ValidTo must be in the future")
    return float(until)


def _unwrap(call: Call, key: Key, request: Mapping[str, Any]) -> bytes:
    try:
        ticket = msgspec.msgpack.decode(vault(call).sealed.open(request["ImportToken"], _TOKEN), type=Ticket)
    except (SealError, msgspec.DecodeError):
        raise errors.InvalidImportTokenException("") from None
    if ticket.key != key.id:
        raise errors.InvalidImportTokenException("")
    if ticket.until <= call.now():
        raise errors.ExpiredImportTokenException("")
    try:
        raw = ciphers.unwrap(ticket.private, ticket.algorithm, request["EncryptedKeyMaterial"])
    except ciphers.Unreadable:
        raise errors.InvalidCiphertextException("") from None
    if not ciphers.fits(key.spec, raw):
        raise errors.IncorrectKeyMaterialException("")
    return raw


@operation(resource=by_key)
def delete_imported_key_material(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteImportedKeyMaterial: the key waits for it to be imported again."""
    key = _external(call, request)
    if key.state == PENDING_DELETION:
        raise errors.KMSInvalidStateException(f"{key.arn} is pending deletion.")
    wanted = request.get("KeyMaterialId")
    current = key.current
    chosen = wanted or (current.id if current else None)
    if wanted and all(material.id != wanted for material in key.materials):
        raise errors.NotFoundException(f"Key material {wanted} is not found.")
    forget_material(call, key, {str(chosen)} if chosen else set())
    return {"KeyId": key.arn, "KeyMaterialId": chosen if key.spec == "SYMMETRIC_DEFAULT" else None}


def without(key: Key, identities: set[str]) -> dict[str, Any]:
    """What changes in a key when these materials are gone."""
    materials = [
        msgspec.structs.replace(material, sealed=b"", expires=None) if material.id in identities else material
        for material in key.materials
    ]
    left = all(material.sealed for material in materials if not material.pending)
    return {"materials": materials, "state": key.state if left and materials else PENDING_IMPORT}


def forget_material(call: Call, key: Key, identities: set[str]) -> None:
    with call.write() as tx:
        rewrite(tx, key, **without(key, identities))
