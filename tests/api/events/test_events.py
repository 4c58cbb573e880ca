"""Events through boto3: buses, rules, patterns, and targets that really get what matches."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def events(client):
    return client("events")


@pytest.fixture
def sqs(client):
    return client("sqs")


@pytest.fixture
def queue(sqs, unique):
    urls = []

    def make() -> tuple[str, str]:
        url = sqs.create_queue(QueueName=unique("q"))["QueueUrl"]
        urls.append(url)
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    yield make
    for url in urls:
        sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def bus(events, unique):
    name = unique("bus")
    events.create_event_bus(Name=name)
    yield name
    for rule in events.list_rules(EventBusName=name)["Rules"]:
        targets = events.list_targets_by_rule(Rule=rule["Name"], EventBusName=name)["Targets"]
        if targets:
            events.remove_targets(Rule=rule["Name"], EventBusName=name, Ids=[target["Id"] for target in targets])
        events.delete_rule(Name=rule["Name"], EventBusName=name)
    events.delete_event_bus(Name=name)


def failed(call, **kwargs) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**kwargs)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def bodies(sqs, url: str, count: int, limit: float = 10.0) -> list[str]:
    found: list[str] = []
    end = time.monotonic() + limit
    while len(found) < count and time.monotonic() < end:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.append(message["Body"])
    return found


def put(events, bus: str, detail: dict, source: str = "my.app", kind: str = "Order") -> dict:
    entry = {"Source": source, "DetailType": kind, "Detail": json.dumps(detail), "EventBusName": bus}
    return events.put_events(Entries=[entry])


def test_matching_events_reach_their_queue(events, sqs, bus, queue) -> None:
    """The event that AWS would have sent, and only what the pattern names."""
    url, arn = queue()
    rule = events.put_rule(
        Name="r",
        EventBusName=bus,
        EventPattern=json.dumps({"source": ["my.app"], "detail": {"price": [{"numeric": [">", 10]}]}}),
    )["RuleArn"]
    assert rule == f"arn:aws:events:us-east-1:000000000000:rule/{bus}/r"
    assert events.put_targets(Rule="r", EventBusName=bus, Targets=[{"Id": "1", "Arn": arn}])["FailedEntryCount"] == 0
    put(events, bus, {"price": 5})
    sent = put(events, bus, {"price": 11})
    event = json.loads(bodies(sqs, url, 1)[0])
    assert event["id"] == sent["Entries"][0]["EventId"]
    assert set(event) == {
        "version",
        "id",
        "detail-type",
        "source",
        "account",
        "time",
        "region",
        "resources",
        "detail",
    }
    assert (event["version"], event["detail-type"], event["detail"]) == ("0", "Order", {"price": 11})


def test_entries_are_refused_one_by_one(events) -> None:
    """A bad entry tells why and doesn't take the others with it."""
    answer = events.put_events(
        Entries=[
            {"Source": "a", "DetailType": "b", "Detail": "{}"},
            {"Source": "a", "DetailType": "b", "Detail": "{"},
            {"Source": "a", "Detail": "{}"},
            {"Source": "aws.s3", "DetailType": "b", "Detail": "{}"},
        ]
    )
    assert answer["FailedEntryCount"] == 3
    assert "EventId" in answer["Entries"][0]
    assert answer["Entries"][1]["ErrorCode"] == "MalformedDetail"
    assert answer["Entries"][2]["ErrorMessage"] == (
        "Parameter DetailType is not valid. Reason: DetailType is a required argument."
    )
    assert answer["Entries"][3]["ErrorCode"] == "NotAuthorizedForSourceException"


