"""Elastic IP addresses: public ones that an account keeps, and where they lead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.account import hours
from haneul.services.ec2.errors import coded, errors, invalid
from haneul.services.ec2.instances.state import INSTANCE
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc import interfaces, pool, realise
from haneul.services.ec2.vpc.state import ADDRESS, GATEWAY, INTERFACE, Address, NetworkInterface
from haneul.state.store import Reader, Writer

ARN = "arn:aws:ec2:{region}:{account}:elastic-ip/*"
LIMIT = 100
"""Elastic addresses of an account in a region (AWS starts with 5)."""
_FILTERS = {
    "allocation-id": "AllocationId",
    "association-id": "AssociationId",
    "domain": "Domain",
    "instance-id": "InstanceId",
    "network-border-group": "NetworkBorderGroup",
    "network-interface-id": "NetworkInterfaceId",
    "network-interface-owner-id": "NetworkInterfaceOwnerId",
    "private-ip-address": "PrivateIpAddress",
    "public-ip": "PublicIp",
}


@operation(ARN)
def allocate_address(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """AllocateAddress: from the block of public addresses of this cloud's networks. Raises AddressLimitExceeded."""
    if request.get("Domain") not in (None, "", "vpc"):
        raise invalid(f"Value ({request['Domain']}) for parameter domain is invalid.")
    tags = tagging.of_new(request, "elastic-ip")
    with call.write() as tx:
        if sum(1 for _ in ADDRESS.table.scan(tx, call.scope)) >= LIMIT:
            raise errors.AddressLimitExceeded("The maximum number of addresses has been reached.")
        public = pool.free(tx, planes.of(call.cloud), request.get("Address") or "")
        row = Address(id=ADDRESS.new_id(), public=public, created=call.now(), tags=tags)
        ADDRESS.table.put(tx, call.scope, row)
        hours.begin(tx, call.scope, call.now())
    return {
        "PublicIp": public,
        "AllocationId": row.id,
        "PublicIpv4Pool": "amazon",
        "NetworkBorderGroup": call.region,
        "Domain": "vpc",
    }


