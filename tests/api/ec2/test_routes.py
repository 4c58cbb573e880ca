"""Route tables: routes and their targets, which subnets go by them, the main one."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of


@pytest.fixture
def vpc(ec2) -> str:
    return str(ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


@pytest.fixture
def table(ec2, vpc) -> str:
    return str(ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"])


@pytest.fixture
def subnet(ec2, vpc) -> str:
    return str(ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"])


def routes(ec2, table: str) -> dict[str, dict]:
    (found,) = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    return {one["DestinationCidrBlock"]: one for one in found["Routes"]}


def refused(call, **request) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    return code_of(error)


def test_route_lives_and_dies(ec2, vpc, table):
    """The local route is there by itself; a route whose gateway went is a black hole."""
    assert routes(ec2, table)["10.0.0.0/16"]["GatewayId"] == "local"
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    way = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway}
    assert refused(ec2.create_route, **way)[0] == "InvalidParameterValue"
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    assert ec2.create_route(**way)["Return"]
    assert refused(ec2.create_route, **way) == (
        "RouteAlreadyExists",
        "The route identified by 0.0.0.0/0 already exists.",
    )
    assert routes(ec2, table)["0.0.0.0/0"]["State"] == "active"
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    assert routes(ec2, table)["0.0.0.0/0"]["State"] == "blackhole"
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    assert refused(ec2.delete_route, RouteTableId=table, DestinationCidrBlock="0.0.0.0/0") == (
        "InvalidRoute.NotFound",
        f"no route with destination-cidr-block 0.0.0.0/0 in route table {table}",
    )


def test_routes_to_interfaces(ec2, table, subnet):
    """Replaced in place; what lies in the VPC may lead to an interface only; hosts' bits are cut off."""
    interface = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="192.168.7.9/16", NetworkInterfaceId=interface)
    assert routes(ec2, table)["192.168.0.0/16"]["NetworkInterfaceId"] == interface
    second = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    ec2.replace_route(RouteTableId=table, DestinationCidrBlock="192.168.0.0/16", NetworkInterfaceId=second)
    assert routes(ec2, table)["192.168.0.0/16"]["NetworkInterfaceId"] == second
    assert refused(
        ec2.replace_route, RouteTableId=table, DestinationCidrBlock="192.0.2.0/24", NetworkInterfaceId=second
    ) == (
        "InvalidParameterValue",
        "There is no route defined for '192.0.2.0/24' in the route table. Use CreateRoute instead.",
    )


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ({"GatewayId": "igw-0123456789abcdef0"}, "InvalidGatewayID.NotFound"),
        ({"NatGatewayId": "nat-0123456789abcdef0"}, "InvalidNatGatewayID.NotFound"),
        ({"NetworkInterfaceId": "eni-0123456789abcdef0"}, "InvalidNetworkInterfaceID.NotFound"),
        ({"InstanceId": "i-0123456789abcdef0"}, "InvalidInstanceID.NotFound"),
        ({"VpcPeeringConnectionId": "pcx-0123456789abcdef0"}, "InvalidVpcPeeringConnectionID.NotFound"),
        ({"TransitGatewayId": "tgw-0123456789abcdef0"}, "InvalidTransitGatewayID.NotFound"),
        ({}, "InvalidParameterValue"),
    ],
)
def test_targets_that_are_not_there(ec2, table, target, code):
    """Each kind's own words."""
    assert refused(ec2.create_route, RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **target)[0] == code


def test_subnets_go_by_tables(ec2, vpc, table, subnet):
    """Associated once; replaced and undone by the association's id; the main one can be another table."""
    made = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    assert ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"] == made
    other = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    assert refused(ec2.associate_route_table, RouteTableId=other, SubnetId=subnet)[0] == "Resource.AlreadyAssociated"
    assert refused(ec2.delete_route_table, RouteTableId=table)[0] == "DependencyViolation"
    new = ec2.replace_route_table_association(AssociationId=made, RouteTableId=other)["NewAssociationId"]
    (found,) = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["RouteTables"]
    assert found["RouteTableId"] == other
    ec2.disassociate_route_table(AssociationId=new)
    assert refused(ec2.disassociate_route_table, AssociationId=new)[0] == "InvalidAssociationID.NotFound"
    main_of_vpc = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
    (main,) = ec2.describe_route_tables(Filters=main_of_vpc)["RouteTables"]
    association = main["Associations"][0]["RouteTableAssociationId"]
    assert refused(ec2.disassociate_route_table, AssociationId=association)[0] == "InvalidParameterValue"
    ec2.replace_route_table_association(AssociationId=association, RouteTableId=table)
    (main,) = ec2.describe_route_tables(Filters=main_of_vpc)["RouteTables"]
    assert main["RouteTableId"] == table
    ec2.delete_route_table(RouteTableId=other)
