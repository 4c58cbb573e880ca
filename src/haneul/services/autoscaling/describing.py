"""Groups and instances as answers show them."""

from __future__ import annotations

from typing import Any

from haneul.service import Scope
from haneul.services.autoscaling.names import group_arn
from haneul.services.autoscaling.state import MEMBERS, Group, Member
from haneul.state.store import Reader


class Links:
    """What belongs to groups, read from the store as it is asked for."""

    def __init__(self, tx: Reader, scope: Scope, instances: bool = True) -> None:
        self._tx = tx
        self._scope = scope
        self._instances = instances

    def group(self, row: Group) -> dict[str, Any]:
        members = list(MEMBERS.scan(self._tx, self._scope, row.name))
        shown = [one for one in members if one.instance and not one.warm]
        warm = [one for one in members if one.warm]
        described: dict[str, Any] = {
            **{name: value for name, value in row.settings.items() if name != "DeletionProtection"},
            "DeletionProtection": row.settings.get("DeletionProtection") or "none",
            "AutoScalingGroupName": row.name,
            "AutoScalingGroupARN": group_arn(self._scope, row),
            "MinSize": row.minimum,
            "MaxSize": row.maximum,
            "DesiredCapacity": row.desired,
            "AvailabilityZones": row.zones,
            "AvailabilityZoneIds": [row.zone_ids[name] for name in row.zones if name in row.zone_ids],
            "LoadBalancerNames": [],
            "TargetGroupARNs": [],
            "TrafficSources": [],
            "Instances": [instance(one) for one in shown] if self._instances else [],
            "CreatedTime": row.created,
            "SuspendedProcesses": [
                {"ProcessName": name, "SuspensionReason": why} for name, why in sorted(row.suspended.items())
            ],
            "EnabledMetrics": [{"Metric": name, "Granularity": "1Minute"} for name in row.metrics],
            "Status": row.status or None,
            "Tags": [tag(row.name, key, one.value, one.propagate) for key, one in sorted(row.tags.items())],
        }
        if row.warm is not None:
            described |= {"WarmPoolConfiguration": row.warm, "WarmPoolSize": len(warm)}
        return described


def tag(group: str, key: str, value: str, propagate: bool) -> dict[str, Any]:
    return {
        "ResourceId": group,
        "ResourceType": "auto-scaling-group",
        "Key": key,
        "Value": value,
        "PropagateAtLaunch": propagate,
    }


def instance(row: Member) -> dict[str, Any]:
    """An instance of a group."""
    return {
        "InstanceId": row.instance,
        "InstanceType": row.type,
        "AvailabilityZone": row.zone,
        "LifecycleState": row.state,
        "HealthStatus": row.health,
        "LaunchConfigurationName": row.configuration or None,
        "LaunchTemplate": row.template or None,
        "ImageId": row.image or None,
        "ProtectedFromScaleIn": row.protected,
        "WeightedCapacity": str(row.weight) if row.weighted else None,
    }
