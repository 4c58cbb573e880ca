"""Buckets: names, regions, owners, listing, deleting."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.api.s3.conftest import refused


def test_create_head_and_delete(s3: Any, unique: Callable[[str], str]) -> None:
    """The life of a bucket, as every program begins."""
    name = unique("life")
    made = s3.create_bucket(Bucket=name)
    assert made["Location"] == f"/{name}"
    head = s3.head_bucket(Bucket=name)
    assert head["BucketRegion"] == "us-east-1"
    assert head["AccessPointAlias"] is False
    assert s3.delete_bucket(Bucket=name)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(s3.head_bucket, Bucket=name).status == 404


@pytest.mark.parametrize(
    "name",
    [
        "Upper-case",
        "under_score",
        "-starts-with-a-hyphen",
        "ends-with-a-hyphen-",
        "two..dots",
        "dot.-hyphen",
        "192.168.5.4",
        "xn--punycode",
        "sthree-reserved",
        "amzn-s3-demo-bucket",
        "name-s3alias",
        "name--ol-s3",
        "name--x-s3",
    ],
)
def test_bad_names_are_refused(s3: Any, raw: Any, name: str) -> None:
    """S3's naming rules hold at the server too, not only in SDKs."""
    answer = raw("PUT", f"/{name}")
    assert answer.status_code == 400
    assert "<Code>InvalidBucketName</Code>" in answer.text
    assert f"<BucketName>{name}</BucketName>" in answer.text


@pytest.mark.parametrize("name", ["ab", "a" * 64])
def test_names_have_3_to_63_characters(raw: Any, name: str) -> None:
    answer = raw("PUT", f"/{name}")
    assert "<Code>InvalidBucketName</Code>" in answer.text


def test_dots_and_digits_are_good_names(s3: Any, unique: Callable[[str], str]) -> None:
    name = unique("1.a-b.c3")
    s3.create_bucket(Bucket=name)
    assert s3.head_bucket(Bucket=name)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_creating_it_again_in_us_east_1_succeeds(s3: Any, bucket: str) -> None:
    """The oldest region's habit, which Terraform and CI scripts lean on."""
    assert s3.create_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_creating_it_again_elsewhere_is_refused(client: Any, unique: Callable[[str], str]) -> None:
    s3 = client("s3", region="eu-west-1")
    name = unique("mine")
    where = {"LocationConstraint": "eu-west-1"}
    made = s3.create_bucket(Bucket=name, CreateBucketConfiguration=where)
    assert made["Location"] == f"http://{name}.s3.amazonaws.com/"
    error = refused(s3.create_bucket, Bucket=name, CreateBucketConfiguration=where)
    assert (error.code, error.status) == ("BucketAlreadyOwnedByYou", 409)
    assert error.members["BucketName"] == name


def test_names_are_global_over_accounts(other: Any, bucket: str) -> None:
    error = refused(other.create_bucket, Bucket=bucket)
    assert (error.code, error.status) == ("BucketAlreadyExists", 409)


def test_a_foreign_bucket_is_closed(other: Any, bucket: str) -> None:
    """Buckets are found by name in all accounts, and each is its owner's alone."""
    assert refused(other.list_objects_v2, Bucket=bucket).code == "AccessDenied"
    assert refused(other.head_bucket, Bucket=bucket).status == 403
    assert refused(other.delete_bucket, Bucket=bucket).code == "AccessDenied"


@pytest.mark.parametrize(
    ("region", "constraint", "code"),
    [
        ("us-east-1", "nowhere-1", "InvalidLocationConstraint"),
        ("us-east-1", "us-east-1", "InvalidLocationConstraint"),
        ("eu-west-1", None, "IllegalLocationConstraintException"),
        ("eu-west-1", "us-west-2", "IllegalLocationConstraintException"),
    ],
)
def test_location_constraints(
    client: Any, unique: Callable[[str], str], region: str, constraint: str | None, code: str
) -> None:
    """Where a bucket may be made from which endpoint."""
    s3 = client("s3", region=region)
    more: dict[str, Any] = {"CreateBucketConfiguration": {"LocationConstraint": constraint}} if constraint else {}
    error = refused(s3.create_bucket, Bucket=unique("where"), **more)
    assert (error.code, error.status) == (code, 400)


