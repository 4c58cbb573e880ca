"""The operations on network interfaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haneul.service import Call
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2.errors import coded, errors, invalid, mixed
from haneul.services.ec2.instances import plugging, types
from haneul.services.ec2.instances.state import INSTANCE
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc import interfaces, realise, six
from haneul.services.ec2.vpc.state import INTERFACE, SUBNET, NetworkInterface
from haneul.state.store import Reader, Writer

ARN = "arn:aws:ec2:{region}:{account}:network-interface/{NetworkInterfaceId}"
_FILTERS = {
    "addresses.association.owner-id": "PrivateIpAddresses.Association.IpOwnerId",
    "addresses.association.public-ip": "PrivateIpAddresses.Association.PublicIp",
    "addresses.primary": "PrivateIpAddresses.Primary",
    "addresses.private-ip-address": "PrivateIpAddresses.PrivateIpAddress",
    "association.allocation-id": "Association.AllocationId",
    "association.association-id": "Association.AssociationId",
    "association.ip-owner-id": "Association.IpOwnerId",
    "association.public-dns-name": "Association.PublicDnsName",
    "association.public-ip": "Association.PublicIp",
    "attachment.attach-time": "Attachment.AttachTime",
    "attachment.attachment-id": "Attachment.AttachmentId",
    "attachment.delete-on-termination": "Attachment.DeleteOnTermination",
    "attachment.device-index": "Attachment.DeviceIndex",
    "attachment.instance-id": "Attachment.InstanceId",
    "attachment.instance-owner-id": "Attachment.InstanceOwnerId",
    "attachment.status": "Attachment.Status",
    "availability-zone": "AvailabilityZone",
    "availability-zone-id": "AvailabilityZoneId",
    "description": "Description",
    "group-id": "Groups.GroupId",
    "group-name": "Groups.GroupName",
    "interface-type": "InterfaceType",
    "ipv6-addresses.ipv6-address": "Ipv6Addresses.Ipv6Address",
    "mac-address": "MacAddress",
    "network-interface-id": "NetworkInterfaceId",
    "operator.managed": "Operator.Managed",
    "operator.principal": "Operator.Principal",
    "owner-id": "OwnerId",
    "private-dns-name": "PrivateDnsName",
    "private-ip-address": "PrivateIpAddress",
    "requester-id": "RequesterId",
    "requester-managed": "RequesterManaged",
    "source-dest-check": "SourceDestCheck",
    "status": "Status",
    "subnet-id": "SubnetId",
    "vpc-id": "VpcId",
}


@operation("arn:aws:ec2:{region}:{account}:network-interface/*")
def create_network_interface(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateNetworkInterface. Raises InvalidSubnetID.NotFound, InvalidIPAddress.InUse, InvalidGroup.NotFound."""
    given = request.get("PrivateIpAddresses") or ()
    primary = next((one["PrivateIpAddress"] for one in given if one.get("Primary")), "")
    secondary = [one["PrivateIpAddress"] for one in given if not one.get("Primary")]
    if secondary and request.get("SecondaryPrivateIpAddressCount"):
        raise mixed("PrivateIpAddresses and SecondaryPrivateIpAddressCount can't be used together")
    for name in ("Ipv4PrefixCount", "Ipv4Prefixes", "Ipv6PrefixCount", "Ipv6Prefixes"):
        if request.get(name):
            raise errors.UnsupportedOperation(f"{name} is not supported here: interfaces have single addresses")
    named6 = [one["Ipv6Address"] for one in request.get("Ipv6Addresses") or ()]
    tags = tagging.of_new(request, "network-interface")
    with call.write() as tx:
        before = idempotency.made_before(tx, call, request)
        if before:
            row = INTERFACE.get(tx, call.scope, before[0])
        else:
            row = interfaces.make(
                tx,
                call.scope,
                call.now(),
                SUBNET.get(tx, call.scope, request["SubnetId"]),
                groups=request.get("Groups") or (),
                address=request.get("PrivateIpAddress") or primary,
                secondary=secondary or request.get("SecondaryPrivateIpAddressCount") or 0,
                description=request.get("Description") or "",
                kind=request.get("InterfaceType") or "interface",
                tags=tags,
                ipv6=named6 or request.get("Ipv6AddressCount"),
            )
            idempotency.remember(tx, call, request, [row.id])
        shown = interfaces.describe(tx, call.scope, row)
    return {"NetworkInterface": shown, "ClientToken": request.get("ClientToken") or ""}