def test_inputs_are_transformed(events, sqs, bus, queue) -> None:
    """A constant, a part, or a template."""
    places = [queue() for _ in range(3)]
    events.put_rule(Name="r", EventBusName=bus, EventPattern=json.dumps({"source": ["my.app"]}))
    transformer = {
        "InputPathsMap": {"name": "$.detail.name", "list": "$.detail.list"},
        "InputTemplate": '{"hello": "<name> of <aws.events.rule-name>", "list": <list>}',
    }
    events.put_targets(
        Rule="r",
        EventBusName=bus,
        Targets=[
            {"Id": "1", "Arn": places[0][1], "Input": '{"fixed": 1}'},
            {"Id": "2", "Arn": places[1][1], "InputPath": "$.detail"},
            {"Id": "3", "Arn": places[2][1], "InputTransformer": transformer},
        ],
    )
    put(events, bus, {"name": 'x"y', "list": [1, 2]})
    got = [json.loads(bodies(sqs, url, 1)[0]) for url, _ in places]
    assert got == [
        {"fixed": 1},
        {"name": 'x"y', "list": [1, 2]},
        {"hello": 'x"y of r', "list": [1, 2]},
    ]


def test_rules_and_targets_are_described(events, bus, queue) -> None:
    """What tools read back, and what they are refused."""
    _, arn = queue()
    pattern = json.dumps({"source": ["a"]})
    events.put_rule(Name="r", EventBusName=bus, EventPattern=pattern, Description="d")
    described = events.describe_rule(Name="r", EventBusName=bus)
    assert (described["State"], described["EventPattern"], described["EventBusName"]) == ("ENABLED", pattern, bus)
    events.disable_rule(Name="r", EventBusName=bus)
    assert events.describe_rule(Name="r", EventBusName=bus)["State"] == "DISABLED"
    events.put_targets(Rule="r", EventBusName=bus, Targets=[{"Id": "1", "Arn": arn}])
    assert events.list_rule_names_by_target(TargetArn=arn, EventBusName=bus)["RuleNames"] == ["r"]
    assert failed(events.delete_rule, Name="r", EventBusName=bus) == (
        "ValidationException",
        "Rule can't be deleted since it has targets.",
    )
    gone = events.remove_targets(Rule="r", EventBusName=bus, Ids=["1", "2"])
    assert gone["FailedEntryCount"] == 1
    assert failed(events.describe_rule, Name="x", EventBusName=bus) == (
        "ResourceNotFoundException",
        f"Rule x does not exist on EventBus {bus}.",
    )
    assert failed(events.put_rule, Name="x", EventBusName=bus)[1] == (
        "Parameter(s) EventPattern or ScheduleExpression must be specified."
    )
    assert failed(events.put_rule, Name="x", EventPattern='{"source": "a"}')[0] == "InvalidEventPatternException"
    assert failed(events.put_rule, Name="x", ScheduleExpression="rate(1 minutes)") == (
        "ValidationException",
        "Parameter ScheduleExpression is not valid.",
    )
    assert failed(events.describe_event_bus, Name="nowhere") == (
        "ResourceNotFoundException",
        "Event bus nowhere does not exist.",
    )
    assert events.describe_event_bus()["Name"] == "default"


def test_buses_forward_to_buses(events, sqs, bus, queue, unique) -> None:
    """A rule's target may be another bus."""
    url, arn = queue()
    other = unique("other")
    other_arn = events.create_event_bus(Name=other)["EventBusArn"]
    everything = json.dumps({"source": [{"prefix": ""}]})
    events.put_rule(Name="forward", EventBusName=bus, EventPattern=everything)
    events.put_targets(Rule="forward", EventBusName=bus, Targets=[{"Id": "1", "Arn": other_arn}])
    events.put_rule(Name="in", EventBusName=other, EventPattern=everything)
    events.put_targets(Rule="in", EventBusName=other, Targets=[{"Id": "1", "Arn": arn}])
    put(events, bus, {"a": 1})
    assert json.loads(bodies(sqs, url, 1)[0])["detail"] == {"a": 1}
    events.remove_targets(Rule="in", EventBusName=other, Ids=["1"])
    events.delete_rule(Name="in", EventBusName=other)
    events.delete_event_bus(Name=other)


