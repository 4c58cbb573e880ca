"""S3 Control: an account's public access block holds for its buckets; tags by ARN are the bucket's tags."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.running import RunningCloud

Client = Callable[..., Any]
Unique = Callable[[str], str]
ACCOUNT = "000000000000"
ALONE = "313131313131"
"""An account that only these tests use: its block would change what others' buckets may."""


@pytest.fixture
def control(cloud: RunningCloud) -> Any:
    """A client as it comes: boto3 puts the account before the host, which not every machine's resolver knows."""
    made = boto3.client(
        "s3control",
        endpoint_url=f"http://localhost:{cloud.port}",
        region_name="us-east-1",
        aws_access_key_id=ALONE,
        aws_secret_access_key="test",
    )

    def straight(request: Any, **more: Any) -> None:
        parts = urlsplit(request.url)
        request.headers["Host"] = parts.netloc
        request.url = urlunsplit(parts._replace(netloc=f"127.0.0.1:{cloud.port}"))

    made.meta.events.register("before-send.s3-control", straight)
    return made


def code_of(function: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        function(**request)
    return str(caught.value.response["Error"]["Code"])


def opened(s3: Any, bucket: str) -> None:
    """A bucket of which the bucket itself lets everything be public."""
    s3.create_bucket(Bucket=bucket, ObjectOwnership="BucketOwnerPreferred")
    s3.delete_public_access_block(Bucket=bucket)


def test_block_of_the_account(client: Client, control: Any, unique: Unique) -> None:
    # Absent at first; set, it holds for buckets that are there and for new ones; removed, it is gone.
    s3, nobody = client("s3", account=ALONE), client("s3", account="323232323232")
    control.delete_public_access_block(AccountId=ALONE)
    assert code_of(control.get_public_access_block, AccountId=ALONE) == "NoSuchPublicAccessBlockConfiguration"
    bucket, later = unique("open"), unique("later")
    opened(s3, bucket)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    s3.put_object(Bucket=bucket, Key="acl", Body=b"2", ACL="public-read")
    assert nobody.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    every = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    control.put_public_access_block(AccountId=ALONE, PublicAccessBlockConfiguration=every)
    assert control.get_public_access_block(AccountId=ALONE)["PublicAccessBlockConfiguration"] == every
    opened(s3, later)
    assert code_of(nobody.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    assert code_of(nobody.get_object, Bucket=bucket, Key="acl") == "AccessDenied"
    assert code_of(s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read") == "AccessDenied"
    assert code_of(s3.put_bucket_acl, Bucket=later, ACL="public-read") == "AccessDenied"
    assert code_of(s3.put_bucket_policy, Bucket=bucket, Policy=policy) == "AccessDenied"
    assert code_of(s3.get_public_access_block, Bucket=later) == "NoSuchPublicAccessBlockConfiguration"
    control.put_public_access_block(AccountId=ALONE, PublicAccessBlockConfiguration={"IgnorePublicAcls": True})
    assert nobody.get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    control.delete_public_access_block(AccountId=ALONE)
    assert nobody.get_object(Bucket=bucket, Key="acl")["Body"].read() == b"2"
    s3.put_bucket_acl(Bucket=later, ACL="public-read")


def test_only_ones_own_account(control: Any) -> None:
    # Nobody sets another account's block.
    assert code_of(control.get_public_access_block, AccountId=ACCOUNT) == "AccessDenied"
    assert (
        code_of(control.put_public_access_block, AccountId=ACCOUNT, PublicAccessBlockConfiguration={}) == "AccessDenied"
    )


def test_tags_by_arn(client: Client, control: Any, unique: Unique) -> None:
    # What one API sets the other reads.
    s3, bucket = client("s3", account=ALONE), unique("tagged")
    s3.create_bucket(Bucket=bucket)
    given = {"AccountId": ALONE, "ResourceArn": f"arn:aws:s3:::{bucket}"}
    assert control.list_tags_for_resource(**given).get("Tags", []) == []
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "a", "Value": "1"}]})
    control.tag_resource(**given, Tags=[{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "3"}])
    tags = [{"Key": "a", "Value": "3"}, {"Key": "b", "Value": "2"}]
    assert sorted(control.list_tags_for_resource(**given)["Tags"], key=lambda tag: tag["Key"]) == tags
    control.untag_resource(**given, TagKeys=["a", "none"])
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "b", "Value": "2"}]
    gone = {**given, "ResourceArn": f"arn:aws:s3:::{unique('gone')}"}
    assert code_of(control.list_tags_for_resource, **gone) == "NoSuchResource"
