"""From the tables to what the kernel shall do: one VPC's subnets, routes, groups and lists as an immutable plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from haneul.engines.networks.port import (
    DhcpOptions,
    Eni,
    Group,
    NaclEntry,
    NatGateway,
    Peering,
    Route,
    Rule,
    Subnet,
    Target,
    VpcPlan,
)
from haneul.service import Scope
from haneul.services.ec2.transit import ways
from haneul.services.ec2.vpc import endpoint_names, names, prefixes, state
from haneul.state.store import Reader

if TYPE_CHECKING:
    from haneul.services.ec2.vpc.public_access import Open

_NAMED = {"6": "tcp", "17": "udp", "1": "icmp"}


def live_interfaces(tx: Reader, scope: Scope, vpc: str) -> list[state.NetworkInterface]:
    """Those that the kernel must have: their instances run."""
    return [row for row in state.INTERFACE.table.scan(tx, scope) if row.vpc == vpc and row.live]


def compile_plan(tx: Reader, scope: Scope, vpc: str) -> VpcPlan | None:
    """The VPC's plan; None when nothing of it runs, so that the kernel needn't know it."""
    row = state.VPC.find(tx, scope, vpc)
    live = live_interfaces(tx, scope, vpc)
    if row is None or not live:
        return None
    gateways = {one.id for one in state.GATEWAY.table.scan(tx, scope) if one.vpc == vpc}
    nats = [one for one in state.NAT.table.scan(tx, scope) if one.vpc == vpc and one.state in ("pending", "available")]
    peerings = (*_peerings(tx, scope, vpc), *ways.links(tx, scope, vpc))
    targets = gateways | {one.id for one in nats} | {one.id for one in peerings} | {one.id for one in live}
    plan = VpcPlan(
        id=vpc,
        cidrs=tuple(row.cidrs.values()),
        subnets=_subnets(tx, scope, row, targets, live),
        enis=(*(_eni(scope, one) for one in live), *_endpoints(tx, scope, vpc)),
        groups=_groups(tx, scope, vpc),
        nats=_nats(tx, scope, nats),
        igw=bool(gateways),
        peerings=peerings,
        dhcp=_dhcp(tx, scope, row),
        names=_names(tx, scope, row, live),
        dns_support=row.dns_support,
        flows=any(one.vpc == vpc for one in state.FLOW_LOG.table.scan(tx, scope)),
    )
    from haneul.services.ec2.vpc import public_access

    opened = public_access.opening(tx, scope, vpc)
    return plan if opened is None else _blocked(plan, opened)


def _blocked(plan: VpcPlan, opened: Mapping[str, Open]) -> VpcPlan:
    """The plan of an account that blocks public access: where it does, internet gateways carry nothing."""

    def of(subnet: str) -> Open:
        return opened.get(subnet) or opened[""]

    subnets = tuple(
        one
        if of(one.id).whole
        else replace(
            one, routes=tuple(replace(way, target="blackhole") if way.target == "igw" else way for way in one.routes)
        )
        for one in plan.subnets
    )
    return replace(
        plan,
        subnets=subnets,
        enis=tuple(one if of(one.subnet).whole else replace(one, publics=()) for one in plan.enis),
        nats=tuple(one for one in plan.nats if of(one.subnet).nat),
    )


def _names(tx: Reader, scope: Scope, vpc: state.Vpc, live: list[state.NetworkInterface]) -> tuple[tuple[str, str], ...]:
    """What the resolver knows: private names; public ones lead to private addresses, in peer VPCs if their side allows
    it, else to public ones."""
    found = [(names.private_name(scope.region, address), address) for one in live for address in one.addresses]
    if vpc.dns_hostnames:
        pairs = (pair for one in live for pair in one.publics.items())
        found += [(names.public_name(scope.region, public), private) for private, public in pairs]
    for _, _, theirs in peers(tx, scope, vpc.id):
        private_too = (theirs.get("PeeringOptions") or {}).get("AllowDnsResolutionFromRemoteVpc")
        other = scope_of(scope, theirs)
        for one in live_interfaces(tx, other, theirs["VpcId"]):
            for private, public in one.publics.items():
                found.append((names.public_name(other.region, public), private if private_too else public))
    return (*dict(found).items(), *endpoint_names.names(tx, scope, vpc.id))


def _endpoints(tx: Reader, scope: Scope, vpc: str) -> list[Eni]:
    """Interface endpoints are addresses of the router's, which the cloud listens at (`services`)."""
    found = (row for row in state.INTERFACE.table.scan(tx, scope) if row.vpc == vpc and row.kind == "vpc_endpoint")
    return [replace(_eni(scope, row), kind="none", hostname="") for row in found]


