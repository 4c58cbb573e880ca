"""The rows of VPCs. A default VPC's parts are made with the account's first call, see `defaults`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from haneul.services.ec2.errors import coded
from haneul.services.ec2.kinds import Kind
from haneul.state.table import Table
from haneul.wire.errors import AwsError


class Vpc(msgspec.Struct, kw_only=True):
    """cidrs: association id -> block, the primary one first. dhcp: id of its DHCP options, "default" for none."""

    id: str
    cidrs: dict[str, str]
    created: float
    default: bool = False
    tenancy: str = "default"
    dhcp: str = "default"
    dns_support: bool = True
    dns_hostnames: bool = False
    usage_metrics: bool = False
    ipv6: dict[str, str] = {}
    tags: dict[str, str] = {}


class Subnet(msgspec.Struct, kw_only=True):
    """acl: the network ACL in force, and the id of that association. table: the route table associated, "" for the
    VPC's main one."""

    id: str
    vpc: str
    zone: str
    cidr: str
    created: float
    acl: str
    acl_association: str
    default: bool = False
    map_public: bool = False
    ipv6: dict[str, str] = {}
    assign_ipv6: bool = False
    dns64: bool = False
    host_names: dict[str, Any] = {}
    reservations: dict[str, dict[str, Any]] = {}
    """CIDR reservations by id, as AWS tells them."""
    tags: dict[str, str] = {}


class RouteTable(msgspec.Struct, kw_only=True):
    """routes: as AWS tells them, without the local ones of the VPC's blocks. associations: id -> subnet, gateway, or ""
    for the main one."""

    id: str
    vpc: str
    created: float
    routes: list[dict[str, Any]] = []
    associations: dict[str, str] = {}
    propagating: list[str] = []
    """Virtual private gateways that it hears routes from."""
    tags: dict[str, str] = {}

    @property
    def main(self) -> bool:
        return "" in self.associations.values()


class NetworkAcl(msgspec.Struct, kw_only=True):
    """entries: as AWS tells them (RuleNumber, Egress, Protocol, RuleAction, CidrBlock, PortRange, IcmpTypeCode),
    without the last one that denies everything."""

    id: str
    vpc: str
    created: float
    default: bool = False
    entries: list[dict[str, Any]] = []
    tags: dict[str, str] = {}


class SecurityGroup(msgspec.Struct, kw_only=True):
    id: str
    vpc: str
    name: str
    description: str
    created: float
    tags: dict[str, str] = {}


class GroupRule(msgspec.Struct, kw_only=True):
    """One rule: one protocol and range of ports, one source or destination (exactly one of cidr, cidr6, peer,
    prefixes). ports: from and to, -1 for all; of ICMP the type and code."""

    id: str
    group: str
    egress: bool
    protocol: str
    ports: tuple[int, int] = (-1, -1)
    cidr: str = ""
    cidr6: str = ""
    peer: str = ""
    peer_owner: str = ""
    prefixes: str = ""
    description: str | None = None
    order: int = 0
    """Among the group's rules: answers tell them as they were granted."""
    tags: dict[str, str] = {}


class InternetGateway(msgspec.Struct, kw_only=True):
    id: str
    created: float
    vpc: str = ""
    tags: dict[str, str] = {}


class NetworkInterface(msgspec.Struct, kw_only=True):
    """addresses: private ones, the primary one first. publics: private -> public, given by the subnet or the launch.
    attachment: {} or id, instance, index, card, status, time, delete (on termination).
    live: its instance runs, so the VPC's network must hold it."""

    id: str
    vpc: str
    subnet: str
    zone: str
    mac: str
    addresses: list[str]
    created: float
    groups: list[str] = []
    description: str = ""
    kind: str = "interface"
    requester: str = ""
    source_dest_check: bool = True
    publics: dict[str, str] = {}
    elastic: dict[str, tuple[str, str]] = {}
    """private -> (allocation, association), for those of `publics` that are elastic addresses."""
    ipv6: list[str] = []
    attachment: dict[str, Any] = {}
    live: bool = False
    tags: dict[str, str] = {}


