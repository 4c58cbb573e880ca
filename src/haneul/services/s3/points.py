"""Access points: further names of a bucket, each with a policy and a public access block of its own.

A request that comes by one is decided twice: by what the point's policy says of the point's ARN, then by what the
bucket says of its own. From there on it is a request on the bucket. The operations on access points are S3 Control's.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-policies.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from haneul.auth import s3_actions
from haneul.service import Call, Guard, Scope
from haneul.services.s3 import blocks, context
from haneul.services.s3.errors import errors
from haneul.services.s3.state import GLOBAL, Bucket, find_bucket
from haneul.state.store import Reader, Writer
from haneul.state.table import Table
from haneul.wire.errors import AwsError

ALIAS = "-s3alias"
_ARN = re.compile(r"arn:aws:s3:([a-z0-9-]+):(\d{12}):accesspoint[/:]([a-z0-9-]{3,50})")
_NAMED = re.compile(r"(.+)-(\d{12})")
_BY_POINT = """
AbortMultipartUpload CompleteMultipartUpload CopyObject CreateMultipartUpload DeleteObject DeleteObjects
DeleteObjectTagging GetBucketAcl GetBucketCors GetBucketLocation GetBucketNotificationConfiguration GetBucketPolicy
GetObject GetObjectAcl GetObjectAttributes GetObjectLegalHold GetObjectRetention GetObjectTagging HeadBucket
HeadObject ListMultipartUploads ListObjects ListObjectsV2 ListObjectVersions ListParts PutObject PutObjectAcl
PutObjectLegalHold PutObjectRetention PutObjectTagging RestoreObject SelectObjectContent UploadPart UploadPartCopy
"""
_SUPPORTED = frozenset(_BY_POINT.split())
"""What can be done by an access point; whatever else a bucket can do is the bucket's alone."""


class AccessPoint(msgspec.Struct, kw_only=True):
    """`owner` may be another account than the bucket's; `bucket_id` tells the bucket from a later one of its name.

    `vpc` "" is open to the Internet. `block` are the four switches, fixed when it was made.
    """

    name: str
    owner: str
    region: str
    bucket: str
    bucket_id: bytes
    bucket_owner: str
    alias: str
    created: int
    block: dict[str, bool]
    vpc: str = ""
    policy: str | None = None
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:{self.region}:{self.owner}:accesspoint/{self.name}"


class Place(msgspec.Struct):
    """Where an access point is found: by its alias, and by its bucket."""

    key: str
    account: str
    region: str
    name: str


POINTS = Table("s3.access_point", AccessPoint, key=("name",))
ALIASES = Table("s3.access_point_alias", Place, key=("key",))
_ATTACHED = Table("s3.access_point_of", Place, key=("key", "account", "region", "name"))


def add(tx: Writer, point: AccessPoint) -> None:
    """Write a new access point with the ways to it."""
    POINTS.put(tx, Scope(point.owner, point.region), point)
    ALIASES.put(tx, GLOBAL, Place(point.alias, point.owner, point.region, point.name))
    _ATTACHED.put(tx, GLOBAL, Place(point.bucket, point.owner, point.region, point.name))


def remove(tx: Writer, point: AccessPoint) -> None:
    POINTS.delete(tx, Scope(point.owner, point.region), point.name)
    ALIASES.delete(tx, GLOBAL, point.alias)
    _ATTACHED.delete(tx, GLOBAL, point.bucket, point.owner, point.region, point.name)


def check_unattached(tx: Reader, bucket: Bucket) -> None:
    """Raise unless none of the owner's access points leads to the bucket (others' can't keep it from going)."""
    if next(_ATTACHED.scan(tx, GLOBAL, bucket.name, bucket.owner), None) is not None:
        raise AwsError(
            "BucketHasAccessPointsAttached",
            "The bucket you are attempting to delete has access points attached. Delete your access points before "
            "deleting this bucket.",
            400,
            BucketName=bucket.name,
        )


def may_name(name: str) -> bool:
    """Whether a request's bucket may be an access point: an alias, an ARN, or name-account (by host only). Cheap."""
    return name.endswith(ALIAS) or name[-12:].isdigit() or name.startswith("arn:")


