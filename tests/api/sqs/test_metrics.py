"""A queue's metrics in CloudWatch, on a clock that runs sixty times as fast."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


def test_a_backlog_is_seen_in_cloudwatch(fresh_cloud) -> None:
    """Alarms and scaling policies watch ApproximateNumberOfMessagesVisible."""
    cloud = fresh_cloud("--clock-rate", "60")
    sqs, cloudwatch = cloud.client("sqs"), cloud.client("cloudwatch")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    for body in ("one", "four"):
        sqs.send_message(QueueUrl=url, MessageBody=body)

    def values(name: str, stat: str) -> list[float]:
        now = datetime.now(UTC)
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/SQS", MetricName=name, Dimensions=[{"Name": "QueueName", "Value": "q"}], Period=3600,
            StartTime=now - timedelta(hours=2), EndTime=now + timedelta(hours=2), Statistics=[stat],
        )["Datapoints"]  # fmt: skip
        return [point[stat] for point in points]

    end = time.monotonic() + 15
    while not values("ApproximateNumberOfMessagesVisible", "Maximum"):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert max(values("ApproximateNumberOfMessagesVisible", "Maximum")) == 2
    assert sum(values("NumberOfMessagesSent", "Sum")) == 2
    assert sum(values("SentMessageSize", "Sum")) == 7
