"""The gate every call passes: may this principal do this to that, by its own policies and by the resource's word?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from haneul.auth import refusals
from haneul.auth.principals import Directory

if TYPE_CHECKING:
    from haneul.service import Call, Guard, Operation

Guarding = Callable[["Call", Mapping[str, Any]], "Guard | None"]


class Gate:
    """Decides calls. enforced: identity policies are evaluated; otherwise every signed caller acts as its account's
    root, and only what resources say of themselves holds."""

    def __init__(self, directory: Directory, enforced: bool) -> None:
        self._directory = directory
        self._enforced = enforced

    def authorise(
        self,
        call: Call,
        operation: Operation,
        request: Mapping[str, Any],
        guard: Guarding | None,
        action_prefix: str,
    ) -> None:
        """Return, or raise AwsError: access denied in the service's own words."""
        if call.principal.kind == "anonymous" and not operation.anonymous and guard is None:
            raise refusals.missing_authentication(refusals.wording(call.service, call.http))
