"""Firing: the target's own API, or any operation of any service here (universal targets)."""

from __future__ import annotations

import json

from haneul.events import targets
from haneul.events.targets import Manner
from haneul.kit.instants import iso8601
from haneul.service import Call
from haneul.services.scheduler.state import Delivery
from haneul.wire.errors import AwsError

UNIVERSAL = "arn:aws:scheduler:::aws-sdk:"
_MODELS = {
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "sfn": "stepfunctions",
    "cognitoidentityprovider": "cognito-idp",
}


def fire(call: Call, delivery: Delivery) -> None:
    """Call the target once. Raises AwsError."""
    target = delivery.target
    arn = target["Arn"]
    text = _input(delivery)
    if arn.startswith(UNIVERSAL):
        service, _, action = arn[len(UNIVERSAL) :].partition(":")
        call.invoke(_MODELS.get(service, service), action[:1].upper() + action[1:], json.loads(text or "{}"))
        return
    given = target.get("EventBridgeParameters") or {}
    manner = Manner(
        group=(target.get("SqsParameters") or {}).get("MessageGroupId"),
        key=(target.get("KinesisParameters") or {}).get("PartitionKey"),
        source=given.get("Source", ""),
        kind=given.get("DetailType", ""),
        ecs=target.get("EcsParameters"),
        cause=f"scheduler/{delivery.id}",
    )
    targets.deliver(call, arn, text or "{}", manner)


def _input(delivery: Delivery) -> str:
    """The target's input with what it names filled in."""
    text = delivery.target.get("Input") or ""
    if "<aws.scheduler." not in text:
        return text
    moment = iso8601(delivery.due)
    for name, value in (
        ("schedule-arn", delivery.schedule),
        ("scheduled-time", moment[:19] + "Z"),
        ("execution-id", delivery.id),
        ("attempt-number", str(delivery.tries + 1)),
    ):
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def bury(call: Call, delivery: Delivery, error: AwsError, condition: str) -> None:
    """Send what can't be delivered to the target's dead-letter queue, if it has one."""
    dead = (delivery.target.get("DeadLetterConfig") or {}).get("Arn")
    if not dead:
        return
    told = {
        "SCHEDULE_ARN": delivery.schedule,
        "TARGET_ARN": delivery.target["Arn"],
        "ERROR_CODE": error.code,
        "ERROR_MESSAGE": error.message or error.code,
        "EXHAUSTED_RETRY_CONDITION": condition,
        "RETRY_ATTEMPTS": str(delivery.tries),
        "EXECUTION_ID": delivery.id,
    }
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in told.items() if value}
    request = {
        "QueueUrl": targets.queue_url(dead),
        "MessageBody": _input(delivery) or "{}",
        "MessageAttributes": attributes,
    }
    try:
        call.invoke("sqs", "SendMessage", request)
    except AwsError:
        pass  # there is nowhere left to tell it
