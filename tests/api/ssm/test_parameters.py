"""Parameters through boto3: values, hierarchies, versions, labels, filters, secrets."""

from __future__ import annotations

import base64
import json
import time

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def ssm(client):
    return client("ssm")


def failed(call, **kwargs) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**kwargs)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_a_parameter_lives(ssm, unique) -> None:
    """Put, get, overwrite, history, delete."""
    name = "/" + unique("p")
    made = ssm.put_parameter(Name=name, Value="1", Type="String")
    assert (made["Version"], made["Tier"]) == (1, "Standard")
    assert failed(ssm.put_parameter, Name=name, Value="2", Type="String") == (
        "ParameterAlreadyExists",
        "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
    )
    assert ssm.put_parameter(Name=name, Value="2", Overwrite=True)["Version"] == 2
    got = ssm.get_parameter(Name=name)["Parameter"]
    assert (got["Value"], got["Version"], got["Type"], got["DataType"]) == ("2", 2, "String", "text")
    assert got["ARN"] == f"arn:aws:ssm:us-east-1:000000000000:parameter{name}"
    assert ssm.get_parameter(Name=f"{name}:1")["Parameter"]["Value"] == "1"
    assert ssm.get_parameter(Name=got["ARN"])["Parameter"]["Value"] == "2"
    assert [version["Value"] for version in ssm.get_parameter_history(Name=name)["Parameters"]] == ["1", "2"]
    ssm.delete_parameter(Name=name)
    assert failed(ssm.get_parameter, Name=name)[0] == "ParameterNotFound"
    assert failed(ssm.delete_parameter, Name=name)[0] == "ParameterNotFound"


def test_a_slash_in_front_of_a_single_name_makes_no_difference(ssm, unique) -> None:
    """ "x" and "/x" share an ARN, so they are one parameter, which keeps the name that it was made with."""
    name = unique("p")
    ssm.put_parameter(Name=name, Value="1", Type="String")
    assert failed(ssm.put_parameter, Name=f"/{name}", Value="2", Type="String")[0] == "ParameterAlreadyExists"
    ssm.put_parameter(Name=f"/{name}", Value="2", Overwrite=True)
    got = ssm.get_parameters(Names=[f"/{name}"])["Parameters"][0]
    assert (got["Name"], got["Value"], got["Version"]) == (name, "2", 2)
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=f"/{name}", Tags=[{"Key": "k", "Value": "v"}])
    assert len(ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]) == 1
    ssm.label_parameter_version(Name=f"/{name}", Labels=["good"])
    assert len(ssm.get_parameter_history(Name=f"/{name}")["Parameters"]) == 2
    ssm.delete_parameter(Name=f"/{name}")
    assert failed(ssm.get_parameter, Name=name)[0] == "ParameterNotFound"


@pytest.mark.parametrize(
    ("filters", "code", "message"),
    [
        (
            [{"Key": "Path", "Values": ["/ok", "//"]}],
            "ValidationException",
            "The parameter doesn't meet the parameter name requirements.",
        ),
        (
            [{"Key": "Path", "Values": ["/ssm/x"]}],
            "ValidationException",
            'Filters for common parameters can\'t be prefixed with "aws" or "ssm" (case-insensitive).',
        ),
        (
            [{"Key": "Path", "Option": "Equals", "Values": ["/x"]}],
            "InvalidFilterOption",
            "The following filter option is not valid: Equals. Valid options include: [Recursive, OneLevel].",
        ),
        (
            [{"Key": "Tier", "Values": ["Free"]}],
            "InvalidFilterValue",
            "The following filter value is not valid: Free. Valid values include: "
            "[Standard, Advanced, Intelligent-Tiering].",
        ),
        (
            [{"Key": "Name", "Values": ["x"]}, {"Key": "Name", "Values": ["y"]}],
            "ValidationException",
            "The following filter is duplicated in the request: Name. A request can contain only one occurrence of a "
            "specific filter.",
        ),
    ],
)
def test_filters_are_checked(ssm, filters, code: str, message: str) -> None:
    """Each rule in AWS's words."""
    refused = failed(ssm.describe_parameters, ParameterFilters=filters)
    assert refused[0] == code
    assert refused[1].startswith(message)