@operation()
def describe_addresses(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeAddresses: by allocation or by public address."""
    named, publics = request.get("AllocationIds") or (), set(request.get("PublicIps") or ())
    with call.read() as tx:
        rows = ADDRESS.get_all(tx, call.scope, named) if named else list(ADDRESS.table.scan(tx, call.scope))
        gone = publics - {row.public for row in rows}
        if gone:
            raise coded("InvalidAddress.NotFound", f"Address '{min(gone)}' not found.")
        shown = [(row.id, describe(tx, call.scope, row)) for row in rows if not publics or row.public in publics]
    return listing.paged({**request, "MaxResults": None}, "Addresses", shown, _FILTERS)


@operation(ARN)
async def associate_address(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """AssociateAddress with an instance's or an interface's address. Raises Resource.AlreadyAssociated unless
    AllowReassociation, Gateway.NotAttached in a VPC without an internet gateway."""

    def change(tx: Writer) -> tuple[str, str]:
        row = _find(tx, call.scope, request)
        target = _target(tx, call.scope, request)
        private = request.get("PrivateIpAddress") or target.addresses[0]
        if private not in target.addresses:
            raise invalid(f"Network interface {target.id} does not have the private IP address {private}")
        if not any(one.vpc == target.vpc for one in GATEWAY.table.scan(tx, call.scope)):
            raise coded("Gateway.NotAttached", f"Network {target.vpc} is not attached to any internet gateway")
        if not request.get("AllowReassociation"):
            _check_unused(row, target, private)
        _check_own(tx, call.scope, row)
        return _lead(tx, call.scope, row, target, private), target.vpc

    association, vpc = await call.transact(change)
    await realise.settle(call, vpc)
    return {"AssociationId": association}


@operation(ARN)
async def disassociate_address(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DisassociateAddress, by association or by public address. Raises AuthFailure for a service's interface."""
    if not request.get("AssociationId") and not request.get("PublicIp"):
        raise errors.MissingParameter("Either association ID or public IP must be specified")

    def change(tx: Writer) -> str:
        row = next(
            (
                one
                for one in ADDRESS.table.scan(tx, call.scope)
                if (request.get("AssociationId") and one.association == request["AssociationId"])
                or (request.get("PublicIp") and one.public == request["PublicIp"])
            ),
            None,
        )
        if row is None:
            if request.get("AssociationId"):
                raise coded(
                    "InvalidAssociationID.NotFound",
                    f"The association ID '{request['AssociationId']}' does not exist",
                )
            raise coded("InvalidAddress.NotFound", f"Address '{request.get('PublicIp')}' not found.")
        _check_own(tx, call.scope, row)
        return _unlead(tx, call.scope, row)

    vpc = await call.transact(change)
    if vpc:
        await realise.settle(call, vpc)
    return {}


@operation(ARN)
def release_address(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ReleaseAddress. Raises InvalidIPAddress.InUse while it leads somewhere."""
    with call.write() as tx:
        row = _find(tx, call.scope, request)
        if row.association:
            raise coded("InvalidIPAddress.InUse", f"Address {row.id} is in use.")
        ADDRESS.table.delete(tx, call.scope, row.id)
    return {}


@operation()
def describe_addresses_attribute(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeAddressesAttribute: the reverse names that addresses were given."""
    named = request.get("AllocationIds") or ()
    with call.read() as tx:
        rows = ADDRESS.get_all(tx, call.scope, named) if named else list(ADDRESS.table.scan(tx, call.scope))
    items = [(row.id, _reverse(row)) for row in rows]
    return listing.paged(request, "Addresses", items, {}, (1, 1000))


@operation("arn:aws:ec2:{region}:{account}:elastic-ip/{AllocationId}")
def modify_address_attribute(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyAddressAttribute: the reverse name, as data."""
    with call.write() as tx:
        row = ADDRESS.get(tx, call.scope, request["AllocationId"])
        name = (request.get("DomainName") or "").rstrip(".")
        if not re.fullmatch(r"([A-Za-z0-9_-]{1,63}\.)+[A-Za-z0-9-]{1,63}", name) or len(name) > 253:
            raise invalid(f"Value ({name}) for parameter domainName is invalid.")
        row.reverse = f"{name}."
        ADDRESS.table.put(tx, call.scope, row)
    return {"Address": _reverse(row)}


@operation("arn:aws:ec2:{region}:{account}:elastic-ip/{AllocationId}")
def reset_address_attribute(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ResetAddressAttribute: no reverse name any more."""
    with call.write() as tx:
        row = ADDRESS.get(tx, call.scope, request["AllocationId"])
        row.reverse = ""
        ADDRESS.table.put(tx, call.scope, row)
    return {"Address": _reverse(row)}


def _reverse(row: Address) -> dict[str, Any]:
    shown = {"AllocationId": row.id, "PublicIp": row.public}
    return shown | {"PtrRecord": row.reverse} if row.reverse else shown


def describe(tx: Reader, scope: Scope, row: Address) -> dict[str, Any]:
    """An elastic address as every answer shows it."""
    shown: dict[str, Any] = {
        "PublicIp": row.public,
        "AllocationId": row.id,
        "Domain": "vpc",
        "PublicIpv4Pool": "amazon",
        "NetworkBorderGroup": scope.region,
        "Tags": tagging.render(row.tags),
    }
    if row.association:
        shown |= {
            "AssociationId": row.association,
            "NetworkInterfaceId": row.interface,
            "NetworkInterfaceOwnerId": scope.account,
            "PrivateIpAddress": row.private,
        }
        interface = INTERFACE.find(tx, scope, row.interface)
        if interface is not None and interface.attachment.get("instance"):
            shown["InstanceId"] = interface.attachment["instance"]
    return shown


def lead(tx: Writer, scope: Scope, allocation: str, interface: NetworkInterface, private: str = "") -> str:
    """An elastic address leads to an interface's primary address or another (NAT gateways); its association."""
    row = ADDRESS.get(tx, scope, allocation)
    if row.association:
        raise coded("Resource.AlreadyAssociated", f"Elastic IP address [{allocation}] is already associated")
    return _lead(tx, scope, row, interface, private or interface.addresses[0])


def unlead(tx: Writer, scope: Scope, association: str) -> None:
    """The elastic address of an association leads nowhere."""
    for row in list(ADDRESS.table.scan(tx, scope)):
        if row.association == association:
            _unlead(tx, scope, row)


def forget(tx: Writer, scope: Scope, interface: NetworkInterface) -> None:
    """The interface goes: what led to it leads nowhere."""
    for allocation, _ in interface.elastic.values():
        row = ADDRESS.find(tx, scope, allocation)
        if row is not None:
            row.association = row.interface = row.private = ""
            ADDRESS.table.put(tx, scope, row)


def _find(tx: Reader, scope: Scope, request: Mapping[str, Any]) -> Address:
    if request.get("AllocationId"):
        return ADDRESS.get(tx, scope, request["AllocationId"])
    if not request.get("PublicIp"):
        raise errors.MissingParameter("Either public IP or allocation id must be specified")
    for row in ADDRESS.table.scan(tx, scope):
        if row.public == request["PublicIp"]:
            return row
    raise coded("InvalidAddress.NotFound", f"Address '{request['PublicIp']}' not found.")


def _target(tx: Reader, scope: Scope, request: Mapping[str, Any]) -> NetworkInterface:
    if request.get("NetworkInterfaceId"):
        return INTERFACE.get(tx, scope, request["NetworkInterfaceId"])
    if not request.get("InstanceId"):
        raise errors.MissingParameter("Either instance ID or network interface id must be specified")
    instance = INSTANCE.get(tx, scope, request["InstanceId"])
    if instance.state not in ("pending", "running", "stopped", "stopping"):
        raise coded("InvalidInstanceID", f"The instance '{instance.id}' is not in a valid state for this operation.")
    return interfaces.of_instance(tx, scope, instance.id)[0]


def _check_unused(row: Address, target: NetworkInterface, private: str) -> None:
    if row.association and (row.interface, row.private) != (target.id, private):
        raise coded(
            "Resource.AlreadyAssociated",
            f"resource {row.id} is already associated with associate-id {row.association}",
        )
    if private in target.elastic and target.elastic[private][0] != row.id:
        raise coded(
            "Resource.AlreadyAssociated", f"resource {target.id} is already associated with an Elastic IP address"
        )


def _check_own(tx: Reader, scope: Scope, row: Address) -> None:
    """What a service made is the service's to change: a NAT gateway keeps its address while it lives."""
    held = INTERFACE.find(tx, scope, row.interface) if row.interface else None
    if held is not None and held.requester:
        raise errors.AuthFailure("You do not have permission to access the specified resource.")


def _lead(tx: Writer, scope: Scope, row: Address, target: NetworkInterface, private: str) -> str:
    if row.association and (row.interface, row.private) == (target.id, private):
        return row.association
    if row.association:
        _unlead(tx, scope, row)
        target = INTERFACE.get(tx, scope, target.id)
    if private in target.elastic:
        other = ADDRESS.find(tx, scope, target.elastic[private][0])
        if other is not None:
            other.association = other.interface = other.private = ""
            ADDRESS.table.put(tx, scope, other)
    row.association = tokens.resource_id("eipassoc")
    row.interface, row.private = target.id, private
    ADDRESS.table.put(tx, scope, row)
    target.publics = {**target.publics, private: row.public}
    target.elastic = {**target.elastic, private: (row.id, row.association)}
    INTERFACE.table.put(tx, scope, target)
    realise.touch(tx, scope, target.vpc)
    return row.association


def _unlead(tx: Writer, scope: Scope, row: Address) -> str:
    """It leads nowhere; the VPC that it led into, "" when it did not."""
    target = INTERFACE.find(tx, scope, row.interface) if row.interface else None
    if target is not None:
        target.publics = {key: value for key, value in target.publics.items() if key != row.private}
        target.elastic = {key: value for key, value in target.elastic.items() if key != row.private}
        INTERFACE.table.put(tx, scope, target)
        realise.touch(tx, scope, target.vpc)
    row.association = row.interface = row.private = ""
    ADDRESS.table.put(tx, scope, row)
    return "" if target is None else target.vpc
