"""Encrypt, decrypt, data keys, macs and random bytes."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.kms.errors import errors, invalid
from haneul.services.kms.grants import dry_run
from haneul.services.kms.lookup import by_key, check_state, find, material_of, usable
from haneul.services.kms.plane import ciphers
from haneul.services.kms.plane.specs import ENCRYPT, MAC, SPECS
from haneul.services.kms.state import ENABLED, Key

SYMMETRIC = "SYMMETRIC_DEFAULT"
_RSA_ROOM = {"RSAES_OAEP_SHA_1": 42, "RSAES_OAEP_SHA_256": 66}
Answer = dict[str, Any] | Awaitable[dict[str, Any]]


def context_keys(call: Call, request: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """Condition keys of a call with an encryption context."""
    context = request.get("EncryptionContext") or request.get("SourceEncryptionContext") or {}
    keys: dict[str, str | list[str]] = {f"kms:EncryptionContext:{name}": value for name, value in context.items()}
    if context:
        keys["kms:EncryptionContextKeys"] = list(context)
    keys["kms:CallerAccount"] = call.account
    return keys


def by_blob(call: Call, request: Mapping[str, Any]) -> str:
    """The key that a ciphertext names, unless the request does."""
    name = request.get("KeyId")
    if not name:
        try:
            header = ciphers.header_of(request.get("CiphertextBlob") or b"")
        except ciphers.Unreadable:
            return "*"
        name = f"arn:aws:kms:{call.region}:{header.account}:key/{header.key}"
    return by_key(call, {"KeyId": name})


def by_both(call: Call, request: Mapping[str, Any]) -> list[str]:
    source = by_blob(call, {"KeyId": request.get("SourceKeyId"), "CiphertextBlob": request.get("CiphertextBlob")})
    return [source, by_key(call, {"KeyId": request["DestinationKeyId"]})]


def check_algorithm(key: Key, algorithm: str) -> None:
    if algorithm not in SPECS[key.spec].algorithms[key.usage]:
        raise errors.InvalidKeyUsageException(f"Algorithm {algorithm} is incompatible with key spec {key.spec}.")


def refuse_recipient(request: Mapping[str, Any]) -> None:
    if request.get("Recipient"):
        raise errors.UnsupportedOperationException("Nitro enclaves are not supported here.")


def slowly(function: Callable[[], dict[str, Any]]) -> Awaitable[dict[str, Any]]:
    return asyncio.to_thread(function)


@operation(resource=by_key, conditions=context_keys)
def encrypt(call: Call, request: Mapping[str, Any]) -> Answer:
    """Encrypt up to 4,096 bytes."""
    key = usable(call, request["KeyId"], ENCRYPT)
    algorithm = request.get("EncryptionAlgorithm") or SYMMETRIC
    check_algorithm(key, algorithm)
    if request.get("DryRun"):
        raise dry_run()
    plain, context = request["Plaintext"], request.get("EncryptionContext")
    if algorithm == SYMMETRIC:
        return {"CiphertextBlob": _seal(call, key, plain, context), "KeyId": key.arn, "EncryptionAlgorithm": algorithm}
    return slowly(
        lambda: {
            "CiphertextBlob": _rsa_encrypt(call, key, algorithm, plain),
            "KeyId": key.arn,
            "EncryptionAlgorithm": algorithm,
        }
    )


def _seal(call: Call, key: Key, plain: bytes, context: Mapping[str, str] | None) -> bytes:
    material, raw = material_of(call, key)
    return ciphers.seal(key.account, key.id, material.number, raw, plain, context)


def _rsa_encrypt(call: Call, key: Key, algorithm: str, plain: bytes) -> bytes:
    room = int(key.spec[4:]) // 8 - _RSA_ROOM[algorithm]
    if len(plain) > room:
        raise invalid(f"Algorithm {algorithm} and key spec {key.spec} cannot encrypt data larger than {room} bytes.")
    return ciphers.rsa_encrypt(material_of(call, key)[1], algorithm, plain)


@operation(resource=by_blob, conditions=context_keys)
def decrypt(call: Call, request: Mapping[str, Any]) -> Answer:
    """Decrypt. A symmetric ciphertext names its key; an asymmetric one needs KeyId."""
    refuse_recipient(request)
    if not request.get("CiphertextBlob"):
        raise invalid("CiphertextBlob is required.")
    algorithm = request.get("EncryptionAlgorithm") or SYMMETRIC
    blob, name = request["CiphertextBlob"], request.get("KeyId")
    if algorithm != SYMMETRIC:
        if not name:
            raise invalid("You must specify a KeyId when decrypting with an asymmetric KMS key.")
        key = usable(call, name, ENCRYPT)
        check_algorithm(key, algorithm)
        if request.get("DryRun"):
            raise dry_run()
        return slowly(
            lambda: {
                "KeyId": key.arn,
                "Plaintext": _rsa_decrypt(call, key, algorithm, blob),
                "EncryptionAlgorithm": algorithm,
            }
        )
    key, plain, material = _unseal(call, blob, name, request.get("EncryptionContext"))
    if request.get("DryRun"):
        raise dry_run()
    return {"KeyId": key.arn, "Plaintext": plain, "EncryptionAlgorithm": algorithm, "KeyMaterialId": material}


def _rsa_decrypt(call: Call, key: Key, algorithm: str, blob: bytes) -> bytes:
    try:
        return ciphers.rsa_decrypt(material_of(call, key)[1], algorithm, blob)
    except ciphers.Unreadable:
        raise errors.InvalidCiphertextException("") from None


def _unseal(call: Call, blob: bytes, name: str | None, context: Mapping[str, str] | None) -> tuple[Key, bytes, str]:
    """(key, plaintext, material id). Raises InvalidCiphertextException, IncorrectKeyException."""
    try:
        header = ciphers.header_of(blob)
    except ciphers.Unreadable:
        raise errors.InvalidCiphertextException("") from None
    named = find(call, name) if name else None
    if named is not None:
        check_state(named, ENABLED)
        if named.usage != ENCRYPT:
            raise errors.InvalidKeyUsageException(
                f"{named.arn} key usage is {named.usage} which is not valid for {call.operation}."
            )
        if named.spec != SYMMETRIC:
            check_algorithm(named, SYMMETRIC)
        if (named.account, named.id) != (header.account, header.key):
            raise errors.IncorrectKeyException(
                "The key ID in the request does not identify a CMK that can perform this operation."
            )
    key = named or find(call, f"arn:aws:kms:{call.region}:{header.account}:key/{header.key}")
    check_state(key, ENABLED)
    material, raw = material_of(call, key, header.material)
    try:
        return key, ciphers.unseal(blob, header, raw, context), material.id
    except ciphers.Unreadable:
        raise errors.InvalidCiphertextException("") from None


@operation(resource=by_both, action=lambda call, request: ["kms:ReEncryptFrom", "kms:ReEncryptTo"])
def re_encrypt(call: Call, request: Mapping[str, Any]) -> Answer:
    """ReEncrypt: the plaintext never leaves."""
    if not request.get("CiphertextBlob"):
        raise invalid("CiphertextBlob is required.")
    source_algorithm = request.get("SourceEncryptionAlgorithm") or SYMMETRIC
    target_algorithm = request.get("DestinationEncryptionAlgorithm") or SYMMETRIC
    target = usable(call, request["DestinationKeyId"], ENCRYPT)
    check_algorithm(target, target_algorithm)
    blob, name = request["CiphertextBlob"], request.get("SourceKeyId")
    slow = SYMMETRIC not in (source_algorithm,) or target_algorithm != SYMMETRIC
    if source_algorithm != SYMMETRIC:
        if not name:
            raise invalid("You must specify a SourceKeyId when the source is an asymmetric KMS key.")
        check_algorithm(usable(call, name, ENCRYPT), source_algorithm)

    def run() -> dict[str, Any]:
        material: str | None = None
        if source_algorithm == SYMMETRIC:
            source, plain, material = _unseal(call, blob, name, request.get("SourceEncryptionContext"))
        else:
            source = usable(call, str(name), ENCRYPT)
            plain = _rsa_decrypt(call, source, source_algorithm, blob)
        if request.get("DryRun"):
            raise dry_run()
        if target_algorithm == SYMMETRIC:
            sealed = _seal(call, target, plain, request.get("DestinationEncryptionContext"))
        else:
            sealed = _rsa_encrypt(call, target, target_algorithm, plain)
        current = target.current
        return {
            "CiphertextBlob": sealed,
            "SourceKeyId": source.arn,
            "KeyId": target.arn,
            "SourceEncryptionAlgorithm": source_algorithm,
            "DestinationEncryptionAlgorithm": target_algorithm,
            "SourceKeyMaterialId": material,
            "DestinationKeyMaterialId": current.id if current and target_algorithm == SYMMETRIC else None,
        }

    return slowly(run) if slow else run()


def _data_key(call: Call, request: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    refuse_recipient(request)
    key = find(call, request["KeyId"])
    check_state(key, ENABLED)
    if key.spec != SYMMETRIC:
        raise errors.InvalidKeyUsageException(
            f"{key.arn} key usage is {key.usage} which is not valid for {call.operation}."
            if key.usage != ENCRYPT
            else f"{key.arn} is not a symmetric encryption key."
        )
    count, spec = request.get("NumberOfBytes"), request.get("KeySpec")
    if (count is None) == (spec is None):
        raise invalid("Please specify either number of bytes or key spec.")
    if count is not None and not 1 <= count <= 1024:
        raise invalid(
            f"1 validation error detected: Value '{count}' at 'numberOfBytes' failed to satisfy constraint: "
            + (
                "Member must have value greater than or equal to 1"
                if count < 1
                else "Member must have value less than or equal to 1024"
            )
        )
    size = count if count is not None else {"AES_128": 16, "AES_256": 32}[str(spec)]
    if request.get("DryRun"):
        raise dry_run()
    plain = bytes.fromhex(tokens.random_hex(2 * size))
    current = key.current
    return {
        "CiphertextBlob": _seal(call, key, plain, request.get("EncryptionContext")),
        "KeyId": key.arn,
        "KeyMaterialId": current.id if current else None,
    }, plain


@operation(resource=by_key, conditions=context_keys)
def generate_data_key(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GenerateDataKey."""
    result, plain = _data_key(call, request)
    return {**result, "Plaintext": plain}


