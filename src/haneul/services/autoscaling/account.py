"""What there is to choose from, and how much an account may have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.autoscaling import configurations, groups, settings
from haneul.services.autoscaling.names import group_of
from haneul.services.autoscaling.state import CONFIGURATIONS, GROUPS

ADJUSTMENTS = ("ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity")
Request = Mapping[str, Any]


@operation()
def describe_account_limits(call: Call, request: Request) -> dict[str, Any]:
    """DescribeAccountLimits."""
    with call.read() as tx:
        return {
            "MaxNumberOfAutoScalingGroups": groups.LIMIT,
            "MaxNumberOfLaunchConfigurations": configurations.LIMIT,
            "NumberOfAutoScalingGroups": sum(1 for _ in GROUPS.scan(tx, call.scope)),
            "NumberOfLaunchConfigurations": sum(1 for _ in CONFIGURATIONS.scan(tx, call.scope)),
        }


@operation()
def describe_adjustment_types(call: Call, request: Request) -> dict[str, Any]:
    """DescribeAdjustmentTypes."""
    return {"AdjustmentTypes": [{"AdjustmentType": one} for one in ADJUSTMENTS]}


@operation()
def describe_termination_policy_types(call: Call, request: Request) -> dict[str, Any]:
    """DescribeTerminationPolicyTypes."""
    return {"TerminationPolicyTypes": sorted(settings.TERMINATION)}


def _attached(call: Call, request: Request, member: str) -> dict[str, Any]:
    """Nothing is attached to any group: there are no load balancers here yet."""
    with call.read() as tx:
        group_of(tx, call.scope, request["AutoScalingGroupName"], dying=True)
    return {member: []}


@operation()
def describe_load_balancers(call: Call, request: Request) -> dict[str, Any]:
    """DescribeLoadBalancers of a group. Raises ValidationError."""
    return _attached(call, request, "LoadBalancers")


@operation()
def describe_load_balancer_target_groups(call: Call, request: Request) -> dict[str, Any]:
    """DescribeLoadBalancerTargetGroups of a group. Raises ValidationError."""
    return _attached(call, request, "LoadBalancerTargetGroups")


@operation()
def describe_traffic_sources(call: Call, request: Request) -> dict[str, Any]:
    """DescribeTrafficSources of a group. Raises ValidationError."""
    return _attached(call, request, "TrafficSources")
