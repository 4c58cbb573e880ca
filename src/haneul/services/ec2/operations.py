"""EC2's own `@operation`: what every operation of it does first.

It answers a dry run, gives the account its default VPC, and waits a moment where a moment is enough (`patience`).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from haneul import service
from haneul.service import Action, Call, Conditions, Resource
from haneul.services.ec2 import patience
from haneul.services.ec2.errors import errors
from haneul.services.ec2.vpc import defaults

Function = TypeVar("Function", bound=Callable[..., Any])


def operation(
    resource: Resource = "*", *, action: Action | None = None, conditions: Conditions | None = None
) -> Callable[[Function], Function]:
    """`haneul.service.operation` for EC2. The gate has decided by the time that `DryRun` is looked at, so a dry run
    tells what AWS's tells: DryRunOperation (412) when it may, UnauthorizedOperation (403) when it may not."""

    def mark(function: Function) -> Function:
        begun: Callable[..., Any]
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def begun(call: Call, request: Mapping[str, Any]) -> Any:
                _begin(call, request)
                return await patience.run(call, request, function)

        else:

            @functools.wraps(function)
            def begun(call: Call, request: Mapping[str, Any]) -> Any:
                _begin(call, request)
                return patience.run(call, request, function)

        return service.operation(resource, action=action, conditions=conditions)(begun)  # type: ignore[return-value]

    return mark


def _begin(call: Call, request: Mapping[str, Any]) -> None:
    if request.get("DryRun"):
        raise errors.DryRunOperation("Request would have succeeded, but DryRun flag is set.")
    defaults.ensure(call)
