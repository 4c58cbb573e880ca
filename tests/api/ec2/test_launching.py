"""RunInstances: what it makes, what it fills in, and the words in which it refuses."""

from __future__ import annotations

import base64
import uuid

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import image, instance, launched, reached, running, until


def refused(ec2, **options) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        launched(ec2, **options)
    return code_of(error)


def test_launch_in_the_default_vpc(ec2):
    """The fewest parameters: a default subnet, the default group, a public address, the image's volume."""
    row = running(ec2)
    assert row["PrivateIpAddress"].startswith("172.31.") and row["PublicIpAddress"]
    assert [group["GroupName"] for group in row["SecurityGroups"]] == ["default"]
    (mapping,) = row["BlockDeviceMappings"]
    assert mapping["DeviceName"] == row["RootDeviceName"] and mapping["Ebs"]["Status"] == "attached"
    assert mapping["Ebs"]["DeleteOnTermination"] is True
    (volume,) = ec2.describe_volumes(VolumeIds=[mapping["Ebs"]["VolumeId"]])["Volumes"]
    assert volume["Attachments"][0]["InstanceId"] == row["InstanceId"] and volume["State"] == "in-use"
    (nic,) = ec2.describe_network_interfaces(
        Filters=[{"Name": "attachment.instance-id", "Values": [row["InstanceId"]]}]
    )["NetworkInterfaces"]
    assert nic["NetworkInterfaceId"] == row["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assert row["PrivateDnsName"] == f"ip-{row['PrivateIpAddress'].replace('.', '-')}.ec2.internal"
    assert "StateReason" not in row and row["State"] == {"Code": 16, "Name": "running"}


def test_many_at_once_are_one_reservation(ec2):
    """Launch indexes count; DescribeInstances tells them together again."""
    made = launched(ec2, MinCount=1, MaxCount=3)
    assert [one["AmiLaunchIndex"] for one in made] == [0, 1, 2]
    assert len({one["PrivateIpAddress"] for one in made}) == 3
    (reservation,) = ec2.describe_instances()["Reservations"]
    assert {one["InstanceId"] for one in reservation["Instances"]} == {one["InstanceId"] for one in made}
    assert refused(ec2, MinCount=2, MaxCount=1)[0] == "InvalidParameterValue"
    assert refused(ec2, MinCount=0, MaxCount=1)[0] == "InvalidParameterValue"


def test_client_token_launches_once(ec2):
    """The SDKs repeat requests: the second one must find the first one's instance."""
    token = str(uuid.uuid4())
    (first,) = launched(ec2, ClientToken=token)
    (second,) = launched(ec2, ClientToken=token)
    assert first["InstanceId"] == second["InstanceId"] and first["ClientToken"] == token
    assert refused(ec2, ClientToken=token, InstanceType="t3.small")[0] == "IdempotentParameterMismatch"


def test_groups_subnets_and_addresses(ec2):
    """By id or by name; a group of another VPC and an address outside the subnet are refused."""
    subnet = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["us-east-1b"]}])["Subnets"][0]
    group = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
    prefix = subnet["CidrBlock"].rsplit(".", 1)[0]
    (row,) = launched(ec2, SubnetId=subnet["SubnetId"], SecurityGroupIds=[group], PrivateIpAddress=f"{prefix}.77")
    assert row["PrivateIpAddress"] == f"{prefix}.77" and row["Placement"]["AvailabilityZone"] == "us-east-1b"
    assert row["SecurityGroups"] == [{"GroupId": group, "GroupName": "web"}]
    assert launched(ec2, SecurityGroups=["web"])[0]["SecurityGroups"][0]["GroupId"] == group
    other = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    foreign = ec2.create_security_group(GroupName="x", Description="x", VpcId=other)["GroupId"]
    code, message = refused(ec2, SubnetId=subnet["SubnetId"], SecurityGroupIds=[foreign])
    assert code == "InvalidParameter"
    assert message == f"Security group {foreign} and subnet {subnet['SubnetId']} belong to different networks."
    assert refused(ec2, SecurityGroups=["absent"])[0] == "InvalidGroup.NotFound"
    assert refused(ec2, SubnetId=subnet["SubnetId"], PrivateIpAddress="10.9.9.9")[0] == "InvalidParameterValue"
    assert refused(ec2, SubnetId="subnet-0123456789abcdef0")[0] == "InvalidSubnetID.NotFound"


def test_network_interfaces_of_a_launch(ec2):
    """New ones and ones that are there; no public address where none is wanted; kept ones outlive the instance."""
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    kept = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    nics = [
        {"DeviceIndex": 0, "SubnetId": subnet, "Description": "first"},
        {"DeviceIndex": 1, "NetworkInterfaceId": kept},
    ]
    row = running(ec2, NetworkInterfaces=nics)
    assert [one["Attachment"]["DeviceIndex"] for one in row["NetworkInterfaces"]] == [0, 1]
    assert row["NetworkInterfaces"][0]["Description"] == "first" and "PublicIpAddress" not in row
    assert row["NetworkInterfaces"][1]["NetworkInterfaceId"] == kept
    assert refused(ec2, NetworkInterfaces=nics)[0] == "InvalidNetworkInterface.InUse"
    assert refused(ec2, NetworkInterfaces=nics[:1], SubnetId=subnet) == (
        "InvalidParameterCombination",
        "Network interfaces and an instance-level subnet ID may not be specified on the same request",
    )
    ec2.terminate_instances(InstanceIds=[row["InstanceId"]])
    reached(ec2, row["InstanceId"], "terminated")
    (left,) = ec2.describe_network_interfaces(Filters=[{"Name": "subnet-id", "Values": [subnet]}])["NetworkInterfaces"]
    assert left["NetworkInterfaceId"] == kept and left["Status"] == "available"
    lonely = running(ec2, NetworkInterfaces=[{"DeviceIndex": 0, "AssociatePublicIpAddress": False}])
    assert "PublicIpAddress" not in lonely


