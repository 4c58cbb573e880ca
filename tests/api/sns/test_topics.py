"""Topics and subscriptions through boto3, and messages that really arrive in queues and at web endpoints."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding


@pytest.fixture
def sns(client):
    return client("sns")


@pytest.fixture
def sqs(client):
    return client("sqs")


@pytest.fixture
def topic(sns, unique):
    arns = []

    def make(**attributes: str) -> str:
        name = unique("t") + (".fifo" if "FifoTopic" in attributes else "")
        arns.append(sns.create_topic(Name=name, Attributes=attributes)["TopicArn"])
        return arns[-1]

    yield make
    for arn in arns:
        sns.delete_topic(TopicArn=arn)


@pytest.fixture
def queue(sqs, unique):
    urls = []

    def make(suffix: str = "", **attributes: str) -> tuple[str, str]:
        url = sqs.create_queue(QueueName=unique("q") + suffix, Attributes=attributes)["QueueUrl"]
        urls.append(url)
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    yield make
    for url in urls:
        sqs.delete_queue(QueueUrl=url)


def received(sqs, url: str, wait: int = 2) -> list[dict]:
    found = []
    while batch := sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        WaitTimeSeconds=wait if not found else 0,
        MessageAttributeNames=["All"],
        AttributeNames=["All"],
    ).get("Messages"):
        for message in batch:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        found += batch
    return found


def failed(call, *args, **kwargs) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(*args, **kwargs)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_topics_live(sns, topic, unique) -> None:
    """Create is idempotent; what is missing is NotFound; names are checked."""
    arn = topic(DisplayName="x")
    name = arn.rsplit(":", 1)[1]
    assert sns.create_topic(Name=name)["TopicArn"] == arn
    assert failed(sns.create_topic, Name=name, Attributes={"DisplayName": "y"}) == (
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
    )
    attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert attributes["DisplayName"] == "x"
    assert attributes["Owner"] == "000000000000"
    assert json.loads(attributes["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 3
    assert failed(sns.create_topic, Name="a b") == ("InvalidParameter", "Invalid parameter: Topic Name")
    assert failed(sns.get_topic_attributes, TopicArn=arn + "x") == ("NotFound", "Topic does not exist")
    assert failed(sns.set_topic_attributes, TopicArn=arn, AttributeName="Nope", AttributeValue="x")[1] == (
        "Invalid parameter: AttributeName"
    )
    assert arn in [t["TopicArn"] for page in sns.get_paginator("list_topics").paginate() for t in page["Topics"]]


def test_a_queue_gets_the_envelope_and_its_signature_holds(sns, sqs, topic, queue, cloud) -> None:
    """Subscribers check the signature with the certificate that the message names."""
    arn, (url, queue_arn) = topic(), queue()
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn)
    sent = sns.publish(
        TopicArn=arn,
        Message="hi",
        Subject="s",
        MessageAttributes={
            "n": {"DataType": "Number", "StringValue": "1"},
            "b": {"DataType": "Binary", "BinaryValue": b"x"},
        },
    )
    message = json.loads(received(sqs, url)[0]["Body"])
    assert message["Type"] == "Notification"
    assert message["MessageId"] == sent["MessageId"]
    assert (message["TopicArn"], message["Message"], message["Subject"]) == (arn, "hi", "s")
    assert message["MessageAttributes"] == {
        "n": {"Type": "Number", "Value": "1"},
        "b": {"Type": "Binary", "Value": base64.b64encode(b"x").decode()},
    }
    pem = requests.get(message["SigningCertURL"], timeout=5).content
    text = "".join(
        f"{name}\n{message[name]}\n" for name in ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    )
    x509.load_pem_x509_certificate(pem).public_key().verify(
        base64.b64decode(message["Signature"]), text.encode(), padding.PKCS1v15(), hashes.SHA1()
    )


def test_raw_delivery_and_filters(sns, sqs, topic, queue) -> None:
    """Raw messages keep their attributes; filter policies decide who gets what."""
    arn, (raw, raw_arn), (body, body_arn) = topic(), queue(), queue()
    sns.subscribe(
        TopicArn=arn,
        Protocol="sqs",
        Endpoint=raw_arn,
        Attributes={"RawMessageDelivery": "true", "FilterPolicy": json.dumps({"kind": ["a", {"prefix": "b"}]})},
    )
    sns.subscribe(
        TopicArn=arn,
        Protocol="sqs",
        Endpoint=body_arn,
        Attributes={
            "RawMessageDelivery": "true",
            "FilterPolicyScope": "MessageBody",
            "FilterPolicy": json.dumps({"order": {"price": [{"numeric": [">", 10]}]}}),
        },
    )
    for kind, message in (("a", "1"), ("bee", "2"), ("c", json.dumps({"order": {"price": 11}}))):
        sns.publish(
            TopicArn=arn, Message=message, MessageAttributes={"kind": {"DataType": "String", "StringValue": kind}}
        )
    got = received(sqs, raw)
    assert sorted(message["Body"] for message in got) == ["1", "2"]
    assert got[0]["MessageAttributes"]["kind"]["DataType"] == "String"
    assert [message["Body"] for message in received(sqs, body)] == [json.dumps({"order": {"price": 11}})]


def test_subscriptions_are_described_and_changed(sns, topic, queue) -> None:
    """The attributes that infrastructure tools read back."""
    arn, (_, queue_arn) = topic(), queue()
    subscription = sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn)["SubscriptionArn"]
    assert sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn)["SubscriptionArn"] == subscription
    attributes = sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    assert attributes["RawMessageDelivery"] == "false"
    assert attributes["PendingConfirmation"] == "false"
    assert "FilterPolicyScope" not in attributes
    sns.set_subscription_attributes(
        SubscriptionArn=subscription, AttributeName="FilterPolicy", AttributeValue=json.dumps({"a": ["b"]})
    )
    attributes = sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    assert attributes["FilterPolicyScope"] == "MessageAttributes"
    code, message = failed(
        sns.set_subscription_attributes,
        SubscriptionArn=subscription,
        AttributeName="FilterPolicy",
        AttributeValue=json.dumps({"a": "b"}),
    )
    assert (code, message) == ("InvalidParameter", 'Invalid parameter: FilterPolicy: "a" must be an object or an array')
    assert sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"][0]["SubscriptionArn"] == subscription
    sns.unsubscribe(SubscriptionArn=subscription)
    sns.unsubscribe(SubscriptionArn=subscription)
    assert failed(sns.get_subscription_attributes, SubscriptionArn=subscription) == (
        "NotFound",
        "Subscription does not exist",
    )
    for protocol, endpoint, expected in (
        ("nope", "x", "Invalid parameter: Amazon SNS does not support this protocol string: nope"),
        ("sqs", "x", "Invalid parameter: SQS endpoint ARN"),
        ("http", "ftp://x", "Invalid parameter: Endpoint must match the specified protocol"),
    ):
        assert failed(sns.subscribe, TopicArn=arn, Protocol=protocol, Endpoint=endpoint) == (
            "InvalidParameter",
            expected,
        )


def test_fifo_topics_feed_fifo_queues_in_order(sns, sqs, topic, queue) -> None:
    """Order, groups and deduplication go through."""
    arn = topic(FifoTopic="true", ContentBasedDeduplication="true")
    url, queue_arn = queue(".fifo", FifoQueue="true")
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn, Attributes={"RawMessageDelivery": "true"})
    first = [sns.publish(TopicArn=arn, Message=str(number), MessageGroupId="g") for number in range(5)]
    again = sns.publish(TopicArn=arn, Message="0", MessageGroupId="g")
    assert (again["MessageId"], again["SequenceNumber"]) == (first[0]["MessageId"], first[0]["SequenceNumber"])
    assert [message["Body"] for message in received(sqs, url)] == ["0", "1", "2", "3", "4"]
    assert failed(sns.publish, TopicArn=arn, Message="x") == (
        "InvalidParameter",
        "Invalid parameter: The MessageGroupId parameter is required for FIFO topics",
    )


def test_batches_and_structures(sns, sqs, topic, queue) -> None:
    """Up to ten at once; a JSON structure gives each protocol its own text."""
    arn, (url, queue_arn) = topic(), queue()
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn, Attributes={"RawMessageDelivery": "true"})
    answer = sns.publish_batch(
        TopicArn=arn,
        PublishBatchRequestEntries=[
            {"Id": "a", "Message": json.dumps({"default": "d", "sqs": "q"}), "MessageStructure": "json"},
            {"Id": "b", "Message": json.dumps({"sqs": "q"}), "MessageStructure": "json"},
        ],
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["a"]
    assert answer["Failed"][0]["Message"] == (
        "Invalid parameter: Message Structure - No default entry in JSON message body"
    )
    assert [message["Body"] for message in received(sqs, url)] == ["q"]
    assert failed(sns.publish_batch, TopicArn=arn, PublishBatchRequestEntries=[])[0] == "EmptyBatchRequest"
    assert failed(sns.publish, Message="x") == (
        "InvalidParameter",
        "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter",
    )


def test_missing_queues_send_to_the_dead_letter_queue(sns, sqs, topic, queue) -> None:
    """What can't be delivered is kept with its reason."""
    arn, (_, gone_arn), (dead, dead_arn) = topic(), queue(), queue()
    sns.subscribe(
        TopicArn=arn,
        Protocol="sqs",
        Endpoint=gone_arn + "-x",
        Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_arn})},
    )
    sns.publish(TopicArn=arn, Message="lost")
    message = received(sqs, dead)[0]
    assert json.loads(message["Body"])["Message"] == "lost"
    assert "ErrorCode" in message["MessageAttributes"]


