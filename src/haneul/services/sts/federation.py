"""GetSessionToken and GetFederationToken: temporary credentials of a user or root, for itself or for others."""

from __future__ import annotations

from typing import Any

from haneul.auth.principals import Principal
from haneul.service import Call, operation
from haneul.services.sts import sessions
from haneul.services.sts.errors import errors
from haneul.services.sts.sessions import Answer, Request

_HALF_DAY = 43_200
_DAY_AND_HALF = 129_600
_STS_OPEN = '"sts:AssumeRole","sts:GetCallerIdentity","sts:TagSession","sts:SetSourceIdentity"'
_ALLOW = '{"Effect":"Allow","NotAction":["iam:*","sts:*"],"Resource":"*"}'
_ALLOW_WITH_IAM = '{"Effect":"Allow","NotAction":"sts:*","Resource":"*"}'
_ALLOW_STS = f'{{"Effect":"Allow","Action":[{_STS_OPEN}],"Resource":"*"}}'
# Neither IAM nor STS.
_FEDERATED = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["iam:*","sts:*"],"Resource":"*"}]}'


@operation(action="")
def get_session_token(call: Call, request: Request) -> Answer:
    """No permission is needed. Without MFA the session can't call IAM; of STS it can only assume roles."""
    principal = call.principal
    _check_long_term(call, "GetSessionToken")
    has_mfa = sessions.check_mfa(call, request)
    is_root = principal.kind == "root"
    most = 3600 if is_root and call.cloud.config.iam_enforced else _DAY_AND_HALF
    seconds = min(int(request.get("DurationSeconds", _HALF_DAY)), most)
    allow = f"{_ALLOW_WITH_IAM if has_mfa else _ALLOW},{_ALLOW_STS}"
    session = Principal(
        account=principal.account,
        arn=principal.arn,
        kind=principal.kind,
        user_id=principal.user_id,
        user_name=principal.user_name,
        session=sessions.conditions_of(call, {}, mfa=has_mfa),
        session_policies=(f'{{"Version":"2012-10-17","Statement":[{allow}]}}',),
    )
    return {"Credentials": sessions.credentials(call, session, seconds)}


def _federated(call: Call, request: Request) -> str:
    return f"arn:aws:sts::{call.account}:federated-user/{request['Name']}"


def _actions(call: Call, request: Request) -> list[str]:
    return ["sts:GetFederationToken", *(["sts:TagSession"] if request.get("Tags") else [])]


@operation(resource=_federated, action=_actions)
def get_federation_token(call: Call, request: Request) -> Answer:
    """A session for somebody else, holding what both its session policies and the caller's own policies allow."""
    principal = call.principal
    _check_long_term(call, "GetFederationToken")
    name = request["Name"]
    with call.read() as tx:
        limits = sessions.limits(tx, call.account, request)
    is_root = principal.kind == "root"
    most = 3600 if is_root and call.cloud.config.iam_enforced else _DAY_AND_HALF
    seconds = min(int(request.get("DurationSeconds", _HALF_DAY)), most)
    tags: dict[str, Any] = {
        key: value for key, value in principal.session.items() if key.startswith("aws:PrincipalTag/")
    }
    session = Principal(
        account=call.account,
        arn=_federated(call, request),
        kind="federated",
        user_id=f"{call.account}:{name}",
        user_name=principal.user_name,
        session=tags | sessions.conditions_of(call, limits.tags),
        session_policies=(*limits.policies, _FEDERATED),
    )
    return {
        "Credentials": sessions.credentials(call, session, seconds),
        "FederatedUser": {"FederatedUserId": session.user_id, "Arn": session.arn},
        "PackedPolicySize": limits.packed,
    }


def _check_long_term(call: Call, operation_name: str) -> None:
    principal = call.principal
    is_session = principal.access_key.startswith("ASIA") and "aws:TokenIssueTime" in principal.session
    if principal.kind not in ("user", "root") or is_session:
        raise errors.AccessDenied(f"Cannot call {operation_name} with session credentials")
