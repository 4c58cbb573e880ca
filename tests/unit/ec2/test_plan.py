"""The plan compiler: every table's rows become what the packet filter and the routers are told, and nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from haneul.engines.networks.port import NaclEntry, Route, Rule
from haneul.engines.networks.validity import check
from haneul.service import Scope
from haneul.services.ec2.vpc import defaults, interfaces, state
from haneul.services.ec2.vpc.plan import compile_plan
from haneul.state.memory import MemoryStore

SCOPE = Scope("000000000000", "us-east-1")
ANYWHERE = "0.0.0.0/0"


class World:
    """A store with a VPC, a subnet of it and an interface that lives."""

    def __init__(self, tx: Any) -> None:
        self.tx = tx
        self.vpc, self.subnet = self.place("10.0.0.0/16", "10.0.1.0/24")
        self.eni = self.live(self.subnet)

    def place(self, cidr: str, part: str) -> tuple[state.Vpc, state.Subnet]:
        vpc = defaults.make_vpc(self.tx, SCOPE, cidr, 1.0)
        acl = next(one for one in state.ACL.table.scan(self.tx, SCOPE) if one.vpc == vpc.id)
        subnet = state.Subnet(
            id=state.SUBNET.new_id(),
            vpc=vpc.id,
            zone="us-east-1a",
            cidr=part,
            created=1.0,
            acl=acl.id,
            acl_association="aclassoc-1",
        )
        state.SUBNET.table.put(self.tx, SCOPE, subnet)
        return vpc, subnet

    def live(self, subnet: state.Subnet, **options: Any) -> state.NetworkInterface:
        made = interfaces.make(self.tx, SCOPE, 1.0, subnet, **options)
        interfaces.set_live(self.tx, SCOPE, made, True)
        return made

    def group(self, vpc: state.Vpc, *rules: dict[str, Any]) -> str:
        row = state.SecurityGroup(id=state.GROUP.new_id(), vpc=vpc.id, name="g", description="g", created=1.0)
        state.GROUP.table.put(self.tx, SCOPE, row)
        for rule in rules:
            fresh = state.GroupRule(id=state.RULE.new_id(), group=row.id, **({"egress": False} | rule))
            state.RULE.table.put(self.tx, SCOPE, fresh)
        return row.id

    def route(self, **route: str) -> None:
        (table,) = (one for one in state.ROUTE_TABLE.table.scan(self.tx, SCOPE) if one.vpc == self.vpc.id)
        table.routes.append(dict(route))
        state.ROUTE_TABLE.table.put(self.tx, SCOPE, table)

    def plan(self) -> Any:
        plan = compile_plan(self.tx, SCOPE, self.vpc.id)
        assert plan is not None
        check(plan)
        return plan

    def routes(self) -> dict[str, Route]:
        return {one.destination: one for one in self.plan().subnets[0].routes}

    def rules(self, group: str) -> tuple[Rule, ...]:
        return tuple(next(one.ingress for one in self.plan().groups if one.id == group))


@pytest.fixture
def world() -> Iterator[World]:
    with MemoryStore().write() as tx:
        yield World(tx)


def test_only_what_lives_is_planned(world):
    """A VPC in which nothing runs isn't in the kernel; one in which something does has names and addresses."""
    (eni,) = world.plan().enis
    assert (eni.addresses, eni.hostname, eni.mac) == (("10.0.1.4",), "ip-10-0-1-4", world.eni.mac)
    assert world.plan().names == (("ip-10-0-1-4.ec2.internal", "10.0.1.4"),)
    interfaces.make(world.tx, SCOPE, 1.0, world.subnet)
    assert len(world.plan().enis) == 1
    interfaces.set_live(world.tx, SCOPE, world.eni, False)
    assert compile_plan(world.tx, SCOPE, world.vpc.id) is None


def test_routes_lead_to_what_is_there(world):
    """A gateway of the VPC's own, an interface that lives; everything else is a black hole."""
    gateway = state.InternetGateway(id=state.GATEWAY.new_id(), created=1.0, vpc=world.vpc.id)
    state.GATEWAY.table.put(world.tx, SCOPE, gateway)
    world.route(DestinationCidrBlock=ANYWHERE, GatewayId=gateway.id)
    world.route(DestinationCidrBlock="192.0.2.0/24", NetworkInterfaceId=world.eni.id)
    world.route(DestinationCidrBlock="198.51.100.0/24", NatGatewayId="nat-0123")
    world.route(DestinationIpv6CidrBlock="::/0", GatewayId=gateway.id)
    assert world.plan().igw
    assert world.routes() == {
        ANYWHERE: Route(ANYWHERE, "igw", gateway.id),
        "192.0.2.0/24": Route("192.0.2.0/24", "eni", world.eni.id),
        "198.51.100.0/24": Route("198.51.100.0/24", "blackhole", "nat-0123"),
    }
    gateway.vpc = ""
    state.GATEWAY.table.put(world.tx, SCOPE, gateway)
    assert not world.plan().igw
    assert world.routes()[ANYWHERE].target == "blackhole"


def test_subnet_goes_by_its_own_table(world):
    """An associated table replaces the main one as a whole."""
    world.route(DestinationCidrBlock="192.0.2.0/24", NetworkInterfaceId=world.eni.id)
    table = state.RouteTable(id="rtb-1", vpc=world.vpc.id, created=1.0, associations={"rtbassoc-1": world.subnet.id})
    state.ROUTE_TABLE.table.put(world.tx, SCOPE, table)
    assert world.routes() == {}


