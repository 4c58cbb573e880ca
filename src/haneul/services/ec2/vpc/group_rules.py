"""The rules of security groups: granted, revoked, changed; a revoke answers when no packet passes by it any more."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from haneul.service import Call, Scope
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2.errors import coded, errors, invalid, missing, mixed
from haneul.services.ec2.operations import operation
from haneul.services.ec2.vpc import groups, permissions, realise
from haneul.services.ec2.vpc.state import GROUP, PREFIX_LIST, RULE, GroupRule, SecurityGroup
from haneul.state.store import Reader, Writer

LIMIT = 1000
"""Rules of a group in one direction: AWS's ceiling for its adjustable 60."""
_FILTERS = {
    "group-id": "GroupId",
    "security-group-rule-id": "SecurityGroupRuleId",
}
_SOURCES = "cidrIp, cidrIpv6, prefixListId, or referencedGroupId"
Request = Mapping[str, Any]


@operation(groups.arn)
async def authorize_security_group_ingress(call: Call, request: Request) -> dict[str, Any]:
    """AuthorizeSecurityGroupIngress. Raises InvalidPermission.Duplicate, RulesPerSecurityGroupLimitExceeded."""
    return await realise.apply(call, lambda tx: _authorize(call, tx, request, egress=False))


@operation(groups.arn)
async def authorize_security_group_egress(call: Call, request: Request) -> dict[str, Any]:
    """AuthorizeSecurityGroupEgress. Raises InvalidPermission.Duplicate, RulesPerSecurityGroupLimitExceeded."""
    return await realise.apply(call, lambda tx: _authorize(call, tx, request, egress=True))


@operation(groups.arn)
async def revoke_security_group_ingress(call: Call, request: Request) -> dict[str, Any]:
    """RevokeSecurityGroupIngress. Raises InvalidPermission.NotFound, InvalidSecurityGroupRuleId.NotFound."""
    return await realise.apply(call, lambda tx: _revoke(call, tx, request, egress=False))


@operation(groups.arn)
async def revoke_security_group_egress(call: Call, request: Request) -> dict[str, Any]:
    """RevokeSecurityGroupEgress. Raises InvalidPermission.NotFound, InvalidSecurityGroupRuleId.NotFound."""
    return await realise.apply(call, lambda tx: _revoke(call, tx, request, egress=True))


@operation(groups.arn)
def update_security_group_rule_descriptions_ingress(call: Call, request: Request) -> dict[str, Any]:
    """UpdateSecurityGroupRuleDescriptionsIngress, by IpPermissions or by rule ids."""
    return _redescribe(call, request, egress=False)


@operation(groups.arn)
def update_security_group_rule_descriptions_egress(call: Call, request: Request) -> dict[str, Any]:
    """UpdateSecurityGroupRuleDescriptionsEgress, by IpPermissions or by rule ids."""
    return _redescribe(call, request, egress=True)


@operation(groups.arn)
async def modify_security_group_rules(call: Call, request: Request) -> dict[str, Any]:
    """ModifySecurityGroupRules: each rule as a whole. Raises InvalidPermission.Duplicate."""

    def change(tx: Writer) -> realise.Changed:
        group = GROUP.get(tx, call.scope, request["GroupId"])
        for one in request["SecurityGroupRules"]:
            rule = _own(tx, call.scope, group, one["SecurityGroupRuleId"])
            fresh = _rewritten(tx, call.scope, group, rule, one.get("SecurityGroupRule") or {})
            others = [two for two in permissions.rules_of(tx, call.scope, group.id) if two.id != rule.id]
            _check_new(fresh, others)
            RULE.table.put(tx, call.scope, fresh)
        return {"Return": True}, [group.vpc]

    return await realise.apply(call, change)


