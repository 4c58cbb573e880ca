"""Messages through boto3: send, receive, hide, delete, order, duplicates, dead letters."""

from __future__ import annotations

import json
import threading
import time

import pytest
from botocore.exceptions import ClientError

from tests.api.sqs.conftest import code_of


def bodies(answer) -> list[str]:
    return [message["Body"] for message in answer.get("Messages", [])]


def wait_for(condition, limit: float = 10.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def test_a_message_with_attributes_comes_back_whole(sqs, make) -> None:
    """boto3 itself checks the body's MD5; the attributes' digest is AWS's published algorithm."""
    url = make()
    attributes = {
        "text": {"DataType": "String.custom", "StringValue": "ünïcode"},
        "number": {"DataType": "Number", "StringValue": "1.5"},
        "blob": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
    }
    sent = sqs.send_message(
        QueueUrl=url,
        MessageBody="hällo",
        MessageAttributes=attributes,
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988"}},
    )
    message = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"])[
        "Messages"
    ][0]
    assert message["Body"] == "hällo"
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert message["Attributes"]["AWSTraceHeader"] == "Root=1-5759e988"
    assert set(message["Attributes"]) == {
        "SenderId",
        "SentTimestamp",
        "ApproximateReceiveCount",
        "ApproximateFirstReceiveTimestamp",
        "AWSTraceHeader",
    }


def test_attribute_digest_is_awss() -> None:
    """The figure was computed by hand from the algorithm in the developer guide."""
    import hashlib
    import struct

    from haneul.services.sqs import digests
    from haneul.services.sqs.plane.journal import Attribute

    def part(raw: bytes) -> bytes:
        return struct.pack(">I", len(raw)) + raw

    expected = hashlib.md5(
        part(b"a") + part(b"Binary") + b"\x02" + part(b"\x01") + part(b"b") + part(b"String") + b"\x01" + part(b"x")
    ).hexdigest()
    assert digests.of_attributes({"b": Attribute("String", "x"), "a": Attribute("Binary", data=b"\x01")}) == expected


def test_hidden_until_the_timeout_or_changed(sqs, make) -> None:
    """A received message is nobody else's until its time is over."""
    url = make(VisibilityTimeout="30")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    first = sqs.receive_message(QueueUrl=url)["Messages"][0]
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (counts["ApproximateNumberOfMessages"], counts["ApproximateNumberOfMessagesNotVisible"]) == ("0", "1")
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)
    again = sqs.receive_message(QueueUrl=url, AttributeNames=["All"], VisibilityTimeout=1)["Messages"][0]
    assert again["Attributes"]["ApproximateReceiveCount"] == "2"
    assert bodies(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)) == ["x"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    with pytest.raises(ClientError) as error:
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"], VisibilityTimeout=5)
    assert code_of(error)[0] == "InvalidParameterValue"
    with pytest.raises(ClientError) as error:
        sqs.delete_message(QueueUrl=url, ReceiptHandle="garbage")
    assert code_of(error) == (
        "ReceiptHandleIsInvalid",
        'The input receipt handle "garbage" is not a valid receipt handle.',
    )


def test_a_waiting_receiver_is_woken_by_a_send(sqs, make, cloud) -> None:
    """Long polling answers when a message comes, not when the time is over."""
    url = make()
    other = cloud.client("sqs")
    threading.Timer(0.5, lambda: other.send_message(QueueUrl=url, MessageBody="late")).start()
    started = time.monotonic()
    assert bodies(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)) == ["late"]
    assert 0.3 < time.monotonic() - started < 5


def test_delay_and_an_empty_wait(sqs, make) -> None:
    """A delayed message counts as delayed and comes by itself."""
    url = make()
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=1)
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesDelayed"])["Attributes"]
    assert counts == {"ApproximateNumberOfMessagesDelayed": "1"}
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    assert bodies(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)) == ["later"]


