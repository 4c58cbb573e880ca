"""What happens to groups, told to EventBridge, to SNS topics that subscribed, and to the targets of lifecycle hooks."""

from __future__ import annotations

from typing import Any

import orjson

from haneul import events
from haneul.events import targets
from haneul.kit import tokens
from haneul.kit.instants import iso8601
from haneul.service import Call, Scope
from haneul.services.autoscaling.names import group_arn
from haneul.services.autoscaling.neighbours import ask
from haneul.services.autoscaling.state import SUBSCRIPTIONS, Action, Activity, Group, Hook, Member
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

TOPIC = "autoscaling.event"
LAUNCH, LAUNCH_ERROR = "autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_LAUNCH_ERROR"
TERMINATE, TERMINATE_ERROR = "autoscaling:EC2_INSTANCE_TERMINATE", "autoscaling:EC2_INSTANCE_TERMINATE_ERROR"
TEST = "autoscaling:TEST_NOTIFICATION"
LAUNCHING, TERMINATING = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"
_BUS = {
    LAUNCH: "EC2 Instance Launch Successful",
    LAUNCH_ERROR: "EC2 Instance Launch Unsuccessful",
    TERMINATE: "EC2 Instance Terminate Successful",
    TERMINATE_ERROR: "EC2 Instance Terminate Unsuccessful",
}
_SUBJECTS = {
    LAUNCH: "Auto Scaling: launch for group",
    LAUNCH_ERROR: "Auto Scaling: failed launch for group",
    TERMINATE: "Auto Scaling: termination for group",
    TERMINATE_ERROR: "Auto Scaling: failed termination for group",
    TEST: "Auto Scaling: test notification for group",
}


def _instance_arn(scope: Scope, identifier: str) -> str:
    return f"arn:aws:ec2:{scope.region}:{scope.account}:instance/{identifier}"


def tell(tx: Writer, scope: Scope, group: Group, member: Member, activity: Activity, event: str) -> None:
    """An activity has come to its end."""
    detail: dict[str, Any] = {
        "ActivityId": activity.id,
        "RequestId": activity.id,
        "AutoScalingGroupName": group.name,
        "Cause": activity.cause,
        "Description": activity.description,
        "Details": activity.details,
        "EC2InstanceId": member.instance,
        "EndTime": iso8601(activity.ended),
        "StartTime": iso8601(activity.started),
        "StatusCode": "Failed" if event.endswith("_ERROR") else "InProgress",
        "StatusMessage": activity.message,
    }
    resources = [group_arn(scope, group)] + ([_instance_arn(scope, member.instance)] if member.instance else [])
    told = {
        "AccountId": scope.account,
        "AutoScalingGroupARN": group_arn(scope, group),
        "Event": event,
        "Progress": 50,
        "Service": "AWS Auto Scaling",
        "Time": iso8601(activity.ended),
        **detail,
    }
    origin, destination = ("EC2", "AutoScalingGroup") if "LAUNCH" in event else ("AutoScalingGroup", "EC2")
    bus = {"type": _BUS[event], "resources": resources, "detail": {**detail, "Origin": origin,
           "Destination": destination}}  # fmt: skip
    topics = [one.topic for one in SUBSCRIPTIONS.scan(tx, scope, group.name) if event in one.types]
    events.publish(tx, TOPIC, scope, {"bus": bus, "topics": topics, "subject": _subject(event, group), "told": told})


def tell_bus(tx: Writer, scope: Scope, group: Group, kind: str, detail: dict[str, Any]) -> None:
    """Something else that EventBridge hears of."""
    bus = {"type": kind, "resources": [group_arn(scope, group)], "detail": detail}
    events.publish(tx, TOPIC, scope, {"bus": bus})


def _subject(event: str, group: Group) -> str:
    return f'{_SUBJECTS[event]} "{group.name}"'


def test(tx: Writer, scope: Scope, group: Group, now: float, target: str) -> None:
    """The notification by which a new target learns that it is one."""
    told = {
        "AccountId": scope.account,
        "RequestId": tokens.uuid(),
        "AutoScalingGroupARN": group_arn(scope, group),
        "AutoScalingGroupName": group.name,
        "Service": "AWS Auto Scaling",
        "Event": TEST,
        "Time": iso8601(now),
    }
    events.publish(tx, TOPIC, scope, {"topics": [target], "subject": _subject(TEST, group), "told": told})


def ask_for_action(
    tx: Writer, scope: Scope, group: Group, member: Member, hook: Hook, action: Action, now: float
) -> None:
    """An instance waits: whoever is to act on it hears of it."""
    launching = hook.transition == LAUNCHING
    pool = "WarmPool" if member.warm or member.reused else "AutoScalingGroup"
    origin, destination = ("EC2", pool) if launching else (pool, "WarmPool" if member.reused else "EC2")
    detail = {
        "LifecycleActionToken": action.token,
        "AutoScalingGroupName": group.name,
        "LifecycleHookName": hook.name,
        "EC2InstanceId": member.instance,
        "LifecycleTransition": hook.transition,
        "Origin": origin,
        "Destination": destination,
    } | ({"NotificationMetadata": hook.metadata} if hook.metadata else {})
    kind = f"EC2 Instance-{'launch' if launching else 'terminate'} Lifecycle Action"
    told = {
        **detail,
        "AccountId": scope.account,
        "RequestId": tokens.uuid(),
        "Service": "AWS Auto Scaling",
        "Time": iso8601(now),
    }
    subject = f"Auto Scaling:  Lifecycle action '{'LAUNCHING' if launching else 'TERMINATING'}' for instance "
    event: dict[str, Any] = {
        "bus": {"type": kind, "resources": [group_arn(scope, group)], "detail": detail},
        "topics": [hook.target] if hook.target else [],
        "subject": f"{subject}{member.instance} in progress.",
        "told": told,
    }
    events.publish(tx, TOPIC, scope, event)


async def forward(call: Call, event: Any) -> None:
    """Hand an event on. A target that is gone hears nothing; one that fails for the moment is tried again."""
    told = event.detail
    if "bus" in told:
        bus = told["bus"]
        entry = {
            "Source": "aws.autoscaling",
            "DetailType": bus["type"],
            "Resources": bus["resources"],
            "Detail": orjson.dumps(bus["detail"]).decode(),
        }
        await _hand(call, "events", "PutEvents", {"Entries": [entry]})
    for topic in told.get("topics") or ():
        text = orjson.dumps(told["told"]).decode()
        if topic.split(":")[2:3] == ["sqs"]:
            await _hand(call, "sqs", "SendMessage", {"QueueUrl": targets.queue_url(topic), "MessageBody": text})
        else:
            await _hand(call, "sns", "Publish", {"TopicArn": topic, "Subject": told["subject"][:100], "Message": text})


async def _hand(call: Call, service: str, operation: str, request: dict[str, Any]) -> None:
    try:
        await ask(call, service, operation, request)
    except AwsError as error:
        if error.status >= 500 and error.status != 501:
            raise
