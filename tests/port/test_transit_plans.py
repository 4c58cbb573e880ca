"""Transit gateways on packets: two VPCs reach each other through one, and no longer once an attachment is gone."""

from __future__ import annotations

from dataclasses import replace

from haneul.services.ec2.transit import state as transit
from haneul.services.ec2.vpc import state
from haneul.services.ec2.vpc.plan import compile_plan
from tests.port.test_vpc_plans import SCOPE, Guests, guests  # noqa: F401
from tests.unit.ec2.test_transit_plans import HUB, attach


def ensure(guests: Guests, *vpcs: state.Vpc) -> None:  # noqa: F811
    for vpc in vpcs:
        plan = compile_plan(guests.world.tx, SCOPE, vpc.id)
        assert plan is not None
        guests.networks.ensure(replace(plan, enis=tuple(replace(one, kind="veth") for one in plan.enis)))


def test_two_vpcs_meet_at_a_hub(guests):  # noqa: F811
    """Routes on both sides, rules that let in; the way ends with the attachment."""
    world = guests.world
    other, part = world.place("10.7.0.0/16", "10.7.1.0/24")
    table = transit.TransitRouteTable(id=transit.TRANSIT_TABLE.new_id(), gateway=HUB, created=1.0)
    attach(world, world.vpc, world.subnet, table)
    attachment = attach(world, other, part, table)
    for row in list(state.ROUTE_TABLE.table.scan(world.tx, SCOPE)):
        row.routes = [*row.routes, {"DestinationCidrBlock": "10.0.0.0/8", "TransitGatewayId": HUB}]
        state.ROUTE_TABLE.table.put(world.tx, SCOPE, row)
    out = {"egress": True, "protocol": "-1", "cidr": "0.0.0.0/0"}
    open_ = {"protocol": "tcp", "ports": (80, 80), "cidr": "10.0.0.0/16"}
    client = world.live(world.subnet, groups=[world.group(world.vpc, out)])
    server = world.live(part, groups=[world.group(other, out, open_)])
    ensure(guests, world.vpc, other)
    guests.serve(server, 80)
    assert guests.reaches(client, server.addresses[0], 80)
    transit.TRANSIT_ATTACHMENT.table.delete(world.tx, SCOPE, attachment)
    ensure(guests, world.vpc, other)
    assert not guests.reaches(client, server.addresses[0], 80)
