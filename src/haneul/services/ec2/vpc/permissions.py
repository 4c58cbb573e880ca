"""IpPermissions: from what a request says to single rules, and back to how answers group them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from haneul.service import Scope
from haneul.services.ec2.errors import coded, errors, invalid, missing, mixed
from haneul.services.ec2.vpc import plan
from haneul.services.ec2.vpc.state import GROUP, PREFIX_LIST, RULE, VPC, GroupRule, SecurityGroup
from haneul.state.store import Reader

_NAMES = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
_PORTED = ("tcp", "udp")
_ICMP = ("icmp", "icmpv6")
Request = Mapping[str, Any]


def parsed(tx: Reader, scope: Scope, group: SecurityGroup, request: Request, *, egress: bool) -> list[GroupRule]:
    """The rules that a request names, by IpPermissions or by the flat members of old. Raises MissingParameter,
    InvalidParameterValue, InvalidGroup.NotFound, InvalidParameterCombination."""
    asked: Sequence[Request] = request.get("IpPermissions") or ()
    flat = _flat(request)
    if asked and flat:
        raise mixed("The parameter ipPermissions may not be used in combination with the older members of a rule.")
    found = []
    for one in [*asked, *flat]:
        found += _rules(tx, scope, group, one, egress)
    if not found:
        raise missing("ipPermissions")
    return found


def _flat(request: Request) -> list[dict[str, Any]]:
    named = request.get("SourceSecurityGroupName")
    if not (request.get("IpProtocol") or request.get("CidrIp") or named):
        return []
    one = {name: request.get(name) for name in ("IpProtocol", "FromPort", "ToPort")}
    if request.get("CidrIp"):
        one["IpRanges"] = [{"CidrIp": request["CidrIp"]}]
    if named:
        one["UserIdGroupPairs"] = [{"GroupName": named, "UserId": request.get("SourceSecurityGroupOwnerId")}]
        one["IpProtocol"] = one["IpProtocol"] or "-1"
    return [one]


def _rules(tx: Reader, scope: Scope, group: SecurityGroup, one: Request, egress: bool) -> list[GroupRule]:
    kind = protocol(one.get("IpProtocol"))
    ports = ports_of(kind, one.get("FromPort"), one.get("ToPort"))
    sources: list[tuple[dict[str, Any], Request]] = []
    for two in one.get("IpRanges") or ():
        sources.append(({"cidr": block(two.get("CidrIp") or "")}, two))
    for two in one.get("Ipv6Ranges") or ():
        sources.append(({"cidr6": block6(two.get("CidrIpv6") or "")}, two))
    for two in one.get("PrefixListIds") or ():
        sources.append(({"prefixes": PREFIX_LIST.get(tx, scope, two.get("PrefixListId") or "").id}, two))
    for two in one.get("UserIdGroupPairs") or ():
        sources.append((_pair(tx, scope, group, two), two))
    if not sources:
        raise errors.MissingParameter("Source group ID missing.")
    return [
        GroupRule(
            id=RULE.new_id(),
            group=group.id,
            egress=egress,
            protocol=kind,
            ports=ports,
            description=described(two.get("Description")),
            **where,
        )
        for where, two in sources
    ]


def protocol(text: str | None) -> str:
    """A protocol as AWS tells it: tcp, udp, icmp, icmpv6, -1 for all, or a number."""
    if not text:
        raise missing("ipProtocol")
    named = _NAMES.get(text.lower(), text.lower())
    if named in ("-1", *_PORTED, *_ICMP) or (named.isascii() and named.isdigit() and int(named) < 256):
        return named
    raise invalid(f"Invalid value '{text}' for IP protocol. Unknown protocol.")


def ports_of(kind: str, first: int | None, last: int | None) -> tuple[int, int]:
    """Ports, or ICMP's type and code; (-1, -1) for protocols that have none."""
    if kind in _PORTED:
        if first is None or last is None:
            raise invalid("Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
        for name, one in (("from", first), ("to", last)):
            if not 0 <= one <= 65535:
                raise invalid(f"TCP/UDP ({name}) port ({one}) out of range")
        if first > last:
            raise invalid(f"Invalid TCP/UDP port range ({first}, {last})")
        return first, last
    if kind in _ICMP:
        type_, code = -1 if first is None else first, -1 if last is None else last
        if not -1 <= type_ <= 255 or not -1 <= code <= 255:
            raise invalid(f"ICMP type ({type_}) or code ({code}) out of range")
        return type_, code
    return -1, -1


def block(text: str) -> str:
    """An IPv4 block in its canonical form."""
    try:
        if "/" in text:
            return str(ipaddress.IPv4Network(text, strict=False))
    except ValueError:
        pass
    raise invalid(f"CIDR block {text} is malformed")


def block6(text: str) -> str:
    """An IPv6 block in its canonical form."""
    try:
        if "/" in text:
            return str(ipaddress.IPv6Network(text, strict=False))
    except ValueError:
        pass
    raise invalid(f"CIDR block {text} is malformed")


def described(text: str | None) -> str | None:
    """A rule's description. Raises InvalidParameterValue."""
    if text is None:
        return None
    known = " ._-:/()#,@[]+=&;{}!$*"
    if len(text) > 255 or any(not (char.isascii() and (char.isalnum() or char in known)) for char in text):
        raise invalid(
            "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set: "
            " a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
        )
    return text


def _pair(tx: Reader, scope: Scope, group: SecurityGroup, pair: Request) -> dict[str, Any]:
    """The group that a rule refers to: of the same VPC, or of one peered with it, in whichever account."""
    owner = pair.get("UserId") or scope.account
    where = Scope(owner, scope.region)
    if pair.get("GroupId"):
        other = GROUP.find(tx, where, pair["GroupId"]) or GROUP.find(tx, scope, pair["GroupId"])
        if other is None:
            GROUP.check([pair["GroupId"]])
            raise GROUP.missing([pair["GroupId"]])
    else:
        name = pair.get("GroupName") or ""
        groups = GROUP.table.scan(tx, scope)
        other = next((one for one in groups if one.vpc == group.vpc and one.name == name), None)
        if other is None:
            raise GROUP.missing([name])
    return {"peer": other.id, "peer_owner": _reachable(tx, scope, group, other.id, other.vpc, owner)}


def _reachable(tx: Reader, scope: Scope, group: SecurityGroup, identifier: str, vpc: str, owner: str) -> str:
    if vpc == group.vpc:
        return scope.account
    for _, _, theirs in plan.peers(tx, scope, group.vpc):
        if theirs.get("VpcId") == vpc:
            return plan.scope_of(scope, theirs).account
    raise coded(
        "InvalidGroup.NotFound",
        f"You have specified two resources that belong to different networks: {group.id} and {identifier}.",
    )


def key(rule: GroupRule) -> tuple[Any, ...]:
    """What makes two rules of a group the same."""
    return (rule.egress, rule.protocol, rule.ports, rule.cidr, rule.cidr6, rule.peer, rule.prefixes)


def words(rule: GroupRule) -> str:
    """A rule as AWS's refusals spell it."""
    peer = rule.cidr or rule.cidr6 or rule.peer or rule.prefixes
    if rule.protocol in _PORTED:
        what = f"{rule.protocol.upper()}, from port: {rule.ports[0]}, to port: {rule.ports[1]}"
    elif rule.protocol in _ICMP:
        type_, code = ("ALL" if one == -1 else one for one in rule.ports)
        what = f"{rule.protocol.upper()}, type: {type_}, code: {code}"
    else:
        what = "ALL" if rule.protocol == "-1" else f"protocol: {rule.protocol}"
    return f"peer: {peer}, {what}, ALLOW"


def grouped(tx: Reader, scope: Scope, rules: Iterable[GroupRule]) -> list[dict[str, Any]]:
    """Rules as IpPermissions: those of one protocol and range together."""
    found: dict[tuple[str, tuple[int, int]], dict[str, Any]] = {}
    for rule in rules:
        one = found.setdefault((rule.protocol, rule.ports), _permission(rule))
        text = {} if rule.description is None else {"Description": rule.description}
        if rule.cidr:
            one["IpRanges"].append({"CidrIp": rule.cidr, **text})
        elif rule.cidr6:
            one["Ipv6Ranges"].append({"CidrIpv6": rule.cidr6, **text})
        elif rule.prefixes:
            one["PrefixListIds"].append({"PrefixListId": rule.prefixes, **text})
        else:
            one["UserIdGroupPairs"].append({**reference(tx, scope, rule), **text})
    return list(found.values())


def _permission(rule: GroupRule) -> dict[str, Any]:
    one: dict[str, Any] = {"IpProtocol": rule.protocol}
    if rule.protocol in (*_PORTED, *_ICMP):
        one |= {"FromPort": rule.ports[0], "ToPort": rule.ports[1]}
    return one | {"IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}


def reference(tx: Reader, scope: Scope, rule: GroupRule) -> dict[str, Any]:
    """The group that a rule refers to; of a peer's, with the peering."""
    shown: dict[str, Any] = {"GroupId": rule.peer, "UserId": rule.peer_owner or scope.account}
    group = GROUP.find(tx, scope, rule.group)
    other = GROUP.find(tx, Scope(shown["UserId"], scope.region), rule.peer)
    if group is None or other is None or other.vpc == group.vpc:
        return shown
    for row, _, theirs in plan.peers(tx, scope, group.vpc):
        if theirs.get("VpcId") == other.vpc:
            return shown | {"VpcId": other.vpc, "VpcPeeringConnectionId": row.id, "PeeringStatus": row.status}
    return shown | {"VpcId": other.vpc, "PeeringStatus": "deleted"}


def rules_of(tx: Reader, scope: Scope, group: str) -> list[GroupRule]:
    """A group's rules, in the order in which they were granted."""
    return in_order(rule for rule in RULE.table.scan(tx, scope) if rule.group == group)


def in_order(rules: Iterable[GroupRule]) -> list[GroupRule]:
    return sorted(rules, key=lambda rule: (rule.order, rule.id))


def default_vpc(tx: Reader, scope: Scope) -> str:
    """The id of the default VPC, "" for none: where groups are found by name."""
    return next((vpc.id for vpc in VPC.table.scan(tx, scope) if vpc.default), "")
