"""Functions through boto3: they run, fail, time out and are kept apart, as AWS has it."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

ROLE = "arn:aws:iam::000000000000:role/worker"
PYTHON = f"python3.{sys.version_info.minor}"
CODE = """
import json, os, sys, time
def handler(event, context):
    what = event.get('do')
    if what == 'echo':
        print('said', event)
        return event
    if what == 'raise':
        raise ValueError('boo')
    if what == 'memory':
        held = [bytearray(os.urandom(1 << 20)) for _ in range(600)]
        return len(held)
    if what == 'sleep':
        time.sleep(20)
    if what == 'exit':
        os._exit(3)
    if what == 'look':
        return {'uid': os.getuid(), 'home': os.path.exists('/root/.ssh'), 'shadow': os.path.exists('/etc/shadow'),
                'pids': len([p for p in os.listdir('/proc') if p.isdigit()]), 'tmp': sorted(os.listdir('/tmp'))}
    if what == 'write':
        found = []
        for path in ('/x', '/usr/x', '/etc/x', '/var/task/x', '/opt/x', '/tmp/x'):
            try:
                open(path, 'w').write('x')
                found.append(path)
            except OSError:
                pass
        return found
    if what == 'forks':
        children = 0
        try:
            while children < 5000:
                if os.fork() == 0:
                    time.sleep(30)
                    os._exit(0)
                children += 1
        except OSError:
            pass
        return children
    if what == 'environment':
        return dict(os.environ)
    if what == 's3':
        import boto3
        boto3.client('s3').put_object(Bucket=event['bucket'], Key=event['key'], Body=json.dumps(event).encode())
    if 'Records' in event:
        import boto3
        for record in event['Records']:
            key = record.get('messageId') or record['eventID']
            boto3.client('s3').put_object(Bucket=os.environ['BUCKET'], Key=key, Body=json.dumps(record).encode())
"""


def _allowed() -> bool:
    """Whether this machine lets processes have namespaces of their own."""
    flags = "-mpn" if os.geteuid() == 0 else "-Umpn"
    try:
        return subprocess.run(["unshare", flags, "--fork", "true"], capture_output=True, timeout=20).returncode == 0
    except OSError:
        return False


apart = pytest.mark.skipif(not _allowed(), reason="namespaces are not allowed on this machine")


def archive(text: str = CODE, name: str = "index.py") -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        made.writestr(name, text)
    return data.getvalue()


def create(client: Any, name: str, **options: Any) -> dict[str, Any]:
    given = {"Runtime": PYTHON, "Role": ROLE, "Handler": "index.handler", "Code": {"ZipFile": archive()}}
    made: dict[str, Any] = client("lambda").create_function(FunctionName=name, **(given | options))
    return made


def invoke(client: Any, name: str, event: Any, **options: Any) -> tuple[Any, dict[str, Any]]:
    answer = client("lambda").invoke(FunctionName=name, Payload=json.dumps(event), **options)
    return json.loads(answer["Payload"].read() or b"null"), answer


def until(found: Any, limit: float = 15.0) -> Any:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("did not happen in time")


@pytest.fixture(scope="module")
def name(client: Any) -> str:
    made = f"shared-{time.time_ns()}"
    create(client, made, Timeout=10)
    return made


def test_a_function_answers(client: Any, name: str) -> None:
    """The whole way: create, invoke, payload, version, log."""
    told, answer = invoke(client, name, {"do": "echo", "n": 1}, LogType="Tail")
    assert told == {"do": "echo", "n": 1}
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in answer
    log = base64.b64decode(answer["LogResult"]).decode()
    assert log.startswith("START RequestId: ")
    assert "said {'do': 'echo', 'n': 1}" in log
    assert "Memory Size: 128 MB" in log


def test_an_exception_is_unhandled(client: Any, name: str) -> None:
    """Callers tell failures by FunctionError and the error's type."""
    told, answer = invoke(client, name, {"do": "raise"})
    assert answer["FunctionError"] == "Unhandled"
    assert (told["errorType"], told["errorMessage"]) == ("ValueError", "boo")


def test_an_exit_is_told(client: Any, name: str) -> None:
    """A runtime that ends is an ExitError with its status."""
    told, _ = invoke(client, name, {"do": "exit"})
    assert told["errorType"] == "Runtime.ExitError"
    assert told["errorMessage"].endswith("Runtime exited with error: exit status 3")


def test_too_slow_is_killed(client: Any, unique: Any) -> None:
    """The time-out ends the environment, and the next call gets a new one."""
    mine = unique("slow")
    create(client, mine, Timeout=1)
    told, answer = invoke(client, mine, {"do": "sleep"})
    assert answer["FunctionError"] == "Unhandled"
    assert "Task timed out after 1.00 seconds" in told["errorMessage"]
    assert invoke(client, mine, {"do": "echo"})[0] == {"do": "echo"}


def test_memory_over_the_limit_is_killed(client: Any, name: str) -> None:
    """A 128 MB function never has 600."""
    _, answer = invoke(client, name, {"do": "memory"})
    assert answer["FunctionError"] == "Unhandled"