def test_one_way_for_each_destination(world):
    """A route that names a block comes before a prefix list that holds it too, whichever was made first."""
    blocks = {"192.0.2.0/24": "", "198.51.100.0/24": ""}
    row = state.PrefixList(id="pl-1", name="p", family="IPv4", created=1.0, size=2, entries=blocks)
    state.PREFIX_LIST.table.put(world.tx, SCOPE, row)
    world.route(DestinationPrefixListId="pl-1", NatGatewayId="nat-0123")
    world.route(DestinationCidrBlock="192.0.2.0/24", NetworkInterfaceId=world.eni.id)
    assert {cidr: one.target for cidr, one in world.routes().items()} == {
        "192.0.2.0/24": "eni",
        "198.51.100.0/24": "blackhole",
    }


def test_rules_of_groups(world):
    """Ports, ICMP's types, all; IPv6 lets no IPv4 in; a group of the same VPC is referred to by its id."""
    other = world.group(world.vpc)
    group = world.group(
        world.vpc,
        {"protocol": "tcp", "ports": (22, 22), "cidr": "10.0.0.0/8"},
        {"protocol": "icmp", "ports": (8, -1), "cidr": ANYWHERE},
        {"protocol": "-1", "cidr6": "::/0"},
        {"protocol": "-1", "peer": other},
    )
    found = world.rules(group)
    assert set(found) == {
        Rule("tcp", (22, 22), cidrs=("10.0.0.0/8",)),
        Rule("icmp", icmp=(8, -1), cidrs=(ANYWHERE,)),
        Rule("-1", groups=(other,)),
    }


def test_groups_across_a_peering(world):
    """Members of a peer's group by their addresses, and nobody once the peering is gone."""
    vpc, subnet = world.place("10.1.0.0/16", "10.1.1.0/24")
    far = world.group(vpc)
    world.live(subnet, groups=[far])
    group = world.group(world.vpc, {"protocol": "-1", "peer": far, "peer_owner": SCOPE.account})
    side = {"OwnerId": SCOPE.account, "Region": SCOPE.region}
    row = state.Peering(
        id="pcx-1",
        requester={**side, "VpcId": world.vpc.id, "CidrBlock": "10.0.0.0/16"},
        accepter={**side, "VpcId": vpc.id, "CidrBlock": "10.1.0.0/16"},
        status="active",
        created=1.0,
    )
    state.PEERING.table.put(world.tx, SCOPE, row)
    world.route(DestinationCidrBlock="10.1.0.0/16", VpcPeeringConnectionId="pcx-1")
    assert world.rules(group) == (Rule("-1", cidrs=("10.1.1.4/32",)),)
    assert world.routes()["10.1.0.0/16"] == Route("10.1.0.0/16", "pcx", "pcx-1")
    assert [(one.vpc, one.cidrs) for one in world.plan().peerings] == [(vpc.id, ("10.1.0.0/16",))]
    row.status = "deleted"
    state.PEERING.table.put(world.tx, SCOPE, row)
    assert world.rules(group) == (Rule("-1"),)
    assert world.routes()["10.1.0.0/16"].target == "blackhole"


def test_acl_entries(world):
    """In the order of their numbers, with the protocols' names; the list that a subnet has, not another."""
    acl = state.NetworkAcl(
        id="acl-1",
        vpc=world.vpc.id,
        created=1.0,
        entries=[
            {"RuleNumber": 200, "Egress": True, "Protocol": "-1", "RuleAction": "deny", "CidrBlock": ANYWHERE},
            {
                "RuleNumber": 100,
                "Egress": False,
                "Protocol": "6",
                "RuleAction": "allow",
                "CidrBlock": "10.0.0.0/8",
                "PortRange": {"From": 80, "To": 81},
            },
            {"RuleNumber": 110, "Egress": False, "Protocol": "-1", "RuleAction": "allow", "Ipv6CidrBlock": "::/0"},
        ],
    )
    state.ACL.table.put(world.tx, SCOPE, acl)
    world.subnet.acl = acl.id
    state.SUBNET.table.put(world.tx, SCOPE, world.subnet)
    assert world.plan().subnets[0].entries == (
        NaclEntry(100, False, True, "10.0.0.0/8", "tcp", (80, 81)),
        NaclEntry(200, True, False, ANYWHERE),
    )


def test_acl_that_is_gone_lets_nothing_pass(world):
    """A subnet whose list can't be found is closed, not open."""
    world.subnet.acl = "acl-gone"
    state.SUBNET.table.put(world.tx, SCOPE, world.subnet)
    assert world.plan().subnets[0].entries == ()


def test_dhcp_options(world):
    """The account's own servers, or the VPC's resolver."""
    assert (world.plan().dhcp.domain, world.plan().dhcp.servers) == ("ec2.internal", ())
    options = {"domain-name": ["corp.test"], "domain-name-servers": ["10.0.0.53"], "ntp-servers": ["10.0.0.123"]}
    state.DHCP.table.put(world.tx, SCOPE, state.DhcpOptions(id="dopt-1", options=options, created=1.0))
    world.vpc.dhcp = "dopt-1"
    state.VPC.table.put(world.tx, SCOPE, world.vpc)
    dhcp = world.plan().dhcp
    assert (dhcp.domain, dhcp.servers, dhcp.ntp) == ("corp.test", ("10.0.0.53",), ("10.0.0.123",))
