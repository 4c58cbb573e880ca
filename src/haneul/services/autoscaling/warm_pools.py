"""Warm pools: instances that were started before they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.autoscaling import describing
from haneul.services.autoscaling.errors import errors, invalid, not_here
from haneul.services.autoscaling.listing import page
from haneul.services.autoscaling.names import by_group, group_of, members_of, wake_group
from haneul.services.autoscaling.state import CONFIGURATIONS, GROUPS

STATUS = "PendingDelete"


@operation(resource=by_group)
def put_warm_pool(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutWarmPool. Raises ValidationError; 501 for hibernated instances, which the machines here can't be."""
    if request.get("PoolState") == "Hibernated":
        raise not_here("A warm pool of hibernated instances")
    with call.write() as tx:
        row = group_of(tx, call.scope, request["AutoScalingGroupName"])
        mixed = (row.settings.get("MixedInstancesPolicy") or {}).get("InstancesDistribution") or {}
        name = row.settings.get("LaunchConfigurationName") or ""
        configuration = CONFIGURATIONS.get(tx, call.scope, name)
        priced = configuration is not None and configuration.settings.get("SpotPrice")
        if priced or mixed.get("OnDemandPercentageAboveBaseCapacity", 100) != 100:
            raise invalid("You can't add a warm pool to an Auto Scaling group that launches Spot Instances.")
        kept = row.warm or {"MinSize": 0, "PoolState": "Stopped"}
        if kept.get("Status"):
            raise errors.ResourceContention("The warm pool is being deleted.")
        named = ("MaxGroupPreparedCapacity", "MinSize", "PoolState", "InstanceReusePolicy")
        pool = {**kept, **{name: request[name] for name in named if request.get(name) is not None}}
        if pool.get("MaxGroupPreparedCapacity") == -1:
            del pool["MaxGroupPreparedCapacity"]
        row.warm = pool
        GROUPS.put(tx, call.scope, row)
        wake_group(tx, call.scope, row.name, call.now())
    return {}


@operation()
def describe_warm_pool(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeWarmPool: its configuration and its instances. Raises ValidationError."""
    with call.read() as tx:
        row = group_of(tx, call.scope, request["AutoScalingGroupName"], dying=True)
        held = [one for one in members_of(tx, call.scope, row.name) if one.warm and one.instance]
    output = page(request, "Instances", held, describing.instance)
    return output | ({"WarmPoolConfiguration": row.warm} if row.warm is not None else {})


@operation(resource=by_group)
def delete_warm_pool(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteWarmPool; with ForceDelete its instances end. Raises ResourceInUse, ValidationError."""
    with call.write() as tx:
        row = group_of(tx, call.scope, request["AutoScalingGroupName"])
        if row.warm is None:
            raise invalid(f"No warm pool found for Auto Scaling group {row.name}")
        held = any(one.warm for one in members_of(tx, call.scope, row.name))
        if held and not request.get("ForceDelete"):
            raise errors.ResourceInUse(
                "You cannot delete a warm pool while there are instances or scaling activities in progress for it."
            )
        row.warm = {**row.warm, "Status": STATUS} if held else None
        GROUPS.put(tx, call.scope, row)
        wake_group(tx, call.scope, row.name, call.now())
    return {}
