"""DHCP options: what AWS takes, the set that every VPC starts with, and the VPC that holds one."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of


def test_options_live_and_die(ec2):
    """Keys and values come back in their order; a VPC keeps its set from being deleted."""
    made = ec2.create_dhcp_options(
        DhcpConfigurations=[
            {"Key": "domain-name", "Values": ["example.com"]},
            {"Key": "domain-name-servers", "Values": ["10.2.5.1", "10.2.5.2"]},
        ],
        TagSpecifications=[{"ResourceType": "dhcp-options", "Tags": [{"Key": "a", "Value": "b"}]}],
    )["DhcpOptions"]
    identifier = made["DhcpOptionsId"]
    assert made["DhcpConfigurations"][1]["Values"] == [{"Value": "10.2.5.1"}, {"Value": "10.2.5.2"}]
    (shown,) = ec2.describe_dhcp_options(Filters=[{"Name": "value", "Values": ["example.com"]}])["DhcpOptions"]
    assert shown == made
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.associate_dhcp_options(DhcpOptionsId=identifier, VpcId=vpc)
    with pytest.raises(ClientError) as error:
        ec2.delete_dhcp_options(DhcpOptionsId=identifier)
    assert code_of(error) == (
        "DependencyViolation",
        f"The dhcpOptions '{identifier}' has dependencies and cannot be deleted.",
    )
    ec2.associate_dhcp_options(DhcpOptionsId="default", VpcId=vpc)
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["DhcpOptionsId"] == "default"
    ec2.delete_dhcp_options(DhcpOptionsId=identifier)
    with pytest.raises(ClientError) as error:
        ec2.describe_dhcp_options(DhcpOptionsIds=[identifier])
    assert code_of(error)[0] == "InvalidDhcpOptionID.NotFound"


def test_every_vpc_starts_with_the_regions_own_set(cloud, account):
    """The default set names the region's domain and Amazon's resolver; all VPCs share it."""
    ec2 = cloud.client("ec2", account=account, region="eu-west-1")
    (shown,) = ec2.describe_dhcp_options()["DhcpOptions"]
    assert shown["DhcpConfigurations"] == [
        {"Key": "domain-name", "Values": [{"Value": "eu-west-1.compute.internal"}]},
        {"Key": "domain-name-servers", "Values": [{"Value": "AmazonProvidedDNS"}]},
    ]
    ec2.create_vpc(CidrBlock="10.0.0.0/16")
    assert {vpc["DhcpOptionsId"] for vpc in ec2.describe_vpcs()["Vpcs"]} == {shown["DhcpOptionsId"]}


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("domain", ["x"]),
        ("domain-name", ["a\nb"]),
        ("ntp-servers", ["1.2.3"]),
        ("netbios-node-type", ["3"]),
        ("ntp-servers", ["1.1.1.1"] * 5),
        ("domain-name", []),
    ],
)
def test_what_no_lease_may_carry_is_refused(ec2, key, values):
    """Values end in the resolver's configuration: only what they must be gets there."""
    with pytest.raises(ClientError) as error:
        ec2.create_dhcp_options(DhcpConfigurations=[{"Key": key, "Values": values}])
    assert code_of(error)[0] == "InvalidParameterValue"
