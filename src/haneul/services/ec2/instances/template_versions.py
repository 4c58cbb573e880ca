"""Versions of launch templates, numbered in the order in which they were made; a number never comes again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from haneul.service import Call
from haneul.services.ec2 import idempotency, listing
from haneul.services.ec2.errors import errors, invalid, mixed
from haneul.services.ec2.filters import Filters
from haneul.services.ec2.instances import templates
from haneul.services.ec2.instances.describing import Links, describe
from haneul.services.ec2.instances.state import (
    INSTANCE,
    TEMPLATE,
    TEMPLATE_VERSIONS,
    LaunchTemplate,
    LaunchTemplateVersion,
)
from haneul.services.ec2.operations import operation
from haneul.services.ec2.volumes.state import VOLUME
from haneul.state.store import Reader

Request = Mapping[str, Any]
VERSIONS = 10_000
"""Of a template."""
_AT_ONCE = 200
_PLAIN = (
    "To describe the launch template data for all your launch templates, for '--versions' specify "
    "'$Latest', '$Default', or both, and omit '--launch-template-id', '--launch-template-name', and "
    "version numbers. To describe the launch template data for a specific launch template, specify "
    "'--launch-template-id' or '--launch-template-name', and for '--versions' specify one or more of the "
    "following values: '$Latest', '$Default', or one or more version numbers."
)
_OF_ALL = re.sub(r"'([^']+)'", "\u2018\\1\u2019", _PLAIN)
"""EC2 sets the names in this one sentence in typographic quotes."""
_FILTERS: Filters = {
    "create-time": "CreateTime",
    "ebs-optimized": "LaunchTemplateData.EbsOptimized",
    "host-resource-group-arn": "LaunchTemplateData.Placement.HostResourceGroupArn",
    "http-endpoint": "LaunchTemplateData.MetadataOptions.HttpEndpoint",
    "http-protocol-ipv4": "LaunchTemplateData.MetadataOptions.HttpEndpoint",
    "http-tokens": "LaunchTemplateData.MetadataOptions.HttpTokens",
    "iam-instance-profile": "LaunchTemplateData.IamInstanceProfile.Arn",
    "image-id": "LaunchTemplateData.ImageId",
    "instance-type": "LaunchTemplateData.InstanceType",
    "is-default-version": "DefaultVersion",
    "kernel-id": "LaunchTemplateData.KernelId",
    "license-configuration-arn": "LaunchTemplateData.LicenseSpecifications.LicenseConfigurationArn",
    "network-card-index": "LaunchTemplateData.NetworkInterfaces.NetworkCardIndex",
    "ram-disk-id": "LaunchTemplateData.RamDiskId",
}


@operation(templates.arn)
def create_launch_template_version(call: Call, request: Request) -> dict[str, Any]:
    """CreateLaunchTemplateVersion: the data given, over the source version's where one is named."""
    templates.check_description(request)
    with call.write() as tx:
        row = templates.find(tx, call.scope, request)
        made = idempotency.made_before(tx, call, request)
        if made:
            version = templates.version_of(tx, call.scope, row, made[0])
            return {"LaunchTemplateVersion": shown(call, row, version)}
        data = dict(request["LaunchTemplateData"])
        if request.get("SourceVersion"):
            source = templates.version_of(tx, call.scope, row, request["SourceVersion"])
            data = {**source.data, **data}
        if row.made >= VERSIONS:
            raise errors.LaunchTemplateVersionLimitExceeded(
                f"You have reached the maximum number of versions ({VERSIONS}) for this launch template."
            )
        row.made = row.latest = row.made + 1
        version = templates.add_version(tx, call, row, row.made, {**request, "LaunchTemplateData": data})
        TEMPLATE.table.put(tx, call.scope, row)
        idempotency.remember(tx, call, request, [str(row.made)])
    return {"LaunchTemplateVersion": shown(call, row, version, resolve=bool(request.get("ResolveAlias")))}


