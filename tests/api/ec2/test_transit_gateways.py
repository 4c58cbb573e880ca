"""Transit gateways and the gateways of VPNs, as Terraform and the SDKs use them."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import code_of


@pytest.fixture
def gateway(ec2):
    """A transit gateway's id."""
    made = ec2.create_transit_gateway(Description="hub", Options={"DnsSupport": "disable"})["TransitGateway"]
    assert made["State"] == "pending"
    return made["TransitGatewayId"]


def spoke(ec2, block: str, zone: str = "us-east-1a") -> tuple[str, str]:
    """A VPC with a subnet that takes all of it."""
    vpc = ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone)["Subnet"]["SubnetId"]
    return vpc, subnet


def attached(ec2, gateway: str, block: str) -> tuple[str, str]:
    """A VPC at the gateway: its id and the attachment's."""
    vpc, subnet = spoke(ec2, block)
    made = ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=gateway, VpcId=vpc, SubnetIds=[subnet])
    return vpc, made["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]


def table_of(ec2, gateway: str) -> str:
    (found,) = ec2.describe_transit_gateways(TransitGatewayIds=[gateway])["TransitGateways"]
    assert found["State"] == "available"
    assert found["Options"]["DnsSupport"] == "disable"
    return str(found["Options"]["AssociationDefaultRouteTableId"])


def test_attachments_join_the_default_tables(ec2, gateway):
    """What the first `terraform apply` of a hub counts on: VPCs hear of each other without another call."""
    table = table_of(ec2, gateway)
    _, one = attached(ec2, gateway, "10.1.0.0/24")
    vpc, other = attached(ec2, gateway, "10.2.0.0/24")
    associations = ec2.get_transit_gateway_route_table_associations(TransitGatewayRouteTableId=table)["Associations"]
    assert {row["TransitGatewayAttachmentId"] for row in associations} == {one, other}
    every = [{"Name": "type", "Values": ["propagated"]}]
    routes = ec2.search_transit_gateway_routes(TransitGatewayRouteTableId=table, Filters=every)["Routes"]
    assert [row["DestinationCidrBlock"] for row in routes] == ["10.1.0.0/24", "10.2.0.0/24"]
    told = ec2.describe_transit_gateway_attachments(TransitGatewayAttachmentIds=[other])["TransitGatewayAttachments"]
    assert (told[0]["ResourceId"], told[0]["ResourceType"], told[0]["State"]) == (vpc, "vpc", "available")
    assert told[0]["Association"] == {"TransitGatewayRouteTableId": table, "State": "associated"}


def test_static_routes_and_searches(ec2, gateway):
    """Static routes stand above propagated ones, and are found by how blocks lie in each other."""
    table = table_of(ec2, gateway)
    _, attachment = attached(ec2, gateway, "10.1.0.0/24")
    ask = {"TransitGatewayRouteTableId": table}
    made = ec2.create_transit_gateway_route(
        DestinationCidrBlock="10.0.0.0/8", TransitGatewayAttachmentId=attachment, **ask
    )["Route"]
    assert (made["Type"], made["State"]) == ("static", "active")
    hole = ec2.create_transit_gateway_route(DestinationCidrBlock="10.9.0.0/16", Blackhole=True, **ask)["Route"]
    assert hole["State"] == "blackhole"

    def found(name: str, value: str) -> list[str]:
        filters = [{"Name": name, "Values": [value]}]
        rows = ec2.search_transit_gateway_routes(Filters=filters, **ask)["Routes"]
        return [row["DestinationCidrBlock"] for row in rows]

    assert found("route-search.supernet-of-match", "10.9.1.0/24") == ["10.0.0.0/8", "10.9.0.0/16"]
    assert found("route-search.subnet-of-match", "10.1.0.0/16") == ["10.1.0.0/24"]
    assert found("state", "blackhole") == ["10.9.0.0/16"]
    with pytest.raises(ClientError) as error:
        ec2.create_transit_gateway_route(DestinationCidrBlock="10.9.0.0/16", Blackhole=True, **ask)
    assert code_of(error)[0] == "RouteAlreadyExists"
    assert ec2.delete_transit_gateway_route(DestinationCidrBlock="10.9.0.0/16", **ask)["Route"]["State"] == "deleted"
    assert found("state", "blackhole") == []


def test_routes_lead_to_a_gateway_that_the_vpc_is_at(ec2, gateway):
    """A VPC's route is refused without an attachment, and a black hole once that is gone."""
    vpc, subnet = spoke(ec2, "10.3.0.0/24")
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    route = {"RouteTableId": table, "DestinationCidrBlock": "10.0.0.0/8", "TransitGatewayId": gateway}
    with pytest.raises(ClientError) as error:
        ec2.create_route(**route)
    assert code_of(error) == ("InvalidTransitGatewayID.NotFound", f"The transitGateway ID '{gateway}' does not exist.")
    made = ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=gateway, VpcId=vpc, SubnetIds=[subnet])
    attachment = made["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    ec2.create_route(**route)
    with pytest.raises(ClientError) as error:
        ec2.delete_subnet(SubnetId=subnet)
    assert code_of(error)[0] == "DependencyViolation"
    ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attachment)
    (ended,) = ec2.describe_transit_gateway_vpc_attachments(TransitGatewayAttachmentIds=[attachment])[
        "TransitGatewayVpcAttachments"
    ]
    assert ended["State"] == "deleted"
    (shown,) = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    states = {one["DestinationCidrBlock"]: one["State"] for one in shown["Routes"]}
    assert states == {"10.3.0.0/24": "active", "10.0.0.0/8": "blackhole"}
    ec2.delete_transit_gateway(TransitGatewayId=gateway)
    (shown,) = ec2.describe_transit_gateways(TransitGatewayIds=[gateway])["TransitGateways"]
    assert shown["State"] == "deleted"  # what Terraform waits for
    with pytest.raises(ClientError) as error:
        ec2.delete_transit_gateway(TransitGatewayId=gateway)
    assert code_of(error)[1] == f"Transit Gateway {gateway} was deleted or does not exist."


