"""What people do with an instance, from launch to the bytes of a snapshot, through the public doors only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.ec2.waiting import image, instance, reached, until
from tests.clients.guests import ASK, Shell, guest_cloud, key_pair
from tests.running import RunningCloud

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
_SIGNED = """
role=$({ask}/iam/security-credentials/reader)
say() {{ printf '%s' "$role" | sed -n "s/.*\\"$1\\" *: *\\"\\([^\\"]*\\)\\".*/\\1/p"; }}
curl -sf -m 10 --aws-sigv4 aws:amz:us-east-1:s3 --user "$(say AccessKeyId):$(say SecretAccessKey)" \\
    -H "x-amz-security-token: $(say Token)" -H "x-amz-content-sha256: UNSIGNED-PAYLOAD" http://s3.us-east-1.amazonaws.com/{path}
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[RunningCloud]:
    yield from guest_cloud()


@pytest.fixture(scope="module")
def ec2(cloud: RunningCloud) -> Any:
    return cloud.client("ec2")


def _role(cloud: RunningCloud) -> None:
    """An instance profile whose role may read one bucket."""
    iam = cloud.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    may = {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": "*"}
    iam.create_role(
        RoleName="reader", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    iam.put_role_policy(
        RoleName="reader", PolicyName="s3", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [may]})
    )
    iam.create_instance_profile(InstanceProfileName="readers")
    iam.add_role_to_instance_profile(InstanceProfileName="readers", RoleName="reader")


def _launched(ec2: Any, key: str, **more: Any) -> dict[str, Any]:
    asked = {"ImageId": image(ec2), "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, "KeyName": key}
    made = ec2.run_instances(**asked, SecurityGroups=["ssh"], **more)["Instances"][0]
    for waiter in ("instance_running", "instance_status_ok"):
        ec2.get_waiter(waiter).wait(InstanceIds=[made["InstanceId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 200})
    return instance(ec2, made["InstanceId"])


def test_from_a_launch_to_the_bytes_of_a_snapshot(cloud: RunningCloud, ec2: Any, tmp_path: Path) -> None:
    """ssh with the key, user data, metadata, S3 by the role from inside, a disk that is formatted, filled, snapshotted
    while it is mounted, and read by another instance after the first is gone."""
    key = key_pair(ec2, tmp_path, "mine")
    ec2.create_security_group(GroupName="ssh", Description="ssh from anywhere")
    ec2.authorize_security_group_ingress(GroupName="ssh", IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    _role(cloud)
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="inside")
    s3.put_object(Bucket="inside", Key="hello.txt", Body=b"from the cloud")
    first = _launched(
        ec2, "mine", IamInstanceProfile={"Name": "readers"}, UserData="#!/bin/sh\necho made > /root/made\n",
        MetadataOptions={"HttpTokens": "required"},
    )  # fmt: skip
    shell = Shell(key, first["PublicIpAddress"])
    assert until(lambda: shell.run("cat /root/made"), 180).strip() == "made"
    assert shell.run(f"{ASK}/instance-id") == first["InstanceId"]
    assert shell.run(_SIGNED.format(ask=ASK, path="inside/hello.txt")) == "from the cloud"
    assert "<Key>hello.txt</Key>" in str(shell.run(_SIGNED.format(ask=ASK, path="inside")))
    volume = ec2.create_volume(AvailabilityZone=first["Placement"]["AvailabilityZone"], Size=1)["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig={"Delay": 1})
    ec2.attach_volume(VolumeId=volume, InstanceId=first["InstanceId"], Device="/dev/sdf")
    ec2.get_waiter("volume_in_use").wait(VolumeIds=[volume], WaiterConfig={"Delay": 1})
    device = until(lambda: shell.run(_NEWEST), 30).strip()
    written = f"mkfs.ext4 -q {device} && mount {device} /mnt && echo kept > /mnt/file && sync && cat /mnt/file"
    assert str(shell.run(written)).strip() == "kept"
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig={"Delay": 1})
    ec2.terminate_instances(InstanceIds=[first["InstanceId"]])
    reached(ec2, first["InstanceId"], "terminated", 90)
    ec2.delete_volume(VolumeId=volume)
    mapping = [{"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": snapshot, "DeleteOnTermination": True}}]
    second = _launched(ec2, "mine", BlockDeviceMappings=mapping)
    shell = Shell(key, second["PublicIpAddress"])
    device = until(lambda: shell.run(_NEWEST), 180).strip()
    assert str(shell.run(f"mount {device} /mnt && cat /mnt/file")).strip() == "kept"
    ec2.terminate_instances(InstanceIds=[second["InstanceId"]])
    reached(ec2, second["InstanceId"], "terminated", 90)


_NEWEST = "lsblk -dnpo NAME,TYPE | awk '$2 == \"disk\" && $1 !~ /[au]da$/ { print $1 }' | tail -1 | grep ."
"""The disk beside the root's."""
