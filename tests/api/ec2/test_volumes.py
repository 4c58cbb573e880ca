"""EBS volumes and snapshots as a client sees them; their bytes are tried in tests/port and with instances."""

from __future__ import annotations

import time

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import seals


def ready(ec2, volume: str) -> None:
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig={"Delay": 1, "MaxAttempts": 20})


def completed(ec2, snapshot: str) -> dict:
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    return ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]


def make(ec2, **options) -> str:
    options = {"AvailabilityZone": "us-east-1a", "Size": 1} | options
    volume = ec2.create_volume(**options)["VolumeId"]
    ready(ec2, volume)
    return volume


def gone(ec2, volume: str) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if not [one for one in ec2.describe_volumes()["Volumes"] if one["VolumeId"] == volume]:
            return True
    return False


def test_volume_lives_and_dies(ec2):
    """creating, available, gone - and what AWS fills in by itself."""
    made = ec2.create_volume(AvailabilityZone="us-east-1b", Size=10, VolumeType="gp3")
    assert (made["State"], made["Iops"], made["Throughput"], made["Encrypted"]) == ("creating", 3000, 125, False)
    ready(ec2, made["VolumeId"])
    (status,) = ec2.describe_volume_status(VolumeIds=[made["VolumeId"]])["VolumeStatuses"]
    assert status["VolumeStatus"]["Status"] == "ok"
    ec2.delete_volume(VolumeId=made["VolumeId"])
    assert gone(ec2, made["VolumeId"])
    with pytest.raises(ClientError) as error:
        ec2.delete_volume(VolumeId=made["VolumeId"])
    assert code_of(error) == ("InvalidVolume.NotFound", f"The volume '{made['VolumeId']}' does not exist")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"Size": 0}, "InvalidParameterValue"),
        ({"Size": 17000, "VolumeType": "gp2"}, "InvalidParameterValue"),
        ({"Size": 10, "VolumeType": "gp2", "Iops": 300}, "InvalidParameterCombination"),
        ({"Size": 10, "VolumeType": "io1"}, "MissingParameter"),
        ({"Size": 10, "VolumeType": "io1", "Iops": 600}, "InvalidParameterCombination"),
        ({"Size": 10, "VolumeType": "gp3", "Iops": 3000, "Throughput": 900}, "InvalidParameterCombination"),
        ({"Size": 10, "VolumeType": "gp9"}, "InvalidParameterValue"),
        ({"Size": 10, "VolumeType": "gp3", "MultiAttachEnabled": True}, "InvalidParameterValue"),
        ({"Size": 10, "AvailabilityZone": "eu-west-1a"}, "InvalidZone.NotFound"),
        ({}, "MissingParameter"),
        ({"SnapshotId": "snap-0123456789abcdef0"}, "InvalidSnapshot.NotFound"),
        ({"Size": 1, "KmsKeyId": "alias/aws/ebs"}, "InvalidParameterDependency"),
    ],
)
def test_volumes_that_are_refused(ec2, options, code):
    """Each type's bounds in AWS's codes."""
    with pytest.raises(ClientError) as error:
        ec2.create_volume(**({"AvailabilityZone": "us-east-1a"} | options))
    assert code_of(error)[0] == code


def test_same_token_makes_one_volume(ec2):
    """A retry gets the first answer's volume; another request with its token is refused."""
    options = {"AvailabilityZone": "us-east-1a", "Size": 1, "ClientToken": "once"}
    first, again = ec2.create_volume(**options), ec2.create_volume(**options)
    assert first["VolumeId"] == again["VolumeId"]
    with pytest.raises(ClientError) as error:
        ec2.create_volume(**(options | {"Size": 2}))
    assert code_of(error)[0] == "IdempotentParameterMismatch"


def test_volume_grows_once_in_six_hours(ec2):
    """The file is as large as told, and a second change is refused."""
    volume = make(ec2)
    ec2.modify_volume(VolumeId=volume, Size=10, VolumeType="gp3", Iops=4000)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        (shown,) = ec2.describe_volumes_modifications(VolumeIds=[volume])["VolumesModifications"]
        if shown["ModificationState"] == "completed":
            break
    assert (shown["OriginalSize"], shown["TargetSize"], shown["TargetIops"]) == (1, 10, 4000)
    with pytest.raises(ClientError) as error:
        ec2.modify_volume(VolumeId=volume, Size=11)
    assert code_of(error)[0] == "VolumeModificationRateExceeded"
    with pytest.raises(ClientError) as error:
        ec2.modify_volume(VolumeId=make(ec2, Size=2), Size=1)
    assert code_of(error)[0] == "InvalidParameterValue"


