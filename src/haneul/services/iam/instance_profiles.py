"""Instance profiles: how an EC2 instance is given a role."""

from __future__ import annotations

from haneul.auth import passing, tables
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.iam import entities, pages, roles, tagging
from haneul.services.iam.entities import Answer, Request, change
from haneul.services.iam.errors import errors
from haneul.services.iam.pages import page
from haneul.services.iam.resources import NEW_KEYS, PROFILE, PROFILE_KEYS, ROLE, ROLE_KEYS, new
from haneul.state.store import Reader

QUOTA = 1000


@operation(resource=new("instance-profile", "InstanceProfileName"), conditions=NEW_KEYS)
def create_instance_profile(call: Call, request: Request) -> Answer:
    scope = tables.scope(call.account)
    name = request["InstanceProfileName"]
    tags = tagging.parse(request.get("Tags"))
    with change(call) as tx:
        if tables.INSTANCE_PROFILES.get(tx, scope, name.lower()) is not None:
            raise errors.EntityAlreadyExists(f"Instance Profile {name} already exists.")
        pages.check_quota(tx, call, tables.INSTANCE_PROFILES, "InstanceProfilesPerAccount", QUOTA)
        row = tables.InstanceProfile(
            key=name.lower(),
            name=name,
            path=request.get("Path", "/"),
            id=tokens.unique_id("AIPA"),
            created=entities.now(call),
            tags=tags,
        )
        tables.INSTANCE_PROFILES.put(tx, scope, row)
        return {"InstanceProfile": describe(tx, call, row)}


@operation(resource=PROFILE, conditions=PROFILE_KEYS)
def get_instance_profile(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        return {"InstanceProfile": describe(tx, call, find(tx, call, request["InstanceProfileName"]))}


@operation(resource="arn:aws:iam::{account}:instance-profile/")
def list_instance_profiles(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        rows = pages.rows(tx, call, request, tables.INSTANCE_PROFILES)
        return page(
            request, "InstanceProfiles", rows, lambda row: row.key, lambda row: describe(tx, call, row, full=False)
        )


@operation(resource=ROLE, conditions=ROLE_KEYS)
def list_instance_profiles_for_role(call: Call, request: Request) -> Answer:
    with call.read() as tx:
        role = entities.role(tx, call, request["RoleName"])
        rows = [row for row in tables.INSTANCE_PROFILES.scan(tx, tables.scope(call.account)) if row.role == role.key]
        return page(
            request, "InstanceProfiles", rows, lambda row: row.key, lambda row: describe(tx, call, row, full=False)
        )


@operation(resource=PROFILE, conditions=PROFILE_KEYS)
def add_role_to_instance_profile(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = find(tx, call, request["InstanceProfileName"])
        role = entities.role(tx, call, request["RoleName"])
        passing.check(call, entities.role_arn(call.account, role), "ec2.amazonaws.com")
        if role.path.startswith(roles.LINKED):
            raise entities.protected(role.name)
        if row.role:
            raise errors.LimitExceeded("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
        row.role = role.key
        tables.INSTANCE_PROFILES.put(tx, tables.scope(call.account), row)
    return {}


@operation(resource=PROFILE, conditions=PROFILE_KEYS)
def remove_role_from_instance_profile(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = find(tx, call, request["InstanceProfileName"])
        name = request["RoleName"]
        if row.role != name.lower():
            raise errors.NoSuchEntity(f"The role with name {name} cannot be found.")
        row.role = ""
        tables.INSTANCE_PROFILES.put(tx, tables.scope(call.account), row)
    return {}


@operation(resource=PROFILE, conditions=PROFILE_KEYS)
def delete_instance_profile(call: Call, request: Request) -> Answer:
    with change(call) as tx:
        row = find(tx, call, request["InstanceProfileName"])
        if row.role:
            raise errors.DeleteConflict("Cannot delete entity, must remove roles from instance profile first.")
        tables.INSTANCE_PROFILES.delete(tx, tables.scope(call.account), row.key)
    return {}


def find(tx: Reader, call: Call, name: str) -> tables.InstanceProfile:
    row = tables.INSTANCE_PROFILES.get(tx, tables.scope(call.account), name.lower())
    if row is None or row.name != name:
        raise errors.NoSuchEntity(f"Instance Profile {name} cannot be found.")
    return row


def describe(tx: Reader, call: Call, row: tables.InstanceProfile, *, full: bool = True) -> Answer:
    """An InstanceProfile as Create and Get answer it; listings leave out tags (`full` False)."""
    role = tables.ROLES.get(tx, tables.scope(call.account), row.role) if row.role else None
    return {
        "Path": row.path,
        "InstanceProfileName": row.name,
        "InstanceProfileId": row.id,
        "Arn": entities.profile_arn(call.account, row),
        "CreateDate": row.created,
        "Roles": [] if role is None else [_role(call, role)],
        "Tags": tagging.shown(row.tags) if full else None,
    }


def _role(call: Call, role: tables.Role) -> Answer:
    return roles.describe(call, role, full=False) | {"Description": None}
