"""Security groups: what lets packets in to an interface and out of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2.errors import coded, errors, invalid, missing
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc import defaults, permissions, plan, realise
from haneul.services.ec2.vpc.state import GROUP, INTERFACE, RULE, VPC, GroupRule, SecurityGroup
from haneul.state.store import Reader

LIMIT = 2500
_SET = " ._-:/()#,@[]+=&;{}!$*"
_PERMISSION = {
    "cidr": "IpRanges.CidrIp",
    "from-port": "FromPort",
    "group-id": "UserIdGroupPairs.GroupId",
    "group-name": "UserIdGroupPairs.GroupName",
    "ipv6-cidr": "Ipv6Ranges.CidrIpv6",
    "prefix-list-id": "PrefixListIds.PrefixListId",
    "protocol": "IpProtocol",
    "to-port": "ToPort",
    "user-id": "UserIdGroupPairs.UserId",
}
_OWN = {
    "description": "Description",
    "group-id": "GroupId",
    "group-name": "GroupName",
    "owner-id": "OwnerId",
    "primary-vpc-id": "PrimaryVpcId",
    "vpc-id": "VpcId",
}
_FILTERS = {
    **_OWN,
    **{f"ip-permission.{name}": f"IpPermissions.{path}" for name, path in _PERMISSION.items()},
    **{f"egress.ip-permission.{name}": f"IpPermissionsEgress.{path}" for name, path in _PERMISSION.items()},
}


def arn(call: Call, request: Mapping[str, Any]) -> str:
    """The group's ARN for the gate; of one that is named, any."""
    return GROUP.arn(call.scope, request.get("GroupId") or "*")


@operation("arn:aws:ec2:{region}:{account}:security-group/*")
def create_security_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateSecurityGroup, in the default VPC when none is named. Raises InvalidGroup.Duplicate,
    SecurityGroupLimitExceeded, VPCIdNotSpecified."""
    name, description = request.get("GroupName") or "", request.get("Description") or ""
    _check_texts(name, description)
    tags = tagging.of_new(request, "security-group")
    with call.write() as tx:
        vpc = request.get("VpcId") or permissions.default_vpc(tx, call.scope)
        if not vpc:
            raise errors.VPCIdNotSpecified("No default VPC for this user")
        place = VPC.get(tx, call.scope, vpc)
        groups = list(GROUP.table.scan(tx, call.scope))
        if any(one.vpc == vpc and one.name == name for one in groups):
            raise coded("InvalidGroup.Duplicate", f"The security group '{name}' already exists for VPC '{vpc}'")
        if len(groups) >= LIMIT:
            raise errors.SecurityGroupLimitExceeded("The maximum number of security groups has been reached.")
        row = SecurityGroup(
            id=GROUP.new_id(), vpc=vpc, name=name, description=description, created=call.now(), tags=tags
        )
        GROUP.table.put(tx, call.scope, row)
        for rule in defaults.everything_out(row.id, six=bool(place.ipv6)):
            RULE.table.put(tx, call.scope, rule)
        realise.touch(tx, call.scope, vpc)
    return {"GroupId": row.id, "SecurityGroupArn": GROUP.arn(call.scope, row.id), "Tags": tagging.render(tags)}


@operation()
def describe_security_groups(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeSecurityGroups: by id, or by name in the default VPC."""
    names = request.get("GroupNames") or ()
    with call.read() as tx:
        rules: dict[str, list[GroupRule]] = {}
        for rule in permissions.in_order(RULE.table.scan(tx, call.scope)):
            rules.setdefault(rule.group, []).append(rule)
        named = [find(tx, call.scope, {"GroupName": name}).id for name in names]
    return listing.describe(
        call,
        {**request, "GroupIds": [*(request.get("GroupIds") or ()), *named]},
        GROUP,
        member="SecurityGroups",
        ids="GroupIds",
        filters=_FILTERS,
        render=lambda tx, row: describe(tx, call.scope, row, rules.get(row.id, [])),
    )


@operation(arn)
def delete_security_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteSecurityGroup. Raises CannotDelete for the default one, DependencyViolation while an interface or another
    group's rule uses it."""
    with call.write() as tx:
        row = find(tx, call.scope, request)
        if row.name == "default":
            raise errors.CannotDelete(f'the specified group: "{row.id}" name: "{row.name}" cannot be deleted by a user')
        if _used(tx, call.scope, row.id):
            raise errors.DependencyViolation(f"resource {row.id} has a dependent object")
        for rule in permissions.rules_of(tx, call.scope, row.id):
            RULE.table.delete(tx, call.scope, rule.id)
        GROUP.table.delete(tx, call.scope, row.id)
        realise.touch(tx, call.scope, row.vpc)
    return {"Return": True, "GroupId": row.id}


