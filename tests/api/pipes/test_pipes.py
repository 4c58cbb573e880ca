"""Pipes through boto3: what goes in at the source comes out at the target."""

from __future__ import annotations

import json
import time

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/x"


@pytest.fixture
def pipes(client):
    return client("pipes")


@pytest.fixture
def queue(client, unique):
    sqs = client("sqs")
    urls = []

    def make() -> tuple[str, str]:
        url = sqs.create_queue(QueueName=unique("q"))["QueueUrl"]
        urls.append(url)
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    yield make
    for url in urls:
        sqs.delete_queue(QueueUrl=url)


def until(pipes, name: str, state: str | None) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            if pipes.describe_pipe(Name=name)["CurrentState"] == state:
                return
        except ClientError:
            if state is None:
                return
        time.sleep(0.05)
    raise AssertionError(f"{name} never came to {state}")


def test_from_queue_to_queue(pipes, queue, client, unique) -> None:
    """Filtered, shaped by a template, and gone from the source."""
    sqs = client("sqs")
    (source, source_arn), (target, target_arn) = queue(), queue()
    name = unique("p")
    made = pipes.create_pipe(
        Name=name,
        Source=source_arn,
        Target=target_arn,
        RoleArn=ROLE,
        Tags={"a": "1"},
        SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": json.dumps({"body": {"kind": ["x"]}})}]}},
        TargetParameters={"InputTemplate": '{"got": <$.body.value>, "from": "<aws.pipes.pipe-name>"}'},
    )
    assert made["CurrentState"] == "CREATING"
    until(pipes, name, "RUNNING")
    for kind, value in (("x", 1), ("y", 2)):
        sqs.send_message(QueueUrl=source, MessageBody=json.dumps({"kind": kind, "value": value}))
    message = sqs.receive_message(QueueUrl=target, WaitTimeSeconds=10)["Messages"][0]
    assert json.loads(message["Body"]) == {"got": 1, "from": name}
    end = time.monotonic() + 5
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    while set(sqs.get_queue_attributes(QueueUrl=source, AttributeNames=names)["Attributes"].values()) != {"0"}:
        assert time.monotonic() < end
        time.sleep(0.05)
    pipes.stop_pipe(Name=name)
    until(pipes, name, "STOPPED")
    described = pipes.describe_pipe(Name=name)
    assert (described["Source"], described["Tags"]) == (source_arn, {"a": "1"})
    pipes.delete_pipe(Name=name)
    until(pipes, name, None)


def test_from_a_table_to_a_bus(pipes, queue, client, unique) -> None:
    """A table's changes become events, and a rule brings them on."""
    dynamodb, events, sqs = client("dynamodb"), client("events"), client("sqs")
    table, name = unique("t"), unique("p")
    made = dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
    url, arn = queue()
    bus = events.create_event_bus(Name=unique("bus"))["EventBusArn"]
    bus_name = bus.rpartition("/")[2]
    events.put_rule(Name="r", EventBusName=bus_name, EventPattern='{"source": ["my.table"]}')
    events.put_targets(Rule="r", EventBusName=bus_name, Targets=[{"Id": "1", "Arn": arn, "InputPath": "$.detail"}])
    pipes.create_pipe(
        Name=name,
        Source=made["LatestStreamArn"],
        Target=bus,
        RoleArn=ROLE,
        SourceParameters={"DynamoDBStreamParameters": {"StartingPosition": "TRIM_HORIZON"}},
        TargetParameters={"EventBridgeEventBusParameters": {"Source": "my.table", "DetailType": "change"}},
    )
    until(pipes, name, "RUNNING")
    dynamodb.put_item(TableName=table, Item={"k": {"S": "one"}})
    message = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"][0]
    record = json.loads(message["Body"])
    assert (record["eventName"], record["dynamodb"]["NewImage"]) == ("INSERT", {"k": {"S": "one"}})
    pipes.delete_pipe(Name=name)
    until(pipes, name, None)
    dynamodb.delete_table(TableName=table)


def test_what_is_refused(pipes, queue, unique) -> None:
    """Names that are taken or unknown, filters that can't be."""
    (_, source), (_, target) = queue(), queue()
    name = unique("p")
    given = {"Name": name, "Source": source, "Target": target, "RoleArn": ROLE, "DesiredState": "STOPPED"}
    pipes.create_pipe(**given)
    with pytest.raises(pipes.exceptions.ConflictException):
        pipes.create_pipe(**given)
    with pytest.raises(pipes.exceptions.NotFoundException):
        pipes.describe_pipe(Name="nowhere")
    wrong = {"FilterCriteria": {"Filters": [{"Pattern": '{"a": "b"}'}]}}
    with pytest.raises(pipes.exceptions.ValidationException):
        pipes.create_pipe(**{**given, "Name": name + "x"}, SourceParameters=wrong)
    assert name in [pipe["Name"] for pipe in pipes.list_pipes(NamePrefix=name)["Pipes"]]
    pipes.delete_pipe(Name=name)


def test_from_a_table_stream(pipes, queue, client, unique) -> None:
    """Changes of a table from the stream's start, those the filter wants, in the order of each key."""
    dynamodb, sqs, name = client("dynamodb"), client("sqs"), unique("table")
    (target, target_arn) = queue()
    stream = dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]["LatestStreamArn"]
    dynamodb.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
    dynamodb.put_item(TableName=name, Item={"k": {"S": "a"}, "n": {"N": "1"}})
    pipes.create_pipe(
        Name=name,
        RoleArn=ROLE,
        Source=stream,
        SourceParameters={
            "DynamoDBStreamParameters": {"StartingPosition": "TRIM_HORIZON"},
            "FilterCriteria": {"Filters": [{"Pattern": json.dumps({"eventName": ["INSERT", "REMOVE"]})}]},
        },
        Target=target_arn,
    )
    dynamodb.put_item(TableName=name, Item={"k": {"S": "a"}, "n": {"N": "2"}})
    dynamodb.delete_item(TableName=name, Key={"k": {"S": "a"}})
    seen: list[dict] = []
    end = time.monotonic() + 20
    while len(seen) < 2 and time.monotonic() < end:
        got = sqs.receive_message(QueueUrl=target, WaitTimeSeconds=2, MaxNumberOfMessages=10)
        seen += [json.loads(message["Body"]) for message in got.get("Messages", [])]
    assert [record["eventName"] for record in seen] == ["INSERT", "REMOVE"]
    assert seen[1]["dynamodb"]["OldImage"] == {"k": {"S": "a"}, "n": {"N": "2"}}
    assert {(record["eventSource"], record["eventSourceARN"]) for record in seen} == {("aws:dynamodb", stream)}
    pipes.delete_pipe(Name=name)
    until(pipes, name, None)
    dynamodb.delete_table(TableName=name)
