"""Disks that come out of S3's objects and go back into them: formats, refusals of what would read this machine's files,
and the tasks' lives."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import tarfile
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import running, until

pytestmark = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="there is no qemu-img")
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "vmie.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:Externalid": "vmimport"}},
        }
    ],
}
_RIGHTS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
MARK = b"what was on the disk"
SIZE = 3 << 20


@pytest.fixture
def s3(cloud, account):
    return cloud.client("s3", account=account)


@pytest.fixture
def bucket(cloud, account, s3):
    """A bucket, and the role with which VM Import/Export reads it."""
    iam = cloud.client("iam", account=account)
    iam.create_role(RoleName="vmimport", AssumeRolePolicyDocument=json.dumps(_TRUST))
    iam.put_role_policy(RoleName="vmimport", PolicyName="s3", PolicyDocument=json.dumps(_RIGHTS))
    name = f"disks-{account}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def raw(tmp_path) -> Path:
    """A disk with a boot sector's signature and a mark."""
    path = tmp_path / "disk.raw"
    content = bytearray(SIZE)
    content[510:512] = b"\x55\xaa"
    content[1 << 20 : (1 << 20) + len(MARK)] = MARK
    path.write_bytes(content)
    return path


def converted(raw: Path, kind: str, *options: str) -> Path:
    target = raw.with_name(f"disk.{kind}")
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", kind, *options, raw, target], check=True)
    return target


def imported(ec2, bucket: str, key: str, kind: str, **options) -> dict:
    """The task of an import, once it has ended."""
    task = ec2.import_snapshot(
        DiskContainer={"Format": kind, "UserBucket": {"S3Bucket": bucket, "S3Key": key}}, **options
    )["ImportTaskId"]

    def ended():
        (found,) = ec2.describe_import_snapshot_tasks(ImportTaskIds=[task])["ImportSnapshotTasks"]
        return found["SnapshotTaskDetail"]["Status"] in ("completed", "deleted") and found["SnapshotTaskDetail"]

    return until(ended, 60)


def block(cloud, account, snapshot: str, number: int) -> bytes:
    ebs = cloud.client("ebs", account=account)
    (token,) = [
        one["BlockToken"]
        for one in ebs.list_snapshot_blocks(SnapshotId=snapshot)["Blocks"]
        if one["BlockIndex"] == number
    ]
    return ebs.get_snapshot_block(SnapshotId=snapshot, BlockIndex=number, BlockToken=token)["BlockData"].read()


@pytest.mark.parametrize(
    ("kind", "driver", "options"),
    [
        ("RAW", "raw", ()),
        ("QCOW2", "qcow2", ()),
        ("VMDK", "vmdk", ()),
        ("vmdk", "vmdk", ("-o", "subformat=streamOptimized")),
        ("VHD", "vpc", ("-o", "force_size=on")),
    ],
)
def test_import_snapshot(ec2, s3, cloud, account, bucket, raw, kind, driver, options):
    """Every format gives the same bytes."""
    path = raw if driver == "raw" else converted(raw, driver, *options)
    s3.upload_file(str(path), bucket, "in/disk")
    detail = imported(ec2, bucket, "in/disk", kind, Description="brought in")
    assert detail["Status"] == "completed", detail
    assert detail["Format"] == kind.upper() and detail["UserBucket"] == {"S3Bucket": bucket, "S3Key": "in/disk"}
    (snapshot,) = ec2.describe_snapshots(SnapshotIds=[detail["SnapshotId"]])["Snapshots"]
    assert snapshot["State"] == "completed" and snapshot["VolumeSize"] == 1
    assert snapshot["Description"] == "brought in" and snapshot["Encrypted"] is False
    assert block(cloud, account, detail["SnapshotId"], 2).startswith(MARK)


def test_encrypted_import(ec2, s3, cloud, account, bucket, raw):
    """Sealed with the account's key, readable through it."""
    s3.upload_file(str(raw), bucket, "disk.raw")
    detail = imported(ec2, bucket, "disk.raw", "RAW", Encrypted=True)
    assert detail["Encrypted"] is True and detail["Status"] == "completed", detail
    (snapshot,) = ec2.describe_snapshots(SnapshotIds=[detail["SnapshotId"]])["Snapshots"]
    assert snapshot["Encrypted"] is True
    assert block(cloud, account, detail["SnapshotId"], 2).startswith(MARK)


