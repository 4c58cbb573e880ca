"""Images (AMIs): who sees and launches them, what is told of them, what makes them and what ends them."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import instance, launched, pretending, reached, running, until
from tests.running import RunningCloud


def refused(function, **request) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        function(**request)
    return code_of(error)


def test_the_built_in_image(ec2):
    """What everybody's first launch finds: an image of Amazon's, by owner and by name, the same every time."""
    wanted = [{"Name": "name", "Values": ["haneul-minimal-*"]}]
    (image,) = ec2.describe_images(Owners=["amazon"], Filters=wanted)["Images"]
    assert image["State"] == "available" and image["Public"] is True and image["ImageOwnerAlias"] == "amazon"
    assert image["RootDeviceName"] == "/dev/xvda" and image["Architecture"] == "x86_64"
    (mapping,) = image["BlockDeviceMappings"]
    assert mapping["Ebs"]["VolumeSize"] == 2 and mapping["Ebs"]["DeleteOnTermination"] is True
    assert ec2.describe_images(ImageIds=[image["ImageId"]])["Images"] == [image]
    parameter = [{"Name": "public-ssm-parameter-name", "Values": ["/aws/service/haneul/minimal-x86_64"]}]
    assert ec2.describe_images(Filters=parameter)["Images"] == [image]
    assert image["ImageId"] not in {one["ImageId"] for one in ec2.describe_images(Owners=["self"])["Images"]}


def test_a_built_in_image_that_was_built_anew():
    """New volumes hold the new one's bytes; what was made of the old one keeps the old one's."""
    cloud = pretending(RunningCloud("--log-level", "warning"), ("networks",))
    built = cloud.data / "engines" / "machines" / "images" / "minimal.raw"
    built.parent.mkdir(parents=True)

    def build(content: bytes) -> None:
        fresh = built.with_suffix(".new")
        fresh.write_bytes(content)
        os.truncate(fresh, 2 << 30)
        fresh.rename(built)

    def volume(ec2) -> bytes:
        (image,) = ec2.describe_images(Filters=[{"Name": "name", "Values": ["haneul-minimal-*"]}])["Images"]
        snapshot = image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
        made = ec2.create_volume(AvailabilityZone="us-east-1a", SnapshotId=snapshot)["VolumeId"]
        volume_ready(ec2, made)
        return content(made)

    def content(volume: str) -> bytes:
        with (cloud.data / "engines" / "volumes" / "volumes" / volume).open("rb") as file:
            return file.read(3)

    try:
        build(b"old")
        cloud.start()
        ec2 = cloud.client("ec2")
        assert volume(ec2) == b"old"
        first = ec2.create_snapshot(VolumeId=ec2.describe_volumes()["Volumes"][0]["VolumeId"])["SnapshotId"]
        until(lambda: ec2.describe_snapshots(SnapshotIds=[first])["Snapshots"][0]["State"] == "completed")
        build(b"new")
        assert volume(ec2) == b"new"
        restored = ec2.create_volume(AvailabilityZone="us-east-1a", SnapshotId=first)["VolumeId"]
        volume_ready(ec2, restored)
        assert content(restored) == b"old"
    finally:
        cloud.close()


def test_images_that_are_not_there(ec2):
    """Terraform and others tell by the code whether an image is gone."""
    absent = "ami-0123456789abcdef0"
    assert refused(ec2.describe_images, ImageIds=[absent]) == (
        "InvalidAMIID.NotFound",
        f"The image id '[{absent}]' does not exist",
    )
    assert refused(ec2.describe_images, ImageIds=["image"]) == (
        "InvalidAMIID.Malformed",
        'Invalid id: "image" (expecting "ami-...")',
    )


def volume_ready(ec2, volume: str) -> None:
    until(lambda: ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"] == "available")


def snapshot(ec2, size: int = 1) -> str:
    """A snapshot of an empty volume."""
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=size)["VolumeId"]
    volume_ready(ec2, volume)
    made = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    until(lambda: ec2.describe_snapshots(SnapshotIds=[made])["Snapshots"][0]["State"] == "completed")
    return made


def registered(ec2, name: str = "mine", **options) -> str:
    """A new image of one snapshot."""
    mappings = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": snapshot(ec2)}}]
    asked = {"Architecture": "x86_64", "RootDeviceName": "/dev/xvda", "VirtualizationType": "hvm"}
    return ec2.register_image(Name=name, **{"BlockDeviceMappings": mappings, **asked, **options})["ImageId"]


def described(ec2, image: str, **options) -> dict:
    (found,) = ec2.describe_images(ImageIds=[image], **options)["Images"]
    return found


def available(ec2, image: str) -> dict:
    return until(lambda: (found := described(ec2, image))["State"] == "available" and found)


def test_register(ec2, account):
    """An image of snapshots tells what they are, and can be launched; names are free once."""
    tags = [{"ResourceType": "image", "Tags": [{"Key": "made", "Value": "by hand"}]}]
    root = snapshot(ec2)
    mappings = [
        {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": root, "VolumeType": "gp3", "VolumeSize": 3}},
        {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 2, "DeleteOnTermination": False, "VolumeType": "gp2"}},
        {"DeviceName": "/dev/sdb", "VirtualName": "ephemeral0"},
    ]
    image = registered(
        ec2, Description="of a snapshot", EnaSupport=True, BootMode="uefi", ImdsSupport="v2.0",
        BlockDeviceMappings=mappings, TagSpecifications=tags,
    )  # fmt: skip
    found = described(ec2, image)
    assert found["OwnerId"] == account and found["State"] == "available" and found["Public"] is False
    assert found["BootMode"] == "uefi" and found["ImdsSupport"] == "v2.0" and found["EnaSupport"] is True
    assert found["Tags"] == [{"Key": "made", "Value": "by hand"}] and found["Description"] == "of a snapshot"
    first, second, third = found["BlockDeviceMappings"]
    assert first["Ebs"] == {
        "DeleteOnTermination": True, "SnapshotId": root, "VolumeSize": 3, "VolumeType": "gp3", "Encrypted": False,
    }  # fmt: skip
    assert second["Ebs"]["DeleteOnTermination"] is False and third["VirtualName"] == "ephemeral0"
    row = running(ec2, ImageId=image)
    assert row["ImageId"] == image and row["MetadataOptions"]["HttpTokens"] == "required"
    assert {one["DeviceName"] for one in row["BlockDeviceMappings"]} == {"/dev/xvda", "/dev/sdf"}
    code, message = refused(registered, ec2=ec2)
    assert (code, message) == ("InvalidAMIName.Duplicate", f"AMI name mine is already in use by AMI {image}")


def test_register_refusals(ec2):
    """The words by which tools tell what was wrong."""
    mappings = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": "snap-0123456789abcdef0"}}]
    assert refused(registered, ec2=ec2, name="what?")[0] == "InvalidAMIName.Malformed"
    assert refused(registered, ec2=ec2, BlockDeviceMappings=mappings)[0] == "InvalidSnapshot.NotFound"
    assert refused(registered, ec2=ec2, RootDeviceName="/dev/sda1")[0] == "InvalidBlockDeviceMapping"
    assert refused(registered, ec2=ec2, BlockDeviceMappings=[])[0] == "InvalidRequest"
    assert refused(registered, ec2=ec2, ImageLocation="bucket/manifest")[0] == "UnsupportedOperation"
    assert refused(registered, ec2=ec2, Description="한")[0] == "InvalidParameterValue"


@pytest.mark.parametrize("no_reboot", [True, False])
def test_create_of_a_running_instance(ec2, no_reboot):
    """A snapshot of each volume; with or without a reboot the instance runs before and after."""
    row = running(ec2)
    extra = ec2.create_volume(AvailabilityZone=row["Placement"]["AvailabilityZone"], Size=1)["VolumeId"]
    volume_ready(ec2, extra)
    ec2.attach_volume(VolumeId=extra, InstanceId=row["InstanceId"], Device="/dev/sdf")
    tags = [{"ResourceType": kind, "Tags": [{"Key": "of", "Value": kind}]} for kind in ("image", "snapshot")]
    image = ec2.create_image(
        InstanceId=row["InstanceId"], Name="taken", NoReboot=no_reboot, TagSpecifications=tags
    )["ImageId"]  # fmt: skip
    found = available(ec2, image)
    assert found["SourceInstanceId"] == row["InstanceId"] and found["SourceImageId"] == row["ImageId"]
    assert found["Tags"] == [{"Key": "of", "Value": "image"}] and found["RootDeviceName"] == "/dev/xvda"
    root, data = found["BlockDeviceMappings"]
    assert root["Ebs"]["DeleteOnTermination"] is True and data["Ebs"]["DeleteOnTermination"] is False
    (kept,) = ec2.describe_snapshots(SnapshotIds=[data["Ebs"]["SnapshotId"]])["Snapshots"]
    assert kept["VolumeId"] == extra and kept["Tags"] == [{"Key": "of", "Value": "snapshot"}]
    assert kept["Description"] == f"Created by CreateImage({row['InstanceId']}) for {image}"
    assert instance(ec2, row["InstanceId"])["State"]["Name"] == "running"
    copy = running(ec2, ImageId=image)
    assert len(copy["BlockDeviceMappings"]) == 2


def test_create_of_a_stopped_instance_with_mappings(ec2):
    """Devices left out, added and changed; what isn't the image's to change is refused."""
    row = running(ec2)
    ec2.stop_instances(InstanceIds=[row["InstanceId"]])
    reached(ec2, row["InstanceId"], "stopped")
    wrong = [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 9}}]
    asked = {"InstanceId": row["InstanceId"], "Name": "changed"}
    assert refused(ec2.create_image, **asked, BlockDeviceMappings=wrong)[0] == "InvalidBlockDeviceMapping"
    mappings = [
        {"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": False, "VolumeType": "gp3"}},
        {"DeviceName": "/dev/sdg", "Ebs": {"VolumeSize": 4}},
    ]
    found = available(ec2, ec2.create_image(**asked, BlockDeviceMappings=mappings)["ImageId"])
    root, added = found["BlockDeviceMappings"]
    assert root["Ebs"]["DeleteOnTermination"] is False and root["Ebs"]["VolumeType"] == "gp3"
    assert added["Ebs"]["VolumeSize"] == 4 and "SnapshotId" not in added["Ebs"]
    assert refused(ec2.create_image, **asked)[0] == "InvalidAMIName.Duplicate"
    ec2.terminate_instances(InstanceIds=[row["InstanceId"]])
    reached(ec2, row["InstanceId"], "terminated")
    assert refused(ec2.create_image, InstanceId=row["InstanceId"], Name="late")[0] == "IncorrectInstanceState"


def test_an_image_of_an_instance_that_is_terminated_meanwhile(ec2):
    """Its volumes wait for their snapshots before they go."""
    row = running(ec2)
    image = ec2.create_image(InstanceId=row["InstanceId"], Name="last words")["ImageId"]
    ec2.terminate_instances(InstanceIds=[row["InstanceId"]])
    available(ec2, image)
    reached(ec2, row["InstanceId"], "terminated")


def test_copy_to_another_region(ec2, cloud, account):
    """Snapshots of its own, in the region that asks; the same token makes one copy."""
    tags = [{"ResourceType": "image", "Tags": [{"Key": "kept", "Value": "yes"}]}]
    source = registered(ec2, Description="first", BootMode="uefi", TagSpecifications=tags)
    west = cloud.client("ec2", account=account, region="us-west-2")
    asked = {"SourceImageId": source, "SourceRegion": "us-east-1", "Name": "mine too", "ClientToken": "once"}
    image = west.copy_image(**asked, CopyImageTags=True)["ImageId"]
    assert west.copy_image(**asked, CopyImageTags=True)["ImageId"] == image
    found = available(west, image)
    assert found["SourceImageId"] == source and found["SourceImageRegion"] == "us-east-1"
    assert found["BootMode"] == "uefi" and found["Tags"] == [{"Key": "kept", "Value": "yes"}]
    (mapping,) = found["BlockDeviceMappings"]
    (copy,) = west.describe_snapshots(SnapshotIds=[mapping["Ebs"]["SnapshotId"]])["Snapshots"]
    assert copy["State"] == "completed" and source in copy["Description"] and image in copy["Description"]
    assert refused(ec2.describe_images, ImageIds=[image])[0] == "InvalidAMIID.NotFound"
    assert refused(west.copy_image, **asked | {"ClientToken": "x", "KmsKeyId": "alias/aws/ebs"})[0] == (
        "InvalidParameterCombination"
    )


def test_copy_encrypted(ec2):
    """An encrypted copy of an image in the clear: its snapshots name their key, its volumes are encrypted."""
    source = registered(ec2)
    image = ec2.copy_image(SourceImageId=source, SourceRegion="us-east-1", Name="sealed", Encrypted=True)["ImageId"]
    (mapping,) = available(ec2, image)["BlockDeviceMappings"]
    assert mapping["Ebs"]["Encrypted"] is True
    (volume,) = running(ec2, ImageId=image)["BlockDeviceMappings"]
    assert ec2.describe_volumes(VolumeIds=[volume["Ebs"]["VolumeId"]])["Volumes"][0]["Encrypted"] is True


def test_deregister(ec2):
    """It can't be launched or deregistered again; its snapshot stays and is free, or goes with it when asked for."""
    image = registered(ec2)
    kept = described(ec2, image)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    assert refused(ec2.delete_snapshot, SnapshotId=kept) == (
        "InvalidSnapshot.InUse",
        f"The snapshot {kept} is currently in use by {image}",
    )
    ec2.deregister_image(ImageId=image)
    assert ec2.describe_images(ImageIds=[image])["Images"] == []
    assert ec2.describe_images(Owners=["self"])["Images"] == []
    assert refused(ec2.deregister_image, ImageId=image) == (
        "InvalidAMIID.Unavailable",
        f"The image ID '{image}' is no longer available",
    )
    assert refused(launched, ec2=ec2, ImageId=image)[0] == "InvalidAMIID.Unavailable"
    mappings = [{"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": kept}}]
    again = registered(ec2, BlockDeviceMappings=mappings)
    twin = registered(ec2, name="twin", BlockDeviceMappings=mappings)
    asked = {"DeleteAssociatedSnapshots": True}
    assert ec2.deregister_image(ImageId=again, **asked)["DeleteSnapshotResults"] == [
        {"SnapshotId": kept, "ReturnCode": "skipped"}
    ]
    assert ec2.deregister_image(ImageId=twin, **asked)["DeleteSnapshotResults"][0]["ReturnCode"] == "success"
    spare = registered(ec2, name="spare")
    left = described(ec2, spare)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    ec2.deregister_image(ImageId=spare)
    ec2.delete_snapshot(SnapshotId=left)
    assert refused(ec2.describe_snapshots, SnapshotIds=[kept])[0] == "InvalidSnapshot.NotFound"


