"""Values under a data key of KMS's: sealed here, so that a value may be larger than KMS encrypts itself."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from haneul.kit import tokens
from haneul.service import Call
from haneul.services.secretsmanager.errors import errors
from haneul.services.secretsmanager.state import Secret, Version
from haneul.wire.errors import AwsError

DEFAULT_KEY = "alias/aws/secretsmanager"
LIMIT = 65_536
_NONCE = 12


def value_of(request: Mapping[str, Any]) -> tuple[bytes, bool] | None:
    """(value, is text) of a request, or None. Raises InvalidParameterException for both or too much."""
    text, binary = request.get("SecretString"), request.get("SecretBinary")
    if text is not None and binary is not None:
        raise errors.InvalidParameterException(
            "You can't specify both a binary secret value and a string secret value in the same secret."
        )
    if text is None and binary is None:
        return None
    value = text.encode() if text is not None else binary
    assert isinstance(value, bytes)
    if len(value) > LIMIT:
        raise errors.InvalidParameterException(f"The secret value is larger than {LIMIT} bytes.")
    return value, text is not None


def seal(call: Call, secret: Secret, arn: str, version: str, value: tuple[bytes, bool]) -> Version:
    """A version holding a value. Asks KMS for its data key: never inside a transaction."""
    context = {"SecretARN": arn, "SecretVersionId": version}
    key = secret.key or DEFAULT_KEY
    try:
        made = call.invoke("kms", "GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256", "EncryptionContext": context})
    except AwsError as error:
        raise errors.EncryptionFailure(
            f"Secrets Manager can't encrypt the protected secret text using the provided KMS key: {error.message}"
        ) from None
    nonce = bytes.fromhex(tokens.random_hex(2 * _NONCE))
    sealed = nonce + AESGCM(made["Plaintext"]).encrypt(nonce, value[0], version.encode())
    return Version(
        secret=secret.name,
        id=version,
        created=call.now(),
        sealed=sealed,
        wrapped=made["CiphertextBlob"],
        text=value[1],
        key=secret.key,
    )


def open_value(call: Call, arn: str, version: Version) -> bytes:
    context = {"SecretARN": arn, "SecretVersionId": version.id}
    try:
        key = call.invoke("kms", "Decrypt", {"CiphertextBlob": version.wrapped, "EncryptionContext": context})
        return AESGCM(key["Plaintext"]).decrypt(version.sealed[:_NONCE], version.sealed[_NONCE:], version.id.encode())
    except (AwsError, InvalidTag) as error:
        message = error.message if isinstance(error, AwsError) else ""
        raise errors.DecryptionFailure(
            f"Secrets Manager can't decrypt the protected secret text using the provided KMS key: {message}"
        ) from None


def holds(call: Call, arn: str, version: Version, value: tuple[bytes, bool]) -> bool:
    """The version has this very value."""
    return version.text == value[1] and hmac.compare_digest(open_value(call, arn, version), value[0])