def test_snapshot_outlives_its_volume(ec2):
    """Taken, completed, a volume made of it, the source gone; and no smaller volume."""
    spec = [{"ResourceType": "snapshot", "Tags": [{"Key": "of", "Value": "x"}]}]
    volume = make(ec2, Size=2)
    taken = ec2.create_snapshot(VolumeId=volume, Description="before", TagSpecifications=spec)
    assert (taken["State"], taken["VolumeSize"]) == ("pending", 2)
    done = completed(ec2, taken["SnapshotId"])
    assert (done["Progress"], done["Description"], done["Tags"]) == ("100%", "before", spec[0]["Tags"])
    ec2.delete_volume(VolumeId=volume)
    assert gone(ec2, volume)
    second = make(ec2, Size=4, SnapshotId=taken["SnapshotId"])
    assert ec2.describe_volumes(VolumeIds=[second])["Volumes"][0]["SnapshotId"] == taken["SnapshotId"]
    with pytest.raises(ClientError) as error:
        ec2.create_volume(AvailabilityZone="us-east-1a", Size=1, SnapshotId=taken["SnapshotId"])
    assert code_of(error)[0] == "InvalidParameterValue"


def test_encrypted_volumes_have_keys(ec2, cloud, account):
    """A key of one's own, the account's default, and copies that are sealed anew."""
    seals(cloud)
    kms = cloud.client("kms", account=account)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    volume = make(ec2, Encrypted=True, KmsKeyId=key)
    assert ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["KmsKeyId"] == key
    snapshot = completed(ec2, ec2.create_snapshot(VolumeId=volume)["SnapshotId"])
    assert (snapshot["Encrypted"], snapshot["KmsKeyId"]) == (True, key)
    assert ec2.describe_volumes(VolumeIds=[make(ec2, SnapshotId=snapshot["SnapshotId"])])["Volumes"][0]["Encrypted"]
    ec2.enable_ebs_encryption_by_default()
    plain = make(ec2)
    assert ec2.describe_volumes(VolumeIds=[plain])["Volumes"][0]["KmsKeyId"] != key
    ec2.disable_ebs_encryption_by_default()
    copy = ec2.copy_snapshot(SourceRegion="us-east-1", SourceSnapshotId=snapshot["SnapshotId"])["SnapshotId"]
    assert completed(ec2, copy)["Encrypted"]
    with pytest.raises(ClientError) as error:
        ec2.modify_snapshot_attribute(
            SnapshotId=copy, Attribute="createVolumePermission", OperationType="add", GroupNames=["all"]
        )
    assert code_of(error)[0] == "InvalidParameterValue"


def test_snapshots_are_shared_with_whom_is_named(ec2, cloud):
    """Another account sees it, makes volumes of it, and loses it again."""
    other = cloud.client("ec2", account="529999999999")
    snapshot = completed(ec2, ec2.create_snapshot(VolumeId=make(ec2))["SnapshotId"])["SnapshotId"]
    with pytest.raises(ClientError) as error:
        other.describe_snapshots(SnapshotIds=[snapshot])
    assert code_of(error)[0] == "InvalidSnapshot.NotFound"
    named = {"SnapshotId": snapshot, "Attribute": "createVolumePermission", "UserIds": ["529999999999"]}
    ec2.modify_snapshot_attribute(OperationType="add", **named)
    assert other.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["SnapshotId"] == snapshot
    assert snapshot not in {one["SnapshotId"] for one in other.describe_snapshots(OwnerIds=["self"])["Snapshots"]}
    make(other, SnapshotId=snapshot)
    shown = ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
    assert shown["CreateVolumePermissions"] == [{"UserId": "529999999999"}]
    ec2.modify_snapshot_attribute(OperationType="remove", **named)
    with pytest.raises(ClientError):
        other.describe_snapshots(SnapshotIds=[snapshot])


def test_public_snapshots_can_be_blocked(ec2):
    """New ones are refused, those that are public are so no longer."""
    snapshot = completed(ec2, ec2.create_snapshot(VolumeId=make(ec2))["SnapshotId"])["SnapshotId"]
    public = {"SnapshotId": snapshot, "Attribute": "createVolumePermission", "GroupNames": ["all"]}
    ec2.modify_snapshot_attribute(OperationType="add", **public)
    assert ec2.enable_snapshot_block_public_access(State="block-all-sharing")["State"] == "block-all-sharing"
    shown = ec2.describe_snapshot_attribute(SnapshotId=snapshot, Attribute="createVolumePermission")
    assert shown["CreateVolumePermissions"] == []
    with pytest.raises(ClientError) as error:
        ec2.modify_snapshot_attribute(OperationType="add", **public)
    assert code_of(error)[0] == "OperationNotPermitted"
    ec2.disable_snapshot_block_public_access()
    assert ec2.get_snapshot_block_public_access_state()["State"] == "unblocked"
