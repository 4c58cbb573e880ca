"""Users, groups and what they own, as boto3 sees them."""

from __future__ import annotations

from typing import Any

from tests.api.iam.conftest import ALLOW_ALL, refused

ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def test_a_user_is_told_as_aws_tells_it(iam: Any, account: str) -> None:
    """Members that are absent in AWS's answer must be absent here."""
    user = iam.create_user(UserName="Alice", Path="/team/")["User"]
    assert set(user) == {"Path", "UserName", "UserId", "Arn", "CreateDate"}
    assert user["Arn"] == f"arn:aws:iam::{account}:user/team/Alice"
    assert user["UserId"].startswith("AIDA")
    assert len(user["UserId"]) == 21
    assert user["CreateDate"].microsecond == 0
    assert iam.get_user(UserName="Alice")["User"] == user


def test_names_are_unique_whatever_their_case(iam: Any) -> None:
    """AWS tells names apart by more than case."""
    iam.create_user(UserName="Alice")
    assert refused(lambda: iam.create_user(UserName="alice")) == (
        "EntityAlreadyExists",
        "User with name alice already exists.",
        409,
    )


def test_what_is_not_there_is_named(iam: Any) -> None:
    """Every look-up's own words."""
    expected = [
        (lambda: iam.get_user(UserName="x"), "The user with name x cannot be found."),
        (lambda: iam.get_group(GroupName="x"), "The group with name x cannot be found."),
        (lambda: iam.get_role(RoleName="x"), "The role with name x cannot be found."),
        (lambda: iam.get_instance_profile(InstanceProfileName="x"), "Instance Profile x cannot be found."),
        (
            lambda: iam.get_server_certificate(ServerCertificateName="x"),
            "The Server Certificate with name x cannot be found.",
        ),
    ]
    for call, message in expected:
        assert refused(call) == ("NoSuchEntity", message, 404)


def test_a_user_that_owns_something_is_kept(iam: Any) -> None:
    """Deleting asks for everything to be taken away first, and says what."""
    iam.create_user(UserName="u")
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="u")
    iam.attach_user_policy(UserName="u", PolicyArn=ADMINISTRATOR)
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=ALLOW_ALL)
    key = iam.create_access_key(UserName="u")["AccessKey"]["AccessKeyId"]
    iam.create_login_profile(UserName="u", Password="Secret-12345")

    def delete() -> Any:
        return iam.delete_user(UserName="u")

    assert refused(delete) == ("DeleteConflict", "Cannot delete entity, must detach all policies first.", 409)
    iam.detach_user_policy(UserName="u", PolicyArn=ADMINISTRATOR)
    assert refused(delete)[1] == "Cannot delete entity, must delete policies first."
    iam.delete_user_policy(UserName="u", PolicyName="p")
    assert refused(delete)[1] == "Cannot delete entity, must remove users from group first."
    assert refused(lambda: iam.delete_group(GroupName="g"))[1] == (
        "Cannot delete entity, must remove users from group first."
    )
    iam.remove_user_from_group(GroupName="g", UserName="u")
    assert refused(delete)[1] == "Cannot delete entity, must delete access keys first."
    iam.delete_access_key(UserName="u", AccessKeyId=key)
    assert refused(delete)[1] == "Cannot delete entity, must delete login profile first."
    iam.delete_login_profile(UserName="u")
    delete()
    iam.delete_group(GroupName="g")
    assert iam.list_users()["Users"] == []


def test_renaming_takes_everything_along(iam: Any, account: str) -> None:
    """A renamed user keeps its id, groups, policies and keys."""
    before = iam.create_user(UserName="old")["User"]
    iam.create_group(GroupName="g")
    iam.add_user_to_group(GroupName="g", UserName="old")
    iam.attach_user_policy(UserName="old", PolicyArn=ADMINISTRATOR)
    key = iam.create_access_key(UserName="old")["AccessKey"]["AccessKeyId"]
    iam.update_user(UserName="old", NewUserName="New", NewPath="/x/")
    user = iam.get_user(UserName="New")["User"]
    assert user["UserId"] == before["UserId"]
    assert user["Arn"] == f"arn:aws:iam::{account}:user/x/New"
    assert [one["UserName"] for one in iam.get_group(GroupName="g")["Users"]] == ["New"]
    assert iam.list_entities_for_policy(PolicyArn=ADMINISTRATOR)["PolicyUsers"][0]["UserName"] == "New"
    assert iam.list_access_keys(UserName="New")["AccessKeyMetadata"][0]["AccessKeyId"] == key
    iam.update_group(GroupName="g", NewGroupName="h")
    assert iam.list_groups_for_user(UserName="New")["Groups"][0]["GroupName"] == "h"
    assert refused(lambda: iam.get_user(UserName="old"))[0] == "NoSuchEntity"


def test_lists_are_sorted_filtered_and_paged(iam: Any) -> None:
    """Markers lead through every page without a gap; path prefixes filter."""
    for name in ("b", "A", "c", "d"):
        iam.create_user(UserName=name, Path="/x/" if name in "bd" else "/")
    pages = list(iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["Users"]) for page in pages] == [3, 1]
    assert pages[0]["IsTruncated"] is True
    assert [user["UserName"] for page in pages for user in page["Users"]] == ["A", "b", "c", "d"]
    assert [user["UserName"] for user in iam.list_users(PathPrefix="/x/")["Users"]] == ["b", "d"]
    assert refused(lambda: iam.list_users(Marker="nonsense"))[0] == "ValidationError"


