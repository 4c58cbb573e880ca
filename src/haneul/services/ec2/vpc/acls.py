"""Network ACLs: numbered entries that every packet into or out of a subnet is held against, replies too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.ec2 import idempotency, listing, tagging
from haneul.services.ec2.errors import coded, errors, invalid, missing
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc import permissions, realise
from haneul.services.ec2.vpc.state import ACL, SUBNET, VPC, NetworkAcl, Subnet
from haneul.state.store import Reader, Writer

ARN = "arn:aws:ec2:{region}:{account}:network-acl/{NetworkAclId}"
LIMIT = 40
"""Entries of an ACL in one direction: AWS's ceiling for its adjustable 20."""
LAST = 32767
_NUMBERS = {"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58"}
_FILTERS = {
    "association.association-id": "Associations.NetworkAclAssociationId",
    "association.network-acl-id": "Associations.NetworkAclId",
    "association.subnet-id": "Associations.SubnetId",
    "default": "IsDefault",
    "entry.cidr": "Entries.CidrBlock",
    "entry.egress": "Entries.Egress",
    "entry.icmp.code": "Entries.IcmpTypeCode.Code",
    "entry.icmp.type": "Entries.IcmpTypeCode.Type",
    "entry.ipv6-cidr": "Entries.Ipv6CidrBlock",
    "entry.port-range.from": "Entries.PortRange.From",
    "entry.port-range.to": "Entries.PortRange.To",
    "entry.protocol": "Entries.Protocol",
    "entry.rule-action": "Entries.RuleAction",
    "entry.rule-number": "Entries.RuleNumber",
    "network-acl-id": "NetworkAclId",
    "owner-id": "OwnerId",
    "vpc-id": "VpcId",
}
Request = Mapping[str, Any]


@operation("arn:aws:ec2:{region}:{account}:network-acl/*")
def create_network_acl(call: Call, request: Request) -> dict[str, Any]:
    """CreateNetworkAcl: it lets nothing through until it has entries."""
    tags = tagging.of_new(request, "network-acl")
    with call.write() as tx:
        vpc = VPC.get(tx, call.scope, request["VpcId"])
        before = idempotency.made_before(tx, call, request)
        if before:
            row = ACL.get(tx, call.scope, before[0])
        else:
            row = NetworkAcl(id=ACL.new_id(), vpc=vpc.id, created=call.now(), tags=tags)
            ACL.table.put(tx, call.scope, row)
            idempotency.remember(tx, call, request, [row.id])
        shown = describe(tx, call.scope, row)
    return {"NetworkAcl": shown, "ClientToken": request.get("ClientToken") or ""}


@operation()
def describe_network_acls(call: Call, request: Request) -> dict[str, Any]:
    """DescribeNetworkAcls."""
    return listing.describe(
        call,
        request,
        ACL,
        member="NetworkAcls",
        ids="NetworkAclIds",
        filters=_FILTERS,
        render=lambda tx, row: describe(tx, call.scope, row),
    )


@operation(ARN)
def delete_network_acl(call: Call, request: Request) -> dict[str, Any]:
    """DeleteNetworkAcl. Raises DependencyViolation while a subnet has it, InvalidParameterValue for the default one."""
    with call.write() as tx:
        row = ACL.get(tx, call.scope, request["NetworkAclId"])
        if row.default:
            raise invalid(f"cannot delete default network ACL {row.id}")
        if any(one.acl == row.id for one in SUBNET.table.scan(tx, call.scope)):
            raise errors.DependencyViolation(f"The networkAcl '{row.id}' has dependencies and cannot be deleted.")
        ACL.table.delete(tx, call.scope, row.id)
    return {}


@operation(ARN)
async def create_network_acl_entry(call: Call, request: Request) -> dict[str, Any]:
    """CreateNetworkAclEntry. Raises NetworkAclEntryAlreadyExists, NetworkAclEntryLimitExceeded."""

    def change(tx: Writer) -> realise.Changed:
        row = ACL.get(tx, call.scope, request["NetworkAclId"])
        fresh = _entry(request)
        mine = [one for one in row.entries if one["Egress"] is fresh["Egress"]]
        if any(one["RuleNumber"] == fresh["RuleNumber"] for one in mine):
            raise errors.NetworkAclEntryAlreadyExists(
                f"The network acl entry identified by {fresh['RuleNumber']} already exists."
            )
        if len(mine) >= LIMIT:
            raise errors.NetworkAclEntryLimitExceeded("The maximum number of network acl entries has been reached.")
        row.entries = [*row.entries, fresh]
        ACL.table.put(tx, call.scope, row)
        return {}, [row.vpc]

    return await realise.apply(call, change)


@operation(ARN)
async def replace_network_acl_entry(call: Call, request: Request) -> dict[str, Any]:
    """ReplaceNetworkAclEntry. Raises InvalidNetworkAclEntry.NotFound."""

    def change(tx: Writer) -> realise.Changed:
        row = ACL.get(tx, call.scope, request["NetworkAclId"])
        fresh = _entry(request)
        old = _find(row, request)
        row.entries = [fresh if one is old else one for one in row.entries]
        ACL.table.put(tx, call.scope, row)
        return {}, [row.vpc]

    return await realise.apply(call, change)


