"""From rows to packets: what groups, ACLs, gateways and elastic addresses say is so in the kernel from the next packet
on."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from haneul.engines.networks import kernel
from haneul.engines.networks.real import KernelNetworks
from haneul.service import Scope
from haneul.services.ec2.vpc import addresses, state
from haneul.services.ec2.vpc.plan import compile_plan
from haneul.state.memory import MemoryStore
from tests.unit.ec2.test_plan import World

SCOPE = Scope("000000000000", "us-east-1")
_SERVE = (
    "import socket,sys\ns=socket.create_server(('', int(sys.argv[1])))\nprint('ready', flush=True)\n"
    "while True:\n c=s.accept()[0]; c.sendall(b'hi'); c.close()\n"
)


class Guests:
    """A world whose live interfaces are namespaces that processes run in."""

    def __init__(self, world: World, networks: KernelNetworks) -> None:
        self.world = world
        self.networks = networks
        self.processes: list[subprocess.Popen[bytes]] = []

    def ensure(self) -> None:
        plan = compile_plan(self.world.tx, SCOPE, self.world.vpc.id)
        assert plan is not None
        self.networks.ensure(replace(plan, enis=tuple(replace(one, kind="veth") for one in plan.enis)))

    def serve(self, eni: state.NetworkInterface, port: int) -> None:
        enter = [kernel.tool("nsenter"), f"--net={self.networks.guest_of(eni.id)}", sys.executable, "-c", _SERVE]
        started = subprocess.Popen([*enter, str(port)], stdout=subprocess.PIPE)
        self.processes.append(started)
        assert started.stdout is not None
        assert started.stdout.readline() == b"ready\n"

    def reaches(self, eni: state.NetworkInterface, address: str, port: int) -> bool:
        def dial() -> bool:
            with contextlib.suppress(OSError), socket.create_connection((address, port), 0.7) as made:
                return made.recv(2) == b"hi"
            return False

        return bool(kernel.inside(self.networks.guest_of(eni.id), dial))

    def close(self) -> None:
        for one in self.processes:
            one.kill()
            one.wait()


@pytest.fixture
def guests(tmp_path) -> Iterator[Guests]:
    networks = KernelNetworks(tmp_path / "networks")
    if reason := networks.available():
        pytest.skip(reason)
    with MemoryStore().write() as tx:
        made = Guests(World(tx), networks)
        yield made
        made.close()
        networks.remove_all()


def test_groups_and_acls_on_packets(guests):
    """A rule opens a port to a group's members, its revoke closes it; an ACL's deny stands before both."""
    world = guests.world
    clients = world.group(world.vpc, {"egress": True, "protocol": "-1", "cidr": "0.0.0.0/0"})
    servers = world.group(world.vpc, {"protocol": "tcp", "ports": (80, 80), "peer": clients})
    _, other = world.vpc, _second_subnet(world)
    client, server = world.live(world.subnet, groups=[clients]), world.live(other, groups=[servers])
    guests.ensure()
    guests.serve(server, 80)
    guests.serve(server, 81)
    assert guests.reaches(client, server.addresses[0], 80)
    assert not guests.reaches(client, server.addresses[0], 81)
    acl = next(one for one in state.ACL.table.scan(world.tx, SCOPE) if one.vpc == world.vpc.id)
    deny = {
        "RuleNumber": 50,
        "Egress": False,
        "Protocol": "6",
        "RuleAction": "deny",
        "CidrBlock": f"{client.addresses[0]}/32",
        "PortRange": {"From": 80, "To": 80},
    }
    acl.entries = [*acl.entries, deny]
    state.ACL.table.put(world.tx, SCOPE, acl)
    guests.ensure()
    assert not guests.reaches(client, server.addresses[0], 80)
    acl.entries = acl.entries[:-1]
    state.ACL.table.put(world.tx, SCOPE, acl)
    guests.ensure()
    assert guests.reaches(client, server.addresses[0], 80)
    for rule in list(state.RULE.table.scan(world.tx, SCOPE)):
        if rule.group == servers:
            state.RULE.table.delete(world.tx, SCOPE, rule.id)
    guests.ensure()
    assert not guests.reaches(client, server.addresses[0], 80)


def test_elastic_address_on_packets(guests):
    """The host reaches an instance by its elastic address, through an internet gateway and a route to it, until the
    address leads elsewhere."""
    world = guests.world
    gateway = state.InternetGateway(id=state.GATEWAY.new_id(), created=1.0, vpc=world.vpc.id)
    state.GATEWAY.table.put(world.tx, SCOPE, gateway)
    world.route(DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway.id)
    servers = world.group(
        world.vpc, {"protocol": "tcp", "ports": (80, 80), "cidr": "0.0.0.0/0"}, {"egress": True, "protocol": "-1"}
    )
    server = world.live(world.subnet, groups=[servers])
    public = guests.networks.publics().rpartition(".")[0] + ".77"
    row = state.Address(id=state.ADDRESS.new_id(), public=public, created=1.0)
    state.ADDRESS.table.put(world.tx, SCOPE, row)
    addresses.lead(world.tx, SCOPE, row.id, server)
    guests.ensure()
    guests.serve(server, 80)
    assert _host_reaches(public)
    addresses.forget(world.tx, SCOPE, state.INTERFACE.get(world.tx, SCOPE, server.id))
    server = state.INTERFACE.get(world.tx, SCOPE, server.id)
    server.publics, server.elastic = {}, {}
    state.INTERFACE.table.put(world.tx, SCOPE, server)
    guests.ensure()
    assert not _host_reaches(public)


def _second_subnet(world: World) -> state.Subnet:
    subnet: Any = state.Subnet(
        id=state.SUBNET.new_id(),
        vpc=world.vpc.id,
        zone="us-east-1b",
        cidr="10.0.2.0/24",
        created=1.0,
        acl=world.subnet.acl,
        acl_association="aclassoc-2",
    )
    state.SUBNET.table.put(world.tx, SCOPE, subnet)
    return subnet


def _host_reaches(address: str) -> bool:
    end = time.monotonic() + 0.7
    with contextlib.suppress(OSError), socket.create_connection((address, 80), end - time.monotonic()) as made:
        return made.recv(2) == b"hi"
    return False
