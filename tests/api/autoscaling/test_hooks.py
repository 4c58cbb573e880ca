"""Lifecycle hooks: instances wait, those who act are told, and whoever doesn't answer has a default."""

from __future__ import annotations

import json

import pytest

from tests.api.autoscaling.conftest import refusal
from tests.api.ec2.waiting import instance, until

LAUNCH, TERMINATE = "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"


def messages(sqs, url: str, wanted: int) -> list[dict]:
    """The JSON of so many messages."""
    found: list[dict] = []

    def look() -> bool:
        for one in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            found.append(json.loads(one["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return len(found) >= wanted

    until(look)
    return found


@pytest.fixture
def queue(aws):
    """A queue: its URL and its ARN."""
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName="hooks")["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def test_a_launch_waits_for_its_action(groups, asg, aws, queue):
    """Told by message with a token; CONTINUE brings it into service."""
    url, arn = queue
    name = groups.make(0)
    given = {"AutoScalingGroupName": name, "LifecycleHookName": "prepare"}
    asg.put_lifecycle_hook(
        **given,
        LifecycleTransition=LAUNCH,
        HeartbeatTimeout=7200,
        NotificationTargetARN=arn,
        RoleARN="arn:aws:iam::000000000000:role/hooks",
        NotificationMetadata="meta",
    )
    (test,) = messages(aws("sqs"), url, 1)
    assert test["Event"] == "autoscaling:TEST_NOTIFICATION" and test["AutoScalingGroupName"] == name
    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=1)
    (row,) = until(lambda: groups.instances(name, "Pending:Wait"))
    (told,) = messages(aws("sqs"), url, 1)
    assert told["EC2InstanceId"] == row["InstanceId"] and told["LifecycleTransition"] == LAUNCH
    assert told["NotificationMetadata"] == "meta" and told["Destination"] == "AutoScalingGroup"
    asg.record_lifecycle_action_heartbeat(**given, LifecycleActionToken=told["LifecycleActionToken"])
    asg.complete_lifecycle_action(
        **given, LifecycleActionToken=told["LifecycleActionToken"], LifecycleActionResult="CONTINUE"
    )
    groups.settled(name, 1)
    again = {**given, "InstanceId": row["InstanceId"], "LifecycleActionResult": "CONTINUE"}
    assert refusal(asg.complete_lifecycle_action, **again) == (
        "ValidationError",
        f"No active Lifecycle Action found with instance ID {row['InstanceId']}",
    )
    (hook,) = asg.describe_lifecycle_hooks(AutoScalingGroupName=name)["LifecycleHooks"]
    assert hook["GlobalTimeout"] == 172800 and hook["DefaultResult"] == "ABANDON"


def test_an_abandoned_launch_is_replaced(groups, asg, ec2):
    """The instance ends, another one is launched."""
    name = groups.make(0)
    given = {"AutoScalingGroupName": name, "LifecycleHookName": "prepare"}
    asg.put_lifecycle_hook(**given, LifecycleTransition=LAUNCH)
    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=1)
    (first,) = until(lambda: groups.instances(name, "Pending:Wait"))
    asg.complete_lifecycle_action(**given, InstanceId=first["InstanceId"], LifecycleActionResult="ABANDON")
    second = until(lambda: [one for one in groups.instances(name, "Pending:Wait")
                            if one["InstanceId"] != first["InstanceId"]])[0]  # fmt: skip
    until(lambda: instance(ec2, first["InstanceId"])["State"]["Name"] == "terminated")
    assert any(one["StatusCode"] == "Failed" and "was abandoned" in one["StatusMessage"]
               for one in groups.activities(name))  # fmt: skip
    asg.delete_lifecycle_hook(**given)  # which abandons the one that waits
    until(lambda: instance(ec2, second["InstanceId"])["State"]["Name"] == "terminated")
    groups.settled(name, 1)


def test_a_termination_waits(groups, asg, ec2):
    """The instance runs until its action is completed."""
    given = {"LifecycleHookName": "drain", "LifecycleTransition": TERMINATE}
    name = groups.made(1, LifecycleHookSpecificationList=[given])
    (row,) = groups.instances(name)
    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=0)
    until(lambda: groups.instances(name, "Terminating:Wait"))
    assert instance(ec2, row["InstanceId"])["State"]["Name"] == "running"
    done = {"AutoScalingGroupName": name, "LifecycleHookName": "drain", "InstanceId": row["InstanceId"]}
    asg.record_lifecycle_action_heartbeat(**done)
    asg.complete_lifecycle_action(**done, LifecycleActionResult="CONTINUE")
    groups.settled(name, 0)
    assert instance(ec2, row["InstanceId"])["State"]["Name"] == "terminated"