def test_what_attachments_refuse(ec2, gateway):
    """One attachment for a VPC, one subnet for a zone."""
    vpc, _ = attached(ec2, gateway, "10.4.0.0/24")
    other = ec2.create_vpc(CidrBlock="10.5.0.0/16")["Vpc"]["VpcId"]
    pair = [
        ec2.create_subnet(VpcId=other, CidrBlock=f"10.5.{n}.0/24", AvailabilityZone="us-east-1b")["Subnet"]["SubnetId"]
        for n in (0, 1)
    ]
    with pytest.raises(ClientError) as error:
        ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=gateway, VpcId=other, SubnetIds=pair)
    assert code_of(error)[0] == "DuplicateSubnetsInSameZone"
    more = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"][0]["SubnetId"]
    with pytest.raises(ClientError) as error:
        ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=gateway, VpcId=vpc, SubnetIds=[more])
    assert code_of(error) == (
        "DuplicateTransitGatewayAttachment",
        f"{gateway} has non-deleted Transit Gateway Attachments with same VPC ID.",
    )
    with pytest.raises(ClientError) as error:
        ec2.delete_transit_gateway(TransitGatewayId=gateway)
    assert code_of(error)[0] == "IncorrectState"


def test_own_tables(ec2, gateway):
    """Association and propagation by hand, as in isolated routing domains."""
    _, attachment = attached(ec2, gateway, "10.6.0.0/24")
    table = ec2.create_transit_gateway_route_table(TransitGatewayId=gateway)["TransitGatewayRouteTable"]
    named = {
        "TransitGatewayRouteTableId": table["TransitGatewayRouteTableId"],
        "TransitGatewayAttachmentId": attachment,
    }
    with pytest.raises(ClientError) as error:
        ec2.associate_transit_gateway_route_table(**named)
    assert code_of(error)[0] == "Resource.AlreadyAssociated"
    ec2.disassociate_transit_gateway_route_table(
        TransitGatewayRouteTableId=table_of(ec2, gateway), TransitGatewayAttachmentId=attachment
    )
    assert ec2.associate_transit_gateway_route_table(**named)["Association"]["State"] == "associating"
    ec2.enable_transit_gateway_route_table_propagation(**named)
    with pytest.raises(ClientError) as error:
        ec2.enable_transit_gateway_route_table_propagation(**named)
    assert code_of(error)[0] == "TransitGatewayRouteTablePropagation.Duplicate"
    told = ec2.get_transit_gateway_attachment_propagations(TransitGatewayAttachmentId=attachment)
    assert len(told["TransitGatewayAttachmentPropagations"]) == 2
    ec2.disable_transit_gateway_route_table_propagation(**named)
    asked = {"TransitGatewayRouteTableId": table["TransitGatewayRouteTableId"]}
    assert ec2.get_transit_gateway_route_table_propagations(**asked)["TransitGatewayRouteTablePropagations"] == []


