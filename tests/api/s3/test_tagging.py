"""Tags of buckets and objects."""

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def s3(client):
    return client("s3")


@pytest.fixture
def bucket(s3, unique):
    name = unique("tagged")
    s3.create_bucket(Bucket=name)
    return name


def refused(call, **members):
    with pytest.raises(ClientError) as caught:
        call(**members)
    return caught.value.response["Error"]["Code"]


def tag_set(**tags):
    return {"TagSet": [{"Key": key, "Value": value} for key, value in sorted(tags.items())]}


def test_bucket_tags(s3, bucket):
    """Put replaces all, delete removes all."""
    assert refused(s3.get_bucket_tagging, Bucket=bucket) == "NoSuchTagSet"
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tag_set(a="1", b="2"))
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tag_set(c="3"))
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tag_set(c="3")["TagSet"]
    s3.delete_bucket_tagging(Bucket=bucket)
    assert refused(s3.get_bucket_tagging, Bucket=bucket) == "NoSuchTagSet"


def test_object_tags(s3, bucket):
    """By header and by operation; the head counts them; writing anew forgets them."""
    s3.put_object(Bucket=bucket, Key="k", Tagging="a=1&b=two%20words")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tag_set(a="1", b="two words")["TagSet"]
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 2
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=tag_set(z="9"))
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tag_set(z="9")["TagSet"]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    assert refused(s3.get_object_tagging, Bucket=bucket, Key="never") == "NoSuchKey"


def test_versions_have_tags_of_their_own(s3, bucket):
    """A tag belongs to one version."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Tagging="n=1")["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Tagging="n=2")
    told = s3.get_object_tagging(Bucket=bucket, Key="k", VersionId=first)
    assert told["TagSet"] == tag_set(n="1")["TagSet"]
    assert told["VersionId"] == first


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({f"k{i}": "v" for i in range(11)}, "BadRequest"),
        ({"k" * 129: "v"}, "InvalidTag"),
        ({"k": "v" * 257}, "InvalidTag"),
        ({"aws:reserved": "v"}, "InvalidTag"),
    ],
)
def test_limits(s3, bucket, tags, code):
    """Ten tags of 128 and 256 characters, none of AWS's own."""
    s3.put_object(Bucket=bucket, Key="k")
    assert refused(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=tag_set(**tags)) == code
