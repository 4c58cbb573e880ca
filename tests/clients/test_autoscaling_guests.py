"""A group of real guests: as many as are desired, and one that shuts itself down is replaced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.autoscaling.waiting import Groups
from tests.api.ec2.waiting import instance, until
from tests.clients.guests import Shell, guest_cloud, key_pair
from tests.running import RunningCloud

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def cloud() -> Iterator[RunningCloud]:
    yield from guest_cloud()


def _template(ec2: Any, groups: Groups, key: Path) -> str:
    """What a guest that lets ssh in is launched from."""
    group = ec2.create_security_group(GroupName="ssh", Description="ssh")["GroupId"]
    everywhere = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=everywhere)
    return groups.template(InstanceType="t3.nano", KeyName=key.name, SecurityGroupIds=[group])


def test_guests_are_replaced(cloud: RunningCloud, tmp_path: Path) -> None:
    """Two boot side by side; `poweroff` in one of them brings another; at the end nothing runs."""
    asg, ec2 = cloud.client("autoscaling"), cloud.client("ec2")
    groups = Groups(asg, ec2)
    key = key_pair(ec2, tmp_path, "mine")
    name = groups.make(2, LaunchTemplate={"LaunchTemplateId": _template(ec2, groups, key)})
    rows = groups.settled(name, 2, 240)
    shown = instance(ec2, rows[0]["InstanceId"])
    shell = Shell(key, shown["PublicIpAddress"])
    assert until(lambda: shell.run("echo inside"), 60).strip() == "inside"
    shell.begun("poweroff").wait(30)

    def replaced() -> bool:
        now = groups.instances(name, "InService")
        return len(now) == 2 and rows[0]["InstanceId"] not in {one["InstanceId"] for one in now}

    until(replaced, 120)
    causes = [one["Cause"] for one in groups.activities(name)]
    assert any("an EC2 health check indicating it has been terminated or stopped" in one for one in causes)
    asg.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
    until(lambda: not groups.shown(name), 60)
    states = {one["State"]["Name"] for part in ec2.describe_instances()["Reservations"] for one in part["Instances"]}
    assert states == {"terminated"}
