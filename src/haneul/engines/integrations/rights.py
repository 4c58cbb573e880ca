"""On whose rights an integration acts, and whether a function lets an API call it; where policies count."""

from __future__ import annotations

import inspect

from haneul.auth.context import Given
from haneul.auth.decision import evaluate
from haneul.auth.principals import Policies, Principal
from haneul.service import Call
from haneul.wire.errors import AwsError


async def assume(call: Call, role: str, session: str = "BackplaneAssumeRoleSession") -> None:
    """Let what `call` invokes be invoked with a role's rights. Raises AwsError when the role can't be assumed."""
    answer = call.invoke("sts", "AssumeRole", {"RoleArn": role, "RoleSessionName": session})
    answer = await answer if inspect.isawaitable(answer) else answer
    held = answer["Credentials"]
    found = call.cloud.directory.credential(held["AccessKeyId"], held["SessionToken"])
    if found is None:
        raise AwsError("AccessDenied", f"{role} gave no credentials", 403)
    call.acts_as = found.principal


async def lets(call: Call, function: str, source: str) -> bool:
    """Whether a function's own policy lets API Gateway call it on behalf of the API method `source` (an ARN)."""
    try:
        answer = call.invoke("lambda", "GetPolicy", {"FunctionName": function})
        answer = await answer if inspect.isawaitable(answer) else answer
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
        answer = {"Policy": None}
    return evaluate(
        Principal(account=call.scope.account, arn="apigateway.amazonaws.com", kind="service"),
        "lambda:InvokeFunction",
        function,
        Given({"aws:SourceArn": source, "aws:SourceAccount": call.scope.account}),
        Policies(),
        resource_policy=answer["Policy"] or '{"Statement": []}',
    ).allowed
