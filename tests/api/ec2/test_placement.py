"""Placement groups: names that are checked at launch, partitions that are given out, spread groups with a limit."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import instance, launched, reached


def refused(call, **request) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    return code_of(error)


def test_group_lives_and_dies(ec2, account):
    """Create with tags, describe by name, id and filter, and the words for what is there twice or not at all."""
    tags = [{"ResourceType": "placement-group", "Tags": [{"Key": "a", "Value": "b"}]}]
    made = ec2.create_placement_group(GroupName="near", Strategy="cluster", TagSpecifications=tags)["PlacementGroup"]
    assert (made["State"], made["Strategy"], made["Tags"]) == ("available", "cluster", tags[0]["Tags"])
    assert made["GroupArn"] == f"arn:aws:ec2:us-east-1:{account}:placement-group/near"
    assert ec2.describe_placement_groups(GroupNames=["near"])["PlacementGroups"] == [made]
    assert ec2.describe_placement_groups(GroupIds=[made["GroupId"]])["PlacementGroups"] == [made]
    asked = [{"Name": "strategy", "Values": ["spread"]}]
    assert ec2.describe_placement_groups(Filters=asked)["PlacementGroups"] == []
    assert refused(ec2.create_placement_group, GroupName="near", Strategy="spread") == (
        "InvalidPlacementGroup.Duplicate",
        "The placement group 'near' already exists.",
    )
    ec2.delete_placement_group(GroupName="near")
    assert refused(ec2.describe_placement_groups, GroupNames=["near"]) == (
        "InvalidPlacementGroup.Unknown",
        "The Placement Group 'near' is unknown.",
    )
    assert refused(ec2.delete_placement_group, GroupName="near")[0] == "InvalidPlacementGroup.Unknown"


def test_what_only_some_strategies_have(ec2):
    """Partitions and spread levels, with AWS's defaults and limits."""
    create = ec2.create_placement_group
    assert create(GroupName="p", Strategy="partition")["PlacementGroup"]["PartitionCount"] == 2
    assert create(GroupName="s", Strategy="spread")["PlacementGroup"]["SpreadLevel"] == "rack"
    assert refused(create, GroupName="x", Strategy="partition", PartitionCount=8)[0] == "InvalidParameterValue"
    assert refused(create, GroupName="x", Strategy="cluster", PartitionCount=2)[0] == "InvalidParameterCombination"
    assert refused(create, GroupName="x", Strategy="spread", SpreadLevel="host")[0] == "UnsupportedOperation"


def test_launches_into_groups(ec2):
    """A launch names a group that is there; a group with instances can't go."""
    assert refused(launched, ec2=ec2, Placement={"GroupName": "near"})[0] == "InvalidPlacementGroup.Unknown"
    ec2.create_placement_group(GroupName="near", Strategy="cluster")
    assert refused(launched, ec2=ec2, Placement={"GroupName": "near"}) == (
        "InvalidParameterCombination",
        "Cluster placement groups are not supported by the 't3.micro' instance type. Specify a supported instance type "
        "or change the placement group strategy, and try again.",
    )
    (row,) = launched(ec2, InstanceType="c5.large", Placement={"GroupName": "near"})
    assert row["Placement"]["GroupName"] == "near" and row["Placement"]["GroupId"].startswith("pg-")
    assert refused(ec2.delete_placement_group, GroupName="near") == (
        "InvalidPlacementGroup.InUse",
        "The placement group 'near' is in use and may not be deleted.",
    )
    ec2.terminate_instances(InstanceIds=[row["InstanceId"]])
    reached(ec2, row["InstanceId"], "terminated")
    ec2.delete_placement_group(GroupName="near")


def test_partitions_fill_evenly(ec2):
    """The emptiest partition first, unless one is asked for."""
    ec2.create_placement_group(GroupName="parts", Strategy="partition", PartitionCount=3)

    def partitions(count: int, **placement) -> list[int]:
        made = launched(ec2, MinCount=count, MaxCount=count, Placement={"GroupName": "parts", **placement})
        return [one["Placement"]["PartitionNumber"] for one in made]

    assert partitions(1, PartitionNumber=2) == [2]
    assert partitions(3) == [1, 3, 1]
    assert refused(launched, ec2=ec2, Placement={"GroupName": "parts", "PartitionNumber": 4})[0] == (
        "InvalidParameterValue"
    )


def test_spread_group_is_full_at_seven(ec2):
    """In a zone; a launch of fewer goes on as far as there is room."""
    ec2.create_placement_group(GroupName="wide", Strategy="spread")
    place = {"GroupName": "wide", "AvailabilityZone": "us-east-1a"}
    assert len(launched(ec2, MinCount=6, MaxCount=6, Placement=place)) == 6
    assert len(launched(ec2, MinCount=1, MaxCount=3, Placement=place)) == 1
    assert refused(launched, ec2=ec2, Placement=place)[0] == "InsufficientInstanceCapacity"
    elsewhere = {"GroupName": "wide", "AvailabilityZone": "us-east-1b"}
    assert len(launched(ec2, Placement=elsewhere)) == 1


def test_stopped_instances_change_their_group(ec2):
    """Into one that is there, and out of it."""
    ec2.create_placement_group(GroupName="parts", Strategy="partition")
    (row,) = launched(ec2)
    identifier = reached(ec2, row["InstanceId"], "running")["InstanceId"]
    ec2.stop_instances(InstanceIds=[identifier])
    reached(ec2, identifier, "stopped")
    assert refused(ec2.modify_instance_placement, InstanceId=identifier, GroupName="absent")[0] == (
        "InvalidPlacementGroup.Unknown"
    )
    ec2.modify_instance_placement(InstanceId=identifier, GroupName="parts")
    placement = instance(ec2, identifier)["Placement"]
    assert (placement["GroupName"], placement["PartitionNumber"]) == ("parts", 1)
    ec2.modify_instance_placement(InstanceId=identifier, GroupName="")
    assert "PartitionNumber" not in instance(ec2, identifier)["Placement"]
    ec2.delete_placement_group(GroupName="parts")
