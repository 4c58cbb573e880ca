"""Annotations: texts on a version, kept and told back whole, gone with their version, taken along by copies."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tests.api.s3.conftest import refused


def annotate(s3: Any, bucket: str, key: str, name: str, text: bytes, **more: Any) -> Any:
    return s3.put_object_annotation(Bucket=bucket, Key=key, AnnotationName=name, AnnotationPayload=text, **more)


def read(s3: Any, bucket: str, key: str, name: str, **more: Any) -> bytes:
    answer = s3.get_object_annotation(Bucket=bucket, Key=key, AnnotationName=name, **more)
    found: bytes = answer["AnnotationPayload"].read()
    return found


def names(s3: Any, bucket: str, key: str, **more: Any) -> list[str]:
    told = s3.list_object_annotations(Bucket=bucket, Key=key, **more).get("Annotations", ())
    return [one["AnnotationName"] for one in told]


@pytest.mark.parametrize("how", [{}, {"ServerSideEncryption": "AES256"}, {"ServerSideEncryption": "aws:kms"}])
@pytest.mark.parametrize("size", [1, 300_000, 1 << 20])
def test_round_trip(s3: Any, bucket: str, how: dict[str, str], size: int) -> None:
    """Of every size, under every key; put again it is replaced; the object itself doesn't change."""
    before = s3.put_object(Bucket=bucket, Key="a", Body=b"x", **how)
    text = b"0123456789abcdef" * (size // 16) or b"x"
    put = annotate(s3, bucket, "a", "ml.sentiment", text, ChecksumAlgorithm="SHA256")
    assert put["ETag"] == f'"{hashlib.md5(text).hexdigest()}"'
    assert put["AnnotationName"] == "ml.sentiment"
    assert read(s3, bucket, "a", "ml.sentiment", ChecksumMode="ENABLED") == text
    annotate(s3, bucket, "a", "ml.sentiment", b"short")
    assert read(s3, bucket, "a", "ml.sentiment") == b"short"
    assert s3.head_object(Bucket=bucket, Key="a")["ETag"] == before["ETag"]
    s3.delete_object_annotation(Bucket=bucket, Key="a", AnnotationName="ml.sentiment")
    s3.delete_object_annotation(Bucket=bucket, Key="a", AnnotationName="ml.sentiment")
    missing = refused(s3.get_object_annotation, Bucket=bucket, Key="a", AnnotationName="ml.sentiment")
    assert (missing.code, missing.status) == ("NoSuchAnnotation", 404)


def test_lists(s3: Any, bucket: str) -> None:
    """By name, by prefix, page by page."""
    s3.put_object(Bucket=bucket, Key="a")
    for name in ("b", "a.1", "a.2", "ä"):
        annotate(s3, bucket, "a", name, name.encode())
    assert names(s3, bucket, "a") == ["a.1", "a.2", "b", "ä"]
    assert names(s3, bucket, "a", AnnotationPrefix="a.") == ["a.1", "a.2"]
    page = s3.list_object_annotations(Bucket=bucket, Key="a", MaxAnnotationResults=3)
    assert page["AnnotationCount"] == 3
    assert names(s3, bucket, "a", ContinuationToken=page["NextContinuationToken"]) == ["ä"]
    assert page["Annotations"][0]["Size"] == 3


def test_refusals(s3: Any, bucket: str) -> None:
    """Names, payloads and objects that can't be, and a condition that doesn't hold."""
    s3.put_object(Bucket=bucket, Key="a")
    for code, name, text in (
        ("InvalidAnnotationName", "aws.x", b"x"),
        ("InvalidAnnotationName", "S3x", b"x"),
        ("InvalidAnnotationName", "a b", b"x"),
        ("AnnotationNameTooLong", "n" * 513, b"x"),
        ("UnsupportedMediaType", "n", b"\xff"),
        ("InvalidRequest", "n", b""),
        ("EntityTooLarge", "n", b"x" * ((1 << 20) + 1)),
    ):
        call = refused(s3.put_object_annotation, Bucket=bucket, Key="a", AnnotationName=name, AnnotationPayload=text)
        assert call.code == code, name
    answer = refused(s3.put_object_annotation, Bucket=bucket, Key="z", AnnotationName="n", AnnotationPayload=b"x")
    assert answer.code == "NoSuchKey"
    held = {"Bucket": bucket, "Key": "a", "AnnotationName": "n", "AnnotationPayload": b"x", "ObjectIfMatch": '"no"'}
    assert refused(s3.put_object_annotation, **held).code == "PreconditionFailed"


def test_they_go_with_their_version(s3: Any, bucket: str) -> None:
    """Overwritten or deleted, a version takes its annotations with it; in a versioned bucket each keeps its own."""
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    annotate(s3, bucket, "a", "n", b"old")
    s3.put_object(Bucket=bucket, Key="a", Body=b"2")
    assert names(s3, bucket, "a") == []
    annotate(s3, bucket, "a", "n", b"old")
    s3.delete_object(Bucket=bucket, Key="a")
    s3.put_object(Bucket=bucket, Key="a", Body=b"3")
    assert names(s3, bucket, "a") == []
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    annotate(s3, bucket, "a", "n", b"null")
    second = s3.put_object(Bucket=bucket, Key="a", Body=b"4")["VersionId"]
    assert names(s3, bucket, "a") == []
    answer = annotate(s3, bucket, "a", "n", b"second")
    assert answer["ObjectVersionId"] == second
    assert read(s3, bucket, "a", "n", VersionId="null") == b"null"
    s3.delete_object(Bucket=bucket, Key="a", VersionId=second)
    assert read(s3, bucket, "a", "n") == b"null"


@pytest.mark.parametrize("size", [1, 400_000])
def test_copies_take_them_along(s3: Any, bucket: str, size: int) -> None:
    """Copied by default, excluded when asked, kept by a copy onto itself."""
    s3.put_object(Bucket=bucket, Key="a", Body=b"x" * size, ServerSideEncryption="AES256")
    annotate(s3, bucket, "a", "n", b"text")
    s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a")
    assert read(s3, bucket, "b", "n") == b"text"
    s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/a", AnnotationDirective="EXCLUDE")
    assert names(s3, bucket, "c") == []
    s3.copy_object(Bucket=bucket, Key="a", CopySource=f"{bucket}/a", MetadataDirective="REPLACE")
    assert read(s3, bucket, "a", "n") == b"text"
