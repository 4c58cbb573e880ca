"""What an account sets once for a region, and what follows from it."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import image, instance, launched, reached, running


def test_serial_console_access(ec2):
    """Off until it is enabled, as AWS tells it."""
    assert ec2.get_serial_console_access_status()["SerialConsoleAccessEnabled"] is False
    assert ec2.enable_serial_console_access()["SerialConsoleAccessEnabled"] is True
    assert ec2.get_serial_console_access_status()["SerialConsoleAccessEnabled"] is True
    assert ec2.disable_serial_console_access()["SerialConsoleAccessEnabled"] is False
    assert ec2.get_serial_console_access_status()["ManagedBy"] == "account"


def test_blocked_public_images(ec2):
    """Where public access is blocked, no image can be shared with everybody; with single accounts it can."""
    assert ec2.get_image_block_public_access_state()["ImageBlockPublicAccessState"] == "unblocked"
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig={"Delay": 0.1})
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig={"Delay": 0.1})
    image = ec2.register_image(
        Name="mine",
        RootDeviceName="/dev/sda1",
        Architecture="x86_64",
        VirtualizationType="hvm",
        BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": snapshot}}],
    )["ImageId"]
    ec2.enable_image_block_public_access(ImageBlockPublicAccessState="block-new-sharing")
    with pytest.raises(ClientError) as error:
        ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"Group": "all"}]})
    assert code_of(error)[0] == "OperationNotPermitted"
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"UserId": "111111111111"}]})
    assert ec2.disable_image_block_public_access()["ImageBlockPublicAccessState"] == "unblocked"
    ec2.modify_image_attribute(ImageId=image, LaunchPermission={"Add": [{"Group": "all"}]})


def test_default_cpu_credits(ec2):
    """New instances get the family's default, unless they ask."""
    told = ec2.get_default_credit_specification(InstanceFamily="t3")["InstanceFamilyCreditSpecification"]
    assert told == {"InstanceFamily": "t3", "CpuCredits": "unlimited"}
    ec2.modify_default_credit_specification(InstanceFamily="t3", CpuCredits="standard")
    (one,) = launched(ec2)
    (other,) = launched(ec2, CreditSpecification={"CpuCredits": "unlimited"})
    credits = ec2.describe_instance_credit_specifications(InstanceIds=[one["InstanceId"], other["InstanceId"]])
    assert {row["InstanceId"]: row["CpuCredits"] for row in credits["InstanceCreditSpecifications"]} == {
        one["InstanceId"]: "standard",
        other["InstanceId"]: "unlimited",
    }
    with pytest.raises(ClientError) as error:
        ec2.modify_default_credit_specification(InstanceFamily="t3", CpuCredits="endless")
    assert code_of(error)[0] == "InvalidParameterValue"


