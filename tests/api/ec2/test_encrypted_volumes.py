"""Encrypted volumes on disk and in memory: LUKS, opened for a machine, closed when none needs them; and limits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from haneul.engines import daemons
from tests.api.ec2.test_volumes import completed, make
from tests.api.ec2.waiting import pretending, reached, running, seals, until
from tests.running import RunningCloud


@pytest.fixture(scope="module")
def cloud() -> Iterator[RunningCloud]:
    """One of its own, as it is restarted; and with limits."""
    cloud = pretending(RunningCloud("--log-level", "warning", environment={"HANEUL_VOLUME_LIMITS": "true"}))
    seals(cloud)
    cloud.start()
    yield cloud
    processes = set(exporters(cloud).values())
    cloud.close()
    assert processes and not any(daemons.alive(pid) for pid in processes)


@pytest.fixture
def ec2(cloud, account):
    return cloud.client("ec2", account=account)


def exporters(cloud: RunningCloud) -> dict[str, int]:
    """Volume -> the process that shows its plain bytes."""
    found = {}
    for file in (cloud.data / "engines" / "volumes" / "exports").glob("*/pid"):
        try:
            pid = int(file.read_text().split()[0])
            found |= {file.parent.name: pid} if daemons.alive(pid) else {}
        except (OSError, ValueError):
            continue
    return found


def attached(ec2, volume: str, instance: str) -> None:
    ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdf")
    ec2.get_waiter("volume_in_use").wait(VolumeIds=[volume], WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    until(lambda: _attachments(ec2, volume) == ["attached"])


def _attachments(ec2, volume: str) -> list[str]:
    return [one["State"] for one in ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Attachments"]]


def test_a_volume_is_open_while_it_is_attached(ec2, cloud):
    """Its file is ciphertext with its own key, its exporter comes with the attachment and goes with it."""
    volume = make(ec2, Encrypted=True)
    file = cloud.data / "engines" / "volumes" / "luks" / volume
    assert file.read_bytes()[:4] == b"QFI\xfb" and b"LUKS\xba\xbe" in file.read_bytes()
    assert volume not in exporters(cloud)
    instance = running(ec2)["InstanceId"]
    attached(ec2, volume, instance)
    assert Path(f"/proc/{exporters(cloud)[volume]}/root/volume").stat().st_size == 1 << 30
    ec2.modify_volume(VolumeId=volume, Size=2)
    until(lambda: Path(f"/proc/{exporters(cloud)[volume]}/root/volume").stat().st_size == 2 << 30)
    ec2.detach_volume(VolumeId=volume)
    until(lambda: volume not in exporters(cloud))
    assert completed(ec2, ec2.create_snapshot(VolumeId=volume)["SnapshotId"])["Encrypted"]
    assert volume not in exporters(cloud)


def test_root_volumes_follow_their_instance(ec2, cloud):
    """Encrypted by default: open while it runs, closed when it is stopped, reopened by a start and by the next cloud
    (with the process that the last one left, if it was killed)."""
    ec2.enable_ebs_encryption_by_default()
    row = running(ec2)
    instance = row["InstanceId"]
    (volume,) = (one["Ebs"]["VolumeId"] for one in row["BlockDeviceMappings"])
    first = exporters(cloud)[volume]
    ec2.stop_instances(InstanceIds=[instance])
    reached(ec2, instance, "stopped")
    until(lambda: volume not in exporters(cloud))
    ec2.start_instances(InstanceIds=[instance])
    reached(ec2, instance, "running")
    second = exporters(cloud)[volume]
    assert second != first
    cloud.kill()
    assert exporters(cloud)[volume] == second
    cloud.start()
    reached(ec2, instance, "running")
    assert exporters(cloud)[volume] == second
    cloud.stop()
    assert exporters(cloud) == {}
    cloud.start()
    until(lambda: exporters(cloud).get(volume))
    ec2.terminate_instances(InstanceIds=[instance])
    reached(ec2, instance, "terminated")
    until(lambda: volume not in exporters(cloud))


def test_a_key_that_is_taken_away_keeps_the_volume_shut(ec2, cloud, account):
    """KMS is asked each time: a disabled key opens nothing, an enabled one does."""
    kms = cloud.client("kms", account=account)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    volume = make(ec2, Encrypted=True, KmsKeyId=key)
    kms.disable_key(KeyId=key)
    instance = running(ec2)["InstanceId"]
    ec2.attach_volume(VolumeId=volume, InstanceId=instance, Device="/dev/sdg")
    until(lambda: "KMSInvalidState" in cloud.log() or "DisabledException" in cloud.log())
    assert volume not in exporters(cloud) and _attachments(ec2, volume) == ["attaching"]
    kms.enable_key(KeyId=key)
    until(lambda: _attachments(ec2, volume) == ["attached"], 60)
    assert volume in exporters(cloud)


def test_limits_of_a_type_slow_plain_volumes_too(ec2, cloud):
    """With the setting, an attached volume has an exporter that knows its IOPS and throughput, and learns others."""
    volume = make(ec2, VolumeType="gp3", Size=20)
    instance = running(ec2)["InstanceId"]
    attached(ec2, volume, instance)
    told = cloud.data / "engines" / "volumes" / "exports" / volume / "limits"
    assert told.read_text() == "[3000, 125, 0, 0]"
    pid = exporters(cloud)[volume]
    ec2.modify_volume(VolumeId=volume, Iops=5000, Throughput=500)
    until(lambda: told.read_text() == "[5000, 500, 0, 0]")
    assert exporters(cloud)[volume] == pid


def test_a_volume_whose_key_is_disabled_is_never_made(ec2, cloud, account):
    """As on AWS: the call is answered, the volume ends in error, and can be deleted."""
    kms = cloud.client("kms", account=account)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    snapshot = completed(ec2, ec2.create_snapshot(VolumeId=make(ec2, Encrypted=True, KmsKeyId=key))["SnapshotId"])
    kms.disable_key(KeyId=key)
    failed = ec2.create_volume(AvailabilityZone="us-east-1a", SnapshotId=snapshot["SnapshotId"])["VolumeId"]
    until(lambda: ec2.describe_volumes(VolumeIds=[failed])["Volumes"][0]["State"] == "error")
    ec2.delete_volume(VolumeId=failed)
    until(lambda: failed not in {one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]})
