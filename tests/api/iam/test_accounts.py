"""What is told about a whole account: summary, alias, details, reports, simulation."""

from __future__ import annotations

import csv
import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.iam.conftest import ALLOW_ALL, allow, refused, trust

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def test_aliases_are_unique(iam: Any, cloud: Any) -> None:
    """One alias an account, and nobody else's."""
    alias = f"team-{uuid.uuid4().hex[:12]}"
    assert iam.list_account_aliases()["AccountAliases"] == []
    iam.create_account_alias(AccountAlias=alias)
    assert iam.list_account_aliases()["AccountAliases"] == [alias]
    other = cloud.client("iam", account=f"{uuid.uuid4().int % 10**12:012d}")
    assert refused(lambda: other.create_account_alias(AccountAlias=alias)) == (
        "EntityAlreadyExists",
        f"The account alias {alias} already exists.",
        409,
    )
    iam.delete_account_alias(AccountAlias=alias)
    assert refused(lambda: iam.delete_account_alias(AccountAlias=alias))[0] == "NoSuchEntity"


def test_the_summary_counts(iam: Any) -> None:
    """Figures follow what is there; quotas are AWS's defaults."""
    iam.create_user(UserName="u")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust())
    iam.create_policy(PolicyName="p", PolicyDocument=ALLOW_ALL)
    summary = iam.get_account_summary()["SummaryMap"]
    assert (summary["Users"], summary["Roles"], summary["Policies"], summary["PolicyVersionsInUse"]) == (1, 1, 1, 1)
    assert (summary["UsersQuota"], summary["AccessKeysPerUserQuota"], summary["PolicySizeQuota"]) == (5000, 2, 6144)


def test_authorization_details_in_pages(iam: Any) -> None:
    """Everything that binds anybody, whatever the size of the page."""
    iam.create_group(GroupName="g")
    for name in ("a", "b", "c"):
        iam.create_user(UserName=name)
        iam.add_user_to_group(GroupName="g", UserName=name)
    iam.put_user_policy(UserName="a", PolicyName="i", PolicyDocument=allow("s3:*"))
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust())
    iam.attach_role_policy(RoleName="r", PolicyArn=ADMINISTRATOR)
    iam.create_policy(PolicyName="p", PolicyDocument=ALLOW_ALL)
    whole = iam.get_account_authorization_details()
    assert [one["UserName"] for one in whole["UserDetailList"]] == ["a", "b", "c"]
    assert whole["UserDetailList"][0]["UserPolicyList"][0]["PolicyDocument"]["Statement"][0]["Action"] == ["s3:*"]
    assert whole["UserDetailList"][0]["GroupList"] == ["g"]
    assert {one["PolicyName"] for one in whole["Policies"]} == {"p", "AdministratorAccess"}
    count = 0
    for page in iam.get_paginator("get_account_authorization_details").paginate(PaginationConfig={"PageSize": 2}):
        lists = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
        count += sum(len(page[name]) for name in lists)
    assert count == 7
    only = iam.get_account_authorization_details(Filter=["Role"])
    assert (len(only["RoleDetailList"]), only["UserDetailList"]) == (1, [])


def test_the_credential_report(iam: Any) -> None:
    """Absent, then started, then complete: a row for root and one for each user."""
    with pytest.raises(ClientError) as caught:
        iam.get_credential_report()
    assert caught.value.response["Error"] == {"Type": "Sender", "Code": "ReportNotPresent"}
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    assert iam.generate_credential_report()["State"] == "STARTED"
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    report = iam.get_credential_report()
    assert report["ReportFormat"] == "text/csv"
    rows = list(csv.DictReader(report["Content"].decode().splitlines()))
    assert [row["user"] for row in rows] == ["<root_account>", "u"]
    assert rows[1]["access_key_1_active"] == "true"
    assert rows[1]["password_enabled"] == "false"
    assert rows[1]["access_key_1_last_used_service"] == "N/A"
    assert key["AccessKeyId"] not in report["Content"].decode()


def test_last_accessed_details(iam: Any, cloud: Any) -> None:
    """Services that the policies allow, with the time of the last call."""
    user = iam.create_user(UserName="u")["User"]
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=allow("sts:*", "sqs:ListQueues"))
    key = iam.create_access_key(UserName="u")["AccessKey"]
    cloud.client("sts", account=key["AccessKeyId"], secret=key["SecretAccessKey"]).get_caller_identity()
    job = iam.generate_service_last_accessed_details(Arn=user["Arn"])["JobId"]
    details = iam.get_service_last_accessed_details(JobId=job)
    assert details["JobStatus"] == "COMPLETED"
    services = {one["ServiceNamespace"]: one for one in details["ServicesLastAccessed"]}
    assert set(services) == {"sqs", "sts"}
    assert services["sts"]["LastAuthenticatedEntity"] == user["Arn"]
    assert "LastAuthenticated" not in services["sqs"]
    entities = iam.get_service_last_accessed_details_with_entities(JobId=job, ServiceNamespace="sts")
    assert entities["EntityDetailsList"][0]["EntityInfo"]["Name"] == "u"
    granting = iam.list_policies_granting_service_access(Arn=user["Arn"], ServiceNamespaces=["sqs", "s3"])
    assert [len(one["Policies"]) for one in granting["PoliciesGrantingServiceAccess"]] == [1, 0]


