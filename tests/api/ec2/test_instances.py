"""DescribeInstances in all its filters and pages, and the attributes that can be changed."""

from __future__ import annotations

import json
import time

import pytest
from botocore.exceptions import ClientError

from haneul.services.ec2.instances.filtering import FILTERS
from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import instance, launched, reached, running, until


def found(ec2, name: str, *values: str) -> set[str]:
    answer = ec2.describe_instances(Filters=[{"Name": name, "Values": list(values)}])
    return {one["InstanceId"] for part in answer["Reservations"] for one in part["Instances"]}


def test_filters(ec2):
    """By state, tag, address, group, volume, zone, image, reservation; several of them at once."""
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "one"}]}]
    one = running(ec2, TagSpecifications=tags, Placement={"AvailabilityZone": "us-east-1a"})
    two = running(ec2, InstanceType="t3.small", Placement={"AvailabilityZone": "us-east-1b"})
    first, second = one["InstanceId"], two["InstanceId"]
    assert found(ec2, "instance-state-name", "running") == {first, second}
    assert found(ec2, "instance-state-code", "16") == {first, second}
    assert found(ec2, "tag:Name", "o*") == {first}
    assert found(ec2, "private-ip-address", two["PrivateIpAddress"]) == {second}
    assert found(ec2, "ip-address", one["PublicIpAddress"]) == {first}
    assert found(ec2, "instance-type", "t3.s*") == {second}
    assert found(ec2, "availability-zone", "us-east-1b") == {second}
    assert found(ec2, "instance.group-name", "default") == {first, second}
    assert found(ec2, "network-interface.subnet-id", one["SubnetId"]) == {first}
    assert found(ec2, "block-device-mapping.volume-id", two["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]) == {second}
    assert found(ec2, "block-device-mapping.status", "attached") == {first, second}
    assert found(ec2, "metadata-options.http-tokens", "optional") == {first, second}
    assert found(ec2, "instance-lifecycle", "spot") == set()
    reservation = ec2.describe_instances(InstanceIds=[first])["Reservations"][0]["ReservationId"]
    assert found(ec2, "reservation-id", reservation) == {first}


def test_every_documented_filter_is_known(ec2):
    """A filter that AWS documents must never be refused."""
    launched(ec2)
    documentation = ec2.meta.service_model.operation_model("DescribeInstances").input_shape.members["Filters"]
    import re

    names = re.findall(r"<code>([a-z0-9.-]+)</code> -", documentation.documentation)
    assert len(names) > 100
    for name in names:
        assert name in FILTERS or name == "tag-key", name
        found(ec2, name, "nothing")


def test_pages_and_ids(ec2):
    """Every instance once; ids and MaxResults exclude each other; absent and malformed ids have their words."""
    made = {one["InstanceId"] for one in launched(ec2, MinCount=7, MaxCount=7)}
    pages = list(ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}))
    seen = [one["InstanceId"] for page in pages for part in page["Reservations"] for one in part["Instances"]]
    assert len(pages) == 2 and len(seen) == 7 and set(seen) == made
    with pytest.raises(ClientError) as error:
        ec2.describe_instances(InstanceIds=seen[:1], MaxResults=5)
    assert code_of(error)[0] == "InvalidParameterCombination"
    with pytest.raises(ClientError) as error:
        ec2.describe_instances(InstanceIds=["i-0123456789abcdef0"])
    assert code_of(error) == ("InvalidInstanceID.NotFound", "The instance ID 'i-0123456789abcdef0' does not exist")
    with pytest.raises(ClientError) as error:
        ec2.describe_instances(InstanceIds=["nonsense"])
    assert code_of(error) == ("InvalidInstanceID.Malformed", 'Invalid id: "nonsense" (expecting "i-...")')


def test_attributes(ec2):
    """What may be changed while it runs, and what only while it is stopped."""
    identifier = running(ec2)["InstanceId"]

    def told(name: str, member: str) -> object:
        return ec2.describe_instance_attribute(InstanceId=identifier, Attribute=name)[member].get("Value")

    ec2.modify_instance_attribute(InstanceId=identifier, DisableApiTermination={"Value": True})
    assert told("disableApiTermination", "DisableApiTermination") is True
    ec2.modify_instance_attribute(InstanceId=identifier, Attribute="disableApiTermination", Value="false")
    assert told("disableApiTermination", "DisableApiTermination") is False
    ec2.modify_instance_attribute(InstanceId=identifier, InstanceInitiatedShutdownBehavior={"Value": "terminate"})
    assert told("instanceInitiatedShutdownBehavior", "InstanceInitiatedShutdownBehavior") == "terminate"
    with pytest.raises(ClientError) as error:
        ec2.modify_instance_attribute(InstanceId=identifier, InstanceType={"Value": "t3.small"})
    assert code_of(error) == (
        "IncorrectInstanceState",
        f"The instance '{identifier}' is not in the 'stopped' state.",
    )
    ec2.stop_instances(InstanceIds=[identifier])
    reached(ec2, identifier, "stopped")
    ec2.modify_instance_attribute(InstanceId=identifier, InstanceType={"Value": "t3.small"})
    ec2.modify_instance_attribute(InstanceId=identifier, UserData={"Value": b"#!/bin/sh"})
    assert told("userData", "UserData") == "IyEvYmluL3No" and told("instanceType", "InstanceType") == "t3.small"
    ec2.start_instances(InstanceIds=[identifier])
    assert reached(ec2, identifier, "running")["InstanceType"] == "t3.small"