def test_launch_permissions(ec2, cloud, account):
    """Others find and launch what is shared with them, and nothing else; only the owner changes it."""
    image, hidden = registered(ec2), registered(ec2, name="hidden")
    friend = str(int(account) + 400000000000)
    other = cloud.client("ec2", account=friend)
    assert refused(other.describe_images, ImageIds=[image])[0] == "InvalidAMIID.NotFound"
    assert refused(launched, ec2=other, ImageId=image)[0] == "InvalidAMIID.NotFound"
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"UserId": friend}]})
    told = ec2.describe_image_attribute(ImageId=image, Attribute="launchPermission")
    assert told["LaunchPermissions"] == [{"UserId": friend}]
    (found,) = other.describe_images(ExecutableUsers=["self"])["Images"]
    assert found["ImageId"] == image and found["OwnerId"] == account
    assert running(other, ImageId=image)["ImageId"] == image
    assert refused(launched, ec2=other, ImageId=hidden)[0] == "InvalidAMIID.NotFound"
    for function in (other.deregister_image, other.disable_image):
        assert refused(function, ImageId=image) == ("AuthFailure", f"Not authorized for image:{image}")
    copying = {"SourceImageId": image, "SourceRegion": "us-east-1", "Name": "stolen"}
    assert refused(other.copy_image, **copying)[0] == "InvalidRequest"
    other.cancel_image_launch_permission(ImageId=image)
    assert refused(other.describe_images, ImageIds=[image])[0] == "InvalidAMIID.NotFound"
    ec2.modify_image_attribute(ImageId=image, Attribute="launchPermission", OperationType="add", UserGroups=["all"])
    assert image in {one["ImageId"] for one in other.describe_images(ExecutableUsers=["all"])["Images"]}
    assert described(other, image)["Public"] is True
    ec2.reset_image_attribute(ImageId=image, Attribute="launchPermission")
    assert described(ec2, image)["Public"] is False
    ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    everybody = {"LaunchPermission": {"Add": [{"Group": "all"}]}}
    assert refused(ec2.modify_image_attribute, ImageId=image, **everybody)[0] == "OperationNotPermitted"