def test_virtual_private_gateways(ec2):
    """Attached, named by a route, heard by a table, detached, deleted and still told."""
    vpc, _ = spoke(ec2, "10.7.0.0/24")
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    gateway = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    with pytest.raises(ClientError) as error:
        ec2.enable_vgw_route_propagation(RouteTableId=table, GatewayId=gateway)
    assert code_of(error)[0] == "Gateway.NotAttached"
    ec2.attach_vpn_gateway(VpnGatewayId=gateway, VpcId=vpc)
    (shown,) = ec2.describe_vpn_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [vpc]}])["VpnGateways"]
    assert shown["VpcAttachments"] == [{"VpcId": vpc, "State": "attached"}]
    ec2.enable_vgw_route_propagation(RouteTableId=table, GatewayId=gateway)
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="192.168.0.0/16", GatewayId=gateway)
    (there,) = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    assert there["PropagatingVgws"] == [{"GatewayId": gateway}]
    assert there["Routes"][1]["State"] == "active"
    ec2.detach_vpn_gateway(VpnGatewayId=gateway, VpcId=vpc)
    (there,) = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    assert (there["PropagatingVgws"], there["Routes"][1]["State"]) == ([], "blackhole")
    ec2.delete_vpn_gateway(VpnGatewayId=gateway)
    assert ec2.describe_vpn_gateways(VpnGatewayIds=[gateway])["VpnGateways"][0]["State"] == "deleted"


def test_customer_gateways_and_the_connection_that_is_refused(ec2):
    """A device is told once; a VPN connection is checked in AWS's order and then refused."""
    device = {"Type": "ipsec.1", "IpAddress": "203.0.113.7", "BgpAsn": 65010}
    made = ec2.create_customer_gateway(**device)["CustomerGateway"]
    assert (made["BgpAsn"], made["State"]) == ("65010", "available")
    assert ec2.create_customer_gateway(**device)["CustomerGateway"]["CustomerGatewayId"] == made["CustomerGatewayId"]
    ask = {"Type": "ipsec.1", "CustomerGatewayId": made["CustomerGatewayId"]}
    with pytest.raises(ClientError) as error:
        ec2.create_vpn_connection(TransitGatewayId="tgw-0123456789abcdef0", **ask)
    assert code_of(error)[0] == "InvalidTransitGatewayID.NotFound"
    gateway = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    with pytest.raises(ClientError) as error:
        ec2.create_vpn_connection(VpnGatewayId=gateway, **ask)
    assert code_of(error)[0] == "UnsupportedOperation"
    ec2.delete_customer_gateway(CustomerGatewayId=made["CustomerGatewayId"])
    with pytest.raises(ClientError) as error:
        ec2.delete_customer_gateway(CustomerGatewayId=made["CustomerGatewayId"])
    assert code_of(error)[1] == f"The customerGateway ID '{made['CustomerGatewayId']}' does not exist"
