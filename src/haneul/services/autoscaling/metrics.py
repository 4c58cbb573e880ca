"""Group metrics: which are collected, and their minute by minute publication to CloudWatch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from haneul.converge import wake
from haneul.converge.timers import settle
from haneul.service import Call, Step, operation
from haneul.services.autoscaling.converge import pool_size
from haneul.services.autoscaling.errors import invalid
from haneul.services.autoscaling.names import by_group, group_of, members_of
from haneul.services.autoscaling.selection import PENDING
from haneul.services.autoscaling.state import GROUPS, Group, Member
from haneul.wire.errors import AwsError

MINUTE = 60.0
Members = Sequence[Member]


def _in(word: str) -> Callable[[Member], bool]:
    return lambda one: not one.warm and one.state.startswith(word)


_KINDS: dict[str, Callable[[Member], bool]] = {
    "InService": _in("InService"),
    "Pending": lambda one: not one.warm and one.state in PENDING,
    "Standby": lambda one: one.state in ("Standby", "EnteringStandby"),
    "Terminating": _in("Terminating"),
    "Total": lambda one: not one.warm,
}
_WARM: dict[str, Callable[[Member], bool]] = {
    "Warmed": lambda one: one.state in ("Warmed:Stopped", "Warmed:Running"),
    "Pending": lambda one: one.state.startswith("Warmed:Pending"),
    "Terminating": lambda one: one.state.startswith("Warmed:Terminating"),
    "Total": lambda one: one.warm,
}


def _weight(rows: Members, chosen: Callable[[Member], bool]) -> int:
    return sum(one.weight for one in rows if chosen(one))


def _figures(group: Group, rows: Members) -> dict[str, float]:
    """Every metric there is, by name."""
    found: dict[str, float] = {
        "GroupMinSize": group.minimum,
        "GroupMaxSize": group.maximum,
        "GroupDesiredCapacity": group.desired,
    }
    for name, chosen in _KINDS.items():
        found[f"Group{name}Instances"] = sum(1 for one in rows if chosen(one))
    for name, chosen in _KINDS.items():
        found[f"Group{name}Capacity"] = _weight(rows, chosen)
    wanted = pool_size(group) if group.warm is not None else 0
    found["WarmPoolDesiredCapacity"] = wanted
    for name, chosen in _WARM.items():
        found[f"WarmPool{name}Capacity"] = _weight(rows, chosen)
    found["GroupAndWarmPoolDesiredCapacity"] = group.desired + wanted
    found["GroupAndWarmPoolTotalCapacity"] = sum(one.weight for one in rows)
    return found


_NAMES = tuple(
    _figures(
        Group(name="", id="", created=0.0, minimum=0, maximum=0, desired=0, settings={}, zones=[]),
        (),
    )
)


def _named(request: Mapping[str, Any]) -> list[str]:
    named = list(request.get("Metrics") or _NAMES)
    wrong = [one for one in named if one not in _NAMES]
    if wrong:
        raise invalid(f"Metric type {wrong[0]} is not valid. Valid values are {list(_NAMES)}.")
    return named


@operation(resource=by_group)
def enable_metrics_collection(call: Call, request: Mapping[str, Any]) -> None:
    """EnableMetricsCollection: those named, or all. Raises ValidationError."""
    if request["Granularity"] != "1Minute":
        raise invalid("Valid metrics granularity type is: [1Minute].")
    named = _named(request)
    with call.write() as tx:
        row = group_of(tx, call.scope, request["AutoScalingGroupName"])
        row.metrics = sorted({*row.metrics, *named})
        GROUPS.put(tx, call.scope, row)
        wake(tx, "autoscaling.metrics", call.scope, (row.name,), call.now())


@operation(resource=by_group)
def disable_metrics_collection(call: Call, request: Mapping[str, Any]) -> None:
    """DisableMetricsCollection: of those named, or all. Raises ValidationError."""
    named = _named(request)
    with call.write() as tx:
        row = group_of(tx, call.scope, request["AutoScalingGroupName"])
        row.metrics = [one for one in row.metrics if one not in named]
        GROUPS.put(tx, call.scope, row)
        if not row.metrics:
            settle(tx, "autoscaling.metrics", call.scope, (row.name,))


@operation()
def describe_metric_collection_types(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeMetricCollectionTypes."""
    return {"Metrics": [{"Metric": one} for one in _NAMES], "Granularities": [{"Granularity": "1Minute"}]}


def step_metrics(call: Call, row: Group) -> Step:
    """Tell CloudWatch once a minute."""
    if not row.metrics:
        return Step(row)
    with call.read() as tx:
        figures = _figures(row, members_of(tx, call.scope, row.name))
    dimensions = [{"Name": "AutoScalingGroupName", "Value": row.name}]
    data = [
        {"MetricName": name, "Value": float(figures[name]), "Unit": "None", "Dimensions": dimensions}
        for name in row.metrics
    ]
    try:
        call.invoke("cloudwatch", "PutMetricData", {"Namespace": "AWS/AutoScaling", "MetricData": data})
    except AwsError:
        pass  # no CloudWatch here
    return Step(row, MINUTE)
