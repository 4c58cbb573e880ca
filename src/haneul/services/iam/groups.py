"""Groups: users that share policies."""

from __future__ import annotations

from haneul.auth import tables
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.iam import attachments, entities, pages, users
from haneul.services.iam.entities import Answer, Request, change
from haneul.services.iam.errors import errors
from haneul.services.iam.pages import page
from haneul.services.iam.resources import GROUP, GROUP_KEYS, USER, USER_KEYS, new

QUOTA = 300
PER_USER = 10


@operation(resource=new("group", "GroupName"))
def create_group(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    name = request["GroupName"]
    with change(call) as tx:
        if tables.GROUPS.get(tx, scope, name.lower()) is not None:
            raise errors.EntityAlreadyExists(f"Group with name {name} already exists.")
        pages.check_quota(tx, call, tables.GROUPS, "GroupsPerAccount", QUOTA)
        row = tables.Group(
            key=name.lower(),
            name=name,
            path=request.get("Path", "/"),
            id=tokens.unique_id("AGPA"),
            created=entities.now(call),
        )
        tables.GROUPS.put(tx, scope, row)
    return {"Group": describe(call, row)}


@operation(resource=GROUP, conditions=GROUP_KEYS)
def get_group(call: Call, request: Request) -> Answer:
    """A group and a page of its users."""
    scope = tables.scope(call.account)
    with call.read() as tx:
        row = entities.group(tx, call, request["GroupName"])
        members = [tables.USERS.get(tx, scope, link.user) for link in tables.MEMBERSHIPS.scan(tx, scope, row.key)]
    found = [member for member in members if member is not None]
    answer = page(
        request, "Users", found, lambda member: member.key, lambda member: users.describe(call, member, full=False)
    )
    return {"Group": describe(call, row), **answer}


@operation(resource="arn:aws:iam::{account}:group/")
def list_groups(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        rows = pages.rows(tx, call, request, tables.GROUPS)
        return page(request, "Groups", rows, lambda row: row.key, lambda row: describe(call, row))


@operation(resource=USER, conditions=USER_KEYS)
def list_groups_for_user(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    with call.read() as tx:
        user = entities.user(tx, call, request["UserName"])
        found = [tables.GROUPS.get(tx, scope, key) for key in sorted(user.groups)]
    rows = [row for row in found if row is not None]
    return page(request, "Groups", rows, lambda row: row.key, lambda row: describe(call, row))


@operation(resource=GROUP, conditions=GROUP_KEYS)
def update_group(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    with change(call) as tx:
        row = entities.group(tx, call, request["GroupName"])
        name = request.get("NewGroupName", row.name)
        old = row.key
        if name.lower() != old:
            if tables.GROUPS.get(tx, scope, name.lower()) is not None:
                raise errors.EntityAlreadyExists(f"Group with name {name} already exists.")
            attachments.forget(tx, call, row)
            tables.GROUPS.delete(tx, scope, old)
            row.key = name.lower()
            attachments.remember(tx, call, row)
            for link in list(tables.MEMBERSHIPS.scan(tx, scope, old)):
                tables.MEMBERSHIPS.delete(tx, scope, old, link.user)
                tables.MEMBERSHIPS.put(tx, scope, tables.Membership(row.key, link.user))
                user = tables.USERS.get(tx, scope, link.user)
                if user is not None:
                    user.groups = [row.key if key == old else key for key in user.groups]
                    tables.USERS.put(tx, scope, user)
        row.name = name
        row.path = request.get("NewPath", row.path)
        tables.GROUPS.put(tx, scope, row)
    return {}


@operation(resource=GROUP, conditions=GROUP_KEYS)
def delete_group(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    with change(call) as tx:
        row = entities.group(tx, call, request["GroupName"])
        if any(True for _ in tables.MEMBERSHIPS.scan(tx, scope, row.key, limit=1)):
            raise errors.DeleteConflict("Cannot delete entity, must remove users from group first.")
        if row.attached:
            raise errors.DeleteConflict("Cannot delete entity, must detach all policies first.")
        if row.inline:
            raise errors.DeleteConflict("Cannot delete entity, must delete policies first.")
        tables.GROUPS.delete(tx, scope, row.key)
    return {}


@operation(resource=GROUP, conditions=GROUP_KEYS)
def add_user_to_group(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = entities.group(tx, call, request["GroupName"])
        user = entities.user(tx, call, request["UserName"])
        if row.key in user.groups:
            return {}
        if len(user.groups) >= PER_USER:
            raise errors.LimitExceeded(f"Cannot exceed quota for GroupsPerUser: {PER_USER}")
        user.groups.append(row.key)
        entities.save(tx, call, user)
        tables.MEMBERSHIPS.put(tx, tables.scope(call.account), tables.Membership(row.key, user.key))
    return {}


@operation(resource=GROUP, conditions=GROUP_KEYS)
def remove_user_from_group(call: Call, request: Request) -> Answer:
    """Idempotent towards the membership: only the group and the user must exist."""
    with change(call) as tx:
        row = entities.group(tx, call, request["GroupName"])
        user = entities.user(tx, call, request["UserName"])
        if row.key in user.groups:
            user.groups.remove(row.key)
            entities.save(tx, call, user)
            tables.MEMBERSHIPS.delete(tx, tables.scope(call.account), row.key, user.key)
    return {}


def describe(call: Call, row: tables.Group) -> Answer:
    return {
        "Path": row.path,
        "GroupName": row.name,
        "GroupId": row.id,
        "Arn": entities.group_arn(call.account, row),
        "CreateDate": row.created,
    }