def test_tags_are_the_owners(ec2, cloud, account):
    """An image can be tagged like anything else; others don't see how."""
    image = registered(ec2)
    ec2.create_tags(Resources=[image], Tags=[{"Key": "secret", "Value": "plan"}])
    wanted = [{"Name": "tag:secret", "Values": ["plan"]}]
    assert ec2.describe_images(Filters=wanted)["Images"][0]["ImageId"] == image
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"Group": "all"}]})
    other = cloud.client("ec2", account=str(int(account) + 400000000000))
    assert described(other, image).get("Tags", []) == [] and other.describe_images(Filters=wanted)["Images"] == []
    code, _ = refused(other.create_tags, Resources=[image], Tags=[{"Key": "a", "Value": "b"}])
    assert code == "InvalidAMIID.NotFound"


def test_ancestry(ec2):
    """From a copy back to what comes with the cloud."""
    row = running(ec2)
    taken = ec2.create_image(InstanceId=row["InstanceId"], Name="taken", NoReboot=True)["ImageId"]
    available(ec2, taken)
    copied = ec2.copy_image(SourceImageId=taken, SourceRegion="us-east-1", Name="copied")["ImageId"]
    chain = ec2.get_image_ancestry(ImageId=copied)["ImageAncestryEntries"]
    assert [one["ImageId"] for one in chain] == [copied, taken, row["ImageId"]]
    assert chain[0]["SourceImageId"] == taken and chain[2]["ImageOwnerAlias"] == "amazon"


