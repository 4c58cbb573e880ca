"""Managed policies on users, groups and roles: attached, or set as a permissions boundary."""

from __future__ import annotations

from haneul.auth import managed, tables
from haneul.service import Call, operation
from haneul.services.iam import entities
from haneul.services.iam.entities import Answer, Entity, Request, change
from haneul.services.iam.errors import errors
from haneul.services.iam.pages import numbered, page
from haneul.services.iam.resources import GROUP, GROUP_KEYS, POLICY, POLICY_KEYS, ROLE, ROLE_KEYS, USER, USER_KEYS
from haneul.state.store import Reader, Writer

QUOTAS = {"user": ("PoliciesPerUser", 10), "group": ("PoliciesPerGroup", 10), "role": ("PoliciesPerRole", 10)}


@operation(resource=USER, conditions=USER_KEYS)
def attach_user_policy(call: Call, request: Request) -> Answer:
    return _attach(call, "user", request["UserName"], request["PolicyArn"])


@operation(resource=GROUP, conditions=GROUP_KEYS)
def attach_group_policy(call: Call, request: Request) -> Answer:
    return _attach(call, "group", request["GroupName"], request["PolicyArn"])


@operation(resource=ROLE, conditions=ROLE_KEYS)
def attach_role_policy(call: Call, request: Request) -> Answer:
    return _attach(call, "role", request["RoleName"], request["PolicyArn"])


@operation(resource=USER, conditions=USER_KEYS)
def list_attached_user_policies(call: Call, request: Request) -> Answer:
    return _list(call, request, "user", request["UserName"])


@operation(resource=GROUP, conditions=GROUP_KEYS)
def list_attached_group_policies(call: Call, request: Request) -> Answer:
    return _list(call, request, "group", request["GroupName"])


@operation(resource=ROLE, conditions=ROLE_KEYS)
def list_attached_role_policies(call: Call, request: Request) -> Answer:
    return _list(call, request, "role", request["RoleName"])


@operation(resource=USER, conditions=USER_KEYS)
def detach_user_policy(call: Call, request: Request) -> Answer:
    return _detach(call, "user", request["UserName"], request["PolicyArn"])


@operation(resource=GROUP, conditions=GROUP_KEYS)
def detach_group_policy(call: Call, request: Request) -> Answer:
    return _detach(call, "group", request["GroupName"], request["PolicyArn"])


@operation(resource=ROLE, conditions=ROLE_KEYS)
def detach_role_policy(call: Call, request: Request) -> Answer:
    return _detach(call, "role", request["RoleName"], request["PolicyArn"])


@operation(resource=POLICY, conditions=POLICY_KEYS)
def list_entities_for_policy(call: Call, request: Request) -> Answer:
    """Whom a managed policy binds, as a permissions policy or as a boundary."""
    arn = request["PolicyArn"]
    usage = request.get("PolicyUsageFilter")
    wanted = request.get("EntityFilter")
    with call.read() as tx:
        entities.check_policy_arn(arn)
        if entities.policy(tx, call, arn) is None:
            raise errors.NoSuchEntity(f"Policy {arn} was not found.")
        rows: dict[tuple[str, str], Entity] = {}
        for link in tables.ATTACHMENTS.scan(tx, tables.scope(call.account), arn):
            kind, _, bounds = link.kind.partition("-")
            if (usage == "PermissionsPolicy" and bounds) or (usage == "PermissionsBoundary" and not bounds):
                continue
            if wanted is not None and wanted.lower() != kind:
                continue
            row = _row(tx, call, kind, link.entity)
            if row is not None and entities.under(request, row.path):
                rows[kind, row.key] = row
    found = page(request, "All", sorted(rows.items()), lambda pair: "/".join(pair[0]), lambda pair: pair)
    names: dict[str, list[Answer]] = {"user": [], "group": [], "role": []}
    for (kind, _), row in found.pop("All"):
        names[kind].append({f"{kind.title()}Name": row.name, f"{kind.title()}Id": row.id})
    return {"PolicyGroups": names["group"], "PolicyUsers": names["user"], "PolicyRoles": names["role"], **found}


def set_boundary(tx: Writer, call: Call, row: tables.User | tables.Role, arn: str) -> None:
    """Make `arn` ("" for none) the entity's permissions boundary; the caller saves the row."""
    scope = tables.scope(call.account)
    kind = "user-boundary" if isinstance(row, tables.User) else "role-boundary"
    if arn:
        entities.check_policy_arn(arn)
        if entities.policy(tx, call, arn) is None:
            raise errors.NoSuchEntity(f"Scope ARN: {arn} does not exist or is not attachable.")
    if row.boundary:
        tables.ATTACHMENTS.delete(tx, scope, row.boundary, kind, row.key)
    if arn:
        tables.ATTACHMENTS.put(tx, scope, tables.Attachment(arn, kind, row.key))
    row.boundary = arn


