"""The operations on access control lists, of buckets and of objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.service import Call, operation
from haneul.services.s3 import acls, context, happenings, index, objects, ownership
from haneul.services.s3.acls import Grants
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import errors
from haneul.services.s3.guard import bucket_arn, object_arn
from haneul.services.s3.state import Bucket, set_setting
from haneul.services.s3.versions import version_id


@operation(resource=bucket_arn)
def put_bucket_acl(call: Call, request: Mapping[str, Any]) -> None:
    """PutBucketAcl. Raises AccessControlListNotSupported, MalformedACLError, InvalidArgument, AccessDenied."""
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        grants = _wanted(request, bucket, bucket.owner)
        set_setting(tx, bucket, "acl", grants)


@operation(resource=bucket_arn)
def get_bucket_acl(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketAcl."""
    with call.read() as tx:
        bucket = bucket_of(tx, request)
    return acls.to_document(bucket.settings.get("acl"), bucket.owner)


@operation(
    resource=object_arn,
    action=lambda call, request: "s3:PutObjectVersionAcl" if "VersionId" in request else "s3:PutObjectAcl",
    conditions=context.keys,
)
def put_object_acl(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutObjectAcl of the current version or the one named."""
    key = request["Key"]
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        found = objects.visible(tx, bucket, key, request.get("VersionId"), call.operation)
        grants = _wanted(request, bucket, found.entry.owner or bucket.owner)
        index.update(tx, bucket, key, msgspec.structs.replace(found, grants=grants))
        happenings.publish(call, tx, bucket, key, "ObjectAcl:Put", found.entry)
    return {"VersionId": version_id(found.entry)} if bucket.versioning else {}


@operation(
    resource=object_arn,
    action=lambda call, request: "s3:GetObjectVersionAcl" if "VersionId" in request else "s3:GetObjectAcl",
    conditions=context.keys,
)
def get_object_acl(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetObjectAcl."""
    with call.read() as tx:
        bucket = bucket_of(tx, request)
        found = objects.visible(tx, bucket, request["Key"], request.get("VersionId"), call.operation)
    return acls.to_document(found.grants, found.entry.owner or bucket.owner)


def _wanted(request: Mapping[str, Any], bucket: Bucket, owner: str) -> Grants | None:
    """The list that a PutBucketAcl or PutObjectAcl asks for, from its headers or its body."""
    document = request.get("AccessControlPolicy")
    if ownership.of(bucket) == ownership.ENFORCED and not _is_owners_own(request, document, owner):
        raise acls.not_supported()
    by_header = "ACL" in request or any(name.startswith("Grant") for name in request)
    if by_header:
        if document:
            raise errors.UnexpectedContent("This request does not support content")
        grants = acls.from_headers(request, owner, bucket.owner)
    elif document:
        grants = acls.from_document(document, owner)
    else:
        raise errors.MissingSecurityHeader("Your request was missing a required header", MissingHeaderName="x-amz-acl")
    acls.check_public(bucket, grants)
    return grants


def _is_owners_own(request: Mapping[str, Any], document: Mapping[str, Any] | None, owner: str) -> bool:
    """Whether an ACL says only what holds anyway where ACLs are off: the bucket's owner has full control."""
    if request.get("ACL") == "bucket-owner-full-control":
        return True
    if not document or not document.get("Grants"):
        return False
    grants = acls.from_document(document, owner)
    return grants == acls.to_pairs(owner)
