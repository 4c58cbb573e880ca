"""Users: people and programs with keys of their own."""

from __future__ import annotations

from typing import Any

from haneul.auth import tables
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.iam import attachments, entities, pages, roles, tagging
from haneul.services.iam.entities import Answer, Request, change
from haneul.services.iam.errors import errors
from haneul.services.iam.pages import page
from haneul.services.iam.resources import NEW_KEYS, USER, USER_KEYS, new
from haneul.state.store import Reader, Writer
from haneul.state.table import Table

QUOTA = 5000


@operation(resource=new("user", "UserName"), conditions=NEW_KEYS)
def create_user(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    name = request["UserName"]
    tags = tagging.parse(request.get("Tags"))
    with change(call) as tx:
        if tables.USERS.get(tx, scope, name.lower()) is not None:
            raise errors.EntityAlreadyExists(f"User with name {name} already exists.")
        pages.check_quota(tx, call, tables.USERS, "UsersPerAccount", QUOTA)
        row = tables.User(
            key=name.lower(),
            name=name,
            path=request.get("Path", "/"),
            id=tokens.unique_id("AIDA"),
            created=entities.now(call),
            tags=tags,
        )
        attachments.set_boundary(tx, call, row, request.get("PermissionsBoundary", ""))
        tables.USERS.put(tx, scope, row)
    return {"User": describe(call, row)}


@operation(resource=USER, conditions=USER_KEYS)
def get_user(call: Call, request: Request) -> Answer:
    """The named user, or whoever calls: AWS answers root about itself too."""
    if "UserName" not in request and call.principal.kind == "root":
        return {"User": _root(call)}
    with call.read() as tx:
        row = entities.user(tx, call, entities.own_name(call, request))
    return {"User": describe(call, row, tags=True)}


@operation(resource="arn:aws:iam::{account}:user/")
def list_users(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        rows = pages.rows(tx, call, request, tables.USERS)
        return page(request, "Users", rows, lambda row: row.key, lambda row: describe(call, row, full=False))


@operation(resource=USER, conditions=USER_KEYS)
def update_user(call: Call, request: Request) -> Answer:
    """Rename a user or move it to another path; everything it owns follows."""
    scope = tables.scope(call.account)
    with change(call) as tx:
        row = entities.user(tx, call, request["UserName"])
        name = request.get("NewUserName", row.name)
        if name.lower() != row.key:
            if tables.USERS.get(tx, scope, name.lower()) is not None:
                raise errors.EntityAlreadyExists(f"User with name {name} already exists.")
            _move(tx, call, row, name.lower())
        row.name = name
        row.path = request.get("NewPath", row.path)
        tables.USERS.put(tx, scope, row)
    return {}


@operation(resource=USER, conditions=USER_KEYS)
def delete_user(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    with change(call) as tx:
        row = entities.user(tx, call, request["UserName"])
        _check_empty(tx, call, row)
        if row.boundary:
            attachments.set_boundary(tx, call, row, "")
        tables.USERS.delete(tx, scope, row.key)
        roles.forget_principal(tx, call, entities.user_arn(call.account, row), row.id)
    return {}


@operation(resource=USER, conditions=USER_KEYS)
def put_user_permissions_boundary(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = entities.user(tx, call, request["UserName"])
        attachments.set_boundary(tx, call, row, request["PermissionsBoundary"])
        entities.save(tx, call, row)
    return {}


@operation(resource=USER, conditions=USER_KEYS)
def delete_user_permissions_boundary(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = entities.user(tx, call, request["UserName"])
        attachments.set_boundary(tx, call, row, "")
        entities.save(tx, call, row)
    return {}


def describe(call: Call, row: tables.User, *, tags: bool = True, full: bool = True) -> Answer:
    """A User as Create and Get answer it; listings leave out tags and boundary (`full` False)."""
    return {
        "Path": row.path,
        "UserName": row.name,
        "UserId": row.id,
        "Arn": entities.user_arn(call.account, row),
        "CreateDate": row.created,
        "PasswordLastUsed": row.password_used,
        "PermissionsBoundary": entities.boundary(row.boundary) if full else None,
        "Tags": tagging.shown(row.tags) if full and tags else None,
    }


def _root(call: Call) -> Answer:
    account = call.account
    with call.read() as tx:
        settings = tables.ACCOUNTS.get(tx, tables.scope(account), account)
    return {
        "Path": "/",
        "UserName": settings.alias if settings is not None and settings.alias else None,
        "UserId": account,
        "Arn": f"arn:aws:iam::{account}:root",
        "CreateDate": 1_136_073_600.0,
    }


def _check_empty(tx: Reader, call: Call, row: tables.User) -> None:
    """AWS deletes no user that still owns something, and says what."""
    scope = tables.scope(call.account)
    owns = [
        (row.attached, "Cannot delete entity, must detach all policies first."),
        (row.inline, "Cannot delete entity, must delete policies first."),
        (row.groups, "Cannot delete entity, must remove users from group first."),
        (row.access_keys, "Cannot delete entity, must delete access keys first."),
        (row.password, "Cannot delete entity, must delete login profile first."),
        (
            any(device.user == row.key for device in tables.MFA_DEVICES.scan(tx, scope)),
            "Cannot delete entity, must delete MFA device first.",
        ),
        (
            any(True for _ in tables.CERTIFICATES.scan(tx, scope, row.key, limit=1)),
            "Cannot delete entity, must delete certificates first.",
        ),
        (
            any(True for _ in tables.SSH_KEYS.scan(tx, scope, row.key, limit=1)),
            "Cannot delete entity, must remove referenced objects first.",
        ),
        (
            any(True for _ in tables.SERVICE_CREDENTIALS.scan(tx, scope, row.key, limit=1)),
            "Cannot delete entity, must remove referenced objects first.",
        ),
    ]
    for owned, message in owns:
        if owned:
            raise errors.DeleteConflict(message)


def _move(tx: Writer, call: Call, row: tables.User, key: str) -> None:
    """Give a user's rows its new key."""
    scope = tables.scope(call.account)
    old = row.key
    tables.USERS.delete(tx, scope, old)
    attachments.forget(tx, call, row)
    for name in row.groups:
        tables.MEMBERSHIPS.delete(tx, scope, name, old)
        tables.MEMBERSHIPS.put(tx, scope, tables.Membership(name, key))
    for device in list(tables.MFA_DEVICES.scan(tx, scope)):
        if device.user == old:
            device.user = key
            tables.MFA_DEVICES.put(tx, scope, device)
    owning: tuple[Table[Any], ...] = (tables.CERTIFICATES, tables.SSH_KEYS, tables.SERVICE_CREDENTIALS)
    for table in owning:
        for owned in list(table.scan(tx, scope, old)):
            table.delete(tx, scope, old, owned.id)
            owned.user = key
            table.put(tx, scope, owned)
    for access_key in row.access_keys:
        found = tables.ACCESS_KEYS.get(tx, tables.HOUSE, access_key)
        if found is not None:
            found.user = key
            tables.ACCESS_KEYS.put(tx, tables.HOUSE, found)
    row.key = key
    attachments.remember(tx, call, row)
