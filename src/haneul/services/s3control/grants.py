"""Access grants as they are kept: an account's instance in a region, locations with their roles, grants on them.

access-grants/default    location/<id>: s3://bucket/prefix and a role    grant/<id>: who may do what on which part
"""

from __future__ import annotations

import msgspec

from haneul.service import Scope
from haneul.services.s3control.errors import errors
from haneul.state.store import Reader
from haneul.state.table import Table

INSTANCE = "default"
"""The id of an account's one instance in a region, and of the location s3:// in it."""
ROOT = "s3://"


class Instance(msgspec.Struct, kw_only=True):
    id: str
    created: float
    policy: str | None = None
    policy_created: float = 0.0
    organization: str | None = None
    tags: dict[str, str] = {}


class Location(msgspec.Struct, kw_only=True):
    """`scope` is s3://, a bucket or a prefix as it was given; `role` is who may get at it."""

    id: str
    scope: str
    role: str
    created: float
    tags: dict[str, str] = {}


class Grant(msgspec.Struct, kw_only=True):
    """`scope` ends in * for a prefix; else it is one object. `prefix` is the part of the location as it was given."""

    id: str
    location: str
    prefix: str | None
    grantee_type: str
    grantee: str
    permission: str
    scope: str
    created: float
    application: str | None = None
    tags: dict[str, str] = {}


INSTANCES = Table("s3control.grants_instance", Instance, key=("id",))
LOCATIONS = Table("s3control.grants_location", Location, key=("id",))
GRANTS = Table("s3control.grant", Grant, key=("id",))


def arn(scope: Scope, path: str = "") -> str:
    """The ARN of the instance, or of "/location/<id>", "/grant/<id>" in it."""
    return f"arn:aws:s3:{scope.region}:{scope.account}:access-grants/{INSTANCE}{path}"


def instance_of(tx: Reader, scope: Scope) -> Instance:
    """The account's instance. Raises AccessGrantsInstanceNotExistsError."""
    found = INSTANCES.get(tx, scope, INSTANCE)
    if found is None:
        raise errors.AccessGrantsInstanceNotExistsError("Access Grants Instance does not exist")
    return found


def location_of(tx: Reader, scope: Scope, identity: str) -> Location:
    """Raises AccessGrantsInstanceNotExistsError, NoSuchAccessGrantsLocationError."""
    instance_of(tx, scope)
    found = LOCATIONS.get(tx, scope, identity)
    if found is None:
        raise errors.NoSuchAccessGrantsLocationError("The specified access grants location does not exist")
    return found


def grant_of(tx: Reader, scope: Scope, identity: str) -> Grant:
    """Raises AccessGrantsInstanceNotExistsError, NoSuchAccessGrantError."""
    instance_of(tx, scope)
    found = GRANTS.get(tx, scope, identity)
    if found is None:
        raise errors.NoSuchAccessGrantError("The specified access grant does not exist")
    return found


def whole(scope: str) -> str:
    """A path as everything beneath it: s3://bucket is s3://bucket/*, s3://bucket/a is s3://bucket/a*."""
    bare = scope.rstrip("*")
    if bare.count("/") == 2 and bare != ROOT:
        bare += "/"
    return f"{bare}*"


def covers(scope: str, target: str) -> bool:
    """Whether a grant on `scope` reaches all of `target`; either ends in * or is one object."""
    return target.rstrip("*").startswith(scope[:-1]) if scope.endswith("*") else scope == target