def _qcow2_with_backing(raw: Path) -> Path:
    path = raw.with_name("evil.qcow2")
    subprocess.run(["qemu-img", "create", "-f", "qcow2", "-F", "raw", "-b", "/etc/passwd", path, "1M"], check=True)
    return path


def _qcow2_with_data_file(raw: Path) -> Path:
    path = raw.with_name("data.qcow2")
    subprocess.run(["qemu-img", "create", "-f", "qcow2", "-o", f"data_file={raw}.data", path, "1M"], check=True)
    return path


def _vmdk_descriptor(raw: Path) -> Path:
    path = raw.with_name("flat.vmdk")
    path.write_text(
        '# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\n'
        'RW 8 FLAT "/etc/passwd" 0\n'
    )
    return path


def _vmdk_of_a_descriptor(raw: Path) -> Path:
    """A sparse header without a capacity: its embedded text may name any file."""
    path = converted(raw, "vmdk")
    content = bytearray(path.read_bytes())
    content[12:20] = bytes(8)
    path.write_bytes(content)
    return path


def _vmdk_with_parent(raw: Path) -> Path:
    path = converted(raw, "vmdk")
    content = path.read_bytes()
    text = content.replace(b"parentCID=ffffffff", b"parentCID=00000001", 1)
    start = text.index(b"createType=")
    hint = b'parentFileNameHint="/etc/passwd"\ncreateType='
    path.write_bytes(text[:start] + hint + text[start + len(b"createType=") : -len(hint) + len(b"createType=")])
    return path


def _vhd_differencing(raw: Path) -> Path:
    path = converted(raw, "vpc", "-o", "force_size=on")
    content = bytearray(path.read_bytes())
    for start in (0, len(content) - 512):
        content[start + 60 : start + 64] = struct.pack(">I", 4)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("QCOW2", _qcow2_with_backing),
        ("QCOW2", _qcow2_with_data_file),
        ("VMDK", _vmdk_descriptor),
        ("VMDK", _vmdk_of_a_descriptor),
        ("VMDK", _vmdk_with_parent),
        ("VHD", _vhd_differencing),
        ("VMDK", lambda raw: raw),
        ("QCOW2", lambda raw: raw),
        ("VHDX", lambda raw: raw),
    ],
)
def test_images_that_name_other_files_are_refused(ec2, s3, bucket, raw, kind, make):
    """Whoever may upload an image must not read this machine's files through it."""
    s3.upload_file(str(make(raw)), bucket, "evil")
    detail = imported(ec2, bucket, "evil", kind)
    assert detail["Status"] == "deleted" and detail["StatusMessage"].startswith("ClientError: "), detail
    assert "SnapshotId" not in detail
    assert ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] == []


def test_a_size_beyond_all_measure(ec2, s3, bucket, tmp_path):
    """A few bytes that claim to be a huge disk."""
    path = tmp_path / "huge.qcow2"
    subprocess.run(["qemu-img", "create", "-f", "qcow2", path, "60T"], check=True)
    s3.upload_file(str(path), bucket, "huge")
    assert imported(ec2, bucket, "huge", "QCOW2")["Status"] == "deleted"


def test_import_image(ec2, s3, bucket, raw):
    """Disks become an image called like its task, which can be launched; the same token makes one task."""
    s3.upload_file(str(converted(raw, "vmdk")), bucket, "root.vmdk")
    asked = {
        "DiskContainers": [
            {"Description": "root", "Format": "vmdk", "Url": f"s3://{bucket}/root.vmdk"},
            {"Format": "vmdk", "UserBucket": {"S3Bucket": bucket, "S3Key": "root.vmdk"}, "DeviceName": "/dev/sdf"},
        ],
        "Description": "a machine",
        "ClientToken": "once",
        "TagSpecifications": [{"ResourceType": "import-image-task", "Tags": [{"Key": "a", "Value": "b"}]}],
    }
    task = ec2.import_image(**asked)
    assert task["Status"] == "active" and task["ImportTaskId"].startswith("import-ami-")
    assert ec2.import_image(**asked)["ImportTaskId"] == task["ImportTaskId"]

    def completed():
        (found,) = ec2.describe_import_image_tasks(ImportTaskIds=[task["ImportTaskId"]])["ImportImageTasks"]
        assert found["Status"] != "deleted", found
        return found["Status"] == "completed" and found

    found = until(completed, 60)
    assert found["Tags"] == [{"Key": "a", "Value": "b"}] and len(found["SnapshotDetails"]) == 2
    (image,) = ec2.describe_images(ImageIds=[found["ImageId"]])["Images"]
    assert image["Name"] == task["ImportTaskId"] and image["Description"] == "a machine"
    assert [one["DeviceName"] for one in image["BlockDeviceMappings"]] == ["/dev/sda1", "/dev/sdf"]
    assert running(ec2, ImageId=found["ImageId"])["RootDeviceName"] == "/dev/sda1"
    filters = [{"Name": "task-state", "Values": ["completed"]}]
    assert len(ec2.describe_import_image_tasks(Filters=filters)["ImportImageTasks"]) == 1
    with pytest.raises(ClientError) as error:
        ec2.cancel_import_task(ImportTaskId=task["ImportTaskId"])
    assert code_of(error)[0] == "IncorrectState"


