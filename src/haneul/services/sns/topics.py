"""Topics: create, describe, list, configure, delete."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from haneul.converge.timers import settle
from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.sns.errors import errors, invalid, no_topic
from haneul.services.sns.state import DELIVERIES, DUPLICATES, SUBSCRIPTIONS, TOPICS, Topic
from haneul.state.store import Reader

PAGE = 100
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,256}")
_PROTOCOLS = ("HTTP", "SQS", "Lambda", "Application", "Firehose")
_FEEDBACK = tuple(
    f"{protocol}{kind}"
    for protocol in _PROTOCOLS
    for kind in ("SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate", "FailureFeedbackRoleArn")
)
SETTABLE = frozenset(
    {
        "ArchivePolicy",
        "BeginningArchiveTime",
        "ContentBasedDeduplication",
        "DeliveryPolicy",
        "DisplayName",
        "FifoThroughputScope",
        "FifoTopic",
        "KmsMasterKeyId",
        "Policy",
        "SignatureVersion",
        "TracingConfig",
        *_FEEDBACK,
    }
)
DEFAULT_DELIVERY = {
    "http": {
        "defaultHealthyRetryPolicy": {
            "minDelayTarget": 20,
            "maxDelayTarget": 20,
            "numRetries": 3,
            "numMaxDelayRetries": 0,
            "numNoDelayRetries": 0,
            "numMinDelayRetries": 0,
            "backoffFunction": "linear",
        },
        "disableSubscriptionOverrides": False,
        "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
    }
}


def arn_of(scope: Scope, name: str) -> str:
    return f"arn:aws:sns:{scope.region}:{scope.account}:{name}"


def by_name(call: Call, request: Mapping[str, Any]) -> str:
    return arn_of(call.scope, request["Name"])


def by_topic(call: Call, request: Mapping[str, Any]) -> str:
    return str(request.get("TopicArn") or request.get("ResourceArn") or "*")


def locate(arn: str) -> tuple[Scope, str]:
    """Whose topic an ARN names. Raises InvalidParameter."""
    parts = arn.split(":")
    if len(parts) < 6 or parts[0] != "arn" or parts[2] != "sns":
        raise invalid(f"TopicArn Reason: An ARN must have at least 6 elements, not {len(parts)}")
    if len(parts) != 6 or not parts[5]:
        raise invalid("TopicArn")
    return Scope(parts[4], parts[3]), parts[5]


def get(tx: Reader, call: Call, arn: str) -> tuple[Scope, Topic]:
    """The topic behind an ARN. Raises InvalidParameter, NotFound."""
    scope, name = locate(arn)
    if scope.region != call.region:
        raise invalid("TopicArn")
    topic = TOPICS.get(tx, scope, name)
    if topic is None:
        raise no_topic()
    return scope, topic


def default_policy(scope: Scope, name: str) -> str:
    actions = [
        "GetTopicAttributes",
        "SetTopicAttributes",
        "AddPermission",
        "RemovePermission",
        "DeleteTopic",
        "Subscribe",
        "ListSubscriptionsByTopic",
        "Publish",
    ]
    return json.dumps(
        {
            "Version": "2008-10-17",
            "Id": "__default_policy_ID",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Sid": "__default_statement_ID",
                    "Principal": {"AWS": "*"},
                    "Action": [f"SNS:{action}" for action in actions],
                    "Resource": arn_of(scope, name),
                    "Condition": {"StringEquals": {"AWS:SourceOwner": scope.account}},
                }
            ],
        },
        separators=(",", ":"),
    )


def check_tags(tags: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for tag in tags or ():
        if tag["Key"] in found:
            raise invalid("Duplicated keys are not allowed.")
        found[tag["Key"]] = tag.get("Value", "")
    if len(found) > 50:
        raise errors.TagLimitExceededException("Could not complete request: tag quota of per resource exceeded")
    return found


@operation(resource=by_name)
def create_topic(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateTopic. The same again gives the same ARN; other attributes or tags are an error."""
    name, attributes = request["Name"], dict(request.get("Attributes") or {})
    fifo = attributes.get("FifoTopic", "").lower() == "true"
    _check_name(name, fifo)
    for attribute, value in attributes.items():
        check_attribute(attribute, value, fifo)
    tags = check_tags(request.get("Tags"))
    with call.write() as tx:
        topic = TOPICS.get(tx, call.scope, name)
        if topic is None:
            topic = Topic(
                name=name,
                created=call.now(),
                fifo=fifo,
                attributes={key: value for key, value in attributes.items() if key != "FifoTopic"},
                tags=tags,
                protection=request.get("DataProtectionPolicy") or "",
            )
            TOPICS.put(tx, call.scope, topic)
        else:
            _check_same(topic, attributes, tags, given="Tags" in request)
    return {"TopicArn": arn_of(call.scope, name)}


def _check_name(name: str, fifo: bool) -> None:
    if fifo and not name.endswith(".fifo"):
        raise invalid(
            "Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII letters, "
            "numbers, underscores, and hyphens, and must be between 1 and 256 characters long."
        )
    stem = name.removesuffix(".fifo") if fifo else name
    if not _NAME.fullmatch(stem) or len(name) > 256:
        raise invalid("Topic Name")


def _check_same(topic: Topic, attributes: Mapping[str, str], tags: Mapping[str, str], *, given: bool) -> None:
    for name, value in attributes.items():
        known = str(topic.fifo).lower() if name == "FifoTopic" else topic.attributes.get(name, "")
        if known != value.lower() if name == "FifoTopic" else known != value:
            raise invalid("Attributes Reason: Topic already exists with different attributes")
    if given and any(topic.tags.get(key) != value for key, value in tags.items()):
        raise invalid("Tags Reason: Topic already exists with different tags")


