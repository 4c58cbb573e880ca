"""Mode cloud: signatures and policies hold end to end, and a change counts from the next request on."""

from __future__ import annotations

import base64
import configparser
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from haneul.auth import totp
from tests.api.iam.conftest import ALLOW_ALL, allow, refused, trust
from tests.running import ACCOUNT, RunningCloud

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


class Strict:
    """A cloud in mode cloud with its root key."""

    def __init__(self, data: Path) -> None:
        subprocess.run([sys.executable, "-m", "haneul", "init", "--data", str(data)], check=True, capture_output=True)
        file = configparser.ConfigParser()
        file.read(data / "credentials")
        self.key = dict(file["default"])
        self.running = RunningCloud("--log-level", "warning", "--mode", "cloud", data=data).start()
        self._numbers = iter(range(10**6))

    def client(self, service: str, key: dict[str, Any] | None = None, **options: Any) -> Any:
        """A client of root, or with an AccessKey or Credentials as an answer tells them."""
        given = key or {
            "AccessKeyId": self.key["aws_access_key_id"],
            "SecretAccessKey": self.key["aws_secret_access_key"],
        }
        return self.running.client(
            service,
            account=given["AccessKeyId"],
            secret=given["SecretAccessKey"],
            token=given.get("SessionToken"),
            **options,
        )

    def user(self, policy: str | None = None) -> tuple[str, dict[str, Any]]:
        """A new user with an inline policy: (name, access key)."""
        name = f"user-{next(self._numbers)}"
        iam = self.client("iam")
        iam.create_user(UserName=name)
        if policy is not None:
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
        return name, iam.create_access_key(UserName=name)["AccessKey"]

    def name(self, prefix: str) -> str:
        return f"{prefix}-{next(self._numbers)}"


@pytest.fixture(scope="module")
def strict() -> Iterator[Strict]:
    with tempfile.TemporaryDirectory(prefix="haneul-strict-") as folder:
        made = Strict(Path(folder))
        yield made
        made.running.close()


def test_only_keys_that_were_given_out(strict: Strict) -> None:
    """An unknown key, a wrong secret and the well-known test key are all refused."""
    _, key = strict.user()
    sts = strict.client("sts", key)
    assert sts.get_caller_identity()["Account"] == ACCOUNT
    wrong = {**key, "SecretAccessKey": "A" * 40}
    assert refused(strict.client("sts", wrong).get_caller_identity)[0] == "SignatureDoesNotMatch"
    for unknown in ("test", "AKIAIOSFODNN7EXAMPLE", ACCOUNT):
        client = strict.client("sts", {"AccessKeyId": unknown, "SecretAccessKey": "test"})
        assert refused(client.get_caller_identity) == (
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
            403,
        )


def test_a_disabled_or_deleted_key_is_refused_at_once(strict: Strict) -> None:
    """No request after the change gets through."""
    name, key = strict.user()
    iam, sts = strict.client("iam"), strict.client("sts", key)
    sts.get_caller_identity()
    iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert refused(sts.get_caller_identity)[0] == "InvalidClientTokenId"
    iam.update_access_key(UserName=name, AccessKeyId=key["AccessKeyId"], Status="Active")
    sts.get_caller_identity()
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    assert refused(sts.get_caller_identity)[0] == "InvalidClientTokenId"


