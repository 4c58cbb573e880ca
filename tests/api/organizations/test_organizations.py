"""Organizations as boto3 sees them; what their policies forbid is tested in tests/api/iam/test_enforcement.py."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.iam.conftest import refused
from tests.running import RunningCloud


def number() -> str:
    return f"{uuid.uuid4().int % 10**12:012d}"


@pytest.fixture
def management() -> str:
    return number()


@pytest.fixture
def org(cloud: RunningCloud, management: str) -> Any:
    return cloud.client("organizations", account=management)


def test_from_nothing_to_nothing(org: Any, management: str) -> None:
    """Create, describe, root, delete."""
    assert refused(org.describe_organization)[:2] == (
        "AWSOrganizationsNotInUseException",
        "Your account is not a member of an organization.",
    )
    made = org.create_organization()["Organization"]
    assert made["MasterAccountId"] == management
    assert made["Arn"] == f"arn:aws:organizations::{management}:organization/{made['Id']}"
    assert made["AvailablePolicyTypes"] == [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}]
    assert refused(org.create_organization)[0] == "AlreadyInOrganizationException"
    root = org.list_roots()["Roots"][0]
    assert (root["Name"], root["PolicyTypes"]) == ("Root", [])
    assert [one["Id"] for one in org.list_accounts()["Accounts"]] == [management]
    org.delete_organization()
    assert refused(org.describe_organization)[0] == "AWSOrganizationsNotInUseException"


def test_accounts_and_units(org: Any, cloud: RunningCloud, management: str) -> None:
    """A new account sits under the root, moves, and can be entered by the role it came with."""
    org.create_organization()
    root = org.list_roots()["Roots"][0]["Id"]
    status = org.create_account(Email="a@example.com", AccountName="a")["CreateAccountStatus"]
    assert status["State"] == "IN_PROGRESS"
    done = org.describe_create_account_status(CreateAccountRequestId=status["Id"])["CreateAccountStatus"]
    assert done["State"] == "SUCCEEDED"
    account = done["AccountId"]
    failed = org.create_account(Email="A@example.com", AccountName="b")["CreateAccountStatus"]["Id"]
    told = org.describe_create_account_status(CreateAccountRequestId=failed)["CreateAccountStatus"]
    assert (told["State"], told["FailureReason"]) == ("FAILED", "EMAIL_ALREADY_EXISTS")
    unit = org.create_organizational_unit(ParentId=root, Name="u")["OrganizationalUnit"]
    assert refused(lambda: org.create_organizational_unit(ParentId=root, Name="u"))[0] == (
        "DuplicateOrganizationalUnitException"
    )
    org.move_account(AccountId=account, SourceParentId=root, DestinationParentId=unit["Id"])
    assert org.list_parents(ChildId=account)["Parents"] == [{"Id": unit["Id"], "Type": "ORGANIZATIONAL_UNIT"}]
    assert org.list_children(ParentId=unit["Id"], ChildType="ACCOUNT")["Children"][0]["Id"] == account
    assert refused(lambda: org.delete_organizational_unit(OrganizationalUnitId=unit["Id"]))[0] == (
        "OrganizationalUnitNotEmptyException"
    )
    inside = cloud.client("iam", account=account).get_role(RoleName="OrganizationAccountAccessRole")["Role"]
    principal = inside["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    assert principal == {"AWS": f"arn:aws:iam::{management}:root"}
    assert refused(cloud.client("organizations", account=account).list_accounts)[0] == "AccessDeniedException"
    org.close_account(AccountId=account)
    assert org.describe_account(AccountId=account)["Account"]["Status"] == "SUSPENDED"
    org.remove_account_from_organization(AccountId=account)
    org.delete_organizational_unit(OrganizationalUnitId=unit["Id"])
    org.delete_organization()


def test_policies(org: Any) -> None:
    """Enabled, attached, never the last one taken away."""
    org.create_organization()
    root = org.list_roots()["Roots"][0]["Id"]
    document = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}})
    policy = org.create_policy(Name="p", Description="d", Type="SERVICE_CONTROL_POLICY", Content=document)["Policy"]
    one = policy["PolicySummary"]["Id"]
    assert refused(lambda: org.attach_policy(PolicyId=one, TargetId=root))[0] == "PolicyTypeNotEnabledException"
    enabled = org.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")["Root"]
    assert enabled["PolicyTypes"] == [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}]
    org.attach_policy(PolicyId=one, TargetId=root)
    assert refused(lambda: org.attach_policy(PolicyId=one, TargetId=root))[0] == "DuplicatePolicyAttachmentException"
    found = org.list_policies_for_target(TargetId=root, Filter="SERVICE_CONTROL_POLICY")["Policies"]
    assert {item["Name"] for item in found} == {"FullAWSAccess", "p"}
    assert org.list_targets_for_policy(PolicyId=one)["Targets"][0]["Type"] == "ROOT"
    assert refused(lambda: org.delete_policy(PolicyId=one))[0] == "PolicyInUseException"
    org.detach_policy(PolicyId="p-FullAWSAccess", TargetId=root)
    assert refused(lambda: org.detach_policy(PolicyId=one, TargetId=root))[0] == "ConstraintViolationException"
    assert refused(lambda: org.create_policy(Name="q", Description="", Type="SERVICE_CONTROL_POLICY", Content="{}"))[
        0
    ] == ("MalformedPolicyDocumentException")


def test_bad_values_have_a_reason(org: Any) -> None:
    """Organizations says what kind of fault it found, and of no member."""
    org.create_organization()
    for call, reason, message in (
        (
            lambda: org.describe_policy(PolicyId="policy"),
            "INVALID_PATTERN",
            "You provided a value that does not match the required pattern.",
        ),
        (lambda: org.list_policies(Filter="ALL"), "INVALID_ENUM", "You specified an invalid value."),
        (
            lambda: org.enable_aws_service_access(ServicePrincipal="sso"),
            "UNRECOGNIZED_SERVICE_PRINCIPAL",
            "You specified an unrecognized service principal.",
        ),
    ):
        with pytest.raises(ClientError) as caught:
            call()
        answer = caught.value.response
        assert (answer["Error"]["Code"], answer["Error"]["Message"]) == ("InvalidInputException", message)
        assert answer["Reason"] == reason


def test_invitations(org: Any, cloud: RunningCloud) -> None:
    """An invited account accepts, is tagged, and leaves."""
    org.create_organization()
    guest = number()
    handshake = org.invite_account_to_organization(Target={"Id": guest, "Type": "ACCOUNT"})["Handshake"]
    assert handshake["State"] == "OPEN"
    own = cloud.client("organizations", account=guest)
    assert [one["Id"] for one in own.list_handshakes_for_account()["Handshakes"]] == [handshake["Id"]]
    assert own.accept_handshake(HandshakeId=handshake["Id"])["Handshake"]["State"] == "ACCEPTED"
    assert own.describe_organization()["Organization"]["Id"] == org.describe_organization()["Organization"]["Id"]
    org.tag_resource(ResourceId=guest, Tags=[{"Key": "k", "Value": "v"}])
    assert org.list_tags_for_resource(ResourceId=guest)["Tags"] == [{"Key": "k", "Value": "v"}]
    org.enable_aws_service_access(ServicePrincipal="config.amazonaws.com")
    org.register_delegated_administrator(AccountId=guest, ServicePrincipal="config.amazonaws.com")
    assert len(own.list_accounts()["Accounts"]) == 2
    assert refused(own.leave_organization)[0] == "ConstraintViolationException"
    org.deregister_delegated_administrator(AccountId=guest, ServicePrincipal="config.amazonaws.com")
    own.leave_organization()
    assert refused(own.describe_organization)[0] == "AWSOrganizationsNotInUseException"


def test_access_reports(org: Any, cloud: RunningCloud, management: str) -> None:
    """What anybody of an organization last used, and what its policies shut is not listed."""
    one = org.create_organization()["Organization"]["Id"]
    root = org.list_roots()["Roots"][0]["Id"]
    org.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    deny = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "sqs:*", "Resource": "*"}})
    policy = org.create_policy(Name="p", Description="", Type="SERVICE_CONTROL_POLICY", Content=deny)["Policy"]
    org.attach_policy(PolicyId=policy["PolicySummary"]["Id"], TargetId=root)
    request = org.create_account(Email="a@example.com", AccountName="a")["CreateAccountStatus"]["Id"]
    account = org.describe_create_account_status(CreateAccountRequestId=request)["CreateAccountStatus"]["AccountId"]
    cloud.client("sts", account=account).get_caller_identity()
    iam = cloud.client("iam", account=management)
    path = f"{one}/{root}/{account}"
    job = iam.generate_organizations_access_report(EntityPath=path)["JobId"]
    report = iam.get_organizations_access_report(JobId=job)
    details = {item["ServiceNamespace"]: item for item in report["AccessDetails"]}
    assert details["sts"]["EntityPath"] == path
    assert details["sts"]["TotalAuthenticatedEntities"] == 1
    assert "LastAuthenticatedTime" not in details["s3"]
    assert report["NumberOfServicesAccessible"] == len(details)
    assert "sqs" not in details
    bad = refused(lambda: iam.generate_organizations_access_report(EntityPath=f"{one}/{root}/ou-none-00000000"))
    assert bad[0] == "NoSuchEntity"
