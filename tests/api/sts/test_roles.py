"""Assuming roles in mode dev: sessions, tags, policies, MFA, and what is refused."""

from __future__ import annotations

import base64
import datetime
import json
import time
import uuid
from typing import Any

import pytest

from haneul.auth import totp
from tests.api.iam.conftest import ALLOW_ALL, refused, trust
from tests.running import RunningCloud


@pytest.fixture
def account() -> str:
    return f"{uuid.uuid4().int % 10**12:012d}"


@pytest.fixture
def sts(cloud: RunningCloud, account: str) -> Any:
    return cloud.client("sts", account=account)


@pytest.fixture
def iam(cloud: RunningCloud, account: str) -> Any:
    return cloud.client("iam", account=account)


def session(cloud: RunningCloud, service: str, answer: Any, **options: Any) -> Any:
    """A client with the credentials in an STS answer."""
    given = answer["Credentials"]
    return cloud.client(
        service,
        account=given["AccessKeyId"],
        secret=given["SecretAccessKey"],
        token=given["SessionToken"],
        **options,
    )


def test_a_session_is_its_role(iam: Any, sts: Any, cloud: RunningCloud, account: str) -> None:
    """The answer, and who the session's credentials say it is."""
    role = iam.create_role(RoleName="r", Path="/p/", AssumeRolePolicyDocument=trust())["Role"]
    answer = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="me@example.com", DurationSeconds=900)
    assert answer["AssumedRoleUser"] == {
        "AssumedRoleId": f"{role['RoleId']}:me@example.com",
        "Arn": f"arn:aws:sts::{account}:assumed-role/r/me@example.com",
    }
    assert "PackedPolicySize" not in answer
    assert answer["Credentials"]["AccessKeyId"].startswith("ASIA")
    left = answer["Credentials"]["Expiration"] - datetime.datetime.now(datetime.UTC)
    assert 890 < left.total_seconds() <= 900
    own = session(cloud, "sts", answer).get_caller_identity()
    assert own["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert own["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    assert own["Account"] == account
    assert iam.get_role(RoleName="r")["Role"]["RoleLastUsed"]["Region"] == "us-east-1"


def test_durations(iam: Any, sts: Any, cloud: RunningCloud) -> None:
    """A role's own limit, and the hour that chained roles get."""
    arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust(), MaxSessionDuration=7200)["Role"]["Arn"]
    first = sts.assume_role(RoleArn=arn, RoleSessionName="one", DurationSeconds=7200)
    assert refused(lambda: sts.assume_role(RoleArn=arn, RoleSessionName="one", DurationSeconds=7201)) == (
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        400,
    )
    chained = session(cloud, "sts", first)
    assert refused(lambda: chained.assume_role(RoleArn=arn, RoleSessionName="two", DurationSeconds=3601))[1] == (
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
    )
    chained.assume_role(RoleArn=arn, RoleSessionName="two")


def test_session_tags(iam: Any, sts: Any, cloud: RunningCloud) -> None:
    """Transitive tags follow along a chain and can't be set anew."""
    arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust())["Role"]["Arn"]
    tags = [{"Key": "Team", "Value": "a"}, {"Key": "Cost", "Value": "b"}]
    first = sts.assume_role(RoleArn=arn, RoleSessionName="one", Tags=tags, TransitiveTagKeys=["Team"])
    assert first["PackedPolicySize"] > 0
    chained = session(cloud, "sts", first)
    assert refused(
        lambda: chained.assume_role(RoleArn=arn, RoleSessionName="two", Tags=[{"Key": "team", "Value": "c"}])
    )[:2] == (
        "InvalidParameterValue",
        "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from "
        "the calling session.",
    )
    chained.assume_role(RoleArn=arn, RoleSessionName="two", Tags=[{"Key": "Cost", "Value": "c"}])
    assert refused(lambda: sts.assume_role(RoleArn=arn, RoleSessionName="one", TransitiveTagKeys=["Nope"])) == (
        "InvalidParameterValue",
        "The specified transitive tag key must be included in the requested tags.",
        400,
    )


def test_bad_requests(sts: Any, account: str) -> None:
    """What can't be a role's ARN or a session's policy."""
    bad = "arn:aws:iam::123456789012:user/not-a-role"
    assert refused(lambda: sts.assume_role(RoleArn=bad, RoleSessionName="one")) == (
        "ValidationError",
        f"{bad} is invalid",
        400,
    )
    arn = f"arn:aws:iam::{account}:role/r"
    assert refused(lambda: sts.assume_role(RoleArn=arn, RoleSessionName="one", Policy="{"))[0] == (
        "MalformedPolicyDocument"
    )
    assert refused(lambda: sts.assume_role(RoleArn=arn, RoleSessionName="not allowed"))[0] == "ValidationError"


