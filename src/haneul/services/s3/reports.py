"""Configurations by id, up to 1,000 of a kind: inventory, metrics, analytics, intelligent tiering."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.s3 import inventories
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import errors, malformed_xml
from haneul.services.s3.guard import bucket_arn
from haneul.services.s3.state import CONFIGURATIONS, GLOBAL, Bucket, Configuration, set_setting
from haneul.state.store import Writer

LIMIT = 1000
PAGE = 100
_Request = Mapping[str, Any]
_Answer = dict[str, Any]


@operation(resource=bucket_arn, action="s3:PutInventoryConfiguration")
def put_bucket_inventory_configuration(call: Call, request: _Request) -> None:
    """PutBucketInventoryConfiguration."""
    _put(call, request, "inventory", "InventoryConfiguration")


@operation(resource=bucket_arn, action="s3:GetInventoryConfiguration")
def get_bucket_inventory_configuration(call: Call, request: _Request) -> _Answer:
    """GetBucketInventoryConfiguration. Raises NoSuchConfiguration."""
    return {"InventoryConfiguration": _get(call, request, "inventory")}


@operation(resource=bucket_arn, action="s3:GetInventoryConfiguration")
def list_bucket_inventory_configurations(call: Call, request: _Request) -> _Answer:
    """ListBucketInventoryConfigurations, 100 a page."""
    return _list(call, request, "inventory", "InventoryConfigurationList")


@operation(resource=bucket_arn, action="s3:PutInventoryConfiguration")
def delete_bucket_inventory_configuration(call: Call, request: _Request) -> None:
    """DeleteBucketInventoryConfiguration. Raises NoSuchConfiguration."""
    _delete(call, request, "inventory")


@operation(resource=bucket_arn, action="s3:PutMetricsConfiguration")
def put_bucket_metrics_configuration(call: Call, request: _Request) -> None:
    """PutBucketMetricsConfiguration."""
    _put(call, request, "metrics", "MetricsConfiguration")


@operation(resource=bucket_arn, action="s3:GetMetricsConfiguration")
def get_bucket_metrics_configuration(call: Call, request: _Request) -> _Answer:
    """GetBucketMetricsConfiguration. Raises NoSuchConfiguration."""
    return {"MetricsConfiguration": _get(call, request, "metrics")}


@operation(resource=bucket_arn, action="s3:GetMetricsConfiguration")
def list_bucket_metrics_configurations(call: Call, request: _Request) -> _Answer:
    """ListBucketMetricsConfigurations, 100 a page."""
    return _list(call, request, "metrics", "MetricsConfigurationList")


@operation(resource=bucket_arn, action="s3:PutMetricsConfiguration")
def delete_bucket_metrics_configuration(call: Call, request: _Request) -> None:
    """DeleteBucketMetricsConfiguration. Raises NoSuchConfiguration."""
    _delete(call, request, "metrics")


@operation(resource=bucket_arn, action="s3:PutAnalyticsConfiguration")
def put_bucket_analytics_configuration(call: Call, request: _Request) -> None:
    """PutBucketAnalyticsConfiguration."""
    _put(call, request, "analytics", "AnalyticsConfiguration")


@operation(resource=bucket_arn, action="s3:GetAnalyticsConfiguration")
def get_bucket_analytics_configuration(call: Call, request: _Request) -> _Answer:
    """GetBucketAnalyticsConfiguration. Raises NoSuchConfiguration."""
    return {"AnalyticsConfiguration": _get(call, request, "analytics")}


@operation(resource=bucket_arn, action="s3:GetAnalyticsConfiguration")
def list_bucket_analytics_configurations(call: Call, request: _Request) -> _Answer:
    """ListBucketAnalyticsConfigurations, 100 a page."""
    return _list(call, request, "analytics", "AnalyticsConfigurationList")


@operation(resource=bucket_arn, action="s3:PutAnalyticsConfiguration")
def delete_bucket_analytics_configuration(call: Call, request: _Request) -> None:
    """DeleteBucketAnalyticsConfiguration. Raises NoSuchConfiguration."""
    _delete(call, request, "analytics")


@operation(resource=bucket_arn, action="s3:PutIntelligentTieringConfiguration")
def put_bucket_intelligent_tiering_configuration(call: Call, request: _Request) -> None:
    """PutBucketIntelligentTieringConfiguration."""
    _put(call, request, "tiering", "IntelligentTieringConfiguration")


@operation(resource=bucket_arn, action="s3:GetIntelligentTieringConfiguration")
def get_bucket_intelligent_tiering_configuration(call: Call, request: _Request) -> _Answer:
    """GetBucketIntelligentTieringConfiguration. Raises NoSuchConfiguration."""
    return {"IntelligentTieringConfiguration": _get(call, request, "tiering")}


@operation(resource=bucket_arn, action="s3:GetIntelligentTieringConfiguration")
def list_bucket_intelligent_tiering_configurations(call: Call, request: _Request) -> _Answer:
    """ListBucketIntelligentTieringConfigurations, 100 a page."""
    return _list(call, request, "tiering", "IntelligentTieringConfigurationList")


@operation(resource=bucket_arn, action="s3:PutIntelligentTieringConfiguration")
def delete_bucket_intelligent_tiering_configuration(call: Call, request: _Request) -> None:
    """DeleteBucketIntelligentTieringConfiguration. Raises NoSuchConfiguration."""
    _delete(call, request, "tiering")


def _put(call: Call, request: _Request, kind: str, member: str) -> None:
    configuration = request.get(member)
    if not configuration or not configuration.get("Id"):
        raise malformed_xml()
    if configuration["Id"] != request["Id"]:
        raise errors.InvalidArgument("Specified Id does not match the configuration's", ArgumentName="id")
    if kind == "inventory":
        inventories.check(configuration)
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        known = CONFIGURATIONS.get(tx, GLOBAL, bucket.name, kind, request["Id"])
        if known is None and sum(1 for _ in CONFIGURATIONS.scan(tx, GLOBAL, bucket.name, kind)) >= LIMIT:
            raise errors.TooManyConfigurations(
                "You are attempting to create a new configuration but have already reached the limit."
            )
        CONFIGURATIONS.put(tx, GLOBAL, Configuration(bucket.name, kind, request["Id"], configuration))
        if kind == "inventory":
            inventories.schedule(call, tx, bucket, configuration)
        elif kind == "metrics":
            _keep_filters(tx, bucket)


def _get(call: Call, request: _Request, kind: str) -> Any:
    with call.read() as tx:
        bucket = bucket_of(tx, request)
        found = CONFIGURATIONS.get(tx, GLOBAL, bucket.name, kind, request["Id"])
    if found is None:
        raise errors.NoSuchConfiguration("The specified configuration does not exist.")
    return found.value


def _list(call: Call, request: _Request, kind: str, member: str) -> _Answer:
    after = request.get("ContinuationToken")
    with call.read() as tx:
        bucket = bucket_of(tx, request)
        start = None if after is None else (after,)
        found = list(CONFIGURATIONS.scan(tx, GLOBAL, bucket.name, kind, after_key=start, limit=PAGE + 1))
    more = len(found) > PAGE
    return {
        member: [each.value for each in found[:PAGE]],
        "IsTruncated": more,
        "ContinuationToken": after,
        "NextContinuationToken": found[PAGE - 1].id if more else None,
    }


def _delete(call: Call, request: _Request, kind: str) -> None:
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        if CONFIGURATIONS.get(tx, GLOBAL, bucket.name, kind, request["Id"]) is None:
            raise errors.NoSuchConfiguration("The specified configuration does not exist.")
        CONFIGURATIONS.delete(tx, GLOBAL, bucket.name, kind, request["Id"])
        if kind == "metrics":
            _keep_filters(tx, bucket)


def _keep_filters(tx: Writer, bucket: Bucket) -> None:
    """The filters of all metrics configurations in the bucket's settings: no request looks them up elsewhere."""
    known = CONFIGURATIONS.scan(tx, GLOBAL, bucket.name, "metrics")
    filters = {each.id: each.value.get("Filter") or {} for each in known}
    set_setting(tx, bucket, "metrics", filters or None)