def test_rights_come_and_go_with_policies(strict: Strict) -> None:
    """Inline, attached and group policies; granted and revoked from one request to the next."""
    name, key = strict.user()
    iam, own = strict.client("iam"), strict.client("iam", key)
    arn = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    denied = (
        "AccessDenied",
        f"User: {arn} is not authorized to perform: iam:GetUser on resource: user {name} because no identity-based "
        "policy allows the iam:GetUser action",
        403,
    )
    code, message, status = refused(lambda: own.get_user(UserName=name))
    assert (code, status) == (denied[0], denied[2])
    assert message.startswith(f"User: {arn} is not authorized to perform: iam:GetUser on resource: ")
    assert message.endswith("because no identity-based policy allows the iam:GetUser action")
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=allow("iam:GetUser", resource=arn))
    assert own.get_user()["User"]["Arn"] == arn
    iam.delete_user_policy(UserName=name, PolicyName="p")
    assert refused(own.get_user)[0] == "AccessDenied"
    iam.attach_user_policy(UserName=name, PolicyArn=ADMINISTRATOR)
    own.get_user()
    iam.detach_user_policy(UserName=name, PolicyArn=ADMINISTRATOR)
    assert refused(own.get_user)[0] == "AccessDenied"
    group = strict.name("group")
    iam.create_group(GroupName=group)
    iam.attach_group_policy(GroupName=group, PolicyArn=ADMINISTRATOR)
    iam.add_user_to_group(GroupName=group, UserName=name)
    own.get_user()
    iam.remove_user_from_group(GroupName=group, UserName=name)
    assert refused(own.get_user)[0] == "AccessDenied"


def test_the_default_version_of_a_policy_counts(strict: Strict) -> None:
    """Changing what is in force changes what is allowed."""
    name, key = strict.user()
    iam, own = strict.client("iam"), strict.client("iam", key)
    arn = iam.create_policy(PolicyName=strict.name("p"), PolicyDocument=allow("iam:GetUser"))["Policy"]["Arn"]
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    own.get_user()
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=allow("sqs:*"), SetAsDefault=True)
    assert refused(own.get_user)[0] == "AccessDenied"
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
    own.get_user()


def test_a_boundary_and_an_explicit_deny_win(strict: Strict) -> None:
    """Each denial names the kind of policy that it comes from."""
    name, key = strict.user(ALLOW_ALL)
    iam, own = strict.client("iam"), strict.client("iam", key)
    own.list_users()
    boundary = iam.create_policy(PolicyName=strict.name("b"), PolicyDocument=allow("iam:GetUser"))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName=name, PermissionsBoundary=boundary)
    assert refused(own.list_users)[1].endswith("because no permissions boundary allows the iam:ListUsers action")
    own.get_user()
    iam.delete_user_permissions_boundary(UserName=name)
    deny = {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "iam:List*", "Resource": "*"}}
    iam.put_user_policy(UserName=name, PolicyName="deny", PolicyDocument=json.dumps(deny))
    assert refused(own.list_users)[1].endswith("with an explicit deny in an identity-based policy")


def test_buckets_under_identity_policies(strict: Strict) -> None:
    """The same holds for S3, down to a prefix and a policy variable."""
    bucket = strict.name("bucket")
    strict.client("s3").create_bucket(Bucket=bucket)
    name, key = strict.user(
        allow("s3:PutObject", "s3:GetObject", resource=f"arn:aws:s3:::{bucket}/${{aws:username}}/*")
    )
    s3 = strict.client("s3", key)
    s3.put_object(Bucket=bucket, Key=f"{name}/a", Body=b"x")
    assert s3.get_object(Bucket=bucket, Key=f"{name}/a")["Body"].read() == b"x"
    assert refused(lambda: s3.put_object(Bucket=bucket, Key="other/a", Body=b"x"))[0] == "AccessDenied"
    assert refused(lambda: s3.list_objects_v2(Bucket=bucket))[0] == "AccessDenied"
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": f"{name}/a"})
    assert _status(url) == 200
    strict.client("iam").delete_user_policy(UserName=name, PolicyName="p")
    assert _status(url) == 403


def _status(url: str) -> int:
    import requests

    return requests.get(url, timeout=10).status_code


