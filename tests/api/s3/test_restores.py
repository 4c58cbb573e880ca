"""Archives: unreadable until restored, restored as their tier takes, gone again after their days, and told of."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.api.s3.conftest import refused
from tests.running import RunningCloud


def archive(s3: Any, bucket: str, key: str, storage: str = "GLACIER") -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=b"ice", StorageClass=storage)


def restore(s3: Any, bucket: str, key: str, tier: str | None = None, days: int | None = 1, **more: Any) -> int:
    wish: dict[str, Any] = {} if days is None else {"Days": days}
    if tier is not None:
        wish["GlacierJobParameters"] = {"Tier": tier}
    answer = s3.restore_object(Bucket=bucket, Key=key, RestoreRequest=wish, **more)
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


def until(s3: Any, bucket: str, key: str, wanted: Callable[[str | None], bool]) -> str | None:
    """Wait for the x-amz-restore header to be as wanted."""
    deadline = time.monotonic() + 30
    while True:
        told: str | None = s3.head_object(Bucket=bucket, Key=key).get("Restore")
        if wanted(told):
            return told
        assert time.monotonic() < deadline, told
        time.sleep(0.05)


def test_restored_and_read(s3: Any, bucket: str) -> None:
    """202, under way, readable with an expiry date, 200 when asked again; listings tell it too."""
    archive(s3, bucket, "a")
    answer = refused(s3.get_object, Bucket=bucket, Key="a")
    assert (answer.code, answer.status, answer.members["StorageClass"]) == ("InvalidObjectState", 403, "GLACIER")
    assert (
        refused(s3.copy_object, Bucket=bucket, Key="b", CopySource=f"{bucket}/a").code == "ObjectNotInActiveTierError"
    )
    assert restore(s3, bucket, "a", "Bulk") == 202
    assert s3.head_object(Bucket=bucket, Key="a")["Restore"] == 'ongoing-request="true"'
    assert refused(s3.get_object, Bucket=bucket, Key="a").code == "InvalidObjectState"
    busy = refused(s3.restore_object, Bucket=bucket, Key="a", RestoreRequest={"Days": 1})
    assert (busy.code, busy.status) == ("RestoreAlreadyInProgress", 409)
    assert restore(s3, bucket, "a", "Expedited", days=None) == 202
    told = until(s3, bucket, "a", lambda told: told != 'ongoing-request="true"')
    assert told is not None
    assert told.startswith('ongoing-request="false", expiry-date="')
    assert told.endswith('00:00:00 GMT"')
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"ice"
    assert restore(s3, bucket, "a", days=10) == 200
    assert s3.head_object(Bucket=bucket, Key="a")["Restore"] > ""
    listed = s3.list_objects_v2(Bucket=bucket, OptionalObjectAttributes=["RestoreStatus"])["Contents"][0]
    assert listed["RestoreStatus"]["IsRestoreInProgress"] is False
    assert listed["StorageClass"] == "GLACIER"
    s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a")
    assert "Restore" not in s3.head_object(Bucket=bucket, Key="b")
    assert s3.get_object(Bucket=bucket, Key="b")["Body"].read() == b"ice"


def test_refusals(s3: Any, bucket: str, versioned: str) -> None:
    """What isn't archived can't be restored; Expedited is not for the deep archive; SELECT is honestly refused."""
    s3.put_object(Bucket=bucket, Key="plain", Body=b"x", StorageClass="GLACIER_IR")
    answer = refused(s3.restore_object, Bucket=bucket, Key="plain", RestoreRequest={"Days": 1})
    assert (answer.code, answer.status) == ("InvalidObjectState", 403)
    assert answer.message == "Restore is not allowed for the object's current storage class"
    archive(s3, bucket, "deep", "DEEP_ARCHIVE")
    for code, wish in (
        ("InvalidArgument", {"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}}),
        ("InvalidArgument", {"Days": 0}),
        ("MalformedXML", {}),
        ("NotImplemented", {"Type": "SELECT"}),
    ):
        assert refused(s3.restore_object, Bucket=bucket, Key="deep", RestoreRequest=wish).code == code
    assert refused(s3.restore_object, Bucket=bucket, Key="none", RestoreRequest={"Days": 1}).code == "NoSuchKey"
    old = s3.list_object_versions(Bucket=bucket, Prefix="deep")["Versions"][0]["VersionId"]
    archive(s3, bucket, "deep", "STANDARD")
    assert restore(s3, bucket, "deep", "Bulk", VersionId=old) == 202
    assert s3.head_object(Bucket=bucket, Key="deep", VersionId=old)["Restore"] == 'ongoing-request="true"'


def test_expiry_and_events(fresh_cloud: Callable[..., RunningCloud]) -> None:
    """A day a second: the copy goes again, and a queue hears of the restore's three moments."""
    cloud = fresh_cloud("--clock-rate", "86400")
    s3, sqs = cloud.client("s3"), cloud.client("sqs")
    s3.create_bucket(Bucket="cold")
    url = sqs.create_queue(QueueName="told", Attributes={"MessageRetentionPeriod": "1209600"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    wanted = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectRestore:*"]}]}
    s3.put_bucket_notification_configuration(Bucket="cold", NotificationConfiguration=wanted)
    archive(s3, "cold", "a")
    assert restore(s3, "cold", "a", "Expedited") == 202
    until(s3, "cold", "a", lambda told: told is None)
    assert refused(s3.get_object, Bucket="cold", Key="a").code == "InvalidObjectState"
    heard: dict[str, Any] = {}
    deadline = time.monotonic() + 20
    while len(heard) < 3:
        assert time.monotonic() < deadline, heard
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", ()):
            for record in json.loads(message["Body"]).get("Records", ()):
                heard[record["eventName"]] = record
    assert set(heard) == {"ObjectRestore:Post", "ObjectRestore:Completed", "ObjectRestore:Delete"}
    told = heard["ObjectRestore:Completed"]["glacierEventData"]["restoreEventData"]
    assert told["lifecycleRestoreStorageClass"] == "GLACIER"


@pytest.mark.parametrize(
    ("sizes", "moved"), [("all_storage_classes_128K", "STANDARD"), ("varies_by_storage_class", "DEEP_ARCHIVE")]
)
def test_small_objects_move_where_the_bucket_says_so(
    fresh_cloud: Callable[..., RunningCloud], sizes: str, moved: str
) -> None:
    """Objects under 128 KB go to the archives by the bucket's word alone, and no rule moves anything up again."""
    s3 = fresh_cloud("--clock-rate", "86400").client("s3")
    s3.create_bucket(Bucket="sinking")
    s3.put_object(Bucket="sinking", Key="small", Body=b"x")
    s3.put_object(Bucket="sinking", Key="large", Body=bytes(128 * 1024))
    archive(s3, "sinking", "deep", "DEEP_ARCHIVE")
    rule = {
        "ID": "r",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}, {"Days": 2, "StorageClass": "DEEP_ARCHIVE"}],
    }
    s3.put_bucket_lifecycle_configuration(
        Bucket="sinking",
        LifecycleConfiguration={"Rules": [rule]},
        TransitionDefaultMinimumObjectSize=sizes,
    )
    deadline = time.monotonic() + 30
    while True:
        found = {one["Key"]: one["StorageClass"] for one in s3.list_objects_v2(Bucket="sinking")["Contents"]}
        assert found["deep"] == "DEEP_ARCHIVE"
        if found["large"] == "DEEP_ARCHIVE":
            break
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert found["small"] == moved
