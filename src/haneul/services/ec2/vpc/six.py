"""IPv6 as data: Amazon's blocks (of the range set aside for documentation), subnets' parts, interfaces' addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from haneul.kit import tokens
from haneul.service import Scope
from haneul.services.ec2.errors import coded, errors, invalid
from haneul.services.ec2.vpc.state import INTERFACE, SUBNET, VPC, Subnet, Vpc
from haneul.state.store import Reader

_RANGE = "2001:db8"


def new_block(tx: Reader) -> str:
    """A /56 that no other VPC has, in any account."""
    used = {one for _, vpc in VPC.table.everywhere(tx) for one in vpc.ipv6.values()}
    while True:
        drawn = tokens.random_hex(6)
        found = str(ipaddress.IPv6Network(f"{_RANGE}:{drawn[:4]}:{drawn[4:]}00::/56"))
        if found not in used:
            return found


def of_vpc(region: str, vpc: Vpc, identifier: str, state: str = "associated") -> dict[str, Any]:
    """A VPC's IPv6 block as answers show it."""
    return {
        "AssociationId": identifier,
        "Ipv6CidrBlock": vpc.ipv6[identifier],
        "Ipv6CidrBlockState": {"State": state},
        "NetworkBorderGroup": region,
        "Ipv6Pool": "Amazon",
        "Ipv6AddressAttribute": "public",
        "IpSource": "amazon",
    }


def of_subnet(subnet: Subnet, identifier: str, state: str = "associated") -> dict[str, Any]:
    """A subnet's IPv6 block as answers show it."""
    return {
        "AssociationId": identifier,
        "Ipv6CidrBlock": subnet.ipv6[identifier],
        "Ipv6CidrBlockState": {"State": state},
        "Ipv6AddressAttribute": "public",
        "IpSource": "amazon",
    }


def give(tx: Reader, scope: Scope, vpc: Vpc, subnet: Subnet, text: str) -> str:
    """The subnet has an IPv6 block of its VPC's; the association's id. The row is the caller's to write.
    Raises InvalidParameterValue, InvalidSubnet.Range, InvalidSubnet.Conflict."""
    try:
        network = ipaddress.IPv6Network(text)
    except ValueError:
        raise invalid(f"Value ({text}) for parameter ipv6CidrBlock is invalid.") from None
    inside = any(network.subnet_of(ipaddress.IPv6Network(one)) for one in vpc.ipv6.values())
    if not inside or not 44 <= network.prefixlen <= 64 or network.prefixlen % 4:
        raise coded("InvalidSubnet.Range", f"The CIDR '{text}' is invalid.")
    for other in SUBNET.table.scan(tx, scope):
        if any(network.overlaps(ipaddress.IPv6Network(one)) for one in other.ipv6.values()):
            raise coded("InvalidSubnet.Conflict", f"The CIDR '{text}' conflicts with another subnet")
    identifier = tokens.resource_id("subnet-cidr-assoc")
    subnet.ipv6 = {**subnet.ipv6, identifier: str(network)}
    return identifier


def addresses(tx: Reader, scope: Scope, subnet: Subnet, wanted: Sequence[str], more: int) -> list[str]:
    """`wanted` IPv6 addresses of the subnet, checked, and `more` drawn ones. Raises InvalidParameterValue,
    InvalidIPAddress.InUse."""
    if not wanted and not more:
        return []
    if not subnet.ipv6:
        raise invalid(f"The subnet '{subnet.id}' does not have an IPv6 CIDR block.")
    network = ipaddress.IPv6Network(next(iter(subnet.ipv6.values())))
    taken = {one for row in INTERFACE.table.scan(tx, scope) if row.subnet == subnet.id for one in row.ipv6}
    found = []
    for text in wanted:
        try:
            address = ipaddress.IPv6Address(text)
        except ValueError:
            raise invalid(f"Invalid IPv6 address {text}") from None
        if address not in network:
            raise invalid("Address does not fall within the subnet's address range")
        if str(address) in taken:
            raise coded("InvalidIPAddress.InUse", f"Address {address} is in use.")
        taken.add(str(address))
        found.append(str(address))
    if more > 64:
        raise errors.PrivateIpAddressLimitExceeded("Too many IPv6 addresses were asked for at once.")
    while len(found) < len(wanted) + more:
        drawn = str(network.network_address + (int(tokens.random_hex(16), 16) % network.num_addresses))
        if drawn not in taken:
            taken.add(drawn)
            found.append(drawn)
    return found
