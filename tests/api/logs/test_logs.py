"""Logs through boto3: write, read, filter, count, query, follow, export."""

from __future__ import annotations

import gzip
import json
import threading
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


@pytest.fixture
def logs(client):
    return client("logs")


@pytest.fixture
def group(logs, unique):
    name = "/" + unique("g")
    logs.create_log_group(logGroupName=name, tags={"a": "1"})
    yield name
    logs.delete_log_group(logGroupName=name)


def failed(call, **kwargs) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**kwargs)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def write(logs, group: str, stream: str, messages: list[str], start: int | None = None) -> int:
    start = start or int(time.time() * 1000) - 10_000
    if not logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": start + at, "message": message} for at, message in enumerate(messages)],
    )
    return start


def test_groups_and_streams_live(logs, group) -> None:
    """What is described, and what is refused."""
    described = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    assert described["arn"] == f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*"
    assert described["logGroupArn"] == f"arn:aws:logs:us-east-1:000000000000:log-group:{group}"
    assert (described["storedBytes"], described["metricFilterCount"]) == (0, 0)
    assert failed(logs.create_log_group, logGroupName=group) == (
        "ResourceAlreadyExistsException",
        "The specified log group already exists",
    )
    assert failed(logs.delete_log_group, logGroupName="nowhere") == (
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["retentionInDays"] == 7
    assert failed(logs.put_retention_policy, logGroupName=group, retentionInDays=8)[0] == "InvalidParameterException"
    assert logs.list_tags_for_resource(resourceArn=described["logGroupArn"])["tags"] == {"a": "1"}
    write(logs, group, "s", ["x"])
    stream = logs.describe_log_streams(logGroupName=group)["logStreams"][0]
    assert stream["lastEventTimestamp"] == stream["firstEventTimestamp"]
    assert failed(
        logs.put_log_events, logGroupName=group, logStreamName="none", logEvents=[{"timestamp": 1, "message": "x"}]
    ) == ("ResourceNotFoundException", "The specified log stream does not exist.")


def test_tokens_go_on_for_ever(logs, group) -> None:
    """A follower keeps the forward token and sees each event once."""
    start = write(logs, group, "s", [f"m{number}" for number in range(5)])
    page = logs.get_log_events(logGroupName=group, logStreamName="s", startFromHead=True, limit=3)
    assert [event["message"] for event in page["events"]] == ["m0", "m1", "m2"]
    following = {"logGroupName": group, "logStreamName": "s", "limit": 3}
    page = logs.get_log_events(**following, nextToken=page["nextForwardToken"])
    assert [event["message"] for event in page["events"]] == ["m3", "m4"]
    end = logs.get_log_events(**following, nextToken=page["nextForwardToken"])
    assert (end["events"], end["nextForwardToken"]) == ([], page["nextForwardToken"])
    write(logs, group, "s", ["m5"], start + 100)
    assert [e["message"] for e in logs.get_log_events(**following, nextToken=end["nextForwardToken"])["events"]] == [
        "m5"
    ]
    newest = logs.get_log_events(**following)
    assert [event["message"] for event in newest["events"]] == ["m3", "m4", "m5"]
    before = logs.get_log_events(**following, nextToken=newest["nextBackwardToken"])
    assert [event["message"] for event in before["events"]] == ["m0", "m1", "m2"]


def test_events_are_sifted(logs, group) -> None:
    """Too old, too new, out of order."""
    now = int(time.time() * 1000)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    answer = logs.put_log_events(
        logGroupName=group,
        logStreamName="s",
        logEvents=[{"timestamp": now, "message": "ok"}, {"timestamp": now + 3 * 3_600_000, "message": "new"}],
    )
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    assert failed(
        logs.put_log_events,
        logGroupName=group,
        logStreamName="s",
        logEvents=[{"timestamp": now, "message": "b"}, {"timestamp": now - 1, "message": "a"}],
    ) == (
        "InvalidParameterException",
        "Log events in a single PutLogEvents request must be in chronological order.",
    )


def test_a_group_is_filtered_across_streams(logs, group) -> None:
    """In the order of time, with pages, by pattern and by stream."""
    start = write(logs, group, "a", ["ERROR one", "INFO two"])
    write(logs, group, "b", ['{"level": "error", "code": 500}', "ERROR three"], start + 5)
    found = logs.filter_log_events(logGroupName=group, filterPattern="ERROR")["events"]
    assert [(event["logStreamName"], event["message"]) for event in found] == [("a", "ERROR one"), ("b", "ERROR three")]
    assert len(found[0]["eventId"]) == 56
    found = logs.filter_log_events(logGroupName=group, filterPattern='{ $.level = "error" && $.code >= 500 }')["events"]
    assert len(found) == 1
    pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName=group, PaginationConfig={"PageSize": 3}))
    assert [len(page["events"]) for page in pages] == [3, 1]
    assert len(logs.filter_log_events(logGroupName=group, logStreamNames=["a"])["events"]) == 2
    assert failed(logs.filter_log_events, logGroupName=group, filterPattern="{ $.x")[0] == "InvalidParameterException"
    tried = logs.test_metric_filter(filterPattern="[ip, code=5*]", logEventMessages=["1.2.3.4 500", "1.2.3.4 200"])
    assert [match["extractedValues"] for match in tried["matches"]] == [{"$ip": "1.2.3.4", "$code": "500"}]


