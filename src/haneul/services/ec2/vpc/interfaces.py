"""Network interfaces from inside the room: made, attached, given addresses; for instances, NAT gateways, endpoints."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from haneul.kit import tokens
from haneul.service import Scope
from haneul.services.ec2 import tagging
from haneul.services.ec2.account import hours
from haneul.services.ec2.errors import coded, errors, invalid
from haneul.services.ec2.plane import Plane
from haneul.services.ec2.vpc import names, pool, realise, six
from haneul.services.ec2.vpc.state import GROUP, INTERFACE, SUBNET, VPC, NetworkInterface, Subnet
from haneul.state.store import Reader, Writer

_SHOWN_OF_ASSOCIATION = ("IpOwnerId", "PublicDnsName", "PublicIp")
SERVICE_OWNER = "amazon-aws"


def make(
    tx: Writer,
    scope: Scope,
    now: float,
    subnet: Subnet,
    *,
    groups: Sequence[str] = (),
    address: str = "",
    secondary: int | Sequence[str] = 0,
    description: str = "",
    kind: str = "interface",
    requester: str = "",
    tags: dict[str, str] | None = None,
    ipv6: int | Sequence[str] | None = None,
) -> NetworkInterface:
    """A new interface in a subnet, its row written. `address`: the primary private one, any free one when empty.
    `secondary`: further ones, or how many of them. `groups`: ids; the VPC's default group when there is none.
    `ipv6`: addresses or how many; None: one where the subnet gives them by itself.
    Raises InvalidIPAddress.InUse, InsufficientFreeAddressesInSubnet, InvalidGroup.NotFound, InvalidParameterValue."""
    chosen = [address] if address else []
    chosen += [secondary] if isinstance(secondary, str) else [] if isinstance(secondary, int) else list(secondary)
    more = (0 if address else 1) + (secondary if isinstance(secondary, int) else 0)
    found = addresses(tx, scope, subnet, chosen, more)
    if not address:  # the primary one is the first of those that were chosen here
        found = [found[len(chosen)], *found[: len(chosen)], *found[len(chosen) + 1 :]]
    if ipv6 is None:
        ipv6 = 1 if subnet.assign_ipv6 else 0
    named6, more6 = ((), ipv6) if isinstance(ipv6, int) else (ipv6, 0)
    row = NetworkInterface(
        id=INTERFACE.new_id(),
        vpc=subnet.vpc,
        subnet=subnet.id,
        zone=subnet.zone,
        mac=_mac(),
        addresses=found,
        created=now,
        groups=groups_of(tx, scope, subnet.vpc, groups) if kind not in ("nat_gateway", "gateway_load_balancer") else [],
        description=description,
        kind=kind,
        requester=requester,
        ipv6=six.addresses(tx, scope, subnet, named6, more6),
        tags=tags or {},
    )
    INTERFACE.table.put(tx, scope, row)
    return row


def attach(
    tx: Writer, scope: Scope, now: float, interface: NetworkInterface, instance: str, index: int, *, delete: bool
) -> None:
    """The interface is the instance's, at a device index."""
    interface.attachment = {
        "id": tokens.resource_id("eni-attach"),
        "instance": instance,
        "index": index,
        "card": 0,
        "status": "attached",
        "time": now,
        "delete": delete,
    }
    INTERFACE.table.put(tx, scope, interface)


def detach(tx: Writer, scope: Scope, interface: NetworkInterface) -> None:
    """The interface is nobody's."""
    interface.attachment = {}
    interface.live = False
    INTERFACE.table.put(tx, scope, interface)


def remove(tx: Writer, scope: Scope, interface: NetworkInterface) -> None:
    """The interface is gone; elastic addresses that led to it lead nowhere."""
    from haneul.services.ec2.vpc import addresses as elastic

    elastic.forget(tx, scope, interface)
    INTERFACE.table.delete(tx, scope, interface.id)


def give_public(tx: Writer, scope: Scope, plane: Plane, interface: NetworkInterface) -> str:
    """The primary address has a public one, a new one when it had none."""
    primary = interface.addresses[0]
    if primary not in interface.publics:
        interface.publics = {**interface.publics, primary: pool.free(tx, plane)}
        INTERFACE.table.put(tx, scope, interface)
        hours.begin(tx, scope, plane.cloud.clock.now())
    return interface.publics[primary]