def test_location_tells_the_region(s3: Any, bucket: str, unique: Callable[[str], str]) -> None:
    """us-east-1 is told by nothing at all."""
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    west = unique("west")
    s3.create_bucket(Bucket=west, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    assert s3.get_bucket_location(Bucket=west)["LocationConstraint"] == "us-west-2"
    assert s3.head_bucket(Bucket=west)["BucketRegion"] == "us-west-2"


def test_list_buckets_shows_ones_own(s3: Any, other: Any, bucket: str) -> None:
    listed = s3.list_buckets()
    mine = {each["Name"]: each for each in listed["Buckets"]}
    assert abs((datetime.now(UTC) - mine[bucket]["CreationDate"]).total_seconds()) < 60
    assert len(listed["Owner"]["ID"]) == 64
    assert list(mine) == sorted(mine)
    assert bucket not in [each["Name"] for each in other.list_buckets().get("Buckets", [])]


def test_list_buckets_pages_and_filters(client: Any, unique: Callable[[str], str]) -> None:
    """max-buckets, continuation-token, prefix and bucket-region, alone and together."""
    s3 = client("s3", account="333333333333")
    stem = unique("page")
    names = [f"{stem}-{n}" for n in range(5)]
    for name in names[:4]:
        s3.create_bucket(Bucket=name)
    s3.create_bucket(Bucket=names[4], CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    first = s3.list_buckets(MaxBuckets=2, Prefix=stem)
    assert [each["Name"] for each in first["Buckets"]] == names[:2]
    assert first["Buckets"][0]["BucketRegion"] == "us-east-1"
    assert first["Prefix"] == stem
    rest = s3.list_buckets(Prefix=stem, ContinuationToken=first["ContinuationToken"])
    assert [each["Name"] for each in rest["Buckets"]] == names[2:]
    assert "ContinuationToken" not in rest
    west = s3.list_buckets(Prefix=stem, BucketRegion="us-west-2")
    assert [each["Name"] for each in west["Buckets"]] == names[4:]


def test_bad_pages_of_buckets_are_refused(s3: Any, raw: Any) -> None:
    error = refused(s3.list_buckets, ContinuationToken="nonsense")
    assert (error.code, error.members["ArgumentName"]) == ("InvalidArgument", "continuation-token")
    error = refused(s3.list_buckets, BucketRegion="eu-east-1")
    assert error.message == "Argument value eu-east-1 is not a valid AWS Region"
    assert "between 1 and 10000" in raw("GET", "/?max-buckets=0").text


@pytest.mark.parametrize(
    "operation", ["list_objects", "list_objects_v2", "get_bucket_location", "get_bucket_versioning"]
)
def test_no_such_bucket(s3: Any, unique: Callable[[str], str], operation: str) -> None:
    name = unique("nobody")
    error = refused(getattr(s3, operation), Bucket=name)
    assert (error.code, error.status) == ("NoSuchBucket", 404)
    assert error.message == "The specified bucket does not exist"
    assert error.members["BucketName"] == name


def test_only_an_empty_bucket_can_be_deleted(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"v")
    error = refused(s3.delete_bucket, Bucket=bucket)
    assert (error.code, error.status) == ("BucketNotEmpty", 409)
    assert error.members["BucketName"] == bucket
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)


def test_delete_markers_keep_a_bucket(s3: Any, versioned: str) -> None:
    """A bucket with versions is empty when all of them are gone, markers included."""
    s3.delete_object(Bucket=versioned, Key="k")
    error = refused(s3.delete_bucket, Bucket=versioned)
    assert error.code == "BucketNotEmpty"
    assert "all versions" in error.message


def test_uploads_dont_keep_a_bucket(s3: Any, bucket: str) -> None:
    """Uploads under way are no objects, and vanish with their bucket, also from one of the same name."""
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x" * 100_000)
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    assert refused(s3.list_parts, Bucket=bucket, Key="k", UploadId=upload).code == "NoSuchUpload"


def test_expected_owner(s3: Any, bucket: str) -> None:
    """x-amz-expected-bucket-owner protects from a bucket that changed hands."""
    s3.head_bucket(Bucket=bucket, ExpectedBucketOwner="000000000000")
    error = refused(s3.list_objects_v2, Bucket=bucket, ExpectedBucketOwner="111111111111")
    assert (error.code, error.status) == ("AccessDenied", 403)
    error = refused(s3.list_objects_v2, Bucket=bucket, ExpectedBucketOwner="me")
    assert (error.code, error.status) == ("InvalidBucketOwnerAWSAccountID", 400)


def test_new_buckets_are_closed_to_the_public(s3: Any, bucket: str) -> None:
    """Since April 2023: public access is blocked, and ACLs are off."""
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert set(block.values()) == {True}
    rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_an_acl_needs_an_ownership_that_has_them(s3: Any, unique: Callable[[str], str]) -> None:
    error = refused(s3.create_bucket, Bucket=unique("acl"), ACL="public-read")
    assert (error.code, error.status) == ("InvalidBucketAclWithObjectOwnership", 400)


def test_object_lock_at_birth(s3: Any, unique: Callable[[str], str]) -> None:
    """A bucket made for Object Lock keeps versions from the start, and can't stop."""
    name = unique("lock")
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    error = refused(s3.put_bucket_versioning, Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    assert (error.code, error.status) == ("InvalidBucketState", 409)


@pytest.mark.parametrize("host", ["{}.s3.localhost", "{}.localhost", "{}.s3.us-east-1.localhost.localstack.cloud"])
def test_virtual_hosts(cloud: Any, bucket: str, s3: Any, host: str) -> None:
    """bucket.s3.localhost names a bucket as the path does, also in what is signed."""
    s3.put_object(Bucket=bucket, Key="deep/key", Body=b"hello")
    name = f"{host.format(bucket)}:{cloud.port}"
    request = AWSRequest("GET", f"http://{name}/deep/key")
    S3SigV4Auth(Credentials("000000000000", "test"), "s3", "us-east-1").add_auth(request)
    headers = {**dict(request.headers.items()), "Host": name}
    assert requests.get(f"{cloud.url}/deep/key", headers=headers, timeout=10).content == b"hello"
    answer = requests.get(f"{cloud.url}/deep/key", headers={"Host": name}, timeout=10)
    assert (answer.status_code, "<Code>AccessDenied</Code>" in answer.text) == (403, True)