def _subnets(
    tx: Reader, scope: Scope, vpc: state.Vpc, targets: set[str], live: list[state.NetworkInterface]
) -> tuple[Subnet, ...]:
    tables = [one for one in state.ROUTE_TABLE.table.scan(tx, scope) if one.vpc == vpc.id]
    by_subnet = {subnet: table for table in tables for subnet in table.associations.values()}
    acls = {one.id: one for one in state.ACL.table.scan(tx, scope) if one.vpc == vpc.id}
    found = []
    for subnet in state.SUBNET.table.scan(tx, scope):
        if subnet.vpc != vpc.id or not subnet.cidr:
            continue
        table = by_subnet.get(subnet.id) or by_subnet.get("")
        routes = [] if table is None else _routes(tx, scope, table, subnet.zone, targets, live)
        acl = acls.get(subnet.acl)
        entries = () if acl is None else tuple(sorted(_entries(acl), key=lambda one: one.number))
        found.append(Subnet(id=subnet.id, cidr=subnet.cidr, routes=tuple(routes), entries=entries))
    return tuple(found)


def _routes(
    tx: Reader, scope: Scope, table: state.RouteTable, zone: str, targets: set[str], live: list[state.NetworkInterface]
) -> list[Route]:
    """One way for each destination: a route that names it comes before one by a prefix list, and what a transit gateway
    knows in more detail behind those."""
    found: dict[str, Route] = {}
    beyond: list[Route] = []
    for route in sorted(table.routes, key=lambda one: "DestinationPrefixListId" in one):
        kind, identifier = _target(route, live)
        if kind != "local" and identifier not in targets:
            kind = "blackhole"
        cidrs = [route["DestinationCidrBlock"]] if route.get("DestinationCidrBlock") else []
        if route.get("DestinationPrefixListId"):
            cidrs = prefixes.cidrs_of(tx, scope, route["DestinationPrefixListId"])
        for cidr in cidrs:
            if route.get("TransitGatewayId"):
                there, *more = ways.routes(tx, scope, table.vpc, zone, cidr, route["TransitGatewayId"])
                found.setdefault(cidr, there)
                beyond += more
            else:
                found.setdefault(cidr, Route(cidr, kind, identifier))
    for one in beyond:
        found.setdefault(one.destination, one)
    return list(found.values())


def _target(route: dict[str, Any], live: list[state.NetworkInterface]) -> tuple[Target, str]:
    gateway = route.get("GatewayId") or ""
    if gateway == "local" or gateway.startswith("vpce-"):  # services are at an address of every VPC's own
        return "local", ""
    if gateway.startswith("igw-"):
        return "igw", gateway
    if route.get("NatGatewayId"):
        return "nat", route["NatGatewayId"]
    if route.get("VpcPeeringConnectionId"):
        return "pcx", route["VpcPeeringConnectionId"]
    if route.get("NetworkInterfaceId"):
        return "eni", route["NetworkInterfaceId"]
    if route.get("InstanceId"):
        of = (one.id for one in live if one.attachment.get("instance") == route["InstanceId"])
        return "eni", next(of, "")
    return "blackhole", ""


def _eni(scope: Scope, row: state.NetworkInterface) -> Eni:
    return Eni(
        id=row.id,
        subnet=row.subnet,
        mac=row.mac,
        addresses=tuple(row.addresses),
        groups=tuple(row.groups),
        source_dest_check=row.source_dest_check,
        hostname=names.private_name(scope.region, row.addresses[0]).partition(".")[0],
        publics=tuple(row.publics.items()),
    )


def _groups(tx: Reader, scope: Scope, vpc: str) -> tuple[Group, ...]:
    rules: dict[str, list[state.GroupRule]] = {}
    for rule in state.RULE.table.scan(tx, scope):
        rules.setdefault(rule.group, []).append(rule)
    groups = [group for group in state.GROUP.table.scan(tx, scope) if group.vpc == vpc]
    own = {group.id for group in groups}
    compiled = []
    for group in groups:
        ways: dict[bool, list[Rule]] = {False: [], True: []}
        for one in rules.get(group.id, ()):
            if not one.cidr6:  # packets are IPv4's here
                ways[one.egress].append(_rule(tx, scope, vpc, own, one))
        compiled.append(Group(id=group.id, ingress=tuple(ways[False]), egress=tuple(ways[True])))
    return tuple(compiled)


