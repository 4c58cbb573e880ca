"""Notification configurations: topics hear of launches and ends, as AWS words them."""

from __future__ import annotations

import json

from tests.api.autoscaling.conftest import refusal
from tests.api.autoscaling.test_hooks import messages

LAUNCH, TERMINATE = "autoscaling:EC2_INSTANCE_LAUNCH", "autoscaling:EC2_INSTANCE_TERMINATE"


def test_topics_hear(groups, asg, aws):
    """A test first, then what happened; the bus hears it too."""
    sqs, sns, events = aws("sqs"), aws("sns"), aws("events")
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus = sqs.create_queue(QueueName="bus")["QueueUrl"]
    bus_arn = sqs.get_queue_attributes(QueueUrl=bus, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name="scaling")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    events.put_rule(Name="scaling", EventPattern=json.dumps({"source": ["aws.autoscaling"]}))
    events.put_targets(Rule="scaling", Targets=[{"Id": "q", "Arn": bus_arn}])
    name = groups.make(0)
    asg.put_notification_configuration(AutoScalingGroupName=name, TopicARN=topic, NotificationTypes=[LAUNCH, TERMINATE])
    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=1)
    (row,) = groups.settled(name, 1)
    asg.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=0)
    told = [json.loads(one["Message"]) for one in messages(sqs, url, 3)]
    assert sorted(one["Event"] for one in told) == sorted([LAUNCH, TERMINATE, "autoscaling:TEST_NOTIFICATION"])
    launch = next(one for one in told if one["Event"] == LAUNCH)
    assert launch["EC2InstanceId"] == row["InstanceId"] and launch["Service"] == "AWS Auto Scaling"
    assert launch["Description"] == f"Launching a new EC2 instance: {row['InstanceId']}"
    assert launch["Details"]["Availability Zone"] == row["AvailabilityZone"]
    kinds = {one["detail-type"]: one for one in messages(sqs, bus, 2)}
    assert set(kinds) == {"EC2 Instance Launch Successful", "EC2 Instance Terminate Successful"}
    assert kinds["EC2 Instance Launch Successful"]["detail"]["EC2InstanceId"] == row["InstanceId"]
    shown = asg.describe_notification_configurations(AutoScalingGroupNames=[name])["NotificationConfigurations"]
    assert sorted(one["NotificationType"] for one in shown) == sorted([LAUNCH, TERMINATE])
    asg.delete_notification_configuration(AutoScalingGroupName=name, TopicARN=topic)
    assert asg.describe_notification_configurations()["NotificationConfigurations"] == []
    gone = {"AutoScalingGroupName": name, "TopicARN": topic}
    assert refusal(asg.delete_notification_configuration, **gone)[0] == "ValidationError"
    absent = {**gone, "TopicARN": f"{topic}-absent", "NotificationTypes": [LAUNCH]}
    assert refusal(asg.put_notification_configuration, **absent)[0] == "ValidationError"
    assert refusal(asg.put_notification_configuration, **{**gone, "NotificationTypes": ["x"]})[0] == "ValidationError"
    assert LAUNCH in asg.describe_auto_scaling_notification_types()["AutoScalingNotificationTypes"]
