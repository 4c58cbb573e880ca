"""Access grants: who was granted a part of a bucket gets credentials for it, and for nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.api.s3control.conftest import named
from tests.running import RunningCloud

Unique = Callable[[str], str]
OWNER, OTHER = "434343434343", "444444444444"
ROLE = f"arn:aws:iam::{OWNER}:role/data"


def code_of(function: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        function(**request)
    return str(caught.value.response["Error"]["Code"])


def document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


@pytest.fixture
def owner(by_name: Callable[..., Any]) -> Iterator[Any]:
    """The client of an account with an instance, which is cleared away again."""
    control = by_name("s3control", OWNER)
    control.create_access_grants_instance(AccountId=OWNER)
    yield control
    for grant in control.list_access_grants(AccountId=OWNER)["AccessGrantsList"]:
        control.delete_access_grant(AccountId=OWNER, AccessGrantId=grant["AccessGrantId"])
    for location in control.list_access_grants_locations(AccountId=OWNER)["AccessGrantsLocationsList"]:
        control.delete_access_grants_location(
            AccountId=OWNER, AccessGrantsLocationId=location["AccessGrantsLocationId"]
        )
    control.delete_access_grants_instance(AccountId=OWNER)


def grantee(arn: str) -> dict[str, str]:
    return {"GranteeType": "IAM", "GranteeIdentifier": arn}


def test_lives(owner: Any, unique: Unique) -> None:
    # Instance, location, grant: made, told of, listed, tagged, and gone in the order that AWS asks for.
    given = {"AccountId": OWNER}
    assert code_of(owner.create_access_grants_instance, **given) == "AccessGrantsInstanceAlreadyExists"
    assert owner.get_access_grants_instance(**given)["AccessGrantsInstanceId"] == "default"
    assert len(owner.list_access_grants_instances(**given)["AccessGrantsInstancesList"]) == 1
    bucket = unique("granted")
    scope = f"s3://{bucket}"
    location = owner.create_access_grants_location(**given, LocationScope=scope, IAMRoleArn=ROLE)
    at = {**given, "AccessGrantsLocationId": location["AccessGrantsLocationId"]}
    assert location["AccessGrantsLocationArn"].startswith(
        f"arn:aws:s3:us-east-1:{OWNER}:access-grants/default/location/"
    )
    assert code_of(
        owner.create_access_grants_location, **given, LocationScope=f"{scope}/*", IAMRoleArn=ROLE
    ) == "AccessGrantsLocationAlreadyExistsError"  # fmt: skip
    assert owner.update_access_grants_location(**at, IAMRoleArn=f"{ROLE}2")["IAMRoleArn"] == f"{ROLE}2"
    assert owner.get_access_grants_location(**at)["LocationScope"] == scope
    everything = owner.create_access_grants_location(**given, LocationScope="s3://", IAMRoleArn=ROLE)
    assert everything["AccessGrantsLocationId"] == "default"
    wish = {"Grantee": grantee(f"arn:aws:iam::{OWNER}:user/jane"), "Permission": "READ"}
    grant = owner.create_access_grant(
        **at, **wish, AccessGrantsLocationConfiguration={"S3SubPrefix": "a/*"}, Tags=[{"Key": "t", "Value": "1"}]
    )
    assert grant["GrantScope"] == f"s3://{bucket}/a/*"
    assert code_of(
        owner.create_access_grant, **at, **wish, AccessGrantsLocationConfiguration={"S3SubPrefix": "a/"}
    ) == "AccessGrantAlreadyExists"  # fmt: skip
    assert code_of(owner.create_access_grant, **{**at, "AccessGrantsLocationId": "default"}, **wish) == (
        "InvalidAccessGrant"
    )
    identity = {**given, "AccessGrantId": grant["AccessGrantId"]}
    assert owner.get_access_grant(**identity)["Permission"] == "READ"
    tags = owner.list_tags_for_resource(**given, ResourceArn=grant["AccessGrantArn"])["Tags"]
    assert tags == [{"Key": "t", "Value": "1"}]
    assert len(owner.list_access_grants(**given, Permission="READ")["AccessGrantsList"]) == 1
    assert owner.list_access_grants(**given, Permission="WRITE")["AccessGrantsList"] == []
    assert code_of(owner.delete_access_grants_location, **at) == "AccessGrantsLocationNotEmptyError"
    assert code_of(owner.delete_access_grants_instance, **given) == "AccessGrantsInstanceNotEmptyError"
    owner.delete_access_grant(**identity)
    assert code_of(owner.get_access_grant, **identity) == "NoSuchAccessGrantError"
    owner.delete_access_grants_location(**at)
    assert code_of(owner.get_access_grants_location, **at) == "NoSuchAccessGrantsLocationError"


def test_without_an_instance(by_name: Callable[..., Any]) -> None:
    # Nothing can be asked of an instance that isn't there.
    control, given = by_name("s3control", "454545454545"), {"AccountId": "454545454545"}
    for function in (control.get_access_grants_instance, control.list_access_grants, control.list_caller_access_grants):
        assert code_of(function, **given) == "AccessGrantsInstanceNotExistsError"


def test_policy_of_the_instance(owner: Any, by_name: Callable[..., Any], unique: Unique) -> None:
    # Other accounts come to an instance by its policy alone.
    given, bucket = {"AccountId": OWNER}, unique("shared")
    arn = f"arn:aws:s3:us-east-1:{OWNER}:access-grants/default"
    by_name("s3", OWNER).create_bucket(Bucket=bucket)
    other = by_name("s3control", OTHER)
    assert code_of(other.list_caller_access_grants, **given) == "AccessDenied"
    prefix = {"AccountId": OTHER, "S3Prefix": f"s3://{bucket}/a"}
    assert code_of(other.get_access_grants_instance_for_prefix, **prefix) == "AccessDenied"
    assert code_of(owner.get_access_grants_instance_resource_policy, **given) == (
        "AccessGrantsInstanceResourcePolicyNotExists"
    )
    policy = document(
        Principal={"AWS": OTHER}, Resource=arn,
        Action=["s3:ListCallerAccessGrants", "s3:GetDataAccess", "s3:GetAccessGrantsInstanceForPrefix"],
    )  # fmt: skip
    owner.put_access_grants_instance_resource_policy(**given, Policy=policy)
    assert owner.get_access_grants_instance_resource_policy(**given)["Policy"] == policy
    assert other.get_access_grants_instance_for_prefix(**prefix)["AccessGrantsInstanceArn"] == arn
    location = owner.create_access_grants_location(**given, LocationScope=f"s3://{bucket}", IAMRoleArn=ROLE)
    root = f"arn:aws:iam::{OTHER}:root"
    owner.create_access_grant(
        **given, AccessGrantsLocationId=location["AccessGrantsLocationId"], Grantee=grantee(root), Permission="READ"
    )
    told = other.list_caller_access_grants(**given)["CallerAccessGrantsList"]
    assert [(one["GrantScope"], one["Permission"]) for one in told] == [(f"s3://{bucket}/*", "READ")]
    access = other.get_data_access(**given, Target=f"s3://{bucket}/x*", Permission="READ")
    assert access["MatchedGrantTarget"] == f"s3://{bucket}/*"
    owner.delete_access_grants_instance_resource_policy(**given)
    assert code_of(other.list_caller_access_grants, **given) == "AccessDenied"
    foreign = document(Principal="*", Action="s3:GetDataAccess", Resource="arn:aws:s3:::x")
    assert code_of(owner.put_access_grants_instance_resource_policy, **given, Policy=foreign) == "InvalidResourcePolicy"


def test_credentials_reach_what_was_granted(fresh_cloud: Callable[..., RunningCloud], unique: Unique) -> None:
    # The whole of it, where IAM is enforced: a user without any right on S3 reads what was granted, and no more.
    cloud = fresh_cloud("--enforce-iam")
    s3, control, iam = (named(cloud.port, service, OWNER) for service in ("s3", "s3control", "iam"))
    bucket, given = unique("granted"), {"AccountId": OWNER}
    s3.create_bucket(Bucket=bucket)
    for key in ("a/1", "a/b/2", "c/3", "a?1"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    instance = control.create_access_grants_instance(**given)["AccessGrantsInstanceArn"]
    location = {**given, "LocationScope": f"s3://{bucket}", "IAMRoleArn": ROLE}
    assert code_of(control.create_access_grants_location, **location) == "InvalidIamRole"
    trust = document(
        Principal={"Service": "access-grants.s3.amazonaws.com"}, Action=["sts:AssumeRole", "sts:SetSourceIdentity"],
        Condition={"StringEquals": {"aws:SourceAccount": OWNER, "aws:SourceArn": instance}},
    )  # fmt: skip
    iam.create_role(RoleName="data", AssumeRolePolicyDocument=trust)
    rights = document(Action="s3:*", Resource=[f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"])
    iam.put_role_policy(RoleName="data", PolicyName="p", PolicyDocument=rights)
    at = {
        **given,
        "AccessGrantsLocationId": control.create_access_grants_location(**location)["AccessGrantsLocationId"],
    }
    jane = iam.create_user(UserName="jane")["User"]["Arn"]
    asks = document(Action=["s3:GetDataAccess", "s3:ListCallerAccessGrants"], Resource="*")
    iam.put_user_policy(UserName="jane", PolicyName="p", PolicyDocument=asks)
    key = iam.create_access_key(UserName="jane")["AccessKey"]
    user = named(cloud.port, "s3control", key["AccessKeyId"], key["SecretAccessKey"])
    target = f"s3://{bucket}/a/*"
    assert code_of(user.get_data_access, **given, Target=target, Permission="READ") == "AccessDenied"
    for permission, prefix in (("READWRITE", "a/*"), ("READ", "a?*")):
        control.create_access_grant(
            **at, Grantee=grantee(jane), Permission=permission,
            AccessGrantsLocationConfiguration={"S3SubPrefix": prefix},
        )  # fmt: skip
    assert len(user.list_caller_access_grants(**given)["CallerAccessGrantsList"]) == 2

    def granted(**wish: Any) -> Any:
        answer = user.get_data_access(**given, **wish)
        assert answer["Grantee"] == grantee(jane)
        held = answer["Credentials"]
        return answer["MatchedGrantTarget"], boto3.client(
            "s3", endpoint_url=cloud.url, region_name="us-east-1", aws_access_key_id=held["AccessKeyId"],
            aws_secret_access_key=held["SecretAccessKey"], aws_session_token=held["SessionToken"],
        )  # fmt: skip

    matched, reader = granted(Target=target, Permission="READ")
    assert matched == target
    assert reader.get_object(Bucket=bucket, Key="a/b/2")["Body"].read() == b"a/b/2"
    assert [one["Key"] for one in reader.list_objects_v2(Bucket=bucket, Prefix="a/")["Contents"]] == ["a/1", "a/b/2"]
    assert code_of(reader.list_objects_v2, Bucket=bucket) == "AccessDenied"
    assert code_of(reader.get_object, Bucket=bucket, Key="c/3") == "AccessDenied"
    assert code_of(reader.put_object, Bucket=bucket, Key="a/1", Body=b"") == "AccessDenied"
    matched, writer = granted(Target=f"s3://{bucket}/a/b/*", Permission="WRITE", Privilege="Minimal")
    assert matched == f"s3://{bucket}/a/b/*"
    writer.put_object(Bucket=bucket, Key="a/b/4", Body=b"4")
    assert code_of(writer.put_object, Bucket=bucket, Key="a/4", Body=b"4") == "AccessDenied"
    assert code_of(writer.get_object, Bucket=bucket, Key="a/b/4") == "AccessDenied"
    one = f"s3://{bucket}/a/1"
    matched, single = granted(Target=one, TargetType="Object", Permission="READWRITE", Privilege="Minimal")
    assert matched == one
    assert single.get_object(Bucket=bucket, Key="a/1")["Body"].read() == b"a/1"
    assert code_of(single.get_object, Bucket=bucket, Key="a/b/2") == "AccessDenied"
    _, literal = granted(Target=f"s3://{bucket}/a?*", Permission="READ")
    assert literal.get_object(Bucket=bucket, Key="a?1")["Body"].read() == b"a?1"
    assert code_of(literal.get_object, Bucket=bucket, Key="a/1") == "AccessDenied"
    assert code_of(user.get_data_access, **given, Target=f"s3://{bucket}/*", Permission="READ") == "AccessDenied"
    assert code_of(
        user.get_data_access, **given, Target=target, Permission="READ", DurationSeconds=43_200
    ) == "StsValidationError"  # fmt: skip
