"""Groups made with as little as possible, and waiting for what becomes of them."""

from __future__ import annotations

import itertools
from typing import Any

from tests.api.ec2.waiting import image, until

_numbers = itertools.count(1)


class Groups:
    """What the tests of an account do with groups."""

    def __init__(self, asg: Any, ec2: Any) -> None:
        self.asg = asg
        self.ec2 = ec2

    def template(self, **data: Any) -> str:
        """The id of a new launch template."""
        given = {"ImageId": image(self.ec2), "InstanceType": "t3.micro"} | data
        name = f"template-{next(_numbers)}"
        made = self.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=given)
        return str(made["LaunchTemplate"]["LaunchTemplateId"])

    def make(self, size: int = 0, **options: Any) -> str:
        """The name of a new group of `size` instances, at most five of them."""
        name = f"group-{next(_numbers)}"
        asked: dict[str, Any] = {"MinSize": 0, "MaxSize": 5, "DesiredCapacity": size} | options
        if not any(one in asked for one in ("LaunchTemplate", "LaunchConfigurationName", "MixedInstancesPolicy")):
            asked["LaunchTemplate"] = {"LaunchTemplateId": self.template()}
        if "VPCZoneIdentifier" not in asked and "AvailabilityZones" not in asked:
            asked["AvailabilityZones"] = ["us-east-1a", "us-east-1b"]
        self.asg.create_auto_scaling_group(AutoScalingGroupName=name, **asked)
        return name

    def shown(self, name: str) -> dict[str, Any]:
        found = self.asg.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        return dict(found[0]) if found else {}

    def instances(self, name: str, state: str | None = None) -> list[dict[str, Any]]:
        rows = self.shown(name).get("Instances", [])
        return [one for one in rows if state in (None, one["LifecycleState"])]

    def settled(self, name: str, size: int, seconds: float = 20.0) -> list[dict[str, Any]]:
        """The group's instances, once there are exactly so many and all are in service."""

        def look() -> Any:
            rows = self.instances(name)
            return [rows] if len(rows) == size and all(one["LifecycleState"] == "InService" for one in rows) else None

        return list(until(look, seconds)[0])

    def made(self, size: int, **options: Any) -> str:
        """The name of a new group whose instances are in service."""
        name = self.make(size, **options)
        self.settled(name, size)
        return name

    def activities(self, name: str) -> list[dict[str, Any]]:
        return list(self.asg.describe_scaling_activities(AutoScalingGroupName=name)["Activities"])

    def gone(self, name: str) -> None:
        until(lambda: not self.shown(name))
