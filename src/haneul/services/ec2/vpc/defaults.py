"""What an account finds in a region: a default VPC with a subnet in every zone, open to the internet as AWS's is."""

from __future__ import annotations

from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.ec2.vpc import givens
from haneul.services.ec2.vpc.places import zones_of
from haneul.services.ec2.vpc.state import (
    ACCOUNTS,
    ACL,
    GATEWAY,
    GROUP,
    ROUTE_TABLE,
    RULE,
    SUBNET,
    VPC,
    Account,
    GroupRule,
    InternetGateway,
    NetworkAcl,
    RouteTable,
    SecurityGroup,
    Subnet,
    Vpc,
)
from haneul.state.store import Writer

CIDR = "172.31.0.0/16"
_SETTLED: set[tuple[int, Scope]] = set()
"""(store, scope) where it is known to be there."""


def ensure(call: Call) -> None:
    """The account has its default VPC in this region, once: when it is deleted, it stays deleted."""
    key = (id(call.cloud.store), call.scope)
    if key in _SETTLED:
        return
    with call.write() as tx:
        if ACCOUNTS.get(tx, call.scope, "account") is None:
            ACCOUNTS.put(tx, call.scope, Account())
            make_default(tx, call.scope, call.now())
        givens.make_lists(tx, call.scope, call.now())
    _SETTLED.add(key)


def make_default(tx: Writer, scope: Scope, now: float) -> Vpc:
    """A default VPC, its subnets, gateway and route to it."""
    vpc = make_vpc(tx, scope, CIDR, now, default=True)
    gateway = InternetGateway(id=GATEWAY.new_id(), vpc=vpc.id, created=now)
    GATEWAY.table.put(tx, scope, gateway)
    table = next(one for one in ROUTE_TABLE.table.scan(tx, scope) if one.vpc == vpc.id)
    table.routes.append(
        {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway.id, "State": "active", "Origin": "CreateRoute"}
    )
    ROUTE_TABLE.table.put(tx, scope, table)
    acl = next(one for one in ACL.table.scan(tx, scope) if one.vpc == vpc.id)
    for index, zone in enumerate(zones_of(scope.region)):
        cidr = f"172.31.{index * 16}.0/20"
        SUBNET.table.put(tx, scope, _subnet(vpc.id, zone, cidr, acl.id, now))
    return vpc


def make_vpc(
    tx: Writer,
    scope: Scope,
    cidr: str,
    now: float,
    *,
    default: bool = False,
    tenancy: str = "default",
    tags: dict[str, str] | None = None,
) -> Vpc:
    """A VPC with what every one is born with: main route table, default network ACL, default security group."""
    vpc = Vpc(
        id=VPC.new_id(),
        cidrs={tokens.resource_id("vpc-cidr-assoc"): cidr},
        created=now,
        default=default,
        dns_hostnames=default,
        tenancy=tenancy,
        dhcp=givens.default_options(tx, scope, now),
        tags=tags or {},
    )
    VPC.table.put(tx, scope, vpc)
    table = RouteTable(id=ROUTE_TABLE.new_id(), vpc=vpc.id, created=now)
    table.associations[tokens.resource_id("rtbassoc")] = ""
    ROUTE_TABLE.table.put(tx, scope, table)
    acl = NetworkAcl(id=ACL.new_id(), vpc=vpc.id, created=now, default=True, entries=[_open(False), _open(True)])
    ACL.table.put(tx, scope, acl)
    make_default_group(tx, scope, vpc.id, now)
    return vpc


def make_default_group(tx: Writer, scope: Scope, vpc: str, now: float) -> SecurityGroup:
    """The group "default": everything from its own members, everything out."""
    group = SecurityGroup(
        id=GROUP.new_id(), vpc=vpc, name="default", description="default VPC security group", created=now
    )
    GROUP.table.put(tx, scope, group)
    inward = GroupRule(
        id=RULE.new_id(), group=group.id, egress=False, protocol="-1", peer=group.id, peer_owner=scope.account
    )
    RULE.table.put(tx, scope, inward)
    for rule in everything_out(group.id):
        RULE.table.put(tx, scope, rule)
    return group


def everything_out(group: str, *, six: bool = False) -> list[GroupRule]:
    """The rules that every new group starts with; where its VPC has IPv6 blocks, one for those too."""
    rules = [GroupRule(id=RULE.new_id(), group=group, egress=True, protocol="-1", cidr="0.0.0.0/0")]
    if six:
        rules.append(GroupRule(id=RULE.new_id(), group=group, egress=True, protocol="-1", cidr6="::/0"))
    return rules


def _open(egress: bool) -> dict[str, object]:
    return {"RuleNumber": 100, "Egress": egress, "Protocol": "-1", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0"}


def _subnet(vpc: str, zone: str, cidr: str, acl: str, now: float) -> Subnet:
    return Subnet(
        id=SUBNET.new_id(),
        vpc=vpc,
        zone=zone,
        cidr=cidr,
        created=now,
        acl=acl,
        acl_association=tokens.resource_id("aclassoc"),
        default=True,
        map_public=True,
    )