def test_schedules_fire(fresh_cloud) -> None:
    """A rate of a minute on a clock that runs sixty times as fast."""
    cloud = fresh_cloud("--clock-rate", "60")
    events, sqs = cloud.client("events"), cloud.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule = events.put_rule(Name="tick", ScheduleExpression="rate(1 minute)")["RuleArn"]
    events.put_targets(Rule="tick", Targets=[{"Id": "1", "Arn": arn}])
    event = json.loads(bodies(sqs, url, 2)[0])
    assert (event["detail-type"], event["source"], event["resources"]) == ("Scheduled Event", "aws.events", [rule])


def test_undeliverable_events_are_buried(events, sqs, bus, queue) -> None:
    """The dead-letter queue tells which rule, which target, and why."""
    dead, dead_arn = queue()
    events.put_rule(Name="r", EventBusName=bus, EventPattern=json.dumps({"source": ["my.app"]}))
    target = {"Id": "1", "Arn": dead_arn + "-none", "DeadLetterConfig": {"Arn": dead_arn}}
    events.put_targets(Rule="r", EventBusName=bus, Targets=[target])
    put(events, bus, {"lost": True})
    message = sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=5, MessageAttributeNames=["All"])["Messages"][0]
    assert json.loads(message["Body"])["detail"] == {"lost": True}
    assert message["MessageAttributes"]["TARGET_ARN"]["StringValue"] == dead_arn + "-none"


def test_archives_replay(events, sqs, bus, queue, unique) -> None:
    """What was kept can be sent again."""
    url, arn = queue()
    bus_arn = events.describe_event_bus(Name=bus)["Arn"]
    name = unique("archive")
    events.create_archive(ArchiveName=name, EventSourceArn=bus_arn, EventPattern=json.dumps({"source": ["my.app"]}))
    put(events, bus, {"n": 1})
    put(events, bus, {"n": 2}, source="other")
    assert events.describe_archive(ArchiveName=name)["EventCount"] == 1
    managed = events.list_rules(EventBusName=bus)["Rules"][0]
    assert (managed["Name"], managed["ManagedBy"]) == (f"Events-Archive-{name}", "prod.vhs.events.aws.internal")
    assert json.loads(managed["EventPattern"]) == {"source": ["my.app"], "replay-name": [{"exists": False}]}
    target = events.list_targets_by_rule(Rule=managed["Name"], EventBusName=bus)["Targets"][0]
    assert target["Arn"] == "arn:aws:events:us-east-1:::"
    assert failed(events.delete_rule, Name=managed["Name"], EventBusName=bus)[0] == "ManagedRuleException"
    events.put_rule(Name="r", EventBusName=bus, EventPattern=json.dumps({"replay-name": [{"exists": True}]}))
    events.put_targets(Rule="r", EventBusName=bus, Targets=[{"Id": "1", "Arn": arn}])
    now = time.time()
    started = events.start_replay(
        ReplayName=name,
        EventSourceArn=events.describe_archive(ArchiveName=name)["ArchiveArn"],
        EventStartTime=now - 60,
        EventEndTime=now + 60,
        Destination={"Arn": bus_arn},
    )
    assert started["State"] == "STARTING"
    event = json.loads(bodies(sqs, url, 1)[0])
    assert (event["detail"], event["replay-name"]) == ({"n": 1}, name)
    end = time.monotonic() + 10
    while events.describe_replay(ReplayName=name)["State"] != "COMPLETED":
        assert time.monotonic() < end
        time.sleep(0.05)
    told = failed(events.list_replays, NamePrefix="x", State="COMPLETED")[1]
    assert told.startswith("At most one filter is allowed for ListReplays.")
    events.delete_archive(ArchiveName=name)
    assert f"Events-Archive-{name}" not in {rule["Name"] for rule in events.list_rules(EventBusName=bus)["Rules"]}


def _check_secret(secrets, arn: str) -> None:
    """A connection's secret says whose it is, in the form in which EventBridge writes it."""
    described = secrets.describe_secret(SecretId=arn)
    assert described["OwningService"] == "events"
    assert described["Tags"] == [{"Key": "aws:secretsmanager:owningService", "Value": "events"}]
    assert json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"]) == {
        "api_key_name": "x-key",
        "api_key_value": "secret",
        "invocation_http_parameters": {"header_parameters": [{"key": "x-more", "value": "1", "is_value_secret": True}]},
    }