def test_references(ec2, cloud, account):
    """What would miss an image that is deregistered: instances, launch templates, parameters."""
    image, other = registered(ec2), registered(ec2, name="other")
    row = running(ec2, ImageId=image)
    template = ec2.create_launch_template(LaunchTemplateName="of-it", LaunchTemplateData={"ImageId": image})
    ssm = cloud.client("ssm", account=account)
    ssm.put_parameter(Name="/images/mine", Value=image, Type="String", DataType="aws:ec2:image")
    found = ec2.describe_image_references(ImageIds=[image, other], IncludeAllResourceTypes=True)["ImageReferences"]
    assert {one["ImageId"] for one in found} == {image}
    assert {one["ResourceType"]: one["Arn"].rpartition(":")[2] for one in found} == {
        "ec2:Instance": f"instance/{row['InstanceId']}",
        "ec2:LaunchTemplate": f"launch-template/{template['LaunchTemplate']['LaunchTemplateId']}",
        "ssm:Parameter": "parameter/images/mine",
    }
    stopped = [
        {
            "ResourceType": "ec2:Instance",
            "ResourceTypeOptions": [{"OptionName": "state-name", "OptionValues": ["stopped"]}],
        }
    ]
    assert ec2.describe_image_references(ImageIds=[image], ResourceTypes=stopped)["ImageReferences"] == []


