"""Auto Scaling groups: create, describe, update, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.autoscaling import configurations, describing, hooks, patience, rights, settings, tags
from haneul.services.autoscaling.activities import sentence
from haneul.services.autoscaling.errors import errors, invalid
from haneul.services.autoscaling.listing import page
from haneul.services.autoscaling.names import DELETING, by_group, group_of, members_of, role_arn, wake_group
from haneul.services.autoscaling.neighbours import ask
from haneul.services.autoscaling.selection import TERMINATING, counts
from haneul.services.autoscaling.state import GROUPS, Group, Hook
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

LIMIT = 500
_SERVICE = "autoscaling.amazonaws.com"


@operation(resource=by_group)
async def create_auto_scaling_group(call: Call, request: Mapping[str, Any]) -> None:
    """CreateAutoScalingGroup. Raises AlreadyExists, LimitExceeded, ValidationError."""
    settings.refuse_sources(request)
    settings.check(request)
    least, most = request["MinSize"], request["MaxSize"]
    desired = request.get("DesiredCapacity")
    settings.check_sizes(least, most, desired)
    kept = {name: request[name] for name in settings.KEPT if request.get(name) not in (None, "")}
    source = settings.one_source(request)
    if not source:
        raise invalid("Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or "
                      "MixedInstancesPolicy parameter.")  # fmt: skip
    places = await settings.places(call, request)
    for one in (request, *(request.get("LifecycleHookSpecificationList") or ())):
        rights.check_role(call, one.get("ServiceLinkedRoleARN") or one.get("RoleARN"))
    if source == "InstanceId":
        kept["LaunchConfigurationName"] = await _copied(call, request)
    elif source != "LaunchConfigurationName":
        kept[source] = await settings.resolved(call, source, request[source])
    if not places.zones:
        raise invalid("At least one Availability Zone or VPC Subnet is required.")
    await _ensure_role(call)
    kept.setdefault("ServiceLinkedRoleARN", role_arn(call.account))
    if kept.get("MaxInstanceLifetime") == 0:
        del kept["MaxInstanceLifetime"]
    row = Group(
        name=request["AutoScalingGroupName"],
        id=tokens.uuid(),
        created=call.now(),
        minimum=least,
        maximum=most,
        desired=least if desired is None else desired,
        settings={**settings.DEFAULTS, **kept},
        zones=places.zones,
        subnets=places.subnets,
        zone_ids=places.ids,
        tags=tags.of_new(request.get("Tags") or ()),
    )
    _write(call, row, [hooks.of_request(row.name, one) for one in request.get("LifecycleHookSpecificationList") or ()])
    await patience.begun(call, row.name)


def _write(call: Call, row: Group, made: list[Hook]) -> None:
    with call.write() as tx:
        if GROUPS.get(tx, call.scope, row.name) is not None:
            raise errors.AlreadyExists(
                f"AutoScalingGroup by this name already exists - A group with the name {row.name} already exists"
            )
        if sum(1 for _ in GROUPS.scan(tx, call.scope)) >= LIMIT:
            raise errors.LimitExceeded(f"Auto Scaling group limit exceeded: you can have at most {LIMIT}.")
        name = row.settings.get("LaunchConfigurationName")
        if name:
            configurations.configuration_of(tx, call.scope, name)
        if row.desired:
            cause = f"a user request created an AutoScalingGroup changing the desired capacity from 0 to {row.desired}."
            row.causes = [sentence(call.now(), cause)]
        GROUPS.put(tx, call.scope, row)
        for hook in made:
            hooks.put(tx, call, row, hook)
        wake_group(tx, call.scope, row.name, call.now())


async def _copied(call: Call, request: Mapping[str, Any]) -> str:
    """A launch configuration made from an instance, with the group's name."""
    name = str(request["AutoScalingGroupName"])
    configurations.write(call, name, await configurations.of_instance(call, request["InstanceId"]))
    return name


async def _ensure_role(call: Call) -> None:
    """The service-linked role is there from the account's first group on."""
    try:
        await ask(call, "iam", "CreateServiceLinkedRole", {"AWSServiceName": _SERVICE})
    except AwsError:
        pass  # it is there, or there is no IAM


