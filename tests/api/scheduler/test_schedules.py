"""Schedules through boto3: they are described as they were put, and they fire."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/x"


@pytest.fixture
def scheduler(client):
    return client("scheduler")


@pytest.fixture
def queue(client, unique):
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=unique("q"))["QueueUrl"]
    yield url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.delete_queue(QueueUrl=url)


def failed(call, **kwargs) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**kwargs)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def soon(seconds: float = 1.0) -> str:
    return f"at({datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S})"


def test_schedules_are_described(scheduler, queue, unique) -> None:
    """Defaults, updates, lists, and what is refused."""
    name, group = unique("s"), unique("g")
    scheduler.create_schedule_group(Name=group, Tags=[{"Key": "a", "Value": "1"}])
    given = {
        "Name": name,
        "GroupName": group,
        "ScheduleExpression": "rate(5 minutes)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {"Arn": queue[1], "RoleArn": ROLE},
    }
    arn = scheduler.create_schedule(**given)["ScheduleArn"]
    assert arn == f"arn:aws:scheduler:us-east-1:000000000000:schedule/{group}/{name}"
    got = scheduler.get_schedule(Name=name, GroupName=group)
    assert (got["State"], got["ScheduleExpressionTimezone"], got["ActionAfterCompletion"]) == ("ENABLED", "UTC", "NONE")
    assert got["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    assert failed(scheduler.create_schedule, **given) == ("ConflictException", f"Schedule {name} already exists.")
    scheduler.update_schedule(**{**given, "State": "DISABLED"})
    assert scheduler.list_schedules(GroupName=group, State="DISABLED")["Schedules"][0]["Target"] == {"Arn": queue[1]}
    assert failed(scheduler.create_schedule, **{**given, "ScheduleExpression": "rate(10 fortnights)"}) == (
        "ValidationException",
        "Invalid Schedule Expression rate(10 fortnights).",
    )
    assert failed(scheduler.get_schedule, Name="nowhere") == (
        "ResourceNotFoundException",
        "Schedule nowhere does not exist.",
    )
    group_arn = scheduler.get_schedule_group(Name=group)["Arn"]
    assert scheduler.list_tags_for_resource(ResourceArn=group_arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    scheduler.delete_schedule_group(Name=group)
    assert failed(scheduler.get_schedule_group, Name=group)[0] == "ResourceNotFoundException"
    assert "default" in [row["Name"] for row in scheduler.list_schedule_groups()["ScheduleGroups"]]


def test_once_and_gone(scheduler, queue, unique, client) -> None:
    """A schedule for one moment fires then, and deletes itself when asked to."""
    name = unique("s")
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression=soon(),
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={
            "Arn": queue[1],
            "RoleArn": ROLE,
            "Input": '{"from": "<aws.scheduler.schedule-arn>", "n": <aws.scheduler.attempt-number>}',
        },
    )
    message = client("sqs").receive_message(QueueUrl=queue[0], WaitTimeSeconds=10)["Messages"][0]
    assert json.loads(message["Body"]) == {
        "from": f"arn:aws:scheduler:us-east-1:000000000000:schedule/default/{name}",
        "n": 1,
    }
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            scheduler.get_schedule(Name=name)
        except ClientError:
            return
        time.sleep(0.05)
    raise AssertionError("the schedule is still there")


def test_universal_targets_and_dead_letters(scheduler, queue, unique, client) -> None:
    """Any operation can be a target; what fails is buried with its reason."""
    sqs = client("sqs")
    name = unique("made")
    scheduler.create_schedule(
        Name=unique("s"),
        ScheduleExpression=soon(),
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": "arn:aws:scheduler:::aws-sdk:sqs:createQueue",
            "RoleArn": ROLE,
            "Input": json.dumps({"QueueName": name}),
        },
    )
    scheduler.create_schedule(
        Name=unique("s"),
        ScheduleExpression=soon(),
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": queue[1] + "-none", "RoleArn": ROLE, "Input": "{}", "DeadLetterConfig": {"Arn": queue[1]}},
    )
    message = sqs.receive_message(QueueUrl=queue[0], WaitTimeSeconds=10, MessageAttributeNames=["All"])["Messages"][0]
    assert message["MessageAttributes"]["TARGET_ARN"]["StringValue"] == queue[1] + "-none"
    end = time.monotonic() + 10
    while name not in str(sqs.list_queues(QueueNamePrefix=name)):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_start_long_gone_is_refused(scheduler, queue, unique) -> None:
    """AWS takes a start of up to five minutes ago."""
    told = failed(
        scheduler.create_schedule,
        Name=unique("old"),
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow={"Mode": "OFF"},
        StartDate=datetime.now(UTC) - timedelta(minutes=6),
        Target={"Arn": queue[1], "RoleArn": ROLE},
    )
    assert told == ("ValidationException", "The StartDate you specify cannot be earlier than 5 minutes ago.")


def test_a_moment_just_gone(scheduler, queue, unique, client) -> None:
    """Schedules fire within a minute of their moment, so a few seconds ago is not too late; yesterday is."""
    for name, seconds in (("gone", -86_400.0), ("late", -5.0)):
        scheduler.create_schedule(
            Name=unique(name),
            ScheduleExpression=soon(seconds),
            FlexibleTimeWindow={"Mode": "OFF"},
            StartDate=datetime.now(UTC) + timedelta(days=1),
            Target={"Arn": queue[1], "RoleArn": ROLE, "Input": name},
        )
    got = client("sqs").receive_message(QueueUrl=queue[0], WaitTimeSeconds=10)["Messages"]
    assert [message["Body"] for message in got] == ["late"]
