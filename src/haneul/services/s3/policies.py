"""Bucket policies, and whether one makes a bucket public."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

import orjson

from haneul.auth.documents import validate_resource
from haneul.service import Call, operation
from haneul.services.s3 import acls, blocks, ownership
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import errors
from haneul.services.s3.guard import bucket_arn
from haneul.services.s3.state import Bucket, set_setting

POLICY_BYTES = 20 << 10
_FIXING = frozenset(
    {
        *("aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceowner", "aws:sourceaccount", "aws:userid"),
        *(
            "aws:principalorgid",
            "aws:principalaccount",
            "aws:principalarn",
            "s3:x-amz-server-side-encryption-aws-kms-key-id",
        ),
        *("s3:dataaccesspointarn", "s3:dataaccesspointaccount", "aws:sourceorgid", "s3:accesspointnetworkorigin"),
    }
)
"""Condition keys that, set to fixed values, keep a grant to "*" from being public (AWS: "The meaning of public")."""


@operation(resource=bucket_arn)
def put_bucket_policy(call: Call, request: Mapping[str, Any]) -> None:
    """PutBucketPolicy. Raises MalformedPolicy, AccessDenied for a public one where that is blocked."""
    text = request.get("Policy") or ""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if len(text.encode()) > POLICY_BYTES:
        raise errors.PolicyTooLarge(f"The policy is larger than {POLICY_BYTES} bytes")
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        document = validate_resource(text, "s3", bucket.arn)
        if blocks.is_on(bucket, "BlockPublicPolicy") and is_public(document):
            raise errors.AccessDenied(
                f"User: {call.principal.arn} is not authorized to perform: s3:PutBucketPolicy on resource: "
                f'"{bucket.arn}" because public policies are prevented by the BlockPublicPolicy setting in S3 Block '
                "Public Access."
            )
        set_setting(tx, bucket, "policy", text)
    call.status = 204


@operation(resource=bucket_arn)
def get_bucket_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketPolicy, as it was put. Raises NoSuchBucketPolicy."""
    return {"Policy": _policy(call, request)[1]}


@operation(resource=bucket_arn)
def get_bucket_policy_status(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketPolicyStatus: public by policy or by ACL. Raises NoSuchBucketPolicy without either."""
    with call.read() as tx:
        bucket = bucket_of(tx, request)
    text = bucket.settings.get("policy")
    if text is None:
        if not _public_by_acl(bucket):
            raise _none(bucket)
        return {"PolicyStatus": {"IsPublic": True}}
    return {"PolicyStatus": {"IsPublic": is_public(orjson.loads(text)) or _public_by_acl(bucket)}}


@operation(resource=bucket_arn)
def delete_bucket_policy(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteBucketPolicy. Deleting none is no error."""
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        set_setting(tx, bucket, "policy", None)


def is_public(document: Mapping[str, Any]) -> bool:
    """Whether a statement allows everybody something under no condition that names somebody."""
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        if statement["Effect"] == "Allow" and _is_anyone(statement) and not _is_fixed(statement.get("Condition") or {}):
            return True
    return False


def _is_anyone(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    if principal == "*" or "NotPrincipal" in statement:
        return True
    if not isinstance(principal, dict):
        return False
    return any(name == "*" for names in principal.values() for name in ([names] if isinstance(names, str) else names))


def _is_fixed(conditions: Mapping[str, Any]) -> bool:
    for operator, tests in conditions.items():
        plain = operator.lower()
        if "not" in plain or plain.startswith("null"):
            continue
        for key, values in tests.items():
            listed = [str(value) for value in (values if isinstance(values, list) else [values])]
            if key.lower() == "aws:sourceip" and all(_is_narrow(value) for value in listed):
                return True
            if key.lower() in _FIXING and not any(_is_open(value) for value in listed):
                return True
    return False


def _is_narrow(block: str) -> bool:
    try:
        network = ipaddress.ip_network(block, strict=False)
    except ValueError:
        return False
    return network.prefixlen >= (8 if network.version == 4 else 32)


def _is_open(value: str) -> bool:
    return "${" in value or value.strip("*?:") in ("", "arn:aws:s3", "arn:aws")


def _public_by_acl(bucket: Bucket) -> bool:
    counts = ownership.of(bucket) != ownership.ENFORCED and not blocks.is_on(bucket, "IgnorePublicAcls")
    return counts and acls.is_public(bucket.settings.get("acl"))


def _policy(call: Call, request: Mapping[str, Any]) -> tuple[Bucket, str]:
    with call.read() as tx:
        bucket = bucket_of(tx, request)
    text = bucket.settings.get("policy")
    if text is None:
        raise _none(bucket)
    return bucket, text


def _none(bucket: Bucket) -> Exception:
    return errors.NoSuchBucketPolicy("The bucket policy does not exist", BucketName=bucket.name)
