"""The ARNs that IAM's own decisions are about, and the condition keys that come with them.

Users, groups, roles and profiles have paths, so an ARN needs the row behind the name; a name that nobody
has stands under "/".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from haneul.auth import tables
from haneul.service import Call
from haneul.services.iam.entities import Request
from haneul.state.table import Table


def _of(table: Table[Any], kind: str, member: str) -> Callable[[Call, Request], str]:
    def resource(call: Call, request: Request) -> str:
        name = str(request.get(member) or call.principal.user_name)
        if not name:
            return "*"
        with call.read() as tx:
            row = table.get(tx, tables.scope(call.account), name.lower())
        path = request.get("Path", "/") if row is None else row.path
        return f"arn:aws:iam::{call.account}:{kind}{path}{name}"

    return resource


USER = _of(tables.USERS, "user", "UserName")
GROUP = _of(tables.GROUPS, "group", "GroupName")
ROLE = _of(tables.ROLES, "role", "RoleName")
PROFILE = _of(tables.INSTANCE_PROFILES, "instance-profile", "InstanceProfileName")
SERVER_CERTIFICATE = _of(tables.SERVER_CERTIFICATES, "server-certificate", "ServerCertificateName")
POLICY = "{PolicyArn}"
OIDC = "{OpenIDConnectProviderArn}"
SAML = "{SAMLProviderArn}"
MFA = "{SerialNumber}"


def new(kind: str, member: str) -> Callable[[Call, Request], str]:
    """The ARN that a Create makes."""
    return lambda call, request: f"arn:aws:iam::{call.account}:{kind}{request.get('Path', '/')}{request[member]}"


def policy_condition(call: Call, request: Request) -> dict[str, str | list[str]]:
    """iam:PolicyARN, for attaching and detaching."""
    return {"iam:PolicyARN": request["PolicyArn"]} | boundary_condition(call, request)


def boundary_condition(call: Call, request: Request) -> dict[str, str | list[str]]:
    """iam:PermissionsBoundary: the boundary the request sets, or that its user or role has."""
    arn = request.get("PermissionsBoundary")
    if arn is None:
        with call.read() as tx:
            if "RoleName" in request:
                role = tables.ROLES.get(tx, tables.scope(call.account), request["RoleName"].lower())
                arn = role.boundary if role else None
            elif "UserName" in request:
                user = tables.USERS.get(tx, tables.scope(call.account), request["UserName"].lower())
                arn = user.boundary if user else None
    return ({"iam:PermissionsBoundary": arn} if arn else {}) | tag_conditions(call, request)


def tag_conditions(call: Call, request: Request) -> dict[str, str | list[str]]:
    """aws:RequestTag/key and aws:TagKeys."""
    tags = request.get("Tags") or []
    keys = [tag["Key"] for tag in tags] or list(request.get("TagKeys") or [])
    found: dict[str, str | list[str]] = {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in tags}
    if keys:
        found["aws:TagKeys"] = keys
    return found
