"""Lifecycle rules: told back as they were put, refused when wrong, and acted upon on the cloud's clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.running import RunningCloud


def rule(**more: Any) -> dict[str, Any]:
    return {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "old/"}, "Expiration": {"Days": 1}, **more}


def put(s3: Any, bucket: str, *rules: dict[str, Any]) -> Any:
    return s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)})


def test_round_trip_and_refusals(fresh_cloud: Callable[..., RunningCloud]) -> None:
    """Terraform reads back what it put, and wrong rules are refused with S3's codes."""
    s3 = fresh_cloud().client("s3")
    s3.create_bucket(Bucket="ruled")
    assert put(s3, "ruled", rule())["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    assert s3.get_bucket_lifecycle_configuration(Bucket="ruled")["Rules"] == [rule()]
    for code, wrong in (
        ("InvalidArgument", [rule(Expiration={"Days": 0})]),
        ("InvalidArgument", [rule(ID="x" * 256)]),
        ("InvalidArgument", [rule(), rule()]),
        ("InvalidArgument", [rule(Expiration={"Date": "2030-01-01T01:00:00Z"})]),
        ("InvalidArgument", [rule(Transitions=[{"Days": 29, "StorageClass": "STANDARD_IA"}], Expiration={"Days": 90})]),
        ("InvalidArgument", [rule(Transitions=[{"Days": 30, "StorageClass": "GLACIER"}], Expiration={"Days": 30})]),
        ("InvalidRequest", [rule(Transitions=[{"Date": "2030-01-01T00:00:00Z", "StorageClass": "GLACIER"}])]),
        ("InvalidRequest", [rule(Expiration={"Days": 9}, Transitions=[{"Days": 1, "StorageClass": "GLACIER"}] * 2)]),
        ("MalformedXML", [rule(NoncurrentVersionTransitions=[{"StorageClass": "GLACIER"}])]),
        ("MalformedXML", [rule(Status="enabled")]),
        ("InvalidRequest", [{"Status": "Enabled", "Filter": {"Prefix": ""}}]),
    ):
        with pytest.raises(ClientError) as refused:
            put(s3, "ruled", *wrong)
        assert refused.value.response["Error"]["Code"] == code
    s3.delete_bucket_lifecycle(Bucket="ruled")
    with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
        s3.get_bucket_lifecycle_configuration(Bucket="ruled")


def test_expiry(fresh_cloud: Callable[..., RunningCloud]) -> None:
    """A day a second: what is old goes, what no rule names stays."""
    s3 = fresh_cloud("--clock-rate", "86400").client("s3")
    s3.create_bucket(Bucket="aging")
    for key in ("old/a", "new/a"):
        s3.put_object(Bucket="aging", Key=key, Body=b"1")
    put(s3, "aging", rule())
    deadline = time.monotonic() + 20
    while [one["Key"] for one in s3.list_objects_v2(Bucket="aging")["Contents"]] != ["new/a"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_deprecated_form(fresh_cloud: Callable[..., RunningCloud]) -> None:
    """Rules by prefix, as old clients put them, are told back with their prefix; the header tells when they act."""
    s3 = fresh_cloud().client("s3")
    s3.create_bucket(Bucket="old-style")
    told = {"ID": "a b", "Prefix": "old/", "Status": "Enabled", "Expiration": {"Days": 3}}
    told["Transition"] = {"Days": 1, "StorageClass": "GLACIER"}
    s3.put_bucket_lifecycle(Bucket="old-style", LifecycleConfiguration={"Rules": [told]})
    found = s3.get_bucket_lifecycle_configuration(Bucket="old-style")["Rules"][0]
    assert found["Prefix"] == "old/"
    assert "Filter" not in found
    assert found["Transitions"] == [told["Transition"]]
    put = s3.put_object(Bucket="old-style", Key="old/a", Body=b"x")
    head = s3.head_object(Bucket="old-style", Key="old/a")
    assert put["Expiration"] == head["Expiration"] == s3.get_object(Bucket="old-style", Key="old/a")["Expiration"]
    assert head["Expiration"].startswith('expiry-date="')
    assert head["Expiration"].endswith('00:00:00 GMT", rule-id="a%20b"')
    assert "Expiration" not in s3.put_object(Bucket="old-style", Key="new/a", Body=b"x")


def test_uploads_tell_when_they_will_be_aborted(s3: Any, bucket: str) -> None:
    """Under a rule that aborts them, uploads say when and by which rule."""
    aborting = {"ID": "tidy", "Status": "Enabled", "Filter": {"Prefix": "up/"}}
    put(s3, bucket, aborting | {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2}})
    made = s3.create_multipart_upload(Bucket=bucket, Key="up/a")
    told = s3.list_parts(Bucket=bucket, Key="up/a", UploadId=made["UploadId"])
    assert made["AbortRuleId"] == told["AbortRuleId"] == "tidy"
    assert made["AbortDate"] == told["AbortDate"]
    assert (made["AbortDate"].hour, made["AbortDate"].minute) == (0, 0)
    assert "AbortDate" not in s3.create_multipart_upload(Bucket=bucket, Key="else")
