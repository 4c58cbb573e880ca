"""Server-side encryption: what is told, what is really on the disk, and keys that don't fit."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from tests.api.s3.conftest import refused

KEY = b"k" * 32
SSE_C = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": KEY}
WRONG = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": b"w" * 32}
KINDS: list[dict[str, Any]] = [{"ServerSideEncryption": "AES256"}, {"ServerSideEncryption": "aws:kms"}, SSE_C]
NAMES = ["sse-s3", "sse-kms", "sse-c"]


def read_with(kind: dict[str, Any]) -> dict[str, Any]:
    return kind if "SSECustomerKey" in kind else {}


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
@pytest.mark.parametrize("size", [0, 1, 10_000, 65_536, 65_537, 200_000, 262_144, 1_000_000])
def test_bytes_come_back(s3: Any, bucket: str, kind: dict[str, Any], size: int) -> None:
    data = os.urandom(size)
    s3.put_object(Bucket=bucket, Key="k", Body=data, **kind)
    got = s3.get_object(Bucket=bucket, Key="k", **read_with(kind))
    assert (got["Body"].read(), got["ContentLength"]) == (data, size)


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
@pytest.mark.parametrize("size", [50_000, 200_000, 1_200_000])
def test_ranges(s3: Any, bucket: str, kind: dict[str, Any], size: int) -> None:
    """Only the blocks that are touched are opened, and the cuts are exact."""
    data = os.urandom(size)
    s3.put_object(Bucket=bucket, Key="k", Body=data, **kind)
    for start, end in ((0, 0), (1, 40_000), (size - 1, size - 1), (size // 2, size - 2), (0, size - 1)):
        got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={start}-{end}", **read_with(kind))
        assert got["Body"].read() == data[start : end + 1]
    if size > 131_080:
        got = s3.get_object(Bucket=bucket, Key="k", Range="bytes=65530-131080", **read_with(kind))
        assert got["Body"].read() == data[65530:131081]


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_nothing_readable_is_on_the_disk(s3: Any, cloud: Any, bucket: str, kind: dict[str, Any]) -> None:
    """Encryption that was asked for is real."""
    marker = os.urandom(16).hex().encode()
    s3.put_object(Bucket=bucket, Key="small", Body=marker * 10, **kind)
    s3.put_object(Bucket=bucket, Key="large", Body=marker * 20_000, **kind)
    files = [path for path in Path(cloud.data).rglob("*") if path.is_file()]
    assert not [path for path in files if marker in path.read_bytes()]


def test_the_default_is_told(s3: Any, bucket: str) -> None:
    """Every object is AES256, as in S3 since January 2023."""
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ServerSideEncryption"] == "AES256"
    assert s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "AES256"


def test_kms_keys_are_told(s3: Any, bucket: str) -> None:
    """The account's own key unless one is named."""
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    assert put["SSEKMSKeyId"].startswith("arn:aws:kms:us-east-1:000000000000:key/")
    key = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"
    s3.put_object(
        Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key, BucketKeyEnabled=True
    )
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"], head["BucketKeyEnabled"]) == ("aws:kms", key, True)


def test_only_sse_s3_etags_are_md5(s3: Any, bucket: str) -> None:
    """A digest of the bytes would tell about what the key hides."""
    md5 = f'"{hashlib.md5(b"hello").hexdigest()}"'
    for kind, same in zip(KINDS, (True, False, False), strict=True):
        assert (s3.put_object(Bucket=bucket, Key="k", Body=b"hello", **kind)["ETag"] == md5) is same


