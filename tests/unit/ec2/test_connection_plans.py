"""What connects VPCs, in the plan: endpoints as addresses with names, NAT gateways with all their addresses, a peer's
names as its options say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from haneul.engines.networks.port import NatGateway
from haneul.services.ec2.vpc import interfaces, names, state
from haneul.services.ec2.vpc.plan import compile_plan
from haneul.state.memory import MemoryStore
from tests.unit.ec2.test_plan import SCOPE, World


@pytest.fixture
def world() -> Iterator[World]:
    with MemoryStore().write() as tx:
        yield World(tx)


def test_an_interface_endpoint_is_an_address_of_the_router(world):
    """No tap of its own, guarded by its groups; the service's own name leads to it with private DNS alone."""
    made = interfaces.make(world.tx, SCOPE, 1.0, world.subnet, kind="vpc_endpoint", requester=SCOPE.account)
    row = state.Endpoint(
        id="vpce-0123456789abcdef0",
        vpc=world.vpc.id,
        service="com.amazonaws.us-east-1.sqs",
        kind="Interface",
        created=1.0,
        policy="",
        interfaces={world.subnet.id: made.id},
        private_dns=True,
    )
    state.ENDPOINT.table.put(world.tx, SCOPE, row)
    plan = world.plan()
    (eni,) = (one for one in plan.enis if one.kind == "none")
    assert (eni.addresses, eni.groups) == (tuple(made.addresses), tuple(made.groups))
    assert ("sqs.us-east-1.amazonaws.com", made.addresses[0]) in plan.names
    row.private_dns = False
    state.ENDPOINT.table.put(world.tx, SCOPE, row)
    found = [name for name, address in world.plan().names if address == made.addresses[0]]
    assert len(found) == 2
    assert all(name.endswith(".sqs.us-east-1.vpce.amazonaws.com") for name in found)


def test_a_nat_gateway_has_all_its_addresses(world):
    """The primary one first, whatever its state before available; a deleting one is gone at once."""
    made = interfaces.make(world.tx, SCOPE, 1.0, world.subnet, kind="nat_gateway", secondary=1)
    made.publics = dict(zip(made.addresses, ("198.18.0.10", "198.18.0.11"), strict=True))
    state.INTERFACE.table.put(world.tx, SCOPE, made)
    row = state.NatGateway(
        id="nat-1", vpc=world.vpc.id, subnet=world.subnet.id, created=1.0, state="pending", interface=made.id
    )
    state.NAT.table.put(world.tx, SCOPE, row)
    first = made.addresses[0]
    assert world.plan().nats == (NatGateway("nat-1", world.subnet.id, first, "198.18.0.10", ("198.18.0.11",)),)
    row.state = "deleting"
    state.NAT.table.put(world.tx, SCOPE, row)
    assert world.plan().nats == ()


def test_a_peers_public_names_lead_inside_if_it_allows(world):
    """Otherwise to the public address, as from anywhere."""
    other, part = world.place("10.1.0.0/16", "10.1.1.0/24")
    far = world.live(part)
    far.publics = {far.addresses[0]: "198.18.0.10"}
    state.INTERFACE.table.put(world.tx, SCOPE, far)

    def address(allowed: bool) -> Any:
        owner: dict[str, Any] = {"OwnerId": SCOPE.account, "Region": SCOPE.region}
        sides = [{**owner, "VpcId": one.id, "CidrBlock": next(iter(one.cidrs.values()))} for one in (world.vpc, other)]
        sides[1]["PeeringOptions"] = {"AllowDnsResolutionFromRemoteVpc": allowed}
        row = state.Peering(id="pcx-1", requester=sides[0], accepter=sides[1], status="active", created=1.0)
        state.PEERING.table.put(world.tx, SCOPE, row)
        plan = compile_plan(world.tx, SCOPE, world.vpc.id)
        assert plan is not None
        return dict(plan.names)[names.public_name(SCOPE.region, "198.18.0.10")]

    assert address(allowed=False) == "198.18.0.10"
    assert address(allowed=True) == far.addresses[0]


def test_packets_are_counted_only_for_a_flow_log(world):
    """Counting costs every packet something."""
    assert not world.plan().flows
    row = state.FlowLog(
        id="fl-1", resource=world.eni.id, vpc=world.vpc.id, traffic="ALL", created=1.0, destination_type="s3"
    )
    state.FLOW_LOG.table.put(world.tx, SCOPE, row)
    assert world.plan().flows