@operation(ARN)
async def delete_network_acl_entry(call: Call, request: Request) -> dict[str, Any]:
    """DeleteNetworkAclEntry. Raises InvalidNetworkAclEntry.NotFound."""

    def change(tx: Writer) -> realise.Changed:
        row = ACL.get(tx, call.scope, request["NetworkAclId"])
        old = _find(row, request)
        row.entries = [one for one in row.entries if one is not old]
        ACL.table.put(tx, call.scope, row)
        return {}, [row.vpc]

    return await realise.apply(call, change)


@operation(ARN)
async def replace_network_acl_association(call: Call, request: Request) -> dict[str, Any]:
    """ReplaceNetworkAclAssociation: another ACL for a subnet. Raises InvalidAssociationID.NotFound."""

    def change(tx: Writer) -> realise.Changed:
        row = ACL.get(tx, call.scope, request["NetworkAclId"])
        subnet = _associated(tx, call.scope, request["AssociationId"])
        if subnet.vpc != row.vpc:
            raise invalid(f"network ACL {row.id} and subnet {subnet.id} belong to different networks")
        subnet.acl, subnet.acl_association = row.id, tokens.resource_id("aclassoc")
        SUBNET.table.put(tx, call.scope, subnet)
        return {"NewAssociationId": subnet.acl_association}, [row.vpc]

    return await realise.apply(call, change)


def describe(tx: Reader, scope: Scope, row: NetworkAcl) -> dict[str, Any]:
    """A network ACL as every answer shows it: at the end of each direction what denies the rest."""
    vpc = VPC.find(tx, scope, row.vpc)
    entries: list[dict[str, Any]] = []
    for egress in (True, False):
        rest = {"Egress": egress, "Protocol": "-1", "RuleAction": "deny"}
        entries += sorted((one for one in row.entries if one["Egress"] is egress), key=lambda one: one["RuleNumber"])
        entries.append({"CidrBlock": "0.0.0.0/0", "RuleNumber": LAST, **rest})
        if vpc is not None and vpc.ipv6:
            entries.append({"Ipv6CidrBlock": "::/0", "RuleNumber": LAST + 1, **rest})
    return {
        "NetworkAclId": row.id,
        "VpcId": row.vpc,
        "OwnerId": scope.account,
        "IsDefault": row.default,
        "Entries": entries,
        "Associations": [
            {"NetworkAclAssociationId": one.acl_association, "NetworkAclId": row.id, "SubnetId": one.id}
            for one in SUBNET.table.scan(tx, scope)
            if one.acl == row.id
        ],
        "Tags": tagging.render(row.tags),
    }


def _entry(request: Request) -> dict[str, Any]:
    """An entry as it is kept: with its protocol's number. Raises MissingParameter, InvalidParameterValue."""
    number = request["RuleNumber"]
    if not 1 <= number < LAST:
        raise invalid(f"Value ({number}) for parameter ruleNumber is invalid. Rule numbers are from 1 to {LAST - 1}.")
    if request["RuleAction"] not in ("allow", "deny"):
        raise invalid(f"Value ({request['RuleAction']}) for parameter ruleAction is invalid.")
    named = permissions.protocol(request.get("Protocol"))
    entry: dict[str, Any] = {
        "RuleNumber": number,
        "Egress": bool(request["Egress"]),
        "Protocol": _NUMBERS.get(named, named),
        "RuleAction": request["RuleAction"],
    }
    if bool(request.get("CidrBlock")) == bool(request.get("Ipv6CidrBlock")):
        raise missing("cidrBlock or ipv6CidrBlock")
    if request.get("CidrBlock"):
        entry["CidrBlock"] = permissions.block(request["CidrBlock"])
    else:
        entry["Ipv6CidrBlock"] = permissions.block6(request["Ipv6CidrBlock"])
    if named in ("tcp", "udp"):
        ports = request.get("PortRange") or {}
        if ports.get("From") is None or ports.get("To") is None:
            raise missing("portRange")
        first, last = permissions.ports_of(named, ports["From"], ports["To"])
        entry["PortRange"] = {"From": first, "To": last}
    if named in ("icmp", "icmpv6"):
        asked = request.get("IcmpTypeCode") or {}
        if asked.get("Type") is None:
            raise missing("icmpTypeCode")
        type_, code = permissions.ports_of(named, asked["Type"], asked.get("Code"))
        entry["IcmpTypeCode"] = {"Type": type_, "Code": code}
    return entry


def _find(row: NetworkAcl, request: Request) -> dict[str, Any]:
    for one in row.entries:
        if one["RuleNumber"] == request["RuleNumber"] and one["Egress"] is bool(request["Egress"]):
            return one
    raise coded(
        "InvalidNetworkAclEntry.NotFound",
        f"The network acl entry identified by {request['RuleNumber']} does not exist",
    )


def _associated(tx: Reader, scope: Scope, identifier: str) -> Subnet:
    for one in SUBNET.table.scan(tx, scope):
        if one.acl_association == identifier:
            return one
    raise coded("InvalidAssociationID.NotFound", f"The association ID '{identifier}' does not exist")
