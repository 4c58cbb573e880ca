"""What a bucket says about access to itself and its objects, for the gate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Guard
from haneul.services.s3 import acls, blocks, index, ownership, points, watching
from haneul.services.s3.errors import errors, no_such_bucket
from haneul.services.s3.state import Bucket, Object, find_bucket
from haneul.state.store import Reader
from haneul.wire.errors import AwsError

_READ, _WRITE = ("bucket", "READ"), ("bucket", "WRITE")
_NEEDED = {
    **dict.fromkeys(
        ("HeadBucket", "ListObjects", "ListObjectsV2", "ListObjectVersions", "ListMultipartUploads"), _READ
    ),
    **dict.fromkeys(("PutObject", "CopyObject", "DeleteObject", "DeleteObjects", "CreateMultipartUpload"), _WRITE),
    **dict.fromkeys(("UploadPart", "UploadPartCopy", "CompleteMultipartUpload"), _WRITE),
    "GetBucketAcl": ("bucket", "READ_ACP"),
    "PutBucketAcl": ("bucket", "WRITE_ACP"),
    **dict.fromkeys(("GetObject", "HeadObject", "GetObjectAttributes"), ("object", "READ")),
    "GetObjectAcl": ("object", "READ_ACP"),
    "PutObjectAcl": ("object", "WRITE_ACP"),
}
"""Operation -> what an ACL must grant for it, and whose: the bucket's or the object's."""
_BY_ACTION = {
    "s3:GetObject": ("object", "READ"),
    "s3:GetObjectVersion": ("object", "READ"),
    "s3:ListBucket": _READ,
    "s3:PutObject": _WRITE,
    "s3:DeleteObject": _WRITE,
}


def guard(call: Call, request: Mapping[str, Any]) -> Guard | None:
    """The guard of the request's bucket; None when it names none. Raises NoSuchBucket, which S3 hides from nobody."""
    name = request.get("Bucket")
    if name is None or call.operation == "CreateBucket":
        return None
    with call.read() as tx:
        bucket = _named(call, tx, name, request)
        call.found = bucket
        if "logging" in bucket.settings or "metrics" in bucket.settings:
            watching.watch(call, bucket, request)
        if "abac" in bucket.settings:
            call.keys = {**(call.keys or {}), **_tag_keys(bucket)}
        if bucket.settings.get("payer") == "Requester" and call.principal.account != bucket.owner:
            _charge(call, request)
        return guard_of(call, tx, bucket, request)


def _named(call: Call, tx: Reader, name: str, request: Mapping[str, Any]) -> Bucket:
    """The bucket of that name, or behind the access point of that name once it let the call in."""
    point = points.find(call, tx, name) if points.may_name(name) else None
    if point is None:
        bucket = find_bucket(tx, name)
    else:
        assert isinstance(request, dict)
        bucket = points.enter(call, tx, point, request)
    if bucket is None:
        raise no_such_bucket(name)
    return bucket


def _tag_keys(bucket: Bucket) -> dict[str, str]:
    """The bucket's tags as condition keys."""
    tags: Mapping[str, str] = bucket.settings.get("tags") or {}
    return {f"{prefix}/{key}": value for key, value in tags.items() for prefix in ("aws:ResourceTag", "s3:BucketTag")}


def _charge(call: Call, request: Mapping[str, Any]) -> None:
    """Requester pays: whoever isn't the owner must say that they will, and be somebody who can be charged."""
    given = request.get("RequestPayer") or (call.http.headers.get("x-amz-request-payer") if call.http else None)
    if given != "requester" or not call.principal.account:
        raise errors.AccessDenied("Access Denied")
    call.header("x-amz-request-charged", "requester")


def guard_of(
    call: Call, tx: Reader, bucket: Bucket, request: Mapping[str, Any], needed: tuple[str, str] | None = None
) -> Guard:
    """What the bucket says about a call on it, or on the object `request["Key"]` in it.

    `needed` is what an ACL would have to grant ("object", "READ"); by default what the call's operation needs.
    """
    settings = bucket.settings
    closed = blocks.is_on(bucket, "RestrictPublicBuckets")
    owner = bucket.owner
    policy = settings.get("policy")
    if ownership.of(bucket) == ownership.ENFORCED:
        return Guard(owner, policy, False, closed)
    needed = needed or _NEEDED.get(call.operation)
    if needed is None:
        return Guard(owner, policy, False, closed)
    grants = settings.get("acl")
    if needed[0] == "object":
        found = _object(tx, bucket, request)
        grants = None if found is None else found.grants
        if found is not None and found.entry.owner:  # somebody else's: the bucket's policy is not about it
            owner, policy = found.entry.owner, None
    caller = call.principal.account
    ignored = blocks.is_on(bucket, "IgnorePublicAcls")
    granted = caller != owner and acls.allows(grants, owner, caller, needed[1], ignored)
    return Guard(owner, policy, granted, closed)


def _object(tx: Reader, bucket: Bucket, request: Mapping[str, Any]) -> Object | None:
    version = request.get("VersionId")
    try:
        if version is None:
            return index.newest(tx, bucket, request["Key"])
        return index.version(tx, bucket, request["Key"], version)
    except AwsError:
        return None  # the operation itself will say so


def may(call: Call, tx: Reader, bucket: Bucket, action: str, key: str | None = None) -> bool:
    """Whether the caller has a further right on the bucket, or on an object in it."""
    resource = bucket.arn if key is None else f"{bucket.arn}/{key}"
    wish: dict[str, Any] = {"Bucket": bucket.name} if key is None else {"Bucket": bucket.name, "Key": key}
    if not points.allows(call, tx, action, wish):
        return False
    said = guard_of(call, tx, bucket, wish, _BY_ACTION.get(action))
    return call.cloud.gate.allows(call, action, resource, said, wish)


def require(call: Call, tx: Reader, bucket: Bucket, action: str, key: str) -> None:
    """Raise AccessDenied unless the caller has a further right on an object (a copy's source)."""
    wish = {"Bucket": bucket.name, "Key": key}
    said = guard_of(call, tx, bucket, wish, _BY_ACTION.get(action))
    call.cloud.gate.check(call, action, f"{bucket.arn}/{key}", said, wish)


def bucket_arn(call: Call, request: Mapping[str, Any]) -> str:
    return f"arn:aws:s3:::{request['Bucket']}"


def object_arn(call: Call, request: Mapping[str, Any]) -> str:
    return f"arn:aws:s3:::{request['Bucket']}/{request['Key']}"
