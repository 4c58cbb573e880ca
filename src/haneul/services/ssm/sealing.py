"""SecureStrings under KMS, with the parameter's ARN as encryption context."""

from __future__ import annotations

import base64

from haneul.service import Call
from haneul.services.ssm.errors import errors
from haneul.wire.errors import AwsError

DEFAULT_KEY = "alias/aws/ssm"
_PIECE = 4096


def seal(call: Call, key: str, arn: str, value: str) -> str:
    """The ciphertext of a value. KMS encrypts 4,096 bytes at once, so longer values are several ciphertexts."""
    raw = value.encode()
    pieces = []
    for start in range(0, max(1, len(raw)), _PIECE):
        try:
            made = call.invoke(
                "kms",
                "Encrypt",
                {"KeyId": key, "Plaintext": raw[start : start + _PIECE], "EncryptionContext": {"PARAMETER_ARN": arn}},
            )
        except AwsError as error:
            raise errors.InvalidKeyId(error.message) from None
        pieces.append(made["CiphertextBlob"])
    packed = b"".join(len(piece).to_bytes(4, "big") + piece for piece in pieces)
    return base64.b64encode(packed).decode()


def open_value(call: Call, arn: str, sealed: str) -> str:
    raw = base64.b64decode(sealed)
    plain = b""
    position = 0
    while position < len(raw):
        size = int.from_bytes(raw[position : position + 4], "big")
        piece = raw[position + 4 : position + 4 + size]
        position += 4 + size
        try:
            opened = call.invoke(
                "kms", "Decrypt", {"CiphertextBlob": piece, "EncryptionContext": {"PARAMETER_ARN": arn}}
            )
        except AwsError as error:
            raise errors.InvalidKeyId(f"{error.message} (Service: AWSKMS; Error Code: {error.code})") from None
        plain += opened["Plaintext"]
    return plain.decode()
