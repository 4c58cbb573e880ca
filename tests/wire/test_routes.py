"""Routes of S3 and others, where a wrong one destroys something."""

from __future__ import annotations

import pytest

from haneul.wire.model import load
from haneul.wire.routes import router

COPY = {"x-amz-copy-source": "a/b"}
S3 = [
    ("GET", "/", "", {}, "ListBuckets"),
    ("GET", "/", "x-id=ListDirectoryBuckets", {}, "ListDirectoryBuckets"),
    ("PUT", "/b", "", {}, "CreateBucket"),
    ("PUT", "/b/", "", {}, "CreateBucket"),
    ("GET", "/b", "", {}, "ListObjects"),
    ("GET", "/b", "list-type=2&prefix=a", {}, "ListObjectsV2"),
    ("GET", "/b", "prefix=acl", {}, "ListObjects"),
    ("GET", "/b", "versions&prefix=a", {}, "ListObjectVersions"),
    ("GET", "/b", "uploads=", {}, "ListMultipartUploads"),
    ("GET", "/b", "lifecycle", {}, "GetBucketLifecycleConfiguration"),
    ("GET", "/b", "notification", {}, "GetBucketNotificationConfiguration"),
    ("GET", "/b", "inventory", {}, "ListBucketInventoryConfigurations"),
    ("GET", "/b", "inventory&id=x", {}, "GetBucketInventoryConfiguration"),
    ("DELETE", "/b", "", {}, "DeleteBucket"),
    ("DELETE", "/b", "foo=bar", {}, "DeleteBucket"),
    ("DELETE", "/b", "analytics&id=1", {}, "DeleteBucketAnalyticsConfiguration"),
    ("DELETE", "/b", "analytics", {}, "DeleteBucketAnalyticsConfiguration"),
    ("DELETE", "/b", "%61nalytics&id=1", {}, "DeleteBucketAnalyticsConfiguration"),
    ("DELETE", "/b", "acl", {}, None),
    ("DELETE", "/b", "versioning", {}, None),
    ("DELETE", "/b", "list-type=2", {}, None),
    ("DELETE", "/b/k", "", {}, "DeleteObject"),
    ("DELETE", "/b/k", "versionId=1", {}, "DeleteObject"),
    ("DELETE", "/b/k", "tagging&versionId=1", {}, "DeleteObjectTagging"),
    ("DELETE", "/b/k", "uploadId=1", {}, "AbortMultipartUpload"),
    ("DELETE", "/b/k", "retention", {}, None),
    ("PUT", "/b/k", "", {}, "PutObject"),
    ("PUT", "/b/k", "x-id=PutObject", {}, "PutObject"),
    ("PUT", "/b/k", "", COPY, "CopyObject"),
    ("PUT", "/b/k", "partNumber=1&uploadId=u", {}, "UploadPart"),
    ("PUT", "/b/k", "partNumber=1&uploadId=u", COPY, "UploadPartCopy"),
    ("PUT", "/b/k", "uploadId=u", {}, "UploadPart"),
    ("PUT", "/b/k", "acl", {}, "PutObjectAcl"),
    ("PUT", "/b/k", "legal-hold", {}, "PutObjectLegalHold"),
    ("GET", "/b/k", "versionId=1&partNumber=2&response-content-type=x", {}, "GetObject"),
    ("GET", "/b/k", "uploadId=u", {}, "ListParts"),
    ("GET", "/b/k", "attributes", {"x-amz-object-attributes": "ETag"}, "GetObjectAttributes"),
    ("GET", "/b/k", "attributes", {}, "GetObjectAttributes"),
    ("HEAD", "/b/k", "", {}, "HeadObject"),
    ("HEAD", "/b/k", "acl", {}, None),
    ("POST", "/b/k", "uploads", {}, "CreateMultipartUpload"),
    ("POST", "/b/k", "uploadId=u", {}, "CompleteMultipartUpload"),
    ("POST", "/b/k", "restore&versionId=1", {}, "RestoreObject"),
    ("POST", "/b/k", "select&select-type=2", {}, "SelectObjectContent"),
    ("POST", "/b/k", "", {}, None),
    ("POST", "/b", "delete", {}, "DeleteObjects"),
    ("POST", "/b", "", {}, None),
    ("OPTIONS", "/b/k", "", {}, None),
]


@pytest.mark.parametrize(("method", "path", "query", "headers", "operation"), S3)
def test_s3(method: str, path: str, query: str, headers: dict[str, str], operation: str | None) -> None:
    """A sub-resource is never overlooked, an unknown parameter never in the way; the second answer is the cache's."""
    for _ in range(2):
        found = router(load("s3")).match(method, path, query, headers)
        assert (found and found[0]) == operation


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/b/a/b", "a/b"),
        ("/b//a", "/a"),
        ("/b/a//b/", "a//b/"),
        ("/b/../c", "../c"),
        ("/b/a%2Fb", "a/b"),
        ("/b/a%252Fb", "a%2Fb"),
        ("/b/a+b", "a+b"),
        ("/b/%C3%BC%F0%9F%98%B9", "ü😹"),
        ("/b/%20", " "),
    ],
)
def test_keys(path: str, key: str) -> None:
    """A key is what follows the bucket, decoded once, whatever it looks like."""
    assert router(load("s3")).match("GET", path, "", {}) == ("GetObject", {"Bucket": "b", "Key": key})


@pytest.mark.parametrize(
    ("service", "method", "path", "query", "operation", "labels"),
    [
        ("lambda", "GET", "/2015-03-31/functions", "", "ListFunctions", {}),
        ("lambda", "GET", "/2015-03-31/functions/", "", "ListFunctions", {}),
        ("lambda", "POST", "/2015-03-31/functions/f/invocations", "", "Invoke", {"FunctionName": "f"}),
        ("lambda", "GET", "/2015-03-31/functions/a%3Ab%2Fc", "", "GetFunction", {"FunctionName": "a:b/c"}),
        ("glacier", "PUT", "/-/vaults/v", "", "CreateVault", {"accountId": "-", "vaultName": "v"}),
        ("glacier", "PUT", "/-/vaults//v", "", None, {}),
        ("route53", "GET", "/2013-04-01/hostedzone/Z1", "", "GetHostedZone", {"Id": "Z1"}),
        ("cloudfront", "POST", "/2020-05-31/distribution", "WithTags", "CreateDistributionWithTags", {}),
        ("cloudfront", "POST", "/2020-05-31/distribution", "", "CreateDistribution", {}),
        ("cloudfront", "POST", "/2020-05-31/tagging", "Operation=Untag", "UntagResource", {}),
        (
            "s3control",
            "GET",
            "/v20180820/mrap/instances/a/policy",
            "",
            "GetMultiRegionAccessPointPolicy",
            {"name": "a"},
        ),
        ("lambda", "GET", "/nothing/here", "", None, {}),
    ],
)
def test_others(
    service: str, method: str, path: str, query: str, operation: str | None, labels: dict[str, str]
) -> None:
    """Literal segments before labels, trailing slashes, literal queries, labels in the middle."""
    found = router(load(service)).match(method, path, query, {})
    assert found == (None if operation is None else (operation, labels))
