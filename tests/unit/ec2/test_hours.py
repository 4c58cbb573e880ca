"""Traffic on the bill: what passed an internet gateway since the last look, and only that."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from haneul.engines.networks.fake import FakeNetworks
from haneul.engines.networks.port import Counters, VpcPlan
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.account import hours


@dataclass
class Counted:
    """A call that only counts."""

    cloud: Any = None
    usage: dict[str, float] = field(default_factory=dict)

    def meter(self, usage: str, amount: float) -> None:
        self.usage[usage] = self.usage.get(usage, 0.0) + amount


@pytest.fixture
def networks(monkeypatch) -> FakeNetworks:
    engine = FakeNetworks()
    engine.ensure(VpcPlan("vpc-1", ("10.0.0.0/16",)))
    plane = SimpleNamespace(networks=engine, passed={})
    monkeypatch.setattr(planes, "of", lambda cloud: plane)
    return engine


def look(networks: FakeNetworks, sent: int, received: int, nats: bool = False) -> dict[str, float]:
    call = Counted()
    networks.uplinks["vpc-1"] = Counters(received, sent)
    hours._traffic(call, "vpc-1", nats)
    return call.usage


def test_the_first_look_only_remembers(networks):
    """The cloud may have been killed: what passed before was counted, or is lost."""
    assert look(networks, 1000, 5000) == {}
    assert look(networks, 1500, 5000) == {"DataTransfer-Out-Bytes": 500}


def test_gateways_count_both_directions(networks):
    """NAT costs what it carries, out and in."""
    look(networks, 0, 0, nats=True)
    assert look(networks, 100, 900, nats=True) == {"DataTransfer-Out-Bytes": 100, "NatGateway-Bytes": 1000}
    assert look(networks, 100, 900, nats=True) == {}


def test_a_new_link_starts_at_nothing(networks):
    """A network that was made anew counts from zero."""
    look(networks, 1000, 1000)
    assert look(networks, 10, 20) == {"DataTransfer-Out-Bytes": 10}


def test_a_network_that_is_gone(networks):
    """It is nothing to stumble over."""
    networks.remove("vpc-1")
    assert look(networks, 1, 1) == {}
