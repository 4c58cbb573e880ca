"""Further blocks of VPCs and subnets, IPv6 ones among them: data that tools see; packets are IPv4's here."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.ec2.errors import coded, errors, invalid, mixed
from haneul.services.ec2.operations import operation
from haneul.services.ec2.transit import ways
from haneul.services.ec2.vpc import realise, six
from haneul.services.ec2.vpc.state import INTERFACE, SUBNET, VPC, Subnet, Vpc
from haneul.services.ec2.vpc.vpcs import block
from haneul.state.store import Reader, Writer

VPC_ARN = "arn:aws:ec2:{region}:{account}:vpc/{VpcId}"
SUBNET_ARN = "arn:aws:ec2:{region}:{account}:subnet/{SubnetId}"
LIMIT = 5
Request = Mapping[str, Any]


@operation(VPC_ARN)
async def associate_vpc_cidr_block(call: Call, request: Request) -> dict[str, Any]:
    """AssociateVpcCidrBlock: a further IPv4 block, or an IPv6 one of Amazon's. Raises CidrConflict,
    CidrLimitExceeded."""
    for name in ("Ipv4IpamPoolId", "Ipv6IpamPoolId", "Ipv6Pool"):
        if request.get(name):
            raise errors.UnsupportedOperation(f"{name} is not supported here: blocks are named, or Amazon's.")
    provided = bool(request.get("AmazonProvidedIpv6CidrBlock"))
    if provided == bool(request.get("CidrBlock")):
        raise mixed("Exactly one of cidrBlock and amazonProvidedIpv6CidrBlock must be specified.")

    def change(tx: Writer) -> realise.Changed:
        vpc = VPC.get(tx, call.scope, request["VpcId"])
        identifier = tokens.resource_id("vpc-cidr-assoc")
        _within_limit(vpc.id, len(vpc.ipv6) if provided else len(vpc.cidrs))
        if provided:
            vpc.ipv6 = {**vpc.ipv6, identifier: six.new_block(tx)}
            shown = {"Ipv6CidrBlockAssociation": six.of_vpc(call.region, vpc, identifier, "associating")}
        else:
            cidr = block(request["CidrBlock"])
            network = ipaddress.IPv4Network(cidr)
            if any(network.overlaps(ipaddress.IPv4Network(one)) for one in vpc.cidrs.values()):
                raise errors.CidrConflict(f"The CIDR '{cidr}' conflicts with another CIDR of the VPC '{vpc.id}'.")
            vpc.cidrs = {**vpc.cidrs, identifier: cidr}
            shown = {"CidrBlockAssociation": _association(identifier, cidr, "associating")}
        VPC.table.put(tx, call.scope, vpc)
        return {"VpcId": vpc.id, **shown}, [vpc.id, *ways.neighbours(tx, call.scope, vpc.id)]

    return await realise.apply(call, change)


@operation("arn:aws:ec2:{region}:{account}:vpc/*")
async def disassociate_vpc_cidr_block(call: Call, request: Request) -> dict[str, Any]:
    """DisassociateVpcCidrBlock. Raises InvalidCidrBlock.InUse while a subnet lies in it."""
    identifier = request["AssociationId"]

    def change(tx: Writer) -> realise.Changed:
        vpc = _holder(tx, call.scope, identifier)
        if identifier == next(iter(vpc.cidrs)):
            raise errors.OperationNotPermitted(
                f"The vpc CIDR block with association ID {identifier} may not be disassociated. "
                "It is the primary IPv4 CIDR block of the VPC"
            )
        whole = vpc.cidrs.get(identifier) or vpc.ipv6[identifier]
        if any(_inside(one, whole) for one in SUBNET.table.scan(tx, call.scope) if one.vpc == vpc.id):
            raise coded("InvalidCidrBlock.InUse", f"The vpc {vpc.id} currently has a subnet within CIDR block {whole}")
        if identifier in vpc.cidrs:
            shown = {"CidrBlockAssociation": _association(identifier, whole, "disassociating")}
            vpc.cidrs = {key: value for key, value in vpc.cidrs.items() if key != identifier}
        else:
            shown = {"Ipv6CidrBlockAssociation": six.of_vpc(call.region, vpc, identifier, "disassociating")}
            vpc.ipv6 = {key: value for key, value in vpc.ipv6.items() if key != identifier}
        VPC.table.put(tx, call.scope, vpc)
        return {"VpcId": vpc.id, **shown}, [vpc.id, *ways.neighbours(tx, call.scope, vpc.id)]

    return await realise.apply(call, change)


@operation(SUBNET_ARN)
def associate_subnet_cidr_block(call: Call, request: Request) -> dict[str, Any]:
    """AssociateSubnetCidrBlock: an IPv6 block of the VPC's. Raises InvalidSubnet.Range, InvalidSubnet.Conflict."""
    if not request.get("Ipv6CidrBlock"):
        raise errors.MissingParameter("The request must contain the parameter ipv6CidrBlock")
    with call.write() as tx:
        subnet = SUBNET.get(tx, call.scope, request["SubnetId"])
        if subnet.ipv6:
            raise errors.SubnetIpv6CidrBlockLimitExceeded(f"The subnet '{subnet.id}' has an IPv6 CIDR block already.")
        vpc = VPC.get(tx, call.scope, subnet.vpc)
        identifier = six.give(tx, call.scope, vpc, subnet, request["Ipv6CidrBlock"])
        SUBNET.table.put(tx, call.scope, subnet)
    return {"SubnetId": subnet.id, "Ipv6CidrBlockAssociation": six.of_subnet(subnet, identifier, "associating")}


