"""AssumeRole: taking on a role, when its trust policy says so.

Where IAM isn't enforced (mode dev) no trust policy is asked, and a role that doesn't exist can be assumed all the
same: the session then acts as its account.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from haneul.auth import managed, tables
from haneul.auth.context import CallKeys
from haneul.auth.decision import Voice
from haneul.auth.organizations import find as find_organization
from haneul.auth.policy import compiled
from haneul.auth.principals import Principal
from haneul.service import Call, Guard, operation
from haneul.services.sts import sessions
from haneul.services.sts.errors import errors
from haneul.services.sts.sessions import Answer, Request
from haneul.state.store import Reader

_ARN = re.compile(r"arn:(aws[a-z-]*):iam::(\d{12}):role((?:/[!-.0-~]+)*)/([\w+=,.@-]{1,64})")
_TRUSTS_NOBODY = '{"Version":"2012-10-17","Statement":[]}'
_CHAINED = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
TOO_LONG = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
_ROOT_TASKS = f"{managed.PREFIX}root-task/"


def guard(call: Call, request: Request) -> Guard | None:
    """A role's trust policy speaks for it, where IAM is enforced."""
    if call.operation != "AssumeRole" or not call.cloud.config.iam_enforced:
        return None
    account, _, _ = parse(request["RoleArn"])
    if call.principal.kind == "root":
        raise errors.AccessDenied("Roles may not be assumed by root accounts.")
    with call.read() as tx:
        role = find(tx, request["RoleArn"])
    return Guard(owner=account, policy=_TRUSTS_NOBODY if role is None else role.trust)


def _actions(call: Call, request: Request) -> list[str]:
    """Tags and a source identity are permissions of their own."""
    found = ["sts:AssumeRole"]
    if request.get("Tags"):
        found.append("sts:TagSession")
    if request.get("SourceIdentity"):
        found.append("sts:SetSourceIdentity")
    return found


def _conditions(call: Call, request: Request) -> dict[str, str | list[str]]:
    keys: dict[str, Any] = {
        "sts:ExternalId": request.get("ExternalId"),
        "sts:RoleSessionName": request["RoleSessionName"],
        "sts:SourceIdentity": request.get("SourceIdentity"),
        "sts:TransitiveTagKeys": request.get("TransitiveTagKeys"),
    }
    if request.get("TokenCode") is not None and sessions.check_mfa(call, request, consume=False):
        keys |= {"aws:MultiFactorAuthPresent": "true", "aws:MultiFactorAuthAge": "0"}
    return {key: value for key, value in keys.items() if value is not None}


@operation(resource="{RoleArn}", action=_actions, conditions=_conditions)
def assume_role(call: Call, request: Request) -> Answer:
    arn, name = request["RoleArn"], request["RoleSessionName"]
    if request.get("ProvidedContexts"):
        raise errors.InvalidContextAssertion("Context assertions are not supported: there is no Identity Center here.")
    account, _, _ = parse(arn)
    is_enforced = call.cloud.config.iam_enforced
    caller = call.principal
    sessions.check_mfa(call, request)
    with call.read() as tx:
        role = find(tx, arn)
        if role is None and is_enforced:
            raise refused(call, "sts:AssumeRole", arn)
        if caller.kind == "service" and is_enforced:
            _check_service(call, request, role, arn)
        limits = sessions.limits(tx, account, request, sessions.inherited_tags(call))
    seconds = _duration(call, request, role)
    source = request.get("SourceIdentity") or caller.session.get("aws:SourceIdentity")
    return session_of(call, arn, role, name, limits, seconds, source)


@operation(resource="{TargetPrincipal}")
def assume_root(call: Call, request: Request) -> Answer:
    """A short session of a member account's root for one of AWS's root tasks, for the organization's management."""
    target = request["TargetPrincipal"]
    account = target.split(":")[4] if target.startswith("arn:") else target
    task = request["TaskPolicyArn"]["arn"]
    with call.read() as tx:
        organization = find_organization(tx, account)
        settings = tables.ACCOUNTS.get(tx, tables.scope(call.account), call.account)
    is_managed = organization is not None and organization.management == call.account != account
    if not is_managed or settings is None or "RootSessions" not in settings.organization_features:
        raise refused(call, "sts:AssumeRoot", target)
    policy = managed.find(task)
    if policy is None or not task.startswith(_ROOT_TASKS):
        raise errors.ValidationError(f"{task} is not a root task policy.")
    seconds = sessions.duration(request, 900, 900, "The requested DurationSeconds exceeds 900.")
    principal = Principal(
        account=account,
        arn=f"arn:aws:iam::{account}:root",
        kind="root",
        user_id=account,
        session=sessions.conditions_of(call, {}) | {"aws:AssumedRoot": "true"},
        session_policies=(policy.document,),
    )
    return {"Credentials": sessions.credentials(call, principal, seconds or 900)}


def parse(arn: str) -> tuple[str, str, str]:
    """(account, path, name) of a role's ARN."""
    found = _ARN.fullmatch(arn)
    if found is None:
        raise errors.ValidationError(f"{arn} is invalid")
    return found[2], f"{found[3]}/", found[4]


def find(tx: Reader, arn: str) -> tables.Role | None:
    account, path, name = parse(arn)
    role = tables.ROLES.get(tx, tables.scope(account), name.lower())
    return role if role is not None and (role.path, role.name) == (path, name) else None


def session_of(
    call: Call,
    arn: str,
    role: tables.Role | None,
    name: str,
    limits: sessions.Limits,
    seconds: int,
    source: str | None,
    extra: dict[str, Any] | None = None,
) -> Answer:
    """The answer with a new session of the role."""
    account, _, role_name = parse(arn)
    role_id = role.id if role is not None else _made_up_id(arn)
    keys = sessions.conditions_of(call, limits.tags) | (extra or {})
    if source:
        keys["aws:SourceIdentity"] = source
    principal = Principal(
        account=account,
        arn=f"arn:aws:sts::{account}:assumed-role/{role_name}/{name}",
        kind="role",
        user_id=f"{role_id}:{name}",
        role_arn=arn,
        session=keys,
        session_policies=limits.policies,
    )
    return {
        "Credentials": sessions.credentials(call, principal, seconds, limits.transitive),
        "AssumedRoleUser": {"AssumedRoleId": principal.user_id, "Arn": principal.arn},
        "PackedPolicySize": limits.packed,
        "SourceIdentity": source,
    }


def refused(call: Call, action: str, resource: str) -> Exception:
    return errors.AccessDenied(
        f"User: {call.principal.arn} is not authorized to perform: {action} on resource: {resource}"
    )


def max_duration(role: tables.Role | None) -> int:
    return 43_200 if role is None else role.max_session


def _duration(call: Call, request: Request, role: tables.Role | None) -> int:
    if call.principal.kind == "role":
        return sessions.duration(request, 3600, 3600, _CHAINED)
    return sessions.duration(request, 3600, max_duration(role), TOO_LONG)


def _check_service(call: Call, request: Request, role: tables.Role | None, arn: str) -> None:
    """A service needs the role's trust as everybody does; the gate lets services through."""
    keys = CallKeys(call, request, _conditions)
    voice = Voice(compiled(_TRUSTS_NOBODY if role is None else role.trust), call.principal, "sts:AssumeRole")
    if voice.denied(arn, keys) or not voice.granted(arn, keys):
        raise refused(call, "sts:AssumeRole", arn)


def _made_up_id(arn: str) -> str:
    """The id of a role that doesn't exist: always the same for the same name."""
    return "AROA" + base64.b32encode(hashlib.sha256(arn.encode()).digest()).decode()[:17]
