"""Buckets: create, head, location, list, delete; and the door by which every operation finds its bucket."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.s3 import acls, blocks, index, points
from haneul.services.s3.errors import bad_token, errors, invalid_argument, no_such_bucket
from haneul.services.s3.guard import bucket_arn
from haneul.services.s3.owners import owner
from haneul.services.s3.plane import keys
from haneul.services.s3.state import (
    BUCKETS,
    CONFIGURATIONS,
    GLOBAL,
    SETTINGS,
    Bucket,
    find_bucket,
    set_setting,
)
from haneul.state.store import Reader, Writer
from haneul.wire import model as models
from haneul.wire.errors import AwsError

HOME_REGION = "us-east-1"
MAX_BUCKETS = 10_000
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGIONAL = re.compile(r"-\d{12}-[a-z]{2,3}(-[a-z]+)+-\d-an$")
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
_OLD_NAMES = ("US", "aws-global")
"""What older clients (s3cmd as it configures itself) sign as the region of the first endpoint."""
_ACCOUNT = re.compile(r"\d{12}")
_BLOCK_ALL = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


@operation(resource=bucket_arn)
def create_bucket(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateBucket. Raises InvalidBucketName, BucketAlreadyExists, BucketAlreadyOwnedByYou, and for its region
    IllegalLocationConstraintException or InvalidLocationConstraint."""
    name = request["Bucket"]
    _check_name(name)
    configuration = request.get("CreateBucketConfiguration") or {}
    if "Location" in configuration or "Bucket" in configuration:
        raise errors.NotImplemented("Directory buckets are not there.")
    region = _region_of(call, configuration.get("LocationConstraint"))
    _check_namespace(call, name, region, request.get("BucketNamespace"))
    ownership = request.get("ObjectOwnership", "BucketOwnerEnforced")
    if ownership not in ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"):
        raise invalid_argument(
            f"Invalid x-amz-object-ownership header: {ownership}", "x-amz-object-ownership", ownership
        )
    grants = acls.bucket_grants_for(call, request)
    if grants is not None and ownership == "BucketOwnerEnforced":
        raise errors.InvalidBucketAclWithObjectOwnership(
            "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
        )
    with call.write() as tx:
        known = find_bucket(tx, name)
        if known is not None:
            return _recreated(call, tx, known, region)
        if sum(1 for each in BUCKETS.scan(tx, GLOBAL) if each.owner == call.account) >= MAX_BUCKETS:
            raise errors.TooManyBuckets("You have attempted to create more buckets than allowed")
        locked = bool(request.get("ObjectLockEnabledForBucket"))
        bucket = Bucket(
            name=name,
            id=bytes.fromhex(tokens.ordered_id()[:32]),
            owner=call.account,
            region=region,
            created=int(call.now()),
            versioning="Enabled" if locked else "",
            object_lock=locked,
        )
        bucket = set_setting(tx, bucket, "ownership", ownership)
        bucket = set_setting(tx, bucket, "public_access_block", dict(_BLOCK_ALL))
        bucket = blocks.inherit(tx, bucket)
        if locked:
            bucket = set_setting(tx, bucket, "object_lock", {"ObjectLockEnabled": "Enabled"})
        if grants is not None:
            bucket = set_setting(tx, bucket, "acl", grants)
        if configuration.get("Tags"):
            set_setting(tx, bucket, "tags", {tag["Key"]: tag["Value"] for tag in configuration["Tags"]})
    return _created(name, region)


