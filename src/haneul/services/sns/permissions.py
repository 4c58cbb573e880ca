"""Who else may use a topic: statements of its policy, and the guard that the gate asks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Guard, operation
from haneul.services.sns.errors import invalid
from haneul.services.sns.state import TOPICS
from haneul.services.sns.topics import by_topic, default_policy, get, locate
from haneul.wire.errors import AwsError

_ACTIONS = frozenset(
    {
        "AddPermission",
        "DeleteTopic",
        "GetDataProtectionPolicy",
        "GetTopicAttributes",
        "ListSubscriptionsByTopic",
        "ListTagsForResource",
        "Publish",
        "PutDataProtectionPolicy",
        "Receive",
        "RemovePermission",
        "SetTopicAttributes",
        "Subscribe",
    }
)


@operation(resource=by_topic)
def add_permission(call: Call, request: Mapping[str, Any]) -> None:
    """AddPermission: a statement named by its label."""
    label, accounts, actions = request["Label"], request["AWSAccountId"], request["ActionName"]
    if any(action not in _ACTIONS for action in actions):
        raise invalid("Policy statement action out of service scope!")
    with call.write() as tx:
        scope, topic = get(tx, call, request["TopicArn"])
        policy = json.loads(topic.attributes.get("Policy") or default_policy(scope, topic.name))
        if any(statement.get("Sid") == label for statement in policy["Statement"]):
            raise invalid("Statement already exists")
        principals = [f"arn:aws:iam::{account}:root" for account in accounts]
        names = [f"SNS:{action}" for action in actions]
        policy["Statement"].append(
            {
                "Sid": label,
                "Effect": "Allow",
                "Principal": {"AWS": principals[0] if len(principals) == 1 else principals},
                "Action": names[0] if len(names) == 1 else names,
                "Resource": request["TopicArn"],
            }
        )
        topic.attributes = {**topic.attributes, "Policy": json.dumps(policy, separators=(",", ":"))}
        TOPICS.put(tx, scope, topic)


@operation(resource=by_topic)
def remove_permission(call: Call, request: Mapping[str, Any]) -> None:
    """RemovePermission. A label that isn't there is no error."""
    with call.write() as tx:
        scope, topic = get(tx, call, request["TopicArn"])
        policy = json.loads(topic.attributes.get("Policy") or default_policy(scope, topic.name))
        policy["Statement"] = [s for s in policy["Statement"] if s.get("Sid") != request["Label"]]
        topic.attributes = {**topic.attributes, "Policy": json.dumps(policy, separators=(",", ":"))}
        TOPICS.put(tx, scope, topic)


def guard(call: Call, request: Mapping[str, Any]) -> Guard | None:
    """The topic's owner and its policy."""
    arn = request.get("TopicArn") or request.get("TargetArn") or request.get("ResourceArn")
    if not arn and (subscription := request.get("SubscriptionArn")):
        arn = subscription.rpartition(":")[0]
    if not arn:
        return None
    try:
        scope, name = locate(arn)
    except AwsError:
        return None
    with call.read() as tx:
        topic = TOPICS.get(tx, scope, name)
    if topic is None:
        return None
    return Guard(scope.account, topic.attributes.get("Policy") or default_policy(scope, name))