def test_unknown_roles_can_be_assumed_in_mode_dev(sts: Any, cloud: RunningCloud, account: str) -> None:
    """Templates and SDK profiles name roles that nobody made here; they work as their account."""
    answer = sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/nobody", RoleSessionName="me")
    assert session(cloud, "sts", answer).get_caller_identity()["Account"] == "123456789012"
    again = sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/nobody", RoleSessionName="you")
    assert answer["AssumedRoleUser"]["AssumedRoleId"][:21] == again["AssumedRoleUser"]["AssumedRoleId"][:21]


def test_one_time_codes(iam: Any, sts: Any) -> None:
    """A code counts once, and a wrong one not at all."""
    arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust())["Role"]["Arn"]
    iam.create_user(UserName="u")
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="d")["VirtualMFADevice"]
    seed, serial = base64.b32decode(device["Base32StringSeed"]), device["SerialNumber"]
    step = int(time.time()) // 30
    iam.enable_mfa_device(
        UserName="u",
        SerialNumber=serial,
        AuthenticationCode1=totp.code(seed, step - 2),
        AuthenticationCode2=totp.code(seed, step - 1),
    )
    code = totp.code(seed, step)

    def assume(given: str) -> Any:
        return sts.assume_role(RoleArn=arn, RoleSessionName="me", SerialNumber=serial, TokenCode=given)

    wrong = "000000" if code != "000000" else "000001"
    failed = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
    assert refused(lambda: assume(wrong)) == ("AccessDenied", failed, 403)
    assume(code)
    assert refused(lambda: assume(code)) == ("AccessDenied", failed, 403)


def test_an_altered_or_foreign_token_is_nobodys(iam: Any, sts: Any, cloud: RunningCloud) -> None:
    """The secret comes from the token: another token's secret doesn't fit."""
    arn = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust())["Role"]["Arn"]
    one = sts.assume_role(RoleArn=arn, RoleSessionName="one")
    one["Credentials"]["SecretAccessKey"] = "A" * 40
    assert refused(session(cloud, "sts", one).get_caller_identity)[0] == "SignatureDoesNotMatch"


def test_session_and_federation_tokens(cloud: RunningCloud, iam: Any) -> None:
    """For long-term keys only; the federated user has the name that was asked for."""
    iam.create_user(UserName="u")
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=ALLOW_ALL)
    key = iam.create_access_key(UserName="u")["AccessKey"]
    own = cloud.client("sts", account=key["AccessKeyId"], secret=key["SecretAccessKey"])
    token = own.get_session_token()
    temporary = session(cloud, "sts", token)
    assert temporary.get_caller_identity()["Arn"].endswith(":user/u")
    assert refused(temporary.get_session_token) == (
        "AccessDenied",
        "Cannot call GetSessionToken with session credentials",
        403,
    )
    federated = own.get_federation_token(Name="bob", Policy=ALLOW_ALL)
    told = federated["FederatedUser"]
    assert told["Arn"].endswith(":federated-user/bob")
    assert told["FederatedUserId"].endswith(":bob")
    assert session(cloud, "sts", federated).get_caller_identity()["UserId"] == told["FederatedUserId"]


def test_whose_key_it_is(iam: Any, sts: Any, account: str) -> None:
    """The account is written into every key that was made here."""
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]["AccessKeyId"]
    assert sts.get_access_key_info(AccessKeyId=key)["Account"] == account


def test_messages_that_were_not_made_here(sts: Any) -> None:
    """An encoded message can't be made up."""
    assert refused(lambda: sts.decode_authorization_message(EncodedMessage="bm90aGluZw==")) == (
        "InvalidAuthorizationMessageException",
        "Message is not valid",
        400,
    )


def test_a_session_policy_must_be_one(sts: Any, account: str) -> None:
    """A managed session policy must exist in the role's account."""
    arn = f"arn:aws:iam::{account}:role/r"
    missing = {"arn": f"arn:aws:iam::{account}:policy/missing"}
    assert refused(lambda: sts.assume_role(RoleArn=arn, RoleSessionName="one", PolicyArns=[missing]))[0] == (
        "ValidationError"
    )
    known = {"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
    document = json.dumps(
        {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}
    )
    answer = sts.assume_role(RoleArn=arn, RoleSessionName="one", PolicyArns=[known], Policy=document)
    assert 0 < answer["PackedPolicySize"] <= 100
