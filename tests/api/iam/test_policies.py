"""Managed and inline policies: versions, attachments, grammar."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.iam.conftest import ALLOW_ALL, allow, refused, trust

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def statement(**parts: Any) -> str:
    base = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": {**base, **parts}})


def test_versions_of_a_policy(iam: Any, account: str) -> None:
    """Five versions at most, one in force, which can't be deleted; numbers are never used again."""
    created = iam.create_policy(PolicyName="p", PolicyDocument=ALLOW_ALL, Description="d", Path="/a/")["Policy"]
    arn = created["Arn"]
    assert arn == f"arn:aws:iam::{account}:policy/a/p"
    assert created["DefaultVersionId"] == "v1"
    assert (created["AttachmentCount"], created["IsAttachable"]) == (0, True)
    for number in range(2, 6):
        version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=allow("s3:*"))["PolicyVersion"]
        assert (version["VersionId"], version["IsDefaultVersion"]) == (f"v{number}", False)
    assert refused(lambda: iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALLOW_ALL)) == (
        "LimitExceeded",
        "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing "
        "version.",
        409,
    )
    assert refused(lambda: iam.delete_policy_version(PolicyArn=arn, VersionId="v1")) == (
        "DeleteConflict",
        "Cannot delete the default version of a policy.",
        409,
    )
    iam.set_default_policy_version(PolicyArn=arn, VersionId="v3")
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    last = iam.create_policy_version(PolicyArn=arn, PolicyDocument=ALLOW_ALL, SetAsDefault=True)["PolicyVersion"]
    assert last["VersionId"] == "v6"
    assert [one["VersionId"] for one in iam.list_policy_versions(PolicyArn=arn)["Versions"]] == [
        "v6", "v5", "v4", "v3", "v2",
    ]  # fmt: skip
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v6"
    assert refused(lambda: iam.get_policy_version(PolicyArn=arn, VersionId="v1"))[1] == (
        f"Policy {arn} version v1 does not exist or is not attachable."
    )
    assert refused(lambda: iam.delete_policy(PolicyArn=arn))[1].startswith("This policy has more than one version.")


def test_documents_come_back_percent_encoded(iam: Any) -> None:
    """RFC 3986 on the wire, whatever is in the document; boto3 decodes it."""
    document = statement(Resource="arn:aws:s3:::a b/*~+é")
    iam.create_user(UserName="u")
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=document)
    seen: list[bytes] = []
    iam.meta.events.register(
        "before-parse.iam.GetUserPolicy", lambda response_dict, **_: seen.append(response_dict["body"])
    )
    answer = iam.get_user_policy(UserName="u", PolicyName="p")
    assert answer["PolicyDocument"] == json.loads(document)
    assert (answer["UserName"], answer["PolicyName"]) == ("u", "p")
    assert b"a%20b%2F%2A~%2B%5Cu00e9" in seen[0]
    assert iam.list_user_policies(UserName="u")["PolicyNames"] == ["p"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "Syntax errors in policy."),
        ('"text"', "Syntax errors in policy."),
        (json.dumps({"Version": "2012-10-17"}), "Syntax errors in policy."),
        (json.dumps({"Version": "2012-10-17", "Statement": []}), "Syntax errors in policy."),
        (statement(Effect="Perhaps"), "Syntax errors in policy."),
        (statement(Unknown="x"), "Syntax errors in policy."),
        (statement(NotAction="s3:*"), "Syntax errors in policy."),
        (statement(Action=[]), "Policy statement must contain actions."),
        (statement(Resource=[]), "Policy statement must contain resources."),
        (
            statement(Action="GetObject"),
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (statement(Action="s3:Get:Object"), "Actions/Condition can contain only one colon."),
        (statement(Action="s 3:GetObject"), "Vendor s 3 is not valid"),
        (statement(Resource="bucket"), 'Resource bucket must be in ARN format or "*".'),
        (statement(Resource="arn:aws:sqs:us-east-1:queue"), "The policy failed legacy parsing"),
        (statement(Resource="arn:aws:::queue"), "The policy failed legacy parsing"),
        (
            statement(Resource="arn:aws:*:us-east-1:*:x"),
            "Resource vendor must be fully qualified and cannot contain regexes.",
        ),
        (
            statement(Resource="aws:sqs:queue"),
            'Partition "sqs" is not valid for resource "arn:sqs:queue:*:*:*".',
        ),
        (
            statement(Resource="arn:aws:iam::123456789012:root"),
            'IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, '
            "instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, "
            "access-report/.",
        ),
        (statement(Condition={"DateLessThan": {"aws:CurrentTime": "tomorrow"}}), "The policy failed legacy parsing"),
        (statement(Condition={"DateLessThan": {"aws:CurrentTime": "2030-14"}}), "The policy failed legacy parsing"),
        (statement(Effect="ALLOW"), "The policy failed legacy parsing"),
        (json.dumps({**json.loads(statement()), "Id": 7}), "Syntax errors in policy."),
        (
            statement(Resource="arn:other:s3:::b"),
            'Partition "other" is not valid for resource "arn:other:s3:::b".',
        ),
        (
            statement(Resource="arn:aws:s3:us-east-1::b"),
            "Resource arn:aws:s3:us-east-1::b can not contain region information.",
        ),
        (statement(Principal="*"), "Policy document should not specify a principal."),
        (statement(Condition={"Sounds": {"aws:x": "y"}}), "Syntax errors in policy."),
        (
            json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}),
            "Policy document must be version 2012-10-17 or greater.",
        ),
        (
            json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [{"Sid": "a", "Effect": "Allow", "Action": "*", "Resource": "*"}] * 2,
                }
            ),
            "Statement IDs (SID) in a single policy must be unique.",
        ),
    ],
)
def test_malformed_policies_are_refused(iam: Any, document: str, message: str) -> None:
    """Each fault of grammar in AWS's words."""
    assert refused(lambda: iam.create_policy(PolicyName="p", PolicyDocument=document)) == (
        "MalformedPolicyDocument",
        message,
        400,
    )


