"""From a plan to `ip` commands: addresses, routes and rules, each line idempotent and with its own undoing. Pure.

Every guest hangs on a routed port of its own (proxy ARP answers for its neighbours): packets between two guests of one
subnet cross the filter like all others.
"""

from __future__ import annotations

import ipaddress

from haneul.engines.networks.filter import UPLINK
from haneul.engines.networks.names import device, short
from haneul.engines.networks.port import METADATA, SERVICES, Eni, Route, Subnet, VpcPlan

ROUTER = "router"
NEAR, FAR = "169.254.0.2", "169.254.0.1"
"""The two ends of the link to the internet's namespace, and of a peering; no guest sees them."""
MAIN = 100


def table(subnet: str) -> int:
    return 1000 + int(short(subnet, 6), 16)


def offset(cidr: str, number: int) -> str:
    """The address so far into the block: 1 is the router, 2 the resolver."""
    return str(ipaddress.ip_network(cidr)[number])


def lines(plan: VpcPlan, links: set[str]) -> list[str]:
    """All that must hold in the VPC's namespace, given the devices that are there."""
    # Of link scope, so that the router never asks for a neighbour in the name of an address that a peer has too.
    out = [f"address replace {address}/32 dev {ROUTER} scope link" for address in (METADATA, SERVICES)]
    for subnet in plan.subnets:
        size = subnet.cidr.partition("/")[2]
        out.append(f"address replace {offset(subnet.cidr, 1)}/{size} dev {ROUTER} noprefixroute")
    out += [f"address replace {offset(cidr, 2)}/32 dev {ROUTER}" for cidr in plan.cidrs]
    out += [f"address replace {a}/32 dev {ROUTER}" for eni in plan.enis if eni.kind == "none" for a in eni.addresses]
    if plan.igw:
        out += [f"address replace {NEAR}/32 dev {UPLINK}", f"route replace {FAR}/32 dev {UPLINK}"]
        out.append(f"route replace default via {FAR} dev {UPLINK} onlink")
    for cidr in plan.cidrs:
        out += [f"rule add to {cidr} lookup main pref {MAIN}", f"route replace blackhole {cidr}"]
    inner = {subnet.id: _inner(plan, subnet) for subnet in plan.subnets}
    for eni in plan.enis:
        name = device("t", eni.id)
        if eni.kind != "none":
            out += [f"route replace {address}/32 dev {name}" for address in eni.addresses]
            out.append(f"rule add iif {name} lookup {table(eni.subnet)} pref {MAIN + 100}")
            out += [
                f"rule add iif {name} to {to} lookup {table(eni.subnet)} pref {MAIN - 10}" for to in inner[eni.subnet]
            ]
    for subnet in plan.subnets:
        out += _routes(plan, subnet, links)
    return out


def undo(line: str) -> str:
    """The command that takes a line back."""
    kind, _, rest = line.partition(" ")
    return f"{kind} del {rest.partition(' ')[2].replace(' noprefixroute', '')}"


def _inner(plan: VpcPlan, subnet: Subnet) -> list[str]:
    """Destinations within the VPC that the subnet has a way of its own to, through an interface (a middlebox)."""
    blocks = [ipaddress.IPv4Network(cidr) for cidr in plan.cidrs if ":" not in cidr]
    found = [route.destination for route in subnet.routes if route.target == "eni" and ":" not in route.destination]
    return [one for one in found if any(ipaddress.IPv4Network(one).subnet_of(block) for block in blocks)]


def _routes(plan: VpcPlan, subnet: Subnet, links: set[str]) -> list[str]:
    number = table(subnet.id)
    out = [f"route replace blackhole default metric 9999 table {number}"]
    for route in subnet.routes:
        if route.target == "local" or ":" in route.destination:
            continue
        where = _towards(plan, route, links)
        kind = f"{route.destination} {where}" if where else f"blackhole {route.destination}"
        out.append(f"route replace {kind} table {number}")
    return out


def _towards(plan: VpcPlan, route: Route, links: set[str]) -> str:
    """Where a route leads; empty: nowhere."""
    if route.target in ("igw", "nat") and plan.igw:
        known = route.target == "igw" or any(nat.id == route.target_id for nat in plan.nats)
        return f"via {FAR} dev {UPLINK} onlink" if known else ""
    if route.target == "eni":
        found: Eni | None = next((eni for eni in plan.enis if eni.id == route.target_id and eni.kind != "none"), None)
        return f"via {found.addresses[0]} dev {device('t', found.id)} onlink" if found else ""
    name = device("x", route.target_id)
    return f"dev {name}" if route.target == "pcx" and name in links else ""
