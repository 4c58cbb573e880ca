"""The loads: what is prepared on a server, and the raw requests that are then sent to it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import boto3
import orjson
from botocore.config import Config

from bench.signing import Signer

MIB = 1 << 20
KEYS = {"s3rver": "S3RVER"}
"""The key id (and secret) that a peer insists on; the others take any."""
_key = "test"


def sign_as(server: str) -> None:
    """Sign what is prepared from now on with the key that `server` takes."""
    global _key
    _key = KEYS.get(server, "test")


def _signer(service: str, port: int) -> Signer:
    return Signer(service, f"127.0.0.1:{port}", _key, _key)


class Load(NamedTuple):
    """Requests sent over and over by so many connections; `moved` bytes a request make a throughput."""

    name: str
    service: str
    connections: int
    prepare: Callable[[int], list[bytes]]
    moved: int = 0


def client(service: str, port: int) -> Any:
    return boto3.client(
        service, endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1", aws_access_key_id=_key,
        aws_secret_access_key=_key, config=Config(retries={"max_attempts": 2}, s3={"addressing_style": "path"},
                                                    read_timeout=300),
    )  # fmt: skip


def _bucket(port: int) -> Any:
    s3 = client("s3", port)
    try:
        s3.create_bucket(Bucket="bench")
    except s3.exceptions.ClientError:
        pass
    return s3


def s3_get(size: int) -> Callable[[int], list[bytes]]:
    def prepare(port: int) -> list[bytes]:
        _bucket(port).put_object(Bucket="bench", Key=f"get-{size}", Body=os.urandom(size))
        return [_signer("s3", port).request("GET", f"/bench/get-{size}")]

    return prepare


def s3_put(size: int, keys: int) -> Callable[[int], list[bytes]]:
    def prepare(port: int) -> list[bytes]:
        _bucket(port)
        signer = _signer("s3", port)
        body = os.urandom(size)
        return [signer.request("PUT", f"/bench/put-{size}-{number}", body) for number in range(keys)]

    return prepare


def s3_list(count: int) -> Callable[[int], list[bytes]]:
    """Pages of 1,000 through `count` keys."""

    def prepare(port: int) -> list[bytes]:
        _bucket(port)
        signer = _signer("s3", port)
        _fill(port, [signer.request("PUT", f"/bench/list/{number:08d}") for number in range(count)])
        starts = [f"list%2F{number:08d}" for number in range(0, count, 1000)]
        return [
            signer.request("GET", "/bench", query=f"list-type=2&prefix=list%2F&start-after={start}") for start in starts
        ]

    return prepare


def _table(port: int) -> Any:
    dynamodb = client("dynamodb", port)
    try:
        dynamodb.create_table(
            TableName="bench", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("p", "s")],
        )  # fmt: skip
        dynamodb.get_waiter("table_exists").wait(TableName="bench", WaiterConfig={"Delay": 1})
    except dynamodb.exceptions.ResourceInUseException:
        pass
    return dynamodb


def _item(number: int) -> dict[str, Any]:
    return {"p": {"S": f"p{number % 100}"}, "s": {"S": f"s{number:06d}"}, "text": {"S": "x" * 900}, "n": {"N": "42"}}


def _dynamodb(port: int, operation: str, members: dict[str, Any]) -> bytes:
    headers = {"x-amz-target": f"DynamoDB_20120810.{operation}", "content-type": "application/x-amz-json-1.0"}
    return _signer("dynamodb", port).request("POST", "/", orjson.dumps(members), headers=headers)


def put_item(port: int) -> list[bytes]:
    _table(port)
    return [_dynamodb(port, "PutItem", {"TableName": "bench", "Item": _item(number)}) for number in range(2000)]


def get_item(port: int) -> list[bytes]:
    dynamodb = _table(port)
    for number in range(500):
        dynamodb.put_item(TableName="bench", Item=_item(number))
    keys = [{name: _item(number)[name] for name in ("p", "s")} for number in range(500)]
    return [_dynamodb(port, "GetItem", {"TableName": "bench", "Key": key, "ConsistentRead": True}) for key in keys]


def query(port: int) -> list[bytes]:
    """100 items of one partition."""
    dynamodb = _table(port)
    for number in range(100):
        dynamodb.put_item(TableName="bench", Item={**_item(number), "p": {"S": "query"}})
    members = {
        "TableName": "bench",
        "KeyConditionExpression": "p = :p",
        "ExpressionAttributeValues": {":p": {"S": "query"}},
    }
    return [_dynamodb(port, "Query", members)]


def _queue(port: int, name: str) -> str:
    return str(client("sqs", port).create_queue(QueueName=name)["QueueUrl"])


def _sqs(port: int, operation: str, members: dict[str, Any]) -> bytes:
    headers = {"x-amz-target": f"AmazonSQS.{operation}", "content-type": "application/x-amz-json-1.0"}
    return _signer("sqs", port).request("POST", "/", orjson.dumps(members), headers=headers)


def send_message(port: int) -> list[bytes]:
    return [_sqs(port, "SendMessage", {"QueueUrl": _queue(port, "bench-send"), "MessageBody": "x" * 500})]


def receive_message(port: int) -> list[bytes]:
    """One message at a time out of a thousand, each visible again at once."""
    url = _queue(port, "bench-receive")
    sqs = client("sqs", port)
    for _ in range(100):
        sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": "x" * 500} for n in range(10)])
    return [_sqs(port, "ReceiveMessage", {"QueueUrl": url, "VisibilityTimeout": 0})]


def delete_message(port: int) -> list[bytes]:
    """Deletes of received messages; once all are gone, of what is gone, which SQS answers the same."""
    url = _queue(port, "bench-delete")
    sqs = client("sqs", port)
    handles = []
    for _ in range(200):
        sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": "x" * 500} for n in range(10)])
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            handles.append(message["ReceiptHandle"])
    return [_sqs(port, "DeleteMessage", {"QueueUrl": url, "ReceiptHandle": handle}) for handle in handles]


def _fill(port: int, requests: list[bytes]) -> None:
    """Send each request once, over one pipelined connection."""
    import socket

    with socket.create_connection(("127.0.0.1", port)) as wire:
        answers = wire.makefile("rb")
        for start in range(0, len(requests), 32):
            group = requests[start : start + 32]
            wire.sendall(b"".join(group))
            for _ in group:
                _skip_answer(answers)


def _skip_answer(answers: Any) -> None:
    length = 0
    status = answers.readline()
    if not status:
        raise RuntimeError("the server closed the connection while it was filled")
    while (line := answers.readline()) not in (b"\r\n", b""):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    answers.read(length)


S3 = [
    Load("S3 GET 4 KB", "s3", 32, s3_get(4096)),
    Load("S3 PUT 4 KB", "s3", 32, s3_put(4096, 2000)),
    Load("S3 GET 1 MB", "s3", 4, s3_get(MIB), MIB),
    Load("S3 PUT 1 MB", "s3", 4, s3_put(MIB, 16), MIB),
    Load("S3 GET 256 MB", "s3", 1, s3_get(256 * MIB), 256 * MIB),
    Load("S3 PUT 256 MB", "s3", 1, s3_put(256 * MIB, 1), 256 * MIB),
]
LISTING = [Load("S3 LIST 1,000 of 100,000", "s3", 4, s3_list(100_000))]
DYNAMODB = [
    Load("DynamoDB GetItem 1 KB", "dynamodb", 32, get_item),
    Load("DynamoDB PutItem 1 KB", "dynamodb", 32, put_item),
    Load("DynamoDB Query 100 items", "dynamodb", 8, query),
]
SQS = (
    Load("sqs send 500 B", "sqs", 32, send_message),
    Load("sqs receive 500 B", "sqs", 32, receive_message),
    Load("sqs delete", "sqs", 32, delete_message),
)
