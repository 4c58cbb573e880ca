"""Conditional requests: reads, writes, copies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.s3.conftest import refused

PAST = datetime(2020, 1, 1, tzinfo=UTC)
FUTURE = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def etag(s3: Any, bucket: str) -> str:
    put: str = s3.put_object(Bucket=bucket, Key="k", Body=b"hello")["ETag"]
    return put


def meant(s3: Any, bucket: str, etag: str, conditions: dict[str, Any]) -> dict[str, Any]:
    """ETAG and NOW stand for the object's own entity tag and time of change."""
    own = {"ETAG": etag, "NOW": s3.head_object(Bucket=bucket, Key="k")["LastModified"]}
    return {name: own.get(value, value) if isinstance(value, str) else value for name, value in conditions.items()}


@pytest.mark.parametrize(
    "conditions",
    [
        {"IfMatch": "ETAG"},
        {"IfMatch": "*"},
        {"IfNoneMatch": '"other"'},
        {"IfModifiedSince": PAST},
        {"IfUnmodifiedSince": FUTURE},
        {"IfMatch": "ETAG", "IfUnmodifiedSince": PAST},
        {"IfNoneMatch": '"other"', "IfModifiedSince": "NOW"},
        {"IfModifiedSince": FUTURE},
    ],
)
def test_reads_that_pass(s3: Any, bucket: str, etag: str, conditions: dict[str, Any]) -> None:
    """Entity tags outweigh dates, and dates in the future don't count, as RFC 9110 has it."""
    conditions = meant(s3, bucket, etag, conditions)
    assert s3.get_object(Bucket=bucket, Key="k", **conditions)["Body"].read() == b"hello"
    s3.head_object(Bucket=bucket, Key="k", **conditions)


@pytest.mark.parametrize(
    "conditions",
    [
        {"IfNoneMatch": "ETAG"},
        {"IfNoneMatch": "*"},
        {"IfModifiedSince": "NOW"},
        {"IfNoneMatch": "ETAG", "IfModifiedSince": PAST},
    ],
)
def test_reads_of_what_is_known_already(s3: Any, bucket: str, etag: str, conditions: dict[str, Any]) -> None:
    """304, with the entity tag, without a body."""
    conditions = meant(s3, bucket, etag, conditions)
    for call in (s3.get_object, s3.head_object):
        error = refused(call, Bucket=bucket, Key="k", **conditions)
        assert error.status == 304
        assert error.headers["etag"] == etag
        assert "last-modified" in error.headers
        assert "content-range" not in error.headers


@pytest.mark.parametrize(
    ("conditions", "condition"),
    [
        ({"IfMatch": '"other"'}, "If-Match"),
        ({"IfUnmodifiedSince": PAST}, "If-Unmodified-Since"),
        ({"IfMatch": '"other"', "IfUnmodifiedSince": FUTURE}, "If-Match"),
    ],
)
def test_reads_that_fail(s3: Any, bucket: str, etag: str, conditions: dict[str, Any], condition: str) -> None:
    error = refused(s3.get_object, Bucket=bucket, Key="k", **conditions)
    assert (error.code, error.status, error.members["Condition"]) == ("PreconditionFailed", 412, condition)
    assert error.message == "At least one of the pre-conditions you specified did not hold"
    assert refused(s3.head_object, Bucket=bucket, Key="k", **conditions).status == 412


@pytest.mark.parametrize("form", ["{}", "W/{}", '"x", {}', "bare"])
def test_spellings_of_entity_tags(s3: Any, bucket: str, etag: str, form: str) -> None:
    """Lists, weak tags and, as S3 alone allows, tags without their quotes."""
    s3.get_object(Bucket=bucket, Key="k", IfMatch=etag.strip('"') if form == "bare" else form.format(etag))


@pytest.mark.parametrize("size", [5, 500_000])
def test_create_only(s3: Any, bucket: str, size: int) -> None:
    """If-None-Match: * is how programs take a lock or write once."""
    s3.put_object(Bucket=bucket, Key="new", Body=b"x" * size, IfNoneMatch="*")
    error = refused(s3.put_object, Bucket=bucket, Key="new", Body=b"y" * size, IfNoneMatch="*")
    assert (error.code, error.status, error.members["Condition"]) == ("PreconditionFailed", 412, "If-None-Match")
    assert s3.get_object(Bucket=bucket, Key="new")["Body"].read()[:1] == b"x"