@operation(resource=by_key, conditions=context_keys)
def generate_data_key_without_plaintext(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GenerateDataKeyWithoutPlaintext."""
    return _data_key(call, request)[0]


@operation(resource=by_key, conditions=context_keys)
async def generate_data_key_pair(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GenerateDataKeyPair."""
    return await _data_key_pair(call, request, plaintext=True)


@operation(resource=by_key, conditions=context_keys)
async def generate_data_key_pair_without_plaintext(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GenerateDataKeyPairWithoutPlaintext."""
    return await _data_key_pair(call, request, plaintext=False)


async def _data_key_pair(call: Call, request: Mapping[str, Any], *, plaintext: bool) -> dict[str, Any]:
    refuse_recipient(request)
    key = usable(call, request["KeyId"], ENCRYPT)
    if key.spec != SYMMETRIC:
        raise errors.InvalidKeyUsageException(f"{key.arn} is not a symmetric encryption key.")
    spec = request["KeyPairSpec"]
    if spec not in SPECS:
        raise errors.UnsupportedOperationException(f"The key pair spec {spec} is not supported here.")
    if request.get("DryRun"):
        raise dry_run()
    private = await asyncio.to_thread(ciphers.generate, spec)
    current = key.current
    return {
        "PrivateKeyCiphertextBlob": _seal(call, key, private, request.get("EncryptionContext")),
        "PrivateKeyPlaintext": private if plaintext else None,
        "PublicKey": ciphers.public_der(private),
        "KeyId": key.arn,
        "KeyPairSpec": spec,
        "KeyMaterialId": current.id if current else None,
    }


@operation(resource=by_key)
def generate_mac(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GenerateMac."""
    key, mac = _mac(call, request)
    return {"Mac": mac, "MacAlgorithm": request["MacAlgorithm"], "KeyId": key.arn}


@operation(resource=by_key)
def verify_mac(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """VerifyMac: true, or KMSInvalidMacException."""
    key, mac = _mac(call, request)
    if not hmac.compare_digest(mac, request["Mac"]):
        raise errors.KMSInvalidMacException("")
    return {"KeyId": key.arn, "MacValid": True, "MacAlgorithm": request["MacAlgorithm"]}


def _mac(call: Call, request: Mapping[str, Any]) -> tuple[Key, bytes]:
    key = usable(call, request["KeyId"], MAC)
    check_algorithm(key, request["MacAlgorithm"])
    if request.get("DryRun"):
        raise dry_run()
    return key, ciphers.mac(material_of(call, key)[1], request["MacAlgorithm"], request["Message"])


@operation()
def generate_random(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GenerateRandom: up to 1,024 bytes."""
    refuse_recipient(request)
    count = request.get("NumberOfBytes")
    if count is None:
        raise invalid("NumberOfBytes is required.")
    return {"Plaintext": bytes.fromhex(tokens.random_hex(2 * count))}
