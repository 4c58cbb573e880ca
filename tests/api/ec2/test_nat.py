"""NAT gateways: what they hold, how they fail, what is left of them."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of
from tests.api.ec2.waiting import until


@pytest.fixture
def subnet(ec2):
    return ec2.describe_subnets()["Subnets"][0]


@pytest.fixture
def allocation(ec2):
    return ec2.allocate_address(Domain="vpc")["AllocationId"]


def shown(ec2, identifier):
    return ec2.describe_nat_gateways(NatGatewayIds=[identifier])["NatGateways"][0]


def reached(ec2, identifier, state):
    return until(lambda: (found := shown(ec2, identifier))["State"] == state and found)


def test_a_gateway_lives_and_dies(ec2, subnet, allocation):
    """It holds an interface and an elastic address; deleted, both are free, and it is told for a while."""
    made = ec2.create_nat_gateway(SubnetId=subnet["SubnetId"], AllocationId=allocation)["NatGateway"]
    assert made["State"] == "pending"
    identifier = made["NatGatewayId"]
    (address,) = reached(ec2, identifier, "available")["NatGatewayAddresses"]
    assert (address["AllocationId"], address["IsPrimary"], address["Status"]) == (allocation, True, "succeeded")
    (interface,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[address["NetworkInterfaceId"]])[
        "NetworkInterfaces"
    ]
    assert (interface["InterfaceType"], interface["Status"], interface["RequesterManaged"]) == (
        "nat_gateway",
        "in-use",
        True,
    )
    assert interface["Association"]["PublicIp"] == address["PublicIp"]
    with pytest.raises(ClientError) as error:
        ec2.release_address(AllocationId=allocation)
    assert code_of(error)[0] == "InvalidIPAddress.InUse"
    assert ec2.delete_nat_gateway(NatGatewayId=identifier)["NatGatewayId"] == identifier
    assert reached(ec2, identifier, "deleted")["DeleteTime"]
    ec2.release_address(AllocationId=allocation)
    assert not ec2.describe_network_interfaces()["NetworkInterfaces"]


def test_a_vpc_without_a_way_out_fails_it(ec2, allocation):
    """AWS accepts the call, and tells the reason later."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=allocation)["NatGateway"]["NatGatewayId"]
    failed = reached(ec2, made, "failed")
    assert (failed["FailureCode"], failed["FailureMessage"]) == (
        "Gateway.NotAttached",
        f"Network {vpc} has no Internet gateway attached",
    )


def test_an_address_leads_to_one_gateway_only(ec2, subnet, allocation):
    """The second one fails with AWS's reason; the first one stays."""
    first = ec2.create_nat_gateway(SubnetId=subnet["SubnetId"], AllocationId=allocation)["NatGateway"]
    second = ec2.create_nat_gateway(SubnetId=subnet["SubnetId"], AllocationId=allocation)["NatGateway"]
    assert reached(ec2, second["NatGatewayId"], "failed")["FailureCode"] == "Resource.AlreadyAssociated"
    reached(ec2, first["NatGatewayId"], "available")
    chosen = ec2.describe_nat_gateways(Filter=[{"Name": "state", "Values": ["available"]}])["NatGateways"]
    assert [one["NatGatewayId"] for one in chosen] == [first["NatGatewayId"]]


def test_further_addresses_come_and_go(ec2, subnet, allocation):
    """Secondary elastic addresses have private ones of their own; the primary one can't be taken away."""
    made = ec2.create_nat_gateway(SubnetId=subnet["SubnetId"], AllocationId=allocation)["NatGateway"]["NatGatewayId"]
    reached(ec2, made, "available")
    other = ec2.allocate_address(Domain="vpc")["AllocationId"]
    (added,) = ec2.associate_nat_gateway_address(NatGatewayId=made, AllocationIds=[other])["NatGatewayAddresses"]
    assert (added["AllocationId"], added["IsPrimary"]) == (other, False)
    both = shown(ec2, made)["NatGatewayAddresses"]
    assert len({one["PrivateIp"] for one in both}) == len({one["PublicIp"] for one in both}) == 2
    with pytest.raises(ClientError):
        ec2.disassociate_nat_gateway_address(NatGatewayId=made, AssociationIds=[both[0]["AssociationId"]])
    ec2.disassociate_nat_gateway_address(NatGatewayId=made, AssociationIds=[both[1]["AssociationId"]])
    assert len(shown(ec2, made)["NatGatewayAddresses"]) == 1
    ec2.release_address(AllocationId=other)


def test_the_same_token_makes_one(ec2, subnet, allocation):
    """A repeated request gets the first one's gateway."""
    asked = {"SubnetId": subnet["SubnetId"], "AllocationId": allocation, "ClientToken": "once"}
    first, second = (ec2.create_nat_gateway(**asked)["NatGateway"]["NatGatewayId"] for _ in range(2))
    assert first == second
    with pytest.raises(ClientError) as error:
        ec2.describe_nat_gateways(NatGatewayIds=["nat-0123456789abcdef0"])
    assert code_of(error)[0] == "NatGatewayNotFound"
