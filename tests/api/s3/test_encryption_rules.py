"""A bucket's default encryption: told, kept, and done to what is put."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


def rule(**default):
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]}


def test_the_default_is_aes256_until_told_otherwise(s3, bucket):
    """Get, put, get, an object that shows it, delete."""
    told = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert told["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rule(SSEAlgorithm="aws:kms"))
    told = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    assert told == rule(SSEAlgorithm="aws:kms")
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"secret")["ServerSideEncryption"] == "aws:kms"
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"secret"
    assert got["BucketKeyEnabled"] is True
    s3.delete_bucket_encryption(Bucket=bucket)
    assert s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ServerSideEncryption"] == "AES256"


@pytest.mark.parametrize(
    ("configuration", "code"),
    [
        (rule(SSEAlgorithm="ROT13"), "MalformedXML"),
        (rule(SSEAlgorithm="AES256", KMSMasterKeyID="abc"), "InvalidArgument"),
        ({"Rules": []}, "MalformedXML"),
    ],
)
def test_refusals(s3, bucket, configuration, code):
    """AWS's codes."""
    with pytest.raises(ClientError) as caught:
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=configuration)
    assert caught.value.response["Error"]["Code"] == code