@operation()
def describe_auto_scaling_groups(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeAutoScalingGroups: names that aren't there are passed over; filters by tag."""
    wanted = {name.rpartition("autoScalingGroupName/")[2] for name in request.get("AutoScalingGroupNames") or ()}
    chosen = tags.group_filter(request.get("Filters") or ())
    with call.read() as tx:
        rows = [row for row in GROUPS.scan(tx, call.scope) if (not wanted or row.name in wanted) and chosen(row)]
        links = describing.Links(tx, call.scope, bool(request.get("IncludeInstances", True)))
        return page(request, "AutoScalingGroups", rows, links.group)


@operation(resource=by_group)
async def update_auto_scaling_group(call: Call, request: Mapping[str, Any]) -> None:
    """UpdateAutoScalingGroup: what isn't given stays. Raises ValidationError."""
    settings.check(request)
    changed = {name: request[name] for name in settings.KEPT if request.get(name) is not None}
    source = settings.one_source(request)
    if source and source != "LaunchConfigurationName":
        changed[source] = await settings.resolved(call, source, request[source])
    moved = any(request.get(name) for name in ("AvailabilityZones", "AvailabilityZoneIds", "VPCZoneIdentifier"))
    places = await settings.places(call, request) if moved else None

    def update(tx: Writer) -> None:
        row = group_of(tx, call.scope, request["AutoScalingGroupName"], missing="null")
        if source == "LaunchConfigurationName":
            configurations.configuration_of(tx, call.scope, changed[source])
        kept = {name: value for name, value in row.settings.items() if not source or name not in settings.SOURCES}
        row.settings = _merged(kept, changed)
        if places is not None:
            row.zones, row.subnets, row.zone_ids = places.zones, places.subnets, places.ids
            if not places.subnets:
                row.settings = {name: value for name, value in row.settings.items() if name != "VPCZoneIdentifier"}
        resize(call, row, request, "a user request update")
        GROUPS.put(tx, call.scope, row)
        wake_group(tx, call.scope, row.name, call.now())

    await call.transact(update)
    await patience.begun(call, request["AutoScalingGroupName"])


def _merged(kept: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """Changes over settings; what AWS takes for "none" goes."""
    merged = {**kept, **changed}
    for name, empty in (("PlacementGroup", ""), ("MaxInstanceLifetime", 0), ("DefaultInstanceWarmup", -1)):
        if merged.get(name) == empty:
            del merged[name]
    policy = merged.get("InstanceMaintenancePolicy") or {}
    if policy.get("MinHealthyPercentage") == -1:
        del merged["InstanceMaintenancePolicy"]
    return merged


def resize(call: Call, row: Group, request: Mapping[str, Any], who: str) -> None:
    """New bounds and a new desired capacity, as far as they are given; the desired capacity follows bounds that
    leave it behind. Raises ValidationError."""
    least = request.get("MinSize", row.minimum)
    most = request.get("MaxSize", row.maximum)
    desired = request.get("DesiredCapacity")
    settings.check_sizes(least, most, desired)
    before = row.desired
    row.minimum, row.maximum = least, most
    row.desired = max(least, min(most, before)) if desired is None else desired
    if row.desired != before:
        cause = (
            f"{who} of AutoScalingGroup constraints to min: {least}, max: {most}, desired: {row.desired} changing the "
            f"desired capacity from {before} to {row.desired}."
        )
        row.causes = [*row.causes[-3:], sentence(call.now(), cause)]
        row.paused, row.failures, row.rest = 0.0, 0, None


@operation(resource=by_group)
def delete_auto_scaling_group(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteAutoScalingGroup; with ForceDelete its instances end too, without waiting for lifecycle hooks. Raises
    ResourceInUse, ScalingActivityInProgress, ValidationError."""
    forced = bool(request.get("ForceDelete"))
    with call.write() as tx:
        row = group_of(tx, call.scope, request["AutoScalingGroupName"], dying=True)
        protection = row.settings.get("DeletionProtection") or "none"
        if protection == "prevent-all-deletion" or (forced and protection == "prevent-force-deletion"):
            raise invalid(
                f"You cannot delete an AutoScalingGroup while its deletion protection is set to {protection}."
            )
        members = members_of(tx, call.scope, row.name)
        if not forced and any(counts(one) or one.state == "Standby" or one.warm for one in members):
            raise errors.ResourceInUse(
                "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) "
                "still in the group."
            )
        if not forced and any(one.state in TERMINATING for one in members):
            raise errors.ScalingActivityInProgress(
                "You cannot delete an AutoScalingGroup while there are scaling activities in progress for that group."
            )
        row.status, row.forced = DELETING, row.forced or forced
        row.minimum = row.maximum = row.desired = 0
        GROUPS.put(tx, call.scope, row)
        for one in members:
            wake(tx, "autoscaling.member", call.scope, (one.group, one.id), call.now())
        wake_group(tx, call.scope, row.name, call.now())
