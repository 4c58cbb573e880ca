"""Server access logs: configurations told back and refused, and records really written, in AWS's format."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.api.s3.conftest import refused
from tests.running import RunningCloud

FIELD = re.compile(r'"((?:[^"])*)"|\[([^]]*)\]|(\S+)')


def enable(s3: Any, bucket: str, target: str, **more: Any) -> None:
    wish = {"TargetBucket": target, "TargetPrefix": "logs/", **more}
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": wish})


def fields(line: str) -> list[str]:
    return [next(part for part in found if part) if any(found) else "" for found in FIELD.findall(line)]


def records(s3: Any, target: str, count: int, prefix: str = "logs/") -> list[list[str]]:
    """The records under the prefix, once there are `count`."""
    deadline = time.monotonic() + 60
    while True:
        keys = [one["Key"] for one in s3.list_objects_v2(Bucket=target, Prefix=prefix).get("Contents", ())]
        lines = [
            line for key in keys for line in s3.get_object(Bucket=target, Key=key)["Body"].read().decode().splitlines()
        ]
        if len(lines) >= count:
            return [fields(line) for line in lines]
        assert time.monotonic() < deadline, lines
        time.sleep(0.2)


@pytest.fixture
def target(s3: Any, unique: Callable[[str], str]) -> str:
    name = unique("logs")
    s3.create_bucket(Bucket=name)
    return name


def test_round_trip_and_refusals(s3: Any, other: Any, client: Any, bucket: str, target: str, unique: Any) -> None:
    """What was put is told back, an empty status turns it off, and targets that can't be are refused."""
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    form = {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}}
    enable(s3, bucket, target, TargetObjectKeyFormat=form)
    told = s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"]
    assert told == {"TargetBucket": target, "TargetPrefix": "logs/", "TargetObjectKeyFormat": form}
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    foreign, far = unique("foreign"), unique("far")
    other.create_bucket(Bucket=foreign)
    client("s3", region="eu-west-1").create_bucket(
        Bucket=far, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    grant = {
        "Grantee": {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AllUsers"},
        "Permission": "READ",
    }
    for code, name, more in (
        ("InvalidTargetBucketForLogging", "no-such-bucket-anywhere", {}),
        ("InvalidTargetBucketForLogging", foreign, {}),
        ("CrossLocationLoggingProhibitted", far, {}),
        ("AccessControlListNotSupported", target, {"TargetGrants": [grant]}),
        ("MalformedXML", target, {"TargetObjectKeyFormat": {}}),
    ):
        wish = {"TargetBucket": name, "TargetPrefix": "", **more}
        answer = refused(s3.put_bucket_logging, Bucket=bucket, BucketLoggingStatus={"LoggingEnabled": wish})
        assert answer.code == code


def test_records(s3: Any, bucket: str, target: str, cloud: RunningCloud) -> None:
    """Every request on the bucket is a line of 27 fields; also the anonymous and the refused ones."""
    enable(s3, bucket, target)
    s3.put_object(Bucket=bucket, Key="a b", Body=b"12345")
    s3.get_object(Bucket=bucket, Key="a b", Range="bytes=0-1")
    refused(s3.get_object, Bucket=bucket, Key="none")
    s3.list_objects_v2(Bucket=bucket)
    s3.get_bucket_versioning(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="a b")
    hostile = {"User-Agent": 'evil" agent', "Referer": "http://from"}
    assert requests.get(f"{cloud.url}/{bucket}/a%20b", headers=hostile, timeout=10).status_code == 403
    found = records(s3, target, 7)
    by = {(one[6], one[9]): one for one in found}
    assert all(len(one) == 27 for one in found)
    put = by["REST.PUT.OBJECT", "200"]
    owner = s3.list_buckets()["Owner"]["ID"]
    assert put[0] == put[4] == owner
    assert put[1] == bucket
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", put[2])
    assert put[7] == "a%20b"
    assert put[8].startswith(f"PUT /{bucket}/a%20b")
    assert put[10] == "-"
    assert put[12] == "5"
    assert put[19] == "SigV4"
    assert put[21] == "AuthHeader"
    part = by["REST.GET.OBJECT", "206"]
    assert (part[11], part[12]) == ("2", "5")
    assert by["REST.GET.OBJECT", "404"][10] == "NoSuchKey"
    assert ("REST.GET.BUCKET", "200") in by
    assert ("REST.GET.VERSIONING", "200") in by
    assert ("REST.DELETE.OBJECT", "204") in by
    stranger = by["REST.GET.OBJECT", "403"]
    assert (stranger[4], stranger[10], stranger[15], stranger[19]) == ("-", "AccessDenied", "http://from", "-")
    assert stranger[16] == "evil\\x22 agent"


def test_partitioned_names_grants_and_shutdown(fresh_cloud: Callable[..., RunningCloud]) -> None:
    """Names by account, region, bucket and day; what waits is written when the cloud stops."""
    cloud = fresh_cloud()
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="source")
    s3.create_bucket(Bucket="sink", ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket="sink")
    group = "http://acs.amazonaws.com/groups/global/AllUsers"
    enable(
        s3, "source", "sink",
        TargetObjectKeyFormat={"PartitionedPrefix": {"PartitionDateSource": "EventTime"}},
        TargetGrants=[{"Grantee": {"Type": "Group", "URI": group}, "Permission": "READ"}],
    )  # fmt: skip
    s3.put_object(Bucket="source", Key="a")
    cloud.restart()
    s3 = cloud.client("s3")
    found = s3.list_objects_v2(Bucket="sink")["Contents"]
    assert len(found) == 1
    key = found[0]["Key"]
    assert re.fullmatch(r"logs/\d{12}/us-east-1/source/(\d{4})/(\d\d)/(\d\d)/\1-\2-\3-00-00-00-[0-9A-F]{16}", key)
    assert requests.get(f"{cloud.url}/sink/{key}", timeout=10).status_code == 200


def test_the_target_must_let_logs_in_where_policies_are_enforced(fresh_cloud: Callable[..., RunningCloud]) -> None:
    """With IAM on, the target's policy decides: nothing until it names logging.s3.amazonaws.com."""
    s3 = fresh_cloud("--enforce-iam").client("s3")
    for name in ("source", "shut", "open"):
        s3.create_bucket(Bucket=name)
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::open/logs/*",
        "Condition": {
            "ArnLike": {"aws:SourceArn": "arn:aws:s3:::source"},
            "StringEquals": {"aws:SourceAccount": "000000000000"},
        },
    }
    s3.put_bucket_policy(Bucket="open", Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    s3.create_bucket(Bucket="second")
    enable(s3, "source", "open")
    enable(s3, "second", "shut")
    s3.put_object(Bucket="second", Key="a")
    s3.put_object(Bucket="source", Key="a")
    assert len(records(s3, "open", 1)) == 1
    assert "Contents" not in s3.list_objects_v2(Bucket="shut")


def test_websites(s3: Any, bucket: str, target: str, cloud: RunningCloud) -> None:
    """A visit is a WEBSITE record with the key that was asked for."""
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    enable(s3, bucket, target)
    host = {"Host": f"{bucket}.s3-website-us-east-1.localhost"}
    assert requests.get(f"{cloud.url}/x/", headers=host, timeout=10).status_code == 403
    found = records(s3, target, 1)
    assert [(one[6], one[7], one[9], one[10]) for one in found] == [("WEBSITE.GET.OBJECT", "x/", "403", "AccessDenied")]
