"""NAT gateways: private subnets reach out behind elastic addresses; nothing gets in that wasn't asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haneul.converge import wake
from haneul.kit import tokens
from haneul.service import Call, Scope, Step
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2 import plane as planes
from haneul.services.ec2.account import hours
from haneul.services.ec2.errors import coded, errors, invalid, missing
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc import addresses, interfaces, plan, realise
from haneul.services.ec2.vpc.state import ADDRESS, GATEWAY, INTERFACE, NAT, SUBNET, NatGateway, NetworkInterface, Subnet
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

ARN = "arn:aws:ec2:{region}:{account}:natgateway/{NatGatewayId}"
KEPT = 3600.0
"""Seconds for which a failed or deleted gateway is still told."""
_FILTERS = {
    "nat-gateway-id": "NatGatewayId",
    "state": "State",
    "subnet-id": "SubnetId",
    "vpc-id": "VpcId",
}


@operation("arn:aws:ec2:{region}:{account}:natgateway/*")
def create_nat_gateway(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateNatGateway: pending until the VPC's network has it; failed, with the reason, where it can't be.
    Public zonal ones are made here."""
    if request.get("ConnectivityType") == "private" or request.get("AvailabilityMode") == "regional":
        raise errors.UnsupportedOperation("NAT gateways here are public and of one zone.")
    for name in ("SubnetId", "AllocationId"):
        if not request.get(name):
            raise missing(name)
    tags = tagging.of_new(request, "natgateway")
    with call.write() as tx:
        made = idempotency.made_before(tx, call, request)
        if made is not None:
            row = NAT.get(tx, call.scope, made[0])
            return {"NatGateway": describe(tx, call.scope, row), "ClientToken": request["ClientToken"]}
        subnet = SUBNET.get(tx, call.scope, request["SubnetId"])
        for allocation in (request["AllocationId"], *(request.get("SecondaryAllocationIds") or ())):
            ADDRESS.get(tx, call.scope, allocation)
        row = NatGateway(
            id=NAT.new_id(),
            vpc=subnet.vpc,
            subnet=subnet.id,
            created=call.now(),
            state="pending",
            allocation=request["AllocationId"],
            tags=tags,
        )
        _found(tx, call, row, subnet, request)
        NAT.table.put(tx, call.scope, row)
        hours.begin(tx, call.scope, call.now())
        wake(tx, "ec2.nat", call.scope, (row.id,), call.now())
        idempotency.remember(tx, call, request, [row.id])
        answer: dict[str, Any] = {"NatGateway": describe(tx, call.scope, row)}
    if request.get("ClientToken"):
        answer["ClientToken"] = request["ClientToken"]
    return answer