def test_api_destinations_are_called_with_their_authorisation(events, bus, unique, client) -> None:
    """A web endpoint on this machine gets the event, with the key that the connection holds."""
    seen: list[tuple[str, dict, str]] = []
    arrived = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            seen.append((self.path, dict(self.headers), body))
            self.send_response(200)
            self.end_headers()
            arrived.set()

        def log_message(self, *args) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        name = unique("c")
        connection = events.create_connection(
            Name=name,
            AuthorizationType="API_KEY",
            AuthParameters={
                "ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "secret"},
                "InvocationHttpParameters": {
                    "HeaderParameters": [{"Key": "x-more", "Value": "1", "IsValueSecret": True}]
                },
            },
        )["ConnectionArn"]
        described = events.describe_connection(Name=name)
        _check_secret(client("secretsmanager"), described["SecretArn"])
        assert "secret" not in json.dumps(described["AuthParameters"])
        destination = events.create_api_destination(
            Name=name,
            ConnectionArn=connection,
            HttpMethod="POST",
            InvocationEndpoint=f"http://127.0.0.1:{server.server_port}/*/hook",
        )["ApiDestinationArn"]
        events.put_rule(Name="r", EventBusName=bus, EventPattern=json.dumps({"source": ["my.app"]}))
        events.put_targets(
            Rule="r",
            EventBusName=bus,
            Targets=[{"Id": "1", "Arn": destination, "HttpParameters": {"PathParameterValues": ["here"]}}],
        )
        put(events, bus, {"a": 1})
        assert arrived.wait(10)
        path, headers, body = seen[0]
        assert headers["x-more"] == "1"
        assert (path, headers["x-key"], json.loads(body)["detail"]) == ("/here/hook", "secret", {"a": 1})
        events.delete_api_destination(Name=name)
        events.delete_connection(Name=name)
    finally:
        server.shutdown()
        server.server_close()


def test_permissions_tags_and_patterns(events, bus) -> None:
    """A bus's policy, its tags, and a pattern tried out."""
    events.put_permission(EventBusName=bus, Action="events:PutEvents", Principal="111111111111", StatementId="s")
    policy = json.loads(events.describe_event_bus(Name=bus)["Policy"])
    assert policy["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"}
    events.remove_permission(EventBusName=bus, StatementId="s")
    assert "Policy" not in events.describe_event_bus(Name=bus)
    for policy in ("true", "[]", "{}", '{"Statement": ["x"]}', "{"):
        with pytest.raises(events.exceptions.ClientError, match="ValidationException"):
            events.put_permission(EventBusName=bus, Policy=policy)
    arn = events.describe_event_bus(Name=bus)["Arn"]
    events.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    event = json.dumps(
        {
            "id": "1",
            "account": "1",
            "source": "s",
            "time": "2026-01-01T00:00:00Z",
            "region": "us-east-1",
            "resources": [],
            "detail-type": "t",
            "detail": {"ip": "10.0.0.7"},
        }
    )
    pattern = {"detail": {"ip": [{"cidr": "10.0.0.0/24"}]}}
    assert events.test_event_pattern(EventPattern=json.dumps(pattern), Event=event)["Result"] is True
    assert events.test_event_pattern(EventPattern=json.dumps({"source": ["x"]}), Event=event)["Result"] is False


def test_topics_are_targets_too(events, sqs, bus, queue, client, unique) -> None:
    """An event goes through a topic, signed, to its queue."""
    sns = client("sns")
    url, arn = queue()
    topic = sns.create_topic(Name=unique("t"))["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    events.put_rule(Name="r", EventBusName=bus, EventPattern=json.dumps({"source": ["my.app"]}))
    events.put_targets(Rule="r", EventBusName=bus, Targets=[{"Id": "1", "Arn": topic}])
    put(events, bus, {"a": 1})
    message = json.loads(bodies(sqs, url, 1)[0])
    assert json.loads(message["Message"])["detail"] == {"a": 1}
    sns.delete_topic(TopicArn=topic)