def test_trust_policies_decide_who_assumes(strict: Strict) -> None:
    """Named principals, external ids, tags: all of a trust policy's conditions."""
    iam = strict.client("iam")
    name, key = strict.user()
    arn = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    role = strict.name("role")
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": arn},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "secret"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    target = iam.create_role(RoleName=role, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    sts = strict.client("sts", key)

    def assume(**more: Any) -> Any:
        return sts.assume_role(RoleArn=target, RoleSessionName="me", **more)

    denied = f"User: {arn} is not authorized to perform: sts:AssumeRole on resource: {target}"
    assert refused(assume) == ("AccessDenied", denied, 403)
    assert refused(lambda: assume(ExternalId="wrong"))[0] == "AccessDenied"
    assume(ExternalId="secret")
    tagged = refused(lambda: assume(ExternalId="secret", Tags=[{"Key": "k", "Value": "v"}]))
    assert tagged[0] == "AccessDenied"
    assert "sts:TagSession" in tagged[1]
    _, stranger = strict.user()
    other = strict.client("sts", stranger)
    assert refused(lambda: other.assume_role(RoleArn=target, RoleSessionName="me", ExternalId="secret"))[0] == (
        "AccessDenied"
    )
    assert refused(lambda: strict.client("sts").assume_role(RoleArn=target, RoleSessionName="me", ExternalId="secret"))[
        1
    ] == ("Roles may not be assumed by root accounts.")
    missing = f"arn:aws:iam::{ACCOUNT}:role/missing"
    assert refused(lambda: sts.assume_role(RoleArn=missing, RoleSessionName="me"))[0] == "AccessDenied"


def test_an_accounts_trust_leaves_it_to_identity_policies(strict: Strict) -> None:
    """A role that trusts its account is assumed by whom the account lets."""
    target = strict.client("iam").create_role(
        RoleName=strict.name("role"), AssumeRolePolicyDocument=trust(AWS=f"arn:aws:iam::{ACCOUNT}:root")
    )["Role"]["Arn"]
    _, without = strict.user()
    _, given = strict.user(allow("sts:AssumeRole", resource=target))
    assert refused(lambda: strict.client("sts", without).assume_role(RoleArn=target, RoleSessionName="me"))[0] == (
        "AccessDenied"
    )
    strict.client("sts", given).assume_role(RoleArn=target, RoleSessionName="me")


def _assumed(strict: Strict, policies: list[str], **more: Any) -> tuple[str, dict[str, Any]]:
    """A session of a new role with these inline policies: (role, credentials)."""
    iam = strict.client("iam")
    name, key = strict.user()
    role = strict.name("role")
    document = trust(AWS=f"arn:aws:iam::{ACCOUNT}:user/{name}")
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    for number, policy in enumerate(policies):
        iam.put_role_policy(RoleName=role, PolicyName=f"p{number}", PolicyDocument=policy)
    answer = strict.client("sts", key).assume_role(RoleArn=arn, RoleSessionName="me", **more)
    return role, answer["Credentials"]


def test_sessions_hold_what_their_role_holds_now(strict: Strict) -> None:
    """A role's policies count while its sessions live; a deny on aws:TokenIssueTime ends them; deletion too."""
    iam = strict.client("iam")
    role, session = _assumed(strict, [allow("iam:ListUsers")])
    own = strict.client("iam", session)
    own.list_users()
    assert refused(own.list_roles)[0] == "AccessDenied"
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
    revoke = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": {"DateLessThan": {"aws:TokenIssueTime": later}},
        },
    }
    iam.put_role_policy(RoleName=role, PolicyName="revoke", PolicyDocument=json.dumps(revoke))
    assert refused(own.list_users)[1].endswith("with an explicit deny in an identity-based policy")
    iam.delete_role_policy(RoleName=role, PolicyName="revoke")
    own.list_users()
    document = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName="p0")
    iam.delete_role(RoleName=role)
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(document))
    iam.put_role_policy(RoleName=role, PolicyName="p0", PolicyDocument=allow("iam:ListUsers"))
    assert refused(own.list_users)[0] == "AccessDenied"


