"""Queue attributes: what may be set, to what, and what is answered for one never set."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import orjson

from haneul.services.sqs.errors import errors, invalid_value

_RANGES = {
    "DelaySeconds": (0, 900),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
}
_FLAGS = frozenset({"ContentBasedDeduplication", "SqsManagedSseEnabled", "FifoQueue"})
_CHOICES = {
    "DeduplicationScope": ("queue", "messageGroup"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
_FIFO_ONLY = frozenset({"FifoQueue", "ContentBasedDeduplication"})
_REMOVABLE = frozenset({"Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId"})

DEFAULTS = {
    "VisibilityTimeout": "30",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
}
FIFO_DEFAULTS = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "FifoThroughputLimit": "perQueue",
}
COMPUTED = frozenset(
    {
        "QueueArn",
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
        "CreatedTimestamp",
        "LastModifiedTimestamp",
    }
)
SETTABLE = frozenset(_RANGES) | _FLAGS | frozenset(_CHOICES) | _REMOVABLE
KNOWN = SETTABLE | COMPUTED | {"All"}

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,80}")
_FIFO_NAME = re.compile(r"[a-zA-Z0-9_-]{1,75}\.fifo")


def check_name(name: str, fifo: bool) -> None:
    if fifo and not _FIFO_NAME.fullmatch(name):
        raise errors.InvalidParameterValue(
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, "
            "must end with .fifo suffix and be 1 to 80 in length."
        )
    if not fifo and not _NAME.fullmatch(name):
        raise errors.InvalidParameterValue(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )


def check(attributes: Mapping[str, str], fifo: bool) -> None:
    """Raise what AWS raises for the first attribute that can't be so."""
    for name, value in attributes.items():
        if name not in SETTABLE or (not fifo and name in _FIFO_ONLY):
            raise errors.InvalidAttributeName(f"Unknown Attribute {name}.")
        if not fifo and name in _CHOICES:
            raise errors.InvalidAttributeValue(f"You can specify the {name} only when FifoQueue is set to true.")
        if name in _RANGES:
            low, high = _RANGES[name]
            if not value.isdecimal() or not low <= int(value) <= high:
                raise errors.InvalidAttributeValue(f"Invalid value for the parameter {name}.")
        elif name in _FLAGS:
            if value.lower() not in ("true", "false"):
                raise errors.InvalidAttributeValue(f"Invalid value for the parameter {name}.")
        elif name in _CHOICES:
            if value not in _CHOICES[name]:
                raise errors.InvalidAttributeValue(f"Invalid value for the parameter {name}.")
        elif name == "Policy" and value:
            _check_policy(value)
        elif name == "RedrivePolicy" and value:
            redrive(value)
        elif name == "RedriveAllowPolicy" and value:
            redrive_allow(value)
    limit, scope = attributes.get("FifoThroughputLimit"), attributes.get("DeduplicationScope")
    if limit == "perMessageGroupId" and scope == "queue":
        raise errors.InvalidAttributeValue(
            "The perMessageGroupId value for FifoThroughputLimit is allowed only when DeduplicationScope is "
            "messageGroup."
        )
    if attributes.get("KmsMasterKeyId") and attributes.get("SqsManagedSseEnabled", "").lower() == "true":
        raise errors.InvalidAttributeValue(
            "You can use one type of server-side encryption (SSE) at one time. "
            "You can either enable KMS SSE or SQS SSE."
        )


def _check_policy(text: str) -> None:
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict) or "Statement" not in document:
        raise errors.InvalidAttributeValue("Invalid value for the parameter Policy.")


def _json_map(text: str, parameter: str, what: str) -> dict[str, object]:
    try:
        policy = orjson.loads(text)
    except ValueError:
        policy = None
    if not isinstance(policy, dict):
        raise invalid_value(text, parameter, f"{what} is not a valid JSON map.")
    return policy


def redrive(text: str) -> tuple[str, int]:
    """(dead-letter queue's ARN, receives allowed) of a RedrivePolicy."""
    policy = _json_map(text, "RedrivePolicy", "Redrive policy")
    for name in ("deadLetterTargetArn", "maxReceiveCount"):
        if policy.get(name) in (None, ""):
            raise invalid_value(text, "RedrivePolicy", f"Redrive policy does not contain mandatory attribute: {name}.")
    if unknown := sorted(policy.keys() - {"deadLetterTargetArn", "maxReceiveCount"}):
        raise invalid_value(
            text,
            "RedrivePolicy",
            "Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount], "
            f"but got: {', '.join(unknown)}.",
        )
    count = str(policy["maxReceiveCount"])
    if not count.isdecimal() or not 1 <= int(count) <= 1000:
        raise invalid_value(
            text,
            "RedrivePolicy",
            f"Invalid value for maxReceiveCount: {count}, valid values are from 1 to 1000 both inclusive.",
        )
    return str(policy["deadLetterTargetArn"]), int(count)


def redrive_allow(text: str) -> tuple[str, list[str]]:
    """(permission, source ARNs) of a RedriveAllowPolicy."""
    policy = _json_map(text, "RedriveAllowPolicy", "Redrive allow policy")
    permission = policy.get("redrivePermission")
    if permission not in ("allowAll", "denyAll", "byQueue"):
        raise invalid_value(
            text,
            "RedriveAllowPolicy",
            "Amazon SQS can't create the redrive allow policy. redrivePermission must be one of "
            "allowAll, denyAll or byQueue.",
        )
    sources = policy.get("sourceQueueArns", [])
    if (permission == "byQueue") != bool(sources) or not isinstance(sources, list):
        raise invalid_value(
            text,
            "RedriveAllowPolicy",
            "Amazon SQS can't create the redrive allow policy. sourceQueueArns is required when redrivePermission is "
            "byQueue, and only then.",
        )
    if len(sources) > 10:
        raise invalid_value(text, "RedriveAllowPolicy", "A maximum of 10 sourceQueueArns can be specified.")
    return str(permission), [str(source) for source in sources]


def _counted(text: str) -> str:
    """A RedrivePolicy as it is told: its count is a number, however it was given."""
    policy = orjson.loads(text)
    if isinstance(policy["maxReceiveCount"], int):
        return text
    return orjson.dumps({**policy, "maxReceiveCount": int(policy["maxReceiveCount"])}).decode()


def merged(current: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """`current` with `changes` over it; an empty policy or key takes the attribute away."""
    result = dict(current)
    for name, value in changes.items():
        if name in _REMOVABLE and not value:
            result.pop(name, None)
        elif name == "RedrivePolicy":
            result[name] = _counted(value)
        else:
            result[name] = value.lower() if name in _FLAGS else value
    if changes.get("KmsMasterKeyId"):
        result["SqsManagedSseEnabled"] = "false"
    elif changes.get("SqsManagedSseEnabled", "").lower() == "true":
        result.pop("KmsMasterKeyId", None)
        result.pop("KmsDataKeyReusePeriodSeconds", None)
    return result


def complete(attributes: Mapping[str, str], fifo: bool) -> dict[str, str]:
    """Every attribute that is answered, with its value."""
    result = {**DEFAULTS, **attributes}
    if fifo:
        result = {**FIFO_DEFAULTS, **result}
    if "KmsMasterKeyId" in result:
        result.setdefault("KmsDataKeyReusePeriodSeconds", "300")
    return result
