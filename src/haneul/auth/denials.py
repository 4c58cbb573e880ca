"""Access denied, in each service's words: who may not do what to what, and by which kind of policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haneul.auth import messages, refusals
from haneul.auth.decision import BOUNDARY, IDENTITY, ORGANIZATION, RESOURCE, SESSION, Decision
from haneul.wire.errors import AwsError

if TYPE_CHECKING:
    from haneul.service import Call, Guard

_KINDS = {
    IDENTITY: ("an", "identity-based policy"),
    RESOURCE: ("a", "resource-based policy"),
    BOUNDARY: ("a", "permissions boundary"),
    SESSION: ("a", "session policy"),
    ORGANIZATION: ("a", "service control policy"),
}


def reason(action: str, decision: Decision) -> str:
    """Why a denied call was denied, as AWS ends its message."""
    article, kind = _KINDS.get(decision.kind, _KINDS[IDENTITY])
    if decision.explicit:
        return f"with an explicit deny in {article} {kind}"
    return f"because no {kind} allows the {action} action"


def denied(call: Call, action: str, resource: str, decision: Decision, said: Guard | None) -> AwsError:
    words = refusals.wording(call.service, call.http)
    code, status = words.denied
    principal = call.principal
    if principal.kind == "anonymous":
        if words is refusals.S3:
            return AwsError(code, "Access Denied", status)
        return AwsError(code, f"User: anonymous is not authorized to perform: {action} on resource: {resource}", status)
    is_foreign = said is not None and said.owner != principal.account
    if words is refusals.S3:
        if is_foreign:
            return AwsError(code, "Access Denied", status)
        resource = f'"{resource}"'
    message = f"User: {principal.arn} is not authorized to perform: {action} on resource: {resource}"
    if not action.startswith("sts:AssumeRole"):
        message = f"{message} {reason(action, decision)}"
    if words is refusals.EC2:
        encoded = messages.encode(call.cloud.directory.sealed, principal, action, resource, decision)
        message = (
            f"You are not authorized to perform this operation. {message}. "
            f"Encoded authorization failure message: {encoded}"
        )
    return AwsError(code, message, status)


def unsigned(call: Call) -> AwsError:
    """Nobody signed, and nothing says that nobody may."""
    return refusals.missing_authentication(refusals.wording(call.service, call.http))
