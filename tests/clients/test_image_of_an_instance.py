"""An image of a guest that runs, for real: what was written before is in the instance launched of it, whether the guest
was rebooted for it or not; and what terraform and others need of aws_ami holds on real bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.ec2.waiting import image, reached, until
from tests.clients.guests import Shell, guest_cloud, key_pair
from tests.running import RunningCloud

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
WITHOUT_SYNC = "echo before > /root/before"
"""A guest that is shut down writes it out by itself; one that isn't is asked to."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[RunningCloud]:
    yield from guest_cloud()


@pytest.fixture(scope="module")
def ec2(cloud: RunningCloud) -> Any:
    """With a group that lets ssh in."""
    client = cloud.client("ec2")
    group = client.create_security_group(GroupName="ssh", Description="ssh from anywhere")["GroupId"]
    everywhere = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    client.authorize_security_group_ingress(GroupId=group, IpPermissions=everywhere)
    return client


def launched(ec2: Any, key: Path, of: str, **options: Any) -> tuple[str, Shell]:
    asked = {"InstanceType": "t3.micro", "KeyName": "mine", "SecurityGroups": ["ssh"], **options}
    (row,) = ec2.run_instances(ImageId=of, MinCount=1, MaxCount=1, **asked)["Instances"]
    shell = Shell(key, reached(ec2, row["InstanceId"], "running", 120)["PublicIpAddress"])
    assert until(lambda: shell.run("echo up"), 60)
    return row["InstanceId"], shell


def test_what_was_written_is_in_the_image(ec2: Any, tmp_path: Path) -> None:
    """With and without a reboot; the image's instances are their own, and outlive image and source."""
    key = key_pair(ec2, tmp_path, "mine")
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


def test_out_to_a_bucket_and_in_again(cloud: RunningCloud, ec2: Any, tmp_path: Path) -> None:
    """An image exported as VMDK and imported boots, with what was written; so does one stored and restored."""
    key = key_pair(ec2, tmp_path, "again")
    bucket = _bucket(cloud)
    source, shell = launched(ec2, key, image(ec2), KeyName="again")
    assert said(shell, "echo travelled > /root/file; sync; echo done")
    taken = _taken(ec2, source, "to travel", NoReboot=True)
    place = {"S3Bucket": bucket, "S3Prefix": "out/"}
    task = ec2.export_image(ImageId=taken, DiskImageFormat="VMDK", S3ExportLocation=place)["ExportImageTaskId"]
    until(lambda: _ended(ec2.describe_export_image_tasks()["ExportImageTasks"]), 120)
    disk = {"Format": "VMDK", "DeviceName": "/dev/xvda", "Url": f"s3://{bucket}/out/{task}.vmdk"}
    ec2.import_image(DiskContainers=[disk])
    imported = until(lambda: _ended(ec2.describe_import_image_tasks()["ImportImageTasks"]), 120)["ImageId"]
    stored = ec2.create_store_image_task(ImageId=taken, Bucket=bucket)["ObjectKey"]
    until(lambda: ec2.describe_store_image_tasks()["StoreImageTaskResults"][0]["StoreTaskState"] == "Completed", 120)
    restored = ec2.create_restore_image_task(Bucket=bucket, ObjectKey=stored, Name="back")["ImageId"]
    ec2.get_waiter("image_available").wait(ImageIds=[restored], WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    for one in (imported, restored):
        identifier, guest = launched(ec2, key, one, KeyName="again")
        assert said(guest, "cat /root/file") == "travelled\n"
        ec2.terminate_instances(InstanceIds=[identifier])
    ec2.terminate_instances(InstanceIds=[source])
    reached(ec2, source, "terminated", 60)


def _bucket(cloud: RunningCloud) -> str:
    """A bucket, and the role by which VM Import/Export reads and writes it."""
    trust = {"Effect": "Allow", "Principal": {"Service": "vmie.amazonaws.com"}, "Action": "sts:AssumeRole"}
    rights = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    policies = [json.dumps({"Version": "2012-10-17", "Statement": [one]}) for one in (trust, rights)]
    iam = cloud.client("iam")
    iam.create_role(RoleName="vmimport", AssumeRolePolicyDocument=policies[0])
    iam.put_role_policy(RoleName="vmimport", PolicyName="disks", PolicyDocument=policies[1])
    cloud.client("s3").create_bucket(Bucket="images-on-their-way")
    return "images-on-their-way"


def _ended(tasks: list[dict[str, Any]]) -> dict[str, Any] | None:
    (task,) = tasks
    assert task["Status"] != "deleted", task
    return task if task["Status"] == "completed" else None


def said(shell: Shell, command: str) -> str:
    """What it prints; a machine that has much to do may refuse a connection or two."""
    return str(until(lambda: shell.run(command), 60))


def _taken(ec2: Any, instance: str, name: str, **options: Any) -> str:
    taken = ec2.create_image(InstanceId=instance, Name=name, **options)["ImageId"]
    ec2.get_waiter("image_available").wait(ImageIds=[taken], WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    return str(taken)
