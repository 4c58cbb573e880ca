"""From a plan to one nftables script: anti-spoofing, network ACLs, security groups, address translation. Pure.

Every packet of the direction that opened a connection is judged again: a revoked rule counts from the next packet on.
Only replies pass by connection tracking, and the engine forgets the connections of interfaces whose groups changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from haneul.engines.networks.names import device, short
from haneul.engines.networks.port import Eni, Group, NaclEntry, NatGateway, Rule, Subnet, VpcPlan

UPLINK = "igw"
_EVERY = "0.0.0.0/0"


def script(plan: VpcPlan) -> str:
    """The whole table, replaced in one transaction."""
    ports = [eni for eni in plan.enis if eni.kind != "none"]
    lines = ["table ip vpc", "delete table ip vpc", "table ip vpc {"]
    lines += _checks(plan, ports)
    for subnet in plan.subnets:
        if subnet.entries is not None:
            lines += _nacl(subnet)
    members = {group.id: _members(plan, group.id) for group in plan.groups}
    for group in plan.groups:
        lines += _group(group, members)
    lines += _interfaces(plan)
    lines += _forward(plan, ports)
    lines += _translation(plan)
    lines.append("}")
    return "\n".join(lines) + "\n"


def chain(kind: str, identity: str) -> str:
    return f"{kind}_{short(identity, 14)}"


def _members(plan: VpcPlan, group: str) -> list[str]:
    return [address for eni in plan.enis if group in eni.groups for address in eni.addresses]


def _base(name: str, kind: str, hook: str, priority: int, rules: Iterable[str]) -> list[str]:
    head = f"type {kind} hook {hook} priority {priority}; policy accept;"
    return [f"chain {name} {{", head, *rules, "}"]


def _map(pairs: Sequence[tuple[str, str]]) -> str:
    return "{ " + ", ".join(f"{key} : {value}" for key, value in pairs) + " }"


def _set(items: Iterable[str]) -> str:
    return "{ " + ", ".join(items) + " }"


def _checks(plan: VpcPlan, ports: list[Eni]) -> list[str]:
    """Source checks as packets enter from a guest, destination checks as they leave to one."""
    strict = [eni for eni in ports if eni.source_dest_check]
    pairs = [f"{device('t', eni.id)} . {address}" for eni in strict for address in eni.addresses]
    names = [device("t", eni.id) for eni in strict]
    if not pairs:
        return []
    discover = "udp sport 68 udp dport 67 accept"
    entering = [discover, f"iifname {_set(names)} iifname . ip saddr != {_set(pairs)} drop"]
    leaving = [f"oifname {_set(names)} oifname . ip daddr != {_set(pairs)} drop"]
    return [
        *_base("source", "filter", "prerouting", -310, entering),
        *_base("target", "filter", "forward", -20, leaving),
    ]


def _match(protocol: str, ports: tuple[int, int] | None, icmp: tuple[int, int] | None) -> str:
    if protocol in ("-1", "all", ""):
        return ""
    name = {"6": "tcp", "17": "udp", "1": "icmp"}.get(protocol, protocol)
    if name in ("tcp", "udp"):
        if ports is None or ports[0] < 0 or ports == (0, 65535):
            return f"ip protocol {name}"
        return f"{name} dport {ports[0]}-{ports[1]}" if ports[0] != ports[1] else f"{name} dport {ports[0]}"
    if name == "icmp" and icmp is not None and icmp[0] >= 0:
        code = f" icmp code {icmp[1]}" if icmp[1] >= 0 else ""
        return f"icmp type {icmp[0]}{code}"
    return f"ip protocol {name}"


def _nacl(subnet: Subnet) -> list[str]:
    """Both directions in order of the numbers; what stays within the subnet is not asked."""
    lines: list[str] = []
    for kind, side, egress in (("no", "daddr", True), ("ni", "saddr", False)):
        other = "saddr" if side == "daddr" else "daddr"
        mine = sorted((e for e in subnet.entries or () if e.egress is egress), key=lambda entry: entry.number)
        lines += [f"chain {chain(kind, subnet.id)} {{", f"ip {side} {subnet.cidr} return"]
        lines += [_entry(entry, side) for entry in mine]
        lines += [f"ip {other} {_EVERY} drop", "}"]
    return lines


def _entry(entry: NaclEntry, side: str) -> str:
    where = "" if entry.cidr == _EVERY else f"ip {side} {entry.cidr}"
    what = _match(entry.protocol, entry.ports, entry.icmp)
    return f"{where} {what} {'return' if entry.allow else 'drop'}".strip()


def _group(group: Group, members: dict[str, list[str]]) -> list[str]:
    lines: list[str] = []
    for kind, side, rules in (("gi", "saddr", group.ingress), ("go", "daddr", group.egress)):
        lines.append(f"chain {chain(kind, group.id)} {{")
        lines += [line for rule in rules for line in _allow(rule, side, members)]
        lines.append("}")
    return lines


def _allow(rule: Rule, side: str, members: dict[str, list[str]]) -> list[str]:
    what = _match(rule.protocol, rule.ports, rule.icmp)
    sources = [cidr for cidr in rule.cidrs if ":" not in cidr]
    wheres = ["" if cidr == _EVERY else f"ip {side} {cidr}" for cidr in sources]
    for group in rule.groups:
        addresses = sorted(set(members.get(group, ())))
        wheres += [f"ip {side} {_set(addresses)}"] if addresses else []
    return [f"{where} {what} accept".strip() for where in wheres]


def _interfaces(plan: VpcPlan) -> list[str]:
    """A chain each way per interface: its groups in turn, else lost."""
    known = {group.id for group in plan.groups}
    lines: list[str] = []
    for eni in plan.enis:
        for kind, group_kind in (("ei", "gi"), ("eo", "go")):
            jumps = [f"jump {chain(group_kind, group)}" for group in eni.groups if group in known]
            lines += [f"chain {chain(kind, eni.id)} {{", *jumps, "drop", "}"]
    return lines


def _forward(plan: VpcPlan, ports: list[Eni]) -> list[str]:
    """Leaving the sender is judged before reaching the receiver; `accept` ends only the chain of its own hook."""
    replies = "ct direction reply ct state established,related accept"
    related = "ct state related accept"
    walls = [subnet for subnet in plan.subnets if subnet.entries is not None]
    out = [f"ip saddr {s.cidr} jump {chain('no', s.id)}" for s in walls]
    inward = [f"ip daddr {s.cidr} jump {chain('ni', s.id)}" for s in walls]
    leave = [(device("t", eni.id), f"goto {chain('eo', eni.id)}") for eni in ports]
    enter = [(device("t", eni.id), f"goto {chain('ei', eni.id)}") for eni in ports]
    held = [(a, f"goto {chain('ei', eni.id)}") for eni in plan.enis if eni.kind == "none" for a in eni.addresses]
    lines = _base(
        "leave",
        "filter",
        "forward",
        -10,
        [*out, replies, related, *([f"iifname vmap {_map(leave)}"] if leave else [])],
    )
    lines += _base(
        "enter",
        "filter",
        "forward",
        0,
        [*inward, replies, related, *([f"oifname vmap {_map(enter)}"] if enter else [])],
    )
    if held:
        lines += _base("held", "filter", "input", 0, [replies, related, f"ip daddr vmap {_map(held)}"])
    return lines


def _translation(plan: VpcPlan) -> list[str]:
    """Public addresses one to one, subnets with a route to a NAT gateway behind its address; nothing else gets out."""
    if not plan.igw:
        return []
    pairs = [pair for eni in plan.enis for pair in eni.publics]
    nats = {nat.id: nat for nat in plan.nats}
    behind = [
        (subnet.cidr, nats[route.target_id])
        for subnet in plan.subnets
        for route in subnet.routes
        if route.target == "nat" and route.target_id in nats
    ]
    behind = list(dict(behind).items())
    single = [(cidr, nat.public) for cidr, nat in behind if not nat.more]
    into = [f"iifname {UPLINK} dnat to ip daddr map {_map([(public, private) for private, public in pairs])}"]
    out = [f"oifname {UPLINK} snat to ip saddr map {_map(single)}"] if single else []
    out += [f"oifname {UPLINK} ip saddr {cidr} snat to {_spread(nat)}" for cidr, nat in behind if nat.more]
    out += [f"oifname {UPLINK} snat to ip saddr map {_map(pairs)}"] if pairs else []
    known = [*(private for private, _ in pairs), *(cidr for cidr, _ in behind)]
    door = [f"oifname {UPLINK} ip saddr != {_set(known)} drop"] if known else [f"oifname {UPLINK} drop"]
    # What comes in for an address that is nobody's must not reach private addresses: only translated packets do.
    door.append(f"iifname {UPLINK} ct direction original ct status ! dnat drop")
    return [
        *(_base("inbound", "nat", "prerouting", -100, into) if pairs else []),
        *_base("outbound", "nat", "postrouting", 100, out),
        *_base("door", "filter", "forward", -15, door),
    ]


def _spread(nat: NatGateway) -> str:
    """One of several public addresses, always the same for the same two ends."""
    everyone = (nat.public, *nat.more)
    chosen = _map([(str(number), address) for number, address in enumerate(everyone)])
    return f"jhash ip saddr . ip daddr mod {len(everyone)} map {chosen}"
