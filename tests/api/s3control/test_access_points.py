"""Access points: a bucket under further names, each with a policy of its own, for unmodified clients."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.api.s3control.conftest import ACCOUNT, OTHER, named

Unique = Callable[[str], str]


def code_of(function: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        function(**request)
    return str(caught.value.response["Error"]["Code"])


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]})


@pytest.fixture
def point(control: Any, bucket: str, unique: Unique) -> dict[str, str]:
    name = unique("point")
    made = control.create_access_point(AccountId=ACCOUNT, Name=name, Bucket=bucket)
    return {"name": name, "arn": made["AccessPointArn"], "alias": made["Alias"]}


def test_life_of_an_access_point(control: Any, s3: Any, bucket: str, point: dict[str, str]) -> None:
    # Made, told of, listed by its bucket, kept from being made twice, and gone; the bucket outlives it.
    name, given = point["name"], {"AccountId": ACCOUNT, "Name": point["name"]}
    assert point["arn"] == f"arn:aws:s3:us-east-1:{ACCOUNT}:accesspoint/{name}"
    assert point["alias"].startswith(name[:20].rstrip("-")) and point["alias"].endswith("-s3alias")
    told = control.get_access_point(**given)
    assert told["Bucket"] == bucket and told["NetworkOrigin"] == "Internet" and told["BucketAccountId"] == ACCOUNT
    assert all(told["PublicAccessBlockConfiguration"].values())
    assert told["Endpoints"]["ipv4"] == "s3-accesspoint.us-east-1.amazonaws.com"
    listed = control.list_access_points(AccountId=ACCOUNT, Bucket=bucket)["AccessPointList"]
    assert [(one["Name"], one["Alias"]) for one in listed] == [(name, point["alias"])]
    assert code_of(control.create_access_point, **given, Bucket=bucket) == "AccessPointAlreadyOwnedByYou"
    assert code_of(s3.delete_bucket, Bucket=bucket) == "BucketHasAccessPointsAttached"
    control.delete_access_point(**given)
    assert code_of(control.get_access_point, **given) == "NoSuchAccessPoint"
    assert code_of(s3.get_object, Bucket=point["alias"], Key="k") == "NoSuchBucket"
    s3.delete_bucket(Bucket=bucket)


def test_pages(control: Any, bucket: str, unique: Unique) -> None:
    # A listing of many is read to its end.
    names = sorted(unique("paged") for _ in range(5))
    for name in names:
        control.create_access_point(AccountId=ACCOUNT, Name=name, Bucket=bucket)
    first = control.list_access_points(AccountId=ACCOUNT, Bucket=bucket, MaxResults=3)
    second = control.list_access_points(AccountId=ACCOUNT, Bucket=bucket, NextToken=first["NextToken"])
    assert [one["Name"] for one in first["AccessPointList"] + second["AccessPointList"]] == names
    assert "NextToken" not in second


def test_bad_wishes(control: Any, bucket: str, unique: Unique) -> None:
    # What AWS refuses is refused.
    name = unique("bad")
    assert code_of(control.create_access_point, AccountId=ACCOUNT, Name="UPPER", Bucket=bucket) == "InvalidAccessPoint"
    assert code_of(control.create_access_point, AccountId=ACCOUNT, Name=name, Bucket=unique("no")) == "InvalidRequest"
    assert code_of(control.create_access_point, AccountId=OTHER, Name=name, Bucket=bucket) == "AccessDenied"


@pytest.mark.parametrize("how", ["arn", "alias"])
def test_objects_by_an_access_point(s3: Any, bucket: str, point: dict[str, str], how: str) -> None:
    # Everything that reads and writes objects works by an access point's ARN and by its alias.
    by = point[how]
    s3.put_object(Bucket=by, Key="a/b c", Body=b"one", Metadata={"m": "1"})
    assert s3.get_object(Bucket=bucket, Key="a/b c")["Body"].read() == b"one"
    assert s3.get_object(Bucket=by, Key="a/b c")["Metadata"] == {"m": "1"}
    assert s3.head_bucket(Bucket=by)["AccessPointAlias"] is True
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=by, Prefix="a/")["Contents"]] == ["a/b c"]
    s3.copy_object(Bucket=by, Key="copied", CopySource={"Bucket": by, "Key": "a/b c"})
    assert s3.get_object(Bucket=by, Key="copied")["Body"].read() == b"one"
    upload = s3.create_multipart_upload(Bucket=by, Key="parts")
    assert upload["Bucket"] == bucket
    part = s3.upload_part_copy(
        Bucket=by, Key="parts", UploadId=upload["UploadId"], PartNumber=1, CopySource={"Bucket": by, "Key": "a/b c"}
    )["CopyPartResult"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=by, Key="parts", UploadId=upload["UploadId"], MultipartUpload=parts)
    s3.put_object_tagging(Bucket=by, Key="parts", Tagging={"TagSet": [{"Key": "t", "Value": "1"}]})
    gone = s3.delete_objects(Bucket=by, Delete={"Objects": [{"Key": key} for key in ("a/b c", "copied", "parts")]})
    assert len(gone["Deleted"]) == 3 and not gone.get("Errors")
    assert code_of(s3.put_bucket_tagging, Bucket=by, Tagging={"TagSet": []}) == "MethodNotAllowed"
    assert code_of(s3.delete_bucket, Bucket=by) == "MethodNotAllowed"


def test_presigned(point: dict[str, str], cloud: Any) -> None:
    # A link made for an access point opens its object.
    s3 = named(cloud.port, "s3", ACCOUNT, config=Config(signature_version="s3v4"))
    s3.put_object(Bucket=point["arn"], Key="k", Body=b"linked")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": point["arn"], "Key": "k"})
    host = f"{point['name']}-{ACCOUNT}.localhost:{cloud.port}"
    assert url.startswith(f"http://{host}/k?")
    answer = requests.get(url.replace(host, f"127.0.0.1:{cloud.port}"), headers={"Host": host}, timeout=10)
    assert answer.content == b"linked"


def test_its_own_name_first(
    control: Any, s3: Any, by_name: Callable[..., Any], unique: Unique, bucket: str, cloud: Any
) -> None:
    # Nobody can take an access point's traffic by a bucket called like its host.
    name, thief = unique("mine"), by_name("s3", OTHER)
    thief.create_bucket(Bucket=f"{name}-{ACCOUNT}", ObjectOwnership="ObjectWriter")
    thief.delete_public_access_block(Bucket=f"{name}-{ACCOUNT}")
    thief.put_object(Bucket=f"{name}-{ACCOUNT}", Key="open", Body=b"!", ACL="public-read")
    arn = control.create_access_point(AccountId=ACCOUNT, Name=name, Bucket=bucket)["AccessPointArn"]
    s3.put_object(Bucket=arn, Key="k", Body=b"secret")
    assert [one["Key"] for one in thief.list_objects_v2(Bucket=f"{name}-{ACCOUNT}")["Contents"]] == ["open"]
    shouted = {"Host": f"{name}-{ACCOUNT}.localhost".upper()}
    assert requests.get(f"{cloud.url}/open", headers=shouted, timeout=10).status_code == 403
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"secret"


def test_both_policies_must_allow(
    control: Any, s3: Any, by_name: Callable[..., Any], bucket: str, point: dict[str, str]
) -> None:
    # Another account comes in when the access point lets it and the bucket leaves the matter to its access points.
    other, given = by_name("s3", OTHER), {"AccountId": ACCOUNT, "Name": point["name"]}
    s3.put_object(Bucket=bucket, Key="Jane/1", Body=b"1")
    s3.put_object(Bucket=bucket, Key="John/1", Body=b"2")
    assert code_of(other.get_object, Bucket=point["arn"], Key="Jane/1") == "AccessDenied"
    assert code_of(control.get_access_point_policy, **given) == "NoSuchAccessPointPolicy"
    allow = policy(
        {"Principal": {"AWS": OTHER}, "Action": ["s3:GetObject", "s3:DeleteObject"],
         "Resource": f"{point['arn']}/object/Jane/*"},
        {"Principal": {"AWS": OTHER}, "Action": "s3:ListBucket", "Resource": point["arn"]},
    )  # fmt: skip
    control.put_access_point_policy(**given, Policy=allow)
    assert json.loads(control.get_access_point_policy(**given)["Policy"]) == json.loads(allow)
    assert control.get_access_point_policy_status(**given)["PolicyStatus"] == {"IsPublic": False}
    assert code_of(other.get_object, Bucket=point["arn"], Key="Jane/1") == "AccessDenied"
    delegated = policy(
        {"Principal": {"AWS": "*"}, "Action": "*", "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
         "Condition": {"StringEquals": {"s3:DataAccessPointAccount": ACCOUNT}}},
    )  # fmt: skip
    s3.put_bucket_policy(Bucket=bucket, Policy=delegated)
    for by in (point["arn"], point["alias"]):
        assert other.get_object(Bucket=by, Key="Jane/1")["Body"].read() == b"1"
        assert code_of(other.get_object, Bucket=by, Key="John/1") == "AccessDenied"
        assert len(other.list_objects_v2(Bucket=by)["Contents"]) == 2
    assert code_of(other.get_object, Bucket=bucket, Key="Jane/1") == "AccessDenied"
    source = {"Bucket": point["arn"], "Key": "Jane/1"}
    other.create_bucket(Bucket=f"{bucket}-o")
    other.copy_object(Bucket=f"{bucket}-o", Key="k", CopySource=source)
    assert code_of(other.copy_object, Bucket=f"{bucket}-o", Key="k", CopySource={**source, "Key": "John/1"}) == (
        "AccessDenied"
    )
    gone = other.delete_objects(Bucket=point["arn"], Delete={"Objects": [{"Key": "Jane/1"}, {"Key": "John/1"}]})
    assert [one["Key"] for one in gone["Deleted"]] == ["Jane/1"]
    assert [(one["Key"], one["Code"]) for one in gone["Errors"]] == [("John/1", "AccessDenied")]
    control.delete_access_point_policy(**given)
    assert code_of(other.list_objects_v2, Bucket=point["arn"]) == "AccessDenied"


def test_denied_by_the_point_or_for_others(control: Any, s3: Any, bucket: str, point: dict[str, str]) -> None:
    # A deny of the point holds for the owner too, but not for those who use the bucket's own name; a bucket can insist.
    given = {"AccountId": ACCOUNT, "Name": point["name"]}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"{point['arn']}/object/*"}
    control.put_access_point_policy(**given, Policy=policy(deny))
    assert code_of(s3.put_object, Bucket=point["arn"], Key="k", Body=b"1") == "AccessDenied"
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    only = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*",
            "Condition": {"StringNotEquals": {"s3:DataAccessPointArn": point["arn"]}}}  # fmt: skip
    s3.put_bucket_policy(Bucket=bucket, Policy=policy(only))
    assert code_of(s3.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    assert s3.get_object(Bucket=point["arn"], Key="k")["Body"].read() == b"1"


def test_public_policies_are_blocked(control: Any, bucket: str, unique: Unique) -> None:
    # An access point's own block is fixed when it is made; it keeps its policy from opening it.
    closed, opened = unique("closed"), unique("open")
    control.create_access_point(AccountId=ACCOUNT, Name=closed, Bucket=bucket)
    control.create_access_point(
        AccountId=ACCOUNT, Name=opened, Bucket=bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": True}
    )
    for name in (closed, opened):
        arn = f"arn:aws:s3:us-east-1:{ACCOUNT}:accesspoint/{name}"
        text = policy({"Principal": "*", "Action": "s3:GetObject", "Resource": f"{arn}/object/*"})
        given = {"AccountId": ACCOUNT, "Name": name}
        if name == closed:
            assert code_of(control.put_access_point_policy, **given, Policy=text) == "AccessDenied"
        else:
            control.put_access_point_policy(**given, Policy=text)
            assert control.get_access_point_policy_status(**given)["PolicyStatus"] == {"IsPublic": True}
    foreign = policy({"Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"})
    assert code_of(control.put_access_point_policy, **given, Policy=foreign) == "MalformedPolicy"


def test_of_a_vpc(control: Any, s3: Any, bucket: str, unique: Unique) -> None:
    # An access point of a VPC lets nobody in who isn't in it.
    name = unique("vpc")
    made = control.create_access_point(
        AccountId=ACCOUNT, Name=name, Bucket=bucket, VpcConfiguration={"VpcId": "vpc-0a1b2c3d"}
    )
    told = control.get_access_point(AccountId=ACCOUNT, Name=name)
    assert told["NetworkOrigin"] == "VPC" and told["VpcConfiguration"] == {"VpcId": "vpc-0a1b2c3d"}
    assert code_of(s3.list_objects_v2, Bucket=made["Alias"]) == "AccessDenied"


def test_another_accounts_bucket(
    control: Any, s3: Any, by_name: Callable[..., Any], bucket: str, unique: Unique
) -> None:
    # An access point may lead to a bucket of another account, which must let its users in itself.
    theirs, name = by_name("s3control", OTHER), unique("far")
    assert code_of(theirs.create_access_point, AccountId=OTHER, Name=name, Bucket=bucket) == "AccessDenied"
    made = theirs.create_access_point(AccountId=OTHER, Name=name, Bucket=bucket, BucketAccountId=ACCOUNT)
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    other = by_name("s3", OTHER)
    assert code_of(other.get_object, Bucket=made["AccessPointArn"], Key="k") == "AccessDenied"
    s3.put_bucket_policy(
        Bucket=bucket,
        Policy=policy({"Principal": {"AWS": OTHER}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}),
    )
    assert other.get_object(Bucket=made["AccessPointArn"], Key="k")["Body"].read() == b"1"
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    other.create_bucket(Bucket=bucket)
    assert code_of(other.list_objects_v2, Bucket=made["AccessPointArn"]) == "NoSuchBucket"


def test_tags(control: Any, bucket: str, unique: Unique) -> None:
    # Tags given at birth and later are one set.
    arn = control.create_access_point(
        AccountId=ACCOUNT, Name=unique("tagged"), Bucket=bucket, Tags=[{"Key": "a", "Value": "1"}]
    )["AccessPointArn"]
    given = {"AccountId": ACCOUNT, "ResourceArn": arn}
    control.tag_resource(**given, Tags=[{"Key": "b", "Value": "2"}])
    control.untag_resource(**given, TagKeys=["a"])
    assert control.list_tags_for_resource(**given)["Tags"] == [{"Key": "b", "Value": "2"}]


def test_users_need_both_rights(fresh_cloud: Callable[..., Any], unique: Unique) -> None:
    # Where IAM is enforced, a user needs the right at the access point and at the bucket; the bucket can delegate its.
    cloud = fresh_cloud("--enforce-iam")
    root = named(cloud.port, "s3", ACCOUNT)
    control, iam = named(cloud.port, "s3control", ACCOUNT), named(cloud.port, "iam", ACCOUNT)
    bucket, name = unique("bucket"), unique("point")
    root.create_bucket(Bucket=bucket)
    root.put_object(Bucket=bucket, Key="k", Body=b"1")
    arn = control.create_access_point(AccountId=ACCOUNT, Name=name, Bucket=bucket)["AccessPointArn"]
    iam.create_user(UserName="jane")
    key = iam.create_access_key(UserName="jane")["AccessKey"]
    jane = named(cloud.port, "s3", key["AccessKeyId"], key["SecretAccessKey"])
    assert code_of(jane.get_object, Bucket=arn, Key="k") == "AccessDenied"
    wish = policy({"Action": "s3:GetObject", "Resource": f"{arn}/object/*"})
    iam.put_user_policy(UserName="jane", PolicyName="p", PolicyDocument=wish)
    assert code_of(jane.get_object, Bucket=arn, Key="k") == "AccessDenied"
    delegated = policy(
        {"Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*",
         "Condition": {"StringEquals": {"s3:DataAccessPointAccount": ACCOUNT}}},
    )  # fmt: skip
    root.put_bucket_policy(Bucket=bucket, Policy=delegated)
    assert jane.get_object(Bucket=arn, Key="k")["Body"].read() == b"1"
    assert code_of(jane.get_object, Bucket=bucket, Key="k") == "AccessDenied"
    both = policy(
        {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*",
         "Condition": {"StringEquals": {"s3:AccessPointNetworkOrigin": "Internet"}}},
        {"Action": "s3:GetObject", "Resource": f"{arn}/object/*"},
    )  # fmt: skip
    root.delete_bucket_policy(Bucket=bucket)
    assert code_of(jane.get_object, Bucket=arn, Key="k") == "AccessDenied"
    iam.put_user_policy(UserName="jane", PolicyName="p", PolicyDocument=both)
    assert jane.get_object(Bucket=arn, Key="k")["Body"].read() == b"1"


def test_rules_for_pages_of_other_origins(s3: Any, bucket: str, point: dict[str, str], cloud: Any) -> None:
    # A browser that comes by an access point is told the bucket's CORS rules, once.
    rule = {"AllowedOrigins": ["https://page.example"], "AllowedMethods": ["GET"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    asked = {"Origin": "https://page.example", "Access-Control-Request-Method": "GET"}
    for name in (f"{point['name']}-{ACCOUNT}", point["alias"], bucket):
        host = {"Host": f"{name}.localhost:{cloud.port}"}
        answer = requests.options(f"{cloud.url}/k", headers={**asked, **host}, timeout=10)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Access-Control-Allow-Origin"] == "https://page.example"


def test_events_are_the_buckets(s3: Any, by_name: Callable[..., Any], bucket: str, point: dict[str, str]) -> None:
    # Who listens to a bucket hears of what comes by its access points, under the bucket's name.
    sqs = by_name("sqs")
    url = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{bucket}"
    queue = {"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [queue]})
    s3.put_object(Bucket=point["arn"], Key="k", Body=b"1")
    heard: list[Any] = []
    for _ in range(10):
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5, MaxNumberOfMessages=10).get("Messages", []):
            heard += json.loads(message["Body"]).get("Records", [])
        if heard:
            break
    assert [(one["s3"]["bucket"]["name"], one["s3"]["object"]["key"]) for one in heard] == [(bucket, "k")]


def test_insist_on_vpcs(fresh_cloud: Callable[..., Any], unique: Unique) -> None:
    # An account can forbid its users access points that are open to the Internet.
    cloud = fresh_cloud("--enforce-iam")
    iam, root = named(cloud.port, "iam", ACCOUNT), named(cloud.port, "s3", ACCOUNT)
    bucket = unique("bucket")
    root.create_bucket(Bucket=bucket)
    iam.create_user(UserName="jane")
    key = iam.create_access_key(UserName="jane")["AccessKey"]
    only = {"Action": "s3:CreateAccessPoint", "Resource": "*",
            "Condition": {"StringEquals": {"s3:AccessPointNetworkOrigin": "VPC"}}}  # fmt: skip
    iam.put_user_policy(UserName="jane", PolicyName="p", PolicyDocument=policy(only))
    jane = named(cloud.port, "s3control", key["AccessKeyId"], key["SecretAccessKey"])
    given = {"AccountId": ACCOUNT, "Name": unique("point"), "Bucket": bucket}
    assert code_of(jane.create_access_point, **given) == "AccessDenied"
    jane.create_access_point(**given, VpcConfiguration={"VpcId": "vpc-1"})
