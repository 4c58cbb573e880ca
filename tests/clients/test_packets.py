"""Packets between real guests go by what the API says: groups, revokes, ACLs, NAT, peering."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.api.ec2.waiting import image, reached, until
from tests.clients.guests import Shell, guest_cloud, key_pair
from tests.running import RunningCloud

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
_ANYWHERE = [{"CidrIp": "0.0.0.0/0"}]
_SERVE = "#!/bin/sh\nmkdir -p /srv/www && hostname > /srv/www/index.html\nbusybox httpd -p 8080 -h /srv/www\n"
_SERVE += "busybox httpd -p 9090 -h /srv/www\n"
TIMED_OUT = 28
"""curl's exit code: no answer at all, as from a port that a group doesn't open (a refusal would be 7)."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[RunningCloud]:
    yield from guest_cloud()


@pytest.fixture(scope="module")
def ec2(cloud: RunningCloud) -> Any:
    return cloud.client("ec2")


@dataclass
class World:
    """A VPC with a public and a private subnet, and a guest in each, of two groups."""

    vpc: str
    public: str
    private: str
    near: str
    far: str
    private_table: str
    front: dict[str, Any]
    back: dict[str, Any]
    inside: Shell
    """A shell on the guest in front."""
    behind: Shell


def _network(ec2: Any, block: str) -> tuple[str, str, str, str, str]:
    vpc = ec2.create_vpc(CidrBlock=f"{block}.0.0/16")["Vpc"]["VpcId"]
    public, private = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"{block}.{number}.0/24")["Subnet"]["SubnetId"] for number in (1, 2)
    )
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    tables = [ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2)]
    for table, subnet in zip(tables, (public, private), strict=True):
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    ec2.create_route(RouteTableId=tables[0], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    return vpc, public, private, tables[0], tables[1]


def _group(ec2: Any, vpc: str, name: str, **source: Any) -> str:
    group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
    _open(ec2, group, 22, **source)
    return str(group)


def _open(ec2: Any, group: str, port: int, **source: Any) -> None:
    rule = [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rule)


def _close(ec2: Any, group: str, port: int, **source: Any) -> None:
    rule = [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}]
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=rule)


def _launch(ec2: Any, subnet: str, group: str, *, public: bool) -> dict[str, Any]:
    nic = {"DeviceIndex": 0, "SubnetId": subnet, "Groups": [group], "AssociatePublicIpAddress": public}
    made = ec2.run_instances(ImageId=image(ec2), InstanceType="t3.micro", MinCount=1, MaxCount=1, KeyName="packets",
                             UserData=_SERVE, NetworkInterfaces=[nic])["Instances"][0]  # fmt: skip
    return reached(ec2, made["InstanceId"], "running", 180)


@pytest.fixture(scope="module")
def world(ec2: Any, tmp_path_factory: pytest.TempPathFactory) -> World:
    key = key_pair(ec2, tmp_path_factory.mktemp("keys"), "packets")
    vpc, public, private, _, private_table = _network(ec2, "10.20")
    near = _group(ec2, vpc, "near", IpRanges=_ANYWHERE)
    far = _group(ec2, vpc, "far", UserIdGroupPairs=[{"GroupId": near}])
    front, back = _launch(ec2, public, near, public=True), _launch(ec2, private, far, public=False)
    inside = Shell(key, front["PublicIpAddress"])
    behind = Shell(key, back["PrivateIpAddress"], through=front["PublicIpAddress"])
    for shell in (inside, behind):
        until(lambda one=shell: one.run("curl -s -m 2 -o /dev/null localhost:9090/ && echo up"), 90)
    return World(vpc, public, private, near, far, private_table, front, back, inside, behind)


def _fetch(shell: Shell, address: str, port: int, timeout: int = 2) -> int:
    """curl's exit code for a page of a guest's."""
    return shell.tried(f"curl -s -m {timeout} -o /dev/null http://{address}:{port}/").returncode


def test_groups_open_one_port_and_a_revoke_counts_at_once(ec2: Any, world: World) -> None:
    """What isn't opened is silence, not a refusal; a connection under way dies with its rule."""
    address, source = world.back["PrivateIpAddress"], {"UserIdGroupPairs": [{"GroupId": world.near}]}
    assert _fetch(world.inside, address, 8080) == TIMED_OUT
    _open(ec2, world.far, 8080, **source)
    assert _fetch(world.inside, address, 8080) == 0
    assert _fetch(world.inside, address, 9090) == TIMED_OUT
    # A connection that is open, and asks after the revoke: the next packet is lost.
    talk = f"exec 3<>/dev/tcp/{address}/8080; echo open; read -r go; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; "
    talk += "read -r -t 4 line <&3 && echo heard || echo silence"
    with world.inside.begun(f"bash -c '{_quoted(talk)}'") as talking:
        assert talking.stdout is not None and talking.stdin is not None
        assert talking.stdout.readline().strip() == "open"
        _close(ec2, world.far, 8080, **source)
        talking.stdin.write("go\n")
        talking.stdin.flush()
        assert talking.stdout.readline().strip() == "silence"
    assert _fetch(world.inside, address, 8080) == TIMED_OUT