@operation("arn:aws:ec2:{region}:{account}:vpc/{VpcId}")
def get_security_groups_for_vpc(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetSecurityGroupsForVpc: its own; groups aren't shared between VPCs here."""
    with call.read() as tx:
        vpc = VPC.get(tx, call.scope, request["VpcId"])
        items = [
            (
                row.id,
                {
                    "GroupId": row.id,
                    "GroupName": row.name,
                    "Description": row.description,
                    "OwnerId": call.account,
                    "PrimaryVpcId": row.vpc,
                    "Tags": tagging.render(row.tags),
                },
            )
            for row in GROUP.table.scan(tx, call.scope)
            if row.vpc == vpc.id
        ]
    return listing.paged(request, "SecurityGroupForVpcs", items, _OWN)


@operation(lambda call, request: [GROUP.arn(call.scope, one) for one in request.get("GroupId") or ()])
def describe_security_group_references(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeSecurityGroupReferences: the peer VPCs whose rules refer to groups of the caller's."""
    found = []
    with call.read() as tx:
        for row in GROUP.get_all(tx, call.scope, request["GroupId"]):
            for peering, _, theirs in plan.peers(tx, call.scope, row.vpc):
                where = plan.scope_of(call.scope, theirs)
                theirs_groups = {one.id for one in GROUP.table.scan(tx, where) if one.vpc == theirs["VpcId"]}
                if any(one.peer == row.id and one.group in theirs_groups for one in RULE.table.scan(tx, where)):
                    found.append(
                        {
                            "GroupId": row.id,
                            "ReferencingVpcId": theirs["VpcId"],
                            "VpcPeeringConnectionId": peering.id,
                        }
                    )
    return {"SecurityGroupReferenceSet": found}


@operation()
def describe_stale_security_groups(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeStaleSecurityGroups: those with rules that refer to a group of a VPC whose peering is gone."""
    items = []
    with call.read() as tx:
        vpc = VPC.get(tx, call.scope, request["VpcId"])
        for row in GROUP.table.scan(tx, call.scope):
            stale = [one for one in permissions.rules_of(tx, call.scope, row.id) if _is_stale(tx, call.scope, one)]
            if row.vpc != vpc.id or not stale:
                continue
            shown: dict[str, Any] = {
                "GroupId": row.id,
                "GroupName": row.name,
                "Description": row.description,
                "VpcId": row.vpc,
            }
            for member, egress in (("StaleIpPermissions", False), ("StaleIpPermissionsEgress", True)):
                listed = permissions.grouped(tx, call.scope, [one for one in stale if one.egress is egress])
                shown[member] = [
                    {**one, "IpRanges": [], "PrefixListIds": []} for one in listed
                ]  # their members are texts, and a stale rule has none
            items.append((row.id, shown))
    return listing.paged(request, "StaleSecurityGroupSet", items, {})


def find(tx: Reader, scope: Scope, request: Mapping[str, Any]) -> SecurityGroup:
    """The group by GroupId, or by GroupName in the default VPC."""
    if request.get("GroupId"):
        return GROUP.get(tx, scope, request["GroupId"])
    name = request.get("GroupName")
    if not name:
        raise errors.MissingParameter("The request must contain the parameter groupName or groupId")
    vpc = permissions.default_vpc(tx, scope)
    for row in GROUP.table.scan(tx, scope):
        if row.vpc == vpc and name in (row.name, row.id):
            return row
    raise coded("InvalidGroup.NotFound", f"The security group '{name}' does not exist in default VPC '{vpc}'")


def describe(tx: Reader, scope: Scope, row: SecurityGroup, rules: list[GroupRule]) -> dict[str, Any]:
    """A group as DescribeSecurityGroups shows it."""
    return {
        "GroupId": row.id,
        "GroupName": row.name,
        "Description": row.description,
        "VpcId": row.vpc,
        "OwnerId": scope.account,
        "SecurityGroupArn": GROUP.arn(scope, row.id),
        "IpPermissions": permissions.grouped(tx, scope, [one for one in rules if not one.egress]),
        "IpPermissionsEgress": permissions.grouped(tx, scope, [one for one in rules if one.egress]),
        "Tags": tagging.render(row.tags),
    }


def _check_texts(name: str, description: str) -> None:
    if not name:
        raise missing("GroupName")
    if not description:
        raise missing("GroupDescription")
    if name == "default":
        raise invalid("Cannot use reserved security group name: default")
    if name.startswith("sg-"):
        raise invalid(f"Value ({name}) for parameter GroupName is invalid. Group names may not be in the format sg-*")
    for member, text in (("GroupName", name), ("GroupDescription", description)):
        if len(text) > 255 or any(not (char.isascii() and (char.isalnum() or char in _SET)) for char in text):
            raise invalid(
                f"Value ({text}) for parameter {member} is invalid. Character sets beyond ASCII are not supported."
            )


def _used(tx: Reader, scope: Scope, group: str) -> bool:
    return any(group in one.groups for one in INTERFACE.table.scan(tx, scope)) or any(
        rule.peer == group and rule.group != group for rule in RULE.table.scan(tx, scope)
    )


def _is_stale(tx: Reader, scope: Scope, rule: GroupRule) -> bool:
    if not rule.peer:
        return False
    shown = permissions.reference(tx, scope, rule)
    if shown.get("PeeringStatus") == "deleted":
        return True
    return GROUP.find(tx, Scope(shown["UserId"], scope.region), rule.peer) is None
