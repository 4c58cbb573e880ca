"""The s3:* condition keys of requests on objects. Asked only when a policy that counts names one.

Source: Service Authorization Reference, "Condition keys for Amazon S3".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from haneul.service import Call
from haneul.services.s3 import index
from haneul.services.s3.state import find_bucket
from haneul.wire.errors import AwsError

_MEMBERS = {
    "ACL": "s3:x-amz-acl",
    "GrantFullControl": "s3:x-amz-grant-full-control",
    "GrantRead": "s3:x-amz-grant-read",
    "GrantReadACP": "s3:x-amz-grant-read-acp",
    "GrantWrite": "s3:x-amz-grant-write",
    "GrantWriteACP": "s3:x-amz-grant-write-acp",
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "SSEKMSKeyId": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "SSECustomerAlgorithm": "s3:x-amz-server-side-encryption-customer-algorithm",
    "CopySource": "s3:x-amz-copy-source",
    "MetadataDirective": "s3:x-amz-metadata-directive",
    "StorageClass": "s3:x-amz-storage-class",
    "WebsiteRedirectLocation": "s3:x-amz-website-redirect-location",
    "ObjectOwnership": "s3:x-amz-object-ownership",
    "VersionId": "s3:VersionId",
    "ObjectLockMode": "s3:object-lock-mode",
    "ObjectLockLegalHoldStatus": "s3:object-lock-legal-hold",
    "IfMatch": "s3:if-match",
    "IfNoneMatch": "s3:if-none-match",
}


def keys(call: Call, request: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """What the request says by its headers, its tags, and the tags that the object already has."""
    found: dict[str, str | list[str]] = {
        name: str(request[member]) for member, name in _MEMBERS.items() if request.get(member) is not None
    }
    until = request.get("ObjectLockRetainUntilDate")
    if isinstance(until, int | float):
        found["s3:object-lock-remaining-retention-days"] = str(max(0, int((until - call.now()) // 86_400)))
    tags = _asked_tags(request)
    if tags:
        found["s3:RequestObjectTagKeys"] = list(tags)
        found |= {f"s3:RequestObjectTag/{key}": value for key, value in tags.items()}
    found |= {f"s3:ExistingObjectTag/{key}": value for key, value in _existing_tags(call, request).items()}
    return found


def _asked_tags(request: Mapping[str, Any]) -> dict[str, str]:
    tagging = request.get("Tagging")
    if isinstance(tagging, str):
        return dict(parse_qsl(tagging, keep_blank_values=True))
    if isinstance(tagging, Mapping):
        return {tag.get("Key", ""): tag.get("Value", "") for tag in tagging.get("TagSet") or ()}
    return {}


def _existing_tags(call: Call, request: Mapping[str, Any]) -> Mapping[str, str]:
    if "Key" not in request:
        return {}
    with call.read() as tx:
        bucket = find_bucket(tx, request["Bucket"])
        if bucket is None:
            return {}
        version = request.get("VersionId")
        try:
            if version is None:
                found = index.newest(tx, bucket, request["Key"])
            else:
                found = index.version(tx, bucket, request["Key"], version)
        except AwsError:
            return {}
    return (found.tags if found is not None else None) or {}
