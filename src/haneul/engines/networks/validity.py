"""What a plan may hold: its texts become lines for `ip`, nft and dnsmasq, and none may say more than it should."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import fields, is_dataclass

from haneul.engines.errors import EngineError
from haneul.engines.networks.port import VpcPlan

_IDENTITY = re.compile(r"[a-z]{1,8}-[0-9a-zA-Z-]{1,40}")
_NAME = re.compile(r"[A-Za-z0-9_*]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?")
_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
_PROTOCOL = re.compile(r"-1|all|tcp|udp|icmp|icmpv6|[0-9]{1,3}")


def check(plan: VpcPlan) -> None:
    """Raises EngineError that names the text which isn't what it must be."""
    peers = [peering.vpc for peering in plan.peerings]
    _match(_IDENTITY, "id", [plan.id, *peers, *_ids(plan)])
    _match(_MAC, "MAC address", (eni.mac for eni in plan.enis))
    hosts = [eni.hostname for eni in plan.enis if eni.hostname]
    domain = [plan.dhcp.domain] if plan.dhcp.domain else []
    _match(_NAME, "name", [*hosts, *domain, *(name for name, _ in plan.names)])
    rules = [rule for group in plan.groups for rule in (*group.ingress, *group.egress)]
    entries = [entry for subnet in plan.subnets for entry in subnet.entries or ()]
    _match(_PROTOCOL, "protocol", [*(rule.protocol for rule in rules), *(entry.protocol for entry in entries)])
    blocks = [*plan.cidrs, *(subnet.cidr for subnet in plan.subnets), *(entry.cidr for entry in entries)]
    blocks += [cidr for rule in rules for cidr in rule.cidrs]
    blocks += [route.destination for subnet in plan.subnets for route in subnet.routes]
    addresses = [address for eni in plan.enis for address in eni.addresses]
    addresses += [address for eni in plan.enis for pair in eni.publics for address in pair]
    addresses += [address for nat in plan.nats for address in (nat.private, nat.public, *nat.more)]
    addresses += [*plan.dhcp.servers, *plan.dhcp.ntp, *(address for _, address in plan.names)]
    try:
        for block in blocks:
            ipaddress.ip_network(block)
        for address in addresses:
            ipaddress.ip_address(address)
    except ValueError as error:
        raise EngineError(f"the network of {plan.id} cannot be made: {error}") from None


def _ids(part: object) -> list[str]:
    """The ids of everything in a plan, however deep."""
    found: list[str] = []
    for field in fields(part) if is_dataclass(part) else ():
        value = getattr(part, field.name)
        if field.name == "id":
            found.append(value)
        elif isinstance(value, tuple):
            found += [identity for one in value for identity in _ids(one)]
    return found


def _match(pattern: re.Pattern[str], what: str, texts: Iterable[str]) -> None:
    for text in texts:
        if not pattern.fullmatch(text):
            raise EngineError(f"{text!r} is no {what}")