@pytest.mark.parametrize(
    "document",
    [
        statement(Resource="arn:aws:sqs"),
        statement(
            Resource=["arn:aws:logs:us-east-1:*", "arn:aws*:s3:::b", "arn:aws:iam::${aws:PrincipalAccount}:role/r"]
        ),
        statement(Action="vendor.with-all:Thing"),
        statement(Condition={"Sounds": {}}),
        statement(Condition={"StringEqualsIfExists": {"bare": "x"}, "Bool": {"aws:SecureTransport": True}}),
        statement(Condition={"DateLessThan": {"aws:CurrentTime": ["2030", "2030-01-31t4:05+09", "-1", "1900000000"]}}),
    ],
)
def test_lenient_grammar_is_accepted(iam: Any, document: str) -> None:
    """AWS takes more than it documents: short ARNs, operators that test nothing, keys without a vendor, half dates."""
    iam.create_policy(PolicyName="p", PolicyDocument=document)


def test_the_first_fault_wins(iam: Any) -> None:
    """Of several faults AWS names one, in its own order: version, legacy, ids, actions, resources, vendors."""
    faults = [
        ("Version", "2008-10-17", "Policy document must be version 2012-10-17 or greater."),
        ("Effect", "allow", "The policy failed legacy parsing"),
        ("Sid", "same", "Statement IDs (SID) in a single policy must be unique."),
        ("Action", [], "Policy statement must contain actions."),
        ("Resource", "bucket", 'Resource bucket must be in ARN format or "*".'),
        ("Action", "List", "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
        ("Resource", [], "Policy statement must contain resources."),
    ]
    for at in range(len(faults)):
        document = json.loads(statement())
        faulty = document["Statement"]
        for part, value, _ in reversed(faults[at:]):
            (document if part == "Version" else faulty)[part] = value
        document["Statement"] = [{**faulty, "Effect": "Allow", "Action": "s3:*", "Resource": "*"}, faulty]
        error = refused(
            lambda document=document: iam.create_policy(PolicyName="p", PolicyDocument=json.dumps(document))
        )
        assert error[1] == faults[at][2]


def test_sizes_count_without_whitespace(iam: Any) -> None:
    """Indenting a document doesn't use up the quota."""
    actions = [f"service{number}:Action" for number in range(250)]
    document = json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}, indent=8
    )
    assert len(document) > 6144
    iam.create_policy(PolicyName="p", PolicyDocument=document)
    many = allow(*[f"service{number}:Action" for number in range(400)])
    assert refused(lambda: iam.create_policy(PolicyName="q", PolicyDocument=many)) == (
        "LimitExceeded",
        "Cannot exceed quota for PolicySize: 6144",
        409,
    )
    iam.create_user(UserName="u")
    assert refused(lambda: iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=many))[1] == (
        "Maximum policy size of 2048 bytes exceeded for user u"
    )


