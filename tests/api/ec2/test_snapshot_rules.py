"""What holds for a snapshot beside its blocks: its tier, its lock, fast restores, and the key that its volume has."""

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import seals, until

ZONE = "us-east-1a"


@pytest.fixture
def snapshot(ec2):
    """A completed snapshot of a volume of 1 GiB."""
    volume = ec2.create_volume(AvailabilityZone=ZONE, Size=1)["VolumeId"]
    until(lambda: ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"] == "available")
    made = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    until(lambda: ec2.describe_snapshots(SnapshotIds=[made])["Snapshots"][0]["State"] == "completed")
    return made


def tier(ec2, snapshot):
    (shown,) = ec2.describe_snapshot_tier_status(Filters=[{"Name": "snapshot-id", "Values": [snapshot]}])[
        "SnapshotTierStatuses"
    ]
    return shown


def test_archived_snapshots_make_no_volumes(ec2, snapshot):
    """Not until they are restored: for some days, or for good."""
    assert tier(ec2, snapshot)["StorageTier"] == "standard"
    with pytest.raises(ClientError) as error:
        ec2.restore_snapshot_tier(SnapshotId=snapshot, PermanentRestore=True)
    assert code_of(error)[0] == "IncorrectState"
    ec2.modify_snapshot_tier(SnapshotId=snapshot, StorageTier="archive")
    assert tier(ec2, snapshot)["LastTieringOperationStatus"] == "archival-completed"
    with pytest.raises(ClientError) as error:
        ec2.create_volume(AvailabilityZone=ZONE, SnapshotId=snapshot)
    assert code_of(error)[0] == "IncorrectState"
    answer = ec2.restore_snapshot_tier(SnapshotId=snapshot, TemporaryRestoreDays=3)
    assert (answer["RestoreDuration"], answer["IsPermanentRestore"]) == (3, False)
    shown = tier(ec2, snapshot)
    assert (shown["StorageTier"], (shown["RestoreExpiryTime"] - answer["RestoreStartTime"]).days) == ("archive", 3)
    ec2.create_volume(AvailabilityZone=ZONE, SnapshotId=snapshot)
    ec2.restore_snapshot_tier(SnapshotId=snapshot, PermanentRestore=True)
    assert ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["StorageTier"] == "standard"


def test_locked_snapshots_stay(ec2, snapshot):
    """Locks of governance are lifted by whoever may; those of compliance only get longer once they cooled off."""
    ec2.lock_snapshot(SnapshotId=snapshot, LockMode="governance", LockDuration=2)
    with pytest.raises(ClientError) as error:
        ec2.delete_snapshot(SnapshotId=snapshot)
    assert code_of(error)[0] == "SnapshotLock.Locked"
    ec2.unlock_snapshot(SnapshotId=snapshot)
    assert ec2.describe_locked_snapshots()["Snapshots"] == []
    cooling = ec2.lock_snapshot(SnapshotId=snapshot, LockMode="compliance", LockDuration=2, CoolOffPeriod=1)
    assert cooling["LockState"] == "compliance-cooloff"
    ec2.unlock_snapshot(SnapshotId=snapshot)
    ec2.lock_snapshot(SnapshotId=snapshot, LockMode="compliance", LockDuration=2)
    for action in (
        lambda: ec2.unlock_snapshot(SnapshotId=snapshot),
        lambda: ec2.lock_snapshot(SnapshotId=snapshot, LockMode="compliance", LockDuration=1),
        lambda: ec2.lock_snapshot(SnapshotId=snapshot, LockMode="governance", LockDuration=9),
    ):
        with pytest.raises(ClientError) as error:
            action()
        assert code_of(error)[0].startswith("SnapshotLock.Cannot")
    longer = ec2.lock_snapshot(SnapshotId=snapshot, LockMode="compliance", LockDuration=9)
    (shown,) = ec2.describe_locked_snapshots(Filters=[{"Name": "lock-state", "Values": ["compliance"]}])["Snapshots"]
    assert (shown["SnapshotId"], shown["LockDuration"], longer["LockState"]) == (snapshot, 9, "compliance")


def test_fast_restores_are_kept_for_each_zone(ec2, snapshot):
    """Zones succeed and fail by themselves."""
    made = ec2.enable_fast_snapshot_restores(
        AvailabilityZones=["us-east-1a", "us-east-1b"], SourceSnapshotIds=[snapshot, "snap-0123456789abcdef0"]
    )
    assert [one["State"] for one in made["Successful"]] == ["enabling", "enabling"]
    (failed,) = made["Unsuccessful"]
    told = failed["FastSnapshotRestoreStateErrors"]
    assert {one["Error"]["Code"] for one in told} == {"InvalidSnapshot.NotFound"} and len(told) == 2
    ec2.disable_fast_snapshot_restores(AvailabilityZones=["us-east-1a"], SourceSnapshotIds=[snapshot])
    (left,) = ec2.describe_fast_snapshot_restores()["FastSnapshotRestores"]
    assert (left["AvailabilityZone"], left["State"]) == ("us-east-1b", "enabled")


def test_volumes_tell_the_key_by_its_arn(ec2, cloud, account):
    """AWS' own key for EBS too, whose alias only the account's default is told by."""
    seals(cloud)
    assert ec2.get_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"
    made = ec2.create_volume(AvailabilityZone=ZONE, Size=1, Encrypted=True)
    aliases = cloud.client("kms", account=account).list_aliases()["Aliases"]
    (own,) = [one["TargetKeyId"] for one in aliases if one["AliasName"] == "alias/aws/ebs"]
    assert made["KmsKeyId"].endswith(f":key/{own}")


def test_what_is_bound_to_a_snapshot_ends_with_it_and_not_before(ec2, snapshot):
    """A locked snapshot stays though its image goes with all that belongs to it; a fast restore goes with its snapshot,
    or it would cost for ever."""
    mapping = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot}}]
    image = ec2.register_image(Name="mine", RootDeviceName="/dev/xvda", BlockDeviceMappings=mapping)["ImageId"]
    ec2.lock_snapshot(SnapshotId=snapshot, LockMode="governance", LockDuration=2)
    (told,) = ec2.deregister_image(ImageId=image, DeleteAssociatedSnapshots=True)["DeleteSnapshotResults"]
    assert told == {"SnapshotId": snapshot, "ReturnCode": "client-error"}
    assert ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "completed"
    ec2.enable_fast_snapshot_restores(AvailabilityZones=[ZONE], SourceSnapshotIds=[snapshot])
    ec2.unlock_snapshot(SnapshotId=snapshot)
    ec2.delete_snapshot(SnapshotId=snapshot)
    assert ec2.describe_fast_snapshot_restores()["FastSnapshotRestores"] == []