@operation()
def describe_nat_gateways(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeNatGateways: deleted and failed ones for an hour."""
    asked = {**request, "Filters": request.get("Filter") or ()}
    return listing.describe(
        call,
        asked,
        NAT,
        member="NatGateways",
        ids="NatGatewayIds",
        filters=_FILTERS,
        render=lambda tx, row: describe(tx, call.scope, row),
    )


@operation(ARN)
async def delete_nat_gateway(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteNatGateway: nothing passes any more; interface and elastic addresses are free a little later."""

    def change(tx: Writer) -> realise.Changed:
        row = NAT.get(tx, call.scope, request["NatGatewayId"])
        if row.state in ("pending", "available", "failed"):
            row.state = "deleting"
            NAT.table.put(tx, call.scope, row)
            wake(tx, "ec2.nat", call.scope, (row.id,), call.now())
        return {"NatGatewayId": row.id}, [row.vpc]

    return await realise.apply(call, change)


@operation(ARN)
async def assign_private_nat_gateway_address(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """AssignPrivateNatGatewayAddress: AWS has it for private gateways only."""
    with call.read() as tx:
        _available(tx, call.scope, request["NatGatewayId"])
    raise errors.InvalidParameter("Private IP addresses can be assigned to private NAT gateways only.")


@operation(ARN)
async def unassign_private_nat_gateway_address(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UnassignPrivateNatGatewayAddress: AWS has it for private gateways only."""
    with call.read() as tx:
        _available(tx, call.scope, request["NatGatewayId"])
    raise errors.InvalidParameter("Private IP addresses can be unassigned from private NAT gateways only.")


@operation(ARN)
async def associate_nat_gateway_address(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """AssociateNatGatewayAddress: further elastic addresses, which connections are spread over."""

    def change(tx: Writer) -> realise.Changed:
        row = _available(tx, call.scope, request["NatGatewayId"])
        interface = INTERFACE.get(tx, call.scope, row.interface)
        before = set(interface.addresses)
        _more(tx, call.scope, interface, request["AllocationIds"], request.get("PrivateIpAddresses") or 0)
        shown = [one for one in _addresses(tx, call.scope, row) if one["PrivateIp"] not in before]
        added = [{**one, "Status": "associating"} for one in shown]
        return {"NatGatewayId": row.id, "NatGatewayAddresses": added}, [row.vpc]

    return await realise.apply(call, change)


@operation(ARN)
async def disassociate_nat_gateway_address(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DisassociateNatGatewayAddress: secondary ones, at once; connections through them end."""

    def change(tx: Writer) -> realise.Changed:
        row = _available(tx, call.scope, request["NatGatewayId"])
        shown = {one["AssociationId"]: one for one in _addresses(tx, call.scope, row)}
        for association in request["AssociationIds"]:
            if association not in shown:
                raise coded("InvalidAssociationID.NotFound", f"The association ID '{association}' does not exist")
            if shown[association]["IsPrimary"]:
                raise errors.InvalidParameter("The primary address of a NAT gateway can't be disassociated.")
            addresses.unlead(tx, call.scope, association)
            interface = INTERFACE.get(tx, call.scope, row.interface)
            interface.addresses = [one for one in interface.addresses if one != shown[association]["PrivateIp"]]
            INTERFACE.table.put(tx, call.scope, interface)
        gone = [{**shown[one], "Status": "disassociating"} for one in request["AssociationIds"]]
        return {"NatGatewayId": row.id, "NatGatewayAddresses": gone}, [row.vpc]

    return await realise.apply(call, change)


def step_nat(call: Call, row: NatGateway) -> Step:
    """Pending ones are available once the kernel has them; deleting ones leave it, then their interface."""
    if row.state in ("failed", "deleted"):
        left = row.deleted + KEPT - call.now()
        return Step(row, left) if left > 0 else Step(None)
    if row.state == "available":
        return Step(row)
    if row.state == "pending" and row.failure[0]:
        row.state, row.deleted = "failed", call.now()
        return Step(row, KEPT)
    with call.read() as tx:
        live = bool(plan.live_interfaces(tx, call.scope, row.vpc))
    if live:
        realise.realise(planes.of(call.cloud), call.scope, row.vpc)
    if row.state == "pending":
        row.state = "available"
        return Step(row)
    with call.write() as tx:
        interface = INTERFACE.find(tx, call.scope, row.interface)
        if interface is not None:
            interfaces.remove(tx, call.scope, interface)
    row.state, row.deleted = "deleted", call.now()
    return Step(row, KEPT)


def describe(tx: Reader, scope: Scope, row: NatGateway) -> dict[str, Any]:
    """A NAT gateway as every answer shows it."""
    shown: dict[str, Any] = {
        "NatGatewayId": row.id,
        "VpcId": row.vpc,
        "SubnetId": row.subnet,
        "State": row.state,
        "CreateTime": row.created,
        "ConnectivityType": "public",
        "AvailabilityMode": "zonal",
        "NatGatewayAddresses": _addresses(tx, scope, row),
        "Tags": tagging.render(row.tags),
    }
    if row.deleted:
        shown["DeleteTime"] = row.deleted
    if row.state == "failed":
        shown["FailureCode"], shown["FailureMessage"] = row.failure
    return shown


def _addresses(tx: Reader, scope: Scope, row: NatGateway) -> list[dict[str, Any]]:
    interface = INTERFACE.find(tx, scope, row.interface) if row.interface else None
    if interface is None:
        return [{"AllocationId": row.allocation, "IsPrimary": True}]
    found = []
    for private in interface.addresses:
        one = {
            "NetworkInterfaceId": interface.id,
            "PrivateIp": private,
            "IsPrimary": private == interface.addresses[0],
            "Status": "succeeded",
        }
        if private in interface.elastic:
            allocation, association = interface.elastic[private]
            one |= {
                "AllocationId": allocation,
                "AssociationId": association,
                "PublicIp": interface.publics[private],
            }
        found.append(one)
    return found


def _found(tx: Writer, call: Call, row: NatGateway, subnet: Subnet, request: Mapping[str, Any]) -> None:
    """Give it its interface and addresses, or the reason why it can't have them."""
    chosen = request.get("SecondaryPrivateIpAddresses") or request.get("SecondaryPrivateIpAddressCount") or 0
    more = request.get("SecondaryAllocationIds") or ()
    if chosen and (len(chosen) if isinstance(chosen, list) else chosen) != len(more):
        raise invalid("Every secondary private IP address of a public NAT gateway needs a secondary allocation.")
    try:
        if not any(one.vpc == subnet.vpc for one in GATEWAY.table.scan(tx, call.scope)):
            raise coded("Gateway.NotAttached", f"Network {subnet.vpc} has no Internet gateway attached")
        for allocation in (row.allocation, *more):
            if ADDRESS.get(tx, call.scope, allocation).association:
                raise coded("Resource.AlreadyAssociated", f"Elastic IP address [{allocation}] is already associated")
        interface = interfaces.make(
            tx,
            call.scope,
            call.now(),
            subnet,
            address=request.get("PrivateIpAddress") or "",
            description=f"Interface for NAT Gateway {row.id}",
            kind="nat_gateway",
            requester=call.account,
        )
    except AwsError as error:
        if error.code.startswith("InvalidAddress") or error.code == "InvalidParameterValue":
            raise
        row.failure = (error.code, error.message)
        return
    interface.source_dest_check = False
    interface.attachment = {
        "id": tokens.resource_id("ela-attach"),
        "index": 1,
        "card": 0,
        "status": "attached",
        "time": call.now(),
        "delete": False,
    }
    INTERFACE.table.put(tx, call.scope, interface)
    addresses.lead(tx, call.scope, row.allocation, interface)
    row.interface = interface.id
    if more:
        _more(tx, call.scope, interface, more, chosen)


def _more(
    tx: Writer, scope: Scope, interface: NetworkInterface, allocations: Sequence[str], chosen: int | Sequence[str]
) -> None:
    """Further elastic addresses, each before a private one of its own."""
    interface = INTERFACE.get(tx, scope, interface.id)
    wanted = [] if isinstance(chosen, int) else list(chosen)
    if wanted and len(wanted) != len(allocations):
        raise invalid("As many private IP addresses as allocations must be given.")
    if len(interface.addresses) + len(allocations) > 8:
        raise errors.NatGatewayAddressLimitExceeded("A NAT gateway has at most 8 addresses.")
    subnet = SUBNET.get(tx, scope, interface.subnet)
    added = interfaces.addresses(tx, scope, subnet, wanted, 0 if wanted else len(allocations))
    interface.addresses = [*interface.addresses, *added]
    INTERFACE.table.put(tx, scope, interface)
    for allocation, private in zip(allocations, added, strict=True):
        addresses.lead(tx, scope, allocation, INTERFACE.get(tx, scope, interface.id), private)


def _available(tx: Reader, scope: Scope, identifier: str) -> NatGateway:
    row = NAT.get(tx, scope, identifier)
    if row.state != "available":
        raise coded("IncorrectState", f"NAT gateway {row.id} is not in the state available.")
    return row