def test_groups_and_source_check_of_the_primary_interface(ec2):
    """ModifyInstanceAttribute reaches through to the interface."""
    identifier = running(ec2)["InstanceId"]
    group = ec2.create_security_group(GroupName="web", Description="web")["GroupId"]
    ec2.modify_instance_attribute(InstanceId=identifier, Groups=[group])
    ec2.modify_instance_attribute(InstanceId=identifier, SourceDestCheck={"Value": False})
    row = instance(ec2, identifier)
    assert row["SecurityGroups"] == [{"GroupId": group, "GroupName": "web"}] and row["SourceDestCheck"] is False
    assert row["NetworkInterfaces"][0]["Groups"] == row["SecurityGroups"]


def test_volumes_may_be_kept(ec2):
    """DeleteOnTermination is changed by BlockDeviceMappings."""
    row = running(ec2)
    (mapping,) = row["BlockDeviceMappings"]
    change = {"DeviceName": mapping["DeviceName"], "Ebs": {"DeleteOnTermination": False}}
    ec2.modify_instance_attribute(InstanceId=row["InstanceId"], BlockDeviceMappings=[change])
    ec2.terminate_instances(InstanceIds=[row["InstanceId"]])
    reached(ec2, row["InstanceId"], "terminated")
    (left,) = ec2.describe_volumes(VolumeIds=[mapping["Ebs"]["VolumeId"]])["Volumes"]
    assert left["State"] == "available"


def test_metadata_options_and_their_defaults(ec2):
    """Changed at once; the account's defaults hold for what is launched afterwards."""
    (row,) = launched(ec2)
    changed = ec2.modify_instance_metadata_options(InstanceId=row["InstanceId"], HttpTokens="required")
    assert changed["InstanceMetadataOptions"]["HttpTokens"] == "required"
    ec2.modify_instance_metadata_defaults(HttpTokens="required", HttpPutResponseHopLimit=2)
    assert ec2.get_instance_metadata_defaults()["AccountLevel"]["HttpPutResponseHopLimit"] == 2
    options = launched(ec2)[0]["MetadataOptions"]
    assert (options["HttpTokens"], options["HttpPutResponseHopLimit"]) == ("required", 2)


def test_instance_profiles(cloud, account, ec2):
    """Associate, describe, replace, disassociate; one at a time."""
    iam = cloud.client("iam", account=account)
    for name in ("one", "two"):
        iam.create_instance_profile(InstanceProfileName=name)
    identifier = running(ec2)["InstanceId"]
    made = ec2.associate_iam_instance_profile(InstanceId=identifier, IamInstanceProfile={"Name": "one"})
    association = made["IamInstanceProfileAssociation"]["AssociationId"]
    with pytest.raises(ClientError) as error:
        ec2.associate_iam_instance_profile(InstanceId=identifier, IamInstanceProfile={"Name": "two"})
    assert code_of(error)[0] == "IncorrectState"
    replaced = ec2.replace_iam_instance_profile_association(
        AssociationId=association, IamInstanceProfile={"Name": "two"}
    )["IamInstanceProfileAssociation"]["AssociationId"]
    (shown,) = ec2.describe_iam_instance_profile_associations(
        Filters=[{"Name": "instance-id", "Values": [identifier]}]
    )["IamInstanceProfileAssociations"]
    assert shown["AssociationId"] == replaced and shown["IamInstanceProfile"]["Arn"].endswith("/two")
    assert instance(ec2, identifier)["IamInstanceProfile"]["Arn"].endswith("/two")
    ec2.disassociate_iam_instance_profile(AssociationId=replaced)
    assert ec2.describe_iam_instance_profile_associations()["IamInstanceProfileAssociations"] == []
    with pytest.raises(ClientError) as error:
        ec2.disassociate_iam_instance_profile(AssociationId=replaced)
    assert code_of(error)[0] == "NoSuchAssociation"


def test_state_changes_are_events(cloud, account, ec2):
    """EventBridge rules on "EC2 Instance State-change Notification" are how many react to instances."""
    sqs, events = cloud.client("sqs", account=account), cloud.client("events", account=account)
    url = sqs.create_queue(QueueName="states")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{account}:states"
    events.put_rule(Name="states", EventPattern=json.dumps({"source": ["aws.ec2"]}))
    events.put_targets(Rule="states", Targets=[{"Id": "q", "Arn": arn}])
    identifier = running(ec2)["InstanceId"]
    ec2.terminate_instances(InstanceIds=[identifier])
    seen: set[str] = set()
    deadline = time.monotonic() + 20
    while "terminated" not in seen and time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
            event = json.loads(message["Body"])
            assert event["detail-type"] == "EC2 Instance State-change Notification"
            assert event["detail"]["instance-id"] == identifier
            seen.add(event["detail"]["state"])
    assert seen >= {"pending", "running", "shutting-down", "terminated"}


def test_tags_by_create_tags(ec2):
    """Instances are resources like all others."""
    (row,) = launched(ec2)
    ec2.create_tags(Resources=[row["InstanceId"]], Tags=[{"Key": "Name", "Value": "web"}])
    assert instance(ec2, row["InstanceId"])["Tags"] == [{"Key": "Name", "Value": "web"}]
    until(lambda: found(ec2, "tag:Name", "web") == {row["InstanceId"]})