@apart
def test_it_sees_nothing_of_the_machine(client: Any, name: str) -> None:
    """Another user, another root, another process table."""
    told, _ = invoke(client, name, {"do": "look"})
    assert told["uid"] != 0
    assert not told["home"]
    assert not told["shadow"]
    assert told["pids"] == 1


@apart
def test_it_writes_to_tmp_alone(client: Any, name: str, unique: Any) -> None:
    """And another function's /tmp isn't its own."""
    assert invoke(client, name, {"do": "write"})[0] == ["/tmp/x"]
    other = unique("other")
    create(client, other)
    assert invoke(client, other, {"do": "look"})[0]["tmp"] == []


@apart
def test_a_fork_bomb_is_contained(client: Any, unique: Any) -> None:
    """A bounded number of processes, and the cloud lives on."""
    mine = unique("bomb")
    create(client, mine, Timeout=20, MemorySize=512)
    told, answer = invoke(client, mine, {"do": "forks"})
    assert "FunctionError" in answer or told < 1100
    client("lambda").delete_function(FunctionName=mine)


def test_it_reaches_the_cloud(client: Any, name: str, unique: Any) -> None:
    """boto3 in a handler needs no configuration."""
    bucket = unique("reach")
    client("s3").create_bucket(Bucket=bucket)
    invoke(client, name, {"do": "s3", "bucket": bucket, "key": "k"})
    assert client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_events_are_run_later(client: Any, name: str, unique: Any) -> None:
    """Event answers 202 at once."""
    bucket = unique("later")
    client("s3").create_bucket(Bucket=bucket)
    _, answer = invoke(client, name, {"do": "s3", "bucket": bucket, "key": "k"}, InvocationType="Event")
    assert answer["StatusCode"] == 202
    until(lambda: client("s3").list_objects_v2(Bucket=bucket)["KeyCount"])


def test_dry_run_runs_nothing(client: Any, name: str) -> None:
    """DryRun only says that one may."""
    assert invoke(client, name, {}, InvocationType="DryRun")[1]["StatusCode"] == 204


def test_logs_arrive(client: Any, name: str) -> None:
    """START, END and REPORT are in CloudWatch Logs."""
    invoke(client, name, {"do": "echo"})
    found = until(lambda: _messages(client, name))
    assert any(text.startswith("REPORT RequestId") for text in found)


def _messages(client: Any, name: str) -> list[str]:
    try:
        events = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="REPORT")["events"]
    except ClientError:
        return []
    return [event["message"] for event in events]


