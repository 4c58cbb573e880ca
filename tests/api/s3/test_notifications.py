"""Notifications: what may be configured, and what queues, topics and buses are told of objects."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running import RunningCloud

Unique = Callable[[str], str]
Client = Callable[..., Any]


@pytest.fixture
def bucket(client: Client, unique: Unique) -> str:
    name = unique("told")
    client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def queue(client: Client, unique: Unique) -> tuple[str, str]:
    """(url, arn)"""
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=unique("queue"))["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def received(sqs: Any, url: str, count: int) -> list[Any]:
    """The next `count` messages, parsed, in whatever order the queue gives them."""
    found: list[Any] = []
    deadline = time.monotonic() + 15
    while len(found) < count and time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=10).get("Messages", []):
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert len(found) == count
    return found


def notify(s3: Any, bucket: str, **configuration: Any) -> None:
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)


def refused(s3: Any, bucket: str, **configuration: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        notify(s3, bucket, **configuration)
    error: dict[str, Any] = caught.value.response["Error"]
    return error


def only(arn: str, *events: str, **more: Any) -> list[dict[str, Any]]:
    return [{"QueueArn": arn, "Events": list(events), **more}]


def rules(**affixes: str) -> dict[str, Any]:
    return {"Key": {"FilterRules": [{"Name": name, "Value": value} for name, value in affixes.items()]}}


def test_configuration_comes_back(client: Client, bucket: str, queue: tuple[str, str]) -> None:
    # Ids are made up where none is given, and rule names are capitalised, as S3 does.
    s3, (_, arn) = client("s3"), queue
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)
    notify(
        s3,
        bucket,
        QueueConfigurations=only(arn, "s3:ObjectCreated:*", Filter=rules(prefix="a/", suffix=".jpg")),
        EventBridgeConfiguration={},
    )
    told = s3.get_bucket_notification_configuration(Bucket=bucket)
    (one,) = told["QueueConfigurations"]
    assert one["Id"] and one["QueueArn"] == arn and one["Events"] == ["s3:ObjectCreated:*"]
    assert one["Filter"] == rules(Prefix="a/", Suffix=".jpg")
    assert told["EventBridgeConfiguration"] == {}
    notify(s3, bucket)
    told = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert set(told) == {"ResponseMetadata"}


def test_deprecated_operations(client: Client, bucket: str, queue: tuple[str, str]) -> None:
    # Old clients know one destination of a kind.
    s3, (_, arn) = client("s3"), queue
    one = {"Id": "x", "Queue": arn, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification(Bucket=bucket, NotificationConfiguration={"QueueConfiguration": one})
    told = s3.get_bucket_notification(Bucket=bucket)["QueueConfiguration"]
    assert {"Id": "x", "Queue": arn}.items() <= told.items()
    (kept,) = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    assert kept == {"Id": "x", "QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}


def test_queue_is_told(client: Client, bucket: str, queue: tuple[str, str]) -> None:
    # The test event, and the records of a put and a delete in the exact shape consumers parse.
    s3, sqs, (url, arn) = client("s3"), client("sqs"), queue
    notify(s3, bucket, QueueConfigurations=only(arn, "s3:ObjectCreated:*", "s3:ObjectRemoved:*", Id="both"))
    (test,) = received(sqs, url, 1)
    assert set(test) == {"Service", "Event", "Time", "Bucket", "RequestId", "HostId"}
    assert (test["Service"], test["Event"], test["Bucket"]) == ("Amazon S3", "s3:TestEvent", bucket)
    put = s3.put_object(Bucket=bucket, Key="red flower/é+1.jpg", Body=b"x" * 11)
    (told,) = received(sqs, url, 1)
    (record,) = told["Records"]
    assert record["eventVersion"] == "2.1"
    assert record["eventSource"] == "aws:s3"
    assert record["awsRegion"] == "us-east-1"
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["eventTime"].endswith("Z")
    assert record["userIdentity"]["principalId"].startswith("AWS:")
    assert record["requestParameters"] == {"sourceIPAddress": "127.0.0.1"}
    metadata = put["ResponseMetadata"]
    assert record["responseElements"] == {"x-amz-request-id": metadata["RequestId"], "x-amz-id-2": metadata["HostId"]}
    about = record["s3"]
    assert (about["s3SchemaVersion"], about["configurationId"]) == ("1.0", "both")
    assert about["bucket"]["name"] == bucket and about["bucket"]["arn"] == f"arn:aws:s3:::{bucket}"
    assert about["bucket"]["ownerIdentity"]["principalId"]
    what = about["object"]
    assert what["key"] == "red+flower/%C3%A9%2B1.jpg"
    assert (what["size"], what["eTag"]) == (11, put["ETag"].strip('"'))
    assert "versionId" not in what
    s3.delete_object(Bucket=bucket, Key="red flower/é+1.jpg")
    (told,) = received(sqs, url, 1)
    gone = told["Records"][0]
    assert gone["eventName"] == "ObjectRemoved:Delete"
    assert set(gone["s3"]["object"]) == {"key", "sequencer"}


def test_versions_and_other_ways_to_write(client: Client, bucket: str, queue: tuple[str, str]) -> None:
    # Copy, multipart and delete markers have names of their own, and versions their ids; sequencers grow per key.
    s3, sqs, (url, arn) = client("s3"), client("sqs"), queue
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    notify(s3, bucket, QueueConfigurations=only(arn, "s3:ObjectCreated:*", "s3:ObjectRemoved:DeleteMarkerCreated"))
    first = s3.put_object(Bucket=bucket, Key="a", Body=b"1")["VersionId"]
    second = s3.copy_object(
        Bucket=bucket, Key="a", CopySource={"Bucket": bucket, "Key": "a"}, MetadataDirective="REPLACE"
    )["VersionId"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="a")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="a", UploadId=upload, PartNumber=1, Body=b"p")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    third = s3.complete_multipart_upload(Bucket=bucket, Key="a", UploadId=upload, MultipartUpload=parts)["VersionId"]
    fourth = s3.delete_object(Bucket=bucket, Key="a")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="a", VersionId=fourth)  # nobody asked for this
    records = [told["Records"][0] for told in received(sqs, url, 5) if "Records" in told]
    records.sort(key=lambda record: record["s3"]["object"]["sequencer"])
    assert [(record["eventName"], record["s3"]["object"]["versionId"]) for record in records] == [
        ("ObjectCreated:Put", first),
        ("ObjectCreated:Copy", second),
        ("ObjectCreated:CompleteMultipartUpload", third),
        ("ObjectRemoved:DeleteMarkerCreated", fourth),
    ]


def test_filters(client: Client, bucket: str, queue: tuple[str, str]) -> None:
    # Only keys with the prefix and the suffix are told of.
    s3, sqs, (url, arn) = client("s3"), client("sqs"), queue
    notify(s3, bucket, QueueConfigurations=only(arn, "s3:ObjectCreated:Put", Filter=rules(prefix="in/", suffix=".c")))
    for key in ("in/a.h", "out/b.c", "in/c.c"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    told = [each for each in received(sqs, url, 2) if "Records" in each]
    assert [each["Records"][0]["s3"]["object"]["key"] for each in told] == ["in/c.c"]


def test_topic_and_a_dead_queue(client: Client, bucket: str, queue: tuple[str, str], unique: Unique) -> None:
    # A destination that has gone keeps nothing from the others; topics get a subject.
    s3, sqs, sns, (url, arn) = client("s3"), client("sqs"), client("sns"), queue
    topic = sns.create_topic(Name=unique("topic"))["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    gone = sqs.create_queue(QueueName=unique("gone"))["QueueUrl"]
    gone_arn = sqs.get_queue_attributes(QueueUrl=gone, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    notify(
        s3,
        bucket,
        QueueConfigurations=only(gone_arn, "s3:ObjectCreated:*", Filter=rules(prefix="a")),
        TopicConfigurations=[{"TopicArn": topic, "Events": ["s3:ObjectRemoved:*"]}],
    )
    (test,) = received(sqs, url, 1)
    assert test["Subject"] == "Amazon S3 Notification"
    sqs.delete_queue(QueueUrl=gone)
    s3.put_object(Bucket=bucket, Key="a", Body=b"")
    s3.delete_object(Bucket=bucket, Key="a")
    (told,) = received(sqs, url, 1)
    assert json.loads(told["Message"])["Records"][0]["eventName"] == "ObjectRemoved:Delete"


def test_event_bridge(client: Client, bucket: str, queue: tuple[str, str], unique: Unique) -> None:
    # With EventBridge on, the account's bus has "Object Created" and the like, keys as they are.
    s3, sqs, events, (url, arn) = client("s3"), client("sqs"), client("events"), queue
    rule = unique("rule")
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}}
    events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=rule, Targets=[{"Id": "1", "Arn": arn}])
    notify(s3, bucket, EventBridgeConfiguration={})
    put = s3.put_object(Bucket=bucket, Key="a b", Body=b"123")
    s3.delete_object(Bucket=bucket, Key="a b")
    told = {each["detail-type"]: each for each in received(sqs, url, 2)}
    made, gone = told["Object Created"], told["Object Deleted"]
    assert made["resources"] == [f"arn:aws:s3:::{bucket}"] and made["region"] == "us-east-1"
    assert made["detail"]["reason"] == "PutObject"
    assert made["detail"]["object"] | {"sequencer": ""} == {
        "key": "a b",
        "size": 3,
        "etag": put["ETag"].strip('"'),
        "sequencer": "",
    }
    assert gone["detail"]["deletion-type"] == "Permanently Deleted"
    events.remove_targets(Rule=rule, Ids=["1"])
    events.delete_rule(Name=rule)


def test_unknown_destination(client: Client, bucket: str) -> None:
    # S3 says which destination and why; nothing is stored. Who skips the validation is believed.
    s3, arn = client("s3"), "arn:aws:sqs:us-east-1:000000000000:nobody-made-this"
    error = refused(s3, bucket, QueueConfigurations=only(arn, "s3:ObjectCreated:*"))
    assert error["Code"] == "InvalidArgument"
    assert error["Message"] == "Unable to validate the following destination configurations"
    assert error["ArgumentName1"] == arn
    assert error["ArgumentValue1"] == "The destination queue does not exist"
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": only(arn, "s3:ObjectCreated:*")},
        SkipDestinationValidation=True,
    )
    assert s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"][0]["QueueArn"] == arn


def test_another_accounts_queue(client: Client, bucket: str, unique: Unique) -> None:
    # Somebody else's queue is told only where its policy lets S3 in, for this bucket.
    s3, sqs = client("s3"), client("sqs", account="343434343434")
    url = sqs.create_queue(QueueName=unique("theirs"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    error = refused(s3, bucket, QueueConfigurations=only(arn, "s3:ObjectCreated:*"))
    assert error["ArgumentValue1"].startswith("Permissions on the destination queue do not allow S3 to publish")
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:*:*:{bucket}"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    notify(s3, bucket, QueueConfigurations=only(arn, "s3:ObjectCreated:*"))
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    told = received(sqs, url, 2)
    assert sorted(next(iter(each)) for each in told) == ["Records", "Service"]


def test_foreign_region_and_kinds(client: Client, bucket: str) -> None:
    # Destinations live in the bucket's region and are of their list's kind.
    s3 = client("s3")
    error = refused(s3, bucket, QueueConfigurations=only("arn:aws:sqs:eu-west-1:000000000000:q", "s3:ObjectCreated:*"))
    assert error["Code"] == "InvalidArgument" and "region is not valid" in error["ArgumentValue1"]
    error = refused(s3, bucket, QueueConfigurations=only("arn:aws:sns:us-east-1:000000000000:t", "s3:ObjectCreated:*"))
    assert (error["Code"], error["Message"]) == ("InvalidArgument", "The ARN is not well formed")


def test_events_and_rules(client: Client, bucket: str, queue: tuple[str, str]) -> None:
    # Unknown events, odd rules, double ids and ambiguity are refused as S3 refuses them.
    s3, (_, arn) = client("s3"), queue
    assert refused(s3, bucket, QueueConfigurations=only(arn, "s3:ObjectEaten:*"))["Code"] == "InvalidArgument"
    for bad in (rules(middle="x"), {"Key": {"FilterRules": [{"Name": "prefix", "Value": "a"}] * 2}}):
        error = refused(s3, bucket, QueueConfigurations=only(arn, "s3:ObjectCreated:*", Filter=bad))
        assert error["Code"] == "InvalidArgument"
    same = only(arn, "s3:ObjectCreated:*", Id="x") + only(arn, "s3:ObjectRemoved:*", Id="x")
    assert refused(s3, bucket, QueueConfigurations=same)["Code"] == "InvalidArgument"
    overlap = only(arn, "s3:ObjectCreated:*") + only(arn, "s3:ObjectCreated:Put")
    assert refused(s3, bucket, QueueConfigurations=overlap)["Message"].startswith("Configurations overlap.")
    ambiguous = only(arn, "s3:ObjectCreated:*", Filter=rules(prefix="a")) + only(
        arn, "s3:ObjectCreated:Put", Filter=rules(prefix="ab", suffix=".x")
    )
    assert "ambiguously" in refused(s3, bucket, QueueConfigurations=ambiguous)["Message"]
    apart = only(arn, "s3:ObjectCreated:*", Filter=rules(prefix="a")) + only(
        arn, "s3:ObjectCreated:*", Filter=rules(prefix="b")
    )
    notify(s3, bucket, QueueConfigurations=apart)


def test_policies_where_they_are_enforced(fresh_cloud: Callable[..., RunningCloud]) -> None:
    # As on AWS, then even one's own topic must let S3 in.
    cloud = fresh_cloud("--enforce-iam")
    s3, sns = cloud.client("s3"), cloud.client("sns")
    s3.create_bucket(Bucket="told")
    topic = sns.create_topic(Name="topic")["TopicArn"]
    wanted = [{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]
    error = refused(s3, "told", TopicConfigurations=wanted)
    assert error["ArgumentValue1"].startswith("Permissions on the destination topic do not allow S3 to publish")
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "SNS:Publish",
        "Resource": topic,
        "Condition": {"StringEquals": {"aws:SourceAccount": "000000000000"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sns.set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    notify(s3, "told", TopicConfigurations=wanted)