def test_an_acl_denies_what_groups_allow(ec2: Any, world: World) -> None:
    """Its numbers decide, and it knows nothing of connections."""
    address, source = world.back["PrivateIpAddress"], {"UserIdGroupPairs": [{"GroupId": world.near}]}
    _open(ec2, world.far, 8080, **source)
    wanted = [{"Name": "vpc-id", "Values": [world.vpc]}]
    (acl,) = ec2.describe_network_acls(Filters=wanted)["NetworkAcls"]
    entry = {"NetworkAclId": acl["NetworkAclId"], "RuleNumber": 50, "Egress": False}
    ec2.create_network_acl_entry(**entry, Protocol="6", RuleAction="deny", CidrBlock="10.20.1.0/24",
                                 PortRange={"From": 8080, "To": 8080})  # fmt: skip
    assert _fetch(world.inside, address, 8080) == TIMED_OUT
    ec2.delete_network_acl_entry(**entry)
    assert _fetch(world.inside, address, 8080) == 0
    _close(ec2, world.far, 8080, **source)


def test_a_private_subnet_gets_out_by_nat_alone(ec2: Any, world: World) -> None:
    """The public address of the guest in front is outside of the VPC: who comes by NAT comes as the gateway."""
    outside = world.front["PublicIpAddress"]
    assert _fetch(world.behind, outside, 8080) != 0
    elastic = ec2.allocate_address(Domain="vpc")
    nat = ec2.create_nat_gateway(SubnetId=world.public, AllocationId=elastic["AllocationId"])["NatGateway"]
    _open(ec2, world.near, 8080, IpRanges=[{"CidrIp": f"{elastic['PublicIp']}/32"}])
    ec2.get_waiter("nat_gateway_available").wait(
        NatGatewayIds=[nat["NatGatewayId"]], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    route = {"RouteTableId": world.private_table, "DestinationCidrBlock": "0.0.0.0/0"}
    ec2.create_route(**route, NatGatewayId=nat["NatGatewayId"])
    assert _fetch(world.behind, outside, 8080, 5) == 0
    ec2.delete_route(**route)
    assert _fetch(world.behind, outside, 8080) != 0
    ec2.delete_nat_gateway(NatGatewayId=nat["NatGatewayId"])


def test_peers_reach_each_other_by_a_route_on_both_sides(ec2: Any, world: World) -> None:
    """Another VPC's guest is out of reach until the peering is accepted and both sides route to it."""
    vpc, public, _, table, _ = _network(ec2, "10.30")
    group = _group(ec2, vpc, "peer", IpRanges=_ANYWHERE)
    _open(ec2, group, 8080, IpRanges=[{"CidrIp": "10.20.0.0/16"}])
    other = _launch(ec2, public, group, public=True)
    address = other["PrivateIpAddress"]
    peering = ec2.create_vpc_peering_connection(VpcId=world.vpc, PeerVpcId=vpc)["VpcPeeringConnection"]
    identifier = peering["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=identifier)
    mine = [{"Name": "association.subnet-id", "Values": [world.public]}]
    (front_table,) = ec2.describe_route_tables(Filters=mine)["RouteTables"]
    ec2.create_route(RouteTableId=front_table["RouteTableId"], DestinationCidrBlock="10.30.0.0/16",
                     VpcPeeringConnectionId=identifier)  # fmt: skip
    assert _fetch(world.inside, address, 8080) != 0
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.20.0.0/16", VpcPeeringConnectionId=identifier)
    until(lambda: _fetch(world.inside, address, 8080, 3) == 0, 90)
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=identifier)
    assert _fetch(world.inside, address, 8080) != 0


def _quoted(text: str) -> str:
    return text.replace("'", "'\\''")


def test_blocked_public_access_stops_what_gateways_carry(ec2: Any, world: World) -> None:
    """The account's switch stands above routes and groups; an exclusion lifts it for a subnet."""
    assert world.inside.run("echo in") is not None
    ec2.modify_vpc_block_public_access_options(InternetGatewayBlockMode="block-bidirectional")
    try:
        assert world.inside.run("echo in") is None
        made = ec2.create_vpc_block_public_access_exclusion(
            SubnetId=world.public, InternetGatewayExclusionMode="allow-bidirectional"
        )["VpcBlockPublicAccessExclusion"]
        assert world.inside.run("echo in") is not None
        ec2.delete_vpc_block_public_access_exclusion(ExclusionId=made["ExclusionId"])
        assert world.inside.run("echo in") is None
    finally:
        ec2.modify_vpc_block_public_access_options(InternetGatewayBlockMode="off")
    assert world.inside.run("echo in") is not None