def find(call: Call, tx: Reader, name: str) -> AccessPoint | None:
    """The access point that a request's bucket names, or None. Raises NoSuchAccessPoint for an ARN of none.

    `name-account` means one only as a host name, as SDKs make it of an ARN, and then before any bucket of that name.
    """
    if name.endswith(ALIAS):
        place = ALIASES.get(tx, GLOBAL, name)
        return None if place is None else POINTS.get(tx, Scope(place.account, place.region), place.name)
    if name.startswith("arn:"):
        parsed = _ARN.fullmatch(name)
        found = None if parsed is None else POINTS.get(tx, Scope(parsed[2], parsed[1]), parsed[3])
        if found is None:
            raise no_such_access_point(name if parsed is None else parsed[3])
        return found
    parsed = _NAMED.fullmatch(name)
    if parsed is None or call.http is None or not call.http.headers.get("host", "").lower().startswith(name + "."):
        return None
    return POINTS.get(tx, Scope(parsed[2], call.region), parsed[1])


def no_such_access_point(name: str) -> AwsError:
    return errors.NoSuchAccessPoint("The specified accesspoint does not exist", AccessPointName=name)


def enter(call: Call, tx: Reader, point: AccessPoint, request: dict[str, Any]) -> Bucket | None:
    """Let a request in by an access point: from here on it is one on the bucket, which is returned (None: it is gone).

    Raises AccessDenied as the point's policy decides, MethodNotAllowed for what can't be done by one.
    """
    if call.operation not in _SUPPORTED:
        raise errors.MethodNotAllowed("The specified method is not allowed against this resource.")
    bucket = bucket_of(tx, point)
    if bucket is None:
        return None
    call.keys = keys(point)
    request["Bucket"] = point.bucket
    if point.vpc:
        raise errors.AccessDenied("Access Denied")  # no request to S3 comes out of a VPC here
    said = guard_of(tx, point)
    if call.operation == "DeleteObjects":
        return bucket  # each of its keys is asked for by itself: see `allows`
    needed = s3_actions.needed(call.operation, request)
    for action in [needed] if isinstance(needed, str) else needed:
        call.cloud.gate.check(call, action, resource(point, request), said, request, _conditions(request))
    return bucket


def bucket_of(tx: Reader, point: AccessPoint) -> Bucket | None:
    """The bucket that the point was made for; None when it is gone, also when another has its name now."""
    bucket = find_bucket(tx, point.bucket)
    return None if bucket is None or bucket.id != point.bucket_id else bucket


@contextmanager
def through(call: Call, point: AccessPoint | None) -> Iterator[None]:
    """Let a call ask for something else than its own bucket (a copy's source): by `point`, or by no access point."""
    kept, call.keys = call.keys, None if point is None else keys(point)
    try:
        yield
    finally:
        call.keys = kept


def check(call: Call, tx: Reader, point: AccessPoint, action: str, wish: Mapping[str, Any]) -> None:
    """Raise AccessDenied unless the point allows `action` on the object `wish["Key"]`."""
    if point.vpc:
        raise errors.AccessDenied("Access Denied")
    call.cloud.gate.check(call, action, resource(point, wish), guard_of(tx, point), wish, _conditions(wish))


def keys(point: AccessPoint) -> dict[str, str]:
    """The condition keys of a request that came by the point."""
    return {
        "s3:DataAccessPointArn": point.arn,
        "s3:DataAccessPointAccount": point.owner,
        "s3:AccessPointNetworkOrigin": "VPC" if point.vpc else "Internet",
    }


def guard_of(tx: Reader, point: AccessPoint) -> Guard:
    """What the point says about a call by it."""
    account = blocks.of_account(tx, point.owner) or {}
    closed = bool(point.block.get("RestrictPublicBuckets") or account.get("RestrictPublicBuckets"))
    return Guard(point.owner, point.policy, False, closed)


def entered(call: Call, tx: Reader) -> AccessPoint | None:
    """The access point by which a call came; None when it came by the bucket's own name."""
    arn = (call.keys or {}).get("s3:DataAccessPointArn")
    parsed = None if arn is None else _ARN.fullmatch(arn)
    return None if parsed is None else POINTS.get(tx, Scope(parsed[2], parsed[1]), parsed[3])


def allows(call: Call, tx: Reader, action: str, wish: Mapping[str, Any]) -> bool:
    """Whether the point by which a call came allows a further right; True when it came by none."""
    if call.keys is None or "s3:DataAccessPointArn" not in call.keys:
        return True
    point = entered(call, tx)
    if point is None:
        return False
    return call.cloud.gate.allows(call, action, resource(point, wish), guard_of(tx, point), wish)


def resource(point: AccessPoint, request: Mapping[str, Any]) -> str:
    """The ARN of what is asked for, as the point names it."""
    key = request.get("Key")
    return point.arn if key is None else f"{point.arn}/object/{key}"


def _conditions(request: Mapping[str, Any]) -> Any:
    return context.keys if "Key" in request else None