def test_changes_of_state_are_told(ec2, cloud, account):
    """EventBridge hears "EC2 AMI State Change"."""
    events, sqs = cloud.client("events", account=account), cloud.client("sqs", account=account)
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.ec2"], "detail-type": ["EC2 AMI State Change"]}
    rule = events.put_rule(Name="images", EventPattern=json.dumps(pattern))["RuleArn"]
    allowed = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
               "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": rule}}}  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    events.put_targets(Rule="images", Targets=[{"Id": "queue", "Arn": arn}])
    image = registered(ec2)
    (message,) = until(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"))
    told = json.loads(message["Body"])
    assert told["detail"]["ImageId"] == image and told["detail"]["State"] == "available"


def test_attributes(ec2):
    """One a call, and in the words that clients know when it isn't one."""
    image = registered(ec2, BootMode="uefi", SriovNetSupport="simple")
    ec2.modify_image_attribute(ImageId=image, Description={"Value": "new words"})
    assert described(ec2, image)["Description"] == "new words"
    ec2.modify_image_attribute(ImageId=image, Attribute="description", Value="others")
    assert ec2.describe_image_attribute(ImageId=image, Attribute="description")["Description"] == {"Value": "others"}
    ec2.modify_image_attribute(ImageId=image, ImdsSupport={"Value": "v2.0"})
    for name, member, value in (
        ("bootMode", "BootMode", "uefi"),
        ("sriovNetSupport", "SriovNetSupport", "simple"),
        ("imdsSupport", "ImdsSupport", "v2.0"),
        ("deregistrationProtection", "DeregistrationProtection", "disabled"),
    ):
        assert ec2.describe_image_attribute(ImageId=image, Attribute=name)[member] == {"Value": value}
    assert refused(ec2.describe_image_attribute, ImageId=image, Attribute="blockDeviceMapping")[0] == "AuthFailure"
    both = {"Description": {"Value": "x"}, "LaunchPermission": {"Add": [{"Group": "all"}]}}
    assert refused(ec2.modify_image_attribute, ImageId=image, **both)[0] == "InvalidParameterCombination"
    for user in ("12345678901A", "1234567890123", "foo"):
        assert refused(ec2.modify_image_attribute, ImageId=image, LaunchPermission={"Add": [{"UserId": user}]}) == (
            "InvalidAMIAttributeItemValue",
            f'Invalid attribute item value "{user}" for userId item type.',
        )
    assert refused(ec2.modify_image_attribute, ImageId=image)[0] == "InvalidParameterCombination"


def test_disabled_deprecated_protected(ec2, cloud, account):
    """Three switches: nobody launches it; others don't find it; it can't be deregistered."""
    image = registered(ec2)
    other = cloud.client("ec2", account=str(int(account) + 400000000000))
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"Group": "all"}]})
    ec2.enable_image_deprecation(ImageId=image, DeprecateAt=_soon())
    assert described(ec2, image)["DeprecationTime"].endswith(":00.000Z")
    mine = [{"Name": "owner-id", "Values": [account]}]
    assert other.describe_images(Filters=mine)["Images"] == []
    assert other.describe_images(Filters=mine, IncludeDeprecated=True)["Images"]
    assert other.describe_images(ImageIds=[image])["Images"]
    ec2.disable_image_deprecation(ImageId=image)
    assert "DeprecationTime" not in described(ec2, image)
    ec2.disable_image(ImageId=image)
    assert ec2.describe_images(Owners=["self"])["Images"] == []
    (found,) = ec2.describe_images(Owners=["self"], IncludeDisabled=True)["Images"]
    assert found["State"] == "disabled" and found["Public"] is False
    assert refused(launched, ec2=ec2, ImageId=image)[0] == "InvalidAMIID.Unavailable"
    ec2.enable_image(ImageId=image)
    assert described(ec2, image)["State"] == "available"
    assert ec2.enable_image_deregistration_protection(ImageId=image)["Return"] == "enabled-without-cooldown"
    assert described(ec2, image)["DeregistrationProtection"] == "enabled-without-cooldown"
    assert refused(ec2.deregister_image, ImageId=image)[0] == "OperationNotPermitted"
    ec2.disable_image_deregistration_protection(ImageId=image)
    ec2.enable_image_deregistration_protection(ImageId=image, WithCooldown=True)
    ec2.disable_image_deregistration_protection(ImageId=image)
    assert refused(ec2.deregister_image, ImageId=image)[0] == "OperationNotPermitted"
    assert ec2.list_images_in_recycle_bin()["Images"] == []