def test_metadata_defaults_hold_at_launch(ec2):
    """What the account asks for counts for instances that ask for nothing."""
    ec2.modify_instance_metadata_defaults(HttpTokens="required", HttpPutResponseHopLimit=3)
    (row,) = launched(ec2)
    options = instance(ec2, row["InstanceId"])["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 3)
    ec2.modify_instance_metadata_defaults(HttpTokens="no-preference", HttpPutResponseHopLimit=-1)
    assert ec2.get_instance_metadata_defaults()["AccountLevel"] == {}


def test_tags_in_notices_of_events(ec2):
    """Registered keys are kept, each once; all of them or a list, not both."""
    registered = ec2.register_instance_event_notification_attributes(
        InstanceTagAttribute={"InstanceTagKeys": ["Team", "Name", "Team"]}
    )["InstanceTagAttribute"]
    assert registered == {"InstanceTagKeys": ["Team", "Name"], "IncludeAllTagsOfInstance": False}
    ec2.deregister_instance_event_notification_attributes(InstanceTagAttribute={"InstanceTagKeys": ["Team"]})
    told = ec2.describe_instance_event_notification_attributes()["InstanceTagAttribute"]
    assert told == {"InstanceTagKeys": ["Name"], "IncludeAllTagsOfInstance": False}
    every = ec2.register_instance_event_notification_attributes(
        InstanceTagAttribute={"IncludeAllTagsOfInstance": True}
    )["InstanceTagAttribute"]
    assert every["IncludeAllTagsOfInstance"] is True
    with pytest.raises(ClientError) as error:
        ec2.register_instance_event_notification_attributes(InstanceTagAttribute={})
    assert code_of(error)[0] == "MissingParameter"


def test_ids_are_long(ec2):
    """Old scripts still ask, and ask for long ids; nobody gets short ones."""
    formats = ec2.describe_id_format()["Statuses"]
    assert len(formats) == 31 and all(one["UseLongIds"] for one in formats)
    assert ec2.describe_id_format(Resource="vpc")["Statuses"] == [{"Resource": "vpc", "UseLongIds": True}]
    ec2.modify_id_format(Resource="all-current", UseLongIds=True)
    root = "arn:aws:iam::000000000000:root"
    ec2.modify_identity_id_format(PrincipalArn=root, Resource="vpc", UseLongIds=True)
    assert len(ec2.describe_identity_id_format(PrincipalArn=root)["Statuses"]) == 31
    assert ec2.describe_aggregate_id_format()["UseLongIdsAggregated"] is True
    assert ec2.describe_principal_id_format()["Principals"] == []
    with pytest.raises(ClientError) as error:
        ec2.modify_id_format(Resource="vpc", UseLongIds=False)
    assert code_of(error)[0] == "OperationNotPermitted"
    with pytest.raises(ClientError) as error:
        ec2.describe_id_format(Resource="shoe")
    assert code_of(error)[0] == "InvalidParameterValue"


def test_cpu_options(ec2):
    """Fewer cores, or one thread for each: the instance gets as many vCPUs; what the type can't do is refused."""
    (row,) = launched(ec2, InstanceType="m5.2xlarge", CpuOptions={"CoreCount": 2, "ThreadsPerCore": 1})
    assert instance(ec2, row["InstanceId"])["CpuOptions"] == {"CoreCount": 2, "ThreadsPerCore": 1}
    (row,) = launched(ec2, InstanceType="t2.medium")
    assert instance(ec2, row["InstanceId"])["CpuOptions"] == {"CoreCount": 2, "ThreadsPerCore": 1}
    for wrong in ({"CoreCount": 3, "ThreadsPerCore": 2}, {"CoreCount": 4, "ThreadsPerCore": 3}):
        with pytest.raises(ClientError) as error:
            launched(ec2, InstanceType="m5.2xlarge", CpuOptions=wrong)
        assert code_of(error)[0] == "InvalidParameterValue"


def test_cores_of_a_stopped_instance(ec2):
    """They change while it is stopped, within what the type has."""
    identifier = running(ec2, InstanceType="m5.2xlarge")["InstanceId"]
    with pytest.raises(ClientError) as error:
        ec2.modify_instance_cpu_options(InstanceId=identifier, CoreCount=2, ThreadsPerCore=1)
    assert code_of(error)[0] == "IncorrectInstanceState"
    ec2.report_instance_status(Instances=[identifier], Status="impaired", ReasonCodes=["unresponsive"])
    ec2.stop_instances(InstanceIds=[identifier])
    reached(ec2, identifier, "stopped")
    changed = ec2.modify_instance_cpu_options(InstanceId=identifier, CoreCount=2, ThreadsPerCore=1)
    assert (changed["CoreCount"], changed["ThreadsPerCore"]) == (2, 1)
    assert instance(ec2, identifier)["CpuOptions"] == {"CoreCount": 2, "ThreadsPerCore": 1}
    with pytest.raises(ClientError) as error:
        ec2.report_instance_status(Instances=[identifier], Status="ok", ReasonCodes=["other"])
    assert code_of(error)[0] == "IncorrectInstanceState"


def test_allowed_images(ec2):
    """Criteria are told in audit mode, and hide images of others once they are enabled."""
    assert ec2.get_allowed_images_settings()["State"] == "disabled"
    built_in = image(ec2)
    ec2.replace_image_criteria_in_allowed_images_settings(ImageCriteria=[{"ImageProviders": ["123456789012"]}])
    ec2.enable_allowed_images_settings(AllowedImagesSettingsState="audit-mode")
    (found,) = ec2.describe_images(ImageIds=[built_in])["Images"]
    assert found["ImageAllowed"] is False
    (row,) = launched(ec2)
    (told,) = ec2.describe_instance_image_metadata(InstanceIds=[row["InstanceId"]])["InstanceImageMetadata"]
    assert told["ImageMetadata"]["ImageId"] == built_in
    assert told["ImageMetadata"]["ImageOwnerAlias"] == "amazon" and told["ImageMetadata"]["ImageAllowed"] is False
    ec2.enable_allowed_images_settings(AllowedImagesSettingsState="enabled")
    assert ec2.describe_images(Owners=["amazon"])["Images"] == []
    with pytest.raises(ClientError) as error:
        ec2.run_instances(ImageId=built_in, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    assert code_of(error)[0] == "InvalidAMIID.NotFound"
    criteria = [{"ImageProviders": ["amazon"], "ImageNames": ["haneul-minimal-*"]}]
    ec2.replace_image_criteria_in_allowed_images_settings(ImageCriteria=criteria)
    assert ec2.get_allowed_images_settings()["ImageCriteria"] == criteria
    assert ec2.describe_images(ImageIds=[built_in])["Images"][0]["ImageAllowed"] is True
    ec2.disable_allowed_images_settings()
    with pytest.raises(ClientError) as error:
        ec2.replace_image_criteria_in_allowed_images_settings(ImageCriteria=[{"ImageProviders": ["somebody"]}])
    assert code_of(error)[0] == "InvalidParameterValue"


def test_the_images_of_instances(ec2):
    """By state, type and image, as inventories ask."""
    rows = [launched(ec2)[0]["InstanceId"], launched(ec2, InstanceType="t3.small")[0]["InstanceId"]]
    for name, value, found in (
        ("instance-type", "t3.small", rows[1:]),
        ("instance-id", rows[0], rows[:1]),
        ("owner-alias", "amazon", rows),
        ("image-allowed", "true", []),
    ):
        told = ec2.describe_instance_image_metadata(Filters=[{"Name": name, "Values": [value]}])
        assert sorted(one["InstanceId"] for one in told["InstanceImageMetadata"]) == sorted(found), name


@pytest.mark.parametrize(
    ("operation", "named"),
    [
        ("describe_instance_attribute", "InstanceId"),
        ("describe_volume_attribute", "VolumeId"),
        ("describe_vpc_attribute", "VpcId"),
    ],
)
def test_attributes_that_are_unknown(ec2, operation, named):
    """AWS says so in few words, whatever the resource."""
    identifier = {
        "InstanceId": lambda: launched(ec2)[0]["InstanceId"],
        "VolumeId": lambda: ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"],
        "VpcId": lambda: ec2.describe_vpcs()["Vpcs"][0]["VpcId"],
    }[named]()
    with pytest.raises(ClientError) as error:
        getattr(ec2, operation)(**{named: identifier, "Attribute": "abc"})
    assert code_of(error) == (
        "InvalidParameterValue",
        "Value (abc) for parameter attribute is invalid. Unknown attribute.",
    )