class Address(msgspec.Struct, kw_only=True):
    """An elastic IP address. association: "" or its id; interface and private: what it leads to."""

    id: str
    public: str
    created: float
    association: str = ""
    interface: str = ""
    private: str = ""
    reverse: str = ""
    """Its reverse name in DNS, with the last dot."""
    tags: dict[str, str] = {}


class DhcpOptions(msgspec.Struct, kw_only=True):
    """options: AWS's name ("domain-name-servers") -> values."""

    id: str
    options: dict[str, list[str]]
    created: float
    tags: dict[str, str] = {}


class NatGateway(msgspec.Struct, kw_only=True):
    """state: pending, available, deleting, deleted or failed, as AWS tells it."""

    id: str
    vpc: str
    subnet: str
    created: float
    state: str
    private_only: bool = False
    interface: str = ""
    allocation: str = ""
    failure: tuple[str, str] = ("", "")
    deleted: float = 0.0
    tags: dict[str, str] = {}


class Peering(msgspec.Struct, kw_only=True):
    """A VPC peering connection; a row in the requester's scope and one in the accepter's."""

    id: str
    requester: dict[str, Any]
    accepter: dict[str, Any]
    status: str
    created: float
    message: str = ""
    expires: float = 0.0
    tags: dict[str, str] = {}


class PrefixList(msgspec.Struct, kw_only=True):
    """A managed prefix list: entries are block -> description, of the current version; versions: number -> entries."""

    id: str
    name: str
    family: str
    created: float
    size: int
    owner: str = ""
    version: int = 1
    entries: dict[str, str] = {}
    versions: dict[int, dict[str, str]] = {}
    state: str = "create-complete"
    tags: dict[str, str] = {}


class EgressGateway(msgspec.Struct, kw_only=True):
    """An egress-only internet gateway: for IPv6, so it is a row and moves no packet."""

    id: str
    vpc: str
    created: float
    tags: dict[str, str] = {}


class Endpoint(msgspec.Struct, kw_only=True):
    """A VPC endpoint. kind: Gateway or Interface. tables: route tables of a gateway one. interfaces: subnet ->
    interface of an interface one."""

    id: str
    vpc: str
    service: str
    kind: str
    created: float
    policy: str
    tables: list[str] = []
    interfaces: dict[str, str] = {}
    groups: list[str] = []
    private_dns: bool = False
    tags: dict[str, str] = {}


class FlowLog(msgspec.Struct, kw_only=True):
    """A flow log of one resource. vpc: the resource's. until: the end of the last interval that was written.
    trouble: why the last delivery failed."""

    id: str
    resource: str
    vpc: str
    traffic: str
    created: float
    destination_type: str
    group: str = ""
    destination: str = ""
    role: str = ""
    format: str = ""
    interval: int = 600
    options: dict[str, Any] = {}
    until: float = 0.0
    trouble: str = ""
    tags: dict[str, str] = {}


class Account(msgspec.Struct, kw_only=True):
    """What an account has in a region: whether its default VPC was made, and settings of the account's own."""

    id: str = "account"
    settings: dict[str, Any] = {}
    tags: dict[str, str] = {}


class Exclusion(msgspec.Struct, kw_only=True):
    """What the account's block of public access doesn't hold for: a VPC, or a subnet of it (target)."""

    id: str
    vpc: str
    target: str
    mode: str
    created: float
    changed: float
    state: str = "create-complete"
    tags: dict[str, str] = {}


class FlowLogKind(Kind[FlowLog]):
    """AWS's words for flow logs are their own."""

    def missing(self, identifiers: Sequence[str]) -> AwsError:
        counted = f"[TotalCount: {len(identifiers)}] {' '.join(identifiers)}"
        return coded(self.absent, f"These flow log ids in the input list are not found: {counted}")