@operation()
def describe_network_interfaces(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeNetworkInterfaces."""
    return listing.describe(
        call,
        request,
        INTERFACE,
        member="NetworkInterfaces",
        ids="NetworkInterfaceIds",
        filters=_FILTERS,
        render=lambda tx, row: interfaces.describe(tx, call.scope, row),
    )


@operation(ARN)
def delete_network_interface(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteNetworkInterface.

    Raises InvalidParameterValue while it is in use, OperationNotPermitted when it is a service's.
    """
    with call.write() as tx:
        row = INTERFACE.get(tx, call.scope, request["NetworkInterfaceId"])
        if row.attachment:
            raise invalid(f"Network interface '{row.id}' is currently in use.")
        if row.requester:
            raise errors.OperationNotPermitted("You do not have permission to delete this resource")
        interfaces.remove(tx, call.scope, row)
    return {}


@operation(ARN)
def attach_network_interface(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """AttachNetworkInterface to a stopped instance, or to one that runs, whose guest finds it at once. Raises
    InvalidNetworkInterface.InUse, IncorrectState, AttachmentLimitExceeded."""
    with call.write() as tx:
        row = INTERFACE.get(tx, call.scope, request["NetworkInterfaceId"])
        instance = INSTANCE.get(tx, call.scope, request["InstanceId"])
        if row.attachment:
            raise coded("InvalidNetworkInterface.InUse", f"Interface: [{row.id}] in use.")
        if instance.zone != row.zone:
            raise errors.InvalidParameterCombination(
                "You may not attach a network interface to an instance if they are not in the same availability zone"
            )
        if instance.state not in ("running", "stopped"):
            raise errors.IncorrectState(f"Instance '{instance.id}' is not 'running' or 'stopped'.")
        index = request["DeviceIndex"]
        others = interfaces.of_instance(tx, call.scope, instance.id)
        if any(one.attachment["index"] == index for one in others):
            raise invalid(f"Instance '{instance.id}' already has an interface attached at device index '{index}'.")
        if len(others) >= types.spec(instance.type).interfaces:
            raise errors.AttachmentLimitExceeded(
                f"Interface count {len(others) + 1} exceeds the limit for {instance.type}"
            )
        interfaces.attach(tx, call.scope, call.now(), row, instance.id, index, delete=False)
        if instance.state == "running":
            plugging.plug_in(tx, call.scope, call.now(), row)
        return {"AttachmentId": row.attachment["id"], "NetworkCardIndex": 0}


@operation("arn:aws:ec2:{region}:{account}:network-interface/*")
def detach_network_interface(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DetachNetworkInterface, from an instance that runs as soon as its guest lets go. Raises
    InvalidAttachmentID.NotFound, OperationNotPermitted for the primary interface."""
    with call.write() as tx:
        row = _attached(tx, call, request["AttachmentId"])
        if row.attachment["index"] == 0:
            raise errors.OperationNotPermitted("The network interface at device index 0 cannot be detached.")
        instance = INSTANCE.find(tx, call.scope, row.attachment.get("instance", ""))
        if instance is None or instance.state in ("stopped", "terminated"):
            interfaces.detach(tx, call.scope, row)
        else:
            plugging.plug_out(tx, call.scope, call.now(), row)
    return {}


@operation(ARN)
def describe_network_interface_attribute(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeNetworkInterfaceAttribute: one of them."""
    with call.read() as tx:
        row = INTERFACE.get(tx, call.scope, request["NetworkInterfaceId"])
        groups = interfaces.groups_shown(tx, call.scope, row)
    shown: dict[str, Any] = {"NetworkInterfaceId": row.id}
    match request.get("Attribute"):
        case "description":
            shown["Description"] = {"Value": row.description}
        case "groupSet":
            shown["Groups"] = groups
        case "sourceDestCheck":
            shown["SourceDestCheck"] = {"Value": row.source_dest_check}
        case "attachment":
            if row.attachment:
                shown["Attachment"] = interfaces.attachment(call.scope, row)
        case "associatePublicIpAddress":
            shown["AssociatePublicIpAddress"] = row.addresses[0] in row.publics
        case other:
            raise invalid(f"Value ({other}) for parameter attribute is invalid. Unknown attribute.")
    return shown


@operation(ARN)
async def modify_network_interface_attribute(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyNetworkInterfaceAttribute: one of Description, Groups, SourceDestCheck, Attachment."""

    def change(tx: Writer) -> str:
        row = INTERFACE.get(tx, call.scope, request["NetworkInterfaceId"])
        if request.get("Description"):
            row.description = request["Description"].get("Value") or ""
        if request.get("Groups"):
            row.groups = interfaces.groups_of(tx, call.scope, row.vpc, request["Groups"])
        if request.get("SourceDestCheck"):
            row.source_dest_check = bool(request["SourceDestCheck"].get("Value"))
        if request.get("Attachment"):
            _change_attachment(row, request["Attachment"])
        INTERFACE.table.put(tx, call.scope, row)
        realise.touch(tx, call.scope, row.vpc)
        return row.vpc

    await realise.settle(call, await call.transact(change))
    return {}


@operation(ARN)
def reset_network_interface_attribute(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ResetNetworkInterfaceAttribute: the source/destination check is on again."""
    with call.write() as tx:
        row = INTERFACE.get(tx, call.scope, request["NetworkInterfaceId"])
        row.source_dest_check = True
        INTERFACE.table.put(tx, call.scope, row)
        realise.touch(tx, call.scope, row.vpc)
    return {}


@operation(ARN)
def assign_private_ip_addresses(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """AssignPrivateIpAddresses: named ones, or as many as SecondaryPrivateIpAddressCount says."""
    wanted: Sequence[str] = request.get("PrivateIpAddresses") or ()
    more = request.get("SecondaryPrivateIpAddressCount") or 0
    if bool(wanted) == bool(more):
        raise mixed("Either PrivateIpAddresses or SecondaryPrivateIpAddressCount must be given")
    with call.write() as tx:
        row = INTERFACE.get(tx, call.scope, request["NetworkInterfaceId"])
        if request.get("AllowReassignment"):
            _reassign(tx, call, row, wanted)
        fresh = [one for one in wanted if one not in row.addresses]
        added = interfaces.addresses(tx, call.scope, interfaces.subnet_of(tx, call.scope, row), fresh, more)
        row.addresses = [*row.addresses, *added]
        INTERFACE.table.put(tx, call.scope, row)
        realise.touch(tx, call.scope, row.vpc)
    assigned = [{"PrivateIpAddress": one} for one in added]
    return {"NetworkInterfaceId": row.id, "AssignedPrivateIpAddresses": assigned}


@operation(ARN)
async def unassign_private_ip_addresses(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UnassignPrivateIpAddresses: never the primary one."""
    gone = request.get("PrivateIpAddresses") or ()

    def change(tx: Writer) -> str:
        row = INTERFACE.get(tx, call.scope, request["NetworkInterfaceId"])
        for one in gone:
            if one == row.addresses[0]:
                raise invalid(f"The primary private IP address {one} can't be unassigned")
            if one not in row.addresses:
                raise invalid(f"Some of {list(gone)} are not assigned to interface {row.id}")
            if one in row.elastic:
                raise invalid(f"The address {one} has an Elastic IP address associated")
        row.addresses = [one for one in row.addresses if one not in gone]
        INTERFACE.table.put(tx, call.scope, row)
        realise.touch(tx, call.scope, row.vpc)
        return row.vpc

    await realise.settle(call, await call.transact(change))
    return {}


@operation(ARN)
def assign_ipv6_addresses(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """AssignIpv6Addresses: named ones, or as many as Ipv6AddressCount says."""
    wanted, more = request.get("Ipv6Addresses") or (), request.get("Ipv6AddressCount") or 0
    if bool(wanted) == bool(more):
        raise mixed("Either Ipv6Addresses or Ipv6AddressCount must be given")
    with call.write() as tx:
        row = INTERFACE.get(tx, call.scope, request["NetworkInterfaceId"])
        fresh = [one for one in wanted if one not in row.ipv6]
        added = six.addresses(tx, call.scope, interfaces.subnet_of(tx, call.scope, row), fresh, more)
        row.ipv6 = [*row.ipv6, *added]
        INTERFACE.table.put(tx, call.scope, row)
    return {"NetworkInterfaceId": row.id, "AssignedIpv6Addresses": added}


@operation(ARN)
def unassign_ipv6_addresses(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UnassignIpv6Addresses."""
    gone = request.get("Ipv6Addresses") or ()
    with call.write() as tx:
        row = INTERFACE.get(tx, call.scope, request["NetworkInterfaceId"])
        for one in gone:
            if one not in row.ipv6:
                raise invalid(f"Some of {list(gone)} are not assigned to interface {row.id}")
        row.ipv6 = [one for one in row.ipv6 if one not in gone]
        INTERFACE.table.put(tx, call.scope, row)
    return {"NetworkInterfaceId": row.id, "UnassignedIpv6Addresses": list(gone)}


def _attached(tx: Reader, call: Call, attachment: str) -> NetworkInterface:
    for row in INTERFACE.table.scan(tx, call.scope):
        if row.attachment.get("id") == attachment:
            return row
    raise coded("InvalidAttachmentID.NotFound", f"The attachment '{attachment}' does not exist")


def _change_attachment(row: NetworkInterface, asked: Mapping[str, Any]) -> None:
    if row.attachment.get("id") != asked.get("AttachmentId"):
        raise coded("InvalidAttachmentID.NotFound", f"The attachment '{asked.get('AttachmentId')}' does not exist")
    if asked.get("DeleteOnTermination") is not None:
        row.attachment = {**row.attachment, "delete": bool(asked["DeleteOnTermination"])}


def _reassign(tx: Writer, call: Call, row: NetworkInterface, wanted: Sequence[str]) -> None:
    """Take the addresses from whichever interface of the subnet has them as secondary ones."""
    for other in list(INTERFACE.table.scan(tx, call.scope)):
        if other.id != row.id and other.subnet == row.subnet and set(other.addresses[1:]) & set(wanted):
            other.addresses = [one for one in other.addresses if one == other.addresses[0] or one not in wanted]
            INTERFACE.table.put(tx, call.scope, other)
            realise.touch(tx, call.scope, other.vpc)