def test_session_policies_narrow(strict: Strict) -> None:
    """What both the role and the session's policy allow, and nothing else."""
    _, session = _assumed(strict, [ALLOW_ALL], Policy=allow("iam:ListUsers"))
    own = strict.client("iam", session)
    own.list_users()
    assert refused(own.list_roles)[1].endswith("because no session policy allows the iam:ListRoles action")


def test_altered_and_mixed_tokens(strict: Strict) -> None:
    """A token is whole or worthless, and belongs to its key."""
    _, session = _assumed(strict, [ALLOW_ALL])
    token = session["SessionToken"]
    flipped = ("A" if token[40] != "A" else "B").join((token[:40], token[41:]))
    for bad in (flipped, token[:-8], "nonsense"):
        client = strict.client("sts", {**session, "SessionToken": bad})
        assert refused(client.get_caller_identity)[0] == "InvalidClientTokenId"
    bare = {name: value for name, value in session.items() if name != "SessionToken"}
    assert refused(strict.client("sts", bare).get_caller_identity)[0] == "InvalidClientTokenId"
    _, other = _assumed(strict, [ALLOW_ALL])
    mixed = strict.client("sts", {**session, "SessionToken": other["SessionToken"]})
    assert refused(mixed.get_caller_identity)[0] == "InvalidClientTokenId"


def test_mfa_can_be_asked_for(strict: Strict) -> None:
    """A condition on aws:MultiFactorAuthPresent lets in only a session with a checked code."""
    iam = strict.client("iam")
    document = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Action": "*",
                "Resource": "*",
                "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
            },
        }
    )
    name, key = strict.user(document)
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]
    seed, serial = base64.b32decode(device["Base32StringSeed"]), device["SerialNumber"]
    step = int(time.time()) // 30
    iam.enable_mfa_device(
        UserName=name,
        SerialNumber=serial,
        AuthenticationCode1=totp.code(seed, step - 2),
        AuthenticationCode2=totp.code(seed, step - 1),
    )
    assert refused(strict.client("iam", key).list_users)[0] == "AccessDenied"
    sts = strict.client("sts", key)
    assert refused(strict.client("iam", sts.get_session_token()["Credentials"]).list_users)[0] == "AccessDenied"
    with_code = sts.get_session_token(SerialNumber=serial, TokenCode=totp.code(seed, step))["Credentials"]
    strict.client("iam", with_code).list_users()


def test_federated_users_need_a_policy(strict: Strict) -> None:
    """Without a session policy they may nothing; with one, what their maker may too; never IAM."""
    bucket = strict.name("bucket")
    strict.client("s3").create_bucket(Bucket=bucket)
    _, key = strict.user(allow("sts:GetFederationToken", "s3:ListBucket", "iam:*"))
    sts = strict.client("sts", key)
    bare = sts.get_federation_token(Name="bob")["Credentials"]
    assert refused(lambda: strict.client("s3", bare).list_objects_v2(Bucket=bucket))[0] == "AccessDenied"
    given = sts.get_federation_token(Name="bob", Policy=ALLOW_ALL)["Credentials"]
    strict.client("s3", given).list_objects_v2(Bucket=bucket)
    assert refused(lambda: strict.client("s3", given).put_object(Bucket=bucket, Key="k", Body=b""))[0] == (
        "AccessDenied"
    )
    assert refused(strict.client("iam", given).list_users)[0] == "AccessDenied"


