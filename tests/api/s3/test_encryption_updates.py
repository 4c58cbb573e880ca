"""UpdateObjectEncryption: another KMS key without moving a byte, for what AWS lets it be changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.api.s3.conftest import refused
from tests.running import RunningCloud

KEY = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-3333-4444-555555555555"
OTHER = "arn:aws:kms:us-east-1:000000000000:key/aaaaaaaa-2222-3333-4444-555555555555"


def update(s3: Any, bucket: str, key: str, arn: str = KEY, **more: Any) -> None:
    wish = {"SSEKMS": {"KMSKeyArn": arn, "BucketKeyEnabled": True}}
    s3.update_object_encryption(Bucket=bucket, Key=key, ObjectEncryption=wish, **more)


@pytest.mark.parametrize("size", [10, 100_000, 400_000])
@pytest.mark.parametrize("before", [{}, {"ServerSideEncryption": "AES256"}, {"ServerSideEncryption": "aws:kms"}])
def test_changed_in_place(s3: Any, bucket: str, size: int, before: dict[str, str]) -> None:
    """Bytes, ETag, checksum and date stay; the key told is the new one, also after a second change and a copy."""
    body = bytes(range(256)) * (size // 256 + 1)
    put = s3.put_object(Bucket=bucket, Key="a", Body=body, **before)
    was = s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    update(s3, bucket, "a")
    update(s3, bucket, "a", OTHER)
    found = s3.get_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert found["Body"].read() == body
    assert found["ETag"] == put["ETag"]
    assert found["LastModified"] == was["LastModified"]
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", OTHER)
    assert found["BucketKeyEnabled"] is True
    s3.copy_object(Bucket=bucket, Key="b", CopySource=f"{bucket}/a")
    assert s3.get_object(Bucket=bucket, Key="b", Range="bytes=1-3")["Body"].read() == body[1:4]


def test_multipart(s3: Any, bucket: str) -> None:
    """An object of parts keeps them."""
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m", ServerSideEncryption="AES256")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"part")
    s3.complete_multipart_upload(
        Bucket=bucket, Key="m", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    )
    update(s3, bucket, "m")
    assert s3.get_object(Bucket=bucket, Key="m")["Body"].read() == b"part"


def test_refusals(s3: Any, unique: Any) -> None:
    """SSE-C, locked objects, keys that aren't keys or are others', and objects that aren't there."""
    bucket = unique("locked")
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    customer = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    s3.put_object(Bucket=bucket, Key="c", Body=b"x", **customer)
    until = datetime.now(UTC) + timedelta(days=1)
    s3.put_object(Bucket=bucket, Key="l", ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)
    s3.put_object(Bucket=bucket, Key="a")
    foreign = KEY.replace("000000000000", "222222222222")
    for code, key, arn in (
        ("InvalidRequest", "c", KEY),
        ("AccessDenied", "l", KEY),
        ("InvalidRequest", "a", KEY.replace(":key/", ":alias/")),
        ("AccessDenied", "a", foreign),
        ("NoSuchKey", "none", KEY),
    ):
        wish = {"SSEKMS": {"KMSKeyArn": arn}}
        assert refused(s3.update_object_encryption, Bucket=bucket, Key=key, ObjectEncryption=wish).code == code


def test_nobody_reads_under_kms_unsigned(s3: Any, bucket: str, cloud: RunningCloud) -> None:
    """A public object under a KMS key can't be read by the anonymous, who may use no key."""
    s3.delete_public_access_block(Bucket=bucket)
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    answer = requests.get(f"{cloud.url}/{bucket}/k", timeout=10)
    assert answer.status_code == 400
    assert "AWS KMS managed keys require AWS Signature Version 4" in answer.text
