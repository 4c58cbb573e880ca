"""Rotation through boto3: a real function takes a secret through its four steps."""

from __future__ import annotations

import io
import time
import zipfile

import pytest
from botocore.exceptions import ClientError

CODE = """
import boto3
def handler(event, context):
    secrets, secret, token = boto3.client("secretsmanager"), event["SecretId"], event["ClientRequestToken"]
    if event["Step"] == "createSecret":
        secrets.put_secret_value(
            SecretId=secret, ClientRequestToken=token, SecretString="new", VersionStages=["AWSPENDING"]
        )
    if event["Step"] == "testSecret":
        assert secrets.get_secret_value(SecretId=secret, VersionStage="AWSPENDING")["SecretString"] == "new"
    if event["Step"] == "finishSecret":
        stages = secrets.describe_secret(SecretId=secret)["VersionIdsToStages"]
        current = next(version for version, labels in stages.items() if "AWSCURRENT" in labels)
        if current != token:
            secrets.update_secret_version_stage(
                SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
            )
"""


def test_a_function_rotates(client, unique) -> None:
    """The new value is current, the old one previous, and the label of the pending one stays where it was."""
    secrets, functions, name = client("secretsmanager"), client("lambda"), unique("rotated")
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("index.py", CODE)
    function = functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role="arn:aws:iam::000000000000:role/worker",
        Handler="index.handler",
        Timeout=30,
        Code={"ZipFile": data.getvalue()},
    )["FunctionArn"]
    functions.add_permission(
        FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal="secretsmanager.amazonaws.com"
    )
    old = secrets.create_secret(Name=name, SecretString="old")["VersionId"]
    rules = {"AutomaticallyAfterDays": 10}
    new = secrets.rotate_secret(SecretId=name, RotationLambdaARN=function, RotationRules=rules)["VersionId"]
    end = time.monotonic() + 30
    while "LastRotatedDate" not in (told := secrets.describe_secret(SecretId=name)) and time.monotonic() < end:
        time.sleep(0.1)
    assert told["VersionIdsToStages"] == {old: ["AWSPREVIOUS"], new: ["AWSCURRENT", "AWSPENDING"]}
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "new"
    assert (told["RotationEnabled"], told["RotationLambdaARN"], told["RotationRules"]) == (True, function, rules)
    assert secrets.rotate_secret(SecretId=name)["VersionId"] not in (old, new)
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    functions.delete_function(FunctionName=name)


def test_a_pending_version_is_in_the_way(client, unique) -> None:
    """A version that never became current means that a rotation isn't over."""
    secrets, name = client("secretsmanager"), unique("half")
    secrets.create_secret(Name=name, SecretString="old")
    secrets.put_secret_value(SecretId=name, SecretString="new", VersionStages=["AWSPENDING"])
    with pytest.raises(ClientError, match="A previous rotation isn't complete"):
        secrets.rotate_secret(SecretId=name, RotationLambdaARN="arn:aws:lambda:us-east-1:000000000000:function:none")
    secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
