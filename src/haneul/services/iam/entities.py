"""Finding users, groups, roles and policies by AWS's names, their ARNs, and the change of them in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar
from urllib.parse import quote

from haneul.auth import managed, tables
from haneul.auth.directory import StoreDirectory
from haneul.service import Call
from haneul.services.iam.errors import errors
from haneul.state.store import Reader, Writer

Request = Mapping[str, Any]
Answer = dict[str, Any]
Value = TypeVar("Value")
Entity = tables.User | tables.Group | tables.Role


def directory(call: Call) -> StoreDirectory:
    found = call.cloud.directory
    if not isinstance(found, StoreDirectory):
        raise TypeError("the iam and sts rooms need the directory that lies on the store")
    return found


def change(call: Call) -> AbstractContextManager[Writer]:
    """A transaction after which nobody's remembered permissions count."""
    return directory(call).change(call)


async def transact(call: Call, function: Callable[[Writer], Value]) -> Value:
    """`change` for asynchronous operations: `function(tx)` may run more than once."""

    def counted(tx: Writer) -> Value:
        value = function(tx)
        directory(call).count_change(tx)
        return value

    value = await call.transact(counted)
    directory(call).changed()
    return value


def now(call: Call) -> float:
    """IAM's dates have whole seconds."""
    return float(int(call.now()))


def own_name(call: Call, request: Request) -> str:
    """The user a request is about: the one it names, or the caller."""
    name = request.get("UserName")
    if name is not None:
        return str(name)
    if call.principal.kind != "user":
        raise errors.ValidationError("Must specify userName when calling with non-User credentials")
    return call.principal.user_name


def user(tx: Reader, call: Call, name: str) -> tables.User:
    found = tables.USERS.get(tx, tables.scope(call.account), name.lower())
    if found is None or found.name != name:
        raise errors.NoSuchEntity(f"The user with name {name} cannot be found.")
    return found


def group(tx: Reader, call: Call, name: str) -> tables.Group:
    found = tables.GROUPS.get(tx, tables.scope(call.account), name.lower())
    if found is None or found.name != name:
        raise errors.NoSuchEntity(f"The group with name {name} cannot be found.")
    return found


def role(tx: Reader, call: Call, name: str) -> tables.Role:
    found = tables.ROLES.get(tx, tables.scope(call.account), name.lower())
    if found is None or found.name != name:
        raise errors.NoSuchEntity(f"The role with name {name} cannot be found.")
    return found


def entity(tx: Reader, call: Call, kind: str, name: str) -> Entity:
    """The user, group or role (`kind`) with this name."""
    if kind == "user":
        return user(tx, call, name)
    return group(tx, call, name) if kind == "group" else role(tx, call, name)


def save(tx: Writer, call: Call, row: Entity) -> None:
    if isinstance(row, tables.User):
        tables.USERS.put(tx, tables.scope(call.account), row)
    elif isinstance(row, tables.Group):
        tables.GROUPS.put(tx, tables.scope(call.account), row)
    else:
        tables.ROLES.put(tx, tables.scope(call.account), row)


def policy(tx: Reader, call: Call, arn: str) -> tables.Policy | managed.ManagedPolicy | None:
    """The managed policy with this ARN: the account's own, or AWS's."""
    aws = managed.find(arn)
    if aws is not None:
        return aws
    found = tables.POLICIES.get(tx, tables.scope(call.account), arn.rpartition("/")[2].lower())
    return found if found is not None and policy_arn(call.account, found) == arn else None


def customer_policy(tx: Reader, call: Call, arn: str) -> tables.Policy:
    """A policy that may be changed. AWS's own are everybody's, so nobody's to change."""
    check_policy_arn(arn)
    found = policy(tx, call, arn)
    if isinstance(found, managed.ManagedPolicy):
        raise errors.AccessDenied("Cannot modify an AWS managed policy.")
    if found is None:
        raise errors.NoSuchEntity(f"Policy {arn} was not found.")
    return found


def check_policy_arn(arn: str) -> None:
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "iam" or not parts[5].startswith("policy/"):
        raise errors.InvalidInput(f"ARN {arn} is not valid.")
    if parts[1] != "aws":
        raise errors.ValidationError("Invalid ARN partition")


def refuse_contexts(request: Request) -> None:
    """Trusted identity propagation needs an Identity Center, which isn't here."""
    for member in ("ContextProvider", "IdentityCenterInstanceArn"):
        if member in request:
            raise errors.InvalidInput(f"{member} is not supported: there is no Identity Center here.")


def protected(name: str) -> Exception:
    """What is said to whoever would change a service-linked role."""
    return errors.UnmodifiableEntity(
        f"Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS"
    )


def user_arn(account: str, row: tables.User) -> str:
    return f"arn:aws:iam::{account}:user{row.path}{row.name}"


def group_arn(account: str, row: tables.Group) -> str:
    return f"arn:aws:iam::{account}:group{row.path}{row.name}"


def role_arn(account: str, row: tables.Role) -> str:
    return f"arn:aws:iam::{account}:role{row.path}{row.name}"


def policy_arn(account: str, row: tables.Policy) -> str:
    return f"arn:aws:iam::{account}:policy{row.path}{row.name}"


def profile_arn(account: str, row: tables.InstanceProfile) -> str:
    return f"arn:aws:iam::{account}:instance-profile{row.path}{row.name}"


def encoded(document: str) -> str:
    """A policy document as IAM answers it: percent-encoded as in RFC 3986."""
    return quote(document, safe="")


def boundary(arn: str) -> Answer | None:
    if not arn:
        return None
    return {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}


def under(request: Request, path: str) -> bool:
    """Does an entity's path lie under the request's PathPrefix?"""
    return path.startswith(request.get("PathPrefix", "/"))