def test_web_endpoints_confirm_and_receive(sns, topic, cloud) -> None:
    """A web endpoint gets a token, confirms with it, and then gets messages."""
    seen: list[tuple[dict, str]] = []
    arrived = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            seen.append((dict(self.headers), body))
            self.send_response(200)
            self.end_headers()
            arrived.set()

        def log_message(self, *args) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        arn = topic()
        endpoint = f"http://127.0.0.1:{server.server_port}/hook"
        assert sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=endpoint)["SubscriptionArn"] == (
            "pending confirmation"
        )
        assert arrived.wait(10)
        headers, body = seen[0]
        message = json.loads(body)
        assert headers["x-amz-sns-message-type"] == message["Type"] == "SubscriptionConfirmation"
        assert sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"][0]["SubscriptionArn"] == (
            "PendingConfirmation"
        )
        link = message["SubscribeURL"]
        assert "<SubscriptionArn>" in requests.get(link, timeout=5).text
        arrived.clear()
        sns.publish(TopicArn=arn, Message="hello")
        assert arrived.wait(10)
        headers, body = seen[1]
        assert (headers["x-amz-sns-message-type"], json.loads(body)["Message"]) == ("Notification", "hello")
    finally:
        server.shutdown()
        server.server_close()


def test_numbers_are_compared_to_five_digits(sns, sqs, topic, queue) -> None:
    """SNS promises five digits behind the point, and prices differ beyond them."""
    arn, (url, queue_arn) = topic(), queue()
    policy = json.dumps({"price": [100.123456789]})
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn, Attributes={"FilterPolicy": policy})
    for text in ("100.12345", "100.1234599"):
        price = {"price": {"DataType": "Number", "StringValue": text}}
        sns.publish(TopicArn=arn, Message=text, MessageAttributes=price)
    assert [json.loads(message["Body"])["Message"] for message in received(sqs, url)] == ["100.1234599"]