def test_conditions_on_iams_own_calls(strict: Strict) -> None:
    """Delegated administrators: only with a boundary, only this policy, only with tags."""
    iam = strict.client("iam")
    boundary = iam.create_policy(PolicyName=strict.name("b"), PolicyDocument=ALLOW_ALL)["Policy"]["Arn"]
    statements = [
        {
            "Effect": "Allow",
            "Action": "iam:CreateUser",
            "Resource": f"arn:aws:iam::{ACCOUNT}:user/dev/*",
            "Condition": {"StringEquals": {"iam:PermissionsBoundary": boundary, "aws:RequestTag/team": "dev"}},
        },
        {
            "Effect": "Allow",
            "Action": "iam:AttachUserPolicy",
            "Resource": "*",
            "Condition": {"ArnEquals": {"iam:PolicyARN": ADMINISTRATOR}},
        },
    ]
    _, key = strict.user(json.dumps({"Version": "2012-10-17", "Statement": statements}))
    own = strict.client("iam", key)
    name = strict.name("made")
    tags = [{"Key": "team", "Value": "dev"}]
    right = {"UserName": name, "Path": "/dev/", "PermissionsBoundary": boundary, "Tags": tags}
    for wrong in ({"PermissionsBoundary": ADMINISTRATOR}, {"Tags": [{"Key": "team", "Value": "x"}]}, {"Path": "/"}):
        assert refused(lambda wrong=wrong: own.create_user(**(right | wrong)))[0] == "AccessDenied"
    own.create_user(**right)
    own.attach_user_policy(UserName=name, PolicyArn=ADMINISTRATOR)
    assert refused(lambda: own.attach_user_policy(UserName=name, PolicyArn=boundary))[0] == "AccessDenied"


def test_service_control_policies_bind_members(strict: Strict) -> None:
    """They bind root of a member account too, but never the management account; a closed account is shut."""
    org = strict.client("organizations")
    org.create_organization()
    root = org.list_roots()["Roots"][0]["Id"]
    org.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    request = org.create_account(Email="m@example.com", AccountName="m")["CreateAccountStatus"]["Id"]
    member = org.describe_create_account_status(CreateAccountRequestId=request)["CreateAccountStatus"]["AccountId"]
    role = f"arn:aws:iam::{member}:role/OrganizationAccountAccessRole"
    _, key = strict.user(allow("sts:AssumeRole", resource=role))
    session = strict.client("sts", key).assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    own = strict.client("iam", session)
    own.list_users()
    deny = json.dumps(
        {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "iam:ListUsers", "Resource": "*"}}
    )
    policy = org.create_policy(Name="no", Description="", Type="SERVICE_CONTROL_POLICY", Content=deny)["Policy"]
    org.attach_policy(PolicyId=policy["PolicySummary"]["Id"], TargetId=root)
    assert refused(own.list_users)[1].endswith("with an explicit deny in a service control policy")
    own.list_roles()
    strict.client("iam").list_users()
    org.detach_policy(PolicyId=policy["PolicySummary"]["Id"], TargetId=root)
    own.list_users()
    org.enable_aws_service_access(ServicePrincipal="iam.amazonaws.com")
    strict.client("iam").enable_organizations_root_sessions()
    _, auditor = strict.user(allow("sts:AssumeRoot"))
    task = {"arn": "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials"}
    as_root = strict.client("sts", auditor).assume_root(TargetPrincipal=member, TaskPolicyArn=task)["Credentials"]
    strict.client("iam", as_root).list_access_keys()
    assert refused(lambda: strict.client("iam", as_root).create_user(UserName="no"))[0] == "AccessDenied"
    org.close_account(AccountId=member)
    assert refused(own.list_users)[0] == "InvalidClientTokenId"


def test_everything_survives_a_kill(strict: Strict) -> None:
    """Users, keys and policies are on disk when they are acknowledged; sessions outlive the process."""
    name, key = strict.user(allow("iam:GetUser"))
    _, session = _assumed(strict, [allow("iam:ListUsers")])
    strict.running.kill()
    strict.running.restart()
    assert strict.client("iam", key).get_user()["User"]["UserName"] == name
    strict.client("iam", session).list_users()


