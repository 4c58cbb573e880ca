"""VPC endpoints: routes of gateway ones, interfaces and names of interface ones, the services there are."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of

S3 = "com.amazonaws.us-east-1.s3"
SQS = "com.amazonaws.us-east-1.sqs"


@pytest.fixture
def default(ec2):
    return ec2.describe_vpcs()["Vpcs"][0]["VpcId"]


def shown(ec2, identifier):
    return ec2.describe_vpc_endpoints(VpcEndpointIds=[identifier])["VpcEndpoints"][0]


def test_a_gateway_endpoint_is_a_route(ec2, default):
    """It comes and goes in the route tables that it names, to the service's prefix list."""
    (table,) = [one["RouteTableId"] for one in ec2.describe_route_tables()["RouteTables"]]
    made = ec2.create_vpc_endpoint(VpcId=default, ServiceName=S3, RouteTableIds=[table])["VpcEndpoint"]
    identifier = made["VpcEndpointId"]
    assert (made["State"], made["VpcEndpointType"], made["RouteTableIds"]) == ("available", "Gateway", [table])
    assert json.loads(made["PolicyDocument"])["Statement"][0]["Effect"] == "Allow"

    def routes():
        found = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        return [one["DestinationPrefixListId"] for one in found if one.get("GatewayId") == identifier]

    (prefix,) = routes()
    assert ec2.describe_prefix_lists(PrefixListIds=[prefix])["PrefixLists"][0]["PrefixListName"] == S3
    with pytest.raises(ClientError) as error:
        ec2.create_vpc_endpoint(VpcId=default, ServiceName=S3, RouteTableIds=[table])
    assert code_of(error)[0] == "RouteAlreadyExists"
    ec2.modify_vpc_endpoint(VpcEndpointId=identifier, RemoveRouteTableIds=[table])
    assert routes() == []
    ec2.modify_vpc_endpoint(VpcEndpointId=identifier, AddRouteTableIds=[table])
    assert routes() == [prefix]
    assert ec2.delete_vpc_endpoints(VpcEndpointIds=[identifier])["Unsuccessful"] == []
    assert routes() == []
    (gone,) = ec2.delete_vpc_endpoints(VpcEndpointIds=[identifier])["Unsuccessful"]
    assert gone["Error"]["Code"] == "InvalidVpcEndpoint.NotFound"
    with pytest.raises(ClientError) as error:
        shown(ec2, identifier)
    assert code_of(error) == ("InvalidVpcEndpointId.NotFound", f"The Vpc Endpoint Id '{identifier}' does not exist")


def test_an_interface_endpoint_has_addresses_and_names(ec2, default):
    """An interface in each subnet, guarded by groups; the service's own name among its DNS entries."""
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]][:2]
    made = ec2.create_vpc_endpoint(VpcEndpointType="Interface", VpcId=default, ServiceName=SQS, SubnetIds=subnets[:1])[
        "VpcEndpoint"
    ]
    identifier = made["VpcEndpointId"]
    assert made["State"] == "pending"
    found = shown(ec2, identifier)
    assert (found["State"], found["PrivateDnsEnabled"]) == ("available", True)
    assert [one["GroupName"] for one in found["Groups"]] == ["default"]
    assert found["DnsEntries"][-1]["DnsName"] == "sqs.us-east-1.amazonaws.com"
    (interface,) = ec2.describe_network_interfaces(NetworkInterfaceIds=found["NetworkInterfaceIds"])[
        "NetworkInterfaces"
    ]
    assert (interface["InterfaceType"], interface["Description"]) == (
        "vpc_endpoint",
        f"VPC Endpoint Interface {identifier}",
    )
    with pytest.raises(ClientError) as error:
        ec2.create_vpc_endpoint(VpcEndpointType="Interface", VpcId=default, ServiceName=SQS)
    assert "conflicting DNS domain for sqs.us-east-1.amazonaws.com" in code_of(error)[1]
    ec2.modify_vpc_endpoint(VpcEndpointId=identifier, AddSubnetIds=subnets[1:], PrivateDnsEnabled=False)
    found = shown(ec2, identifier)
    assert (len(found["NetworkInterfaceIds"]), found["PrivateDnsEnabled"]) == (2, False)
    ec2.modify_vpc_endpoint(VpcEndpointId=identifier, RemoveSubnetIds=subnets[:1])
    assert shown(ec2, identifier)["SubnetIds"] == subnets[1:]
    ec2.delete_vpc_endpoints(VpcEndpointIds=[identifier])
    assert not ec2.describe_network_interfaces()["NetworkInterfaces"]


def test_services_are_the_clouds_own(ec2, default):
    """S3 is offered both ways; what isn't there can't be led to."""
    answer = ec2.describe_vpc_endpoint_services(ServiceNames=[S3])
    assert sorted(one["ServiceType"][0]["ServiceType"] for one in answer["ServiceDetails"]) == ["Gateway", "Interface"]
    assert answer["ServiceNames"] == [S3]
    asked = [{"Name": "service-type", "Values": ["Gateway"]}]
    names = ec2.describe_vpc_endpoint_services(Filters=asked)["ServiceNames"]
    assert names == ["com.amazonaws.us-east-1.dynamodb", S3]
    with pytest.raises(ClientError) as error:
        ec2.create_vpc_endpoint(VpcId=default, ServiceName="com.amazonaws.us-east-1.quantum")
    assert code_of(error) == (
        "InvalidServiceName",
        "The Vpc Endpoint Service 'com.amazonaws.us-east-1.quantum' does not exist",
    )


def test_private_names_need_the_vpcs_dns(ec2):
    """AWS's condition for private DNS, in its words."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    with pytest.raises(ClientError) as error:
        ec2.create_vpc_endpoint(VpcEndpointType="Interface", VpcId=vpc, ServiceName=SQS)
    assert code_of(error)[1].startswith("Enabling private DNS requires both enableDnsSupport and enableDnsHostnames")
    ec2.create_vpc_endpoint(VpcEndpointType="Interface", VpcId=vpc, ServiceName=SQS, PrivateDnsEnabled=False)
    with pytest.raises(ClientError) as error:
        ec2.delete_vpc(VpcId=vpc)
    assert code_of(error)[0] == "DependencyViolation"
