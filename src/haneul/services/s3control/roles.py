"""Acting as a role that was handed to S3 Control: it is assumed by its service, so its trust policy has a say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.auth.principals import Principal
from haneul.service import Call


def assume(call: Call, role: str, service: str, session: str) -> Call:
    """A call that invokes with the role's rights. (In a step: where `invoke` has no awaitables.) Raises AwsError."""
    asker = call.cloud.call_as("s3control", call.scope)
    asker.acts_as = Principal(account=call.scope.account, arn=service, kind="service")
    held: Mapping[str, Any] = asker.invoke("sts", "AssumeRole", {"RoleArn": role, "RoleSessionName": session})
    found = call.cloud.directory.credential(held["Credentials"]["AccessKeyId"], held["Credentials"]["SessionToken"])
    assert found is not None
    acting = call.cloud.call_as("s3control", call.scope, found.principal)
    acting.acts_as = found.principal
    return acting
