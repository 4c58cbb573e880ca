"""Request metrics: requests on buckets with a metrics configuration are counted, and told to CloudWatch once a minute.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from haneul.service import Scope
from haneul.services.s3 import index, log_records
from haneul.services.s3.later import Later
from haneul.services.s3.state import Bucket, find_bucket
from haneul.state.store import Conflict
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response

if TYPE_CHECKING:
    from haneul.cloud import Cloud

log = logging.getLogger("haneul.s3")
EVERY = 60.0
_PLANE = "s3.request_metrics"
_LISTS = frozenset({"ListObjects", "ListObjectsV2", "ListObjectVersions"})
_METHODS = {"GET": "GetRequests", "PUT": "PutRequests", "DELETE": "DeleteRequests", "HEAD": "HeadRequests"}
_UNITS = {"FirstByteLatency": "Milliseconds", "TotalRequestLatency": "Milliseconds"}
_BYTES = ("BytesDownloaded", "BytesUploaded")


class Series(NamedTuple):
    """Whose figures: a bucket's, by one of its configurations."""

    account: str
    region: str
    bucket: str
    filter: str


class Figure:
    """Values of a metric, as CloudWatch takes them."""

    __slots__ = ("count", "high", "low", "total")

    def __init__(self, value: float) -> None:
        self.count = 1
        self.total = self.low = self.high = value

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.low = min(self.low, value)
        self.high = max(self.high, value)


def of(cloud: Cloud) -> RequestMetrics:
    """The cloud's request metrics under way."""
    found = cloud.planes.get(_PLANE)
    if not isinstance(found, RequestMetrics):
        found = cloud.planes[_PLANE] = RequestMetrics(cloud)
    return found


class RequestMetrics:
    """What was counted in this minute. On the event loop only."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._figures: dict[Series, dict[str, Figure]] = {}
        self._later = Later(cloud, EVERY, self.flush)

    def add(
        self,
        bucket: Bucket,
        operation: str,
        request: Request,
        response: Response,
        *,
        took: float,
        key: str | None,
        point: str | None,
    ) -> None:
        """Count a request for each configuration whose filter it passes."""
        chosen = [
            identity
            for identity, wanted in bucket.settings["metrics"].items()
            if self._passes(bucket, wanted, key, point)
        ]
        if not chosen:
            return
        values = _values(operation, request, response, took, key)
        for identity in chosen:
            figures = self._figures.setdefault(Series(bucket.owner, bucket.region, bucket.name, identity), {})
            for name, value in values.items():
                known = figures.get(name)
                if known is None:
                    figures[name] = Figure(value)
                else:
                    known.add(value)
        self._later.ask()

    def close(self) -> None:
        """Tell what was counted; the cloud is stopping."""
        self._later.close()

    def flush(self) -> None:
        waiting, self._figures = self._figures, {}
        for series, figures in waiting.items():
            call = self._cloud.call_as("s3", Scope(series.account, series.region))
            try:
                call.invoke(
                    "cloudwatch", "PutMetricData", {"Namespace": "AWS/S3", "MetricData": _data(series, figures)}
                )
            except (AwsError, Conflict) as error:
                log.warning("the request metrics of %s could not be told: %s", series.bucket, error)

    def _passes(self, bucket: Bucket, wanted: Mapping[str, Any], key: str | None, point: str | None) -> bool:
        """Whether a request on `key` is one that a configuration's filter means; no filter means every request."""
        both = wanted.get("And") or {}
        prefix = both.get("Prefix", wanted.get("Prefix"))
        arn = both.get("AccessPointArn", wanted.get("AccessPointArn"))
        tags = list(both.get("Tags") or ()) + ([wanted["Tag"]] if wanted.get("Tag") else [])
        if arn is not None and arn != point:
            return False
        if prefix is not None and (key is None or not key.startswith(prefix)):
            return False
        return not tags or (key is not None and self._is_tagged(bucket, key, tags))

    def _is_tagged(self, bucket: Bucket, key: str, tags: list[Mapping[str, str]]) -> bool:
        with self._cloud.store.read() as tx:
            there = find_bucket(tx, bucket.name)
            found = None if there is None else index.newest(tx, there, key)
        known = (found.tags if found is not None else None) or {}
        return all(known.get(tag["Key"]) == tag["Value"] for tag in tags)


def _values(operation: str, request: Request, response: Response, took: float, key: str | None) -> dict[str, float]:
    milliseconds = took * 1000
    told = {name.lower(): value for name, value in response.headers}
    values: dict[str, float] = {
        "AllRequests": 1,
        "4xxErrors": float(400 <= response.status < 500),
        "5xxErrors": float(response.status >= 500),
        "FirstByteLatency": milliseconds,
        "TotalRequestLatency": milliseconds,
    }
    if operation in _LISTS:
        values["ListRequests"] = 1
    elif operation == "SelectObjectContent":
        values["SelectRequests"] = 1
    elif operation == "DeleteObjects":
        values["DeleteRequests"] = 1
    elif key is not None or request.method == "HEAD":  # a bucket's configurations are in AllRequests alone
        values[_METHODS.get(request.method, "PostRequests")] = 1
    for name, size in zip(
        _BYTES, (log_records.sent(request, response, told), log_records.received(request)), strict=True
    ):
        if size.isdigit() and int(size):
            values[name] = int(size)
    return values


def _data(series: Series, figures: Mapping[str, Figure]) -> list[dict[str, Any]]:
    dimensions = [{"Name": "BucketName", "Value": series.bucket}, {"Name": "FilterId", "Value": series.filter}]
    return [
        {
            "MetricName": name,
            "Dimensions": dimensions,
            "Unit": "Bytes" if name in _BYTES else _UNITS.get(name, "Count"),
            "StatisticValues": {
                "SampleCount": float(figure.count),
                "Sum": float(figure.total),
                "Minimum": float(figure.low),
                "Maximum": float(figure.high),
            },
        }
        for name, figure in figures.items()
    ]