def test_block_devices_over_the_image(ec2):
    """A larger root that stays, a second disk that goes; tags of every kind of resource that a launch makes."""
    specifications = [
        {"ResourceType": kind, "Tags": [{"Key": "for", "Value": kind}]}
        for kind in ("instance", "volume", "network-interface")
    ]
    root = launched(ec2)[0]["RootDeviceName"]
    mappings = [
        {"DeviceName": root, "Ebs": {"VolumeSize": 9, "VolumeType": "gp3", "DeleteOnTermination": False}},
        {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 2}},
    ]
    row = running(ec2, BlockDeviceMappings=mappings, TagSpecifications=specifications)
    held = {one["DeviceName"]: one["Ebs"] for one in row["BlockDeviceMappings"]}
    assert set(held) == {root, "/dev/sdf"}
    volumes = {one["VolumeId"]: one for one in ec2.describe_volumes()["Volumes"]}
    assert volumes[held[root]["VolumeId"]]["Size"] == 9 and volumes[held[root]["VolumeId"]]["VolumeType"] == "gp3"
    assert volumes[held["/dev/sdf"]["VolumeId"]]["Tags"] == [{"Key": "for", "Value": "volume"}]
    assert row["Tags"] == [{"Key": "for", "Value": "instance"}]
    ec2.terminate_instances(InstanceIds=[row["InstanceId"]])
    reached(ec2, row["InstanceId"], "terminated")
    until(lambda: held["/dev/sdf"]["VolumeId"] not in {one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]})
    (left,) = ec2.describe_volumes(VolumeIds=[held[root]["VolumeId"]])["Volumes"]
    assert left["State"] == "available"
    assert refused(ec2, BlockDeviceMappings=[{"DeviceName": "/dev/sdg", "Ebs": {}}])[0] == "MissingParameter"


def test_user_data_and_its_limit(ec2):
    """16 KiB before base64; told again by DescribeInstanceAttribute."""
    (row,) = launched(ec2, UserData="#!/bin/sh\ntouch /x\n")
    told = ec2.describe_instance_attribute(InstanceId=row["InstanceId"], Attribute="userData")["UserData"]["Value"]
    assert base64.b64decode(told) == b"#!/bin/sh\ntouch /x\n"
    assert refused(ec2, UserData="x" * 16385) == ("InvalidParameterValue", "User data is limited to 16384 bytes")
    launched(ec2, UserData="x" * 16384)


def test_what_is_not_there(ec2):
    """Each absent thing has its own code."""
    assert refused(ec2, ImageId="ami-0123456789abcdef0")[0] == "InvalidAMIID.NotFound"
    assert refused(ec2, InstanceType="t9.huge")[0] in ("InvalidInstanceType", "InvalidParameterValue")
    assert refused(ec2, KeyName="absent") == ("InvalidKeyPair.NotFound", "The key pair 'absent' does not exist")
    assert refused(ec2, IamInstanceProfile={"Name": "absent"}) == (
        "InvalidParameterValue",
        "Value (absent) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
    )
    assert refused(ec2, Placement={"AvailabilityZone": "us-east-1z"})[0] == "InvalidParameterValue"
    assert refused(ec2, HibernationOptions={"Configured": True})[0] == "UnsupportedOperation"
    assert ec2.describe_instances()["Reservations"] == []


def test_dry_run_launches_nothing(ec2):
    """The answer that tools look for before they ask in earnest."""
    assert refused(ec2, DryRun=True)[0] == "DryRunOperation"
    assert ec2.describe_instances()["Reservations"] == []


def test_options_are_told_again(ec2):
    """Metadata, credits, monitoring, placement, the spot market: what was asked for is what is shown."""
    (row,) = launched(
        ec2,
        MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 3, "InstanceMetadataTags": "enabled"},
        CreditSpecification={"CpuCredits": "standard"},
        Monitoring={"Enabled": True},
        Placement={"AvailabilityZone": "us-east-1c"},
        InstanceMarketOptions={"MarketType": "spot"},
        EbsOptimized=True,
    )
    options = row["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"], options["HttpEndpoint"]) == (
        "required",
        3,
        "enabled",
    )
    assert row["Monitoring"]["State"] == "enabled" and row["EbsOptimized"] is True
    assert row["Placement"]["AvailabilityZone"] == "us-east-1c" and row["InstanceLifecycle"] == "spot"
    (credit,) = ec2.describe_instance_credit_specifications(InstanceIds=[row["InstanceId"]])[
        "InstanceCreditSpecifications"
    ]
    assert credit["CpuCredits"] == "standard"
    assert instance(ec2, row["InstanceId"])["SpotInstanceRequestId"].startswith("sir-")


def test_without_a_default_vpc(ec2):
    """AWS's own words when there is nowhere to go."""
    found = image(ec2)
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    code, message = refused(ec2, ImageId=found)
    assert code == "MissingInput"
    assert message == f"No subnets found for the default VPC '{vpc}'. Please specify a subnet."