def test_quotas_of_a_user(iam: Any) -> None:
    """Two keys, ten groups, ten policies, and AWS's words for one too many."""
    iam.create_user(UserName="u")
    for _ in range(2):
        iam.create_access_key(UserName="u")
    assert refused(lambda: iam.create_access_key(UserName="u")) == (
        "LimitExceeded",
        "Cannot exceed quota for AccessKeysPerUser: 2",
        409,
    )
    for number in range(11):
        iam.create_group(GroupName=f"g{number}")
    for number in range(10):
        iam.add_user_to_group(GroupName=f"g{number}", UserName="u")
    assert refused(lambda: iam.add_user_to_group(GroupName="g10", UserName="u"))[1] == (
        "Cannot exceed quota for GroupsPerUser: 10"
    )
    arns = [
        iam.create_policy(PolicyName=f"p{number}", PolicyDocument=ALLOW_ALL)["Policy"]["Arn"] for number in range(11)
    ]
    for arn in arns[:10]:
        iam.attach_user_policy(UserName="u", PolicyArn=arn)
    assert refused(lambda: iam.attach_user_policy(UserName="u", PolicyArn=arns[10]))[1] == (
        "Cannot exceed quota for PoliciesPerUser: 10"
    )


def test_keys_show_their_secret_once_and_their_last_use(iam: Any, cloud: Any) -> None:
    """A key that was never used says N/A; a used one says where and for what."""
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    assert len(key["SecretAccessKey"]) == 40
    assert "SecretAccessKey" not in iam.list_access_keys(UserName="u")["AccessKeyMetadata"][0]
    before = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    assert before["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}
    sts = cloud.client("sts", account=key["AccessKeyId"], secret=key["SecretAccessKey"], region="eu-west-1")
    assert sts.get_caller_identity()["Arn"].endswith(":user/u")
    used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    assert used["UserName"] == "u"
    assert used["AccessKeyLastUsed"]["ServiceName"] == "sts"
    assert used["AccessKeyLastUsed"]["Region"] == "eu-west-1"
    iam.update_access_key(UserName="u", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert iam.list_access_keys(UserName="u")["AccessKeyMetadata"][0]["Status"] == "Inactive"
    assert refused(sts.get_caller_identity)[0] == "InvalidClientTokenId"


def test_a_user_may_speak_of_itself_without_a_name(iam: Any, cloud: Any) -> None:
    """GetUser and ListAccessKeys mean the caller when no name is given."""
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    own = cloud.client("iam", account=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert own.get_user()["User"]["UserName"] == "u"
    assert own.list_access_keys()["AccessKeyMetadata"][0]["AccessKeyId"] == key["AccessKeyId"]
    assert iam.get_user()["User"]["Arn"].endswith(":root")


def test_tags_keep_their_case_and_ignore_it(iam: Any) -> None:
    """Keys that differ by case only are the same tag; fifty is the limit."""
    iam.create_user(UserName="u", Tags=[{"Key": "Team", "Value": "a"}])
    iam.tag_user(UserName="u", Tags=[{"Key": "team", "Value": "b"}])
    assert iam.list_user_tags(UserName="u")["Tags"] == [{"Key": "team", "Value": "b"}]
    assert refused(
        lambda: iam.tag_user(UserName="u", Tags=[{"Key": "X", "Value": "1"}, {"Key": "x", "Value": "2"}])
    ) == ("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.", 400)
    iam.untag_user(UserName="u", TagKeys=["TEAM"])
    assert iam.list_user_tags(UserName="u")["Tags"] == []
    assert "Tags" not in iam.get_user(UserName="u")["User"]
    iam.tag_user(UserName="u", Tags=[{"Key": f"k{number}", "Value": ""} for number in range(50)])
    assert refused(lambda: iam.tag_user(UserName="u", Tags=[{"Key": "more", "Value": ""}]))[0] == "LimitExceeded"


def test_names_and_paths_have_rules(iam: Any) -> None:
    """IAM has sentences of its own for what isn't spelled as it must be."""
    expected = [
        (
            lambda: iam.create_user(UserName="bad name!"),
            "The specified value for userName is invalid. It must contain only alphanumeric characters and/or the "
            "following: +=,.@_-",
        ),
        (
            lambda: iam.create_group(GroupName="g", Path="nope"),
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric "
            "characters and/or / characters.",
        ),
        (
            lambda: iam.list_users(PathPrefix="nope"),
            "The specified value for pathPrefix is invalid. It must begin with the / character and contain only "
            "alphanumeric characters and/or / characters.",
        ),
        (
            lambda: iam.create_account_alias(AccountAlias="-bad-"),
            "The specified value for accountAlias is invalid. It must be a minimum length of 3 characters and maximum "
            "length of 63 characters, contain only digits, lowercase letters, and hyphens (-), but cannot begin or "
            "end with a hyphen.",
        ),
        (
            lambda: iam.create_user(UserName="x" * 65),
            f"1 validation error detected: Value '{'x' * 65}' at 'userName' failed to satisfy constraint: Member must "
            "have length less than or equal to 64",
        ),
    ]
    for call, message in expected:
        assert refused(call) == ("ValidationError", message, 400)
