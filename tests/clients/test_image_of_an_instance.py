"""An image of a guest that runs, for real: what was written before is in the instance launched of it, whether the guest
was rebooted for it or not; and what terraform and others need of aws_ami holds on real bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.ec2.waiting import image, reached, until
from tests.clients.guests import Shell, guest_cloud, key_pair
from tests.running import RunningCloud

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
WITHOUT_SYNC = "echo before > /root/before"
"""A guest that is shut down writes it out by itself; one that isn't is asked to."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[RunningCloud]:
    yield from guest_cloud()


@pytest.fixture(scope="module")
def ec2(cloud: RunningCloud) -> Any:
    return cloud.client("ec2")


def launched(ec2: Any, key: Path, of: str) -> tuple[str, Shell]:
    (row,) = ec2.run_instances(
        ImageId=of, InstanceType="t3.micro", MinCount=1, MaxCount=1, KeyName="mine", SecurityGroups=["ssh"]
    )["Instances"]
    shell = Shell(key, reached(ec2, row["InstanceId"], "running", 120)["PublicIpAddress"])
    assert until(lambda: shell.run("echo up"), 60)
    return row["InstanceId"], shell


def test_what_was_written_is_in_the_image(ec2: Any, tmp_path: Path) -> None:
    """With and without a reboot; the image's instances are their own, and outlive image and source."""
    key = key_pair(ec2, tmp_path, "mine")
    group = ec2.create_security_group(GroupName="ssh", Description="ssh from anywhere")["GroupId"]
    everywhere = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=everywhere)
    source, shell = launched(ec2, key, image(ec2))
    boot = said(shell, "cat /proc/sys/kernel/random/boot_id")
    assert said(shell, "echo first > /root/first; sync; echo done")
    crash_consistent = _taken(ec2, source, "first", NoReboot=True)
    assert said(shell, "cat /proc/sys/kernel/random/boot_id") == boot, "it was rebooted although it should not be"
    assert said(shell, f"{WITHOUT_SYNC}; echo done")
    rebooted = _taken(ec2, source, "second")
    assert until(lambda: (now := shell.run("cat /proc/sys/kernel/random/boot_id")) and now != boot, 60)
    assert said(shell, "cat /root/before") == "before\n"
    ec2.terminate_instances(InstanceIds=[source])
    one, first = launched(ec2, key, crash_consistent)
    two, second = launched(ec2, key, rebooted)
    assert said(first, "cat /root/first; ls /root/before 2>/dev/null || echo none") == "first\nnone\n"
    assert said(second, "grep . /root/first /root/before") == "/root/first:first\n/root/before:before\n"
    for taken in (crash_consistent, rebooted):
        (result,) = ec2.deregister_image(ImageId=taken, DeleteAssociatedSnapshots=True)["DeleteSnapshotResults"]
        assert result["ReturnCode"] == "success"
    assert said(second, "cat /root/before") == "before\n"
    ec2.terminate_instances(InstanceIds=[one, two])
    for identifier in (source, one, two):
        reached(ec2, identifier, "terminated", 60)
    until(lambda: ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] == [])


def said(shell: Shell, command: str) -> str:
    """What it prints; a machine that has much to do may refuse a connection or two."""
    return str(until(lambda: shell.run(command), 60))


def _taken(ec2: Any, instance: str, name: str, **options: Any) -> str:
    taken = ec2.create_image(InstanceId=instance, Name=name, **options)["ImageId"]
    ec2.get_waiter("image_available").wait(ImageIds=[taken], WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    return str(taken)
