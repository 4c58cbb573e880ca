"""VPCs, and what every Describe shares: ids, filters, pages, tags, dry runs."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of


def test_account_finds_a_default_vpc(ec2):
    """As in AWS: one default VPC, and no second one by the same call."""
    (vpc,) = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    assert vpc["CidrBlock"] == "172.31.0.0/16"
    with pytest.raises(ClientError) as error:
        ec2.create_default_vpc()
    assert code_of(error)[0] == "DefaultVpcAlreadyExists"


def test_deleted_default_vpc_stays_deleted_until_asked_for(ec2):
    """The account's first call makes one; later ones must not bring a deleted one back."""
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.delete_vpc(VpcId=made)
    assert [vpc["IsDefault"] for vpc in ec2.describe_vpcs()["Vpcs"]] == [True]


def test_vpc_lives_and_dies(ec2):
    """Create with tags, describe, change attributes, delete, and the words for what is gone."""
    spec = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "main"}]}]
    vpc = ec2.create_vpc(CidrBlock="10.1.7.0/16", TagSpecifications=spec)["Vpc"]
    assert (vpc["CidrBlock"], vpc["IsDefault"], vpc["State"]) == ("10.1.0.0/16", False, "available")
    assert vpc["Tags"] == spec[0]["Tags"]
    ec2.modify_vpc_attribute(VpcId=vpc["VpcId"], EnableDnsHostnames={"Value": True})
    shown = ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute="enableDnsHostnames")
    assert shown["EnableDnsHostnames"] == {"Value": True}
    ec2.delete_vpc(VpcId=vpc["VpcId"])
    with pytest.raises(ClientError) as error:
        ec2.describe_vpcs(VpcIds=[vpc["VpcId"]])
    assert code_of(error) == ("InvalidVpcID.NotFound", f"The vpc ID '{vpc['VpcId']}' does not exist")


def test_blocks_that_are_refused(ec2):
    """Malformed and out of range are different errors."""
    with pytest.raises(ClientError) as error:
        ec2.create_vpc(CidrBlock="10.0.0.0")
    assert code_of(error)[0] == "InvalidParameterValue"
    with pytest.raises(ClientError) as error:
        ec2.create_vpc(CidrBlock="10.0.0.0/8")
    assert code_of(error) == ("InvalidVpc.Range", "The CIDR '10.0.0.0/8' is invalid.")


def test_dry_run_changes_nothing(ec2):
    """412 and the sentence that tools look for."""
    with pytest.raises(ClientError) as error:
        ec2.create_vpc(CidrBlock="10.0.0.0/16", DryRun=True)
    assert code_of(error) == ("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert len(ec2.describe_vpcs()["Vpcs"]) == 1


def test_filters_with_wildcards_and_tags(ec2):
    """Any value of a filter, all of the filters; unknown names are refused."""
    made = [ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"] for number in (1, 2, 11)]
    ec2.create_tags(Resources=made[:2], Tags=[{"Key": "team", "Value": "a*b"}])

    def found(name: str, *values: str) -> set[str]:
        return {vpc["VpcId"] for vpc in ec2.describe_vpcs(Filters=[{"Name": name, "Values": values}])["Vpcs"]}

    assert found("cidr", "10.1*") == {made[0], made[2]}
    assert found("cidr", "10.?.0.0/16") == set(made[:2])
    assert found("tag:team", "a\\*b") == set(made[:2])
    assert found("tag-key", "te?m") == set(made[:2])
    assert found("cidr-block-association.state", "associated", "other") >= set(made)
    with pytest.raises(ClientError) as error:
        found("colour", "blue")
    assert code_of(error) == ("InvalidParameterValue", "The filter 'colour' is invalid")


def test_pages(ec2):
    """Every VPC on one page only, in a stable order; MaxResults has bounds and excludes ids."""
    made = {ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"] for number in range(12)}
    pages = list(ec2.get_paginator("describe_vpcs").paginate(PaginationConfig={"PageSize": 5}))
    seen = [vpc["VpcId"] for one in pages for vpc in one["Vpcs"]]
    assert [len(one["Vpcs"]) for one in pages] == [5, 5, 3]
    assert len(set(seen)) == 13 and made < set(seen)
    with pytest.raises(ClientError) as error:
        ec2.describe_vpcs(MaxResults=5, VpcIds=seen[:1])
    assert code_of(error)[0] == "InvalidParameterCombination"
    with pytest.raises(ClientError) as error:
        ec2.describe_vpcs(MaxResults=5, NextToken="nonsense")
    assert code_of(error)[0] == "InvalidNextToken"


def test_tags_come_and_go(ec2):
    """CreateTags overwrites, DeleteTags minds values, DescribeTags finds by all it has."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "a", "Value": "3"}])
    ec2.delete_tags(Resources=[vpc], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b"}])
    (tag,) = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [vpc]}])["Tags"]
    assert tag == {"Key": "a", "ResourceId": vpc, "ResourceType": "vpc", "Value": "3"}
    assert ec2.describe_tags(Filters=[{"Name": "tag:a", "Values": ["3"]}])["Tags"] == [tag]
    with pytest.raises(ClientError) as error:
        ec2.create_tags(Resources=[vpc], Tags=[{"Key": "aws:x", "Value": ""}])
    assert code_of(error) == ("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
    with pytest.raises(ClientError) as error:
        ec2.create_tags(Resources=["vpc-0123", "nonsense"], Tags=[{"Key": "x", "Value": ""}])
    assert code_of(error)[0] in ("InvalidVpcID.NotFound", "InvalidID")


def test_regions_and_zones(ec2):
    """The lists that every tool asks for first."""
    regions = {region["RegionName"] for region in ec2.describe_regions()["Regions"]}
    assert "eu-west-1" in regions and "af-south-1" not in regions
    zones = ec2.describe_availability_zones(ZoneNames=["us-east-1b"])["AvailabilityZones"]
    assert [(zone["ZoneName"], zone["ZoneId"]) for zone in zones] == [("us-east-1b", "use1-az2")]


def test_peerings_end_with_their_vpc(ec2):
    """Deleting a VPC deletes its peering connections, for the other side too."""
    pair = [ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"] for cidr in ("10.0.0.0/16", "10.1.0.0/16")]
    made = ec2.create_vpc_peering_connection(VpcId=pair[0], PeerVpcId=pair[1])["VpcPeeringConnection"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=made["VpcPeeringConnectionId"])
    ec2.delete_vpc(VpcId=pair[0])
    (shown,) = ec2.describe_vpc_peering_connections()["VpcPeeringConnections"]
    assert shown["Status"]["Code"] == "deleted"
