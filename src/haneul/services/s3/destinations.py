"""Whether a queue, topic or function lets S3 notify it of a bucket: by its own policy, as S3 asks for it.

Where policies aren't enforced, what is the bucket owner's own needs no policy; what is others' always does.
"""

from __future__ import annotations

import inspect

from haneul.auth.context import Given
from haneul.auth.decision import Voice
from haneul.auth.policy import compiled
from haneul.auth.principals import Principal
from haneul.service import Call, Scope
from haneul.services.s3.state import Bucket
from haneul.wire.errors import AwsError

_ACTIONS = {"sqs": "sqs:SendMessage", "sns": "sns:Publish", "lambda": "lambda:InvokeFunction"}


async def allow(call: Call, bucket: Bucket, service: str, arn: str) -> bool:
    """Whether S3 may notify the destination of this bucket's objects. Raises AwsError when it isn't there."""
    account = arn.split(":")[4]
    if account == bucket.owner and not call.cloud.config.iam_enforced:
        return True
    policy = await _policy(call.cloud.call_as("s3", Scope(account, bucket.region)), service, arn)
    if not policy:
        return False
    principal = Principal(account=bucket.owner, arn="s3.amazonaws.com", kind="service")
    voice = Voice(compiled(policy), principal, _ACTIONS[service])
    keys = Given({"aws:SourceArn": bucket.arn, "aws:SourceAccount": bucket.owner, "aws:PrincipalIsAWSService": "true"})
    return voice.denied(arn, keys) is None and voice.granted(arn, keys) is not None


async def _policy(asker: Call, service: str, arn: str) -> str | None:
    """The destination's policy, as its own API tells it."""
    if service == "lambda":
        try:
            answer = asker.invoke("lambda", "GetPolicy", {"FunctionName": arn})
            told = await answer if inspect.isawaitable(answer) else answer
        except AwsError as error:
            if error.status == 404:
                return None
            raise
        text: str | None = told.get("Policy")
        return text
    if service == "sqs":
        _, _, _, region, account, name = arn.split(":", 5)
        url = f"http://sqs.{region}.localhost/{account}/{name}"
        answer = asker.invoke("sqs", "GetQueueAttributes", {"QueueUrl": url, "AttributeNames": ["Policy"]})
    else:
        answer = asker.invoke("sns", "GetTopicAttributes", {"TopicArn": arn})
    told = await answer if inspect.isawaitable(answer) else answer
    found: str | None = (told.get("Attributes") or {}).get("Policy")
    return found