def test_import_an_ova(ec2, s3, bucket, raw, tmp_path):
    """An archive of a description and its disks."""
    disk = converted(raw, "vmdk", "-o", "subformat=streamOptimized")
    (tmp_path / "a.ovf").write_text("<Envelope/>")
    with tarfile.open(tmp_path / "a.ova", "w") as tar:
        tar.add(tmp_path / "a.ovf", "a.ovf")
        tar.add(disk, "../../one.vmdk")
        tar.add(disk, "two.vmdk")
    s3.upload_file(str(tmp_path / "a.ova"), bucket, "a.ova")
    container = {"Format": "ova", "UserBucket": {"S3Bucket": bucket, "S3Key": "a.ova"}}
    task = ec2.import_image(DiskContainers=[container])["ImportTaskId"]

    def completed():
        (found,) = ec2.describe_import_image_tasks(ImportTaskIds=[task])["ImportImageTasks"]
        assert found["Status"] != "deleted", found
        return found["Status"] == "completed" and found

    (image,) = ec2.describe_images(ImageIds=[until(completed, 60)["ImageId"]])["Images"]
    assert [one["DeviceName"] for one in image["BlockDeviceMappings"]] == ["/dev/sda1", "/dev/sdb"]


def test_an_ova_that_would_fill_the_disk(ec2, s3, bucket, tmp_path):
    """An archive's sparse member claims more than the archive has."""
    (tmp_path / "hole.vmdk").touch()
    os.truncate(tmp_path / "hole.vmdk", 1 << 40)
    subprocess.run(["tar", "-S", "-C", tmp_path, "-cf", tmp_path / "evil.ova", "hole.vmdk"], check=True)
    s3.upload_file(str(tmp_path / "evil.ova"), bucket, "evil.ova")
    container = {"Format": "ova", "UserBucket": {"S3Bucket": bucket, "S3Key": "evil.ova"}}
    task = ec2.import_image(DiskContainers=[container])["ImportTaskId"]

    def refused():
        (found,) = ec2.describe_import_image_tasks(ImportTaskIds=[task])["ImportImageTasks"]
        return found["Status"] == "deleted" and found

    assert "sparse" in until(refused, 60)["StatusMessage"]


def test_refusals(ec2, bucket):
    """The words when the role, the disk or the task isn't there."""
    disk = {"Format": "RAW", "UserBucket": {"S3Bucket": bucket, "S3Key": "absent"}}
    with pytest.raises(ClientError) as error:
        ec2.import_snapshot(DiskContainer=disk, RoleName="nobody")
    assert code_of(error) == (
        "InvalidParameter",
        "The service role nobody provided does not exist or does not have sufficient permissions",
    )
    with pytest.raises(ClientError) as error:
        ec2.import_snapshot(DiskContainer={**disk, "Format": "ISO"})
    assert code_of(error)[0] == "InvalidParameterValue"
    with pytest.raises(ClientError) as error:
        ec2.describe_import_image_tasks(ImportTaskIds=["import-ami-0123456789abcdef0"])
    assert code_of(error)[0] == "InvalidConversionTaskId"
    detail = imported(ec2, bucket, "absent", "RAW")
    assert detail["Status"] == "deleted" and "Disk validation failed" in detail["StatusMessage"]