def forget(tx: Writer, call: Call, row: Entity) -> None:
    """Drop the ways back from managed policies to the entity."""
    for link in links(row):
        tables.ATTACHMENTS.delete(tx, tables.scope(call.account), link.policy, link.kind, link.entity)


def remember(tx: Writer, call: Call, row: Entity) -> None:
    """Lay the ways back from managed policies to the entity, under the key it has now."""
    for link in links(row):
        tables.ATTACHMENTS.put(tx, tables.scope(call.account), link)


def links(row: Entity) -> list[tables.Attachment]:
    kind = kind_of(row)
    found = [tables.Attachment(arn, kind, row.key) for arn in row.attached]
    if not isinstance(row, tables.Group) and row.boundary:
        found.append(tables.Attachment(row.boundary, f"{kind}-boundary", row.key))
    return found


def kind_of(row: Entity) -> str:
    if isinstance(row, tables.User):
        return "user"
    return "group" if isinstance(row, tables.Group) else "role"


def shown(arns: list[str]) -> list[Answer]:
    """AttachedPolicies as AWS answers them."""
    return [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in arns]


def counts(tx: Reader, account: str) -> dict[str, tuple[int, int]]:
    """`count` of every policy that is in use."""
    found: dict[str, tuple[int, int]] = {}
    for link in tables.ATTACHMENTS.scan(tx, tables.scope(account)):
        attached, bounded = found.get(link.policy, (0, 0))
        is_boundary = link.kind.endswith("-boundary")
        found[link.policy] = (attached + (not is_boundary), bounded + is_boundary)
    return found


def count(tx: Reader, account: str, arn: str) -> tuple[int, int]:
    """How many entities a policy is attached to, and how many it bounds."""
    attached = bounded = 0
    for link in tables.ATTACHMENTS.scan(tx, tables.scope(account), arn):
        if link.kind.endswith("-boundary"):
            bounded += 1
        else:
            attached += 1
    return attached, bounded


def _attach(call: Call, kind: str, name: str, arn: str) -> Answer:
    with change(call) as tx:
        entities.check_policy_arn(arn)
        row = entities.entity(tx, call, kind, name)
        check_editable(row)
        policy = entities.policy(tx, call, arn)
        if policy is None:
            raise errors.NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")
        if isinstance(policy, managed.ManagedPolicy) and policy.path == "/aws-service-role/":
            raise errors.PolicyNotAttachable(f"Policy {arn} is not attachable.")
        if arn in row.attached:
            return {}
        quota, limit = QUOTAS[kind]
        if len(row.attached) >= limit:
            raise errors.LimitExceeded(f"Cannot exceed quota for {quota}: {limit}")
        row.attached.append(arn)
        tables.ATTACHMENTS.put(tx, tables.scope(call.account), tables.Attachment(arn, kind, row.key))
        entities.save(tx, call, row)
    return {}


def _detach(call: Call, kind: str, name: str, arn: str) -> Answer:
    with change(call) as tx:
        entities.check_policy_arn(arn)
        row = entities.entity(tx, call, kind, name)
        check_editable(row)
        if arn not in row.attached:
            raise errors.NoSuchEntity(f"Policy {arn} was not found.")
        row.attached.remove(arn)
        tables.ATTACHMENTS.delete(tx, tables.scope(call.account), arn, kind, row.key)
        entities.save(tx, call, row)
    return {}


def _list(call: Call, request: Request, kind: str, name: str) -> Answer:
    with call.read() as tx:
        row = entities.entity(tx, call, kind, name)
    prefix = request.get("PathPrefix", "/")
    found = [arn for arn in row.attached if ("/" + arn.partition(":policy/")[2]).startswith(prefix)]
    return numbered(request, "AttachedPolicies", shown(found))


def check_editable(row: Entity) -> None:
    if isinstance(row, tables.Role) and row.path.startswith("/aws-service-role/"):
        raise entities.protected(row.name)


def _row(tx: Reader, call: Call, kind: str, key: str) -> Entity | None:
    scope = tables.scope(call.account)
    if kind == "user":
        return tables.USERS.get(tx, scope, key)
    return tables.GROUPS.get(tx, scope, key) if kind == "group" else tables.ROLES.get(tx, scope, key)
