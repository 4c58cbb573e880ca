"""A bucket's logging configuration: where the records of requests on it go. access_logs.py writes them.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.s3 import access_logs, acls, ownership
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import errors, malformed_xml
from haneul.services.s3.guard import bucket_arn
from haneul.services.s3.state import Bucket, find_bucket, set_setting
from haneul.state.store import Reader

_DATES = ("EventTime", "DeliveryTime")


@operation(resource=bucket_arn)
def put_bucket_logging(call: Call, request: Mapping[str, Any]) -> None:
    """PutBucketLogging; an empty status turns it off. Raises InvalidTargetBucketForLogging, MalformedXML,
    CrossLocationLoggingProhibitted."""
    wish = (request.get("BucketLoggingStatus") or {}).get("LoggingEnabled")
    if wish is not None:
        _check(wish)
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        if wish is not None:
            _check_target(tx, bucket, wish)
        set_setting(tx, bucket, "logging", None if wish is None else dict(wish))


@operation(resource=bucket_arn)
def get_bucket_logging(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketLogging: nothing where it is off."""
    with call.read() as tx:
        return {"LoggingEnabled": bucket_of(tx, request).settings.get("logging")}


def _check(wish: Mapping[str, Any]) -> None:
    if not wish.get("TargetBucket") or wish.get("TargetPrefix") is None:
        raise malformed_xml()
    for grant in wish.get("TargetGrants") or ():
        if grant.get("Permission") not in access_logs.GRANTS or not grant.get("Grantee"):
            raise malformed_xml()
    if "TargetObjectKeyFormat" in wish:
        form = wish["TargetObjectKeyFormat"] or {}
        if len(form) != 1:
            raise malformed_xml()
        if "PartitionedPrefix" in form and (form["PartitionedPrefix"] or {}).get("PartitionDateSource") not in _DATES:
            raise malformed_xml()


def _check_target(tx: Reader, bucket: Bucket, wish: Mapping[str, Any]) -> None:
    name = wish["TargetBucket"]
    target = find_bucket(tx, name)
    if target is None:
        raise errors.InvalidTargetBucketForLogging("The target bucket for logging does not exist", TargetBucket=name)
    if target.owner != bucket.owner:
        raise errors.InvalidTargetBucketForLogging(
            "The owner for the bucket to be logged and the target bucket must be the same.", TargetBucket=name
        )
    if target.region != bucket.region:
        raise errors.CrossLocationLoggingProhibitted(
            "Cross S3 location logging not allowed. ",
            SourceBucketLocation=bucket.region,
            TargetBucketLocation=target.region,
        )
    if wish.get("TargetGrants"):
        if ownership.of(target) == ownership.ENFORCED:
            raise acls.not_supported()
        acls.from_headers(
            access_logs.grant_members(wish), bucket.owner, bucket.owner
        )  # refuses grantees that there aren't
