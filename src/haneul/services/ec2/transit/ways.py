"""Where packets go that a VPC's routes send to a transit gateway: to other VPCs, as over a peering.

A transit gateway is no place of its own here. Its tables are looked up when a VPC's plan is compiled: each VPC that
they lead to is linked to this one directly, and each route becomes routes by those links.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator

from haneul.engines.networks.port import Peering, Route
from haneul.service import Scope
from haneul.services.ec2.transit.state import TRANSIT_ATTACHMENT, TRANSIT_TABLE, TransitAttachment, TransitRouteTable
from haneul.services.ec2.vpc.state import SUBNET, VPC
from haneul.state.store import Reader


def attachments_of(tx: Reader, scope: Scope, gateway: str) -> list[TransitAttachment]:
    return [row for row in TRANSIT_ATTACHMENT.living(tx, scope) if row.gateway == gateway]


def of_vpc(tx: Reader, scope: Scope, vpc: str) -> list[TransitAttachment]:
    return [row for row in TRANSIT_ATTACHMENT.living(tx, scope) if row.vpc == vpc]


def vpcs_of(tx: Reader, scope: Scope, gateway: str) -> list[str]:
    """The VPCs whose packets a change of the gateway concerns."""
    return [row.vpc for row in attachments_of(tx, scope, gateway)]


def neighbours(tx: Reader, scope: Scope, vpc: str) -> list[str]:
    """The VPCs that hear of this one's blocks by a transit gateway."""
    return [one for mine in of_vpc(tx, scope, vpc) for one in vpcs_of(tx, scope, mine.gateway) if one != vpc]


def routes_of(tx: Reader, scope: Scope, table: TransitRouteTable) -> dict[str, tuple[str, str]]:
    """Block -> (attachment or "", static or propagated); a static route stands above a propagated one."""
    found: dict[str, tuple[str, str]] = {}
    for identifier in table.propagations:
        attachment = TRANSIT_ATTACHMENT.find(tx, scope, identifier)
        vpc = VPC.find(tx, scope, attachment.vpc) if attachment is not None else None
        for cidr in vpc.cidrs.values() if vpc is not None else ():
            found[cidr] = (identifier, "propagated")
    return found | {cidr: (identifier, "static") for cidr, identifier in table.routes.items()}


def links(tx: Reader, scope: Scope, vpc: str) -> tuple[Peering, ...]:
    """The VPC's links to those that it shares a transit gateway with, and that a route leads to or comes from."""
    found = {}
    for mine in of_vpc(tx, scope, vpc):
        for other in attachments_of(tx, scope, mine.gateway):
            there = VPC.find(tx, scope, other.vpc)
            if other.id == mine.id or there is None:
                continue
            if _leads(tx, scope, mine, other.id) or _leads(tx, scope, other, mine.id):
                one = Peering(_link(mine.gateway, vpc, other.vpc), other.vpc, tuple(there.cidrs.values()))
                found[one.id] = one
    return tuple(found.values())


def routes(tx: Reader, scope: Scope, vpc: str, zone: str, destination: str, gateway: str) -> list[Route]:
    """What a VPC's route to a transit gateway means for a subnet of a zone: the gateway's routes inside of its
    destination, and the one that covers all of it. What nothing covers is a black hole."""
    mine = next((one for one in of_vpc(tx, scope, vpc) if one.gateway == gateway), None)
    lost = Route(destination, "blackhole", gateway)
    if mine is None or not _reached(tx, scope, mine, zone):
        return [lost]
    whole = ipaddress.IPv4Network(destination)
    inside: dict[str, Route] = {}
    covering: tuple[int, Route] | None = None
    for cidr, to in _table(tx, scope, mine):
        block = ipaddress.IPv4Network(cidr)
        if block.subnet_of(whole) and block != whole:
            inside[cidr] = _way(tx, scope, vpc, gateway, cidr, to)
        elif whole.subnet_of(block) and (covering is None or block.prefixlen > covering[0]):
            covering = (block.prefixlen, _way(tx, scope, vpc, gateway, destination, to))
    return [lost if covering is None else covering[1], *inside.values()]


def _way(tx: Reader, scope: Scope, vpc: str, gateway: str, cidr: str, to: str) -> Route:
    other = TRANSIT_ATTACHMENT.find(tx, scope, to) if to else None
    if other is None or other.vpc == vpc:
        return Route(cidr, "blackhole", gateway)
    return Route(cidr, "pcx", _link(gateway, vpc, other.vpc))


def _table(tx: Reader, scope: Scope, attachment: TransitAttachment) -> Iterator[tuple[str, str]]:
    table = TRANSIT_TABLE.find(tx, scope, attachment.table) if attachment.table else None
    if table is not None:
        for cidr, (to, _) in routes_of(tx, scope, table).items():
            if ":" not in cidr:
                yield cidr, to


def _leads(tx: Reader, scope: Scope, attachment: TransitAttachment, to: str) -> bool:
    return any(one == to for _, one in _table(tx, scope, attachment))


def _reached(tx: Reader, scope: Scope, attachment: TransitAttachment, zone: str) -> bool:
    """Whether the attachment has a subnet in a zone: from another one, nothing gets to the gateway."""
    rows = (SUBNET.find(tx, scope, one) for one in attachment.subnets)
    return any(row is not None and row.zone == zone for row in rows)


def _link(gateway: str, one: str, other: str) -> str:
    """The same for both sides."""
    text = "/".join([gateway, *sorted((one, other))])
    return f"tgw-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