def test_batches_fail_in_part(sqs, make) -> None:
    """A wrong entry doesn't take the others with it; a wrong batch does."""
    url = make()
    answer = sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "1"}, {"Id": "b", "MessageBody": "2", "DelaySeconds": 901}]
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["a"]
    assert answer["Failed"][0]["Code"] == "InvalidParameterValue"
    assert answer["Failed"][0]["SenderFault"] is True
    for entries, code in (
        ([], "AWS.SimpleQueueService.EmptyBatchRequest"),
        (
            [{"Id": str(number), "MessageBody": "x"} for number in range(11)],
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        ),
        (
            [{"Id": "a", "MessageBody": "x"}, {"Id": "a", "MessageBody": "y"}],
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        ),
        ([{"Id": "a b", "MessageBody": "x"}], "AWS.SimpleQueueService.InvalidBatchEntryId"),
    ):
        with pytest.raises(ClientError) as error:
            sqs.send_message_batch(QueueUrl=url, Entries=entries)
        assert code_of(error)[0] == code
    got = sqs.receive_message(QueueUrl=url)["Messages"][0]
    answer = sqs.delete_message_batch(
        QueueUrl=url,
        Entries=[{"Id": "x", "ReceiptHandle": got["ReceiptHandle"]}, {"Id": "y", "ReceiptHandle": "no"}],
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["x"]
    assert answer["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"


def test_large_messages_and_their_limit(sqs, make) -> None:
    """One mebibyte, kept in pieces."""
    url = make()
    sqs.send_message(QueueUrl=url, MessageBody="x" * 1_048_576)
    assert len(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"]) == 1_048_576
    with pytest.raises(ClientError) as error:
        sqs.send_message(QueueUrl=url, MessageBody="x" * 1_048_577)
    assert code_of(error) == (
        "InvalidParameterValue",
        "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
    )


def test_fifo_keeps_order_within_groups(sqs, make) -> None:
    """No message of a group overtakes, and none comes while another is in flight."""
    url = make(".fifo", FifoQueue="true", ContentBasedDeduplication="true")
    numbers = []
    for body, group in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a")):
        numbers.append(sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group)["SequenceNumber"])
    assert numbers == sorted(numbers)
    assert all(len(number) == 20 for number in numbers)
    first = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2, AttributeNames=["All"])["Messages"]
    assert [message["Body"] for message in first] == ["a1", "a2"]
    assert first[0]["Attributes"]["MessageGroupId"] == "a"
    assert bodies(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)) == ["b1"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=first[0]["ReceiptHandle"])
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first[1]["ReceiptHandle"], VisibilityTimeout=0)
    assert bodies(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)) == ["a2", "a3"]


def test_fifo_drops_duplicates(sqs, make) -> None:
    """The same deduplication id within five minutes is the same message."""
    url = make(".fifo", FifoQueue="true")
    with pytest.raises(ClientError) as error:
        sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="g")
    assert code_of(error)[0] == "InvalidParameterValue"
    with pytest.raises(ClientError) as error:
        sqs.send_message(QueueUrl=url, MessageBody="x", MessageDeduplicationId="d")
    assert code_of(error) == ("MissingParameter", "The request must contain the parameter MessageGroupId.")
    one = sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="g", MessageDeduplicationId="d")
    two = sqs.send_message(QueueUrl=url, MessageBody="y", MessageGroupId="g", MessageDeduplicationId="d")
    assert (one["MessageId"], one["SequenceNumber"]) == (two["MessageId"], two["SequenceNumber"])
    assert bodies(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)) == ["x"]


