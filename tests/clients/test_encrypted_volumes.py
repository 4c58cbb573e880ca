"""A real guest writes a known text to its encrypted disks, and the text is nowhere in the data folder: not while it
runs, not in snapshots, not afterwards; a second guest reads it from a volume of the snapshot."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from haneul.engines.errors import EngineError
from haneul.engines.volumes import exports
from tests.api.ec2.waiting import image, reached, until
from tests.clients.guests import Shell, guest_cloud, key_pair
from tests.running import RunningCloud

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
WORDS = "the-words-that-nobody-shall-find"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    try:
        exports.check(tmp_path_factory.mktemp("none"))
    except EngineError as error:
        pytest.skip(str(error))
    yield from guest_cloud()


def launched(ec2: Any, key: Path) -> tuple[str, Shell]:
    (row,) = ec2.run_instances(
        ImageId=image(ec2), InstanceType="t3.micro", MinCount=1, MaxCount=1, KeyName=key.name, SecurityGroups=["ssh"]
    )["Instances"]
    shell = Shell(key, reached(ec2, row["InstanceId"], "running", 120)["PublicIpAddress"])
    assert until(lambda: shell.run("echo in"), 60)
    return row["InstanceId"], shell


def attached(ec2: Any, shell: Shell, volume: str, instance: str) -> str:
    """The name that the guest has for the new disk."""
    before = set((shell.run("ls /dev | grep -E '^(ubd|vd)'") or "").split())
    ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdf")
    until(lambda: ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Attachments"][0]["State"] == "attached", 30)
    found = until(lambda: set((shell.run("ls /dev | grep -E '^(ubd|vd)'") or "").split()) - before, 30)
    return f"/dev/{found.pop()}"


def holders(cloud: RunningCloud) -> list[str]:
    """Files of the data folder that hold the words."""
    done = subprocess.run(["grep", "-rlaF", WORDS, str(cloud.data)], capture_output=True, text=True, check=False)
    return done.stdout.split()


def test_what_a_guest_writes_is_nowhere_on_disk(cloud: RunningCloud, tmp_path: Path) -> None:
    """On a disk that was attached while it ran, and on its encrypted root; the cloud is killed in between."""
    ec2 = cloud.client("ec2")
    ec2.enable_ebs_encryption_by_default()
    key = key_pair(ec2, tmp_path, "mine")
    group = ec2.create_security_group(GroupName="ssh", Description="ssh from anywhere")["GroupId"]
    everywhere = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=everywhere)
    instance, shell = launched(ec2, key)
    zone = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["Placement"]
    volume = ec2.create_volume(AvailabilityZone=zone["AvailabilityZone"], Size=1)["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    disk = attached(ec2, shell, volume, instance)
    written = f"for n in $(seq 2000); do echo {WORDS}; done > /mnt/words && cp /mnt/words /root/words && sync"
    assert shell.run(f"mkfs.ext4 -q -F {disk} && mount {disk} /mnt && {written} && echo done", 60) == "done\n"
    assert holders(cloud) == []
    cloud.kill()
    assert shell.run("grep -c . /mnt/words") == "2000\n"
    cloud.start()
    ec2 = cloud.client("ec2")
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    assert shell.run("umount /mnt && echo done") == "done\n"
    ec2.detach_volume(VolumeId=volume)
    until(lambda: ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"] == "available", 60)
    ec2.terminate_instances(InstanceIds=[instance])
    reached(ec2, instance, "terminated", 60)
    assert holders(cloud) == []
    _read_from(ec2, key, snapshot)
    assert holders(cloud) == []
    assert list((cloud.data / "engines" / "volumes" / "exports").iterdir()) == []


def _read_from(ec2: Any, key: Path, snapshot: str) -> None:
    """Another guest reads a volume of the snapshot."""
    instance, shell = launched(ec2, key)
    zone = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["Placement"]
    volume = ec2.create_volume(AvailabilityZone=zone["AvailabilityZone"], SnapshotId=snapshot)["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    disk = attached(ec2, shell, volume, instance)
    assert shell.run(f"mount {disk} /mnt && grep -c {WORDS} /mnt/words", 60) == "2000\n"
    shell.run("umount /mnt")
    ec2.terminate_instances(InstanceIds=[instance])
    reached(ec2, instance, "terminated", 60)
    ec2.delete_volume(VolumeId=volume)
    until(lambda: not [one for one in ec2.describe_volumes()["Volumes"] if one["VolumeId"] == volume])
