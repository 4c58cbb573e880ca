"""The network interfaces of a launch: which subnet, which groups, made new or brought along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from haneul.service import Scope
from haneul.services.ec2.errors import coded, errors, invalid, mixed
from haneul.services.ec2.plane import Plane
from haneul.services.ec2.vpc.places import zone_named, zones_of
from haneul.services.ec2.vpc.state import GROUP, INTERFACE, SUBNET, VPC, NetworkInterface, Subnet
from haneul.state.store import Reader, Writer

Request = Mapping[str, Any]


@dataclass
class Wire:
    """One interface of every instance of the launch. existing: its id, for one that is there already."""

    index: int
    subnet: Subnet
    groups: Sequence[str] = ()
    existing: str = ""
    address: str = ""
    secondary: int | Sequence[str] = 0
    ipv6: int | Sequence[str] | None = None
    description: str = ""
    kind: str = "interface"
    public: bool = False
    delete: bool = True
    tags: dict[str, str] = field(default_factory=dict)


def wires(tx: Reader, scope: Scope, request: Request, tags: dict[str, str]) -> list[Wire]:
    """What the request asks for, the primary interface first. Raises as AWS does."""
    asked = request.get("NetworkInterfaces")
    if asked:
        found = _given(tx, scope, request, asked, tags)
    else:
        subnet = subnet_of(tx, scope, request)
        wire = Wire(index=0, subnet=subnet, address=request.get("PrivateIpAddress") or "", public=subnet.map_public)
        wire.groups = _groups(tx, scope, request, subnet)
        wire.tags, wire.ipv6 = dict(tags), _six(request, request)
        found = [wire]
    check_together(tx, scope, found)
    return found


def subnet_of(tx: Reader, scope: Scope, request: Request) -> Subnet:
    """The subnet asked for, or a default one in the zone asked for. Raises InvalidSubnetID.NotFound, MissingInput,
    VPCIdNotSpecified, InvalidParameterValue."""
    zone = zone_of(scope, request)
    if request.get("SubnetId"):
        subnet = SUBNET.get(tx, scope, request["SubnetId"])
        if zone and subnet.zone != zone:
            raise invalid(
                f"The specified availability zone '{zone}' does not match the availability zone '{subnet.zone}' of "
                f"subnet '{subnet.id}'"
            )
        return subnet
    vpc = next((one for one in VPC.table.scan(tx, scope) if one.default), None)
    if vpc is None:
        raise errors.VPCIdNotSpecified(
            "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC."
        )
    defaults = sorted(
        (one for one in SUBNET.table.scan(tx, scope) if one.vpc == vpc.id and one.default), key=lambda one: one.zone
    )
    found = next((one for one in defaults if not zone or one.zone == zone), None)
    if found is None:
        where = f" in availability zone '{zone}'" if zone else ""
        raise errors.MissingInput(f"No subnets found for the default VPC '{vpc.id}'{where}. Please specify a subnet.")
    return found


def zone_of(scope: Scope, request: Request) -> str:
    """The zone that Placement names, "" for any. Raises InvalidParameterValue."""
    placement = request.get("Placement") or {}
    zone = placement.get("AvailabilityZone") or ""
    if placement.get("AvailabilityZoneId"):
        zone = zone_named(scope.region, placement["AvailabilityZoneId"]) or placement["AvailabilityZoneId"]
    if zone and zone not in zones_of(scope.region):
        raise invalid(f"Invalid availability zone: [{zone}]")
    return str(zone)


def _given(tx: Reader, scope: Scope, request: Request, asked: Sequence[Request], tags: dict[str, str]) -> list[Wire]:
    indexes = [one.get("DeviceIndex") for one in asked]
    if None in indexes and len(asked) > 1:
        raise errors.MissingParameter("The request must contain the parameter deviceIndex")
    if len(set(indexes)) != len(indexes):
        raise invalid("Each network interface requires a unique device index.")
    if 0 not in [index or 0 for index in indexes]:
        raise invalid("When specifying network interfaces, you must include a device at index 0.")
    if len(asked) > 1 and any(one.get("AssociatePublicIpAddress") is not None for one in asked):
        raise mixed(
            "The associatePublicIPAddress parameter cannot be specified when launching with multiple network "
            "interfaces."
        )
    found = [_wire(tx, scope, request, one, tags, alone=len(asked) == 1) for one in asked]
    return sorted(found, key=lambda wire: wire.index)


def _wire(tx: Reader, scope: Scope, request: Request, one: Request, tags: dict[str, str], *, alone: bool) -> Wire:
    if one.get("NetworkInterfaceId"):
        return _existing(tx, scope, request, one)
    subnet = subnet_of(tx, scope, {**request, "SubnetId": one.get("SubnetId")})
    extra = [two["PrivateIpAddress"] for two in one.get("PrivateIpAddresses") or () if not two.get("Primary")]
    primary = next((two["PrivateIpAddress"] for two in one.get("PrivateIpAddresses") or () if two.get("Primary")), "")
    address = one.get("PrivateIpAddress") or primary
    if address and request["MaxCount"] > 1:
        raise mixed("The parameter privateIpAddress cannot be used when launching more than one instance.")
    public = one.get("AssociatePublicIpAddress")
    index = one.get("DeviceIndex") or 0
    return Wire(
        index=index,
        subnet=subnet,
        groups=list(one.get("Groups") or ()),
        address=address,
        secondary=extra or one.get("SecondaryPrivateIpAddressCount") or 0,
        ipv6=_six(request, one),
        description=one.get("Description") or "",
        kind=one.get("InterfaceType") or "interface",
        public=(alone and subnet.map_public) if public is None else bool(public),
        delete=one.get("DeleteOnTermination", True),
        tags=dict(tags),
    )


def _six(request: Request, one: Request) -> int | Sequence[str] | None:
    """IPv6 addresses by name, or how many; None: as the subnet gives them. Raises InvalidParameterCombination."""
    named = [two["Ipv6Address"] for two in one.get("Ipv6Addresses") or () if two.get("Ipv6Address")]
    count: int | None = one.get("Ipv6AddressCount")
    if named and count:
        raise mixed("The parameter ipv6AddressCount cannot be used with the parameter ipv6Addresses")
    if named and request["MaxCount"] > 1:
        raise mixed("The parameter ipv6Addresses cannot be used when launching more than one instance.")
    return named or count


def _existing(tx: Reader, scope: Scope, request: Request, one: Request) -> Wire:
    identifier = one["NetworkInterfaceId"]
    for name in ("SubnetId", "Groups", "PrivateIpAddress", "PrivateIpAddresses", "Description"):
        if one.get(name):
            raise mixed(f"The parameter {name} cannot be used with the parameter networkInterfaceId")
    if request["MaxCount"] > 1:
        raise mixed("A network interface may not be specified when launching more than one instance.")
    interface = INTERFACE.get(tx, scope, identifier)
    if interface.attachment:
        raise coded("InvalidNetworkInterface.InUse", f"Interface: [{identifier}] in use.")
    subnet = SUBNET.get(tx, scope, interface.subnet)
    return Wire(
        index=one.get("DeviceIndex") or 0,
        subnet=subnet,
        existing=identifier,
        groups=interface.groups,
        delete=one.get("DeleteOnTermination", False),
    )


def _groups(tx: Reader, scope: Scope, request: Request, subnet: Subnet) -> list[str]:
    """Ids of the groups asked for by id or, in the default VPC, by name."""
    found = list(request.get("SecurityGroupIds") or ())
    names = request.get("SecurityGroups") or ()
    if names:
        known = {one.name: one.id for one in GROUP.table.scan(tx, scope) if one.vpc == subnet.vpc}
        for name in names:
            if name not in known and not (name.startswith("sg-") and name in known.values()):
                raise coded(
                    "InvalidGroup.NotFound",
                    f"The security group '{name}' does not exist in default VPC '{subnet.vpc}'",
                )
            found.append(known.get(name, name))
    return found


def check_together(tx: Reader, scope: Scope, found: Sequence[Wire]) -> None:
    """All interfaces in one zone, all groups in the VPC of theirs. Raises InvalidParameterCombination,
    InvalidGroup.NotFound, InvalidParameterValue."""
    if len({wire.subnet.zone for wire in found}) > 1:
        raise mixed("All network interfaces of an instance must be in the same Availability Zone.")
    if len({wire.subnet.vpc for wire in found}) > 1:
        raise mixed("All network interfaces of an instance must be in the same VPC.")
    for wire in found:
        for one in wire.groups:
            group = GROUP.get(tx, scope, one)
            if group.vpc != wire.subnet.vpc:
                raise errors.InvalidParameter(
                    f"Security group {group.id} and subnet {wire.subnet.id} belong to different networks."
                )


def make(tx: Writer, scope: Scope, now: float, plane: Plane, instance: str, wire: Wire) -> NetworkInterface:
    """The interface of one instance, attached to it."""
    from haneul.services.ec2.vpc import interfaces

    if wire.existing:
        interface = INTERFACE.get(tx, scope, wire.existing)
    else:
        interface = interfaces.make(
            tx,
            scope,
            now,
            wire.subnet,
            groups=wire.groups,
            address=wire.address,
            secondary=wire.secondary,
            ipv6=wire.ipv6,
            description=wire.description,
            kind=wire.kind,
            tags=dict(wire.tags),
        )
    interfaces.attach(tx, scope, now, interface, instance, wire.index, delete=wire.delete)
    if wire.public and not wire.existing:
        interfaces.give_public(tx, scope, plane, interface)
    return interface