def test_attaching(iam: Any, account: str) -> None:
    """Attachments are counted, listed both ways, and hold the policy."""
    arn = iam.create_policy(PolicyName="p", PolicyDocument=ALLOW_ALL)["Policy"]["Arn"]
    iam.create_user(UserName="u")
    iam.create_group(GroupName="g")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust(), PermissionsBoundary=arn)
    iam.attach_user_policy(UserName="u", PolicyArn=arn)
    iam.attach_user_policy(UserName="u", PolicyArn=arn)
    iam.attach_group_policy(GroupName="g", PolicyArn=arn)
    policy = iam.get_policy(PolicyArn=arn)["Policy"]
    assert (policy["AttachmentCount"], policy["PermissionsBoundaryUsageCount"]) == (2, 1)
    found = iam.list_entities_for_policy(PolicyArn=arn)
    assert [one["UserName"] for one in found["PolicyUsers"]] == ["u"]
    assert [one["GroupName"] for one in found["PolicyGroups"]] == ["g"]
    assert [one["RoleName"] for one in found["PolicyRoles"]] == ["r"]
    only = iam.list_entities_for_policy(PolicyArn=arn, PolicyUsageFilter="PermissionsPolicy")
    assert only["PolicyRoles"] == []
    assert refused(lambda: iam.delete_policy(PolicyArn=arn)) == (
        "DeleteConflict",
        "Cannot delete a policy attached to entities.",
        409,
    )
    attached = iam.list_attached_user_policies(UserName="u")["AttachedPolicies"]
    assert attached == [{"PolicyName": "p", "PolicyArn": arn}]
    assert [one["PolicyName"] for one in iam.list_policies(OnlyAttached=True)["Policies"]] == ["p"]
    iam.detach_user_policy(UserName="u", PolicyArn=arn)
    assert refused(lambda: iam.detach_user_policy(UserName="u", PolicyArn=arn))[0] == "NoSuchEntity"
    missing = f"arn:aws:iam::{account}:policy/missing"
    assert refused(lambda: iam.attach_user_policy(UserName="u", PolicyArn=missing))[1] == (
        f"Policy {missing} does not exist or is not attachable."
    )
    assert refused(lambda: iam.get_policy(PolicyArn=missing))[1] == f"Policy {missing} was not found."
    bad = "not-an-arn-but-long-enough"
    assert refused(lambda: iam.attach_user_policy(UserName="u", PolicyArn=bad)) == (
        "InvalidInput",
        f"ARN {bad} is not valid.",
        400,
    )


def test_aws_managed_policies(iam: Any) -> None:
    """AWS's policies are found by name, paged with ours, and nobody's to change."""
    policy = iam.get_policy(PolicyArn=ADMINISTRATOR)["Policy"]
    version = iam.get_policy_version(PolicyArn=ADMINISTRATOR, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    assert version["Document"]["Statement"] == [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
    names = {
        one["PolicyName"]
        for page in iam.get_paginator("list_policies").paginate(Scope="AWS")
        for one in page["Policies"]
    }
    assert {"PowerUserAccess", "ReadOnlyAccess", "AmazonS3FullAccess", "AWSLambdaBasicExecutionRole"} <= names
    assert iam.list_policies(Scope="Local")["Policies"] == []
    role = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    assert iam.get_policy(PolicyArn=role)["Policy"]["Path"] == "/service-role/"
    assert refused(lambda: iam.delete_policy(PolicyArn=ADMINISTRATOR))[0] == "AccessDenied"
