"""Copies: bytes, metadata, tags, versions, between every two ways of keeping a body."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

import pytest

from tests.api.s3.conftest import refused


@pytest.mark.parametrize("size", [0, 10, 100_000, 1_000_000])
def test_bytes_and_metadata(s3: Any, bucket: str, size: int) -> None:
    data = os.urandom(size)
    etag = s3.put_object(
        Bucket=bucket, Key="k", Body=data, Metadata={"a": "b"}, ContentType="text/plain", CacheControl="no-store"
    )["ETag"]
    told = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"})["CopyObjectResult"]
    got = s3.get_object(Bucket=bucket, Key="copy")
    assert got["Body"].read() == data
    assert told["ETag"] == got["ETag"] == etag
    assert told["LastModified"] == got["LastModified"]
    assert (got["Metadata"], got["ContentType"], got["CacheControl"]) == ({"a": "b"}, "text/plain", "no-store")
    s3.delete_object(Bucket=bucket, Key="k")
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == data


def test_metadata_replaced(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"a": "b"}, ContentType="text/plain")
    s3.copy_object(
        Bucket=bucket,
        Key="copy",
        CopySource=f"{bucket}/k",
        MetadataDirective="REPLACE",
        Metadata={"c": "d"},
        ContentType="image/png",
    )
    head = s3.head_object(Bucket=bucket, Key="copy")
    assert (head["Metadata"], head["ContentType"]) == ({"c": "d"}, "image/png")


def test_onto_itself(s3: Any, bucket: str) -> None:
    """The only way to change metadata; pointless without a change, and refused then."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * 300_000, Metadata={"a": "b"})
    error = refused(s3.copy_object, Bucket=bucket, Key="k", CopySource=f"{bucket}/k")
    assert (error.code, error.status) == ("InvalidRequest", 400)
    assert error.message.startswith("This copy request is illegal because it is trying to copy an object to itself")
    s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/k", MetadataDirective="REPLACE", Metadata={"c": "d"})
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"c": "d"}
    s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/k", StorageClass="STANDARD_IA")
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["StorageClass"], got["Metadata"], len(got["Body"].read())) == ("STANDARD_IA", {"c": "d"}, 300_000)


def test_onto_itself_under_another_key(s3: Any, bucket: str) -> None:
    """A change of encryption is a change: by the object's own key, or by the bucket's default."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{bucket}/k")
    assert s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "AES256"
    assert refused(s3.copy_object, Bucket=bucket, Key="k", CopySource=f"{bucket}/k").code == "InvalidRequest"


def test_an_unknown_checksum_algorithm(raw: Any, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    headers = {"x-amz-copy-source": f"{bucket}/k", "x-amz-checksum-algorithm": "CRC7"}
    answer = raw("PUT", f"/{bucket}/copy", headers=headers)
    assert (answer.status_code, "Checksum algorithm provided is unsupported" in answer.text) == (400, True)


def test_the_storage_class_is_not_copied(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="STANDARD_IA", WebsiteRedirectLocation="/x")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    head = s3.head_object(Bucket=bucket, Key="copy")
    assert "StorageClass" not in head
    assert "WebsiteRedirectLocation" not in head


@pytest.mark.parametrize("key", ["a b+c", "ü/日", "q?versionId=x", "per%20cent", "/slash"])
def test_the_source_is_percent_encoded(s3: Any, raw: Any, bucket: str, key: str) -> None:
    """With or without the slash in front, slashes encoded or not."""
    s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    for source in (f"{bucket}/{quote(key)}", f"/{bucket}/{quote(key, safe='')}"):
        answer = raw("PUT", f"/{bucket}/copy", headers={"x-amz-copy-source": source})
        assert (answer.status_code, "<CopyObjectResult" in answer.text) == (200, True)


@pytest.mark.parametrize("source", ["nonsense", "", "/", "{}/", "/{}"])
def test_a_source_needs_bucket_and_key(raw: Any, bucket: str, source: str) -> None:
    answer = raw("PUT", f"/{bucket}/copy", headers={"x-amz-copy-source": source.format(bucket)})
    assert answer.status_code == 400
    assert "<Code>InvalidArgument</Code>" in answer.text


@pytest.mark.parametrize("source", ["{}/../secret", "../../etc/passwd", "{}/..%2f..%2fetc%2fpasswd"])
def test_dots_lead_nowhere(raw: Any, bucket: str, source: str) -> None:
    """A key with dots is a key, never a path."""
    answer = raw("PUT", f"/{bucket}/copy", headers={"x-amz-copy-source": source.format(bucket)})
    assert answer.status_code == 404


def test_missing_sources(s3: Any, bucket: str) -> None:
    assert refused(s3.copy_object, Bucket=bucket, Key="copy", CopySource=f"{bucket}/nobody").code == "NoSuchKey"
    assert refused(s3.copy_object, Bucket=bucket, Key="copy", CopySource=f"{bucket}-x/k").code == "NoSuchBucket"
    assert refused(s3.copy_object, Bucket=bucket + "-x", Key="copy", CopySource=f"{bucket}/k").code == "NoSuchBucket"


def test_a_foreign_source_needs_permission(s3: Any, other: Any, bucket: str, unique: Any) -> None:
    """Writing to one's own bucket is no right to read another's."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"secret")
    mine = unique("mine")
    other.create_bucket(Bucket=mine)
    assert refused(other.copy_object, Bucket=mine, Key="copy", CopySource=f"{bucket}/k").code == "AccessDenied"