@operation(templates.arn)
def describe_launch_template_versions(call: Call, request: Request) -> dict[str, Any]:
    """DescribeLaunchTemplateVersions: of one template, the newest first, or the latest or default ones of all."""
    asked = request.get("Versions") or ()
    resolve = bool(request.get("ResolveAlias"))
    with call.read() as tx:
        if request.get("LaunchTemplateId") or request.get("LaunchTemplateName"):
            row = templates.find(tx, call.scope, request)
            found = [(row, one) for one in _chosen(tx, call, row, request)]
        else:
            found = list(_of_all(tx, call, asked))
    items = [(f"{row.id}\x00{2**63 - one.number:020d}", shown(call, row, one, resolve=resolve)) for row, one in found]
    return listing.paged(request, "LaunchTemplateVersions", items, _FILTERS, templates.LIMITS)


@operation(templates.arn)
def delete_launch_template_versions(call: Call, request: Request) -> dict[str, Any]:
    """DeleteLaunchTemplateVersions: those that can be; the answer tells of each."""
    asked: Sequence[str] = request["Versions"]
    if len(asked) > _AT_ONCE:
        raise invalid(f"At most {_AT_ONCE} versions can be deleted at once.")
    gone: list[dict[str, Any]] = []
    kept: list[dict[str, Any]] = []
    with call.write() as tx:
        row = templates.find(tx, call.scope, request)
        for version in dict.fromkeys(asked):
            if not version.isascii() or not version.isdigit() or len(version) > 15:
                raise invalid(f"Invalid launch template version: {version}. Versions are numbers here.")
            number = int(version)
            told = {"LaunchTemplateId": row.id, "LaunchTemplateName": row.name, "VersionNumber": number}
            why = _kept_for(tx, call, row, number)
            if why is not None:
                kept.append({**told, "ResponseError": why})
                continue
            TEMPLATE_VERSIONS.delete(tx, call.scope, row.id, number)
            gone.append(told)
        row.latest = max(one.number for one in TEMPLATE_VERSIONS.scan(tx, call.scope, row.id, reverse=True, limit=1))
        TEMPLATE.table.put(tx, call.scope, row)
    return {
        "SuccessfullyDeletedLaunchTemplateVersions": gone,
        "UnsuccessfullyDeletedLaunchTemplateVersions": kept,
    }


@operation("arn:aws:ec2:{region}:{account}:instance/{InstanceId}")
def get_launch_template_data(call: Call, request: Request) -> dict[str, Any]:
    """GetLaunchTemplateData: what a template would hold to launch instances like this one."""
    with call.read() as tx:
        instance = INSTANCE.get(tx, call.scope, request["InstanceId"])
        one = describe(Links(tx, call.scope), instance)
        data = {
            name: one.get(name)
            for name in (
                "CapacityReservationSpecification",
                "CpuOptions",
                "EbsOptimized",
                "EnclaveOptions",
                "HibernationOptions",
                "ImageId",
                "InstanceType",
                "KeyName",
                "MaintenanceOptions",
                "PrivateDnsNameOptions",
            )
        }
        data["BlockDeviceMappings"] = [_device(tx, call, held) for held in one["BlockDeviceMappings"]]
    options = instance.options
    tags = [tag for tag in one.get("Tags") or () if not tag["Key"].startswith("aws:")]
    data |= {
        "Placement": {name: one["Placement"].get(name) for name in ("AvailabilityZone", "GroupName", "Tenancy")},
        "Monitoring": {"Enabled": bool(options.get("Monitoring"))},
        "MetadataOptions": {name: value for name, value in options["MetadataOptions"].items() if name != "State"},
        "NetworkInterfaces": [_interface(nic) for nic in one["NetworkInterfaces"]],
        "DisableApiTermination": bool(options.get("DisableApiTermination")),
        "DisableApiStop": bool(options.get("DisableApiStop")),
        "InstanceInitiatedShutdownBehavior": options.get("ShutdownBehavior", "stop"),
        "UserData": instance.user_data or None,
        "TagSpecifications": [{"ResourceType": "instance", "Tags": tags}] if tags else [],
        "CreditSpecification": {"CpuCredits": options["Credits"]} if options.get("Credits") else None,
        "IamInstanceProfile": {"Arn": instance.profile} if instance.profile else None,
    }
    if options.get("Lifecycle") == "spot":
        data["InstanceMarketOptions"] = {"MarketType": "spot", "SpotOptions": options.get("SpotOptions") or {}}
    return {"LaunchTemplateData": data}