@operation()
def describe_security_group_rules(call: Call, request: Request) -> dict[str, Any]:
    """DescribeSecurityGroupRules, each group's in order. A group that isn't there has no rules; what
    is no group's id is refused."""
    for one in request.get("Filters") or ():
        for value in (one.get("Values") or ()) if one.get("Name") == "group-id" else ():
            if not re.fullmatch(r"sg-[0-9a-f*?]+", value) and "*" not in value:
                raise coded("InvalidGroupId.Malformed", f"The security group ID '{value}' is malformed")
    if request.get("SecurityGroupRuleIds"):
        return listing.describe(
            call,
            request,
            RULE,
            member="SecurityGroupRules",
            ids="SecurityGroupRuleIds",
            filters=_FILTERS,
            render=lambda tx, row: describe(tx, call.scope, row),
        )
    with call.read() as tx:
        items = [
            (f"{row.group}\x00{row.order:09d}{not row.egress:d}\x00{row.id}", describe(tx, call.scope, row))
            for row in RULE.table.scan(tx, call.scope)
        ]
    return listing.paged(request, "SecurityGroupRules", items, _FILTERS)


def describe(tx: Reader, scope: Scope, rule: GroupRule) -> dict[str, Any]:
    """A rule as answers show it."""
    shown: dict[str, Any] = {
        "SecurityGroupRuleId": rule.id,
        "GroupId": rule.group,
        "GroupOwnerId": scope.account,
        "IsEgress": rule.egress,
        "IpProtocol": rule.protocol,
        "FromPort": rule.ports[0],
        "ToPort": rule.ports[1],
        "SecurityGroupRuleArn": RULE.arn(scope, rule.id),
        "Tags": tagging.render(rule.tags),
    }
    for member, value in (("CidrIpv4", rule.cidr), ("CidrIpv6", rule.cidr6), ("PrefixListId", rule.prefixes)):
        if value:
            shown[member] = value
    if rule.peer:
        shown["ReferencedGroupInfo"] = permissions.reference(tx, scope, rule)
    if rule.description is not None:
        shown["Description"] = rule.description
    return shown


def _authorize(call: Call, tx: Writer, request: Request, *, egress: bool) -> realise.Changed:
    group = groups.find(tx, call.scope, request)
    tags = tagging.of_new(request, "security-group-rule")
    fresh = permissions.parsed(tx, call.scope, group, request, egress=egress)
    there = [rule for rule in permissions.rules_of(tx, call.scope, group.id) if rule.egress is egress]
    last = max((rule.order for rule in there), default=0)
    for order, rule in enumerate(fresh, last + 1):
        _check_new(rule, there)
        if len(there) >= LIMIT:
            raise errors.RulesPerSecurityGroupLimitExceeded(
                "The maximum number of rules per security group has been reached."
            )
        rule.tags, rule.order = dict(tags), order
        RULE.table.put(tx, call.scope, rule)
        there.append(rule)
    return {"Return": True, "SecurityGroupRules": [describe(tx, call.scope, rule) for rule in fresh]}, [group.vpc]


def _revoke(call: Call, tx: Writer, request: Request, *, egress: bool) -> realise.Changed:
    group = groups.find(tx, call.scope, request)
    there = [rule for rule in permissions.rules_of(tx, call.scope, group.id) if rule.egress is egress]
    gone = _named(tx, call.scope, group, request, there, egress=egress)
    for rule in gone:
        RULE.table.delete(tx, call.scope, rule.id)
    return {"Return": True, "RevokedSecurityGroupRules": [_revoked(rule) for rule in gone]}, [group.vpc]


