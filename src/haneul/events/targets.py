"""Handing a text to whatever an ARN names, by that service's own API: the targets of rules, schedules and pipes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from haneul.kit import tokens
from haneul.service import Call
from haneul.wire.errors import AwsError


@dataclass(frozen=True)
class Manner:
    """What some kinds of targets want to know besides the text.

    group, deduplication: of a message to a queue. key: of a record to a stream. source, kind: of an event to a bus.
    ecs: a task's parameters by AWS's names. cause: who starts a task. wait: a function's and a workflow's answer is
    wanted (pipes).
    """

    group: str | None = None
    deduplication: str | None = None
    key: str | None = None
    source: str = ""
    kind: str = ""
    ecs: Mapping[str, Any] | None = None
    cause: str = ""
    wait: bool = False


def queue_url(arn: str) -> str:
    """A URL that names the queue of an ARN, region included."""
    parts = arn.split(":")
    return f"http://sqs.{parts[3]}.localhost/{parts[4]}/{parts[5]}"


def deliver(call: Call, arn: str, text: str, manner: Manner) -> Any:
    """Call the target once; what it answered. Raises AwsError: 501 for a kind of target that isn't called here.

    Lambda's answer is an awaitable when this is called on the event loop: call it there only for what is quick
    (SQS, SNS, buses, logs)."""
    parts = arn.split(":", 5)
    sender = _SENDERS.get(parts[2]) if len(parts) == 6 else None
    if sender is None or (parts[2] == "events" and not parts[5].startswith("event-bus/")):
        raise AwsError("NotImplemented", f"Targets like {arn} are not called here.", 501)
    return sender(call, arn, text, manner)


def _sqs(call: Call, arn: str, text: str, manner: Manner) -> Any:
    request = {"QueueUrl": queue_url(arn), "MessageBody": text}
    if manner.group:
        request["MessageGroupId"] = manner.group
        if manner.deduplication:
            request["MessageDeduplicationId"] = manner.deduplication
    return call.invoke("sqs", "SendMessage", request)


def _sns(call: Call, arn: str, text: str, manner: Manner) -> Any:
    request = {"TopicArn": arn, "Message": text}
    if arn.endswith(".fifo") and manner.group:
        request["MessageGroupId"] = manner.group
        if manner.deduplication:
            request["MessageDeduplicationId"] = manner.deduplication
    return call.invoke("sns", "Publish", request)


def _lambda(call: Call, arn: str, text: str, manner: Manner) -> Any:
    how = "RequestResponse" if manner.wait else "Event"
    return call.invoke("lambda", "Invoke", {"FunctionName": arn, "InvocationType": how, "Payload": text.encode()})


def _logs(call: Call, arn: str, text: str, manner: Manner) -> Any:
    group = arn.split(":", 6)[6].removesuffix(":*")
    stream = tokens.uuid()
    call.invoke("logs", "CreateLogStream", {"logGroupName": group, "logStreamName": stream})
    entry = {"timestamp": int(call.now() * 1000), "message": text}
    request = {"logGroupName": group, "logStreamName": stream, "logEvents": [entry]}
    return call.invoke("logs", "PutLogEvents", request)


def _events(call: Call, arn: str, text: str, manner: Manner) -> Any:
    entry = {"Source": manner.source, "DetailType": manner.kind, "Detail": text, "EventBusName": arn}
    answer = call.invoke("events", "PutEvents", {"Entries": [entry]})
    if answer.get("FailedEntryCount"):
        problem = answer["Entries"][0]
        raise AwsError(problem["ErrorCode"], problem["ErrorMessage"])
    return answer


def _kinesis(call: Call, arn: str, text: str, manner: Manner) -> Any:
    key = manner.key or tokens.uuid()
    request = {"StreamName": arn.rpartition("/")[2], "Data": text.encode(), "PartitionKey": key}
    return call.invoke("kinesis", "PutRecord", request)


def _firehose(call: Call, arn: str, text: str, manner: Manner) -> Any:
    request = {"DeliveryStreamName": arn.rpartition("/")[2], "Record": {"Data": text.encode()}}
    return call.invoke("firehose", "PutRecord", request)


def _states(call: Call, arn: str, text: str, manner: Manner) -> Any:
    operation = "StartSyncExecution" if manner.wait else "StartExecution"
    return call.invoke("stepfunctions", operation, {"stateMachineArn": arn, "input": text})


def _ecs(call: Call, arn: str, text: str, manner: Manner) -> Any:
    given = manner.ecs or {}
    request: dict[str, Any] = {
        "cluster": arn,
        "taskDefinition": given.get("TaskDefinitionArn"),
        "count": given.get("TaskCount", 1),
        "launchType": given.get("LaunchType"),
        "group": given.get("Group"),
        "platformVersion": given.get("PlatformVersion"),
        "startedBy": manner.cause[:36] or None,
    }
    network = given.get("NetworkConfiguration") or {}
    inner = network.get("awsvpcConfiguration") or network.get("AwsvpcConfiguration")
    if inner:
        request["networkConfiguration"] = {
            "awsvpcConfiguration": {name[:1].lower() + name[1:]: value for name, value in inner.items()}
        }
    try:
        overrides = json.loads(text)
    except ValueError:
        overrides = None
    if isinstance(overrides, dict) and "containerOverrides" in overrides:
        request["overrides"] = overrides
    return call.invoke("ecs", "RunTask", {name: value for name, value in request.items() if value is not None})


_SENDERS: dict[str, Callable[[Call, str, str, Manner], Any]] = {
    "sqs": _sqs,
    "sns": _sns,
    "lambda": _lambda,
    "logs": _logs,
    "events": _events,
    "kinesis": _kinesis,
    "firehose": _firehose,
    "states": _states,
    "ecs": _ecs,
}