def _soon() -> datetime:
    """A moment that rounds to a minute that has begun."""
    return datetime.now(UTC).replace(second=0, microsecond=0)


def test_filters_and_pages(ec2):
    """Every filter that the API documents is known; pages hold all images once."""
    names = [f"image-{number}" for number in range(7)]
    made = {registered(ec2, name=name, Description=f"number {name}") for name in names}
    seen: list[str] = []
    for page in ec2.get_paginator("describe_images").paginate(Owners=["self"], PaginationConfig={"PageSize": 5}):
        seen += [one["ImageId"] for one in page["Images"]]
    assert sorted(seen) == sorted(made)
    image = described(ec2, seen[0])
    ebs = image["BlockDeviceMappings"][0]["Ebs"]
    for name, value in {
        "architecture": "x86_64",
        "block-device-mapping.delete-on-termination": "true",
        "block-device-mapping.snapshot-id": ebs["SnapshotId"],
        "block-device-mapping.volume-size": "1",
        "block-device-mapping.volume-type": "standard",
        "creation-date": image["CreationDate"][:10] + "*",
        "description": image["Description"],
        "image-id": image["ImageId"],
        "is-public": "false",
        "name": image["Name"],
        "root-device-name": "/dev/xvda",
        "root-device-type": "ebs",
        "state": "available",
        "virtualization-type": "hvm",
    }.items():
        found = ec2.describe_images(Owners=["self"], Filters=[{"Name": name, "Values": [value]}])["Images"]
        assert image["ImageId"] in {one["ImageId"] for one in found}, name
        none = ec2.describe_images(Owners=["self"], Filters=[{"Name": name, "Values": ["nothing"]}])["Images"]
        assert none == [], name
    assert refused(ec2.describe_images, Filters=[{"Name": "colour", "Values": ["red"]}]) == (
        "InvalidParameterValue",
        "The filter 'colour' is invalid",
    )