def test_versions(s3: Any, versioned: str) -> None:
    """A copy can bring back an old version; both ids are told."""
    old = s3.put_object(Bucket=versioned, Key="k", Body=b"old")["VersionId"]
    s3.put_object(Bucket=versioned, Key="k", Body=b"new")
    told = s3.copy_object(Bucket=versioned, Key="k", CopySource={"Bucket": versioned, "Key": "k", "VersionId": old})
    assert told["CopySourceVersionId"] == old
    got = s3.get_object(Bucket=versioned, Key="k")
    assert (got["Body"].read(), got["VersionId"]) == (b"old", told["VersionId"])
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    source = {"Bucket": versioned, "Key": "k"}
    assert refused(s3.copy_object, Bucket=versioned, Key="x", CopySource=source).code == "NoSuchKey"
    error = refused(s3.copy_object, Bucket=versioned, Key="x", CopySource={**source, "VersionId": marker})
    assert (error.code, error.status) == ("InvalidRequest", 400)


def test_tags_are_copied_or_replaced(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1&b=2")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")
    assert s3.head_object(Bucket=bucket, Key="copy")["TagCount"] == 2
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", TaggingDirective="REPLACE", Tagging="c=3")
    assert s3.head_object(Bucket=bucket, Key="copy")["TagCount"] == 1
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", TaggingDirective="REPLACE")
    assert "TagCount" not in s3.head_object(Bucket=bucket, Key="copy")


@pytest.mark.parametrize("directive", ["MetadataDirective", "TaggingDirective"])
def test_unknown_directives(s3: Any, bucket: str, directive: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    error = refused(s3.copy_object, Bucket=bucket, Key="c", CopySource=f"{bucket}/k", **{directive: "MERGE"})
    assert (error.code, error.status) == ("InvalidArgument", 400)


def test_a_multipart_object_becomes_a_plain_one(s3: Any, bucket: str) -> None:
    """Its ETag is the MD5 of its bytes again."""
    import hashlib

    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    data = os.urandom(300_000)
    part = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=data)
    s3.complete_multipart_upload(
        Bucket=bucket,
        Key="k",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    told = s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k")["CopyObjectResult"]
    assert told["ETag"] == f'"{hashlib.md5(data).hexdigest()}"'
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == data
