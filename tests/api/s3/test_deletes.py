"""Deleting objects, one by one and many at once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.s3.conftest import refused


@pytest.mark.parametrize("size", [0, 100_000, 500_000])
def test_deleting_is_idempotent(s3: Any, bucket: str, size: int) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * size)
    for _ in range(2):
        gone = s3.delete_object(Bucket=bucket, Key="k")
        assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
        assert "VersionId" not in gone
        assert "DeleteMarker" not in gone
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_many_at_once(s3: Any, bucket: str) -> None:
    """Present and absent keys alike are told as deleted."""
    keys = [f"k{n}" for n in range(10)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    told = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in [*keys, "absent"]]})
    assert [each["Key"] for each in told["Deleted"]] == [*keys, "absent"]
    assert "Errors" not in told
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_quiet(s3: Any, bucket: str) -> None:
    """Quiet tells failures alone."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    objects = [{"Key": "k"}, {"Key": "k", "VersionId": "garbage"}]
    told = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
    assert "Deleted" not in told
    assert [(each["Key"], each["Code"]) for each in told["Errors"]] == [("k", "NoSuchVersion")]


def test_many_versions_at_once(s3: Any, versioned: str) -> None:
    version = s3.put_object(Bucket=versioned, Key="a", Body=b"1")["VersionId"]
    s3.put_object(Bucket=versioned, Key="b", Body=b"1")
    told = s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "a", "VersionId": version}, {"Key": "b"}]})[
        "Deleted"
    ]
    assert told[0] == {"Key": "a", "VersionId": version}
    assert (told[1]["Key"], told[1]["DeleteMarker"]) == ("b", True)
    marker = told[1]["DeleteMarkerVersionId"]
    told = s3.delete_objects(Bucket=versioned, Delete={"Objects": [{"Key": "b", "VersionId": marker}]})["Deleted"]
    assert told == [{"Key": "b", "VersionId": marker, "DeleteMarker": True, "DeleteMarkerVersionId": marker}]


@pytest.mark.parametrize("count", [0, 1001])
def test_one_to_a_thousand(s3: Any, bucket: str, count: int) -> None:
    error = refused(s3.delete_objects, Bucket=bucket, Delete={"Objects": [{"Key": f"k{n}"} for n in range(count)]})
    assert (error.code, error.status) == ("MalformedXML", 400)


def test_the_list_needs_a_checksum(raw: Any, bucket: str) -> None:
    """A mangled list must not delete other things."""
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    answer = raw("POST", f"/{bucket}?delete", data=body)
    assert answer.status_code == 400
    assert "<Code>InvalidRequest</Code>" in answer.text
    answer = raw("POST", f"/{bucket}?delete", data=body, headers={"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="})
    assert "<Code>BadDigest</Code>" in answer.text
    answer = raw("POST", f"/{bucket}?delete", data=body, headers={"Content-MD5": "bad"})
    assert "<Code>InvalidDigest</Code>" in answer.text


def test_nonsense_is_malformed(raw: Any, bucket: str) -> None:
    import base64
    import hashlib

    for body in (b"not xml", b"<Delete><Object>", b"<Delete></Delete>"):
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        answer = raw("POST", f"/{bucket}?delete", data=body, headers={"Content-MD5": md5})
        assert (answer.status_code, "<Code>MalformedXML</Code>" in answer.text) == (400, True)


def test_delete_if_match(s3: Any, bucket: str) -> None:
    """Deleting only what one has seen, alone and in a list."""
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    error = refused(s3.delete_object, Bucket=bucket, Key="k", IfMatch='"0123"')
    assert (error.code, error.status, error.members["Condition"]) == ("PreconditionFailed", 412, "If-Match")
    told = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "ETag": '"0123"'}]})
    assert told["Errors"][0]["Code"] == "PreconditionFailed"
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=etag)
    assert refused(s3.head_object, Bucket=bucket, Key="k").status == 404


def test_the_space_comes_back(s3: Any, cloud: Any, bucket: str) -> None:
    """A large object's file is gone soon after the object."""
    import time

    def files() -> set[str]:
        return {path.name for path in (cloud.data / "blobs").rglob("*") if path.is_file()}

    before = files()
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 1_000_000)
    made = files() - before
    assert len(made) >= 1
    s3.delete_object(Bucket=bucket, Key="k")
    deadline = time.monotonic() + 15
    while made & files() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not made & files()
