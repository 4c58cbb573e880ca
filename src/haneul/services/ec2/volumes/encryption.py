"""Whether an account's new volumes are encrypted, and with which key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.ec2.operations import operation
from haneul.services.ec2.volumes import creation, keys
from haneul.services.ec2.vpc.state import ACCOUNTS, Account


@operation()
def enable_ebs_encryption_by_default(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """EnableEbsEncryptionByDefault."""
    _set(call, "ebs-encryption", True)
    return {"EbsEncryptionByDefault": True}


@operation()
def disable_ebs_encryption_by_default(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DisableEbsEncryptionByDefault."""
    _set(call, "ebs-encryption", False)
    return {"EbsEncryptionByDefault": False}


@operation()
def get_ebs_encryption_by_default(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetEbsEncryptionByDefault."""
    with call.read() as tx:
        return {"EbsEncryptionByDefault": creation.encrypts_by_default(tx, call.scope), "SseType": "sse-ebs"}


@operation()
def get_ebs_default_kms_key_id(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetEbsDefaultKmsKeyId: alias/aws/ebs until another is chosen."""
    with call.read() as tx:
        row = ACCOUNTS.get(tx, call.scope, "account")
        return {"KmsKeyId": (row.settings.get("ebs-key") if row is not None else "") or "alias/aws/ebs"}


@operation()
def modify_ebs_default_kms_key_id(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyEbsDefaultKmsKeyId."""
    key = keys.resolve(call, request["KmsKeyId"])
    _set(call, "ebs-key", key)
    return {"KmsKeyId": key}


@operation()
def reset_ebs_default_kms_key_id(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ResetEbsDefaultKmsKeyId."""
    _set(call, "ebs-key", "")
    return {"KmsKeyId": "alias/aws/ebs"}


def _set(call: Call, name: str, value: Any) -> None:
    with call.write() as tx:
        row = ACCOUNTS.get(tx, call.scope, "account") or Account()
        row.settings = {**row.settings, name: value}
        ACCOUNTS.put(tx, call.scope, row)
