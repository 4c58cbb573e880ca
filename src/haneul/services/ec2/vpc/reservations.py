"""CIDR reservations of subnets: ranges that no address is chosen from; and what an account may have."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2.errors import coded, invalid
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc import addresses, permissions
from haneul.services.ec2.vpc.state import SUBNET, Subnet

_FILTERS = {"reservationType": "ReservationType", "subnet-id": "SubnetId"}
Request = Mapping[str, Any]


@operation("arn:aws:ec2:{region}:{account}:subnet/{SubnetId}")
def create_subnet_cidr_reservation(call: Call, request: Request) -> dict[str, Any]:
    """CreateSubnetCidrReservation: addresses of it are given only when asked for by name."""
    tags = tagging.of_new(request, "subnet-cidr-reservation")
    kind = request["ReservationType"]
    if kind not in ("prefix", "explicit"):
        raise invalid(f"Value ({kind}) for parameter reservationType is invalid.")
    with call.write() as tx:
        subnet = SUBNET.get(tx, call.scope, request["SubnetId"])
        cidr = _block(subnet, request["Cidr"])
        identifier = tokens.resource_id("scr")
        made = {
            "SubnetCidrReservationId": identifier,
            "SubnetId": subnet.id,
            "Cidr": cidr,
            "ReservationType": kind,
            "OwnerId": call.account,
            "Description": request.get("Description") or "",
            "Tags": tagging.render(tags),
        }
        subnet.reservations = {**subnet.reservations, identifier: made}
        SUBNET.table.put(tx, call.scope, subnet)
    return {"SubnetCidrReservation": made}


@operation("arn:aws:ec2:{region}:{account}:subnet/{SubnetId}")
def get_subnet_cidr_reservations(call: Call, request: Request) -> dict[str, Any]:
    """GetSubnetCidrReservations, IPv4 and IPv6 apart."""
    with call.read() as tx:
        subnet = SUBNET.get(tx, call.scope, request["SubnetId"])
    found = listing.paged(request, "All", list(subnet.reservations.items()), _FILTERS)
    listed = found.pop("All")
    return {
        "SubnetIpv4CidrReservations": [one for one in listed if ":" not in one["Cidr"]],
        "SubnetIpv6CidrReservations": [one for one in listed if ":" in one["Cidr"]],
        **found,
    }


@operation("arn:aws:ec2:{region}:{account}:subnet/*")
def delete_subnet_cidr_reservation(call: Call, request: Request) -> dict[str, Any]:
    """DeleteSubnetCidrReservation."""
    identifier = request["SubnetCidrReservationId"]
    with call.write() as tx:
        for subnet in SUBNET.table.scan(tx, call.scope):
            if identifier in subnet.reservations:
                gone = subnet.reservations.pop(identifier)
                SUBNET.table.put(tx, call.scope, subnet)
                return {"DeletedSubnetCidrReservation": gone}
    raise coded(
        "InvalidSubnetCidrReservationID.NotFound",
        f"The subnet-cidr-reservation ID '{identifier}' does not exist",
    )


@operation()
def describe_account_attributes(call: Call, request: Request) -> dict[str, Any]:
    """DescribeAccountAttributes: the platform, the default VPC, limits (of instances AWS's default)."""
    with call.read() as tx:
        default = permissions.default_vpc(tx, call.scope) or "none"
    known = {
        "supported-platforms": ["VPC"],
        "default-vpc": [default],
        "max-instances": ["20"],
        "vpc-max-security-groups-per-interface": ["16"],
        "max-elastic-ips": [str(addresses.LIMIT)],
        "vpc-max-elastic-ips": [str(addresses.LIMIT)],
    }
    asked = request.get("AttributeNames") or list(known)
    for name in asked:
        if name not in known:
            raise invalid(f"Value ({name}) for parameter attributeName is invalid. Unknown attribute.")
    return {
        "AccountAttributes": [
            {"AttributeName": name, "AttributeValues": [{"AttributeValue": value} for value in known[name]]}
            for name in asked
        ]
    }


def _block(subnet: Subnet, text: str) -> str:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        raise invalid(f"Value ({text}) for parameter cidr is invalid. This is not a valid CIDR block.") from None
    wholes = [ipaddress.ip_network(one) for one in (subnet.cidr, *subnet.ipv6.values()) if one]
    inside = any(network.version == one.version and one.supernet_of(network) for one in wholes)  # type: ignore[arg-type]
    if not inside:
        raise invalid(f"The CIDR '{text}' does not lie in the subnet '{subnet.id}'.")
    for one in subnet.reservations.values():
        other = ipaddress.ip_network(one["Cidr"])
        if network.version == other.version and network.overlaps(other):
            raise invalid(f"The CIDR '{text}' overlaps with the reservation '{one['SubnetCidrReservationId']}'.")
    return str(network)