def _named(
    tx: Reader, scope: Scope, group: SecurityGroup, request: Request, there: Sequence[GroupRule], *, egress: bool
) -> list[GroupRule]:
    """The group's rules that a request names, by id or by what they say."""
    by_id: Sequence[str] = request.get("SecurityGroupRuleIds") or ()
    if by_id:
        if request.get("IpPermissions"):
            raise mixed("The parameter ipPermissions cannot be used with the parameter securityGroupRuleIds")
        found = [_own(tx, scope, group, one) for one in dict.fromkeys(by_id)]
        for rule in found:
            if rule.egress is not egress:
                raise _absent(rule.id)
        return found
    known = {permissions.key(rule): rule for rule in there}
    found = []
    for wanted in permissions.parsed(tx, scope, group, request, egress=egress):
        there_is = known.get(permissions.key(wanted))
        if there_is is None:
            raise coded("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
        found.append(there_is)
    return list({rule.id: rule for rule in found}.values())


def _own(tx: Reader, scope: Scope, group: SecurityGroup, identifier: str) -> GroupRule:
    rule = RULE.get(tx, scope, identifier)
    if rule.group != group.id:
        raise _absent(identifier)
    return rule


def _absent(identifier: str) -> Exception:
    return RULE.missing([identifier])


def _revoked(rule: GroupRule) -> dict[str, Any]:
    shown = {
        "SecurityGroupRuleId": rule.id,
        "GroupId": rule.group,
        "IsEgress": rule.egress,
        "IpProtocol": rule.protocol,
        "FromPort": rule.ports[0],
        "ToPort": rule.ports[1],
        "CidrIpv4": rule.cidr,
        "CidrIpv6": rule.cidr6,
        "PrefixListId": rule.prefixes,
        "ReferencedGroupId": rule.peer,
        "Description": rule.description,
    }
    return {name: value for name, value in shown.items() if value not in ("", None)}


def _check_new(rule: GroupRule, others: Sequence[GroupRule]) -> None:
    if any(permissions.key(other) == permissions.key(rule) for other in others):
        raise coded("InvalidPermission.Duplicate", f'the specified rule "{permissions.words(rule)}" already exists')


def _redescribe(call: Call, request: Request, *, egress: bool) -> dict[str, Any]:
    listed = request.get("SecurityGroupRuleDescriptions") or ()
    if bool(listed) == bool(request.get("IpPermissions")):
        raise missing("ipPermissions or securityGroupRuleDescriptions")
    with call.write() as tx:
        group = groups.find(tx, call.scope, request)
        there = [rule for rule in permissions.rules_of(tx, call.scope, group.id) if rule.egress is egress]
        if listed:
            told = [
                (_own(tx, call.scope, group, one.get("SecurityGroupRuleId") or ""), one.get("Description"))
                for one in listed
            ]
        else:
            known = {permissions.key(rule): rule for rule in there}
            told = []
            for one in permissions.parsed(tx, call.scope, group, request, egress=egress):
                if permissions.key(one) not in known:
                    raise coded(
                        "InvalidPermission.NotFound", "The specified rule does not exist in this security group."
                    )
                told.append((known[permissions.key(one)], one.description))
        for rule, text in told:
            rule.description = permissions.described(text)
            RULE.table.put(tx, call.scope, rule)
    return {"Return": True}


def _rewritten(tx: Reader, scope: Scope, group: SecurityGroup, rule: GroupRule, asked: Request) -> GroupRule:
    """The rule as it shall be: its id, direction and tags stay."""
    names = ("CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupId")
    sources = [name for name in names if asked.get(name)]
    one: dict[str, Any] = {name: asked.get(name) for name in ("IpProtocol", "FromPort", "ToPort")}
    if not one["IpProtocol"]:
        raise invalid("Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly.")
    if permissions.protocol(one["IpProtocol"]) in ("tcp", "udp") and None in (one["FromPort"], one["ToPort"]):
        raise invalid("Invalid value for portRange. Must specify both from and to ports with TCP/UDP.")
    if not sources:
        raise errors.MissingParameter(f"The request must contain exactly one of: {_SOURCES}")
    if len(sources) > 1:
        raise mixed(f"Only one of {_SOURCES} can be specified")
    value = asked[sources[0]]
    text = {"Description": asked.get("Description")}
    match sources[0]:
        case "CidrIpv4":
            one["IpRanges"] = [{"CidrIp": value, **text}]
        case "CidrIpv6":
            one["Ipv6Ranges"] = [{"CidrIpv6": value, **text}]
        case "PrefixListId":
            one["PrefixListIds"] = [{"PrefixListId": PREFIX_LIST.get(tx, scope, value).id, **text}]
        case _:
            one["UserIdGroupPairs"] = [{"GroupId": value, "UserId": None, **text}]
    (fresh,) = permissions.parsed(tx, scope, group, {"IpPermissions": [one]}, egress=rule.egress)
    fresh.id, fresh.tags, fresh.order = rule.id, rule.tags, rule.order
    return fresh
