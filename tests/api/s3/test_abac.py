"""Access by attributes: a bucket's tags decide where it says so, and are changed by TagResource alone from then on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.api.s3.conftest import refused
from tests.api.s3control.conftest import named
from tests.running import RunningCloud


def test_switch(s3: Any, cloud: RunningCloud, bucket: str) -> None:
    """Disabled at first; enabled, PutBucketTagging is refused and TagResource does its work."""
    assert s3.get_bucket_abac(Bucket=bucket)["AbacStatus"] == {"Status": "Disabled"}
    s3.put_bucket_abac(Bucket=bucket, AbacStatus={"Status": "Enabled"})
    assert s3.get_bucket_abac(Bucket=bucket)["AbacStatus"] == {"Status": "Enabled"}
    tags = {"TagSet": [{"Key": "team", "Value": "a"}]}
    assert refused(s3.put_bucket_tagging, Bucket=bucket, Tagging=tags).code == "MethodNotAllowed"
    assert refused(s3.delete_bucket_tagging, Bucket=bucket).code == "MethodNotAllowed"
    control = named(cloud.port, "s3control", "000000000000")
    arn = f"arn:aws:s3:::{bucket}"
    control.tag_resource(AccountId="000000000000", ResourceArn=arn, Tags=[{"Key": "team", "Value": "a"}])
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags["TagSet"]
    s3.put_bucket_abac(Bucket=bucket, AbacStatus={"Status": "Disabled"})
    s3.delete_bucket_tagging(Bucket=bucket)


def test_tags_decide(fresh_cloud: Callable[..., RunningCloud]) -> None:
    """A user who may read what is tagged team=a reads it once the bucket has ABAC enabled, and not before."""
    cloud = fresh_cloud("--enforce-iam")
    s3, iam = cloud.client("s3"), cloud.client("iam")
    for name, team in (("ours", "a"), ("theirs", "b")):
        s3.create_bucket(Bucket=name)
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [{"Key": "team", "Value": team}]})
        s3.put_object(Bucket=name, Key="k", Body=b"x")
    iam.create_user(UserName="u")
    allow = {
        "Effect": "Allow",
        "Action": "s3:*",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:ResourceTag/team": "a"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName="u")["AccessKey"]
    user = cloud.client("s3", account=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert refused(user.get_object, Bucket="ours", Key="k").code == "AccessDenied"
    for name in ("ours", "theirs"):
        s3.put_bucket_abac(Bucket=name, AbacStatus={"Status": "Enabled"})
    assert user.get_object(Bucket="ours", Key="k")["Body"].read() == b"x"
    assert refused(user.get_object, Bucket="theirs", Key="k").code == "AccessDenied"
    deleted = user.delete_objects(Bucket="ours", Delete={"Objects": [{"Key": "k"}]})
    assert [one["Key"] for one in deleted["Deleted"]] == ["k"]