def test_simulating_given_policies(iam: Any) -> None:
    """The deciding statement is told with its place in the text."""
    document = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},'
        '{"Effect":"Deny","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::b/*",'
        '"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}'
    )
    results = iam.simulate_custom_policy(
        PolicyInputList=[document],
        ActionNames=["s3:GetObject", "s3:DeleteObject", "sqs:SendMessage"],
        ResourceArns=["arn:aws:s3:::b/k"],
        ContextEntries=[
            {"ContextKeyName": "aws:SecureTransport", "ContextKeyValues": ["false"], "ContextKeyType": "boolean"}
        ],
    )["EvaluationResults"]
    assert [one["EvalDecision"] for one in results] == ["allowed", "explicitDeny", "implicitDeny"]
    assert results[0]["MatchedStatements"][0]["SourcePolicyId"] == "PolicyInputList.1"
    assert results[0]["MatchedStatements"][0]["StartPosition"] == {"Line": 1, "Column": 39}
    assert results[1]["MatchedStatements"][0]["StartPosition"]["Column"] == document.index('{"Effect":"Deny') + 2
    missing = iam.simulate_custom_policy(PolicyInputList=[document], ActionNames=["s3:DeleteObject"])
    assert missing["EvaluationResults"][0]["MissingContextValues"] == ["aws:SecureTransport"]
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[document])["ContextKeyNames"] == [
        "aws:SecureTransport"
    ]


def test_simulating_a_principal(iam: Any, account: str) -> None:
    """A user's own policies, its groups' and its boundary."""
    boundary = iam.create_policy(PolicyName="b", PolicyDocument=allow("s3:*"))["Policy"]["Arn"]
    user = iam.create_user(UserName="u", PermissionsBoundary=boundary)["User"]
    iam.create_group(GroupName="g")
    iam.put_group_policy(
        GroupName="g",
        PolicyName="p",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Action": ["s3:GetObject", "sqs:SendMessage"],
                    "Resource": ["arn:aws:s3:::b/${aws:username}/*", "arn:aws:sqs:*:*:q"],
                },
            }
        ),
    )
    iam.add_user_to_group(GroupName="g", UserName="u")

    def decide(action: str, resource: str) -> dict[str, Any]:
        answer = iam.simulate_principal_policy(
            PolicySourceArn=user["Arn"], ActionNames=[action], ResourceArns=[resource]
        )
        found: dict[str, Any] = answer["EvaluationResults"][0]
        return found

    assert decide("s3:GetObject", "arn:aws:s3:::b/u/k")["EvalDecision"] == "allowed"
    assert decide("s3:GetObject", "arn:aws:s3:::b/v/k")["EvalDecision"] == "implicitDeny"
    bounded = decide("sqs:SendMessage", f"arn:aws:sqs:us-east-1:{account}:q")
    assert bounded["EvalDecision"] == "implicitDeny"
    assert bounded["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    keys = iam.get_context_keys_for_principal_policy(PolicySourceArn=user["Arn"])["ContextKeyNames"]
    assert keys == ["aws:username"]


def test_quotas_of_an_account(iam: Any) -> None:
    """The account is bounded as AWS's is by default."""
    for number in range(300):
        iam.create_group(GroupName=f"g{number:03d}")
    assert refused(lambda: iam.create_group(GroupName="more")) == (
        "LimitExceeded",
        "Cannot exceed quota for GroupsPerAccount: 300",
        409,
    )
    pages = list(iam.get_paginator("list_groups").paginate(PaginationConfig={"PageSize": 70}))
    assert [len(page["Groups"]) for page in pages] == [70, 70, 70, 70, 20]
    names = [group["GroupName"] for page in pages for group in page["Groups"]]
    assert names == sorted(names)


def test_last_use_survives_a_stop(fresh_cloud: Any) -> None:
    """What was noted in memory is written as the cloud stops."""
    cloud = fresh_cloud()
    iam = cloud.client("iam")
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    cloud.client("sts", account=key["AccessKeyId"], secret=key["SecretAccessKey"]).get_caller_identity()
    cloud.restart()
    used = cloud.client("iam").get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    assert used["AccessKeyLastUsed"]["ServiceName"] == "sts"
