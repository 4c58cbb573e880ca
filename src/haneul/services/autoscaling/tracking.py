"""Target tracking: a policy keeps two CloudWatch alarms around its target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope
from haneul.services.autoscaling.errors import invalid, not_here
from haneul.services.autoscaling.names import policy_arn
from haneul.services.autoscaling.state import Policy
from haneul.wire.errors import AwsError

PREFIX = "TargetTracking"
HIGH, LOW = 3, 15
"""Periods over the target before it scales out, and well under it before it scales in."""
SLACK = 0.9
"""Scale-in begins under this part of the target."""
PERIOD = 60
PREDEFINED = {
    "ASGAverageCPUUtilization": "CPUUtilization",
    "ASGAverageCPUUtilizationHighResolution": "CPUUtilization",
    "ASGAverageNetworkIn": "NetworkIn",
    "ASGAverageNetworkOut": "NetworkOut",
}


def check(configuration: Mapping[str, Any]) -> None:
    """Raises ValidationError, 501 for a metric of load balancers."""
    predefined = configuration.get("PredefinedMetricSpecification")
    customized = configuration.get("CustomizedMetricSpecification")
    if bool(predefined) == bool(customized):
        raise invalid("Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be "
                      "specified.")  # fmt: skip
    if configuration["TargetValue"] <= 0:
        raise invalid("TargetValue must be greater than 0.")
    if predefined and predefined["PredefinedMetricType"] not in PREDEFINED:
        raise not_here(f"The metric {predefined['PredefinedMetricType']}")
    if customized and not customized.get("Metrics"):
        for name in ("MetricName", "Namespace", "Statistic"):
            if not customized.get(name):
                raise invalid(f"{name} must be specified in a CustomizedMetricSpecification.")


def alarm_names(policy: Policy) -> list[str]:
    """Of a target tracking policy: high, and low unless it never scales in."""
    tracked: dict[str, Any] = policy.settings.get("TargetTrackingConfiguration") or {}
    if not tracked:
        return []
    kinds = ["High"] if tracked.get("DisableScaleIn") else ["High", "Low"]
    return [f"{PREFIX}-{policy.group}-Alarm{kind}-{policy.id}" for kind in kinds]


def alarms(scope: Scope, policy: Policy) -> list[dict[str, Any]]:
    """PutMetricAlarm requests of a target tracking policy."""
    tracked = policy.settings["TargetTrackingConfiguration"]
    target = float(tracked["TargetValue"])
    arn = policy_arn(scope, policy.id, policy.group, policy.name)
    requests = []
    for name in alarm_names(policy):
        high = "-AlarmHigh-" in name
        requests.append(
            {
                "AlarmName": name,
                "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {arn}.",
                "ActionsEnabled": True,
                "AlarmActions": [arn],
                "EvaluationPeriods": HIGH if high else LOW,
                "Threshold": target if high else target * SLACK,
                "ComparisonOperator": "GreaterThanThreshold" if high else "LessThanThreshold",
                **_metric(policy.group, tracked),
            }
        )
    return requests


def _metric(group: str, tracked: Mapping[str, Any]) -> dict[str, Any]:
    predefined = tracked.get("PredefinedMetricSpecification")
    if predefined:
        return {
            "Namespace": "AWS/EC2",
            "MetricName": PREDEFINED[predefined["PredefinedMetricType"]],
            "Dimensions": [{"Name": "AutoScalingGroupName", "Value": group}],
            "Statistic": "Average",
            "Period": PERIOD,
        }
    custom = tracked["CustomizedMetricSpecification"]
    if custom.get("Metrics"):
        return {"Metrics": [_query(one) for one in custom["Metrics"]]}
    shown = {name: custom.get(name) for name in ("Namespace", "MetricName", "Dimensions", "Statistic", "Unit")}
    kept = {name: value for name, value in shown.items() if value}
    return {**kept, "Period": custom.get("Period") or PERIOD}


def _query(one: Mapping[str, Any]) -> dict[str, Any]:
    query = {name: one[name] for name in ("Id", "Expression", "Label") if one.get(name)}
    query["ReturnData"] = one.get("ReturnData", True)
    if one.get("MetricStat"):
        stat = one["MetricStat"]
        period = stat.get("Period") or one.get("Period") or PERIOD
        query["MetricStat"] = {**{name: stat[name] for name in ("Metric", "Stat", "Unit") if stat.get(name)},
                               "Period": period}  # fmt: skip
    elif one.get("Expression"):
        query["Period"] = one.get("Period") or PERIOD
    return query


def drop_alarms(call: Call, policy: Policy) -> None:
    """From a step: the alarms that the policy made go with it."""
    for name in alarm_names(policy):
        try:
            call.invoke("cloudwatch", "DeleteAlarms", {"AlarmNames": [name]})
        except AwsError:
            continue  # somebody else did it