def test_a_customer_s_key_is_needed_to_read(s3: Any, bucket: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", **SSE_C)
    assert put["SSECustomerAlgorithm"] == "AES256"
    assert put["SSECustomerKeyMD5"] == base64.b64encode(hashlib.md5(KEY).digest()).decode()
    assert "ServerSideEncryption" not in put
    error = refused(s3.get_object, Bucket=bucket, Key="k")
    assert (error.code, error.status) == ("InvalidRequest", 400)
    assert error.message.startswith("The object was stored using a form of Server Side Encryption.")
    assert refused(s3.head_object, Bucket=bucket, Key="k").status == 400
    error = refused(s3.get_object, Bucket=bucket, Key="k", **WRONG)
    assert (error.code, error.status) == ("AccessDenied", 403)
    assert error.message.endswith("must provide the correct secret key.")
    assert refused(s3.head_object, Bucket=bucket, Key="k", **WRONG).status == 403


def test_a_key_for_a_plain_object(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    error = refused(s3.get_object, Bucket=bucket, Key="k", **SSE_C)
    assert (error.code, error.status) == ("InvalidRequest", 400)
    assert error.message == "The encryption parameters are not applicable to this object."


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"algorithm": "AES256"}, "InvalidArgument"),
        ({"key": "KEY", "key-MD5": "MD5"}, "InvalidArgument"),
        ({"algorithm": "AES128", "key": "KEY", "key-MD5": "MD5"}, "InvalidEncryptionAlgorithmError"),
        ({"algorithm": "AES256", "key": "KEY"}, "InvalidArgument"),
        ({"algorithm": "AES256", "key": "c2hvcnQ=", "key-MD5": "MD5"}, "InvalidArgument"),
        ({"algorithm": "AES256", "key": "KEY", "key-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="}, "InvalidArgument"),
    ],
)
def test_incomplete_customer_keys(raw: Any, bucket: str, headers: dict[str, str], code: str) -> None:
    values = {
        "KEY": base64.b64encode(KEY).decode(),
        "MD5": base64.b64encode(hashlib.md5(KEY).digest()).decode(),
    }
    sent = {f"x-amz-server-side-encryption-customer-{n}": values.get(v, v) for n, v in headers.items()}
    answer = raw("PUT", f"/{bucket}/k", data=b"x", headers=sent)
    assert answer.status_code == 400
    assert f"<Code>{code}</Code>" in answer.text


@pytest.mark.parametrize(
    "members",
    [
        {"ServerSideEncryption": "rot13"},
        {"ServerSideEncryption": "AES256", "SSEKMSKeyId": "some-key"},
        {"SSEKMSKeyId": "some-key"},
        {"ServerSideEncryption": "AES256", **SSE_C},
    ],
)
def test_contradictions(s3: Any, bucket: str, members: dict[str, Any]) -> None:
    error = refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", **members)
    assert (error.code, error.status) == ("InvalidArgument", 400)


@pytest.mark.parametrize("source", KINDS, ids=NAMES)
@pytest.mark.parametrize("target", [{}, *KINDS], ids=["plain", *NAMES])
def test_copies_change_keys(s3: Any, bucket: str, source: dict[str, Any], target: dict[str, Any]) -> None:
    """From every key to every other."""
    data = os.urandom(70_000)
    s3.put_object(Bucket=bucket, Key="k", Body=data, **source)
    shown = {f"CopySource{name}": value for name, value in read_with(source).items()}
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/k", **shown, **target)
    assert s3.get_object(Bucket=bucket, Key="copy", **read_with(target))["Body"].read() == data


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_multipart(s3: Any, bucket: str, kind: dict[str, Any]) -> None:
    """Parts are sealed one by one, and ranges cross them."""
    size = 5 << 20
    first, second = os.urandom(size), os.urandom(70_000)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", **kind)["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    parts = [
        {"PartNumber": n, "ETag": s3.upload_part(**where, PartNumber=n, Body=data, **read_with(kind))["ETag"]}
        for n, data in ((1, first), (2, second))
    ]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    whole = first + second
    assert s3.get_object(Bucket=bucket, Key="k", **read_with(kind))["Body"].read() == whole
    got = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={size - 10}-{size + 69_000}", **read_with(kind))
    assert got["Body"].read() == whole[size - 10 : size + 69_001]


@pytest.mark.parametrize("context", ["not base64!", "bm8ganNvbg==", "WzFd", "eyJhIjogMX0="])
def test_the_kms_context_is_a_map_of_strings(s3: Any, bucket: str, context: str) -> None:
    error = refused(
        s3.put_object,
        Bucket=bucket,
        Key="k",
        Body=b"x",
        ServerSideEncryption="aws:kms",
        SSEKMSEncryptionContext=context,
    )
    assert (error.code, error.status) == ("InvalidArgument", 400)
    good = "eyJhIjogImIifQ=="
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSEncryptionContext=good)


def test_every_part_needs_the_customer_s_key(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", **SSE_C)["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload, "PartNumber": 1, "Body": b"x"}
    for shown in ({}, WRONG):
        error = refused(s3.upload_part, **where, **shown)
        assert (error.code, error.status) == ("InvalidRequest", 400)
    s3.upload_part(**where, **SSE_C)
    plain = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    assert refused(s3.upload_part, **{**where, "UploadId": plain}, **SSE_C).code == "InvalidRequest"
