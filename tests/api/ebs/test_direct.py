"""EBS' direct APIs: snapshots written and read block by block, over the snapshots that EC2 shows."""

from __future__ import annotations

import base64
import hashlib
import itertools

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.waiting import seals

BLOCK = 512 << 10
_accounts = itertools.count(530000000000)


@pytest.fixture
def account() -> str:
    return str(next(_accounts))


@pytest.fixture
def ebs(cloud, account):
    return cloud.client("ebs", account=account)


@pytest.fixture
def ec2(cloud, account):
    return cloud.client("ec2", account=account)


def sum_of(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def put(ebs, snapshot: str, number: int, content: bytes, **options) -> None:
    options = {"Checksum": sum_of(content), "ChecksumAlgorithm": "SHA256", "DataLength": len(content)} | options
    ebs.put_snapshot_block(SnapshotId=snapshot, BlockIndex=number, BlockData=content, **options)


def write(ebs, ec2, blocks: dict[int, bytes], **options) -> str:
    snapshot = ebs.start_snapshot(VolumeSize=1, **options)["SnapshotId"]
    for number, content in blocks.items():
        put(ebs, snapshot, number, content)
    ebs.complete_snapshot(SnapshotId=snapshot, ChangedBlocksCount=len(blocks))
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig={"Delay": 1, "MaxAttempts": 20})
    return snapshot


def read(ebs, snapshot: str, block: dict) -> bytes:
    answer = ebs.get_snapshot_block(SnapshotId=snapshot, BlockIndex=block["BlockIndex"], BlockToken=block["BlockToken"])
    content = answer["BlockData"].read()
    assert (answer["DataLength"], answer["Checksum"]) == (BLOCK, sum_of(content))
    return content


@pytest.mark.parametrize("encrypted", [False, True])
def test_what_is_written_is_read(ebs, ec2, cloud, encrypted):
    """Blocks come back by their tokens, sealed or not, and the snapshot makes volumes."""
    if encrypted:
        seals(cloud)
    snapshot = write(ebs, ec2, {7: b"a" * BLOCK, 2: b"b" * BLOCK}, Encrypted=encrypted)
    listed = ebs.list_snapshot_blocks(SnapshotId=snapshot)
    assert [block["BlockIndex"] for block in listed["Blocks"]] == [2, 7]
    assert (listed["VolumeSize"], listed["BlockSize"]) == (1, BLOCK)
    assert read(ebs, snapshot, listed["Blocks"][1]) == b"a" * BLOCK
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", SnapshotId=snapshot)
    assert (volume["Size"], volume["Encrypted"]) == (1, encrypted)
    ec2.get_waiter("volume_available").wait(
        VolumeIds=[volume["VolumeId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 20}
    )


def test_changed_blocks_of_parent_and_child(ebs, ec2):
    """Only what differs is listed, page by page."""
    parent = write(ebs, ec2, {0: b"a" * BLOCK, 1: b"b" * BLOCK, 2: b"c" * BLOCK})
    child = write(ebs, ec2, {1: b"x" * BLOCK, 5: b"y" * BLOCK}, ParentSnapshotId=parent)
    first = ebs.list_changed_blocks(FirstSnapshotId=parent, SecondSnapshotId=child, MaxResults=100)
    assert [block["BlockIndex"] for block in first["ChangedBlocks"]] == [1, 5]
    assert "FirstBlockToken" in first["ChangedBlocks"][0] and "FirstBlockToken" not in first["ChangedBlocks"][1]
    assert len(ebs.list_snapshot_blocks(SnapshotId=child)["Blocks"]) == 4
    later = ebs.list_changed_blocks(FirstSnapshotId=parent, SecondSnapshotId=child, StartingBlockIndex=2)
    assert [block["BlockIndex"] for block in later["ChangedBlocks"]] == [5]


def test_wrong_blocks_are_refused(ebs, ec2):
    """Sums, lengths, numbers, tokens and counts are checked."""
    snapshot = ebs.start_snapshot(VolumeSize=1)["SnapshotId"]
    for options in (
        {"content": b"a" * BLOCK, "Checksum": sum_of(b"other")},
        {"content": b"a" * 1000},
        {"content": b"a" * BLOCK, "number": 4096},
    ):
        content, number = options.pop("content"), options.pop("number", 0)
        with pytest.raises(ClientError) as error:
            put(ebs, snapshot, number, content, **options)
        assert error.value.response["Error"]["Code"] == "ValidationException"
    put(ebs, snapshot, 0, b"a" * BLOCK)
    with pytest.raises(ClientError) as error:
        ebs.complete_snapshot(SnapshotId=snapshot, ChangedBlocksCount=2)
    assert error.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(ClientError) as error:
        ebs.list_snapshot_blocks(SnapshotId="snap-0123456789abcdef0")
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"
    done = write(ebs, ec2, {0: b"a" * BLOCK})
    with pytest.raises(ClientError) as error:
        ebs.get_snapshot_block(SnapshotId=done, BlockIndex=0, BlockToken="nonsense")
    assert error.value.response["Error"]["Code"] == "ValidationException"


def test_same_token_starts_one_snapshot(ebs):
    """A retry gets the same one, another request with the token a conflict."""
    first = ebs.start_snapshot(VolumeSize=1, ClientToken="once")["SnapshotId"]
    assert ebs.start_snapshot(VolumeSize=1, ClientToken="once")["SnapshotId"] == first
    with pytest.raises(ClientError) as error:
        ebs.start_snapshot(VolumeSize=2, ClientToken="once")
    assert error.value.response["Error"]["Code"] == "ConflictException"
