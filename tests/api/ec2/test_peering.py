"""VPC peering connections: who may do what in which state, across accounts and regions."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.conftest import _accounts, code_of


def vpc_of(ec2, cidr):
    return ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]


def shown(ec2, identifier):
    return ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[identifier])["VpcPeeringConnections"][0]


@pytest.fixture
def pair(ec2):
    return vpc_of(ec2, "10.0.0.0/16"), vpc_of(ec2, "10.1.0.0/16")


def test_a_connection_lives_and_dies(ec2, account, pair):
    """Requested, accepted, routed, deleted: a route to it is active only while it is."""
    made = ec2.create_vpc_peering_connection(VpcId=pair[0], PeerVpcId=pair[1])["VpcPeeringConnection"]
    identifier = made["VpcPeeringConnectionId"]
    assert made["Status"]["Code"] == "initiating-request"
    waiting = shown(ec2, identifier)
    assert waiting["Status"] == {"Code": "pending-acceptance", "Message": f"Pending Acceptance by {account}"}
    assert "CidrBlock" not in waiting["AccepterVpcInfo"]
    accepted = ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=identifier)["VpcPeeringConnection"]
    assert accepted["Status"] == {"Code": "active", "Message": "Active"}
    assert accepted["AccepterVpcInfo"]["CidrBlock"] == "10.1.0.0/16"
    (table,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [pair[0]]}])["RouteTables"]
    route = {"RouteTableId": table["RouteTableId"], "DestinationCidrBlock": "10.1.0.0/16"}
    ec2.create_route(**route, VpcPeeringConnectionId=identifier)
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=identifier)
    assert shown(ec2, identifier)["Status"] == {"Code": "deleted", "Message": f"Deleted by {account}"}
    (table,) = ec2.describe_route_tables(RouteTableIds=[table["RouteTableId"]])["RouteTables"]
    assert [one["State"] for one in table["Routes"]] == ["active", "blackhole"]


def test_two_accounts_in_two_regions(cloud, ec2, account):
    """Only the asked account accepts, and only in its region; both see the same connection."""
    other = str(next(_accounts))
    theirs = cloud.client("ec2", account=other, region="eu-west-1")
    mine, peer = vpc_of(ec2, "10.0.0.0/16"), vpc_of(theirs, "10.1.0.0/16")
    identifier = ec2.create_vpc_peering_connection(
        VpcId=mine, PeerVpcId=peer, PeerOwnerId=other, PeerRegion="eu-west-1"
    )["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    with pytest.raises(ClientError) as error:
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=identifier)
    assert code_of(error) == ("OperationNotPermitted", f"User ({account}) cannot accept peering {identifier}")
    theirs.accept_vpc_peering_connection(VpcPeeringConnectionId=identifier)
    assert shown(ec2, identifier)["Status"]["Code"] == shown(theirs, identifier)["Status"]["Code"] == "active"
    option = {"AllowDnsResolutionFromRemoteVpc": True}
    answer = theirs.modify_vpc_peering_connection_options(
        VpcPeeringConnectionId=identifier, AccepterPeeringConnectionOptions=option
    )
    assert answer["AccepterPeeringConnectionOptions"]["AllowDnsResolutionFromRemoteVpc"]
    assert shown(ec2, identifier)["AccepterVpcInfo"]["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"]
    with pytest.raises(ClientError) as error:
        ec2.modify_vpc_peering_connection_options(
            VpcPeeringConnectionId=identifier, AccepterPeeringConnectionOptions=option
        )
    assert code_of(error)[0] == "OperationNotPermitted"
    theirs.delete_vpc_peering_connection(VpcPeeringConnectionId=identifier)
    assert shown(ec2, identifier)["Status"]["Message"] == f"Deleted by {other}"


def test_own_account_in_another_region(cloud, ec2, account):
    """The accepter's region is where it is accepted, whoever owns it."""
    there = cloud.client("ec2", account=account, region="eu-west-1")
    asked = {"VpcId": vpc_of(ec2, "10.0.0.0/16"), "PeerVpcId": vpc_of(there, "10.1.0.0/16"), "PeerRegion": "eu-west-1"}
    identifier = ec2.create_vpc_peering_connection(**asked)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    with pytest.raises(ClientError) as error:
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=identifier)
    assert code_of(error) == (
        "OperationNotPermitted",
        "Incorrect region (us-east-1) specified for this request. "
        f"VPC peering connection {identifier} must be accepted in region eu-west-1",
    )


def test_rejected_is_the_end(ec2, pair):
    """No way leads from rejected to active."""
    identifier = ec2.create_vpc_peering_connection(VpcId=pair[0], PeerVpcId=pair[1])["VpcPeeringConnection"][
        "VpcPeeringConnectionId"
    ]
    ec2.reject_vpc_peering_connection(VpcPeeringConnectionId=identifier)
    assert shown(ec2, identifier)["Status"]["Code"] == "rejected"
    with pytest.raises(ClientError) as error:
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=identifier)
    assert code_of(error) == (
        "InvalidStateTransition",
        f"{identifier} is not in the correct state for the request.",
    )


def test_overlapping_blocks_fail(ec2):
    """As AWS: the call is accepted, the connection has failed."""
    made = ec2.create_vpc_peering_connection(VpcId=vpc_of(ec2, "10.0.0.0/16"), PeerVpcId=vpc_of(ec2, "10.0.0.0/20"))
    assert shown(ec2, made["VpcPeeringConnection"]["VpcPeeringConnectionId"])["Status"]["Code"] == "failed"


def test_one_pair_has_one_connection(ec2, pair):
    """A second request between the same VPCs can't be accepted."""
    for once in range(2):
        identifier = ec2.create_vpc_peering_connection(VpcId=pair[once], PeerVpcId=pair[1 - once])[
            "VpcPeeringConnection"
        ]["VpcPeeringConnectionId"]
        if not once:
            ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=identifier)
    with pytest.raises(ClientError) as error:
        ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=identifier)
    assert code_of(error)[0] == "VpcPeeringConnectionAlreadyExists"


def test_there_is_no_classic_to_link_to(ec2):
    """Old tools ask, and take AWS's answer of today."""
    with pytest.raises(ClientError) as error:
        ec2.describe_vpc_classic_link()
    assert code_of(error) == (
        "UnsupportedOperation",
        "The functionality you requested is not available in this region.",
    )
