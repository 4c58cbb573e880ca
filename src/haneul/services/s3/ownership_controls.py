"""The operations on a bucket's object ownership."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.s3.buckets import bucket_of, change_setting
from haneul.services.s3.errors import errors, malformed_xml
from haneul.services.s3.guard import bucket_arn
from haneul.services.s3.ownership import ENFORCED, KINDS


@operation(resource=bucket_arn)
def put_bucket_ownership_controls(call: Call, request: Mapping[str, Any]) -> None:
    """PutBucketOwnershipControls. Raises InvalidBucketAclWithObjectOwnership while an ACL grants others something."""
    rules = (request.get("OwnershipControls") or {}).get("Rules") or []
    if len(rules) != 1 or rules[0].get("ObjectOwnership") not in KINDS:
        raise malformed_xml()
    kind = rules[0]["ObjectOwnership"]
    with call.read() as tx:
        bucket = bucket_of(tx, request)
    if kind == ENFORCED and bucket.settings.get("acl"):
        raise errors.InvalidBucketAclWithObjectOwnership(
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
        )
    change_setting(call, request, "ownership", kind)


@operation(resource=bucket_arn)
def get_bucket_ownership_controls(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketOwnershipControls. Raises OwnershipControlsNotFoundError."""
    with call.read() as tx:
        bucket = bucket_of(tx, request)
    kind = bucket.settings.get("ownership")
    if kind is None:
        raise errors.OwnershipControlsNotFoundError(
            "The bucket ownership controls were not found", BucketName=bucket.name
        )
    return {"OwnershipControls": {"Rules": [{"ObjectOwnership": kind}]}}


@operation(resource=bucket_arn, action="s3:PutBucketOwnershipControls")
def delete_bucket_ownership_controls(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteBucketOwnershipControls. Deleting none is no error."""
    change_setting(call, request, "ownership", None)