def test_a_fifo_batch_without_its_order_fails_whole(sqs, make) -> None:
    """A group or deduplication id that is missing is the request's fault, not one entry's."""
    url = make(".fifo", FifoQueue="true")
    whole = {"Id": "a", "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    for left_out, code in (("MessageGroupId", "MissingParameter"), ("MessageDeduplicationId", "InvalidParameterValue")):
        other = {**{name: value for name, value in whole.items() if name != left_out}, "Id": "b"}
        with pytest.raises(ClientError) as error:
            sqs.send_message_batch(QueueUrl=url, Entries=[whole, other])
        assert code_of(error)[0] == code
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_a_repeated_attempt_gets_the_same_messages(sqs, make) -> None:
    """A client that lost an answer asks again with its attempt's id."""
    url = make(".fifo", FifoQueue="true", ContentBasedDeduplication="true")
    sqs.send_message(QueueUrl=url, MessageBody="x", MessageGroupId="g")
    one = sqs.receive_message(QueueUrl=url, ReceiveRequestAttemptId="try")["Messages"]
    two = sqs.receive_message(QueueUrl=url, ReceiveRequestAttemptId="try")["Messages"]
    assert one[0]["ReceiptHandle"] == two[0]["ReceiptHandle"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url, ReceiveRequestAttemptId="other")


def test_failing_messages_are_buried_and_dug_out(sqs, make) -> None:
    """A message received too often moves to the dead-letter queue, and a move task brings it back."""
    dead = make()
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    url = make(RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1}), VisibilityTimeout="0")
    source = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.send_message(QueueUrl=url, MessageBody="bad")
    assert bodies(sqs.receive_message(QueueUrl=url)) == ["bad"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    found = sqs.receive_message(QueueUrl=dead, AttributeNames=["All"], VisibilityTimeout=0)["Messages"][0]
    assert found["Attributes"]["DeadLetterQueueSourceArn"] == source
    with pytest.raises(ClientError) as error:
        sqs.start_message_move_task(SourceArn=source)
    assert code_of(error) == ("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
    sqs.start_message_move_task(SourceArn=arn)
    result = wait_for(
        lambda: [r for r in sqs.list_message_move_tasks(SourceArn=arn)["Results"] if r["Status"] == "COMPLETED"]
    )[0]
    assert result["ApproximateNumberOfMessagesMoved"] == 1
    assert "TaskHandle" not in result
    assert bodies(sqs.receive_message(QueueUrl=url)) == ["bad"]


def test_nothing_acknowledged_is_lost_in_a_kill(fresh_cloud) -> None:
    """A send's 200 and a delete's 200 hold after kill -9; FIFO order too."""
    cloud = fresh_cloud()
    sqs = cloud.client("sqs")
    url = sqs.create_queue(QueueName="k.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"})[
        "QueueUrl"
    ]
    for number in range(20):
        sqs.send_message(QueueUrl=url, MessageBody=f"m{number}", MessageGroupId="g")
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=5)["Messages"]
    for message in got[:2]:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    cloud.kill()
    cloud.start()
    sqs = cloud.client("sqs")
    url = sqs.get_queue_url(QueueName="k.fifo")["QueueUrl"]
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=got[2]["ReceiptHandle"])
    for message in got[3:]:
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    assert sqs.send_message(QueueUrl=url, MessageBody="m19", MessageGroupId="g")["MessageId"]
    seen = []
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in batch:
            seen.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert seen == [f"m{number}" for number in range(3, 20)]


def test_a_receiver_that_hung_up_takes_nothing(sqs, make, cloud) -> None:
    """A message sent after a waiting client went away is there for the next one at once."""
    import socket

    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    url = make()
    body = json.dumps({"QueueUrl": url, "WaitTimeSeconds": 20})
    headers = {"X-Amz-Target": "AmazonSQS.ReceiveMessage", "Content-Type": "application/x-amz-json-1.0"}
    request = AWSRequest("POST", cloud.url + "/", data=body, headers=headers)
    SigV4Auth(Credentials("000000000000", "test"), "sqs", "us-east-1").add_auth(request)
    host, port = cloud.url.split("//")[1].split(":")
    lines = [f"{name}: {value}" for name, value in request.headers.items()]
    head = "\r\n".join(["POST / HTTP/1.1", f"Host: {host}:{port}", f"Content-Length: {len(body)}", *lines, "", ""])
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + body.encode())
        time.sleep(0.3)
    time.sleep(0.2)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert bodies(sqs.receive_message(QueueUrl=url)) == ["x"]
