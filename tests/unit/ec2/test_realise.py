"""Between tables and kernel: only VPCs that live are made, what changed is told before the answer, leftovers go."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from haneul.engines.errors import EngineError
from haneul.engines.networks.fake import FakeNetworks
from haneul.engines.networks.port import VpcPlan
from haneul.service import Scope
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.vpc import interfaces, realise, state
from haneul.state.memory import MemoryStore
from tests.unit.ec2.test_plan import World

SCOPE = Scope("000000000000", "us-east-1")


class Room:
    """A plane on a store in memory and networks that move no packet."""

    def __init__(self, folder: Any, networks: FakeNetworks) -> None:
        self.store = MemoryStore()
        self.networks = networks
        self.cloud: Any = SimpleNamespace(
            store=self.store,
            planes={},
            engines={"networks": networks},
            config=SimpleNamespace(data=folder),
            clock=SimpleNamespace(now=lambda: 1.0),
        )
        self.plane = planes.start(self.cloud)
        listeners: Any = SimpleNamespace(ensure=lambda *_: None, release=lambda _: None, close=lambda: None)
        self.plane.__dict__["services"] = listeners  # they need a loop
        self.cloud.planes["ec2"] = self.plane
        nothing = SimpleNamespace(ensure=lambda *_: None, release=lambda *_: None, close=lambda: None)
        self.plane.__dict__["services"] = nothing  # no loop runs here for anybody to listen on
        with self.store.write() as tx:
            self.world = World(tx)
            self.vpc = self.world.vpc.id

    def realise(self) -> None:
        realise.realise(self.plane, SCOPE, self.vpc)


@pytest.fixture
def room(tmp_path):
    return Room(tmp_path, FakeNetworks())


def test_vpc_is_there_while_something_runs(room):
    """Made with the first live interface, gone with the last."""
    room.realise()
    assert list(room.networks.plans) == [room.vpc]
    with room.store.write() as tx:
        interfaces.set_live(tx, SCOPE, room.world.eni, False)
    room.realise()
    assert room.networks.plans == {}


def test_leftovers_of_an_earlier_cloud_go(room):
    """Swept once, before anything is made; what lives is kept."""
    room.networks.ensure(VpcPlan("vpc-0dead", ("10.9.0.0/16",)))
    room.networks.ensure(VpcPlan(room.vpc, ("10.0.0.0/16",)))
    realise.resume(room.plane)
    assert list(room.networks.plans) == [room.vpc]
    assert room.networks.plans[room.vpc].enis
    room.networks.ensure(VpcPlan("vpc-0made", ("10.9.0.0/16",)))
    room.realise()
    assert "vpc-0made" in room.networks.plans


def test_change_is_in_the_kernel_before_the_answer(room):
    """A group's rule that is revoked is in no plan once `apply` returns."""
    seen = []

    async def transact(function: Any) -> Any:
        with room.store.write() as tx:
            return function(tx)

    call: Any = SimpleNamespace(cloud=room.cloud, scope=SCOPE, transact=transact)

    def revoke(tx: Any) -> realise.Changed:
        for rule in list(state.RULE.table.scan(tx, SCOPE)):
            state.RULE.table.delete(tx, SCOPE, rule.id)
        return {"Return": True}, [room.vpc]

    async def main() -> None:
        seen.append(await realise.apply(call, revoke))

    room.realise()
    assert room.networks.plans[room.vpc].groups[0].egress
    asyncio.run(main())
    assert seen == [{"Return": True}]
    assert room.networks.plans[room.vpc].groups[0].egress == ()


def test_nothing_is_claimed_where_networks_cannot_be(tmp_path):
    """The reason is told; a VPC with nothing in it is fine."""
    room = Room(tmp_path, FakeNetworks("no namespaces here"))
    with pytest.raises(EngineError, match="no namespaces here"):
        room.realise()
    with room.store.write() as tx:
        interfaces.set_live(tx, SCOPE, room.world.eni, False)
    room.realise()


def test_orderly_end_leaves_nothing(room, tmp_path):
    """Unless machines are kept for the next cloud."""
    (tmp_path / "engines" / "networks").mkdir(parents=True)
    room.realise()
    keep = tmp_path / "engines" / "machines" / "keep"
    keep.parent.mkdir(parents=True)
    keep.touch()
    room.plane.close()
    assert list(room.networks.plans) == [room.vpc]
    keep.unlink()
    room.plane.close()
    assert room.networks.plans == {}
