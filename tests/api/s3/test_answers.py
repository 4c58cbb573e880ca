"""Answers that were measured at AWS: statuses, codes and words that clients or their tests look at."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.s3.conftest import refused

STATEMENT = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", '
    '"Resource": "arn:aws:s3:::%s/x"}]}'
)


def status(answer: Any) -> int:
    return int(answer["ResponseMetadata"]["HTTPStatusCode"])


def test_statuses(s3: Any, bucket: str) -> None:
    """Tags and policies are put with 204, and HeadBucket says that it would have been XML."""
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    assert status(s3.put_bucket_tagging(Bucket=bucket, Tagging=tags)) == 204
    assert status(s3.put_bucket_policy(Bucket=bucket, Policy=STATEMENT % bucket)) == 204
    head = s3.head_bucket(Bucket=bucket)
    assert head["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/xml"


def test_conditional_delete_of_nothing(s3: Any, bucket: str) -> None:
    """If-Match needs something to match."""
    answer = refused(s3.delete_object, Bucket=bucket, Key="none", IfMatch='"x"')
    assert (answer.code, answer.status) == ("NoSuchKey", 404)
    told = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "none", "ETag": "x"}]})
    assert [one["Code"] for one in told["Errors"]] == ["NoSuchKey"]


def test_an_empty_object_lock_configuration(s3: Any, versioned: str) -> None:
    """No body at all is told from a wrong one."""
    assert refused(s3.put_object_lock_configuration, Bucket=versioned).code == "MissingRequestBodyError"
    wrong = refused(s3.put_object_lock_configuration, Bucket=versioned, ObjectLockConfiguration={})
    assert wrong.code == "MalformedXML"


@pytest.mark.parametrize("constraint", ["us-east-1", "us-east-2", "us-gov-east-2"])
def test_location_constraints_of_other_regions(client: Any, unique: Any, constraint: str) -> None:
    """A region's endpoint makes buckets in its region alone, whatever the other one is."""
    s3 = client("s3", region="us-west-2")
    wish = {"LocationConstraint": constraint}
    answer = refused(s3.create_bucket, Bucket=unique("b"), CreateBucketConfiguration=wish)
    assert answer.code == "IllegalLocationConstraintException"
    assert answer.message.startswith(f"The {constraint} location constraint is incompatible")


def test_an_accounts_own_names(s3: Any, unique: Any) -> None:
    """Names of the account's namespace must end as it says, and such names are nobody else's."""
    name = f"{unique('mine')}-000000000000-us-east-1-an"
    s3.create_bucket(Bucket=name, BucketNamespace="account-regional")
    s3.delete_bucket(Bucket=name)
    wrong = refused(s3.create_bucket, Bucket=unique("mine"), BucketNamespace="account-regional")
    assert wrong.code == "InvalidNamespaceHeader"
    other = f"{unique('mine')}-222222222222-us-east-1-an"
    assert refused(s3.create_bucket, Bucket=other).code == "InvalidBucketName"


def test_reserved_tags(s3: Any, bucket: str) -> None:
    """A header and a document with a tag of AWS's own are refused in different words."""
    answer = refused(s3.put_object, Bucket=bucket, Key="a", Tagging="aws:x=y")
    assert (answer.code, answer.message) == ("InvalidTag", "Your TagKey cannot be prefixed with aws:")
    s3.put_object(Bucket=bucket, Key="a")
    tags = {"TagSet": [{"Key": "aws:x", "Value": "y"}]}
    answer = refused(s3.put_object_tagging, Bucket=bucket, Key="a", Tagging=tags)
    assert answer.message == "System tags cannot be added/updated by requester"


def test_numbers_that_are_none(s3: Any, bucket: str) -> None:
    """Negative and too large limits and markers, and markers that are no numbers at all."""
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    which = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    for call, members, name in (
        (s3.list_parts, {**which, "MaxParts": -42}, "max-parts"),
        (s3.list_parts, {**which, "PartNumberMarker": -42}, "part-number-marker"),
        (s3.list_multipart_uploads, {"Bucket": bucket, "MaxUploads": -42}, "max-uploads"),
        (s3.list_objects_v2, {"Bucket": bucket, "MaxKeys": -42}, "maxKeys"),
    ):
        answer = refused(call, **members)
        assert answer.code == "InvalidArgument"
        assert answer.message == f"Argument {name} must be an integer between 0 and 2147483647"
    for call, members, name in (
        (s3.list_parts, {**which, "MaxParts": 2147483689}, "max-parts"),
        (s3.list_parts, {**which, "PartNumberMarker": 2147483689}, "part-number-marker"),
        (s3.list_objects_v2, {"Bucket": bucket, "MaxKeys": 2147483689}, "max-keys"),
    ):
        answer = refused(call, **members)
        assert answer.code == "InvalidArgument"
        assert answer.message == f"Provided {name} not an integer or within integer range"


def test_a_numberless_marker(raw: Any, bucket: str, s3: Any) -> None:
    """A word instead of a number is the caller's error, not ours."""
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    answer = raw("GET", f"/{bucket}/k?part-number-marker=abc&uploadId={upload}")
    assert answer.status_code == 400
    part = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")
    done = f"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{part['ETag']}</ETag></Part>"
    body = f"{done}</CompleteMultipartUpload>".encode()
    answer = raw("POST", f"/{bucket}/k?uploadId={upload}", data=body, headers={"x-amz-mp-object-size": "many"})
    assert answer.status_code == 400


def test_attributes_of_a_composite_checksum(s3: Any, bucket: str) -> None:
    """HeadObject tells how many parts it was made of, GetObjectAttributes the digest alone."""
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="SHA256")["UploadId"]
    which = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    part = s3.upload_part(**which, PartNumber=1, Body=b"x", ChecksumAlgorithm="SHA256")
    listed = {"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}
    s3.complete_multipart_upload(**which, MultipartUpload={"Parts": [listed]})
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")["ChecksumSHA256"]
    told = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Checksum"])["Checksum"]
    assert head == told["ChecksumSHA256"] + "-1"


def test_conditions_of_directory_buckets_are_refused(s3: Any, bucket: str) -> None:
    """They are not silently passed over: what they protect would be lost."""
    s3.put_object(Bucket=bucket, Key="a")
    told = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a", "Size": 7}]})
    assert [one["Code"] for one in told["Errors"]] == ["NotImplemented"]
