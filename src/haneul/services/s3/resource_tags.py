"""S3 Control: tags of buckets by their ARNs; they are those of PutBucketTagging."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.s3 import tagging
from haneul.services.s3.account_blocks import own_account
from haneul.services.s3.errors import errors
from haneul.services.s3.state import Bucket, find_bucket, set_setting
from haneul.state.store import Reader

_ARN = "{ResourceArn}"


@operation(resource=_ARN)
def list_tags_for_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListTagsForResource. Raises NoSuchResource."""
    with call.read() as tx:
        bucket = _bucket(call, tx, request)
    return {"Tags": tagging.to_set(bucket.settings.get("tags") or {})}


@operation(resource=_ARN)
def tag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """TagResource: adds tags and overwrites those there. Raises NoSuchResource, InvalidTag."""
    given = tagging.from_set({"TagSet": request["Tags"]})
    with call.write() as tx:
        bucket = _bucket(call, tx, request)
        tags = {**(bucket.settings.get("tags") or {}), **given}
        if len(tags) > tagging.BUCKET_LIMIT:
            raise errors.InvalidRequest(f"Bucket tag count cannot be greater than {tagging.BUCKET_LIMIT}")
        set_setting(tx, bucket, "tags", tags)
    return {}


@operation(resource=_ARN)
def untag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UntagResource. Tags that aren't there are no error. Raises NoSuchResource."""
    with call.write() as tx:
        bucket = _bucket(call, tx, request)
        tags = {
            key: value for key, value in (bucket.settings.get("tags") or {}).items() if key not in request["TagKeys"]
        }
        set_setting(tx, bucket, "tags", tags or None)
    return {}


def _bucket(call: Call, tx: Reader, request: Mapping[str, Any]) -> Bucket:
    """The account's bucket that the ARN names. Raises NoSuchResource."""
    account = own_account(call, request)
    parts = str(request["ResourceArn"]).split(":", 5)
    if len(parts) < 6 or parts[0] != "arn" or parts[2] != "s3":
        raise errors.InvalidRequest("Invalid resource arn")
    bucket = find_bucket(tx, parts[5])
    if bucket is None or bucket.owner != account:
        raise errors.NoSuchResource("The specified resource doesn't exist.")
    return bucket
