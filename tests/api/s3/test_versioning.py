"""Versioning: enabled, suspended, null versions, delete markers, and what becomes current."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.api.s3.conftest import refused


def suspend(s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


def read(s3: Any, bucket: str, version: str | None = None) -> bytes:
    more = {} if version is None else {"VersionId": version}
    body: bytes = s3.get_object(Bucket=bucket, Key="k", **more)["Body"].read()
    return body


def test_status(s3: Any, bucket: str) -> None:
    """A bucket that never had it says nothing; it can be suspended but never forgotten."""
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    for status in ("Enabled", "Suspended", "Enabled"):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == status


@pytest.mark.parametrize(
    ("configuration", "code"),
    [
        ({"Status": "On"}, "MalformedXML"),
        ({}, "IllegalVersioningConfigurationException"),
    ],
)
def test_bad_configurations(s3: Any, bucket: str, configuration: dict[str, str], code: str) -> None:
    error = refused(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration=configuration)
    assert (error.code, error.status) == (code, 400)


@pytest.mark.parametrize("size", [10, 100_000, 300_000])
def test_every_put_is_a_version(s3: Any, versioned: str, size: int) -> None:
    bodies = [os.urandom(size) for _ in range(3)]
    ids = [s3.put_object(Bucket=versioned, Key="k", Body=body)["VersionId"] for body in bodies]
    assert len(set(ids)) == 3
    assert all(len(each) == 32 for each in ids)
    assert read(s3, versioned) == bodies[-1]
    for version, body in zip(ids, bodies, strict=True):
        assert read(s3, versioned, version) == body
        assert s3.head_object(Bucket=versioned, Key="k", VersionId=version)["VersionId"] == version


def test_unversioned_buckets_tell_no_version(s3: Any, bucket: str) -> None:
    assert "VersionId" not in s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert "VersionId" not in s3.get_object(Bucket=bucket, Key="k")
    assert read(s3, bucket, "null") == b""


def test_delete_hides_and_undelete_shows(s3: Any, versioned: str) -> None:
    """A delete marker is a version of its own: deleting it brings the object back."""
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"v")["VersionId"]
    deleted = s3.delete_object(Bucket=versioned, Key="k")
    assert deleted["DeleteMarker"] is True
    error = refused(s3.get_object, Bucket=versioned, Key="k")
    assert (error.code, error.status) == ("NoSuchKey", 404)
    assert error.headers["x-amz-delete-marker"] == "true"
    assert error.headers["x-amz-version-id"] == deleted["VersionId"]
    error = refused(s3.head_object, Bucket=versioned, Key="k")
    assert (error.status, error.headers["x-amz-delete-marker"]) == (404, "true")
    assert read(s3, versioned, version) == b"v"
    undone = s3.delete_object(Bucket=versioned, Key="k", VersionId=deleted["VersionId"])
    assert (undone["DeleteMarker"], undone["VersionId"]) == (True, deleted["VersionId"])
    assert read(s3, versioned) == b"v"


def test_a_delete_marker_allows_nothing_but_delete(s3: Any, versioned: str) -> None:
    s3.put_object(Bucket=versioned, Key="k", Body=b"v")
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    error = refused(s3.get_object, Bucket=versioned, Key="k", VersionId=marker)
    assert (error.code, error.status) == ("MethodNotAllowed", 405)
    assert error.headers["x-amz-delete-marker"] == "true"
    assert error.headers["allow"] == "DELETE"
    assert error.members["ResourceType"] == "DeleteMarker"
    error = refused(s3.head_object, Bucket=versioned, Key="k", VersionId=marker)
    assert (error.status, error.headers["x-amz-delete-marker"]) == (405, "true")


def test_deleting_a_version_is_for_good(s3: Any, versioned: str) -> None:
    """The one behind it becomes current."""
    ids = [s3.put_object(Bucket=versioned, Key="k", Body=body)["VersionId"] for body in (b"1", b"2", b"3")]
    gone = s3.delete_object(Bucket=versioned, Key="k", VersionId=ids[2])
    assert gone["VersionId"] == ids[2]
    assert "DeleteMarker" not in gone
    assert read(s3, versioned) == b"2"
    s3.delete_object(Bucket=versioned, Key="k", VersionId=ids[0])
    assert read(s3, versioned) == b"2"
    error = refused(s3.get_object, Bucket=versioned, Key="k", VersionId=ids[0])
    assert (error.code, error.status) == ("NoSuchVersion", 404)
    assert error.members["VersionId"] == ids[0]
    s3.delete_object(Bucket=versioned, Key="k", VersionId=ids[1])
    assert refused(s3.get_object, Bucket=versioned, Key="k").code == "NoSuchKey"
    assert "Versions" not in s3.list_object_versions(Bucket=versioned)


def test_version_ids_that_arent(s3: Any, versioned: str) -> None:
    """S3 knows the ids that it gave out: others are invalid; what is gone can be deleted again."""
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"")["VersionId"]
    for forged in ("A" * 32, "garbage", version[:-1], "0" + version[1:] if version[0] != "0" else "1" + version[1:]):
        for call in (s3.get_object, s3.delete_object):
            error = refused(call, Bucket=versioned, Key="k", VersionId=forged)
            assert (error.code, error.status, error.message) == ("InvalidArgument", 400, "Invalid version id specified")
    for _ in range(2):
        gone = s3.delete_object(Bucket=versioned, Key="k", VersionId=version)
        assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(s3.get_object, Bucket=versioned, Key="k", VersionId=version).code == "NoSuchVersion"


def test_version_ids_of_another_bucket_s_age(s3: Any, bucket: str) -> None:
    """A bucket that never had versions has only the null one."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    assert refused(s3.get_object, Bucket=bucket, Key="k", VersionId="A" * 32).code == "InvalidArgument"
    assert "VersionId" not in s3.get_object(Bucket=bucket, Key="k", VersionId="null")


