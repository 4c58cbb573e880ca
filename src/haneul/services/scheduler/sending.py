"""Firing: the target's own API, or any operation of any service here (universal targets)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

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


def queue_url(arn: str) -> str:
    parts = arn.split(":")
    return f"http://sqs.{parts[3]}.localhost/{parts[4]}/{parts[5]}"


def fire(call: Call, delivery: Delivery) -> None:
    """Call the target once. Raises AwsError."""
    target = delivery.target
    arn = target["Arn"]
    text = _input(delivery)
    if arn.startswith(UNIVERSAL):
        service, _, action = arn[len(UNIVERSAL) :].partition(":")
        call.invoke(_MODELS.get(service, service), action[:1].upper() + action[1:], json.loads(text or "{}"))
        return
    sender = _SENDERS.get(arn.split(":")[2])
    if sender is None:
        raise AwsError("NotImplemented", f"Targets like {arn} are not called here.", 501)
    sender(call, target, text or "{}")


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


def _sqs(call: Call, target: Mapping[str, Any], text: str) -> None:
    request = {"QueueUrl": queue_url(target["Arn"]), "MessageBody": text}
    if group := (target.get("SqsParameters") or {}).get("MessageGroupId"):
        request["MessageGroupId"] = group
    call.invoke("sqs", "SendMessage", request)


def _sns(call: Call, target: Mapping[str, Any], text: str) -> None:
    call.invoke("sns", "Publish", {"TopicArn": target["Arn"], "Message": text})


def _lambda(call: Call, target: Mapping[str, Any], text: str) -> None:
    request = {"FunctionName": target["Arn"], "InvocationType": "Event", "Payload": text.encode()}
    call.invoke("lambda", "Invoke", request)


def _events(call: Call, target: Mapping[str, Any], text: str) -> None:
    given = target["EventBridgeParameters"]
    entry = {
        "Source": given["Source"],
        "DetailType": given["DetailType"],
        "Detail": text,
        "EventBusName": target["Arn"],
    }
    answer = call.invoke("events", "PutEvents", {"Entries": [entry]})
    if answer.get("FailedEntryCount"):
        problem = answer["Entries"][0]
        raise AwsError(problem["ErrorCode"], problem["ErrorMessage"])


def _kinesis(call: Call, target: Mapping[str, Any], text: str) -> None:
    key = (target.get("KinesisParameters") or {}).get("PartitionKey") or "scheduler"
    name = target["Arn"].rpartition("/")[2]
    call.invoke("kinesis", "PutRecord", {"StreamName": name, "Data": text.encode(), "PartitionKey": key})


def _firehose(call: Call, target: Mapping[str, Any], text: str) -> None:
    name = target["Arn"].rpartition("/")[2]
    call.invoke("firehose", "PutRecord", {"DeliveryStreamName": name, "Record": {"Data": text.encode()}})


def _states(call: Call, target: Mapping[str, Any], text: str) -> None:
    call.invoke("stepfunctions", "StartExecution", {"stateMachineArn": target["Arn"], "input": text})


def _ecs(call: Call, target: Mapping[str, Any], text: str) -> None:
    given = target.get("EcsParameters") or {}
    request: dict[str, Any] = {
        "cluster": target["Arn"],
        "taskDefinition": given.get("TaskDefinitionArn"),
        "count": given.get("TaskCount", 1),
        "launchType": given.get("LaunchType"),
        "group": given.get("Group"),
    }
    if network := (given.get("NetworkConfiguration") or {}).get("awsvpcConfiguration"):
        request["networkConfiguration"] = {
            "awsvpcConfiguration": {name[:1].lower() + name[1:]: value for name, value in network.items()}
        }
    call.invoke("ecs", "RunTask", {name: value for name, value in request.items() if value is not None})


_SENDERS = {
    "sqs": _sqs,
    "sns": _sns,
    "lambda": _lambda,
    "events": _events,
    "kinesis": _kinesis,
    "firehose": _firehose,
    "states": _states,
    "ecs": _ecs,
}


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
    request = {"QueueUrl": queue_url(dead), "MessageBody": _input(delivery) or "{}", "MessageAttributes": attributes}
    try:
        call.invoke("sqs", "SendMessage", request)
    except AwsError:
        pass  # there is nowhere left to tell it
