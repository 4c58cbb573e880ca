"""The ARNs that IAM's own decisions are about, and the condition keys that come with them.

Users, groups, roles and profiles have paths, so an ARN needs the row behind the name; a name that nobody
has stands under "/".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from haneul.auth import tables
from haneul.service import Call, Conditions
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


def _keys(table: Table[Any] | None, member: str = "", key: Callable[[str], str] = str.lower) -> Conditions:
    """The condition keys of operations on a kind of row, found by the request's `member`: what the request would set,
    and what the row has."""

    def conditions(call: Call, request: Request) -> Mapping[str, str | list[str]]:
        tags = request.get("Tags") or []
        found: dict[str, str | list[str]] = {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in tags}
        names = [tag["Key"] for tag in tags] or list(request.get("TagKeys") or [])
        if names:
            found["aws:TagKeys"] = names
        if "PolicyArn" in request and table is not tables.POLICIES:
            found["iam:PolicyARN"] = request["PolicyArn"]
        row = None
        name = str(request.get(member) or call.principal.user_name)
        if table is not None and name:
            with call.read() as tx:
                row = table.get(tx, tables.scope(call.account), key(name))
        for tag, value in getattr(row, "tags", {}).items():
            found[f"iam:ResourceTag/{tag}"] = found[f"aws:ResourceTag/{tag}"] = value
        boundary = request.get("PermissionsBoundary") or getattr(row, "boundary", "")
        if boundary:
            found["iam:PermissionsBoundary"] = boundary
        return found

    return conditions


def _last(arn: str) -> str:
    return arn.rpartition("/")[2].lower()


NEW_KEYS = _keys(None)
USER_KEYS = _keys(tables.USERS, "UserName")
GROUP_KEYS = _keys(tables.GROUPS, "GroupName")
ROLE_KEYS = _keys(tables.ROLES, "RoleName")
PROFILE_KEYS = _keys(tables.INSTANCE_PROFILES, "InstanceProfileName")
SERVER_CERTIFICATE_KEYS = _keys(tables.SERVER_CERTIFICATES, "ServerCertificateName")
POLICY_KEYS = _keys(tables.POLICIES, "PolicyArn", _last)
SAML_KEYS = _keys(tables.SAML_PROVIDERS, "SAMLProviderArn", _last)
OIDC_KEYS = _keys(tables.OIDC_PROVIDERS, "OpenIDConnectProviderArn", lambda arn: arn.partition(":oidc-provider/")[2])
MFA_KEYS = _keys(tables.MFA_DEVICES, "SerialNumber", str)
