"""Subnets: blocks, conflicts, free addresses, the default ones."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of


@pytest.fixture
def vpc(ec2) -> str:
    return str(ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


def test_subnet_lives_and_dies(ec2, vpc):
    """What AWS fills in by itself; five addresses of every subnet are AWS's own."""
    made = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.7/24", AvailabilityZone="us-east-1b")["Subnet"]
    assert (made["CidrBlock"], made["AvailableIpAddressCount"], made["State"]) == ("10.0.1.0/24", 251, "available")
    assert (made["AvailabilityZoneId"], made["MapPublicIpOnLaunch"]) == ("use1-az2", False)
    ec2.modify_subnet_attribute(SubnetId=made["SubnetId"], MapPublicIpOnLaunch={"Value": True})
    (shown,) = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    assert shown["MapPublicIpOnLaunch"]
    ec2.delete_subnet(SubnetId=made["SubnetId"])
    with pytest.raises(ClientError) as error:
        ec2.delete_subnet(SubnetId=made["SubnetId"])
    assert code_of(error) == ("InvalidSubnetID.NotFound", f"The subnet ID '{made['SubnetId']}' does not exist")


@pytest.mark.parametrize(
    ("cidr", "code"),
    [
        ("10.0.0.128/25", "InvalidSubnet.Conflict"),
        ("10.1.0.0/24", "InvalidSubnet.Range"),
        ("10.0.8.0/29", "InvalidSubnet.Range"),
        ("10.0.8.0", "InvalidParameterValue"),
        ("nonsense", "InvalidParameterValue"),
    ],
)
def test_blocks_that_are_refused(ec2, vpc, cidr, code):
    """Overlaps, blocks outside the VPC's and no blocks at all are told apart."""
    ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")
    with pytest.raises(ClientError) as error:
        ec2.create_subnet(VpcId=vpc, CidrBlock=cidr)
    assert code_of(error)[0] == code


def test_default_subnet_comes_back(ec2):
    """One for each zone, no second one, and made anew when it was deleted."""
    (found,) = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["us-east-1c"]}])["Subnets"]
    assert found["DefaultForAz"] and found["MapPublicIpOnLaunch"]
    with pytest.raises(ClientError) as error:
        ec2.create_default_subnet(AvailabilityZone="us-east-1c")
    assert code_of(error)[0] == "DefaultSubnetAlreadyExistsInAvailabilityZone"
    ec2.delete_subnet(SubnetId=found["SubnetId"])
    again = ec2.create_default_subnet(AvailabilityZone="us-east-1c")["Subnet"]
    assert (again["CidrBlock"], again["DefaultForAz"]) == (found["CidrBlock"], True)


def test_subnet_in_use_stays(ec2, vpc):
    """A VPC with a subnet, and a subnet with an interface, have dependencies."""
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/28")["Subnet"]["SubnetId"]
    interface = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    (shown,) = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"]
    assert shown["AvailableIpAddressCount"] == 10
    for refused in (lambda: ec2.delete_subnet(SubnetId=subnet), lambda: ec2.delete_vpc(VpcId=vpc)):
        with pytest.raises(ClientError) as error:
            refused()
        assert code_of(error)[0] == "DependencyViolation"
    ec2.delete_network_interface(NetworkInterfaceId=interface)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


def test_subnets_of_ipv6_alone(ec2):
    """They are kept as AWS keeps them; no IPv4 block may be named, an IPv6 one must be."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    (whole,) = [one["Ipv6CidrBlock"] for one in vpc["Ipv6CidrBlockAssociationSet"]]
    asked = {"VpcId": vpc["VpcId"], "Ipv6Native": True}
    for more, code in (
        ({}, "MissingParameter"),
        ({"CidrBlock": "10.0.0.0/24"}, "MissingParameter"),
        ({"CidrBlock": "10.0.0.0/24", "Ipv6CidrBlock": whole}, "InvalidParameterCombination"),
    ):
        with pytest.raises(ClientError) as error:
            ec2.create_subnet(**asked, **more)
        assert code_of(error)[0] == code
    made = ec2.create_subnet(**asked, Ipv6CidrBlock=whole)["Subnet"]
    assert (made["Ipv6Native"], made["AssignIpv6AddressOnCreation"], made.get("CidrBlock")) == (True, True, None)
    beside = ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock="10.0.1.0/24")["Subnet"]
    assert beside["Ipv6Native"] is False
    with pytest.raises(ClientError) as error:
        ec2.create_network_interface(SubnetId=made["SubnetId"])
    assert code_of(error)[0] == "UnsupportedOperation"
    ec2.delete_subnet(SubnetId=made["SubnetId"])
