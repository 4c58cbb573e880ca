"""The cloud's services as a guest finds them: by AWS's own names at one address of every VPC,
and at an interface endpoint's address, guarded by its groups."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from haneul.engines.networks import kernel
from haneul.engines.networks.port import SERVICES, Eni, Group, Rule, Subnet, VpcPlan
from haneul.engines.networks.real import KernelNetworks
from haneul.services.ec2.vpc.services import Services
from tests.running import RunningCloud

EVERYTHING = Rule(cidrs=("0.0.0.0/0",))
GUEST = Eni("eni-g", "subnet-1", "02:00:0a:00:01:0a", ("10.0.1.10",), ("sg-g",), "veth")
ENDPOINT = Eni("eni-e", "subnet-1", "02:00:0a:00:01:0b", ("10.0.1.11",), ("sg-e",), "none")
PLAN = VpcPlan(
    "vpc-s",
    ("10.0.0.0/16",),
    (Subnet("subnet-1", "10.0.1.0/24"),),
    (GUEST, ENDPOINT),
    (Group("sg-g", (), (EVERYTHING,)), Group("sg-e", (Rule("tcp", (80, 80), cidrs=("10.0.0.0/16",)),))),
    names=(("sqs.us-east-1.amazonaws.com", "10.0.1.11"),),
)


@pytest.fixture
def networks(tmp_path) -> Iterator[KernelNetworks]:
    engine = KernelNetworks(tmp_path / "networks")
    if reason := engine.available():
        pytest.skip(reason)
    yield engine
    engine.remove_all()


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    thread = threading.Thread(target=made.run_forever)
    thread.start()
    yield made
    made.call_soon_threadsafe(made.stop)
    thread.join()
    made.close()


@pytest.fixture
def cloud() -> Iterator[RunningCloud]:
    running = RunningCloud("--log-level", "warning").start()
    yield running
    running.close()


def ask(networks: KernelNetworks, address: str, host: str) -> bytes:
    """What the guest's plain request is answered with; nothing when no connection comes about."""

    def work() -> bytes:
        try:
            with socket.create_connection((address, 80), 2) as made:
                made.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
                found = b""
                while data := made.recv(65536):
                    found += data
                return found
        except OSError:
            return b""

    answer: Any = kernel.inside(networks.guest_of("eni-g"), work)
    return bytes(answer)


def test_guests_reach_the_cloud(networks, loop, cloud):
    """S3 answers a guest at the shared address, SQS at its endpoint's; a group of the endpoint's shuts the latter."""
    networks.ensure(PLAN)
    behind = SimpleNamespace(loop=loop, port=cloud.port, config=SimpleNamespace(host="127.0.0.1"))
    services = Services(SimpleNamespace(cloud=behind, closing=False, networks=networks))  # type: ignore[arg-type]
    services.ensure("vpc-s", ["10.0.1.11"])
    assert b"AccessDenied" in ask(networks, SERVICES, "s3.us-east-1.amazonaws.com")
    assert b"HTTP/1.1" in ask(networks, "10.0.1.11", "sqs.us-east-1.amazonaws.com")
    networks.ensure(replace(PLAN, groups=(PLAN.groups[0], Group("sg-e"))))
    assert ask(networks, "10.0.1.11", "sqs.us-east-1.amazonaws.com") == b""
    assert b"AccessDenied" in ask(networks, SERVICES, "s3.us-east-1.amazonaws.com")
    services.ensure("vpc-s", [])
    services.release("vpc-s")
    assert ask(networks, SERVICES, "s3.us-east-1.amazonaws.com") == b""
