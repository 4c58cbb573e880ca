"""Further blocks of VPCs, IPv6 as data, reservations of subnets, what an account may have."""

from __future__ import annotations

import ipaddress

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of


def refused(call, **request) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    return code_of(error)


def test_more_blocks(ec2):
    """Up to five; the primary one stays, and one that a subnet lies in."""
    vpc = ec2.create_vpc(CidrBlock="10.10.40.0/24")["Vpc"]
    for number in range(41, 45):
        made = ec2.associate_vpc_cidr_block(VpcId=vpc["VpcId"], CidrBlock=f"10.10.{number}.0/24")
        assert made["CidrBlockAssociation"]["CidrBlockState"]["State"] == "associating"
    assert refused(ec2.associate_vpc_cidr_block, VpcId=vpc["VpcId"], CidrBlock="10.10.50.0/24") == (
        "CidrLimitExceeded",
        f"This network {vpc['VpcId']} has met its maximum number of allowed CIDRs: 5",
    )
    subnet = ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock="10.10.44.0/28")["Subnet"]["SubnetId"]
    last = {"AssociationId": made["CidrBlockAssociation"]["AssociationId"]}
    assert refused(ec2.disassociate_vpc_cidr_block, **last)[0] == "InvalidCidrBlock.InUse"
    ec2.delete_subnet(SubnetId=subnet)
    ec2.disassociate_vpc_cidr_block(**last)
    (shown,) = ec2.describe_vpcs(VpcIds=[vpc["VpcId"]])["Vpcs"]
    assert len(shown["CidrBlockAssociationSet"]) == 4
    primary = shown["CidrBlockAssociationSet"][0]["AssociationId"]
    assert refused(ec2.disassociate_vpc_cidr_block, AssociationId=primary)[0] == "OperationNotPermitted"
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])["RouteTables"]
    assert len(table["Routes"]) == 4


def test_ipv6_as_data(ec2):
    """A /56 of Amazon's, a /64 of it for a subnet, an address of that for an interface."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]
    (block,) = vpc["Ipv6CidrBlockAssociationSet"]
    whole = ipaddress.IPv6Network(block["Ipv6CidrBlock"])
    assert whole.prefixlen == 56
    part = str(next(whole.subnets(new_prefix=64)))
    subnet = ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock="10.0.1.0/24", Ipv6CidrBlock=part)["Subnet"]
    assert subnet["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"] == part
    ec2.modify_subnet_attribute(SubnetId=subnet["SubnetId"], AssignIpv6AddressOnCreation={"Value": True})
    interface = ec2.create_network_interface(SubnetId=subnet["SubnetId"])["NetworkInterface"]
    (address,) = interface["Ipv6Addresses"]
    assert ipaddress.IPv6Address(address["Ipv6Address"]) in ipaddress.IPv6Network(part)
    identifier = interface["NetworkInterfaceId"]
    given = ec2.assign_ipv6_addresses(NetworkInterfaceId=identifier, Ipv6AddressCount=2)["AssignedIpv6Addresses"]
    association = subnet["Ipv6CidrBlockAssociationSet"][0]["AssociationId"]
    assert refused(ec2.disassociate_subnet_cidr_block, AssociationId=association)[0] == "InvalidCidrBlock.InUse"
    ec2.unassign_ipv6_addresses(NetworkInterfaceId=identifier, Ipv6Addresses=[*given, address["Ipv6Address"]])
    ec2.disassociate_subnet_cidr_block(AssociationId=association)
    ec2.disassociate_vpc_cidr_block(AssociationId=block["AssociationId"])
    other = {"VpcId": vpc["VpcId"], "CidrBlock": "10.0.2.0/24", "Ipv6CidrBlock": part}
    assert refused(ec2.create_subnet, **other)[0] == "InvalidSubnet.Range"


def test_reserved_addresses_are_not_chosen(ec2):
    """Given by name only, until the reservation goes."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    reservation = {"SubnetId": subnet, "Cidr": "10.0.1.0/28", "ReservationType": "explicit"}
    made = ec2.create_subnet_cidr_reservation(**reservation)["SubnetCidrReservation"]
    assert refused(ec2.create_subnet_cidr_reservation, **reservation)[0] == "InvalidParameterValue"
    assert ec2.get_subnet_cidr_reservations(SubnetId=subnet)["SubnetIpv4CidrReservations"] == [made]

    def address(**options) -> str:
        return str(ec2.create_network_interface(SubnetId=subnet, **options)["NetworkInterface"]["PrivateIpAddress"])

    assert address() == "10.0.1.16"
    assert address(PrivateIpAddress="10.0.1.5") == "10.0.1.5"
    ec2.delete_subnet_cidr_reservation(SubnetCidrReservationId=made["SubnetCidrReservationId"])
    assert address() == "10.0.1.4"


def test_account_attributes(ec2):
    """What old tools ask for first."""
    (vpc,) = ec2.describe_vpcs()["Vpcs"]
    shown = {
        one["AttributeName"]: one["AttributeValues"][0]["AttributeValue"]
        for one in ec2.describe_account_attributes()["AccountAttributes"]
    }
    assert (shown["default-vpc"], shown["supported-platforms"]) == (vpc["VpcId"], "VPC")


def test_tenancy(ec2):
    """Dedicated can become default, not the other way."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", InstanceTenancy="dedicated")["Vpc"]["VpcId"]
    assert ec2.modify_vpc_tenancy(VpcId=vpc, InstanceTenancy="default")["ReturnValue"]
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["InstanceTenancy"] == "default"