def test_insights_answers(logs, group) -> None:
    """A query over what was written a moment ago."""
    start = write(logs, group, "s", [f'{{"path": "/p{n % 2}", "ms": {n}}}' for n in range(10)])

    def ask(text: str) -> list[dict[str, str]]:
        identity = logs.start_query(
            logGroupName=group, startTime=start // 1000 - 60, endTime=start // 1000 + 60, queryString=text
        )["queryId"]
        end = time.monotonic() + 15
        while time.monotonic() < end:
            answer = logs.get_query_results(queryId=identity)
            if answer["status"] == "Complete":
                assert logs.list_log_groups_for_query(queryId=identity)["logGroupIdentifiers"] == [group]
                return [{field["field"]: field["value"] for field in row} for row in answer["results"]]
            time.sleep(0.05)
        raise AssertionError("the query was never done")

    rows = ask("stats count(*) as n, max(ms) by path | sort path")
    assert rows == [{"path": "/p0", "n": "5", "max(ms)": "8"}, {"path": "/p1", "n": "5", "max(ms)": "9"}]
    rows = ask("fields @message, ms * 2 as twice | filter ms > 7 | sort ms desc | limit 1")
    assert rows[0]["twice"] == "18"
    assert logs.get_log_record(logRecordPointer=rows[0]["@ptr"])["logRecord"]["path"] == "/p1"
    assert (
        failed(logs.start_query, logGroupName=group, startTime=0, endTime=1, queryString="nonsense")[0]
        == "MalformedQueryException"
    )


def test_filters_are_kept(logs, group, client) -> None:
    """Metric filters and subscription filters, described as they were put."""
    metric = {"metricName": "errors", "metricNamespace": "app", "metricValue": "1"}
    logs.put_metric_filter(logGroupName=group, filterName="f", filterPattern="ERROR", metricTransformations=[metric])
    assert logs.describe_metric_filters(logGroupName=group)["metricFilters"][0]["metricTransformations"] == [metric]
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["metricFilterCount"] == 1
    logs.delete_metric_filter(logGroupName=group, filterName="f")
    function = "arn:aws:lambda:us-east-1:000000000000:function:f"
    logs.put_subscription_filter(logGroupName=group, filterName="s", filterPattern="", destinationArn=function)
    assert (
        logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"][0]["destinationArn"] == function
    )
    logs.delete_subscription_filter(logGroupName=group, filterName="s")
    assert failed(logs.delete_subscription_filter, logGroupName=group, filterName="s")[0] == "ResourceNotFoundException"


def test_a_tail_follows(logs, group, cloud) -> None:
    """What is put while somebody follows comes within a second or two."""
    follower = boto3.client(
        "logs",
        endpoint_url=cloud.url,
        region_name="us-east-1",
        aws_access_key_id="000000000000",
        aws_secret_access_key="test",
        config=Config(inject_host_prefix=False),
    )
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{group}"
    stream = follower.start_live_tail(logGroupIdentifiers=[arn], logEventFilterPattern="ERROR")["responseStream"]
    told = failed(follower.start_live_tail, logGroupIdentifiers=[arn, arn], logStreamNames=["s"])[1]
    assert told == "logStreamNames and logStreamNamePrefixes can only be used with a single log group."
    whole = failed(logs.describe_log_streams, logGroupIdentifier=f"{arn}:*")[1]
    assert whole.startswith("1 validation error detected: Value at 'logGroupIdentifier' failed")
    events = iter(stream)
    assert "sessionStart" in next(events)
    threading.Timer(0.2, lambda: write(logs, group, "s", ["INFO no", "ERROR yes"])).start()
    for event in events:
        results = event["sessionUpdate"]["sessionResults"]
        if results:
            assert [result["message"] for result in results] == ["ERROR yes"]
            break
    stream.close()


