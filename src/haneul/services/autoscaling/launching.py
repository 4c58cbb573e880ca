"""From a group's configuration to a RunInstances request: templates and launch configurations read, types and the
market chosen, tags added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haneul.service import Call
from haneul.services.autoscaling import selection
from haneul.services.autoscaling.errors import invalid, not_here
from haneul.services.autoscaling.recipes import Choice, Recipe
from haneul.services.autoscaling.state import CONFIGURATIONS, Group, Member

TAG = "aws:autoscaling:groupName"
FIRST = "capacity-reservations-first"


def template_request(asked: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeLaunchTemplateVersions for a specification."""
    version = str(asked.get("Version") or "$Default")
    request: dict[str, Any] = {
        "Versions": [{"$default": "$Default", "$latest": "$Latest"}.get(version.lower(), version)]
    }
    if asked.get("LaunchTemplateId"):
        return request | {"LaunchTemplateId": asked["LaunchTemplateId"]}
    return request | {"LaunchTemplateName": asked["LaunchTemplateName"]}


def recipe(call: Call, group: Group, desired: Mapping[str, Any] | None = None) -> Recipe:
    """What the group launches, or what `desired` (a refresh's configuration) says instead. Asks EC2: from a step.
    Raises AwsError when a template or a configuration has gone."""
    settings = desired or group.settings
    if settings.get("MixedInstancesPolicy"):
        return _mixed(call, settings["MixedInstancesPolicy"])
    if settings.get("LaunchTemplate"):
        template, data = _version(call, settings["LaunchTemplate"])
        return Recipe([Choice(data.get("InstanceType") or "m1.small", template=template, data=data)])
    name = group.settings.get("LaunchConfigurationName") or ""
    with call.read() as tx:
        row = CONFIGURATIONS.get(tx, call.scope, name)
    if row is None:
        raise invalid(f"Launch configuration name not found - Launch configuration {name} not found")
    return Recipe([Choice(row.settings["InstanceType"])], configuration=name, settings=row.settings)


def _version(call: Call, asked: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    found = call.invoke("ec2", "DescribeLaunchTemplateVersions", template_request(asked))["LaunchTemplateVersions"]
    if not found:
        raise invalid("The launch template's version does not exist.")
    shown = found[0]
    template = {
        "LaunchTemplateId": shown["LaunchTemplateId"],
        "LaunchTemplateName": shown["LaunchTemplateName"],
        "Version": str(shown["VersionNumber"]),
    }
    return template, dict(shown.get("LaunchTemplateData") or {})


def _mixed(call: Call, policy: Mapping[str, Any]) -> Recipe:
    inner = policy["LaunchTemplate"]
    template, data = _version(call, inner["LaunchTemplateSpecification"])
    choices: list[Choice] = []
    for one in inner.get("Overrides") or ():
        if one.get("InstanceRequirements"):
            choices += [Choice(name, template=template, data=data) for name in _fitting(call, data, one)]
            continue
        own = (template, data)
        if one.get("LaunchTemplateSpecification"):
            own = _version(call, one["LaunchTemplateSpecification"])
        kind = one.get("InstanceType") or own[1].get("InstanceType") or "m1.small"
        choices.append(Choice(kind, int(one.get("WeightedCapacity") or 1), *own))
    weighted = any(one.get("WeightedCapacity") for one in inner.get("Overrides") or ())
    if not choices:
        choices = [Choice(data.get("InstanceType") or "m1.small", template=template, data=data)]
    return Recipe(choices, weighted, policy.get("InstancesDistribution") or {})


def _fitting(call: Call, data: Mapping[str, Any], override: Mapping[str, Any]) -> list[str]:
    """Types that meet an override's requirements, as EC2 tells them."""
    request = {
        "ArchitectureTypes": ["x86_64"],
        "VirtualizationTypes": ["hvm"],
        "InstanceRequirements": override["InstanceRequirements"],
    }
    found = call.invoke("ec2", "GetInstanceTypesFromInstanceRequirements", request)["InstanceTypes"]
    if not found:
        raise not_here("A set of InstanceRequirements that no type here meets")
    return [one["InstanceType"] for one in found]


def fill(group: Group, recipe: Recipe, member: Member, present: Sequence[Member]) -> None:
    """Decide what the new member is, among those that are there, and write its RunInstances request into it."""
    spot = selection.wants_spot(recipe.distribution, present)
    order = selection.preferred(recipe, spot, present)
    choice = order[0]
    member.spot = spot or bool(recipe.settings.get("SpotPrice"))
    member.type, member.weight, member.weighted = choice.type, choice.weight, recipe.weighted
    member.template, member.configuration = dict(choice.template), recipe.configuration
    member.others = [(one.type, one.weight) for one in order[1:] if one.template == choice.template]
    member.protected = bool(group.settings.get("NewInstancesProtectedFromScaleIn"))
    member.launch = _request(group, recipe, choice, member) | _seat(group, spot, len(present))


def _request(group: Group, recipe: Recipe, choice: Choice, member: Member) -> dict[str, Any]:
    request: dict[str, Any] = {"MinCount": 1, "MaxCount": 1, "ClientToken": member.id, "InstanceType": choice.type}
    placement = {"GroupName": group.settings.get("PlacementGroup")}
    if not member.subnet:
        placement["AvailabilityZone"] = member.zone
    if choice.template:
        request |= _from_template(choice, member)
        placement = {**(choice.data.get("Placement") or {}), **_given(placement)}
        own = [one for one in choice.data.get("TagSpecifications") or () if one["ResourceType"] != "instance"]
        tags = [
            tag
            for one in choice.data.get("TagSpecifications") or ()
            if one["ResourceType"] == "instance"
            for tag in one["Tags"]
        ]
    else:
        request |= _from_configuration(recipe.settings, member)
        placement["Tenancy"] = recipe.settings.get("PlacementTenancy")
        own, tags = [], []
    if recipe.distribution:
        request |= _market(recipe.distribution, member)
    if _given(placement):
        request["Placement"] = _given(placement)
    named = {tag["Key"]: tag["Value"] for tag in tags}
    named |= {key: tag.value for key, tag in group.tags.items() if tag.propagate} | {TAG: group.name}
    request["TagSpecifications"] = [
        *own,
        {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in named.items()]},
    ]
    return request


