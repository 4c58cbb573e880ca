"""Metric filters: put, describe, try out, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.logs import names
from haneul.services.logs.errors import errors, invalid
from haneul.services.logs.plane.filters import FilterError, compile_filter
from haneul.services.logs.state import METRIC_FILTERS, MetricFilter

FILTERS_A_GROUP = 100


def check_pattern(pattern: str) -> None:
    try:
        compile_filter(pattern)
    except FilterError as error:
        raise invalid(str(error)) from None


@operation(resource=names.by_group)
def put_metric_filter(call: Call, request: Mapping[str, Any]) -> None:
    """PutMetricFilter."""
    check_pattern(request["filterPattern"])
    for transformation in request["metricTransformations"]:
        if transformation.get("dimensions") and transformation.get("defaultValue") is not None:
            raise invalid(
                "Invalid metric transformation: dimensions and default value are mutually exclusive properties."
            )
        if not transformation["metricValue"].startswith("$"):
            try:
                float(transformation["metricValue"])
            except ValueError:
                raise invalid(
                    "Invalid metric transformation: metricValue must be a number or a selector of the pattern."
                ) from None
    with call.write() as tx:
        group = names.find(tx, call.scope, request["logGroupName"])
        known = [row.name for row in METRIC_FILTERS.scan(tx, call.scope, group.name)]
        if request["filterName"] not in known and len(known) >= FILTERS_A_GROUP:
            raise errors.LimitExceededException("Resource limit exceeded.")
        row = MetricFilter(
            group=group.name,
            name=request["filterName"],
            pattern=request["filterPattern"],
            created=names.millis(call),
            transformations=[dict(one) for one in request["metricTransformations"]],
        )
        METRIC_FILTERS.put(tx, call.scope, row)


@operation(resource=names.by_group)
def describe_metric_filters(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeMetricFilters: of a group, or of all; by prefix or by metric."""
    group, prefix = request.get("logGroupName"), request.get("filterNamePrefix") or ""
    metric, namespace = request.get("metricName"), request.get("metricNamespace")
    if bool(metric) != bool(namespace):
        raise invalid("Both metricName and metricNamespace must be specified.")
    with call.read() as tx:
        if group:
            names.find(tx, call.scope, group)
        rows = [
            row
            for row in METRIC_FILTERS.scan(tx, call.scope, *((group,) if group else ()))
            if row.name.startswith(prefix) and (not metric or _counts(row, metric, str(namespace)))
        ]
    page, more = names.page(rows, request, lambda row: f"{row.group}/{row.name}", request.get("limit") or 50)
    described = [
        {
            "filterName": row.name,
            "filterPattern": row.pattern,
            "metricTransformations": row.transformations,
            "creationTime": row.created,
            "logGroupName": row.group,
            "applyOnTransformedLogs": False,
        }
        for row in page
    ]
    return {"metricFilters": described, **more}


def _counts(row: MetricFilter, metric: str, namespace: str) -> bool:
    return any((one["metricName"], one["metricNamespace"]) == (metric, namespace) for one in row.transformations)


@operation(resource=names.by_group)
def delete_metric_filter(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteMetricFilter."""
    with call.write() as tx:
        group = names.find(tx, call.scope, request["logGroupName"])
        if METRIC_FILTERS.get(tx, call.scope, group.name, request["filterName"]) is None:
            raise errors.ResourceNotFoundException("The specified metric filter does not exist.")
        METRIC_FILTERS.delete(tx, call.scope, group.name, request["filterName"])


@operation()
def test_metric_filter(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """TestMetricFilter: which messages match, and what is read out of them."""
    check_pattern(request["filterPattern"])
    match = compile_filter(request["filterPattern"])
    matches = []
    for number, message in enumerate(request["logEventMessages"], 1):
        read = match(message)
        if read is not None:
            matches.append({"eventNumber": number, "eventMessage": message, "extractedValues": read})
    return {"matches": matches}
