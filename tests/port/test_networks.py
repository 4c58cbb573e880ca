"""VPCs are what their plans say: packets pass or are lost by groups, ACLs and routes, and nothing is left behind."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from haneul.engines import daemons
from haneul.engines.errors import EngineError
from haneul.engines.networks import kernel, slices, tracked
from haneul.engines.networks.fake import FakeNetworks
from haneul.engines.networks.port import (
    METADATA,
    SERVICES,
    Eni,
    Group,
    NaclEntry,
    NatGateway,
    Peering,
    Route,
    Rule,
    Subnet,
    VpcPlan,
)
from haneul.engines.networks.real import KernelNetworks

ALL = Rule(cidrs=("0.0.0.0/0",))
WEB = Rule("tcp", (80, 80), cidrs=("0.0.0.0/0",))
A = Eni("eni-a", "subnet-1", "02:00:0a:00:01:0a", ("10.0.1.10",), ("sg-a",), "veth", hostname="ip-10-0-1-10")
B = Eni("eni-b", "subnet-1", "02:00:0a:00:01:0b", ("10.0.1.11",), ("sg-b",), "veth")
C = Eni("eni-c", "subnet-2", "02:00:0a:00:02:0a", ("10.0.2.10",), ("sg-b",), "veth")
PLAN = VpcPlan(
    "vpc-1",
    ("10.0.0.0/16",),
    (Subnet("subnet-1", "10.0.1.0/24"), Subnet("subnet-2", "10.0.2.0/24")),
    (A, B, C),
    (Group("sg-a", (), (ALL,)), Group("sg-b", (WEB,), (ALL,))),
)


@pytest.fixture
def networks(tmp_path):
    engine = KernelNetworks(tmp_path / "networks")
    if reason := engine.available():
        pytest.skip(reason)
    yield engine
    engine.remove_all()
    assert list(kernel.FOLDER.glob(f"{engine.netns_of('').name}*")) == []
    assert engine._door() not in [name for _, name in socket.if_nameindex()]


@pytest.fixture(params=["fake", "real"])
def either(request):
    return FakeNetworks() if request.param == "fake" else request.getfixturevalue("networks")


def serve(networks, eni, port=80):
    return kernel.inside(networks.guest_of(eni), lambda: socket.create_server(("0.0.0.0", port)))


def dial(networks, eni, address, port=80, timeout=0.6):
    return kernel.connected(networks.guest_of(eni), address, port, timeout)


def lost(networks, eni, address, port=80):
    """Whether a connection comes to nothing: silence, or a router that knows no way."""
    try:
        dial(networks, eni, address, port).close()
    except OSError:
        return True
    return False


def groups(plan, **rules):
    """The plan with other ingress rules: groups(PLAN, b=(WEB,))."""
    changed = [replace(g, ingress=rules[g.id[3:]]) if g.id[3:] in rules else g for g in plan.groups]
    return replace(plan, groups=tuple(changed))


def test_ensure_repeats_and_sweep_keeps_only_what_it_is_told(either):
    either.ensure(PLAN)
    either.ensure(PLAN)
    either.ensure(replace(PLAN, id="vpc-2", enis=tuple(replace(eni, id=f"{eni.id}2") for eni in PLAN.enis)))
    either.ensure(replace(PLAN, id="vpc-2", enis=()))
    assert either.counters("vpc-1", "eni-a").received >= 0
    assert either.uplink("vpc-1").sent == 0  # nothing leaves a VPC without an internet gateway
    assert either.sweep({"vpc-2"}) == ["vpc-1"]
    assert either.sweep({"vpc-2"}) == []
    with pytest.raises(EngineError):
        either.listen("vpc-1", METADATA, 80)
    either.remove("vpc-1")
    either.remove("vpc-2")


@pytest.mark.parametrize(
    "changed",
    [
        {"names": (("a\naddn-hosts=/etc/shadow", "10.0.1.1"),)},
        {"cidrs": ("10.0.0.0/16 dev lo\nlink del lo",)},
        {"enis": (replace(A, hostname="h,1h\ndhcp-script=/bin/true"),)},
        {"enis": (replace(A, mac="02:00:00:00:00:01 netns x"),)},
        {"groups": (Group("sg-a", (Rule("tcp accept; }"),)),)},
        {"id": "vpc-1/../../x"},
    ],
)
def test_no_text_becomes_a_command(either, changed):
    with pytest.raises(EngineError):
        either.ensure(replace(PLAN, **changed))


def test_names_of_devices_fit_and_stay(either):
    assert either.tap_of("eni-0123456789abcdef0") == either.tap_of("eni-0123456789abcdef0")
    assert len(either.tap_of("eni-0123456789abcdef0")) <= 15


def test_a_group_lets_its_port_in_and_loses_the_rest(networks):
    networks.ensure(PLAN)
    with serve(networks, "eni-b"), serve(networks, "eni-b", 81), serve(networks, "eni-c"):
        dial(networks, "eni-a", "10.0.1.11").close()
        dial(networks, "eni-a", "10.0.2.10").close()
        assert lost(networks, "eni-a", "10.0.1.11", 81)
        assert networks.counters("vpc-1", "eni-a").received > 0
    with serve(networks, "eni-a"):
        assert lost(networks, "eni-b", "10.0.1.10")


def test_a_revoke_counts_for_the_next_packet_of_a_connection_and_a_grant_for_the_next_dial(networks):
    networks.ensure(PLAN)
    with serve(networks, "eni-b") as server, dial(networks, "eni-a", "10.0.1.11") as client:
        session, _ = server.accept()
        with session:
            session.settimeout(0.6)
            client.settimeout(0.6)
            client.sendall(b"1")
            assert session.recv(1) == b"1"
            networks.ensure(groups(PLAN, b=()))
            client.sendall(b"2")
            with pytest.raises(TimeoutError):
                session.recv(1)
            session.sendall(b"3")
            with pytest.raises(TimeoutError):
                client.recv(1)
            networks.ensure(PLAN)
            session.settimeout(10)
            assert session.recv(1) == b"2"


def test_a_group_refers_to_the_members_of_another(networks):
    only = groups(PLAN, b=(Rule("tcp", (80, 80), groups=("sg-a",)),))
    networks.ensure(only)
    with serve(networks, "eni-b"):
        dial(networks, "eni-a", "10.0.1.11").close()
        assert lost(networks, "eni-c", "10.0.1.11")


def test_an_acl_is_asked_in_order_between_subnets_and_not_within(networks):
    everything = [NaclEntry(200, egress, True, "0.0.0.0/0") for egress in (True, False)]
    deny = NaclEntry(100, False, False, "10.0.1.10/32", "tcp", (80, 80))
    walled = [replace(PLAN.subnets[0], entries=(deny, *everything)), replace(PLAN.subnets[1], entries=(*everything,))]
    with contextlib.ExitStack() as stack:
        networks.ensure(replace(PLAN, subnets=tuple(walled)))
        for name in ("eni-b", "eni-c"):
            stack.enter_context(serve(networks, name))
        dial(networks, "eni-a", "10.0.1.11").close()
        dial(networks, "eni-a", "10.0.2.10").close()
        walled[1] = replace(walled[1], entries=(deny, *everything))
        networks.ensure(replace(PLAN, subnets=tuple(walled)))
        assert lost(networks, "eni-a", "10.0.2.10")
        # Stateless: without the way back, nothing comes.
        walled[1] = replace(walled[1], entries=(everything[1],))
        networks.ensure(replace(PLAN, subnets=tuple(walled)))
        assert lost(networks, "eni-a", "10.0.2.10")


def test_a_false_source_is_lost_unless_the_check_is_off(networks):
    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setsockopt(socket.IPPROTO_IP, 19, 1)  # IP_TRANSPARENT
            sender.bind(("10.0.1.99", 999))
            sender.sendto(b"false", ("10.0.2.10", 53))

    open_ = groups(PLAN, b=(ALL,))
    networks.ensure(open_)
    with kernel.inside(networks.guest_of("eni-c"), lambda: socket.socket(type=socket.SOCK_DGRAM)) as receiver:
        receiver.bind(("10.0.2.10", 53))
        receiver.settimeout(0.5)
        kernel.inside(networks.guest_of("eni-a"), send)
        with pytest.raises(TimeoutError):
            receiver.recv(9)
        networks.ensure(replace(open_, enis=(replace(A, source_dest_check=False), B, C)))
        kernel.inside(networks.guest_of("eni-a"), send)
        receiver.settimeout(5)
        assert receiver.recv(9) == b"false"


def test_public_addresses_work_from_the_host_and_private_subnets_get_out_by_nat_alone(networks):
    slice_ = networks.publics().rpartition(".")[0]
    public, gateway = f"{slice_}.10", f"{slice_}.11"
    out = Route("0.0.0.0/0", "igw", "igw-1")
    front = replace(PLAN.subnets[0], routes=(out,))
    shown = replace(B, publics=(("10.0.1.11", public),))
    plan = replace(PLAN, subnets=(front, PLAN.subnets[1]), enis=(A, shown, C), igw=True)
    networks.ensure(plan)
    outside = kernel.inside(networks._internet, lambda: socket.create_server((f"{slice_}.1", 7)))
    with outside, serve(networks, "eni-b") as server:
        socket.create_connection((public, 80), 2).close()
        server.accept()[0].close()
        with dial(networks, "eni-b", f"{slice_}.1", 7):
            assert outside.accept()[1][0] == public
        left = networks.uplink("vpc-1")
        assert left.sent > 0 and left.received > 0
        with socket.create_server((f"{slice_}.2", 7)):
            assert lost(networks, "eni-b", f"{slice_}.2", 7)
        assert lost(networks, "eni-a", f"{slice_}.1", 7)
        assert lost(networks, "eni-c", f"{slice_}.1", 7)
        back = replace(PLAN.subnets[1], routes=(Route("0.0.0.0/0", "nat", "nat-1"),))
        nat = NatGateway("nat-1", "subnet-1", "10.0.1.200", gateway)
        networks.ensure(replace(plan, subnets=(front, back), nats=(nat,)))
        with dial(networks, "eni-c", f"{slice_}.1", 7):
            assert outside.accept()[1][0] == gateway
        wide = replace(nat, more=(f"{slice_}.12",))
        networks.ensure(replace(plan, subnets=(front, back), nats=(wide,)))
        with dial(networks, "eni-c", f"{slice_}.1", 7):
            assert outside.accept()[1][0] in (gateway, f"{slice_}.12")
        networks.ensure(replace(plan, igw=False))
        assert lost(networks, "eni-b", f"{slice_}.1", 7)
        with pytest.raises(OSError):
            socket.create_connection((public, 80), 0.6)


def test_peers_reach_each_other_once_both_say_so(networks):
    route = (Route("10.1.0.0/16", "pcx", "pcx-1"),)
    here = replace(PLAN, peerings=(Peering("pcx-1", "vpc-2", ("10.1.0.0/16",)),))
    here = replace(here, subnets=(replace(PLAN.subnets[0], routes=route), PLAN.subnets[1]))
    far = Eni("eni-d", "subnet-3", "02:00:0a:01:01:0a", ("10.1.1.10",), ("sg-b",), "veth")
    third = Subnet("subnet-3", "10.1.1.0/24", (Route("10.0.0.0/16", "pcx", "pcx-1"),))
    there = VpcPlan("vpc-2", ("10.1.0.0/16",), (third,), (far,), PLAN.groups)
    networks.ensure(here)
    networks.ensure(there)
    with serve(networks, "eni-d"):
        assert lost(networks, "eni-a", "10.1.1.10")
        both = replace(there, peerings=(Peering("pcx-1", "vpc-1", ("10.0.0.0/16",)),))
        networks.ensure(both)
        dial(networks, "eni-a", "10.1.1.10").close()
        assert lost(networks, "eni-c", "10.1.1.10")
        networks.ensure(there)
        assert lost(networks, "eni-a", "10.1.1.10")
        networks.ensure(both)
        dial(networks, "eni-a", "10.1.1.10").close()


def test_the_cloud_listens_inside_and_reaches_in(networks):
    networks.ensure(PLAN)
    with networks.listen("vpc-1", METADATA, 80) as server, dial(networks, "eni-a", METADATA):
        assert server.accept()[1][0] == "10.0.1.10"
    with serve(networks, "eni-a"):
        networks.connect("vpc-1", "10.0.1.10", 80).close()


def ask(name):
    """One DNS question for an address; the answer's last four bytes."""
    head = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    with socket.socket(type=socket.SOCK_DGRAM) as asker:
        asker.settimeout(0.5)
        asker.sendto(head + labels + b"\0\0\1\0\1", ("10.0.0.2", 53))
        return socket.inet_ntoa(asker.recv(512)[-4:])