def _seat(group: Group, spot: bool, present: int) -> dict[str, Any]:
    """How a launch looks for a capacity reservation: those that are named take turns."""
    wish = group.settings.get("CapacityReservationSpecification") or {}
    preference, target = wish.get("CapacityReservationPreference", "default"), wish.get("CapacityReservationTarget")
    if spot or preference == "default":
        return {}
    if preference == "none":
        return {"CapacityReservationSpecification": {"CapacityReservationPreference": "none"}}
    names = (target or {}).get("CapacityReservationIds") or []
    if names:
        named = {"CapacityReservationTarget": {"CapacityReservationId": names[present % len(names)]}}
        return {"CapacityReservationSpecification": named}
    given = "open" if preference == FIRST else preference
    return {"CapacityReservationSpecification": {"CapacityReservationPreference": given}}


def _given(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value not in (None, "", [], {})}


def _market(distribution: Mapping[str, Any], member: Member) -> dict[str, Any]:
    if not member.spot:
        return {}
    options: dict[str, Any] = {"SpotInstanceType": "one-time"}
    if distribution.get("SpotMaxPrice"):
        options["MaxPrice"] = distribution["SpotMaxPrice"]
    return {"InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": options}}


def _from_template(choice: Choice, member: Member) -> dict[str, Any]:
    """The template by its version's number; its network interfaces, if it has any, in the member's subnet."""
    template = choice.template
    request: dict[str, Any] = {
        "LaunchTemplate": {"LaunchTemplateId": template["LaunchTemplateId"], "Version": template["Version"]}
    }
    nics = [dict(one) for one in choice.data.get("NetworkInterfaces") or ()]
    if not nics:
        return request | ({"SubnetId": member.subnet} if member.subnet else {})
    if member.subnet:
        for one in nics:
            if not one.get("NetworkInterfaceId"):
                one["SubnetId"] = member.subnet
    return request | {"NetworkInterfaces": nics}


def _from_configuration(settings: Mapping[str, Any], member: Member) -> dict[str, Any]:
    profile = settings.get("IamInstanceProfile") or ""
    groups = settings.get("SecurityGroups") or []
    request = {
        "ImageId": settings["ImageId"],
        "KeyName": settings.get("KeyName"),
        "UserData": settings.get("UserData"),
        "KernelId": settings.get("KernelId"),
        "RamdiskId": settings.get("RamdiskId"),
        "BlockDeviceMappings": [_mapping(one) for one in settings.get("BlockDeviceMappings") or ()],
        "Monitoring": settings.get("InstanceMonitoring"),
        "EbsOptimized": settings.get("EbsOptimized") or None,
        "MetadataOptions": settings.get("MetadataOptions"),
    }
    if profile:
        request["IamInstanceProfile"] = {"Arn": profile} if profile.startswith("arn:") else {"Name": profile}
    if settings.get("SpotPrice"):
        options = {"SpotInstanceType": "one-time", "MaxPrice": settings["SpotPrice"]}
        request["InstanceMarketOptions"] = {"MarketType": "spot", "SpotOptions": options}
    if settings.get("AssociatePublicIpAddress") is not None:
        nic = {
            "DeviceIndex": 0,
            "AssociatePublicIpAddress": settings["AssociatePublicIpAddress"],
            "SubnetId": member.subnet,
            "Groups": groups,
        }
        return _given(request | {"NetworkInterfaces": [_given(nic) | {"DeviceIndex": 0}]})
    request |= {
        "SubnetId": member.subnet,
        "SecurityGroupIds": [one for one in groups if one.startswith("sg-")],
        "SecurityGroups": [one for one in groups if not one.startswith("sg-")],
    }
    return _given(request)


def _mapping(one: Mapping[str, Any]) -> dict[str, Any]:
    """NoDevice is a flag here and a text in EC2."""
    kept = {name: value for name, value in one.items() if name != "NoDevice"}
    return kept | ({"NoDevice": ""} if one.get("NoDevice") else {})