def _rule(tx: Reader, scope: Scope, vpc: str, own: set[str], rule: state.GroupRule) -> Rule:
    cidrs = [rule.cidr] if rule.cidr else prefixes.cidrs_of(tx, scope, rule.prefixes) if rule.prefixes else []
    if rule.peer and rule.peer not in own:
        cidrs = _members_beyond(tx, scope, vpc, rule.peer)
    icmp = rule.protocol in ("icmp", "1")
    return Rule(
        protocol=rule.protocol,
        ports=None if icmp or rule.ports[0] == -1 else rule.ports,
        icmp=rule.ports if icmp else None,
        cidrs=tuple(cidrs),
        groups=(rule.peer,) if rule.peer in own else (),
    )


def _members_beyond(tx: Reader, scope: Scope, vpc: str, group: str) -> list[str]:
    """The addresses that a group of a peer VPC stands for; none once the peering is gone: the rule is stale."""
    found = []
    for _, _, theirs in peers(tx, scope, vpc):
        for one in live_interfaces(tx, scope_of(scope, theirs), theirs["VpcId"]):
            if group in one.groups:
                found += [f"{address}/32" for address in one.addresses]
    return sorted(set(found))


def _entries(acl: state.NetworkAcl) -> list[NaclEntry]:
    found = []
    for entry in acl.entries:
        if not entry.get("CidrBlock"):
            continue  # packets are IPv4's here
        protocol = _NAMED.get(entry["Protocol"], entry["Protocol"])
        ports, icmp = entry.get("PortRange"), entry.get("IcmpTypeCode")
        found.append(
            NaclEntry(
                number=entry["RuleNumber"],
                egress=entry["Egress"],
                allow=entry["RuleAction"] == "allow",
                cidr=entry["CidrBlock"],
                protocol=protocol,
                ports=(ports["From"], ports["To"]) if ports and protocol in ("tcp", "udp") else None,
                icmp=(icmp["Type"], icmp["Code"]) if icmp and protocol == "icmp" else None,
            )
        )
    return found


def _nats(tx: Reader, scope: Scope, rows: list[state.NatGateway]) -> tuple[NatGateway, ...]:
    found = []
    for row in rows:
        interface = state.INTERFACE.find(tx, scope, row.interface)
        if interface is not None and interface.publics:
            private = interface.addresses[0]
            more = tuple(interface.publics[one] for one in interface.addresses[1:] if one in interface.publics)
            found.append(NatGateway(row.id, row.subnet, private, interface.publics.get(private, ""), more))
    return tuple(one for one in found if one.public)


def peers(tx: Reader, scope: Scope, vpc: str) -> Iterator[tuple[state.Peering, dict[str, Any], dict[str, Any]]]:
    """The VPC's active peerings, each with its own side and the other one."""
    for row in state.PEERING.table.scan(tx, scope):
        for ours, theirs in ((row.requester, row.accepter), (row.accepter, row.requester)):
            if row.status == "active" and ours.get("VpcId") == vpc and theirs.get("VpcId") != vpc:
                yield row, ours, theirs


def scope_of(scope: Scope, side: dict[str, Any]) -> Scope:
    """Whose VPC one side of a peering is."""
    return Scope(side.get("OwnerId") or scope.account, side.get("Region") or scope.region)


def _peerings(tx: Reader, scope: Scope, vpc: str) -> tuple[Peering, ...]:
    found = {}
    for row, _, theirs in peers(tx, scope, vpc):
        cidrs = [one["CidrBlock"] for one in theirs.get("CidrBlockSet") or ()] or [theirs["CidrBlock"]]
        found[row.id] = Peering(row.id, theirs["VpcId"], tuple(cidrs))
    return tuple(found.values())


def _dhcp(tx: Reader, scope: Scope, vpc: state.Vpc) -> DhcpOptions:
    row = state.DHCP.find(tx, scope, vpc.dhcp) if vpc.dhcp != "default" else None
    options = {} if row is None else row.options
    servers = [one for one in options.get("domain-name-servers", ()) if one != "AmazonProvidedDNS" and ":" not in one]
    return DhcpOptions(
        domain=next(iter(options.get("domain-name", ())), names.domain(scope.region)),
        servers=tuple(servers),
        ntp=tuple(one for one in options.get("ntp-servers", ()) if ":" not in one),
    )
