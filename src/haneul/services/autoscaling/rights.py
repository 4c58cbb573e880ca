"""What a caller must be allowed to do himself before a group does it for him: launch instances, pass roles to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.auth import passing
from haneul.service import Call
from haneul.services.autoscaling.errors import errors
from haneul.services.autoscaling.neighbours import ask
from haneul.wire.errors import AwsError


async def check_template(call: Call, identifier: str, data: Mapping[str, Any]) -> None:
    """A launch template is used with the caller's own rights. Raises AccessDenied."""
    place = f"arn:aws:ec2:{call.region}:{call.account}"
    try:
        for resource in (f"{place}:instance/*", f"{place}:launch-template/{identifier}"):
            call.cloud.gate.check(call, "ec2:RunInstances", resource)
    except AwsError:
        raise errors.AccessDenied(f"You are not authorized to use launch template: {identifier}") from None
    profile = data.get("IamInstanceProfile") or {}
    await check_profile(call, profile.get("Arn") or profile.get("Name"))


async def check_profile(call: Call, name: str | None) -> None:
    """The role of a profile is handed to every instance. Raises AccessDenied when the caller may not pass it."""
    if not name:
        return
    try:
        asked = {"InstanceProfileName": name.rpartition("/")[2]}
        found = (await ask(call, "iam", "GetInstanceProfile", asked))["InstanceProfile"]
    except AwsError:
        return  # told by the launch, as on AWS
    for role in found["Roles"][:1]:
        passing.check(call, role["Arn"], "ec2.amazonaws.com")


def check_role(call: Call, arn: str | None) -> None:
    """A role that EC2 Auto Scaling itself is to take on. Raises AccessDenied when the caller may not pass it."""
    if arn:
        passing.check(call, arn, "autoscaling.amazonaws.com")