ACCOUNTS = Table("ec2.account", Account, key=("id",))
VPC = Kind("vpc", "vpc", Table("ec2.vpc", Vpc, key=("id",)), "InvalidVpcID.NotFound", "vpc ID", "InvalidVpcID.NotFound")
VPCS = VPC.table
SUBNET = Kind(
    "subnet",
    "subnet",
    Table("ec2.subnet", Subnet, key=("id",)),
    "InvalidSubnetID.NotFound",
    "subnet ID",
    "InvalidSubnetID.NotFound",
)
ROUTE_TABLE = Kind(
    "route-table",
    "rtb",
    Table("ec2.route-table", RouteTable, key=("id",)),
    "InvalidRouteTableID.NotFound",
    "routeTable ID",
    "InvalidRouteTableId.Malformed",
)
ACL = Kind(
    "network-acl",
    "acl",
    Table("ec2.network-acl", NetworkAcl, key=("id",)),
    "InvalidNetworkAclID.NotFound",
    "networkAcl ID",
)
GROUP = Kind(
    "security-group",
    "sg",
    Table("ec2.security-group", SecurityGroup, key=("id",)),
    "InvalidGroup.NotFound",
    "security group",
    "InvalidGroupId.Malformed",
)
RULE = Kind(
    "security-group-rule",
    "sgr",
    Table("ec2.security-group-rule", GroupRule, key=("id",)),
    "InvalidSecurityGroupRuleId.NotFound",
    "security group rule ID",
)
GATEWAY = Kind(
    "internet-gateway",
    "igw",
    Table("ec2.internet-gateway", InternetGateway, key=("id",)),
    "InvalidInternetGatewayID.NotFound",
    "internetGateway ID",
    "InvalidInternetGatewayId.Malformed",
)
INTERFACE = Kind(
    "network-interface",
    "eni",
    Table("ec2.network-interface", NetworkInterface, key=("id",)),
    "InvalidNetworkInterfaceID.NotFound",
    "networkInterface ID",
    "InvalidNetworkInterfaceId.Malformed",
)
ADDRESS = Kind(
    "elastic-ip",
    "eipalloc",
    Table("ec2.address", Address, key=("id",)),
    "InvalidAllocationID.NotFound",
    "allocation ID",
    "InvalidAllocationID.NotFound",
)
DHCP = Kind(
    "dhcp-options",
    "dopt",
    Table("ec2.dhcp-options", DhcpOptions, key=("id",)),
    "InvalidDhcpOptionID.NotFound",
    "dhcpOption ID",
    "InvalidDhcpOptionsId.Malformed",
)
NAT = Kind(
    "natgateway",
    "nat",
    Table("ec2.nat-gateway", NatGateway, key=("id",)),
    "NatGatewayNotFound",
    "NAT gateway",
    "NatGatewayMalformed",
)
NAT_GATEWAYS = NAT.table
PEERING = Kind(
    "vpc-peering-connection",
    "pcx",
    Table("ec2.peering", Peering, key=("id",)),
    "InvalidVpcPeeringConnectionID.NotFound",
    "vpcPeeringConnection ID",
    "InvalidVpcPeeringConnectionId.Malformed",
)
PEERINGS = PEERING.table
PREFIX_LIST = Kind(
    "prefix-list",
    "pl",
    Table("ec2.prefix-list", PrefixList, key=("id",)),
    "InvalidPrefixListID.NotFound",
    "prefix list ID",
    "InvalidPrefixListId.Malformed",
)
EGRESS_GATEWAY = Kind(
    "egress-only-internet-gateway",
    "eigw",
    Table("ec2.egress-only-internet-gateway", EgressGateway, key=("id",)),
    "InvalidGatewayID.NotFound",
    "egress only internet gateway ID",
)
EXCLUSION = Kind(
    "vpc-block-public-access-exclusion",
    "vpcbpa-exclude",
    Table("ec2.vpc-block-public-access-exclusion", Exclusion, key=("id",)),
    "InvalidVpcBlockPublicAccessExclusionId.NotFound",
    "exclusion ID",
)
ENDPOINT = Kind(
    "vpc-endpoint",
    "vpce",
    Table("ec2.vpc-endpoint", Endpoint, key=("id",)),
    "InvalidVpcEndpointId.NotFound",
    "Vpc Endpoint Id",
)
FLOW_LOG: Kind[FlowLog] = FlowLogKind(
    "vpc-flow-log",
    "fl",
    Table("ec2.flow-log", FlowLog, key=("id",)),
    "InvalidFlowLogId.NotFound",
    "flow log ID",
)
FLOW_LOGS = FLOW_LOG.table