def test_a_termination_times_out(groups, asg, aws, queue):
    """Nobody answers: after the heartbeat timeout the default goes on; EventBridge has told of it."""
    url, arn = queue
    events = aws("events")
    pattern = {"source": ["aws.autoscaling"], "detail-type": ["EC2 Instance-terminate Lifecycle Action"]}
    events.put_rule(Name="lifecycle", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="lifecycle", Targets=[{"Id": "q", "Arn": arn}])
    hook = {"LifecycleHookName": "drain", "LifecycleTransition": TERMINATE, "HeartbeatTimeout": 30}
    name = groups.made(1, LifecycleHookSpecificationList=[hook])
    (row,) = groups.instances(name)
    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=0)
    (told,) = messages(aws("sqs"), url, 1)
    assert told["detail"]["EC2InstanceId"] == row["InstanceId"] and told["detail"]["Destination"] == "EC2"
    groups.settled(name, 0)


def test_what_hooks_refuse(groups, asg):
    """Transitions, timeouts and results have their bounds."""
    name = groups.make(0)
    given = {"AutoScalingGroupName": name, "LifecycleHookName": "h"}
    assert refusal(asg.put_lifecycle_hook, **given)[0] == "ValidationError"
    assert refusal(asg.put_lifecycle_hook, **given, LifecycleTransition="x")[0] == "ValidationError"
    assert refusal(asg.put_lifecycle_hook, **given, LifecycleTransition=LAUNCH, HeartbeatTimeout=10)[0] == (
        "ValidationError"
    )
    assert refusal(asg.delete_lifecycle_hook, **given)[0] == "ValidationError"
    asg.put_lifecycle_hook(**given, LifecycleTransition=LAUNCH)
    done = {**given, "InstanceId": "i-0123456789abcdef0", "LifecycleActionResult": "CONTINUE"}
    assert refusal(asg.complete_lifecycle_action, **done) == (
        "ValidationError",
        "Instance Id not found - No managed instance found for instance ID: i-0123456789abcdef0",
    )
    token = {**given, "LifecycleActionToken": "0" * 36, "LifecycleActionResult": "CONTINUE"}
    assert refusal(asg.complete_lifecycle_action, **token)[1] == (
        f"No active Lifecycle Action found with token {'0' * 36}"
    )
    assert asg.describe_lifecycle_hook_types()["LifecycleHookTypes"] == [LAUNCH, TERMINATE]


def test_an_abandoned_end_is_retained(groups, asg, ec2):
    """With a retention trigger, an instance whose end is abandoned stays until it is terminated by hand."""
    hook = {"LifecycleHookName": "drain", "LifecycleTransition": TERMINATE}
    retained = {"RetentionTriggers": {"TerminateHookAbandon": "retain"}}
    name = groups.made(1, LifecycleHookSpecificationList=[hook], InstanceLifecyclePolicy=retained)
    (row,) = groups.instances(name)
    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=0)
    until(lambda: groups.instances(name, "Terminating:Wait"))
    given = {"AutoScalingGroupName": name, "LifecycleHookName": "drain", "InstanceId": row["InstanceId"]}
    asg.complete_lifecycle_action(**given, LifecycleActionResult="ABANDON")
    until(lambda: groups.instances(name, "Terminating:Retained"))
    assert instance(ec2, row["InstanceId"])["State"]["Name"] == "running"
    asg.terminate_instance_in_auto_scaling_group(InstanceId=row["InstanceId"], ShouldDecrementDesiredCapacity=False)
    groups.settled(name, 0)
    assert instance(ec2, row["InstanceId"])["State"]["Name"] == "terminated"