@operation(resource=bucket_arn, action="s3:ListBucket")
def head_bucket(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """HeadBucket. Raises NoSuchBucket (a bare 404)."""
    with call.read() as tx:
        bucket = bucket_of(tx, request)
    call.header("Content-Type", "application/xml")
    return {"BucketRegion": bucket.region, "AccessPointAlias": call.keys is not None, "BucketArn": bucket.arn}


@operation(resource=bucket_arn)
def get_bucket_location(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketLocation: nothing for us-east-1, as ever."""
    with call.read() as tx:
        bucket = bucket_of(tx, request)
    return {"LocationConstraint": None if bucket.region == HOME_REGION else bucket.region}


@operation(action="s3:ListAllMyBuckets")
def list_buckets(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListBuckets, by name; a page at a time when asked for."""
    limit = request.get("MaxBuckets")
    if limit is not None and not 1 <= limit <= MAX_BUCKETS:
        raise invalid_argument("Argument max-buckets must be an integer between 1 and 10000", "max-buckets", limit)
    after = None
    if token := request.get("ContinuationToken"):
        position = tokens.open_page(token)
        if position is None or not position or not isinstance(position[0], str):
            raise bad_token()
        after = (position[0],)
    prefix = request.get("Prefix") or ""
    wanted_region = request.get("BucketRegion")
    if wanted_region is not None and wanted_region != HOME_REGION and wanted_region not in _constraints():
        raise errors.InvalidArgument(
            f"Argument value {wanted_region} is not a valid AWS Region", ArgumentName="bucket-region"
        )
    paged = bool(request)
    found: list[Bucket] = []
    with call.read() as tx:
        for bucket in BUCKETS.scan(tx, GLOBAL, after_key=after):
            if (
                bucket.owner != call.account
                or not bucket.name.startswith(prefix)
                or wanted_region not in (None, bucket.region)
            ):
                continue
            found.append(bucket)
            if limit is not None and len(found) > limit:
                break
    more = limit is not None and len(found) > limit
    shown = found[:limit] if more else found
    return {
        "Buckets": [_listed(bucket, paged) for bucket in shown],
        "Owner": owner(call.account),
        "ContinuationToken": tokens.seal_page(shown[-1].name) if more else None,
        "Prefix": request.get("Prefix"),
    }


@operation(resource=bucket_arn)
def delete_bucket(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteBucket. Raises BucketNotEmpty; uploads under way are aborted with it."""
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        root = keys.current_root(bucket.id)
        if next(tx.scan(root, keys.after(root), limit=1), None) is not None:
            raise errors.BucketNotEmpty(
                "The bucket you tried to delete is not empty"
                + (". You must delete all versions in the bucket." if bucket.versioning else ""),
                BucketName=bucket.name,
            )
        points.check_unattached(tx, bucket)
        for part in index.all_parts(tx, bucket):
            if part.blob:
                call.cloud.blobs.delete_later(tx, part.blob)
        for root in (keys.upload_root(bucket.id), keys.part_root(bucket.id)):
            tx.delete_range(root, keys.after(root))
        SETTINGS.delete_all(tx, GLOBAL, bucket.name)
        CONFIGURATIONS.delete_all(tx, GLOBAL, bucket.name)
        BUCKETS.delete(tx, GLOBAL, bucket.name)


def bucket_of(tx: Reader, request: Mapping[str, Any]) -> Bucket:
    """The request's bucket. Raises NoSuchBucket, and AccessDenied when x-amz-expected-bucket-owner isn't its owner."""
    bucket = find_bucket(tx, request["Bucket"])
    if bucket is None:
        raise no_such_bucket(request["Bucket"])
    expected = request.get("ExpectedBucketOwner")
    if expected is not None and expected != bucket.owner:
        check_owner(expected, bucket)
    return bucket


def check_owner(expected: str, bucket: Bucket) -> None:
    """Raise when the account a client expects isn't the bucket's owner."""
    if not _ACCOUNT.fullmatch(expected):
        raise errors.InvalidBucketOwnerAWSAccountID(
            "The value of the expected bucket owner parameter must be an AWS account ID"
        )
    if expected != bucket.owner:
        raise errors.AccessDenied("Access Denied")


def change_setting(call: Call, request: Mapping[str, Any], kind: str, value: Any) -> Bucket:
    """Store (None: remove) one of the bucket's configurations, in a transaction of its own."""
    with call.write() as tx:
        return set_setting(tx, bucket_of(tx, request), kind, value)


def _check_name(name: str) -> None:
    if (
        not _NAME.fullmatch(name)
        or any(pair in name for pair in ("..", ".-", "-."))
        or _ADDRESS.fullmatch(name)
        or name.startswith(_PREFIXES)
        or name.endswith(_SUFFIXES)
    ):
        raise errors.InvalidBucketName("The specified bucket is not valid.", BucketName=name)


def _check_namespace(call: Call, name: str, region: str, namespace: str | None) -> None:
    """An account's own names end in its number, the region and -an, and nobody else may have such a name."""
    ours = f"-{call.account}-{region}-an"
    if namespace == "account-regional":
        if not name.endswith(ours):
            raise errors.InvalidNamespaceHeader(
                f"A bucket in the account regional namespace must have a name that ends in {ours}", BucketName=name
            )
    elif namespace not in (None, "global"):
        raise errors.InvalidNamespaceHeader("The x-amz-bucket-namespace header is invalid.")
    elif _REGIONAL.search(name):
        raise errors.InvalidBucketName("The specified bucket is not valid.", BucketName=name)


@cache
def _constraints() -> frozenset[str]:
    return frozenset(models.load("s3").shapes["BucketLocationConstraint"]["enum"])


def _region_of(call: Call, constraint: str | None) -> str:
    endpoint = HOME_REGION if call.region in _OLD_NAMES else call.region
    if not constraint:
        if endpoint != HOME_REGION:
            raise errors.IllegalLocationConstraintException(
                "The unspecified location constraint is incompatible for the region specific endpoint this request "
                "was sent to."
            )
        return HOME_REGION
    if endpoint not in (HOME_REGION, "eu-west-1" if constraint == "EU" else constraint):
        raise _incompatible(constraint)
    if constraint == HOME_REGION or constraint not in _constraints():
        raise errors.InvalidLocationConstraint(
            "The specified location-constraint is not valid", LocationConstraint=constraint
        )
    return "eu-west-1" if constraint == "EU" else constraint


def _incompatible(constraint: str) -> AwsError:
    return errors.IllegalLocationConstraintException(
        f"The {constraint} location constraint is incompatible for the region specific endpoint this request was sent "
        "to."
    )


def _recreated(call: Call, tx: Writer, known: Bucket, region: str) -> dict[str, Any]:
    """Creating one's own bucket again: nothing happens, and in us-east-1 even S3 says so with a 200."""
    if known.owner != call.account:
        raise errors.BucketAlreadyExists(
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
            "Please select a different name and try again.",
            BucketName=known.name,
        )
    if known.region != HOME_REGION or region != HOME_REGION:
        raise errors.BucketAlreadyOwnedByYou(
            "Your previous request to create the named bucket succeeded and you already own it.", BucketName=known.name
        )
    if "acl" in known.settings:  # there, it resets the ACL
        set_setting(tx, known, "acl", None)
    return _created(known.name, region)


def _created(name: str, region: str) -> dict[str, Any]:
    location = f"/{name}" if region == HOME_REGION else f"http://{name}.s3.amazonaws.com/"
    return {"Location": location, "BucketArn": f"arn:aws:s3:::{name}"}


def _listed(bucket: Bucket, paged: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {"Name": bucket.name, "CreationDate": bucket.created}
    if paged:
        shown["BucketRegion"] = bucket.region
    return shown