def test_a_queue_feeds_a_function(client: Any, unique: Any) -> None:
    """SQS to Lambda, with the message gone afterwards."""
    mine, bucket = unique("fed"), unique("fed")
    client("s3").create_bucket(Bucket=bucket)
    create(client, mine, Timeout=20, Environment={"Variables": {"BUCKET": bucket}})
    url = client("sqs").create_queue(QueueName=mine)["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["QueueArn"]
    made = client("lambda").create_event_source_mapping(FunctionName=mine, EventSourceArn=arn)
    sent = client("sqs").send_message(QueueUrl=url, MessageBody="hello")["MessageId"]
    held = until(lambda: client("s3").list_objects_v2(Bucket=bucket).get("Contents"))
    assert [one["Key"] for one in held] == [sent]
    client("lambda").delete_event_source_mapping(UUID=made["UUID"])


def test_a_stream_feeds_a_function(client: Any, unique: Any) -> None:
    """DynamoDB streams to Lambda."""
    mine, bucket = unique("stream"), unique("stream")
    client("s3").create_bucket(Bucket=bucket)
    create(client, mine, Timeout=20, Environment={"Variables": {"BUCKET": bucket}})
    table = client("dynamodb").create_table(
        TableName=mine,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    client("dynamodb").get_waiter("table_exists").wait(TableName=mine, WaiterConfig={"Delay": 1})
    made = client("lambda").create_event_source_mapping(
        FunctionName=mine, EventSourceArn=table["LatestStreamArn"], StartingPosition="TRIM_HORIZON"
    )
    client("dynamodb").put_item(TableName=mine, Item={"id": {"S": "one"}})
    until(lambda: client("s3").list_objects_v2(Bucket=bucket).get("Contents"))
    client("lambda").delete_event_source_mapping(UUID=made["UUID"])


def test_errors_are_aws_s(client: Any, unique: Any, name: str) -> None:
    """Codes and messages that programs match on."""
    missing = unique("missing")
    with pytest.raises(ClientError) as refused:
        client("lambda").get_function(FunctionName=missing)
    assert refused.value.response["Error"] == {
        "Code": "ResourceNotFoundException",
        "Message": f"Function not found: arn:aws:lambda:us-east-1:000000000000:function:{missing}",
    }
    with pytest.raises(ClientError) as refused:
        create(client, name)
    assert refused.value.response["Error"]["Code"] == "ResourceConflictException"
    assert refused.value.response["Error"]["Message"] == f"Function already exist: {name}"
    with pytest.raises(ClientError) as refused:
        create(client, missing, Code={"ZipFile": b"no zip"})
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
    with pytest.raises(ClientError) as refused:
        create(client, missing, Architectures=["x87"])
    assert refused.value.response["Error"]["Message"].endswith(
        "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"
    )
    with pytest.raises(ClientError) as refused:
        create(client, missing, Runtime="java21")
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_versions_and_aliases(client: Any, unique: Any) -> None:
    """A published version stays as it was; an alias moves."""
    mine = unique("versions")
    made = create(client, mine, Publish=True)
    assert (made["Version"], made["FunctionArn"].endswith(f":function:{mine}")) == ("1", True)
    aws = client("lambda")
    changed = "def handler(event, context):\n    return 'two'\n"
    aws.update_function_code(FunctionName=mine, ZipFile=archive(changed))
    assert aws.publish_version(FunctionName=mine)["Version"] == "2"
    assert aws.publish_version(FunctionName=mine)["Version"] == "2"
    aws.create_alias(FunctionName=mine, Name="live", FunctionVersion="1")
    assert invoke(client, mine, {"do": "echo"}, Qualifier="live")[0] == {"do": "echo"}
    aws.update_alias(FunctionName=mine, Name="live", FunctionVersion="2")
    told, answer = invoke(client, mine, {}, Qualifier="live")
    assert (told, answer["ExecutedVersion"]) == ("two", "2")
    with pytest.raises(ClientError) as refused:
        aws.delete_function(FunctionName=mine, Qualifier="2")
    assert refused.value.response["Error"]["Code"] == "ResourceConflictException"


def test_an_update_is_a_change_whatever_it_brings(client: Any, unique: Any) -> None:
    """AWS publishes a new version after each update, one with the same code too, and none without."""
    mine, aws = unique("editions"), client("lambda")
    create(client, mine, Publish=True)
    assert aws.publish_version(FunctionName=mine)["Version"] == "1"
    aws.update_function_code(FunctionName=mine, ZipFile=archive())
    assert [aws.publish_version(FunctionName=mine)["Version"] for _ in range(2)] == ["2", "2"]
    again = aws.update_function_code(FunctionName=mine, ZipFile=archive(), Publish=True)
    assert (again["Version"], again["FunctionArn"].rpartition(":")[2]) == ("3", "3")
    assert aws.publish_version(FunctionName=mine)["Version"] == "3"
    aws.delete_function(FunctionName=mine)


def test_reserved_zero_throttles(client: Any, unique: Any) -> None:
    """The way to stop a function."""
    mine = unique("stopped")
    create(client, mine)
    client("lambda").put_function_concurrency(FunctionName=mine, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as refused:
        invoke(client, mine, {})
    assert refused.value.response["Error"]["Code"] == "TooManyRequestsException"


def test_layers_are_below_opt(client: Any, unique: Any) -> None:
    """What a layer brings can be imported."""
    layer = client("lambda").publish_layer_version(
        LayerName=unique("layer"), Content={"ZipFile": archive("WORD = 'layered'\n", "python/given.py")}
    )
    mine = unique("uses")
    text = "import given\ndef handler(event, context):\n    return given.WORD\n"
    create(client, mine, Layers=[layer["LayerVersionArn"]], Code={"ZipFile": archive(text)})
    assert invoke(client, mine, {})[0] == "layered"


def test_a_url_is_answered(client: Any, cloud: Any, unique: Any) -> None:
    """A function URL takes plain HTTP at a host of its own."""
    mine = unique("url")
    text = (
        "def handler(event, context):\n"
        "    return {'statusCode': 201, 'headers': {'X-Path': event['rawPath']}, 'body': event.get('body') or ''}\n"
    )
    create(client, mine, Code={"ZipFile": archive(text)})
    made = client("lambda").create_function_url_config(FunctionName=mine, AuthType="NONE")
    host = made["FunctionUrl"].removeprefix("http://").rstrip("/")
    headers = {"Host": host, "Content-Type": "text/plain"}
    asked = urllib.request.Request(f"{cloud.url}/a/b?c=d", data=b"body", headers=headers)
    with urllib.request.urlopen(asked, timeout=20) as answer:
        assert (answer.status, answer.headers["X-Path"], answer.read()) == (201, "/a/b", b"body")


def test_the_archive_can_be_fetched(client: Any, cloud: Any, name: str) -> None:
    """Code.Location is a link that works, for who has it whole."""
    link = client("lambda").get_function(FunctionName=name)["Code"]["Location"]
    host, _, path = link.removeprefix("http://").partition("/")
    asked = urllib.request.Request(f"{cloud.url}/{path}", headers={"Host": host})
    with urllib.request.urlopen(asked, timeout=20) as answer:
        assert zipfile.is_zipfile(io.BytesIO(answer.read()))
    asked = urllib.request.Request(f"{cloud.url}/{path[:-1]}x", headers={"Host": host})
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(asked, timeout=20)
