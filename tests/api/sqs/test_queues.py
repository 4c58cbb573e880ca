"""Queues through boto3: what AWS answers for creating, finding, configuring and removing them."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.api.sqs.conftest import code_of


def test_create_is_idempotent_unless_an_attribute_differs(sqs, make) -> None:
    """Infrastructure tools create again and again; only a real difference may fail."""
    url = make(DelaySeconds="5")
    name = url.rsplit("/", 1)[1]
    assert sqs.create_queue(QueueName=name)["QueueUrl"] == url
    assert sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "5"})["QueueUrl"] == url
    with pytest.raises(ClientError) as error:
        sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "6"})
    assert code_of(error) == (
        "QueueAlreadyExists",
        "A queue already exists with the same name and a different value for attribute DelaySeconds",
    )


def test_defaults_are_awss(sqs, make) -> None:
    """Clients and Terraform compare every attribute."""
    attributes = sqs.get_queue_attributes(QueueUrl=make(), AttributeNames=["All"])["Attributes"]
    assert attributes["MaximumMessageSize"] == "1048576"
    assert attributes["MessageRetentionPeriod"] == "345600"
    assert attributes["VisibilityTimeout"] == "30"
    assert attributes["SqsManagedSseEnabled"] == "true"
    assert attributes["QueueArn"].startswith("arn:aws:sqs:us-east-1:000000000000:")
    assert "FifoQueue" not in attributes


def test_fifo_defaults_and_names(sqs, make, unique) -> None:
    """A FIFO queue is one by attribute and by name, both or neither."""
    attributes = sqs.get_queue_attributes(QueueUrl=make(".fifo", FifoQueue="true"), AttributeNames=["All"])[
        "Attributes"
    ]
    assert attributes["FifoQueue"] == "true"
    assert attributes["ContentBasedDeduplication"] == "false"
    assert attributes["DeduplicationScope"] == "queue"
    assert attributes["FifoThroughputLimit"] == "perQueue"
    for name, given in ((unique("q"), {"FifoQueue": "true"}), (unique("q") + ".fifo", {}), ("a b", {})):
        with pytest.raises(ClientError) as error:
            sqs.create_queue(QueueName=name, Attributes=given)
        assert code_of(error)[0] == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"Nonsense": "1"}, ("InvalidAttributeName", "Unknown Attribute Nonsense.")),
        (
            {"VisibilityTimeout": "43201"},
            ("InvalidAttributeValue", "Invalid value for the parameter VisibilityTimeout."),
        ),
        (
            {"ContentBasedDeduplication": "true"},
            ("InvalidAttributeName", "Unknown Attribute ContentBasedDeduplication."),
        ),
        ({"Policy": "{"}, ("InvalidAttributeValue", "Invalid value for the parameter Policy.")),
    ],
)
def test_wrong_attributes_are_told(sqs, unique, attributes, expected) -> None:
    """Each has a code of its own on AWS."""
    with pytest.raises(ClientError) as error:
        sqs.create_queue(QueueName=unique("q"), Attributes=attributes)
    assert code_of(error) == expected


def test_missing_queue_has_both_codes(sqs) -> None:
    """Old clients look for the query protocol's code, new ones for the exception's type."""
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as error:
        sqs.get_queue_url(QueueName="nowhere")
    assert code_of(error) == ("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_listing_pages_by_name(sqs, make, unique) -> None:
    """NextToken comes only with MaxResults."""
    prefix = unique("list")
    urls = [sqs.create_queue(QueueName=f"{prefix}-{number}")["QueueUrl"] for number in range(5)]
    assert sqs.list_queues(QueueNamePrefix=prefix)["QueueUrls"] == urls
    first = sqs.list_queues(QueueNamePrefix=prefix, MaxResults=3)
    assert first["QueueUrls"] == urls[:3]
    rest = sqs.list_queues(QueueNamePrefix=prefix, MaxResults=3, NextToken=first["NextToken"])
    assert rest["QueueUrls"] == urls[3:]
    assert "NextToken" not in rest
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=unique("none"))


def test_settings_change_and_empty_policies_go(sqs, make) -> None:
    """An empty policy takes the attribute away."""
    url, dead = make(), make()
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "7"})
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (attributes["RedrivePolicy"], attributes["VisibilityTimeout"]) == (policy, "7")
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": ""})
    assert "RedrivePolicy" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    with pytest.raises(ClientError) as error:
        sqs.set_queue_attributes(
            QueueUrl=url, Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_arn})}
        )
    assert "does not contain mandatory attribute: maxReceiveCount" in code_of(error)[1]


def test_tags(sqs, make) -> None:
    """Tags are added, replaced and taken away."""
    url = make()
    sqs.tag_queue(QueueUrl=url, Tags={"a": "1", "b": "2"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["a"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "2"}
    with pytest.raises(ClientError) as error:
        sqs.tag_queue(QueueUrl=url, Tags={})
    assert code_of(error) == ("MissingParameter", "The request must contain the parameter Tags.")
    with pytest.raises(ClientError) as error:
        sqs.untag_queue(QueueUrl=url, TagKeys=[])
    assert code_of(error)[1] == "Tag keys must be between 1 and 128 characters in length."


def test_permissions_are_statements(sqs, make) -> None:
    """AddPermission writes the policy that AWS writes."""
    url = make()
    sqs.add_permission(QueueUrl=url, Label="one", AWSAccountIds=["111111111111"], Actions=["SendMessage"])
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
    statement = policy["Statement"][0]
    assert statement["Sid"] == "one"
    assert statement["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"}
    assert statement["Action"] == "SQS:SendMessage"
    with pytest.raises(ClientError):
        sqs.add_permission(QueueUrl=url, Label="one", AWSAccountIds=["111111111111"], Actions=["SendMessage"])
    with pytest.raises(ClientError) as error:
        sqs.add_permission(QueueUrl=url, Label="two", AWSAccountIds=["111111111111"], Actions=["DeleteQueue"])
    assert code_of(error)[1].startswith("Value SQS:DeleteQueue for parameter ActionName is invalid.")
    sqs.remove_permission(QueueUrl=url, Label="one")
    with pytest.raises(ClientError):
        sqs.remove_permission(QueueUrl=url, Label="one")


def test_purge_once_a_minute(sqs, make) -> None:
    """A second purge within a minute is refused."""
    url = make()
    sqs.send_message(QueueUrl=url, MessageBody="x")
    sqs.purge_queue(QueueUrl=url)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    with pytest.raises(ClientError) as error:
        sqs.purge_queue(QueueUrl=url)
    assert code_of(error)[0] == "AWS.SimpleQueueService.PurgeQueueInProgress"


def test_query_protocol_still_works(make) -> None:
    """Clients from before 2023 speak forms and XML, to the queue's own URL."""
    url = make()

    def ask(target: str, **form: str) -> requests.Response:
        request = AWSRequest("POST", target, data=urlencode({"Version": "2012-11-05", **form}))
        request.headers["Content-Type"] = "application/x-www-form-urlencoded"
        SigV4Auth(Credentials("000000000000", "test"), "sqs", "us-east-1").add_auth(request)
        return requests.post(target, data=request.body, headers=dict(request.headers), timeout=10)

    sent = ask(
        url,
        Action="SendMessage",
        MessageBody="<hello>",
        **{
            "MessageAttribute.1.Name": "kind",
            "MessageAttribute.1.Value.DataType": "String",
            "MessageAttribute.1.Value.StringValue": "x",
        },
    )
    assert sent.status_code == 200, sent.text
    assert "<SendMessageResult>" in sent.text
    got = ask(url, Action="ReceiveMessage", **{"AttributeName.1": "All", "MessageAttributeName.1": "All"})
    assert "<Body>&lt;hello&gt;</Body>" in got.text
    assert "<Attribute><Name>SenderId</Name>" in got.text
    assert "<MessageAttribute><Name>kind</Name><Value>" in got.text
    missing = ask(url + "x", Action="ReceiveMessage")
    assert "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>" in missing.text
    batch = ask(
        url,
        Action="SendMessageBatch",
        **{"SendMessageBatchRequestEntry.1.Id": "a", "SendMessageBatchRequestEntry.1.MessageBody": "1"},
    )
    assert "<SendMessageBatchResultEntry><Id>a</Id>" in batch.text
    attributes = ask(url, Action="GetQueueAttributes", **{"AttributeName.1": "QueueArn"})
    assert "<Attribute><Name>QueueArn</Name><Value>arn:aws:sqs:" in attributes.text


def test_a_redrive_count_is_told_as_a_number(sqs, make) -> None:
    """Terraform compares the policy that it sent with the one that it reads."""
    dead = sqs.get_queue_attributes(QueueUrl=make(), AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    url = make(RedrivePolicy=json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": "7"}))
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
    assert json.loads(told) == {"deadLetterTargetArn": dead, "maxReceiveCount": 7}


def test_a_dead_letter_queue_may_refuse(sqs, make) -> None:
    """RedriveAllowPolicy says which queues may send there."""
    dead = make(RedriveAllowPolicy=json.dumps({"redrivePermission": "denyAll"}))
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})}
    url = make()
    with pytest.raises(ClientError) as error:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=policy)
    assert code_of(error)[0] == "InvalidParameterValue"
    source = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [source]})
    sqs.set_queue_attributes(QueueUrl=dead, Attributes={"RedriveAllowPolicy": allowed})
    sqs.set_queue_attributes(QueueUrl=url, Attributes=policy)
    with pytest.raises(ClientError) as error:
        missing = policy["RedrivePolicy"].replace(arn, arn + "-none")
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": missing})
    assert code_of(error)[1].endswith("Reason: Dead letter target does not exist.")
