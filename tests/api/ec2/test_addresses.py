"""Elastic addresses: allocated from this cloud's own block, led to interfaces, given back."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of


@pytest.fixture
def interface(ec2) -> str:
    """An interface in the default VPC, which has an internet gateway."""
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    return str(ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"])


def test_address_is_led_and_released(ec2, interface):
    """In use it can't be released; the interface and the address show each other."""
    made = ec2.allocate_address(Domain="vpc")
    association = ec2.associate_address(AllocationId=made["AllocationId"], NetworkInterfaceId=interface)[
        "AssociationId"
    ]
    (shown,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    assert shown["Association"]["PublicIp"] == made["PublicIp"]
    assert shown["Association"]["AllocationId"] == made["AllocationId"]
    (address,) = ec2.describe_addresses(PublicIps=[made["PublicIp"]])["Addresses"]
    assert (address["AssociationId"], address["NetworkInterfaceId"]) == (association, interface)
    with pytest.raises(ClientError) as error:
        ec2.release_address(AllocationId=made["AllocationId"])
    assert code_of(error)[0] == "InvalidIPAddress.InUse"
    ec2.disassociate_address(AssociationId=association)
    ec2.release_address(AllocationId=made["AllocationId"])
    with pytest.raises(ClientError) as error:
        ec2.release_address(AllocationId=made["AllocationId"])
    assert code_of(error) == (
        "InvalidAllocationID.NotFound",
        f"The allocation ID '{made['AllocationId']}' does not exist",
    )


def test_reassociation_is_asked_for(ec2, interface):
    """An address that leads somewhere stays there unless its caller says otherwise."""
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    other = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    made = ec2.allocate_address()["AllocationId"]
    ec2.associate_address(AllocationId=made, NetworkInterfaceId=interface)
    with pytest.raises(ClientError) as error:
        ec2.associate_address(AllocationId=made, NetworkInterfaceId=other)
    assert code_of(error)[0] == "Resource.AlreadyAssociated"
    ec2.associate_address(AllocationId=made, NetworkInterfaceId=other, AllowReassociation=True)
    (shown,) = ec2.describe_addresses(AllocationIds=[made])["Addresses"]
    assert shown["NetworkInterfaceId"] == other
    (left,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    assert "Association" not in left


def test_no_gateway_no_address(ec2):
    """Without an internet gateway a public address would lead nowhere."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/28")["Subnet"]["SubnetId"]
    interface = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    made = ec2.allocate_address()["AllocationId"]
    with pytest.raises(ClientError) as error:
        ec2.associate_address(AllocationId=made, NetworkInterfaceId=interface)
    assert code_of(error)[0] == "Gateway.NotAttached"


def test_deleted_interface_frees_its_address(ec2, interface):
    """The allocation stays the account's."""
    made = ec2.allocate_address()["AllocationId"]
    ec2.associate_address(AllocationId=made, NetworkInterfaceId=interface)
    ec2.delete_network_interface(NetworkInterfaceId=interface)
    (shown,) = ec2.describe_addresses(AllocationIds=[made])["Addresses"]
    assert "AssociationId" not in shown


def test_reverse_names(ec2):
    """Told as they were given, with the last dot, and taken back."""
    made = ec2.allocate_address()["AllocationId"]
    shown = ec2.modify_address_attribute(AllocationId=made, DomainName="mail.example.test")["Address"]
    assert shown["PtrRecord"] == "mail.example.test."
    assert ec2.describe_addresses_attribute(AllocationIds=[made])["Addresses"] == [shown]
    ec2.reset_address_attribute(AllocationId=made, Attribute="domain-name")
    (shown,) = ec2.describe_addresses_attribute(AllocationIds=[made])["Addresses"]
    assert "PtrRecord" not in shown


@pytest.mark.parametrize(
    ("name", "request_", "code"),
    [
        ("disassociate_address", {}, "MissingParameter"),
        ("disassociate_address", {"AssociationId": "bogus"}, "InvalidAssociationID.NotFound"),
        ("release_address", {}, "MissingParameter"),
        ("release_address", {"AllocationId": "bogus"}, "InvalidAllocationID.NotFound"),
        ("describe_addresses", {"PublicIps": ["256.256.256.256"]}, "InvalidAddress.NotFound"),
        ("allocate_address", {"Domain": "bogus"}, "InvalidParameterValue"),
    ],
)
def test_addresses_that_are_not_there(ec2, name, request_, code):
    """AWS's words for each."""
    with pytest.raises(ClientError) as error:
        getattr(ec2, name)(**request_)
    assert code_of(error)[0] == code
