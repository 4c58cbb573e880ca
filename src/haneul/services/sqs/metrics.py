"""A queue's metrics in CloudWatch, once a minute while there is something to tell."""

from __future__ import annotations

from typing import Any

from haneul.service import Call
from haneul.services.sqs.broker import Live
from haneul.services.sqs.tally import Tally
from haneul.wire.errors import AwsError


def publish(call: Call, live: Live, now: int) -> bool:
    """Tell CloudWatch; False when there was nothing to tell (or nobody to tell it to)."""
    tally, live.tally = live.tally, Tally()
    visible, held, delayed = live.counts(now)
    if not tally.anything and not visible and not held and not delayed:
        return False
    data = [
        _datum("NumberOfMessagesSent", tally.sent, "Count"),
        _datum("NumberOfMessagesReceived", tally.received, "Count"),
        _datum("NumberOfEmptyReceives", tally.empty, "Count"),
        _datum("NumberOfMessagesDeleted", tally.deleted, "Count"),
        _datum("ApproximateNumberOfMessagesVisible", visible, "Count"),
        _datum("ApproximateNumberOfMessagesNotVisible", held, "Count"),
        _datum("ApproximateNumberOfMessagesDelayed", delayed, "Count"),
        _datum("ApproximateAgeOfOldestMessage", _age(live, now), "Seconds"),
    ]
    if tally.sent:
        held_sizes = {
            "SampleCount": float(tally.sent),
            "Sum": float(tally.size),
            "Minimum": float(tally.smallest),
            "Maximum": float(tally.largest),
        }
        data.append({"MetricName": "SentMessageSize", "StatisticValues": held_sizes, "Unit": "Bytes"})
    for datum in data:
        datum["Dimensions"] = [{"Name": "QueueName", "Value": live.row.name}]
    try:
        call.invoke("cloudwatch", "PutMetricData", {"Namespace": "AWS/SQS", "MetricData": data})
    except AwsError:
        return False
    return True


def _datum(name: str, value: float, unit: str) -> dict[str, Any]:
    return {"MetricName": name, "Value": float(value), "Unit": unit}


def _age(live: Live, now: int) -> float:
    oldest = next(iter(live.index.entries.values()), None)
    return 0.0 if oldest is None else max(0, now - oldest.sent) // 1000
