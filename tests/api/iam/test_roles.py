"""Roles, instance profiles, service-linked roles and boundaries."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.api.iam.conftest import ALLOW_ALL, refused, trust


def test_a_role_is_told_as_aws_tells_it(iam: Any, account: str) -> None:
    """Create, Get and List each tell their own members."""
    document = trust(Service="ec2.amazonaws.com")
    role = iam.create_role(
        RoleName="r", Path="/x/", AssumeRolePolicyDocument=document, Tags=[{"Key": "k", "Value": "v"}]
    )["Role"]
    assert role["Arn"] == f"arn:aws:iam::{account}:role/x/r"
    assert role["RoleId"].startswith("AROA")
    assert role["AssumeRolePolicyDocument"] == json.loads(document)
    assert role["Tags"] == [{"Key": "k", "Value": "v"}]
    got = iam.get_role(RoleName="r")["Role"]
    assert got["MaxSessionDuration"] == 3600
    assert got["RoleLastUsed"] == {}
    listed = iam.list_roles()["Roles"]
    assert [one["RoleName"] for one in listed] == ["r"]
    assert "Tags" not in listed[0]
    iam.update_role(RoleName="r", Description="d", MaxSessionDuration=7200)
    got = iam.get_role(RoleName="r")["Role"]
    assert (got["Description"], got["MaxSessionDuration"]) == ("d", 7200)
    assert iam.update_role_description(RoleName="r", Description="e")["Role"]["Description"] == "e"
    assert refused(lambda: iam.create_role(RoleName="R", AssumeRolePolicyDocument=document))[1] == (
        "Role with name R already exists."
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Resource": "*"}, "Has prohibited field Resource"),
        ({"Action": "s3:GetObject"}, "AssumeRole policy may only specify STS AssumeRole actions."),
        ({"Principal": None}, "Missing required field Principal"),
        ({"Action": None}, "Missing required field Action"),
        ({"Principal": {"AWS": "nobody"}}, 'Invalid principal in policy: "AWS":"nobody"'),
        ({"Principal": {"Service": "ec2"}}, 'Invalid principal in policy: "SERVICE":"ec2"'),
        ({"Principal": {"Nobody": "x"}}, 'Invalid principal in policy: "NOBODY":"x"'),
    ],
)
def test_trust_policies_have_a_grammar_of_their_own(iam: Any, change: dict[str, Any], message: str) -> None:
    """What a trust policy may not say, in AWS's words."""
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole", **change}
    document = json.dumps({"Version": "2012-10-17", "Statement": [{k: v for k, v in statement.items() if v}]})
    expected = ("MalformedPolicyDocument", message, 400)
    assert refused(lambda: iam.create_role(RoleName="r", AssumeRolePolicyDocument=document)) == expected
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust())
    assert refused(lambda: iam.update_assume_role_policy(RoleName="r", PolicyDocument=document)) == expected


def test_trust_policies_that_are_no_json(iam: Any) -> None:
    """A forgotten file:// is the commonest mistake."""
    assert refused(lambda: iam.create_role(RoleName="r", AssumeRolePolicyDocument="trust.json")) == (
        "MalformedPolicyDocument",
        "This policy contains invalid Json",
        400,
    )


def test_only_who_exists_is_trusted(iam: Any, account: str) -> None:
    """A trust policy may name an account's own users and roles once they are there."""
    arn = f"arn:aws:iam::{account}:user/u"
    assert refused(lambda: iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust(AWS=arn)))[1] == (
        f'Invalid principal in policy: "AWS":"{arn}"'
    )
    iam.create_user(UserName="u")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust(AWS=arn))


def test_boundaries(iam: Any) -> None:
    """A boundary is told with its entity and counted with its policy."""
    arn = iam.create_policy(PolicyName="b", PolicyDocument=ALLOW_ALL)["Policy"]["Arn"]
    iam.create_user(UserName="u")
    iam.put_user_permissions_boundary(UserName="u", PermissionsBoundary=arn)
    told = iam.get_user(UserName="u")["User"]["PermissionsBoundary"]
    assert told == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
    assert refused(lambda: iam.delete_policy(PolicyArn=arn))[0] == "DeleteConflict"
    iam.delete_user_permissions_boundary(UserName="u")
    assert "PermissionsBoundary" not in iam.get_user(UserName="u")["User"]
    iam.delete_policy(PolicyArn=arn)
    missing = arn.replace("/b", "/missing")
    assert refused(lambda: iam.put_user_permissions_boundary(UserName="u", PermissionsBoundary=missing))[1] == (
        f"Scope ARN: {missing} does not exist or is not attachable."
    )


def test_instance_profiles(iam: Any, account: str) -> None:
    """One role at most; a role in a profile and a profile with a role are both kept."""
    profile = iam.create_instance_profile(InstanceProfileName="p")["InstanceProfile"]
    assert profile["Arn"] == f"arn:aws:iam::{account}:instance-profile/p"
    assert profile["InstanceProfileId"].startswith("AIPA")
    assert profile["Roles"] == []
    for name in ("r", "s"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(Service="ec2.amazonaws.com"))
    iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="r")
    assert refused(lambda: iam.add_role_to_instance_profile(InstanceProfileName="p", RoleName="s")) == (
        "LimitExceeded",
        "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
        409,
    )
    found = iam.list_instance_profiles_for_role(RoleName="r")["InstanceProfiles"]
    assert [one["InstanceProfileName"] for one in found] == ["p"]
    assert found[0]["Roles"][0]["RoleName"] == "r"
    message = "Cannot delete entity, must remove roles from instance profile first."
    assert refused(lambda: iam.delete_role(RoleName="r"))[1] == message
    assert refused(lambda: iam.delete_instance_profile(InstanceProfileName="p"))[1] == message
    iam.remove_role_from_instance_profile(InstanceProfileName="p", RoleName="r")
    iam.delete_instance_profile(InstanceProfileName="p")
    iam.delete_role(RoleName="r")


def test_service_linked_roles(iam: Any, account: str) -> None:
    """They have AWS's names and paths, can't be edited, and go by a task that ends."""
    role = iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com", CustomSuffix="mine")["Role"]
    name = "AWSServiceRoleForAutoScaling_mine"
    assert role["Arn"] == f"arn:aws:iam::{account}:role/aws-service-role/autoscaling.amazonaws.com/{name}"
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    assert attached[0]["PolicyName"] == "AutoScalingServiceRolePolicy"
    assert refused(lambda: iam.delete_role(RoleName=name))[0] == "UnmodifiableEntity"
    assert refused(lambda: iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=ALLOW_ALL))[0] == (
        "UnmodifiableEntity"
    )
    again = refused(
        lambda: iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com", CustomSuffix="mine")
    )
    assert again[0] == "InvalidInput"
    task = iam.delete_service_linked_role(RoleName=name)["DeletionTaskId"]
    assert task.startswith(f"task/aws-service-role/autoscaling.amazonaws.com/{name}/")
    assert iam.get_service_linked_role_deletion_status(DeletionTaskId=task)["Status"] == "SUCCEEDED"
    assert refused(lambda: iam.get_role(RoleName=name))[0] == "NoSuchEntity"
