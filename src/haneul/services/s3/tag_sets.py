"""Tags of buckets and objects: the operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.service import Call, operation
from haneul.services.s3 import context, happenings, index, objects, replicas, tagging
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import errors
from haneul.services.s3.guard import bucket_arn, object_arn
from haneul.services.s3.state import set_setting
from haneul.services.s3.versions import version_id


@operation(resource=bucket_arn)
def put_bucket_tagging(call: Call, request: Mapping[str, Any]) -> None:
    """PutBucketTagging. Raises InvalidTag, BadRequest above 50 tags."""
    tags = tagging.from_set(request.get("Tagging"))
    if len(tags) > tagging.BUCKET_LIMIT:
        raise errors.BadRequest(f"Bucket tag count cannot be greater than {tagging.BUCKET_LIMIT}")
    _change_bucket(call, request, tags)


@operation(resource=bucket_arn)
def get_bucket_tagging(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketTagging. Raises NoSuchTagSet."""
    with call.read() as tx:
        bucket = bucket_of(tx, request)
    tags = bucket.settings.get("tags")
    if not tags:
        raise errors.NoSuchTagSet("The TagSet does not exist", BucketName=bucket.name)
    return {"TagSet": tagging.to_set(tags)}


@operation(resource=bucket_arn, action="s3:PutBucketTagging")
def delete_bucket_tagging(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteBucketTagging. Deleting none is no error."""
    _change_bucket(call, request, None)


def _change_bucket(call: Call, request: Mapping[str, Any], tags: dict[str, str] | None) -> None:
    """Where tags decide about access, S3 Control's TagResource alone changes them. Raises MethodNotAllowed."""
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        if "abac" in bucket.settings:
            raise errors.MethodNotAllowed(
                "The specified method is not allowed against this resource. Attribute-based access control is enabled "
                "for the bucket: use TagResource and UntagResource.",
                ResourceType="BUCKET",
            )
        set_setting(tx, bucket, "tags", tags)
    call.status = 204


def _versioned(action: str) -> Any:
    return lambda call, request: f"s3:{action[: -len('Tagging')]}{'Version' if 'VersionId' in request else ''}Tagging"


@operation(resource=object_arn, action=_versioned("PutObjectTagging"), conditions=context.keys)
def put_object_tagging(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutObjectTagging. Raises InvalidTag, BadRequest above ten tags, NoSuchKey."""
    tags = tagging.from_set(request.get("Tagging"))
    tagging.check_count(tags)
    return _change(call, request, tags or None)


@operation(resource=object_arn, action=_versioned("GetObjectTagging"), conditions=context.keys)
def get_object_tagging(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetObjectTagging: an empty set where there are none."""
    with call.read() as tx:
        bucket = bucket_of(tx, request)
        found = objects.visible(tx, bucket, request["Key"], request.get("VersionId"), call.operation)
    told: dict[str, Any] = {"TagSet": tagging.to_set(found.tags or {})}
    if bucket.versioning:
        told["VersionId"] = version_id(found.entry)
    return told


@operation(resource=object_arn, action=_versioned("DeleteObjectTagging"), conditions=context.keys)
def delete_object_tagging(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteObjectTagging."""
    return _change(call, request, None)


def _change(call: Call, request: Mapping[str, Any], tags: dict[str, str] | None) -> dict[str, Any]:
    key = request["Key"]
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        found = objects.visible(tx, bucket, key, request.get("VersionId"), call.operation)
        changed = msgspec.structs.replace(found, tags=tags)
        if replicas.mark(bucket, key, changed):
            replicas.ask(call, tx, bucket, key, changed)
        index.update(tx, bucket, key, changed)
        happenings.publish(call, tx, bucket, key, f"ObjectTagging:{'Put' if tags else 'Delete'}", changed.entry)
    return {"VersionId": version_id(found.entry)} if bucket.versioning else {}
