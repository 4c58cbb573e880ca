"""Notification configurations: which SNS topics hear of which of a group's activities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.autoscaling import notices
from haneul.services.autoscaling.errors import errors, invalid
from haneul.services.autoscaling.listing import page
from haneul.services.autoscaling.names import by_group, group_of
from haneul.services.autoscaling.neighbours import ask
from haneul.services.autoscaling.state import SUBSCRIPTIONS, Subscription
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

LIMIT = 10
TYPES = (notices.LAUNCH, notices.LAUNCH_ERROR, notices.TERMINATE, notices.TERMINATE_ERROR, notices.TEST)


@operation(resource=by_group)
async def put_notification_configuration(call: Call, request: Mapping[str, Any]) -> None:
    """PutNotificationConfiguration: what the topic heard of before is replaced; it gets a test. Raises LimitExceeded,
    ValidationError."""
    types, topic = list(dict.fromkeys(request["NotificationTypes"])), request["TopicARN"]
    wrong = [one for one in types if one not in TYPES]
    if wrong or not types:
        raise invalid(f'"{", ".join(wrong)}" is not a valid Notification Type. Valid values are {list(TYPES)}.')
    try:
        await ask(call, "sns", "GetTopicAttributes", {"TopicArn": topic})
    except AwsError as error:
        if error.status >= 500:
            raise
        raise invalid(f"Unable to publish test notification to topic {topic}. {error.message}") from None

    def put(tx: Writer) -> None:
        group = group_of(tx, call.scope, request["AutoScalingGroupName"])
        held = [one.topic for one in SUBSCRIPTIONS.scan(tx, call.scope, group.name)]
        if topic not in held and len(held) >= LIMIT:
            raise errors.LimitExceeded(f"The maximum number of topics of an Auto Scaling group is {LIMIT}.")
        SUBSCRIPTIONS.put(tx, call.scope, Subscription(group=group.name, topic=topic, types=types))
        notices.test(tx, call.scope, group, call.now(), topic)

    await call.transact(put)


@operation()
def describe_notification_configurations(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeNotificationConfigurations: one for each topic and type."""
    wanted = {one.rpartition("autoScalingGroupName/")[2] or one for one in request.get("AutoScalingGroupNames") or ()}
    with call.read() as tx:
        rows = [
            {"AutoScalingGroupName": row.group, "TopicARN": row.topic, "NotificationType": kind}
            for row in SUBSCRIPTIONS.scan(tx, call.scope)
            if not wanted or row.group in wanted
            for kind in row.types
        ]
    return page(request, "NotificationConfigurations", rows, lambda row: row)


@operation(resource=by_group)
def delete_notification_configuration(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteNotificationConfiguration. Raises ValidationError."""
    with call.write() as tx:
        group = group_of(tx, call.scope, request["AutoScalingGroupName"], dying=True)
        if SUBSCRIPTIONS.get(tx, call.scope, group.name, request["TopicARN"]) is None:
            raise invalid(f"Notification configuration not found - {request['TopicARN']} not found")
        SUBSCRIPTIONS.delete(tx, call.scope, group.name, request["TopicARN"])


@operation()
def describe_auto_scaling_notification_types(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeAutoScalingNotificationTypes."""
    return {"AutoScalingNotificationTypes": list(TYPES)}
