"""Sign, verify, agree on a secret, and the public half of a key pair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.kms.errors import errors, invalid
from haneul.services.kms.grants import dry_run
from haneul.services.kms.lookup import by_key, check_state, find, material_of, usable
from haneul.services.kms.plane import ciphers
from haneul.services.kms.plane.specs import AGREE, KEM, MEMBER, SIGN, SPECS, is_symmetric
from haneul.services.kms.state import ENABLED, Key
from haneul.services.kms.symmetric import Answer, check_algorithm, refuse_recipient, slowly

MESSAGE_LIMIT = 4096


def _signing(call: Call, request: Mapping[str, Any]) -> tuple[Key, bytes, bool]:
    """(key, private material, whether the message is a digest)."""
    key = usable(call, request["KeyId"], SIGN)
    algorithm = request["SigningAlgorithm"]
    check_algorithm(key, algorithm)
    digest = request.get("MessageType") == "DIGEST"
    if digest and algorithm.startswith(("ED25519", "ML_DSA")):
        raise invalid(f"MessageType DIGEST is not valid for algorithm {algorithm}.")
    if digest and len(request["Message"]) != ciphers.digest_size(algorithm):
        raise invalid(f"Digest is invalid length for algorithm {algorithm}.")
    if request.get("DryRun"):
        raise dry_run()
    return key, material_of(call, key)[1], digest


@operation(resource=by_key)
def sign(call: Call, request: Mapping[str, Any]) -> Answer:
    """Sign a message or its digest."""
    key, private, digest = _signing(call, request)
    algorithm = request["SigningAlgorithm"]

    def run() -> dict[str, Any]:
        signature = ciphers.sign(private, algorithm, request["Message"], digest=digest)
        return {"KeyId": key.arn, "Signature": signature, "SigningAlgorithm": algorithm}

    return slowly(run) if SPECS[key.spec].family == "rsa" else run()


@operation(resource=by_key)
def verify(call: Call, request: Mapping[str, Any]) -> Answer:
    """Verify: true, or KMSInvalidSignatureException."""
    key, private, digest = _signing(call, request)
    algorithm = request["SigningAlgorithm"]

    def run() -> dict[str, Any]:
        if not ciphers.verify(private, algorithm, request["Message"], request["Signature"], digest=digest):
            raise errors.KMSInvalidSignatureException("")
        return {"KeyId": key.arn, "SignatureValid": True, "SigningAlgorithm": algorithm}

    return slowly(run) if SPECS[key.spec].family == "rsa" else run()


@operation(resource=by_key)
def derive_shared_secret(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeriveSharedSecret by ECDH."""
    refuse_recipient(request)
    key = usable(call, request["KeyId"], AGREE)
    check_algorithm(key, request["KeyAgreementAlgorithm"])
    if request.get("DryRun"):
        raise dry_run()
    try:
        secret = ciphers.agree(material_of(call, key)[1], request["PublicKey"])
    except (ValueError, TypeError):
        raise invalid("The public key is invalid or is not on the curve of the KMS key.") from None
    return {
        "KeyId": key.arn,
        "SharedSecret": secret,
        "KeyAgreementAlgorithm": request["KeyAgreementAlgorithm"],
        "KeyOrigin": key.origin,
    }


@operation(resource=by_key)
def encapsulate(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """Encapsulate: a fresh secret, and what only the key opens to it."""
    key = _kem(call, request)
    secret, sealed = ciphers.encapsulate(material_of(call, key)[1])
    return {
        "KeyId": key.arn,
        "SharedSecret": secret,
        "SharedSecretCiphertextBlob": sealed,
        "EncapsulationAlgorithm": request["EncapsulationAlgorithm"],
    }


@operation(resource=by_key)
def decapsulate(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """Decapsulate. By ML-KEM's design an altered ciphertext gives another secret, not an error."""
    key = _kem(call, request)
    try:
        secret = ciphers.decapsulate(material_of(call, key)[1], request["SharedSecretCiphertextBlob"])
    except ciphers.Unreadable:
        raise errors.InvalidCiphertextException("") from None
    return {"KeyId": key.arn, "SharedSecret": secret, "EncapsulationAlgorithm": request["EncapsulationAlgorithm"]}


def _kem(call: Call, request: Mapping[str, Any]) -> Key:
    key = usable(call, request["KeyId"], KEM)
    check_algorithm(key, request["EncapsulationAlgorithm"])
    if request.get("DryRun"):
        raise dry_run()
    return key


@operation(resource=by_key)
def get_public_key(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetPublicKey, as SubjectPublicKeyInfo."""
    key = find(call, request["KeyId"])
    if is_symmetric(key.spec):
        raise errors.UnsupportedOperationException(
            f"The request was rejected because {key.arn} is not an asymmetric key."
        )
    check_state(key, ENABLED)
    return {
        "KeyId": key.arn,
        "PublicKey": ciphers.public_der(material_of(call, key)[1]),
        "CustomerMasterKeySpec": key.spec,
        "KeySpec": key.spec,
        "KeyUsage": key.usage,
        MEMBER[key.usage]: list(SPECS[key.spec].algorithms[key.usage]),
    }
