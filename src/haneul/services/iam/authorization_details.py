"""GetAccountAuthorizationDetails: every user, group, role and policy with all that binds them, in pages."""

from __future__ import annotations

from collections.abc import Iterator

from haneul.auth import managed, tables
from haneul.auth.directory import managed_document
from haneul.service import Call, operation
from haneul.services.iam import attachments, entities, instance_profiles, policies, roles, tagging
from haneul.services.iam.entities import Answer, Entity, Request
from haneul.services.iam.pages import page
from haneul.state.store import Reader

_LISTS = {
    "User": "UserDetailList",
    "Group": "GroupDetailList",
    "Role": "RoleDetailList",
    "LocalManagedPolicy": "Policies",
    "AWSManagedPolicy": "Policies",
}


@operation()
def get_account_authorization_details(call: Call, request: Request) -> Answer:
    wanted = request.get("Filter") or list(_LISTS)
    answer: Answer = {name: [] for name in _LISTS.values()}
    with call.read() as tx:
        everything = (item for kind in _LISTS if kind in wanted for item in _items(tx, call, kind))
        found = page(request, "All", everything, lambda item: item[0], lambda item: item)
        for position, row in found.pop("All"):
            kind = list(_LISTS)[int(position[0])]
            answer[_LISTS[kind]].append(_describe(tx, call, row))
    return answer | found


Row = tables.User | tables.Group | tables.Role | tables.Policy | managed.ManagedPolicy


def _items(tx: Reader, call: Call, kind: str) -> Iterator[tuple[str, Row]]:
    """(position, row), in the order of the pages: the kind's number, then the key."""
    scope = tables.scope(call.account)
    if kind == "User":
        yield from ((f"0{row.key}", row) for row in tables.USERS.scan(tx, scope))
    elif kind == "Group":
        yield from ((f"1{row.key}", row) for row in tables.GROUPS.scan(tx, scope))
    elif kind == "Role":
        yield from ((f"2{row.key}", row) for row in tables.ROLES.scan(tx, scope))
    elif kind == "LocalManagedPolicy":
        yield from ((f"3{row.key}", row) for row in tables.POLICIES.scan(tx, scope))
    else:
        used = [policy for arn in attachments.counts(tx, call.account) if (policy := managed.find(arn)) is not None]
        yield from sorted((f"4{policy.arn}", policy) for policy in used)


def _describe(tx: Reader, call: Call, row: Row) -> Answer:
    if isinstance(row, tables.User):
        groups = [tables.GROUPS.get(tx, tables.scope(call.account), key) for key in row.groups]
        return {
            "Path": row.path,
            "UserName": row.name,
            "UserId": row.id,
            "Arn": entities.user_arn(call.account, row),
            "CreateDate": row.created,
            "UserPolicyList": _inline(row) or None,
            "GroupList": [group.name for group in groups if group is not None],
            "AttachedManagedPolicies": attachments.shown(row.attached),
            "PermissionsBoundary": entities.boundary(row.boundary),
            "Tags": tagging.shown(row.tags) or [],
        }
    if isinstance(row, tables.Group):
        return {
            "Path": row.path,
            "GroupName": row.name,
            "GroupId": row.id,
            "Arn": entities.group_arn(call.account, row),
            "CreateDate": row.created,
            "GroupPolicyList": _inline(row),
            "AttachedManagedPolicies": attachments.shown(row.attached),
        }
    if isinstance(row, tables.Role):
        return _role(tx, call, row)
    answer = policies.describe(tx, call, row)
    del answer["Tags"]
    return answer | {"PolicyVersionList": _versions(tx, call, row)}


def _role(tx: Reader, call: Call, row: tables.Role) -> Answer:
    profiles = [one for one in tables.INSTANCE_PROFILES.scan(tx, tables.scope(call.account)) if one.role == row.key]
    return {
        "Path": row.path,
        "RoleName": row.name,
        "RoleId": row.id,
        "Arn": entities.role_arn(call.account, row),
        "CreateDate": row.created,
        "AssumeRolePolicyDocument": entities.encoded(row.trust),
        "InstanceProfileList": [instance_profiles.describe(tx, call, one, full=False) for one in profiles],
        "RolePolicyList": _inline(row),
        "AttachedManagedPolicies": attachments.shown(row.attached),
        "PermissionsBoundary": entities.boundary(row.boundary),
        "Tags": tagging.shown(row.tags) or [],
        "RoleLastUsed": roles.last_used(tx, call, row),
    }


def _inline(row: Entity) -> list[Answer]:
    return [
        {"PolicyName": name, "PolicyDocument": entities.encoded(document)}
        for name, document in sorted(row.inline.items())
    ]


def _versions(tx: Reader, call: Call, row: tables.Policy | managed.ManagedPolicy) -> list[Answer]:
    if isinstance(row, managed.ManagedPolicy):
        document = managed_document(tx, call.account, row.arn) or ""
        return [
            {
                "Document": entities.encoded(document),
                "VersionId": row.version,
                "IsDefaultVersion": True,
                "CreateDate": row.updated,
            }
        ]
    return [
        {
            "Document": entities.encoded(version.document),
            "VersionId": f"v{version.number}",
            "IsDefaultVersion": version.number == row.default,
            "CreateDate": version.created,
        }
        for version in tables.POLICY_VERSIONS.scan(tx, tables.scope(call.account), row.key, reverse=True)
    ]
