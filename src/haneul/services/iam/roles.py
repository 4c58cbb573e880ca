"""Roles: identities that others take on for a while, when their trust policy lets them."""

from __future__ import annotations

import re

import orjson

from haneul.auth import tables
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.iam import attachments, documents, entities, pages, tagging
from haneul.services.iam.entities import Answer, Request, change, directory
from haneul.services.iam.errors import errors
from haneul.services.iam.pages import page
from haneul.services.iam.resources import NEW_KEYS, ROLE, ROLE_KEYS, new
from haneul.state.store import Reader, Writer

QUOTA = 1000
LINKED = "/aws-service-role/"
_SERVICE = re.compile(r"([a-zA-Z0-9-]+\.)+(amazonaws\.com(\.cn)?|amazon\.com|aws\.internal|api\.aws)")


@operation(resource=new("role", "RoleName"), conditions=NEW_KEYS)
def create_role(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    name = request["RoleName"]
    path = request.get("Path", "/")
    if path.startswith(LINKED) or name.startswith("AWSServiceRoleFor"):
        raise errors.InvalidInput(
            "Cannot create a role with the reserved path or name of a service-linked role; use CreateServiceLinkedRole."
        )
    trust = request["AssumeRolePolicyDocument"]
    principals = documents.check_trust(trust)
    tags = tagging.parse(request.get("Tags"))
    with change(call) as tx:
        if tables.ROLES.get(tx, scope, name.lower()) is not None:
            raise errors.EntityAlreadyExists(f"Role with name {name} already exists.")
        _check_principals(tx, call, principals)
        pages.check_quota(tx, call, tables.ROLES, "RolesPerAccount", QUOTA)
        row = tables.Role(
            key=name.lower(),
            name=name,
            path=path,
            id=tokens.unique_id("AROA"),
            created=entities.now(call),
            trust=trust,
            description=request.get("Description"),
            max_session=request.get("MaxSessionDuration", 3600),
            max_signin=request.get("MaxSigninSessionDuration"),
            tags=tags,
        )
        attachments.set_boundary(tx, call, row, request.get("PermissionsBoundary", ""))
        tables.ROLES.put(tx, scope, row)
    return {"Role": describe(call, row)}


@operation(resource=ROLE, conditions=ROLE_KEYS)
def get_role(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        row = entities.role(tx, call, request["RoleName"])
        answer = describe(call, row)
        answer |= durations(row)
        answer["RoleLastUsed"] = last_used(tx, call, row)
    return {"Role": answer}


@operation(resource="arn:aws:iam::{account}:role/")
def list_roles(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        rows = pages.rows(tx, call, request, tables.ROLES)
        return page(
            request,
            "Roles",
            rows,
            lambda row: row.key,
            lambda row: describe(call, row, full=False) | durations(row),
        )


@operation(resource=ROLE, conditions=ROLE_KEYS)
def update_role(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = _editable(tx, call, request["RoleName"])
        row.description = request.get("Description", row.description)
        row.max_session = request.get("MaxSessionDuration", 3600)
        kept = None if request.get("ResetMaxSigninSessionDuration") else row.max_signin
        row.max_signin = request.get("MaxSigninSessionDuration", kept)
        entities.save(tx, call, row)
    return {}


@operation(resource=ROLE, conditions=ROLE_KEYS)
def update_role_description(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = _editable(tx, call, request["RoleName"])
        row.description = request["Description"]
        entities.save(tx, call, row)
    return {"Role": describe(call, row)}


@operation(resource=ROLE, conditions=ROLE_KEYS)
def update_assume_role_policy(call: Call, request: Request) -> Answer:
    principals = documents.check_trust(request["PolicyDocument"])
    with change(call) as tx:
        row = _editable(tx, call, request["RoleName"])
        _check_principals(tx, call, principals)
        row.trust = request["PolicyDocument"]
        entities.save(tx, call, row)
    return {}


@operation(resource=ROLE, conditions=ROLE_KEYS)
def delete_role(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    with change(call) as tx:
        row = _editable(tx, call, request["RoleName"])
        if any(profile.role == row.key for profile in tables.INSTANCE_PROFILES.scan(tx, scope)):
            raise errors.DeleteConflict("Cannot delete entity, must remove roles from instance profile first.")
        if row.attached:
            raise errors.DeleteConflict("Cannot delete entity, must detach all policies first.")
        if row.inline:
            raise errors.DeleteConflict("Cannot delete entity, must delete policies first.")
        attachments.forget(tx, call, row)
        tables.ROLES.delete(tx, scope, row.key)
        forget_principal(tx, call, entities.role_arn(call.account, row), row.id)
    return {}


@operation(resource=ROLE, conditions=ROLE_KEYS)
def put_role_permissions_boundary(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = _editable(tx, call, request["RoleName"])
        attachments.set_boundary(tx, call, row, request["PermissionsBoundary"])
        entities.save(tx, call, row)
    return {}


@operation(resource=ROLE, conditions=ROLE_KEYS)
def delete_role_permissions_boundary(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = _editable(tx, call, request["RoleName"])
        attachments.set_boundary(tx, call, row, "")
        entities.save(tx, call, row)
    return {}


def describe(call: Call, row: tables.Role, *, full: bool = True) -> Answer:
    """A Role as Create answers it; listings leave out tags and boundary (`full` False). Get and List tell more."""
    return {
        "Path": row.path,
        "RoleName": row.name,
        "RoleId": row.id,
        "Arn": entities.role_arn(call.account, row),
        "CreateDate": row.created,
        "AssumeRolePolicyDocument": entities.encoded(row.trust),
        "Description": row.description,
        "PermissionsBoundary": entities.boundary(row.boundary) if full else None,
        "Tags": tagging.shown(row.tags) if full else None,
    }


def durations(row: tables.Role) -> Answer:
    """How long sessions of the role may last; the console's are told only when they were set."""
    return {"MaxSessionDuration": row.max_session, "MaxSigninSessionDuration": row.max_signin}


def forget_principal(tx: Writer, call: Call, arn: str, identity: str) -> None:
    """Put a deleted principal's id in place of its ARN wherever this account's roles trust it, as AWS does: whoever is
    made later under the same name is somebody else."""
    quoted = orjson.dumps(arn).decode()
    for row in list(tables.ROLES.scan(tx, tables.scope(call.account))):
        if quoted not in row.trust:
            continue
        policy = orjson.loads(row.trust)
        statements = policy["Statement"]
        for statement in statements if isinstance(statements, list) else [statements]:
            for element in ("Principal", "NotPrincipal"):
                named = statement.get(element)
                if isinstance(named, dict) and "AWS" in named:
                    names = named["AWS"] if isinstance(named["AWS"], list) else [named["AWS"]]
                    left = [identity if name == arn else name for name in names]
                    named["AWS"] = left if isinstance(named["AWS"], list) else left[0]
        row.trust = orjson.dumps(policy).decode()
        tables.ROLES.put(tx, tables.scope(call.account), row)


def last_used(tx: Reader, call: Call, row: tables.Role) -> Answer:
    """RoleLastUsed: empty for a role that nobody has assumed yet."""
    note = directory(call).usage.last(tx, call.account, entities.role_arn(call.account, row))
    return {} if note is None else {"LastUsedDate": float(int(note[0])), "Region": note[1]}


def _editable(tx: Reader, call: Call, name: str) -> tables.Role:
    row = entities.role(tx, call, name)
    if row.path.startswith(LINKED):
        raise entities.protected(row.name)
    return row


def _check_principals(tx: Reader, call: Call, principals: list[tuple[str, str]]) -> None:
    """AWS trusts nobody who doesn't exist. Other accounts' principals are looked up only where IAM is enforced:
    templates written for real accounts are to work in mode dev."""
    for kind, name in principals:
        if kind == "Service" and name != "*" and not _SERVICE.fullmatch(name):
            raise errors.MalformedPolicyDocument(f'Invalid principal in policy: "SERVICE":"{name}"')
        if kind != "AWS" or name == "*" or (len(name) == 12 and name.isdigit()):
            continue
        parts = name.split(":", 5)
        if len(parts) < 6 and not name.startswith(("AIDA", "AROA")):
            raise errors.MalformedPolicyDocument(f'Invalid principal in policy: "AWS":"{name}"')
        if len(parts) == 6 and not _exists(tx, call, parts):
            raise errors.MalformedPolicyDocument(f'Invalid principal in policy: "AWS":"{name}"')


def _exists(tx: Reader, call: Call, parts: list[str]) -> bool:
    account, rest = parts[4], parts[5]
    if account != call.account and not call.cloud.config.iam_enforced:
        return True
    kind, _, name = rest.partition("/")
    key = name.rpartition("/")[2].lower()
    if kind == "user":
        user = tables.USERS.get(tx, tables.scope(account), key)
        return user is not None and entities.user_arn(account, user).endswith(f":{rest}")
    if kind == "role":
        role = tables.ROLES.get(tx, tables.scope(account), key)
        return role is not None and entities.role_arn(account, role).endswith(f":{rest}")
    return kind in ("root", "assumed-role", "federated-user")