def test_an_export_lies_in_the_bucket(logs, group, client, unique) -> None:
    """Each stream's events as one compressed object."""
    s3 = client("s3")
    bucket = unique("export")
    s3.create_bucket(Bucket=bucket)
    start = write(logs, group, "a/b", ["one", "two"])
    wrong = {"logGroupName": group, "fromTime": start, "to": start, "destination": unique("nowhere")}
    told = "The given bucket does not exist. Please make sure the bucket is valid."
    assert failed(logs.create_export_task, **wrong) == ("InvalidParameterException", told)
    task = logs.create_export_task(
        logGroupName=group, fromTime=start - 1, to=start + 1000, destination=bucket, destinationPrefix="p"
    )["taskId"]
    tried = s3.get_object(Bucket=bucket, Key="p/aws-logs-write-test")["Body"].read()
    assert tried == b"Permission Check Successful"
    assert failed(logs.describe_export_tasks, taskId="none")[0] == "ResourceNotFoundException"
    end = time.monotonic() + 15
    while (status := logs.describe_export_tasks(taskId=task)["exportTasks"][0]["status"]["code"]) != "COMPLETED":
        assert time.monotonic() < end, status
        time.sleep(0.05)
    body = s3.get_object(Bucket=bucket, Key=f"p/{task}/a-b/000000.gz")["Body"].read()
    assert [line.split(" ", 1)[1] for line in gzip.decompress(body).decode().splitlines()] == ["one", "two"]


def test_everything_else_is_kept(logs, unique) -> None:
    """Saved queries, destinations, policies."""
    identity = logs.put_query_definition(name=unique("q"), queryString="fields @message")["queryDefinitionId"]
    assert identity in [row["queryDefinitionId"] for row in logs.describe_query_definitions()["queryDefinitions"]]
    logs.delete_query_definition(queryDefinitionId=identity)
    name = unique("d")
    logs.put_destination(
        destinationName=name, targetArn="arn:aws:kinesis:us-east-1:0:stream/x", roleArn="arn:aws:iam::0:role/x"
    )
    logs.put_destination_policy(destinationName=name, accessPolicy="{}")
    assert logs.describe_destinations(DestinationNamePrefix=name)["destinations"][0]["accessPolicy"] == "{}"
    logs.delete_destination(destinationName=name)
    logs.put_resource_policy(policyName=name, policyDocument="{}")
    assert name in [row["policyName"] for row in logs.describe_resource_policies()["resourcePolicies"]]
    logs.delete_resource_policy(policyName=name)


def test_index_policies(logs, unique) -> None:
    """One policy a group of the Standard class, gone with its group."""
    name = unique("index")
    logs.create_log_group(logGroupName=name)
    assert logs.describe_index_policies(logGroupIdentifiers=[name])["indexPolicies"] == []
    document = json.dumps({"Fields": ["requestId"]})
    put = logs.put_index_policy(logGroupIdentifier=name, policyDocument=document)["indexPolicy"]
    assert (put["policyDocument"], put["source"]) == (document, "LOG_GROUP")
    assert logs.describe_index_policies(logGroupIdentifiers=[put["logGroupIdentifier"]])["indexPolicies"] == [put]
    many = json.dumps({"Fields": [str(number) for number in range(21)]})
    for wrong in ("[]", "{}", '{"Fields": []}', many, "{"):
        refused = failed(logs.put_index_policy, logGroupIdentifier=name, policyDocument=wrong)
        assert refused[0] == "InvalidParameterException"
    logs.delete_index_policy(logGroupIdentifier=name)
    assert logs.describe_index_policies(logGroupIdentifiers=[name])["indexPolicies"] == []
    assert failed(logs.describe_index_policies, logGroupIdentifiers=["nothing"])[0] == "ResourceNotFoundException"
    rare = unique("rare")
    logs.create_log_group(logGroupName=rare, logGroupClass="INFREQUENT_ACCESS")
    refused = failed(logs.put_index_policy, logGroupIdentifier=rare, policyDocument=document)
    assert refused[0] == "InvalidParameterException"
