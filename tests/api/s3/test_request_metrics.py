"""Request metrics: what a metrics configuration asks for is counted and reaches CloudWatch, by filter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.api.s3.conftest import refused
from tests.running import RunningCloud


def total(cloudwatch: Any, bucket: str, filter_id: str, name: str, statistic: str = "Sum") -> float:
    now = datetime.now(UTC)
    dimensions = [{"Name": "BucketName", "Value": bucket}, {"Name": "FilterId", "Value": filter_id}]
    told = cloudwatch.get_metric_statistics(
        Namespace="AWS/S3",
        MetricName=name,
        Dimensions=dimensions,
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=7200,
        Statistics=[statistic],
    )
    return sum(point[statistic] for point in told["Datapoints"])


def test_requests_are_counted_by_filter(fresh_cloud: Callable[..., RunningCloud]) -> None:
    """Everything in one configuration, a prefix and a tag in others; told at the latest when the cloud stops."""
    cloud = fresh_cloud()
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="counted")
    for identity, wanted in (
        ("all", None),
        ("logs", {"Prefix": "logs/"}),
        ("red", {"Tag": {"Key": "color", "Value": "red"}}),
        ("gone", None),
    ):
        configuration: dict[str, Any] = {"Id": identity} | ({} if wanted is None else {"Filter": wanted})
        s3.put_bucket_metrics_configuration(Bucket="counted", Id=identity, MetricsConfiguration=configuration)
    s3.delete_bucket_metrics_configuration(Bucket="counted", Id="gone")
    s3.put_object(Bucket="counted", Key="logs/a", Body=b"12345")
    s3.put_object(Bucket="counted", Key="b", Body=b"1", Tagging="color=red")
    s3.get_object(Bucket="counted", Key="logs/a")["Body"].read()
    refused(s3.get_object, Bucket="counted", Key="logs/none")
    s3.list_objects_v2(Bucket="counted")
    s3.head_object(Bucket="counted", Key="b")
    s3.delete_object(Bucket="counted", Key="b")
    cloud.restart()
    cloudwatch = cloud.client("cloudwatch")
    figures = {
        name: total(cloudwatch, "counted", "all", name)
        for name in ("PutRequests", "GetRequests", "ListRequests", "HeadRequests", "DeleteRequests", "4xxErrors")
    }
    assert figures == {
        "PutRequests": 2,
        "GetRequests": 2,
        "ListRequests": 1,
        "HeadRequests": 1,
        "DeleteRequests": 1,
        "4xxErrors": 1,
    }
    assert total(cloudwatch, "counted", "logs", "AllRequests") == 3
    assert total(cloudwatch, "counted", "logs", "BytesDownloaded", "Maximum") >= 5
    assert total(cloudwatch, "counted", "logs", "BytesUploaded") == 5
    assert total(cloudwatch, "counted", "red", "AllRequests") == 2
    assert total(cloudwatch, "counted", "gone", "AllRequests") <= 1, "its own deletion, and nothing after"