@pytest.mark.parametrize("size", [5, 500_000])
def test_compare_and_swap(s3: Any, bucket: str, size: int) -> None:
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1" * size)["ETag"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"2" * size, IfMatch=first)
    error = refused(s3.put_object, Bucket=bucket, Key="k", Body=b"3" * size, IfMatch=first)
    assert (error.code, error.status) == ("PreconditionFailed", 412)
    error = refused(s3.put_object, Bucket=bucket, Key="absent", Body=b"3" * size, IfMatch=first)
    assert (error.code, error.status) == ("NoSuchKey", 404)


def test_one_of_many_writers_wins(s3: Any, bucket: str) -> None:
    """Conditions and writes are one step: of eight that create, seven fail."""
    from concurrent.futures import ThreadPoolExecutor

    from botocore.exceptions import ClientError

    def put(n: int) -> bool:
        try:
            s3.put_object(Bucket=bucket, Key="k", Body=b"%d" % n, IfNoneMatch="*")
        except ClientError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(put, range(8))) == 1


def test_a_delete_marker_is_nothing(s3: Any, versioned: str) -> None:
    s3.put_object(Bucket=versioned, Key="k", Body=b"1")
    s3.delete_object(Bucket=versioned, Key="k")
    s3.put_object(Bucket=versioned, Key="k", Body=b"2", IfNoneMatch="*")


@pytest.mark.parametrize("conditions", [{"IfNoneMatch": '"tag"'}, {"IfMatch": "*"}])
def test_writes_take_no_other_conditions(s3: Any, bucket: str, conditions: dict[str, str]) -> None:
    error = refused(s3.put_object, Bucket=bucket, Key="k", Body=b"", **conditions)
    assert (error.code, error.status) == ("NotImplemented", 501)


@pytest.mark.parametrize(
    ("conditions", "passes"),
    [
        ({"CopySourceIfMatch": "ETAG"}, True),
        ({"CopySourceIfMatch": '"other"'}, False),
        ({"CopySourceIfNoneMatch": '"other"'}, True),
        ({"CopySourceIfNoneMatch": "ETAG"}, False),
        ({"CopySourceIfModifiedSince": PAST}, True),
        ({"CopySourceIfModifiedSince": FUTURE}, True),
        ({"CopySourceIfModifiedSince": "NOW"}, False),
        ({"CopySourceIfUnmodifiedSince": FUTURE}, True),
        ({"CopySourceIfUnmodifiedSince": PAST}, False),
        ({"CopySourceIfMatch": "ETAG", "CopySourceIfUnmodifiedSince": PAST}, True),
        ({"CopySourceIfNoneMatch": "ETAG", "CopySourceIfModifiedSince": PAST}, False),
    ],
)
def test_copies(s3: Any, bucket: str, etag: str, conditions: dict[str, Any], passes: bool) -> None:
    """A copy has no 304: a source that is as known fails it."""
    conditions = meant(s3, bucket, etag, conditions)
    request = {"Bucket": bucket, "Key": "copy", "CopySource": f"{bucket}/k", **conditions}
    if passes:
        assert s3.copy_object(**request)["CopyObjectResult"]["ETag"] == etag
    else:
        error = refused(s3.copy_object, **request)
        assert (error.code, error.status) == ("PreconditionFailed", 412)


def test_conditional_copy_destination(s3: Any, bucket: str, etag: str) -> None:
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", IfNoneMatch="*")
    assert refused(s3.copy_object, Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", IfNoneMatch="*").status == 412
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", IfMatch=etag)


def test_conditional_complete(s3: Any, bucket: str, etag: str) -> None:
    """A multipart upload is conditional when it is completed, and goes on living when refused."""
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")
    request = {
        "Bucket": bucket,
        "Key": "k",
        "UploadId": upload,
        "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    }
    assert refused(s3.complete_multipart_upload, **request, IfNoneMatch="*").status == 412
    assert refused(s3.complete_multipart_upload, **request, IfMatch='"other"').status == 412
    s3.complete_multipart_upload(**request, IfMatch=etag)


def test_what_happens_during_an_upload_conflicts(s3: Any, bucket: str) -> None:
    """A condition that holds only because of what came after the upload began is a 409."""

    def begin() -> dict[str, Any]:
        upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        part = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        return {"Bucket": bucket, "Key": "k", "UploadId": upload, "MultipartUpload": parts}

    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    request = begin()
    s3.delete_object(Bucket=bucket, Key="k")
    error = refused(s3.complete_multipart_upload, **request, IfNoneMatch="*")
    assert (error.code, error.status, error.members["Key"]) == ("ConditionalRequestConflict", 409, "k")
    assert refused(s3.complete_multipart_upload, **request, IfMatch='"x"').code == "NoSuchKey"
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"2")["ETag"]
    assert refused(s3.complete_multipart_upload, **request, IfMatch=etag).code == "ConditionalRequestConflict"
    s3.complete_multipart_upload(**begin(), IfMatch=etag)