@operation("arn:aws:ec2:{region}:{account}:subnet/*")
def disassociate_subnet_cidr_block(call: Call, request: Request) -> dict[str, Any]:
    """DisassociateSubnetCidrBlock. Raises InvalidCidrBlock.InUse while an interface has an address of it."""
    identifier = request["AssociationId"]
    with call.write() as tx:
        subnet = next((one for one in SUBNET.table.scan(tx, call.scope) if identifier in one.ipv6), None)
        if subnet is None:
            raise coded(
                "InvalidSubnetCidrBlockAssociationID.NotFound",
                f"The subnet CIDR block association ID '{identifier}' does not exist",
            )
        if any(one.subnet == subnet.id and one.ipv6 for one in INTERFACE.table.scan(tx, call.scope)):
            raise coded("InvalidCidrBlock.InUse", f"The IPv6 CIDR block of subnet {subnet.id} is in use.")
        shown = six.of_subnet(subnet, identifier, "disassociating")
        subnet.ipv6, subnet.assign_ipv6 = {}, False
        SUBNET.table.put(tx, call.scope, subnet)
    return {"SubnetId": subnet.id, "Ipv6CidrBlockAssociation": shown}


def _association(identifier: str, cidr: str, state: str) -> dict[str, Any]:
    return {"AssociationId": identifier, "CidrBlock": cidr, "CidrBlockState": {"State": state}}


def _within_limit(vpc: str, number: int) -> None:
    if number >= LIMIT:
        raise errors.CidrLimitExceeded(f"This network {vpc} has met its maximum number of allowed CIDRs: {LIMIT}")


def _holder(tx: Reader, scope: Scope, identifier: str) -> Vpc:
    for vpc in VPC.table.scan(tx, scope):
        if identifier in vpc.cidrs or identifier in vpc.ipv6:
            return vpc
    if not identifier.startswith("vpc-cidr-assoc-"):
        raise invalid(f"Value ({identifier}) for parameter associationId is invalid.")
    raise coded(
        "InvalidVpcCidrBlockAssociationID.NotFound",
        f"The vpc CIDR block association ID '{identifier}' does not exist",
    )


def _inside(subnet: Subnet, whole: str) -> bool:
    parts = [one for one in (subnet.cidr, *subnet.ipv6.values()) if one]
    outer = ipaddress.ip_network(whole)
    return any(outer.overlaps(ipaddress.ip_network(one)) for one in parts if (":" in one) == (":" in whole))