def imported_image(ec2, s3, bucket: str, path: Path, kind: str) -> str:
    """An image of one disk."""
    s3.upload_file(str(path), bucket, "root")
    container = {"Format": kind, "UserBucket": {"S3Bucket": bucket, "S3Key": "root"}}
    task = ec2.import_image(DiskContainers=[container])["ImportTaskId"]

    def completed():
        (found,) = ec2.describe_import_image_tasks(ImportTaskIds=[task])["ImportImageTasks"]
        return found["Status"] != "active" and found

    return until(completed, 60)["ImageId"]


@pytest.mark.parametrize("kind", ["VMDK", "VHD"])  # RAW works too, but moves a GiB
def test_export(ec2, s3, bucket, raw, tmp_path, kind):
    """The object, converted back, is the disk."""
    image = imported_image(ec2, s3, bucket, raw, "RAW")
    place = {"S3Bucket": bucket, "S3Prefix": "out/"}
    task = ec2.export_image(ImageId=image, DiskImageFormat=kind, S3ExportLocation=place)
    assert task["RoleName"] == "vmimport" and task["Status"] == "active"

    def ended():
        asked = {"ExportImageTaskIds": [task["ExportImageTaskId"]]}
        (found,) = ec2.describe_export_image_tasks(**asked)["ExportImageTasks"]
        return found["Status"] != "active" and found

    found = until(ended, 60)
    assert found["Status"] == "completed", found
    got = tmp_path / "got"
    s3.download_file(bucket, f"out/{task['ExportImageTaskId']}.{kind.lower()}", str(got))
    if kind != "RAW":
        driver = {"VMDK": "vmdk", "VHD": "vpc"}[kind]
        subprocess.run(["qemu-img", "convert", "-f", driver, "-O", "raw", got, tmp_path / "raw"], check=True)
        got = tmp_path / "raw"
    with got.open("rb") as file:
        file.seek(1 << 20)
        assert file.read(len(MARK)) == MARK


def test_store_and_restore(ec2, s3, cloud, account, bucket, raw):
    """An image as one object in a bucket, and back as an image with the same bytes and members."""
    image = imported_image(ec2, s3, bucket, raw, "RAW")
    stored = ec2.create_store_image_task(ImageId=image, Bucket=bucket, S3ObjectTags=[{"Key": "a", "Value": "b"}])
    key = stored["ObjectKey"]

    def ended():
        (found,) = ec2.describe_store_image_tasks(ImageIds=[image])["StoreImageTaskResults"]
        return found["StoreTaskState"] != "InProgress" and found

    found = until(ended, 60)
    assert found["StoreTaskState"] == "Completed" and found["S3objectKey"] == key == f"{image}.bin", found
    assert s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] == [{"Key": "a", "Value": "b"}]
    tags = [{"ResourceType": "snapshot", "Tags": [{"Key": "of", "Value": "restore"}]}]
    made = ec2.create_restore_image_task(Bucket=bucket, ObjectKey=key, Name="back", TagSpecifications=tags)["ImageId"]

    def described():
        (one,) = ec2.describe_images(ImageIds=[made])["Images"]
        return one["State"] != "pending" and one

    back = until(described, 60)
    assert back["State"] == "available" and back["Name"] == "back", back
    (mapping,) = back["BlockDeviceMappings"]
    assert mapping["DeviceName"] == "/dev/sda1" and block(cloud, account, mapping["Ebs"]["SnapshotId"], 2).startswith(
        MARK
    )
    (snapshot,) = ec2.describe_snapshots(SnapshotIds=[mapping["Ebs"]["SnapshotId"]])["Snapshots"]
    assert snapshot["Tags"] == [{"Key": "of", "Value": "restore"}]


@pytest.mark.parametrize(
    "content", [b"", b"something else", b"HANEUL-AMI 1\n\xff\xff\xff\xff", b"HANEUL-AMI 1\n\0\0\0\2{}"]
)
def test_restore_of_what_is_no_stored_image(ec2, s3, bucket, content):
    """The image fails and says why; nothing else happens."""
    s3.put_object(Bucket=bucket, Key="x.bin", Body=content)
    made = ec2.create_restore_image_task(Bucket=bucket, ObjectKey="x.bin")["ImageId"]

    def failed():
        (one,) = ec2.describe_images(ImageIds=[made])["Images"]
        return one["State"] == "failed" and one

    assert "stored AMI" in until(failed)["StateReason"]["Message"]
    assert ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"] == []
