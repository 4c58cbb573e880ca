"""Launch configurations: create, describe, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.autoscaling import rights
from haneul.services.autoscaling.errors import errors, invalid
from haneul.services.autoscaling.listing import page
from haneul.services.autoscaling.names import by_configuration, configuration_arn
from haneul.services.autoscaling.neighbours import ask
from haneul.services.autoscaling.state import CONFIGURATIONS, GROUPS, Configuration
from haneul.state.store import Reader
from haneul.wire.errors import AwsError

LIMIT = 200
_MEMBERS = (
    "ImageId",
    "KeyName",
    "SecurityGroups",
    "UserData",
    "InstanceType",
    "KernelId",
    "RamdiskId",
    "BlockDeviceMappings",
    "InstanceMonitoring",
    "SpotPrice",
    "IamInstanceProfile",
    "EbsOptimized",
    "AssociatePublicIpAddress",
    "PlacementTenancy",
    "MetadataOptions",
)


@operation(resource=by_configuration)
async def create_launch_configuration(call: Call, request: Mapping[str, Any]) -> None:
    """CreateLaunchConfiguration, from what is given and, for the rest, from an instance. Raises AlreadyExists,
    LimitExceeded, ValidationError."""
    settings = {name: request[name] for name in _MEMBERS if request.get(name) is not None}
    if request.get("ClassicLinkVPCId") or request.get("ClassicLinkVPCSecurityGroups"):
        raise invalid("EC2-Classic is no longer supported.")
    if request.get("InstanceId"):
        settings = {**await of_instance(call, request["InstanceId"]), **settings}
    if not settings.get("ImageId"):
        raise invalid("Valid requests must contain either the InstanceID parameter or both the ImageId and "
                      "InstanceType parameters.")  # fmt: skip
    if not settings.get("InstanceType"):
        raise invalid("Valid requests must contain either the InstanceID parameter or both the ImageId and "
                      "InstanceType parameters.")  # fmt: skip
    settings.setdefault("InstanceMonitoring", {"Enabled": True})
    settings.setdefault("EbsOptimized", False)
    settings.setdefault("BlockDeviceMappings", [])
    settings.setdefault("SecurityGroups", [])
    await rights.check_profile(call, settings.get("IamInstanceProfile"))
    write(call, request["LaunchConfigurationName"], settings)


def write(call: Call, name: str, settings: dict[str, Any]) -> None:
    """A new launch configuration. Raises AlreadyExists, LimitExceeded."""
    with call.write() as tx:
        if CONFIGURATIONS.get(tx, call.scope, name) is not None:
            raise errors.AlreadyExists(
                f"Launch Configuration by this name already exists - A launch configuration already exists with the "
                f"name {name}"
            )
        if sum(1 for _ in CONFIGURATIONS.scan(tx, call.scope)) >= LIMIT:
            raise errors.LimitExceeded(f"Launch configuration limit exceeded: you can have at most {LIMIT}.")
        row = Configuration(name=name, id=tokens.uuid(), created=call.now(), settings=settings)
        CONFIGURATIONS.put(tx, call.scope, row)


async def of_instance(call: Call, identifier: str) -> dict[str, Any]:
    """An instance's attributes as settings of a launch configuration. Raises ValidationError."""
    try:
        (reservation,) = (await ask(call, "ec2", "DescribeInstances", {"InstanceIds": [identifier]}))["Reservations"]
        asked = {"InstanceId": identifier, "Attribute": "userData"}
        data = (await ask(call, "ec2", "DescribeInstanceAttribute", asked)).get("UserData") or {}
    except AwsError as error:
        if error.status >= 500:
            raise
        raise invalid(f"Instance [{identifier}] is invalid.") from None
    shown = reservation["Instances"][0]
    settings = {
        "ImageId": shown["ImageId"],
        "InstanceType": shown["InstanceType"],
        "KeyName": shown.get("KeyName"),
        "SecurityGroups": [one["GroupId"] for one in shown.get("SecurityGroups") or ()],
        "UserData": data.get("Value"),
        "InstanceMonitoring": {"Enabled": (shown.get("Monitoring") or {}).get("State") == "enabled"},
        "IamInstanceProfile": (shown.get("IamInstanceProfile") or {}).get("Arn"),
        "EbsOptimized": bool(shown.get("EbsOptimized")),
    }
    return {name: value for name, value in settings.items() if value is not None}


def configuration_of(tx: Reader, scope: Scope, name: str) -> Configuration:
    """Raises ValidationError."""
    row = CONFIGURATIONS.get(tx, scope, name)
    if row is None:
        raise invalid(f"Launch configuration name not found - Launch configuration {name} not found")
    return row


@operation()
def describe_launch_configurations(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeLaunchConfigurations; names that aren't there are passed over."""
    wanted = set(request.get("LaunchConfigurationNames") or ())
    with call.read() as tx:
        rows = [row for row in CONFIGURATIONS.scan(tx, call.scope) if not wanted or row.name in wanted]

    def render(row: Configuration) -> dict[str, Any]:
        shown = {"KeyName": "", "UserData": "", "KernelId": "", "RamdiskId": "", "ClassicLinkVPCSecurityGroups": []}
        return {
            **shown,
            **row.settings,
            "LaunchConfigurationName": row.name,
            "LaunchConfigurationARN": configuration_arn(call.scope, row),
            "CreatedTime": row.created,
        }

    return page(request, "LaunchConfigurations", rows, render)


@operation(resource=by_configuration)
def delete_launch_configuration(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteLaunchConfiguration. Raises ResourceInUse, ValidationError."""
    name = request["LaunchConfigurationName"]
    with call.write() as tx:
        configuration_of(tx, call.scope, name)
        for group in GROUPS.scan(tx, call.scope):
            if group.settings.get("LaunchConfigurationName") == name:
                raise errors.ResourceInUse(
                    f"Cannot delete launch configuration {name} because it is attached to AutoScalingGroup {group.name}"
                )
        CONFIGURATIONS.delete(tx, call.scope, name)
