"""Transit gateways in a VPC's plan: which VPCs it is linked to, and where its routes to the gateway lead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from haneul.engines.networks.port import Route
from haneul.services.ec2.transit import state as transit
from haneul.services.ec2.transit import ways
from haneul.services.ec2.vpc import state
from haneul.services.ec2.vpc.plan import compile_plan
from haneul.state.memory import MemoryStore
from tests.unit.ec2.test_plan import SCOPE, World

HUB = "tgw-0123456789abcdef0"


def attach(world: World, vpc: state.Vpc, subnet: state.Subnet, table: transit.TransitRouteTable) -> str:
    """A VPC at the hub that goes by a table, and is told in it."""
    row = transit.TransitAttachment(
        id=transit.TRANSIT_ATTACHMENT.new_id(),
        gateway=HUB,
        vpc=vpc.id,
        subnets=[subnet.id],
        created=1.0,
        table=table.id,
    )
    transit.TRANSIT_ATTACHMENT.table.put(world.tx, SCOPE, row)
    table.propagations = [*table.propagations, row.id]
    transit.TRANSIT_TABLE.table.put(world.tx, SCOPE, table)
    return row.id


@pytest.fixture
def world() -> Iterator[World]:
    with MemoryStore().write() as tx:
        yield World(tx)


@pytest.fixture
def table(world) -> transit.TransitRouteTable:
    """The hub's table; the world's VPC goes by it and sends it everything private."""
    made = transit.TransitRouteTable(id=transit.TRANSIT_TABLE.new_id(), gateway=HUB, created=1.0)
    attach(world, world.vpc, world.subnet, made)
    world.route(DestinationCidrBlock="10.0.0.0/8", TransitGatewayId=HUB)
    return made


def peers(world: World) -> dict[str, str]:
    return {one.vpc: one.id for one in world.plan().peerings}


def test_propagated_blocks_lead_to_their_vpcs(world, table):
    """Both sides name the same link; what the hub doesn't know is a black hole."""
    vpc, subnet = world.place("10.7.0.0/16", "10.7.1.0/24")
    world.live(subnet)
    assert world.routes()["10.0.0.0/8"].target == "blackhole"
    attach(world, vpc, subnet, table)
    link = peers(world)[vpc.id]
    assert world.routes()["10.7.0.0/16"] == Route("10.7.0.0/16", "pcx", link)
    assert world.routes()["10.0.0.0/8"].target == "blackhole"
    other: Any = compile_plan(world.tx, SCOPE, vpc.id)
    assert [(one.id, one.vpc) for one in other.peerings] == [(link, world.vpc.id)]


def test_static_routes_stand_above(world, table):
    """A static route covers what propagation doesn't, and a black hole takes away what it does."""
    vpc, subnet = world.place("10.7.0.0/16", "10.7.1.0/24")
    attachment = attach(world, vpc, subnet, table)
    table.routes = {"0.0.0.0/0": attachment, "10.7.0.0/16": ""}
    transit.TRANSIT_TABLE.table.put(world.tx, SCOPE, table)
    routes = world.routes()
    assert routes["10.0.0.0/8"] == Route("10.0.0.0/8", "pcx", peers(world)[vpc.id])
    assert routes["10.7.0.0/16"].target == "blackhole"


def test_another_zone_reaches_nothing(world, table):
    """An attachment serves the zones that it has subnets in, and a VPC that goes by no table sends nothing."""
    vpc, subnet = world.place("10.7.0.0/16", "10.7.1.0/24")
    attach(world, vpc, subnet, table)
    world.subnet.zone = "us-east-1b"
    (mine,) = (one for one in transit.TRANSIT_ATTACHMENT.table.scan(world.tx, SCOPE) if one.vpc == world.vpc.id)
    elsewhere = state.Subnet(
        **{**_members(world.subnet), "id": "subnet-2", "zone": "us-east-1a", "cidr": "10.0.2.0/24"}
    )
    for row in (world.subnet, elsewhere):
        state.SUBNET.table.put(world.tx, SCOPE, row)
    mine.subnets = [elsewhere.id]
    transit.TRANSIT_ATTACHMENT.table.put(world.tx, SCOPE, mine)
    by_id = {one.id: {way.destination: way.target for way in one.routes} for one in world.plan().subnets}
    assert "10.7.0.0/16" not in by_id[world.subnet.id]
    assert by_id[elsewhere.id]["10.7.0.0/16"] == "pcx"
    mine.table = ""
    transit.TRANSIT_ATTACHMENT.table.put(world.tx, SCOPE, mine)
    assert all(way.target != "pcx" for one in world.plan().subnets for way in one.routes)


def _members(row: state.Subnet) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def test_a_new_block_is_propagated(world, table):
    """What a VPC gets later, its neighbours' routes lead to: they are the ones to be told."""
    vpc, subnet = world.place("10.7.0.0/16", "10.7.1.0/24")
    attach(world, vpc, subnet, table)
    vpc.cidrs = {**vpc.cidrs, "vpc-cidr-assoc-2": "10.8.0.0/16"}
    state.VPC.table.put(world.tx, SCOPE, vpc)
    assert world.routes()["10.8.0.0/16"].target == "pcx"
    assert ways.neighbours(world.tx, SCOPE, vpc.id) == [world.vpc.id]