def check_attribute(name: str, value: str, fifo: bool) -> None:
    if name not in SETTABLE:
        raise invalid("AttributeName")
    if name in ("ContentBasedDeduplication", "FifoThroughputScope") and not fifo:
        raise invalid("AttributeName")
    if name == "SignatureVersion" and value not in ("1", "2"):
        raise invalid("SignatureVersion")
    if name == "DisplayName" and len(value) > 100:
        raise invalid("DisplayName")
    if name == "TracingConfig" and value not in ("PassThrough", "Active"):
        raise invalid("TracingConfig")
    if name in ("Policy", "DeliveryPolicy", "ArchivePolicy") and value:
        try:
            document = json.loads(value)
        except ValueError:
            raise invalid(
                f"{name} Error: failed to parse JSON" if name != "Policy" else "Policy failed to parse JSON."
            ) from None
        if not isinstance(document, dict):
            raise invalid(name)


@operation(resource=by_topic)
def get_topic_attributes(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetTopicAttributes."""
    with call.read() as tx:
        scope, topic = get(tx, call, request["TopicArn"])
        confirmed = pending = 0
        for subscription in SUBSCRIPTIONS.scan(tx, scope, topic.name):
            if subscription.confirmed:
                confirmed += 1
            else:
                pending += 1
    attributes = {
        "Policy": default_policy(scope, topic.name),
        "Owner": scope.account,
        "SubscriptionsPending": str(pending),
        "TopicArn": arn_of(scope, topic.name),
        "EffectiveDeliveryPolicy": effective_policy(topic),
        "SubscriptionsConfirmed": str(confirmed),
        "DisplayName": "",
        "SubscriptionsDeleted": "0",
    }
    if topic.fifo:
        attributes |= {"FifoTopic": "true", "ContentBasedDeduplication": "false", "FifoThroughputScope": "Topic"}
    attributes |= topic.attributes
    return {"Attributes": attributes}


def effective_policy(topic: Topic) -> str:
    """The delivery policy with what was set laid over the default."""
    policy = json.loads(json.dumps(DEFAULT_DELIVERY))
    if text := topic.attributes.get("DeliveryPolicy"):
        policy["http"] |= json.loads(text).get("http", {})
    return json.dumps(policy, separators=(",", ":"))


@operation(resource=by_topic)
def set_topic_attributes(call: Call, request: Mapping[str, Any]) -> None:
    """SetTopicAttributes."""
    name, value = request["AttributeName"], request.get("AttributeValue") or ""
    with call.write() as tx:
        scope, topic = get(tx, call, request["TopicArn"])
        if name == "FifoTopic":
            raise invalid("AttributeName")
        check_attribute(name, value, topic.fifo)
        attributes = {**topic.attributes, name: value}
        if not value and name in ("KmsMasterKeyId", "Policy", "DeliveryPolicy", "ArchivePolicy"):
            del attributes[name]
        topic.attributes = attributes
        TOPICS.put(tx, scope, topic)


@operation()
def list_topics(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListTopics: a hundred at a time."""
    after = page_start(request)
    with call.read() as tx:
        rows = list(TOPICS.scan(tx, call.scope, after_key=(after,) if after else None, limit=PAGE + 1))
    more = {"NextToken": tokens.seal_page(rows[PAGE - 1].name)} if len(rows) > PAGE else {}
    return {"Topics": [{"TopicArn": arn_of(call.scope, row.name)} for row in rows[:PAGE]], **more}


def page_start(request: Mapping[str, Any]) -> str:
    """The position behind NextToken; "" at the start. Raises InvalidParameter."""
    token = request.get("NextToken")
    if not token:
        return ""
    position = tokens.open_page(token)
    if not position or not isinstance(position[0], str):
        raise invalid("NextToken")
    return position[0]


@operation(resource=by_topic)
def delete_topic(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteTopic, with its subscriptions. Deleting what is gone is no error."""
    scope, name = locate(request["TopicArn"])
    with call.write() as tx:
        if TOPICS.get(tx, scope, name) is None:
            return
        TOPICS.delete(tx, scope, name)
        SUBSCRIPTIONS.delete_all(tx, scope, name)
        DUPLICATES.delete_all(tx, scope, name)
        for delivery in list(DELIVERIES.scan(tx, scope)):
            if delivery.topic == name:
                settle(tx, "sns.delivery", scope, (delivery.message, delivery.subscription))
                DELIVERIES.delete(tx, scope, delivery.message, delivery.subscription)


@operation(resource=by_topic)
def get_data_protection_policy(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetDataProtectionPolicy."""
    with call.read() as tx:
        _, topic = get(tx, call, request["ResourceArn"])
    return {"DataProtectionPolicy": topic.protection}


@operation(resource=by_topic)
def put_data_protection_policy(call: Call, request: Mapping[str, Any]) -> None:
    """PutDataProtectionPolicy: kept and told; messages are not masked."""
    policy = request["DataProtectionPolicy"]
    if policy:
        try:
            json.loads(policy)
        except ValueError:
            raise invalid("DataProtectionPolicy") from None
    with call.write() as tx:
        scope, topic = get(tx, call, request["ResourceArn"])
        topic.protection = policy
        TOPICS.put(tx, scope, topic)
