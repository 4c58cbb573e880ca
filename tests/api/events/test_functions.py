"""Whoever calls Lambda, through boto3: topics, rules, schedules, pipes, log groups and alarms reach a real function."""

from __future__ import annotations

import base64
import gzip
import io
import json
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

ROLE = "arn:aws:iam::000000000000:role/worker"
CODE = """
import boto3, json, os
def handler(event, context):
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName=os.environ["HEARD"])["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event))
    return {"heard": True}
"""
CALLERS = ("sns", "events", "logs", "lambda.alarms.cloudwatch")


@pytest.fixture(scope="module")
def heard(client) -> Iterator[tuple[str, Callable[[Callable[[Any], Any]], Any]]]:
    """A function that tells what it got, and a way to wait for something that it got."""
    functions, sqs, name = client("lambda"), client("sqs"), f"heard-{uuid.uuid4().hex[:8]}"
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("index.py", CODE)
    arn = functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=ROLE,
        Handler="index.handler",
        Timeout=30,
        Code={"ZipFile": data.getvalue()},
        Environment={"Variables": {"HEARD": name}},
    )["FunctionArn"]
    for caller in CALLERS:
        functions.add_permission(
            FunctionName=name,
            StatementId=caller.replace(".", "-"),
            Action="lambda:InvokeFunction",
            Principal=f"{caller}.amazonaws.com",
        )

    def wait(chosen: Callable[[Any], Any]) -> Any:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2).get("Messages", []):
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                event = json.loads(message["Body"])
                if found := chosen(event):
                    return found
        raise AssertionError("the function was never told")

    yield arn, wait
    functions.delete_function(FunctionName=name)
    sqs.delete_queue(QueueUrl=url)


def test_topic(client, heard, unique) -> None:
    """A notification arrives as a record of SNS."""
    sns = client("sns")
    topic = sns.create_topic(Name=unique("t"))["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=heard[0])
    sns.publish(TopicArn=topic, Message="hello", MessageAttributes={"a": {"DataType": "String", "StringValue": "b"}})
    record = heard[1](lambda event: "Records" in event and event["Records"][0])
    assert (record["EventSource"], record["Sns"]["TopicArn"], record["Sns"]["Message"]) == ("aws:sns", topic, "hello")
    assert record["Sns"]["MessageAttributes"] == {"a": {"Type": "String", "Value": "b"}}
    sns.delete_topic(TopicArn=topic)


def test_rule(client, heard, unique) -> None:
    """A matched event arrives whole."""
    events, source = client("events"), unique("source")
    rule = unique("r")
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": heard[0]}])
    events.put_events(Entries=[{"Source": source, "DetailType": "d", "Detail": '{"k": 1}'}])
    event = heard[1](lambda event: event.get("source") == source and event)
    assert (event["detail-type"], event["detail"]) == ("d", {"k": 1})
    events.remove_targets(Rule=rule, Ids=["1"])
    events.delete_rule(Name=rule)


def test_schedule(client, heard, unique) -> None:
    """A schedule's input arrives as it was given."""
    name = unique("s")
    client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression=f"at({datetime.now(UTC) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={"Arn": heard[0], "RoleArn": ROLE, "Input": json.dumps({"schedule": name})},
    )
    assert heard[1](lambda event: event.get("schedule") == name)


def test_pipe(client, heard, unique) -> None:
    """Records are enriched by a function, and its answer goes to the target."""
    sqs, pipes, name = client("sqs"), client("pipes"), unique("p")
    source = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=source, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    out = sqs.create_queue(QueueName=f"{name}-out")["QueueUrl"]
    pipes.create_pipe(Name=name, RoleArn=ROLE, Source=arn, Enrichment=heard[0], Target=f"{arn}-out")
    sqs.send_message(QueueUrl=source, MessageBody="through")
    record = heard[1](lambda event: isinstance(event, list) and event[0])
    assert (record["body"], record["eventSource"], record["eventSourceARN"]) == ("through", "aws:sqs", arn)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if found := sqs.receive_message(QueueUrl=out, WaitTimeSeconds=2).get("Messages"):
            assert json.loads(found[0]["Body"]) == {"heard": True}
            break
    else:
        raise AssertionError("the pipe's target was never told")
    pipes.delete_pipe(Name=name)


def test_log_group(client, heard, unique) -> None:
    """A subscriber gets what was logged, packed as CloudWatch Logs packs it."""
    logs, group = client("logs"), unique("g")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    logs.put_subscription_filter(logGroupName=group, filterName="f", filterPattern="x", destinationArn=heard[0])
    now = int(time.time() * 1000)
    told = [{"timestamp": now, "message": "x one"}, {"timestamp": now, "message": "y two"}]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=told)
    data = heard[1](lambda event: "awslogs" in event and event["awslogs"]["data"])
    batch = json.loads(gzip.decompress(base64.b64decode(data)))
    assert (batch["logGroup"], [event["message"] for event in batch["logEvents"]]) == (group, ["x one"])
    logs.delete_log_group(logGroupName=group)


def test_alarm(client, heard, unique) -> None:
    """An alarm's action tells the function about the new state."""
    cloudwatch, name = client("cloudwatch"), unique("a")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="n",
        MetricName="m",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        Statistic="Sum",
        AlarmActions=[heard[0]],
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="because")
    event = heard[1](lambda event: event.get("source") == "aws.cloudwatch" and event)
    assert (event["alarmData"]["alarmName"], event["alarmData"]["state"]["value"]) == (name, "ALARM")
    cloudwatch.delete_alarms(AlarmNames=[name])