def test_the_longest_message_is_published(sns, topic) -> None:
    """Its form is larger than what the gateway keeps from streaming."""
    arn = topic()
    assert sns.publish(TopicArn=arn, Message="." * 262_144)["MessageId"]
    code, message = failed(sns.publish, TopicArn=arn, Message="." * 262_145)
    assert (code, message) == ("InvalidParameter", "Invalid parameter: Message too long")


def test_endpoints_that_cannot_be_are_refused(sns, topic) -> None:
    """Wrong phone numbers and devices that are gone, in AWS's words."""
    arn = topic()
    for number in ("+15--551234567", "+15551234567.", "/+15551234567"):
        told = failed(sns.subscribe, TopicArn=arn, Protocol="sms", Endpoint=number)
        assert told == ("InvalidParameter", f"Invalid SMS endpoint: {number}")
    assert failed(sns.check_if_phone_number_is_opted_out, phoneNumber="+44742LALALA")[1].endswith(
        "incorrectly formatted"
    )
    application = sns.create_platform_application(
        Name="gone", Platform="GCM", Attributes={"PlatformCredential": "secret"}
    )["PlatformApplicationArn"]
    endpoint = sns.create_platform_endpoint(PlatformApplicationArn=application, Token="t")["EndpointArn"]
    sns.delete_endpoint(EndpointArn=endpoint)
    code, message = failed(sns.subscribe, TopicArn=arn, Protocol="application", Endpoint=endpoint)
    assert (code, "Endpoint does not exist" in message) == ("InvalidParameter", True)
    sns.delete_platform_application(PlatformApplicationArn=application)


def test_platforms_phones_tags_permissions(sns, topic) -> None:
    """What is only kept here is kept and told exactly."""
    arn = topic()
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "1"}]
    sns.untag_resource(ResourceArn=arn, TagKeys=["a"])
    sns.add_permission(TopicArn=arn, Label="l", AWSAccountId=["111111111111"], ActionName=["Publish"])
    policy = json.loads(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"])
    assert policy["Statement"][1]["Action"] == "SNS:Publish"
    sns.remove_permission(TopicArn=arn, Label="l")
    application = sns.create_platform_application(
        Name="a", Platform="GCM", Attributes={"PlatformCredential": "secret"}
    )["PlatformApplicationArn"]
    endpoint = sns.create_platform_endpoint(PlatformApplicationArn=application, Token="t")["EndpointArn"]
    assert sns.create_platform_endpoint(PlatformApplicationArn=application, Token="t")["EndpointArn"] == endpoint
    assert sns.get_endpoint_attributes(EndpointArn=endpoint)["Attributes"]["Enabled"] == "true"
    assert "secret" not in str(sns.get_platform_application_attributes(PlatformApplicationArn=application))
    sns.set_endpoint_attributes(EndpointArn=endpoint, Attributes={"Enabled": "false"})
    assert failed(sns.publish, TargetArn=endpoint, Message="x") == ("EndpointDisabled", "Endpoint is disabled")
    sns.delete_platform_application(PlatformApplicationArn=application)
    sns.set_sms_attributes(attributes={"DefaultSMSType": "Transactional"})
    assert sns.get_sms_attributes()["attributes"]["DefaultSMSType"] == "Transactional"
    assert sns.publish(PhoneNumber="+15550100000", Message="x")["MessageId"]