def test_the_null_version_from_before(s3: Any, bucket: str) -> None:
    """What was there when versioning began is the null version, and stays beside the others."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.head_object(Bucket=bucket, Key="k")["VersionId"] == "null"
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"after")["VersionId"]
    assert read(s3, bucket, "null") == b"before"
    listed = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [each["VersionId"] for each in listed] == [version, "null"]
    s3.delete_object(Bucket=bucket, Key="k", VersionId="null")
    assert refused(s3.get_object, Bucket=bucket, Key="k", VersionId="null").code == "NoSuchVersion"
    assert read(s3, bucket) == b"after"


@pytest.mark.parametrize("size", [10, 100_000, 300_000])
def test_suspended_puts_replace_the_null_version(s3: Any, versioned: str, size: int) -> None:
    """Named versions stay; there is one null version at most."""
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"named")["VersionId"]
    suspend(s3, versioned)
    for _ in range(2):
        body = os.urandom(size)
        assert "VersionId" not in s3.put_object(Bucket=versioned, Key="k", Body=body)
        assert s3.head_object(Bucket=versioned, Key="k")["VersionId"] == "null"
        assert read(s3, versioned) == body
    listed = s3.list_object_versions(Bucket=versioned)["Versions"]
    assert [each["VersionId"] for each in listed] == ["null", version]
    s3.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Enabled"})
    newest = s3.put_object(Bucket=versioned, Key="k", Body=b"new")["VersionId"]
    suspend(s3, versioned)
    s3.put_object(Bucket=versioned, Key="k", Body=b"null again")
    listed = s3.list_object_versions(Bucket=versioned)["Versions"]
    assert [each["VersionId"] for each in listed] == ["null", newest, version]


def test_suspended_deletes_leave_a_null_marker(s3: Any, versioned: str) -> None:
    """The null version is gone for it; named ones can still be read."""
    version = s3.put_object(Bucket=versioned, Key="k", Body=b"named")["VersionId"]
    suspend(s3, versioned)
    s3.put_object(Bucket=versioned, Key="k", Body=b"null")
    deleted = s3.delete_object(Bucket=versioned, Key="k")
    assert (deleted["DeleteMarker"], deleted["VersionId"]) == (True, "null")
    page = s3.list_object_versions(Bucket=versioned)
    assert [each["VersionId"] for each in page["Versions"]] == [version]
    assert [each["VersionId"] for each in page["DeleteMarkers"]] == ["null"]
    assert read(s3, versioned, version) == b"named"
    s3.delete_object(Bucket=versioned, Key="k", VersionId="null")
    assert read(s3, versioned) == b"named"


def test_a_marker_can_stand_for_nothing(s3: Any, versioned: str) -> None:
    deleted = s3.delete_object(Bucket=versioned, Key="never-was")
    assert deleted["DeleteMarker"] is True
    assert s3.list_object_versions(Bucket=versioned)["DeleteMarkers"][0]["Key"] == "never-was"


def test_versions_of_one_key_at_once(s3: Any, versioned: str) -> None:
    """Ids are unique and ordered however fast they come."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda n: s3.put_object(Bucket=versioned, Key="k", Body=b"%d" % n)["VersionId"], range(40)))
    assert len(set(ids)) == 40
    assert {each["VersionId"] for each in s3.list_object_versions(Bucket=versioned)["Versions"]} == set(ids)


def test_names_with_zero_bytes_have_their_own_versions(s3: Any, versioned: str) -> None:
    """A key that continues another one behind a zero byte is another key."""
    for key in ("k", "k\x01", "k\x01\x01", "kk"):
        for n in range(2):
            s3.put_object(Bucket=versioned, Key=key, Body=b"%d" % n)
    first = s3.list_object_versions(Bucket=versioned, Prefix="k\x01", MaxKeys=2)["Versions"]
    assert [each["Key"] for each in first] == ["k\x01", "k\x01"]
    assert read(s3, versioned) == b"1"