def take_public(tx: Writer, scope: Scope, interface: NetworkInterface) -> None:
    """Public addresses that aren't elastic are given back."""
    kept = {private: public for private, public in interface.publics.items() if private in interface.elastic}
    if kept != interface.publics:
        interface.publics = kept
        INTERFACE.table.put(tx, scope, interface)


def set_live(tx: Writer, scope: Scope, interface: NetworkInterface, live: bool) -> None:
    """Whether its instance runs: only then the kernel has it."""
    if interface.live != live:
        interface.live = live
        INTERFACE.table.put(tx, scope, interface)
        realise.touch_peers(tx, scope, interface.vpc)


def of_instance(tx: Reader, scope: Scope, instance: str) -> list[NetworkInterface]:
    """An instance's interfaces, the primary one first."""
    found = [row for row in INTERFACE.table.scan(tx, scope) if row.attachment.get("instance") == instance]
    return sorted(found, key=lambda row: row.attachment["index"])


def groups_of(tx: Reader, scope: Scope, vpc: str, groups: Sequence[str]) -> list[str]:
    """Ids of security groups of the VPC, its default one when none is named. Raises InvalidGroup.NotFound,
    InvalidParameterValue for a group of another VPC, SecurityGroupsPerInterfaceLimitExceeded."""
    if not groups:
        return [row.id for row in GROUP.table.scan(tx, scope) if row.vpc == vpc and row.name == "default"]
    if len(set(groups)) > 16:
        raise errors.SecurityGroupsPerInterfaceLimitExceeded("You have exceeded the number of groups per interface: 16")
    for row in GROUP.get_all(tx, scope, groups):
        if row.vpc != vpc:
            raise coded(
                "InvalidParameter", f"You have specified two resources that belong to different networks: {row.id}."
            )
    return list(dict.fromkeys(groups))


def addresses(tx: Reader, scope: Scope, subnet: Subnet, wanted: Sequence[str], more: int) -> list[str]:
    """`wanted` addresses of the subnet, checked, and `more` free ones. Raises as `make` does."""
    if not subnet.cidr:
        raise errors.UnsupportedOperation("Interfaces have IPv4 addresses here, and this subnet has IPv6 ones alone.")
    network = ipaddress.IPv4Network(subnet.cidr)
    taken = taken_in(tx, scope, subnet)
    found = []
    for address in wanted:
        _check(subnet, network, address, taken)
        taken.add(address)
        found.append(address)
    kept = [ipaddress.ip_network(one["Cidr"]) for one in subnet.reservations.values()]
    free = (one for one in _free(network, taken) if not any(ipaddress.ip_address(one) in block for block in kept))
    for _ in range(more):
        address = next(free, "")
        if not address:
            raise errors.InsufficientFreeAddressesInSubnet(
                "The specified subnet does not have enough free addresses to satisfy the request."
            )
        found.append(address)
    return found


def taken_in(tx: Reader, scope: Scope, subnet: Subnet) -> set[str]:
    """The private addresses of a subnet's interfaces."""
    return {address for row in INTERFACE.table.scan(tx, scope) if row.subnet == subnet.id for address in row.addresses}


def numbers_taken(tx: Reader, scope: Scope) -> Counter[str]:
    """Subnet -> how many private addresses its interfaces have: all subnets in one look."""
    found: Counter[str] = Counter()
    for row in INTERFACE.table.scan(tx, scope):
        found[row.subnet] += len(row.addresses)
    return found


def describe(tx: Reader, scope: Scope, row: NetworkInterface) -> dict[str, Any]:
    """An interface as every answer shows it."""
    named = named_publicly(tx, scope, row)
    shown: dict[str, Any] = {
        "NetworkInterfaceId": row.id,
        "VpcId": row.vpc,
        "SubnetId": row.subnet,
        "AvailabilityZone": row.zone,
        "Description": row.description,
        "Groups": groups_shown(tx, scope, row),
        "InterfaceType": row.kind,
        "Ipv6Addresses": [{"Ipv6Address": one, "IsPrimaryIpv6": False} for one in row.ipv6],
        "MacAddress": row.mac,
        "OwnerId": scope.account,
        "PrivateDnsName": names.private_name(scope.region, row.addresses[0]),
        "PrivateIpAddress": row.addresses[0],
        "PrivateIpAddresses": [_private(scope, row, one, named) for one in row.addresses],
        "RequesterManaged": bool(row.requester),
        "SourceDestCheck": row.source_dest_check,
        "Status": "in-use" if row.attachment else "available",
        "TagSet": tagging.render(row.tags),
    }
    if row.requester:
        shown["RequesterId"] = row.requester
    if row.addresses[0] in row.publics:
        shown["Association"] = association(scope, row, row.addresses[0], named)
    if row.attachment:
        shown["Attachment"] = attachment(scope, row)
    return shown