def shown(call: Call, row: LaunchTemplate, version: LaunchTemplateVersion, *, resolve: bool = False) -> dict[str, Any]:
    """A LaunchTemplateVersion. resolve: an image that is a parameter's is told by its id."""
    data = version.data
    if resolve and data.get("ImageId"):
        data = {**data, "ImageId": templates.image_of(call, data["ImageId"])}
    return {
        "LaunchTemplateId": row.id,
        "LaunchTemplateName": row.name,
        "VersionNumber": version.number,
        "VersionDescription": version.description or None,
        "CreateTime": version.created,
        "CreatedBy": version.creator,
        "DefaultVersion": version.number == row.default,
        "LaunchTemplateData": data,
        "Operator": {"Managed": False},
    }


def _chosen(tx: Reader, call: Call, row: LaunchTemplate, request: Request) -> list[LaunchTemplateVersion]:
    asked = request.get("Versions") or ()
    least, most = _bound(request, "MinVersion"), _bound(request, "MaxVersion")
    if asked:
        if least is not None or most is not None:
            raise mixed("The parameter Versions cannot be used with the parameters MinVersion and MaxVersion")
        found = {one.number: one for one in (templates.version_of(tx, call.scope, row, name) for name in asked)}
        return list(found.values())
    return [
        one
        for one in TEMPLATE_VERSIONS.scan(tx, call.scope, row.id)
        if (least is None or one.number >= least) and (most is None or one.number <= most)
    ]


def _bound(request: Request, name: str) -> int | None:
    text = request.get(name)
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise invalid(f"Value ({text}) for parameter {name} is invalid. It must be a version number.")
    return int(text)


def _of_all(tx: Reader, call: Call, asked: Sequence[str]) -> Iterator[tuple[LaunchTemplate, LaunchTemplateVersion]]:
    if not asked:
        raise errors.MissingParameter(_OF_ALL)
    if set(asked) - {"$Latest", "$Default"}:
        raise invalid(_OF_ALL)
    for row in TEMPLATE.table.scan(tx, call.scope):
        for number in {row.latest if name == "$Latest" else row.default for name in asked}:
            version = TEMPLATE_VERSIONS.get(tx, call.scope, row.id, number)
            if version is not None:
                yield row, version


def _kept_for(tx: Reader, call: Call, row: LaunchTemplate, number: int) -> dict[str, str] | None:
    """Why a version can't go, as a ResponseError."""
    if TEMPLATE_VERSIONS.get(tx, call.scope, row.id, number) is None:
        message = f"Could not find the specified version {number} for the launch template with ID {row.id}."
        return {"Code": "launchTemplateVersionDoesNotExist", "Message": message}
    if number == row.default:
        return {"Code": "unexpectedError", "Message": "The default version of a launch template cannot be deleted."}
    return None


def _device(tx: Reader, call: Call, held: Request) -> dict[str, Any]:
    volume = VOLUME.get(tx, call.scope, held["Ebs"]["VolumeId"])
    ebs = {
        "DeleteOnTermination": held["Ebs"]["DeleteOnTermination"],
        "Encrypted": volume.encrypted,
        "SnapshotId": volume.snapshot or None,
        "VolumeSize": volume.size,
        "VolumeType": volume.type,
        "Iops": volume.iops if volume.type in ("gp3", "io1", "io2") else None,
        "Throughput": volume.throughput if volume.type == "gp3" else None,
    }
    return {"DeviceName": held["DeviceName"], "Ebs": ebs}


def _interface(nic: Request) -> dict[str, Any]:
    attachment = nic["Attachment"]
    return {
        "AssociatePublicIpAddress": bool((nic.get("Association") or {}).get("PublicIp")),
        "DeleteOnTermination": attachment["DeleteOnTermination"],
        "Description": nic.get("Description") or "",
        "DeviceIndex": attachment["DeviceIndex"],
        "NetworkCardIndex": attachment.get("NetworkCardIndex", 0),
        "Groups": [group["GroupId"] for group in nic["Groups"]],
        "InterfaceType": nic.get("InterfaceType", "interface"),
        "SubnetId": nic["SubnetId"],
        "PrivateIpAddresses": [
            {"Primary": one["Primary"], "PrivateIpAddress": one["PrivateIpAddress"]}
            for one in nic["PrivateIpAddresses"]
        ],
    }
