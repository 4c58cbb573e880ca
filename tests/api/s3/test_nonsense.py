"""Bad input: whatever parameters, headers and bodies are put together, S3 answers with an error of its own."""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import quote

import pytest

# fmt: off
VALUES = [
    "", "0", "-1", "1", "99999999999999999999", "1.5", "abc", "null", "true", "*", '"x"', "%00", "é", "<x>", "/",
    "{}", "bytes=0-", "bytes=--1", "2020-01-01", "Wed, 01 Jan 2020 00:00:00 GMT", "url", "a", "x=1&y=2", "x&&=",
    "fuzz/k", "/fuzz/k?versionId=null", "fuzz/k?versionId=", "CRC32", "SHA256", "AAAAAA==", "COMPOSITE",
    "FULL_OBJECT", "AES256", "aws:kms", "GLACIER", "public-read", "REPLACE", "COPY", "ENABLED", "000000000000",
]
PARAMETERS = [
    "versionId", "partNumber", "uploadId", "max-keys", "marker", "prefix", "delimiter", "encoding-type", "list-type",
    "continuation-token", "start-after", "fetch-owner", "versions", "key-marker", "version-id-marker", "uploads",
    "max-uploads", "max-parts", "part-number-marker", "upload-id-marker", "delete", "location", "versioning",
    "attributes", "response-content-type", "response-expires", "max-buckets", "bucket-region",
]
HEADERS = [
    "range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "x-amz-copy-source",
    "x-amz-copy-source-range", "x-amz-copy-source-if-match", "x-amz-copy-source-if-modified-since",
    "x-amz-metadata-directive", "x-amz-tagging-directive", "x-amz-storage-class", "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-server-side-encryption-customer-key", "x-amz-checksum-crc32", "x-amz-checksum-sha256",
    "x-amz-checksum-algorithm", "x-amz-checksum-type", "x-amz-sdk-checksum-algorithm", "x-amz-trailer",
    "x-amz-checksum-mode", "x-amz-tagging", "x-amz-expected-bucket-owner", "x-amz-website-redirect-location",
    "content-md5", "content-type", "content-encoding", "expires", "x-amz-meta-a", "x-amz-object-attributes",
    "x-amz-max-parts", "x-amz-part-number-marker", "x-amz-mp-object-size", "x-amz-bypass-governance-retention",
    "x-amz-write-offset-bytes",
]
# fmt: on
BODIES = [
    b"",
    b"x",
    b"\xff\xfe",
    b"<a/>",
    b"<Delete><Object><Key>k</Key><VersionId>zz</VersionId></Object></Delete>",
    b"<CompleteMultipartUpload><Part><PartNumber>x</PartNumber><ETag>y</ETag></Part></CompleteMultipartUpload>",
    b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>",
    b"<VersioningConfiguration><Status>On</Status></VersioningConfiguration>",
    b"<CreateBucketConfiguration><LocationConstraint>x</LocationConstraint></CreateBucketConfiguration>",
    b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
]


@pytest.mark.parametrize("seed", range(5))
def test_nonsense_is_refused_politely(s3: Any, raw: Any, bucket: str, versioned: str, seed: int) -> None:
    """No 500, no hang, and a code in every refusal."""
    chance = random.Random(seed)
    for place in (bucket, versioned):
        s3.put_object(Bucket=place, Key="k", Body=b"hello")
    paths = [
        "/",
        f"/{bucket}",
        f"/{bucket}/k",
        f"/{bucket}/k",
        f"/{versioned}/k",
        f"/{bucket}//k",
        "/nobody-here/k",
        "/Bad_Name",
    ]
    for _ in range(100):
        path = chance.choice(paths)
        query = "&".join(
            f"{name}={quote(chance.choice(VALUES), safe='')}" for name in chance.sample(PARAMETERS, chance.randrange(3))
        )
        headers = {
            name: quote(chance.choice(VALUES), safe='/=&*"-:{}<>,')
            for name in chance.sample(HEADERS, chance.randrange(3))
        }
        method = chance.choice(["GET", "PUT", "POST", "DELETE", "HEAD"])
        if method == "DELETE" and path in ("/", f"/{bucket}"):
            continue
        answer = raw(method, f"{path}?{query}" if query else path, data=chance.choice(BODIES), headers=headers)
        what = (method, path, query, headers, answer.text[:300])
        assert answer.status_code not in (500, 502, 503), what
        if answer.status_code >= 400 and method != "HEAD":
            assert "<Code>" in answer.text, what
    assert s3.head_bucket(Bucket=bucket)["BucketRegion"] == "us-east-1"
