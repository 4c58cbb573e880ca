"""The port: VPCs as the kernel shall have them. `real.KernelNetworks` does it and, for tests, `fake.FakeNetworks`.

Declarative: a room compiles its tables into an immutable `VpcPlan` and calls `ensure`, after every change and at start;
the engine makes the kernel so. Namespaces and taps outlive a killed cloud; `ensure` finds them and leaves the taps of
running instances alone. Where `available` gives a reason, nothing is enforced and every other call may raise: a
room must then refuse what needs packets (RunInstances on a tap), and say so, never claim that a rule holds.
Blocking: call it from worker threads.
"""

from __future__ import annotations

import socket
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

METADATA = "169.254.169.254"
"""Local in every VPC: instance metadata; see `Networks.listen`."""
SERVICES = "169.254.169.253"
"""Local in every VPC: the resolver, and the address that AWS's own names resolve to (the cloud's endpoints)."""

Target = Literal["local", "igw", "nat", "eni", "pcx", "blackhole"]


@dataclass(frozen=True)
class Route:
    """One route: `target_id` names the NAT gateway, interface or peering; an unknown one is a black hole."""

    destination: str
    target: Target
    target_id: str = ""


@dataclass(frozen=True)
class NaclEntry:
    """One entry; `ports` are destination ports (tcp, udp), `icmp` type and code (-1: any)."""

    number: int
    egress: bool
    allow: bool
    cidr: str
    protocol: str = "-1"
    ports: tuple[int, int] | None = None
    icmp: tuple[int, int] | None = None


@dataclass(frozen=True)
class Subnet:
    """`entries` None: no network ACL at all (everything passes); an empty tuple: nothing does."""

    id: str
    cidr: str
    routes: tuple[Route, ...] = ()
    entries: tuple[NaclEntry, ...] | None = None


@dataclass(frozen=True)
class Rule:
    """What a group allows: protocol "-1", "tcp", "udp", "icmp" or a number; from or to `cidrs` (prefix lists expanded)
    and the members of `groups`."""

    protocol: str = "-1"
    ports: tuple[int, int] | None = None
    icmp: tuple[int, int] | None = None
    cidrs: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    id: str
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Eni:
    """A network interface. Kind "tap": a persistent tap (`tap_of`) for a machine to open inside `netns_of`; "veth": a
    namespace of its own (`guest_of`), set up with address and route, for processes; "none": an address of the router's.

    `addresses`: the primary one first. `publics`: (private address, public address), translated one to one.
    """

    id: str
    subnet: str
    mac: str
    addresses: tuple[str, ...]
    groups: tuple[str, ...] = ()
    kind: Literal["tap", "veth", "none"] = "tap"
    source_dest_check: bool = True
    hostname: str = ""
    publics: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class NatGateway:
    """`more`: further public addresses; connections are spread over all of them by their two ends."""

    id: str
    subnet: str
    private: str
    public: str
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class Peering:
    """Half of a peering; packets pass once both VPCs' plans name it."""

    id: str
    vpc: str
    cidrs: tuple[str, ...]


@dataclass(frozen=True)
class DhcpOptions:
    """Empty `servers`: the VPC's own resolver."""

    domain: str = "ec2.internal"
    servers: tuple[str, ...] = ()
    ntp: tuple[str, ...] = ()


@dataclass(frozen=True)
class VpcPlan:
    id: str
    cidrs: tuple[str, ...]
    subnets: tuple[Subnet, ...] = ()
    enis: tuple[Eni, ...] = ()
    groups: tuple[Group, ...] = ()
    nats: tuple[NatGateway, ...] = ()
    igw: bool = False
    peerings: tuple[Peering, ...] = ()
    dhcp: DhcpOptions = DhcpOptions()
    names: tuple[tuple[str, str], ...] = ()
    """(name, address): what the resolver answers besides AWS's names, which lead to SERVICES."""
    dns_support: bool = True
    flows: bool = False
    """Whether packets are counted by who talks with whom, see `Networks.flows`."""


@dataclass(frozen=True)
class Flow:
    """One direction of a conversation, by private addresses; `protocol` is a number, ports are 0 where it has none."""

    source: str
    target: str
    protocol: int
    source_port: int
    target_port: int


@dataclass(frozen=True)
class Passage:
    """Packets and bytes of a flow so far: offered to the network, let out by the sender's rules, let in by the
    receiver's (those that leave the VPC count as let in)."""

    flow: Flow
    offered: tuple[int, int]
    left: tuple[int, int]
    entered: tuple[int, int]


@dataclass(frozen=True)
class Counters:
    received: int
    """Bytes that the network took from the interface (what the guest sent)."""
    sent: int


class Networks(Protocol):
    def available(self) -> str:
        """Empty when VPCs can be made here, else why not, in one sentence."""
        ...

    def ensure(self, plan: VpcPlan) -> None:
        """The kernel is as the plan says, as a whole: what a rule no longer allows is lost from the next packet on,
        established connections too."""
        ...

    def remove(self, vpc: str) -> None:
        """The VPC and all its interfaces are gone; nothing when they are."""
        ...

    def remove_all(self) -> None:
        """Nothing of this cloud is left in the kernel, the internet's namespace included."""
        ...

    def close(self) -> None:
        """The cloud ends and its VPCs stay: only what would die with it is ended in order."""
        ...

    def sweep(self, keep: Set[str]) -> list[str]:
        """Remove this cloud's VPCs other than `keep`; their ids."""
        ...

    def tap_of(self, eni: str) -> str:
        """The name of the interface's device, inside `netns_of` its VPC; the same for ever."""
        ...

    def netns_of(self, vpc: str) -> Path:
        """The VPC's namespace: enter it with setns or `nsenter --net=`, never `ip netns exec` (which remounts /sys)."""
        ...

    def guest_of(self, eni: str) -> Path:
        """The namespace behind an interface of kind "veth"."""
        ...

    def publics(self) -> str:
        """The block that public addresses come from, this cloud's own; the host reaches it."""
        ...

    def listen(self, vpc: str, address: str, port: int) -> socket.socket:
        """A TCP socket that listens inside the VPC at METADATA, SERVICES or a subnet's router; the caller closes it."""
        ...

    def connect(self, vpc: str, address: str, port: int, timeout: float = 5) -> socket.socket:
        """A TCP connection from the VPC's router, which no group filters. Raises OSError."""
        ...

    def counters(self, vpc: str, eni: str) -> Counters: ...

    def uplink(self, vpc: str) -> Counters:
        """Bytes by way of the VPC's internet gateway: `sent` to the internet, `received` from it; none without one."""
        ...

    def flows(self, vpc: str) -> list[Passage]:
        """All that passed since the VPC's plan asked for it, silent flows left out after a while; counts start anew
        with the cloud."""
        ...
