"""Lambda functions behind routes: which one is meant, may it be called, and what it says."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from haneul.engines.integrations import rights
from haneul.service import Call

_FUNCTION = re.compile(r"arn:[a-z\-]+:apigateway:[^:]+:lambda:path/+\d{4}-\d\d-\d\d/functions/(.+)/invocations")


def function_of(uri: str) -> str:
    """The function that an integration's URI means: its ARN, bare or inside an invocation path."""
    found = _FUNCTION.fullmatch(uri)
    return uri if found is None else unquote(found.group(1))


class NotAllowed(Exception):
    """The function's policy doesn't let this route call it."""


async def invoke(call: Call, function: str, payload: bytes, source: str) -> Mapping[str, Any]:
    """Lambda's answer. source: the route's ARN. Raises AwsError, NotAllowed."""
    acts_for_itself = call.acts_as is None or call.acts_as.kind == "service"
    if call.cloud.config.iam_enforced and acts_for_itself and not await rights.lets(call, function, source):
        raise NotAllowed
    answer = call.invoke("lambda", "Invoke", {"FunctionName": function, "Payload": payload})
    found: Mapping[str, Any] = await answer if inspect.isawaitable(answer) else answer
    return found
