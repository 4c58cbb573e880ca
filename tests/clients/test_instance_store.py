"""A real guest finds its type's instance store, and loses what it wrote there when it stops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.ec2.waiting import launched, reached, until
from tests.clients.guests import Shell, guest_cloud, key_pair
from tests.running import RunningCloud

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
FIND = "for disk in /sys/block/*; do [ $(cat $disk/size) = 312500000 ] && basename $disk; done"
"""160 GB in sectors: m1.small's disk."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[RunningCloud]:
    yield from guest_cloud()


def reachable(ec2: Any, key: Path, identifier: str) -> Shell:
    group = ec2.describe_instances(InstanceIds=[identifier])["Reservations"][0]["Instances"][0]
    shell = Shell(key, group["PublicIpAddress"])
    until(lambda: shell.run("echo up", 10), 90)
    return shell


def test_a_disk_that_forgets(cloud, tmp_path):
    """Written, read back, gone after a stop."""
    ec2 = cloud.client("ec2")
    key = key_pair(ec2, tmp_path, "store")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName="ssh", Description="ssh", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    (row,) = launched(ec2, InstanceType="m1.small", KeyName="store", SecurityGroupIds=[group])
    identifier = row["InstanceId"]
    reached(ec2, identifier, "running", 120)
    shell = reachable(ec2, key, identifier)
    disk = (shell.run(FIND) or "").strip()
    assert disk
    assert shell.run(f"echo kept >/dev/{disk} && sync && head -c 4 /dev/{disk}") == "kept"
    ec2.stop_instances(InstanceIds=[identifier])
    reached(ec2, identifier, "stopped", 60)
    ec2.start_instances(InstanceIds=[identifier])
    reached(ec2, identifier, "running", 60)
    shell = reachable(ec2, key, identifier)
    disk = (shell.run(FIND) or "").strip()
    assert shell.run(f"head -c 4 /dev/{disk} | tr '\\0' 0") == "0000"
