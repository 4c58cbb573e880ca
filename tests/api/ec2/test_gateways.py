"""Internet gateways: one for a VPC, attached and detached."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of


def refused(call, **request) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    return code_of(error)


def test_gateway_lives_and_dies(ec2):
    """Attached it can't be deleted, and neither it nor the VPC take a second one."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    first, second = (ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"] for _ in range(2))
    assert refused(ec2.detach_internet_gateway, InternetGatewayId=first, VpcId=vpc) == (
        "Gateway.NotAttached",
        f"resource {first} is not attached to network {vpc}",
    )
    ec2.attach_internet_gateway(InternetGatewayId=first, VpcId=vpc)
    (shown,) = ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [vpc]}])[
        "InternetGateways"
    ]
    assert shown["Attachments"] == [{"State": "available", "VpcId": vpc}]
    assert refused(ec2.attach_internet_gateway, InternetGatewayId=first, VpcId=vpc)[0] == "Resource.AlreadyAssociated"
    assert refused(ec2.attach_internet_gateway, InternetGatewayId=second, VpcId=vpc)[0] == "InvalidParameterValue"
    assert refused(ec2.delete_internet_gateway, InternetGatewayId=first)[0] == "DependencyViolation"
    ec2.detach_internet_gateway(InternetGatewayId=first, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=first)
    assert refused(ec2.delete_internet_gateway, InternetGatewayId=first)[0] == "InvalidInternetGatewayID.NotFound"


def test_gateway_stays_while_addresses_lead_in(ec2):
    """Elastic addresses must be unmapped first."""
    (vpc,) = ec2.describe_vpcs()["Vpcs"]
    (gateway,) = ec2.describe_internet_gateways()["InternetGateways"]
    interface = ec2.create_network_interface(SubnetId=ec2.describe_subnets()["Subnets"][0]["SubnetId"])
    ec2.associate_address(
        AllocationId=ec2.allocate_address()["AllocationId"],
        NetworkInterfaceId=interface["NetworkInterface"]["NetworkInterfaceId"],
    )
    named = {"InternetGatewayId": gateway["InternetGatewayId"], "VpcId": vpc["VpcId"]}
    assert refused(ec2.detach_internet_gateway, **named)[0] == "DependencyViolation"


def test_egress_only_gateway(ec2):
    """A row that IPv6 routes may name."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_egress_only_internet_gateway(VpcId=vpc)["EgressOnlyInternetGateway"]
    assert made["Attachments"] == [{"State": "attached", "VpcId": vpc}]
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    way = {
        "RouteTableId": table["RouteTableId"],
        "EgressOnlyInternetGatewayId": made["EgressOnlyInternetGatewayId"],
    }
    assert refused(ec2.create_route, DestinationCidrBlock="0.0.0.0/0", **way)[0] == "InvalidParameterValue"
    ec2.create_route(DestinationIpv6CidrBlock="::/0", **way)
    assert ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=made["EgressOnlyInternetGatewayId"])[
        "ReturnCode"
    ]
    assert ec2.describe_egress_only_internet_gateways()["EgressOnlyInternetGateways"] == []


def test_no_vpn_gateways(ec2):
    """CDK's lookup of a VPC filters for the one that is attached."""
    asked = [{"Name": "attachment.vpc-id", "Values": ["vpc-1"]}, {"Name": "state", "Values": ["available"]}]
    assert ec2.describe_vpn_gateways(Filters=asked)["VpnGateways"] == []