def test_names_and_values_are_checked(ssm, unique) -> None:
    """Each rule has its own error."""
    put = ssm.put_parameter
    assert failed(put, Name="aws-x", Value="1", Type="String") == (
        "ValidationException",
        'Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive).',
    )
    assert failed(put, Name="/aws/x", Value="1", Type="String") == (
        "AccessDeniedException",
        "No access to reserved parameter name: /aws/x.",
    )
    assert failed(put, Name=unique("p"), Value="1", Type="String", DataType="Text") == (
        "ValidationException",
        "The following data type is not supported: Text (Data type names are all lowercase.)",
    )
    assert failed(put, Name="/ssm/x", Value="1", Type="String")[0] == "ValidationException"
    assert failed(put, Name="a/b", Value="1", Type="String") == (
        "ValidationException",
        "Parameter name must be a fully qualified name.",
    )
    assert failed(put, Name=unique("p"), Value="1")[1] == "A parameter type is required when you create a parameter."
    assert failed(put, Name=unique("p"), Value="x" * 4097, Type="String")[0] == "ValidationException"
    assert put(Name=unique("p"), Value="x" * 4097, Type="String", Tier="Intelligent-Tiering")["Tier"] == "Advanced"
    assert failed(put, Name=unique("p"), Value="abc", Type="String", AllowedPattern="[0-9]+") == (
        "ParameterPatternMismatchException",
        "Parameter value, cannot be validated against allowedPattern: [0-9]+",
    )


def test_secure_strings_are_ciphertexts(ssm, unique, client) -> None:
    """Without WithDecryption nobody sees the value, and the key is one of KMS's."""
    name = unique("p")
    ssm.put_parameter(Name=name, Value="secret", Type="SecureString")
    hidden = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    assert b"secret" not in base64.b64decode(hidden)
    assert ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] == "secret"
    filters = [{"Key": "Name", "Values": [name]}]
    assert ssm.describe_parameters(ParameterFilters=filters)["Parameters"][0]["KeyId"] == "alias/aws/ssm"
    assert failed(ssm.put_parameter, Name=unique("p"), Value="x", Type="SecureString", KeyId="alias/none")[0] == (
        "InvalidKeyId"
    )
    large = unique("p")
    ssm.put_parameter(Name=large, Value="y" * 8000, Type="SecureString", Tier="Advanced")
    assert ssm.get_parameter(Name=large, WithDecryption=True)["Parameter"]["Value"] == "y" * 8000


def test_paths_are_hierarchies(ssm, unique) -> None:
    """One level or all of them, in pages."""
    root = "/" + unique("h")
    for path in ("a", "b", "c/d", "c/e/f"):
        ssm.put_parameter(Name=f"{root}/{path}", Value=path, Type="String")
    ssm.put_parameter(Name=root + "x/a", Value="other", Type="String")
    names = [p["Name"] for p in ssm.get_parameters_by_path(Path=root)["Parameters"]]
    assert names == [f"{root}/a", f"{root}/b"]
    pages = ssm.get_paginator("get_parameters_by_path").paginate(
        Path=root, Recursive=True, PaginationConfig={"PageSize": 3}
    )
    assert [[p["Value"] for p in page["Parameters"]] for page in pages] == [["a", "b", "c/d"], ["c/e/f"]]
    assert failed(ssm.get_parameters_by_path, Path="x")[0] == "ValidationException"
    got = ssm.get_parameters(Names=[f"{root}/b", f"{root}/a", "missing"])
    assert [p["Value"] for p in got["Parameters"]] == ["a", "b"]
    assert got["InvalidParameters"] == ["missing"]
    gone = ssm.delete_parameters(Names=[f"{root}/a", "missing"])
    assert (gone["DeletedParameters"], gone["InvalidParameters"]) == ([f"{root}/a"], ["missing"])


def test_labels_point_at_versions(ssm, unique) -> None:
    """A label names one version, and can be used to read it."""
    name = unique("p")
    for value in "12":
        ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
    answer = ssm.label_parameter_version(Name=name, ParameterVersion=1, Labels=["prod", "1bad", "awsbad"])
    assert sorted(answer["InvalidLabels"]) == ["1bad", "awsbad"]
    got = ssm.get_parameter(Name=f"{name}:prod")["Parameter"]
    assert (got["Value"], got["Selector"]) == ("1", ":prod")
    ssm.label_parameter_version(Name=name, Labels=["prod"])
    assert ssm.get_parameter(Name=f"{name}:prod")["Parameter"]["Value"] == "2"
    assert ssm.get_parameter_history(Name=name)["Parameters"][1]["Labels"] == ["prod"]
    assert ssm.unlabel_parameter_version(Name=name, ParameterVersion=2, Labels=["prod"])["RemovedLabels"] == ["prod"]
    assert failed(ssm.get_parameter, Name=f"{name}:9")[0] == "ParameterVersionNotFound"


