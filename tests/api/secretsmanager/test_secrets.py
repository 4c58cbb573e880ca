"""Secrets through boto3: values, versions, labels, deletion, filters, replicas, policies."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def secrets(client):
    return client("secretsmanager")


def failed(call, **kwargs) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**kwargs)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_a_secret_lives(secrets, unique) -> None:
    """Create, read by every name, change, describe."""
    name = unique("s")
    made = secrets.create_secret(Name=name, SecretString="one", Description="d", Tags=[{"Key": "a", "Value": "1"}])
    assert made["ARN"].startswith(f"arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}-")
    for identity in (name, made["ARN"], made["ARN"][:-7]):
        assert secrets.get_secret_value(SecretId=identity)["SecretString"] == "one"
    put = secrets.put_secret_value(SecretId=name, SecretString="two")
    assert put["VersionStages"] == ["AWSCURRENT"]
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "two"
    assert secrets.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"] == "one"
    assert secrets.get_secret_value(SecretId=name, VersionId=made["VersionId"])["SecretString"] == "one"
    described = secrets.describe_secret(SecretId=name)
    assert described["VersionIdsToStages"] == {put["VersionId"]: ["AWSCURRENT"], made["VersionId"]: ["AWSPREVIOUS"]}
    assert described["Tags"] == [{"Key": "a", "Value": "1"}]
    assert "RotationEnabled" not in described
    secrets.update_secret(SecretId=name, SecretBinary=b"\x00", Description="e")
    assert secrets.get_secret_value(SecretId=name)["SecretBinary"] == b"\x00"
    assert len(secrets.list_secret_version_ids(SecretId=name)["Versions"]) == 2
    assert len(secrets.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"]) == 3


def test_what_is_missing_is_told_in_awss_words(secrets, unique) -> None:
    """Clients match these messages."""
    assert failed(secrets.get_secret_value, SecretId=unique("none")) == (
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret.",
    )
    name = unique("s")
    secrets.create_secret(Name=name)
    assert failed(secrets.get_secret_value, SecretId=name) == (
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
    )
    assert failed(secrets.create_secret, Name=name) == (
        "ResourceExistsException",
        f"The operation failed because the secret {name} already exists.",
    )


def test_tokens_make_writes_idempotent(secrets, unique) -> None:
    """The same token with the same value is the same version; with another it is refused, whatever the call."""
    name, token = unique("s"), "0" * 32
    made = secrets.create_secret(Name=name, SecretString="x", ClientRequestToken=token)
    assert secrets.create_secret(Name=name, SecretString="x", ClientRequestToken=token)["ARN"] == made["ARN"]
    assert secrets.put_secret_value(SecretId=name, SecretString="x", ClientRequestToken=token)["VersionId"] == token
    used = (
        "ResourceExistsException",
        f"You can't use ClientRequestToken {token} because that value is already in use for a version of secret "
        f"{made['ARN']}.",
    )
    assert failed(secrets.put_secret_value, SecretId=name, SecretString="y", ClientRequestToken=token) == used
    assert failed(secrets.create_secret, Name=name, SecretString="y", ClientRequestToken=token) == used
    assert failed(secrets.create_secret, Name=name, SecretString="x") == (
        "ResourceExistsException",
        f"The operation failed because the secret {name} already exists.",
    )


def test_the_first_value_is_current(secrets, unique) -> None:
    """Whatever its caller wants it to be besides."""
    name = unique("s")
    secrets.create_secret(Name=name)
    made = secrets.put_secret_value(SecretId=name, SecretString="x", VersionStages=["AWSPENDING"])
    assert made["VersionStages"] == ["AWSPENDING", "AWSCURRENT"]


def test_deletion_waits_and_can_be_taken_back(secrets, unique) -> None:
    """A marked secret answers nothing until it is restored; a forced one is gone."""
    name = unique("s")
    secrets.create_secret(Name=name, SecretString="x")
    secrets.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    assert failed(secrets.get_secret_value, SecretId=name) == (
        "InvalidRequestException",
        "You can't perform this operation on the secret because it was marked for deletion.",
    )
    assert failed(secrets.create_secret, Name=name)[1] == (
        "You can't create this secret because a secret with this name is already scheduled for deletion."
    )
    assert "DeletedDate" in secrets.describe_secret(SecretId=name)
    secrets.restore_secret(SecretId=name)
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "x"
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    assert failed(secrets.describe_secret, SecretId=name)[0] == "ResourceNotFoundException"
    assert failed(secrets.delete_secret, SecretId=name, RecoveryWindowInDays=3)[1] == (
        "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."
    )


def test_labels_move(secrets, unique) -> None:
    """Moving AWSCURRENT moves AWSPREVIOUS after it."""
    name = unique("s")
    one = secrets.create_secret(Name=name, SecretString="1")["VersionId"]
    two = secrets.put_secret_value(SecretId=name, SecretString="2", VersionStages=["NEXT"])["VersionId"]
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "1"
    assert (
        failed(secrets.update_secret_version_stage, SecretId=name, VersionStage="AWSCURRENT", MoveToVersionId=two)[0]
        == "InvalidParameterException"
    )
    secrets.update_secret_version_stage(
        SecretId=name, VersionStage="AWSCURRENT", MoveToVersionId=two, RemoveFromVersionId=one
    )
    stages = secrets.describe_secret(SecretId=name)["VersionIdsToStages"]
    assert stages[one] == ["AWSPREVIOUS"]
    assert sorted(stages[two]) == ["AWSCURRENT", "NEXT"]


def test_lists_are_filtered_and_paged(secrets, unique) -> None:
    """Prefixes of names, tags and words of descriptions."""
    prefix = unique("list")
    for number in range(3):
        secrets.create_secret(
            Name=f"{prefix}-{number}",
            SecretString=str(number),
            Description=f"about {prefix}",
            Tags=[{"Key": f"{prefix}-k{number}", "Value": "v"}],
        )
    by_name = [{"Key": "name", "Values": [prefix]}]
    found = [s["Name"] for s in secrets.list_secrets(Filters=by_name)["SecretList"]]
    assert found == [f"{prefix}-{number}" for number in range(3)]
    newest_first = secrets.list_secrets(Filters=by_name, SortOrder="desc")["SecretList"]
    assert [s["Name"] for s in newest_first] == found[::-1]
    page = secrets.list_secrets(Filters=by_name, SortOrder="asc", MaxResults=2)
    assert len(page["SecretList"]) == 2
    rest = secrets.list_secrets(Filters=by_name, SortOrder="asc", MaxResults=2, NextToken=page["NextToken"])
    assert [s["Name"] for s in rest["SecretList"]] == [f"{prefix}-2"]
    only = [*by_name, {"Key": "tag-key", "Values": [f"{prefix}-k1"]}]
    assert [s["Name"] for s in secrets.list_secrets(Filters=only)["SecretList"]] == [f"{prefix}-1"]
    assert len(secrets.list_secrets(Filters=[{"Key": "all", "Values": [prefix]}])["SecretList"]) == 3
    got = secrets.batch_get_secret_value(SecretIdList=[f"{prefix}-0", "nowhere"])
    assert [value["SecretString"] for value in got["SecretValues"]] == ["0"]
    assert got["Errors"][0]["ErrorCode"] == "ResourceNotFoundException"


def test_the_all_filter_knows_words(secrets, unique) -> None:
    """They begin at capitals and after punctuation, and every word asked for must begin one of them."""
    prefix = unique("all")
    names = [f"{prefix}/PaymentGateway", f"{prefix}.URLparser"]
    for name in names:
        secrets.create_secret(Name=name, SecretString="x")

    def found(text: str) -> list[str]:
        filters = [{"Key": "name", "Values": [prefix]}, {"Key": "all", "Values": [text]}]
        return [s["Name"] for s in secrets.list_secrets(Filters=filters)["SecretList"]]

    assert found("gate") == found("PaymentGateway") == found("g pay") == names[:1]
    assert found("lparser") == found("UR") == names[1:]
    assert found("way") == found("parser") == found("/") == []


def test_a_disabled_key_hides_the_value(secrets, client, unique) -> None:
    """The value really lies under the key that was named."""
    kms = client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    name = unique("s")
    secrets.create_secret(Name=name, SecretString="x", KmsKeyId=key)
    kms.disable_key(KeyId=key)
    assert failed(secrets.get_secret_value, SecretId=name)[0] == "DecryptionFailure"
    kms.enable_key(KeyId=key)
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "x"


def test_replicas_follow_their_primary(secrets, client, unique) -> None:
    """A value put at home is read abroad; a promoted copy goes its own way."""
    name = unique("s")
    arn = secrets.create_secret(Name=name, SecretString="1", AddReplicaRegions=[{"Region": "eu-west-1"}])["ARN"]
    abroad = client("secretsmanager", region="eu-west-1")
    assert abroad.get_secret_value(SecretId=name)["SecretString"] == "1"
    secrets.put_secret_value(SecretId=name, SecretString="2")
    assert abroad.get_secret_value(SecretId=name)["SecretString"] == "2"
    refusal = (
        "InvalidParameterException",
        "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
    )
    policy = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Principal": "*", "Action": "*"}})
    assert failed(abroad.put_secret_value, SecretId=name, SecretString="3") == refusal
    assert failed(abroad.tag_resource, SecretId=name, Tags=[{"Key": "k", "Value": "v"}]) == refusal
    assert failed(abroad.put_resource_policy, SecretId=name, ResourcePolicy=policy) == refusal
    assert failed(secrets.delete_secret, SecretId=arn) == (
        "InvalidParameterException",
        f"You can't delete secret {arn} that still has replica regions [eu-west-1].",
    )
    secrets.tag_resource(SecretId=name, Tags=[{"Key": "k", "Value": "v"}])
    secrets.update_secret(SecretId=name, Description="d")
    described = abroad.describe_secret(SecretId=name)
    assert (described["Tags"], described["Description"]) == ([{"Key": "k", "Value": "v"}], "d")
    in_region = [{"Key": "primary-region", "Values": ["us-east-1"]}, {"Key": "name", "Values": [name]}]
    assert len(abroad.list_secrets(Filters=in_region)["SecretList"]) == 1
    assert len(secrets.list_secrets(Filters=in_region)["SecretList"]) == 1
    abroad.stop_replication_to_replica(SecretId=name)
    abroad.put_secret_value(SecretId=name, SecretString="3")
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "2"
    assert secrets.list_secrets(Filters=in_region)["SecretList"] == []


@pytest.mark.parametrize("regions", [["us-east-1"], [None], ["eu-west-1", "eu-west-1"]])
def test_bad_replicas_leave_no_secret(secrets, unique, regions) -> None:
    """A secret whose replicas are refused isn't made at all."""
    name = unique("s")
    wanted = [{"Region": region} if region else {"KmsKeyId": "k"} for region in regions]
    made = failed(secrets.create_secret, Name=name, SecretString="1", AddReplicaRegions=wanted)
    assert made[0] == "InvalidParameterException"
    assert failed(secrets.describe_secret, SecretId=name)[0] == "ResourceNotFoundException"


def test_policies_passwords_and_rotation_rules(secrets, unique) -> None:
    """Policies are checked, passwords hold what they promise, rotation needs a function."""
    name = unique("s")
    arn = secrets.create_secret(Name=name, SecretString="x")["ARN"]
    open_policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "secretsmanager:*", "Resource": "*"}],
        }
    )
    assert (
        failed(secrets.put_resource_policy, SecretId=arn, ResourcePolicy=open_policy, BlockPublicPolicy=True)[0]
        == "PublicPolicyException"
    )
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=open_policy)
    assert secrets.get_resource_policy(SecretId=arn)["ResourcePolicy"] == open_policy
    secrets.delete_resource_policy(SecretId=arn)
    assert "ResourcePolicy" not in secrets.get_resource_policy(SecretId=arn)
    password = secrets.get_random_password(PasswordLength=20, ExcludePunctuation=True)["RandomPassword"]
    assert len(password) == 20 and password.isalnum()
    assert failed(secrets.rotate_secret, SecretId=arn) == (
        "InvalidRequestException",
        "No Lambda rotation function ARN is associated with this secret.",
    )
