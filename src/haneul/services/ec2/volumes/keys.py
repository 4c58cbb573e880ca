"""KMS behind encrypted volumes: which key, and the data key that a volume's blocks are sealed with."""

from __future__ import annotations

import base64

from haneul.service import Call
from haneul.services.ec2.errors import coded
from haneul.services.ec2.vpc.state import ACCOUNTS, Account
from haneul.wire.errors import AwsError


def resolve(call: Call, key: str | None) -> str:
    """The ARN of a key named in any way; of AWS' own for EBS when none is. Raises InvalidKmsKey.NotFound."""
    if not key:
        return ""
    try:
        found = call.invoke("kms", "DescribeKey", {"KeyId": key})["KeyMetadata"]
    except AwsError as error:
        raise coded("InvalidParameterValue", f"The KMS key '{key}' can't be used: {error.message}") from None
    if found["KeyState"] != "Enabled":
        raise coded("KMS.InvalidStateException", f"The KMS key '{key}' is {found['KeyState']}")
    return str(found["Arn"])


def own(call: Call, encrypted: bool | None) -> None:
    """Where something gets encrypted without a key being named: AWS' own key for EBS is known by its ARN, as every
    answer tells it. Before a transaction: KMS is called."""
    with call.read() as tx:
        row = ACCOUNTS.get(tx, call.scope, "account")
    settings = row.settings if row is not None else {}
    if settings.get("ebs-own-key") or settings.get("ebs-key") or not (encrypted or settings.get("ebs-encryption")):
        return
    found = resolve(call, "alias/aws/ebs")
    with call.write() as tx:
        row = ACCOUNTS.get(tx, call.scope, "account") or Account()
        row.settings = {**row.settings, "ebs-own-key": found}
        ACCOUNTS.put(tx, call.scope, row)


def new_data_key(call: Call, key: str, volume: str) -> str:
    """A data key under `key`, wrapped, in base64. From a step: KMS is called."""
    answer = call.invoke(
        "kms",
        "GenerateDataKeyWithoutPlaintext",
        {"KeyId": key, "NumberOfBytes": 32, "EncryptionContext": {"aws:ebs:id": volume}},
    )
    return f"{volume} {base64.b64encode(answer['CiphertextBlob']).decode()}"


def opened(call: Call, data_key: str) -> bytes:
    """The 32 bytes of a wrapped data key; b"" of none."""
    if not data_key:
        return b""
    volume, _, blob = data_key.partition(" ")
    answer = call.invoke(
        "kms",
        "Decrypt",
        {"CiphertextBlob": base64.b64decode(blob), "EncryptionContext": {"aws:ebs:id": volume}},
    )
    return bytes(answer["Plaintext"])
