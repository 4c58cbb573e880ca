"""A bucket's default encryption: what `encryption.py` does to bodies whose request asks for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.s3.buckets import bucket_of, change_setting
from haneul.services.s3.errors import errors, malformed_xml
from haneul.services.s3.guard import bucket_arn

_ALGORITHMS = ("AES256", "aws:kms", "aws:kms:dsse")
_DEFAULT = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}


@operation(resource=bucket_arn, action="s3:PutEncryptionConfiguration")
def put_bucket_encryption(call: Call, request: Mapping[str, Any]) -> None:
    """PutBucketEncryption. Raises MalformedXML, InvalidArgument for a key that its algorithm has no use for."""
    rules = (request.get("ServerSideEncryptionConfiguration") or {}).get("Rules") or []
    if len(rules) != 1:
        raise malformed_xml()
    default = rules[0].get("ApplyServerSideEncryptionByDefault")
    if default is not None:
        if default.get("SSEAlgorithm") not in _ALGORITHMS:
            raise malformed_xml()
        if default["SSEAlgorithm"] == "AES256" and default.get("KMSMasterKeyID"):
            raise errors.InvalidArgument(
                "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
                ArgumentName="ApplyServerSideEncryptionByDefault",
            )
    change_setting(call, request, "encryption", {"Rules": rules})


@operation(resource=bucket_arn, action="s3:GetEncryptionConfiguration")
def get_bucket_encryption(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketEncryption: AES256 where nothing was put, as every bucket has it."""
    with call.read() as tx:
        setting = bucket_of(tx, request).settings.get("encryption")
    rules = [dict(rule) for rule in setting["Rules"]] if setting is not None else [dict(_DEFAULT)]
    for rule in rules:
        rule.setdefault("BucketKeyEnabled", False)
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


@operation(resource=bucket_arn, action="s3:PutEncryptionConfiguration")
def delete_bucket_encryption(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteBucketEncryption: back to AES256."""
    change_setting(call, request, "encryption", None)