def test_descriptions_are_filtered(ssm, unique) -> None:
    """By name, type, path and tag."""
    root = "/" + unique("d")
    ssm.put_parameter(Name=root + "/a", Value="1", Type="String", Tags=[{"Key": "k", "Value": root}])
    ssm.put_parameter(Name=root + "/b", Value="1,2", Type="StringList")

    def names(*filters: dict) -> list[str]:
        answer = ssm.describe_parameters(ParameterFilters=list(filters))
        return [parameter["Name"][len(root) :] for parameter in answer["Parameters"]]

    below = {"Key": "Path", "Option": "Recursive", "Values": [root]}
    assert names(below) == ["/a", "/b"]
    assert names(below, {"Key": "Type", "Values": ["StringList"]}) == ["/b"]
    assert names({"Key": "tag:k", "Values": [root]}) == ["/a"]
    assert names({"Key": "Name", "Option": "BeginsWith", "Values": [root]}) == ["/a", "/b"]
    assert (
        failed(ssm.describe_parameters, ParameterFilters=[{"Key": "Label", "Values": ["x"]}])[0] == "InvalidFilterKey"
    )
    ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=root + "/b", Tags=[{"Key": "x", "Value": "y"}])
    assert ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=root + "/b")["TagList"] == [
        {"Key": "x", "Value": "y"}
    ]
    ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId=root + "/b", TagKeys=["x"])


def test_secrets_and_public_parameters(ssm, client, unique) -> None:
    """Secrets Manager's secrets and AWS's public facts are read the same way."""
    name = unique("s")
    secrets = client("secretsmanager")
    version = secrets.create_secret(Name=name, SecretString="first")["VersionId"]
    secrets.put_secret_value(SecretId=name, SecretString="hidden")
    reference = f"/aws/reference/secretsmanager/{name}"
    got = ssm.get_parameter(Name=reference, WithDecryption=True)["Parameter"]
    assert (got["Value"], got["Type"]) == ("hidden", "SecureString")
    for selector in (version, "AWSPREVIOUS"):
        older = ssm.get_parameter(Name=f"{reference}:{selector}", WithDecryption=True)["Parameter"]
        assert older["Value"] == "first"
    region = "/aws/service/global-infrastructure/regions/eu-west-1/longName"
    assert ssm.get_parameter(Name=region)["Parameter"]["Value"] == "Europe (Ireland)"


def test_parameters_of_images(ssm, client) -> None:
    """What CDK and Terraform modules look up leads to an image that this cloud can launch, where it has one."""
    images = client("ec2").describe_images(Owners=["amazon"])["Images"]
    ours = {one["Name"]: one["ImageId"] for one in images}
    name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
    listed = ssm.get_parameters_by_path(Path="/aws/service/ami-amazon-linux-latest")["Parameters"]
    if not ours:
        assert listed == [] and failed(ssm.get_parameter, Name=name)[0] == "ParameterNotFound"
        return
    assert name in {one["Name"] for one in listed}
    assert ssm.get_parameter(Name=name)["Parameter"]["Value"] in ours.values()
    if "haneul-minimal-x86_64" in ours:
        found = ssm.get_parameter(Name="/aws/service/haneul/minimal-x86_64")["Parameter"]["Value"]
        assert found == ours["haneul-minimal-x86_64"]


def test_expiring_parameters_go(ssm, unique) -> None:
    """An Expiration policy deletes its parameter when the moment comes."""
    name = unique("p")
    soon = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 1))
    policy = [{"Type": "Expiration", "Version": "1.0", "Attributes": {"Timestamp": soon}}]
    ssm.put_parameter(Name=name, Value="x", Type="String", Tier="Advanced", Policies=json.dumps(policy))
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            ssm.get_parameter(Name=name)
        except ClientError:
            return
        time.sleep(0.1)
    raise AssertionError("the parameter outlived its expiry")
