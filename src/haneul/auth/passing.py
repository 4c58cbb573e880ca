"""iam:PassRole: whoever hands a role to a service must be allowed to, for any room that takes a role's ARN.

passing.check(call, request["Role"], "lambda.amazonaws.com")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from haneul.service import Call

ACTION = "iam:PassRole"


def check(call: Call, role: str, service: str, associated: str | None = None) -> None:
    """Raise AccessDenied unless the caller may pass `role` (its ARN) to `service` (its principal).

    associated: the ARN of the resource that gets the role (iam:AssociatedResourceArn).
    """
    keys: dict[str, str | list[str]] = {"iam:PassedToService": service}
    if associated is not None:
        keys["iam:AssociatedResourceArn"] = associated
    call.cloud.gate.check(call, ACTION, role, conditions=lambda _call, _request: keys)
