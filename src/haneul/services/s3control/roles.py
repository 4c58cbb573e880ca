"""Acting as a role that was handed to S3 Control: one of its services assumes it, so its trust policy has a say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.auth.principals import Principal
from haneul.service import Call, Scope


def session(
    call: Call, scope: Scope, role: str, service: str, name: str, source: str, more: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """Credentials of the role, assumed by `service` on behalf of `source` (an ARN of the account). Raises AwsError."""
    asker = call.cloud.call_as("s3control", scope)
    asker.acts_as = Principal(
        account=scope.account,
        arn=service,
        kind="service",
        session={"aws:SourceArn": source, "aws:SourceAccount": scope.account},
    )
    answer = asker.invoke("sts", "AssumeRole", {"RoleArn": role, "RoleSessionName": name, **(more or {})})
    call.ticket = max(call.ticket, asker.ticket)
    held: Mapping[str, Any] = answer["Credentials"]
    return held


def assume(call: Call, role: str, service: str, name: str, source: str) -> Call:
    """A call that invokes with the role's rights. Raises AwsError."""
    held = session(call, call.scope, role, service, name, source)
    found = call.cloud.directory.credential(held["AccessKeyId"], held["SessionToken"])
    assert found is not None
    acting = call.cloud.call_as("s3control", call.scope, found.principal)
    acting.acts_as = found.principal
    return acting
