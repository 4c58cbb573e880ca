"""What a bucket says about access to itself and its objects, for the gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Guard
from haneul.services.s3.errors import no_such_bucket
from haneul.services.s3.state import Bucket, find_bucket
from haneul.state.store import Reader


def guard(call: Call, request: Mapping[str, Any]) -> Guard | None:
    """The guard of the request's bucket; None when it names none. Raises NoSuchBucket, which S3 hides from nobody."""
    name = request.get("Bucket")
    if name is None or call.operation == "CreateBucket":
        return None
    with call.read() as tx:
        bucket = find_bucket(tx, name)
        if bucket is None:
            raise no_such_bucket(name)
        call.found = bucket
        return guard_of(call, tx, bucket, request)


def guard_of(call: Call, tx: Reader, bucket: Bucket, request: Mapping[str, Any]) -> Guard:
    """What the bucket says about a call on it, or on the object `request["Key"]` in it."""
    settings = bucket.settings
    block = settings.get("public_access_block")
    return Guard(
        bucket.owner,
        settings.get("policy"),
        acl=False,
        closed=block is not None and bool(block.get("RestrictPublicBuckets")),
    )


def may(call: Call, tx: Reader, bucket: Bucket, action: str, key: str | None = None) -> bool:
    """Whether the caller has a further right on the bucket, or on an object in it."""
    resource = bucket.arn if key is None else f"{bucket.arn}/{key}"
    wish: dict[str, Any] = {"Bucket": bucket.name} if key is None else {"Bucket": bucket.name, "Key": key}
    return call.cloud.gate.allows(call, action, resource, guard_of(call, tx, bucket, wish), wish)


def require(call: Call, tx: Reader, bucket: Bucket, action: str, key: str) -> None:
    """Raise AccessDenied unless the caller has a further right on an object (a copy's source)."""
    wish = {"Bucket": bucket.name, "Key": key}
    call.cloud.gate.check(call, action, f"{bucket.arn}/{key}", guard_of(call, tx, bucket, wish), wish)


def bucket_arn(call: Call, request: Mapping[str, Any]) -> str:
    return f"arn:aws:s3:::{request['Bucket']}"


def object_arn(call: Call, request: Mapping[str, Any]) -> str:
    return f"arn:aws:s3:::{request['Bucket']}/{request['Key']}"