def test_passing_a_role_is_a_right_of_its_own(strict: Strict) -> None:
    """Whoever could hand any role to a machine would have every role's rights."""
    iam = strict.client("iam")
    role, profile = strict.name("role"), strict.name("profile")
    arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust(Service="ec2.amazonaws.com"))["Role"]["Arn"]
    iam.create_instance_profile(InstanceProfileName=profile)
    name, key = strict.user(allow("iam:AddRoleToInstanceProfile"))
    own = strict.client("iam", key)

    def add() -> Any:
        return own.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=role)

    code, message, _ = refused(add)
    assert code == "AccessDenied"
    assert f"is not authorized to perform: iam:PassRole on resource: {arn}" in message
    for service in ("lambda.amazonaws.com", "ec2.amazonaws.com"):
        condition = {"StringEquals": {"iam:PassedToService": service}}
        document = allow("iam:PassRole", resource=arn, Condition=condition)
        iam.put_user_policy(UserName=name, PolicyName="pass", PolicyDocument=document)
        if service == "lambda.amazonaws.com":
            assert refused(add)[0] == "AccessDenied"
    add()


def test_rights_by_tags(strict: Strict) -> None:
    """Whoever has a team may manage that team's users, and nobody else's."""
    iam = strict.client("iam")
    document = allow("iam:*", Condition={"StringEquals": {"iam:ResourceTag/team": "${aws:PrincipalTag/team}"}})
    name, key = strict.user(document)
    own = strict.client("iam", key)
    ours, theirs = strict.name("ours"), strict.name("theirs")
    for user, team in ((name, "a"), (ours, "a"), (theirs, "b")):
        if user != name:
            iam.create_user(UserName=user)
        iam.tag_user(UserName=user, Tags=[{"Key": "team", "Value": team}])
    own.create_access_key(UserName=ours)
    assert refused(lambda: own.create_access_key(UserName=theirs))[0] == "AccessDenied"
    iam.tag_user(UserName=theirs, Tags=[{"Key": "team", "Value": "a"}])
    own.create_access_key(UserName=theirs)


def test_a_name_made_anew_is_somebody_else(strict: Strict) -> None:
    """A role goes on trusting the user that was, not the one that has its name now."""
    iam = strict.client("iam")
    name, _ = strict.user()
    user = iam.get_user(UserName=name)["User"]
    role = iam.create_role(RoleName=strict.name("role"), AssumeRolePolicyDocument=trust(AWS=user["Arn"]))["Role"]
    iam.delete_access_key(
        UserName=name, AccessKeyId=iam.list_access_keys(UserName=name)["AccessKeyMetadata"][0]["AccessKeyId"]
    )
    iam.delete_user(UserName=name)
    shown = iam.get_role(RoleName=role["RoleName"])["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"] == {"AWS": user["UserId"]}
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    again = strict.client("sts", key)
    assert refused(lambda: again.assume_role(RoleArn=role["Arn"], RoleSessionName="me"))[0] == "AccessDenied"


def test_enforcement_in_mode_dev(fresh_cloud: Any) -> None:
    """--enforce-iam: made-up keys are still root, but keys that only IAM and STS give out must be theirs."""
    cloud = fresh_cloud("--enforce-iam")
    iam = cloud.client("iam")
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    own = cloud.client("iam", account=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert refused(own.list_users)[0] == "AccessDenied"
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=ALLOW_ALL)
    own.list_users()
    wrong = cloud.client("iam", account=key["AccessKeyId"], secret="A" * 40)
    assert refused(wrong.list_users)[0] == "SignatureDoesNotMatch"
    token = cloud.client("sts", account=key["AccessKeyId"], secret=key["SecretAccessKey"]).get_session_token()
    given = token["Credentials"]
    forged = cloud.client("iam", account=given["AccessKeyId"], secret="test", token="made up")
    assert refused(forged.list_users)[0] == "InvalidClientTokenId"
    iam.delete_access_key(UserName="u", AccessKeyId=key["AccessKeyId"])
    assert refused(own.list_users)[0] == "InvalidClientTokenId"
