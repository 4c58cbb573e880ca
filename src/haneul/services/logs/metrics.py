"""Metric filters at work: matching events become values of CloudWatch metrics."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from haneul.service import Call
from haneul.services.logs.plane.filters import compile_filter
from haneul.services.logs.plane.journal import Event
from haneul.services.logs.state import MetricFilter
from haneul.wire.errors import AwsError

log = logging.getLogger("haneul.logs")


def count_metrics(call: Call, filters: Iterable[MetricFilter], events: Iterable[Event]) -> None:
    """Send what the filters count to CloudWatch. A metric that can't be put doesn't fail the logs."""
    data: dict[str, list[dict[str, Any]]] = {}
    for chosen in filters:
        match = compile_filter(chosen.pattern)
        matched = 0
        for event in events:
            read = match(event.message)
            if read is None:
                continue
            matched += 1
            for transformation in chosen.transformations:
                datum = _datum(transformation, read, event)
                if datum is not None:
                    data.setdefault(transformation["metricNamespace"], []).append(datum)
        if not matched:
            for transformation in chosen.transformations:
                if transformation.get("defaultValue") is not None:
                    data.setdefault(transformation["metricNamespace"], []).append(
                        {
                            "MetricName": transformation["metricName"],
                            "Value": transformation["defaultValue"],
                            "Unit": transformation.get("unit") or "None",
                        }
                    )
    for namespace, values in data.items():
        for start in range(0, len(values), 1000):
            try:
                call.invoke(
                    "cloudwatch", "PutMetricData", {"Namespace": namespace, "MetricData": values[start : start + 1000]}
                )
            except AwsError as error:
                log.info("metric filter: %s", error.message)


def _datum(transformation: Mapping[str, Any], read: Mapping[str, str], event: Event) -> dict[str, Any] | None:
    wanted = transformation["metricValue"]
    text = read.get(wanted) if wanted.startswith("$") else wanted
    try:
        value = float(text) if text is not None else None
    except ValueError:
        value = None
    if value is None:
        return None
    datum: dict[str, Any] = {
        "MetricName": transformation["metricName"],
        "Value": value,
        "Timestamp": event.time / 1000,
        "Unit": transformation.get("unit") or "None",
    }
    dimensions = [
        {"Name": name, "Value": read[selector]}
        for name, selector in (transformation.get("dimensions") or {}).items()
        if selector in read
    ]
    if dimensions:
        datum["Dimensions"] = dimensions
    return datum
