"""What a bucket says about access to itself and its objects, for the gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Guard
from haneul.services.s3.state import find_bucket


def guard(call: Call, request: Mapping[str, Any]) -> Guard | None:
    """The guard of the request's bucket; None when it names none, or one that isn't there."""
    name = request.get("Bucket")
    if name is None:
        return None
    with call.read() as tx:
        bucket = find_bucket(tx, name)
    if bucket is None or call.operation == "CreateBucket":
        return None
    settings = bucket.settings
    block = settings.get("public_access_block")
    return Guard(
        bucket.owner,
        settings.get("policy"),
        acl=False,
        closed=block is not None and bool(block.get("RestrictPublicBuckets")),
    )


def bucket_arn(call: Call, request: Mapping[str, Any]) -> str:
    return f"arn:aws:s3:::{request['Bucket']}"


def object_arn(call: Call, request: Mapping[str, Any]) -> str:
    return f"arn:aws:s3:::{request['Bucket']}/{request['Key']}"