def test_names_and_leases(networks):
    networks.ensure(replace(PLAN, names=(("db.corp.internal", "10.0.2.77"),)))
    guest = networks.guest_of("eni-a")

    def asked(name):
        limit = time.monotonic() + 5
        while True:
            try:
                return kernel.inside(guest, lambda: ask(name))
            except OSError:
                assert time.monotonic() < limit

    assert asked("db.corp.internal") == "10.0.2.77"
    assert asked("s3.us-east-1.amazonaws.com") == SERVICES
    assert asked("ip-10-0-1-10.ec2.internal") == "10.0.1.10"
    offer = kernel.inside(guest, discover)
    assert offer[16:20] == socket.inet_aton("10.0.1.10")
    assert b"\x03\x04" + socket.inet_aton("10.0.1.1") in offer
    assert b"\x06\x04" + socket.inet_aton("10.0.0.2") in offer


def discover():
    """DHCPDISCOVER from a guest that has no address yet, as far as the server can tell."""
    mac = bytes.fromhex(A.mac.replace(":", ""))
    head = b"\1\1\6\0" + b"abcd" + b"\0\0\x80\0" + bytes(16) + mac + bytes(10 + 192)
    message = head + b"\x63\x82\x53\x63" + b"\x35\1\1" + b"\x37\4\1\3\6\x0f" + b"\xff"
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.bind(("0.0.0.0", 68))
        client.settimeout(5)
        client.sendto(message, ("255.255.255.255", 67))
        return client.recv(1500)