def describe_for_instance(tx: Reader, scope: Scope, row: NetworkInterface) -> dict[str, Any]:
    """An interface as DescribeInstances shows it."""
    shown = describe(tx, scope, row)
    for name in ("AvailabilityZone", "RequesterManaged", "RequesterId", "TagSet"):
        shown.pop(name, None)
    for one in (shown, *shown["PrivateIpAddresses"]):
        if "Association" in one:
            one["Association"] = {
                name: one["Association"].get(name, "") for name in ("IpOwnerId", "PublicDnsName", "PublicIp")
            }
    held = row.attachment
    shown["Status"] = "in-use"
    shown["Ipv6Addresses"] = [{"Ipv6Address": one} for one in row.ipv6]
    shown["Attachment"] = {
        "AttachmentId": held.get("id", ""),
        "AttachTime": held.get("time", 0.0),
        "DeleteOnTermination": held.get("delete", False),
        "DeviceIndex": held.get("index", 0),
        "NetworkCardIndex": held.get("card", 0),
        "Status": held.get("status", "attached"),
    }
    return shown


def attachment(scope: Scope, row: NetworkInterface) -> dict[str, Any]:
    """What an interface hangs on: an instance, or a service."""
    held = row.attachment
    shown = {
        "AttachmentId": held["id"],
        "AttachTime": held["time"],
        "DeleteOnTermination": held["delete"],
        "DeviceIndex": held["index"],
        "NetworkCardIndex": held["card"],
        "Status": held["status"],
        "InstanceOwnerId": scope.account if held.get("instance") else SERVICE_OWNER,
    }
    if held.get("instance"):
        shown["InstanceId"] = held["instance"]
    return shown


def association(scope: Scope, row: NetworkInterface, private: str, named: bool) -> dict[str, Any]:
    """The public address of a private one: an elastic one, or one given for a while."""
    public = row.publics[private]
    shown = {
        "IpOwnerId": scope.account if private in row.elastic else "amazon",
        "PublicIp": public,
        "PublicDnsName": names.public_name(scope.region, public) if named else "",
    }
    if private in row.elastic:
        shown["AllocationId"], shown["AssociationId"] = row.elastic[private]
    return shown


def named_publicly(tx: Reader, scope: Scope, row: NetworkInterface) -> bool:
    """Whether the VPC gives public DNS names."""
    vpc = VPC.find(tx, scope, row.vpc)
    return vpc is not None and vpc.dns_hostnames


def groups_shown(tx: Reader, scope: Scope, row: NetworkInterface) -> list[dict[str, str]]:
    """The interface's groups by id and name."""
    found = [GROUP.find(tx, scope, one) for one in row.groups]
    return [{"GroupId": one.id, "GroupName": one.name} for one in found if one is not None]


def subnet_of(tx: Reader, scope: Scope, row: NetworkInterface) -> Subnet:
    return SUBNET.get(tx, scope, row.subnet)


def _private(scope: Scope, row: NetworkInterface, address: str, named: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "Primary": address == row.addresses[0],
        "PrivateDnsName": names.private_name(scope.region, address),
        "PrivateIpAddress": address,
    }
    if address in row.publics:
        shown["Association"] = association(scope, row, address, named)
    return shown


def _check(subnet: Subnet, network: ipaddress.IPv4Network, address: str, taken: set[str]) -> None:
    try:
        parsed = ipaddress.IPv4Address(address)
    except ValueError:
        raise invalid(f"Invalid IPv4 address {address}") from None
    if parsed not in network:
        raise invalid("Address does not fall within the subnet's address range")
    if int(parsed) - int(network.network_address) < 4 or parsed == network.broadcast_address:
        raise invalid("Address is in subnet's reserved address range")
    if address in taken:
        raise coded("InvalidIPAddress.InUse", f"Address {address} is in use.")


def _free(network: ipaddress.IPv4Network, taken: set[str]) -> Iterator[str]:
    for number in range(4, network.num_addresses - 1):
        address = str(network[number])
        if address not in taken:
            yield address


def _mac() -> str:
    """Locally administered, so that no card on earth has it."""
    drawn = tokens.random_hex(10)
    return ":".join(["02", *(drawn[at : at + 2] for at in range(0, 10, 2))])