def test_a_tap_survives_the_cloud_and_is_found_again(networks, tmp_path):
    """A machine holds its tap open while the cloud is killed and comes back: same device, same packets' way."""
    plan = replace(PLAN, enis=(*PLAN.enis, Eni("eni-t", "subnet-1", "02:00:0a:00:01:63", ("10.0.1.99",), ("sg-a",))))
    networks.ensure(plan)

    def index():
        return socket.if_nametoindex(networks.tap_of("eni-t"))

    before = kernel.inside(networks.netns_of("vpc-1"), index)
    networks.close()
    again = KernelNetworks(tmp_path / "networks")
    try:
        again.ensure(plan)
        assert kernel.inside(networks.netns_of("vpc-1"), index) == before
        with serve(again, "eni-b"):
            dial(again, "eni-a", "10.0.1.11").close()
    finally:
        again.remove_all()


def test_a_stranger_is_told_why(networks, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "root" in networks.available()


def test_a_killed_cloud_leaves_networks_and_no_resolver_and_the_next_one_takes_them_over(networks, tmp_path):
    code = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from test_networks import PLAN, KernelNetworks
engine = KernelNetworks(Path({str(tmp_path / "networks")!r}))
engine.ensure(PLAN)
print(engine._resolvers["vpc-1"][1].pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    assert daemons.wait(int(killed.stdout), 10)
    networks.ensure(PLAN)
    with serve(networks, "eni-b"):
        dial(networks, "eni-a", "10.0.1.11").close()
        assert lost(networks, "eni-a", "10.0.1.11", 81)


def test_flows_are_counted_by_their_fate(networks):
    """What passed and what its receiver's rules lost are told apart, also when rules change in between."""
    networks.ensure(replace(PLAN, flows=True))
    server = serve(networks, "eni-b")
    dial(networks, "eni-a", "10.0.1.11").close()
    assert lost(networks, "eni-a", "10.0.1.11", 81)
    networks.ensure(replace(groups(PLAN, b=()), flows=True))
    assert lost(networks, "eni-a", "10.0.1.11")
    server.close()
    found = {(p.flow.source, p.flow.target_port): p for p in networks.flows("vpc-1") if p.flow.protocol == 6}
    refused = found["10.0.1.10", 81]
    assert refused.offered == refused.left != (0, 0)
    assert refused.entered == (0, 0)
    answered = [p for p in networks.flows("vpc-1") if p.flow.source_port == 80]
    assert answered[0].entered[0] >= 1
    networks.ensure(PLAN)
    assert networks.flows("vpc-1") == []


def test_a_route_inside_of_the_vpc_leads_through_a_middlebox(networks):
    """Packets from one subnet to the other pass the interface that its route names, and nobody else's do."""
    box = replace(B, source_dest_check=False)
    inner = Subnet("subnet-1", "10.0.1.0/24", (Route("10.0.2.0/24", "eni", "eni-b"),))
    everyone = (Group("sg-a", (ALL,), (ALL,)), Group("sg-b", (ALL,), (ALL,)))
    plan = replace(PLAN, subnets=(inner, PLAN.subnets[1]), enis=(A, box, C), groups=everyone)
    networks.ensure(plan)
    server = serve(networks, "eni-c")
    assert lost(networks, "eni-a", "10.0.2.10")  # the box forwards nothing yet
    assert networks.counters("vpc-1", "eni-b").sent > 0
    networks.ensure(replace(plan, subnets=PLAN.subnets))
    dial(networks, "eni-a", "10.0.2.10").close()
    server.close()


def test_connections_are_forgotten_by_address(networks):
    """A revoked rule ends the connections of its interface, in both directions, and nobody else's."""
    networks.ensure(PLAN)
    servers = [serve(networks, eni) for eni in ("eni-b", "eni-c")]
    held = [dial(networks, "eni-a", address) for address in ("10.0.1.11", "10.0.2.10") for _ in range(20)]
    namespace = networks.netns_of("vpc-1")
    assert tracked.forget(namespace, {"10.0.1.99"}) == 0
    assert tracked.forget(namespace, {"10.0.1.11"}) == 20
    assert tracked.forget(namespace, {"10.0.1.10"}) == 20
    for one in (*servers, *held):
        one.close()


def test_two_clouds_have_different_public_addresses(networks, tmp_path):
    """A slice that leads to another cloud's network is not taken; what was chosen stays, whatever is free later."""
    networks.ensure(PLAN)
    wish = 7
    taken = slices.chosen(tmp_path / "one", wish, "nobody")
    again = slices.chosen(tmp_path / "one", wish + 1, "nobody")
    number = [str(one) for one in slices.EVERYBODY.subnets(new_prefix=slices.SIZE)].index(networks.publics())
    assert again == taken
    assert slices.chosen(tmp_path / "two", number, "nobody") != networks.publics()
    assert slices.chosen(tmp_path / "three", number, networks._door()) == networks.publics()
