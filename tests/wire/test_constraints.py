"""Validation: AWS's codes and words for members that are missing, too long, or not of the set."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from haneul.wire.compile import codec
from haneul.wire.errors import AwsError
from haneul.wire.message import Request
from haneul.wire.model import load
from haneul.wire.patterns import matches


def _refused(service: str, operation: str, body: Any, protocol: str | None = None) -> AwsError:
    model = load(service)
    raw = body.encode() if isinstance(body, str) else orjson.dumps(body)
    with pytest.raises(AwsError) as caught:
        codec(model, operation, protocol or model.protocol).parse(Request("POST", "/", "", {}, raw), {})
    return caught.value


@pytest.mark.parametrize(
    ("service", "operation", "body", "code", "message"),
    [
        (
            "dynamodb",
            "DescribeTable",
            {},
            "ValidationException",
            "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: "
            "Member must not be null",
        ),
        (
            "dynamodb",
            "ListTables",
            {"Limit": 101},
            "ValidationException",
            "1 validation error detected: Value '101' at 'limit' failed to satisfy constraint: "
            "Member must have value less than or equal to 100",
        ),
        (
            "dynamodb",
            "ListTables",
            {"Limit": 0, "ExclusiveStartTableName": "a!"},
            "ValidationException",
            "3 validation errors detected: Value '0' at 'limit' failed to satisfy constraint: Member must have value "
            "greater than or equal to 1; Value 'a!' at 'exclusiveStartTableName' failed to satisfy constraint: Member "
            "must have length greater than or equal to 3; Value 'a!' at 'exclusiveStartTableName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
        ),
        (
            "dynamodb",
            "CreateTable",
            {"TableName": "tbl", "KeySchema": [{"AttributeName": "a", "KeyType": "SORT"}]},
            "ValidationException",
            "1 validation error detected: Value 'SORT' at 'keySchema.1.member.keyType' failed to satisfy constraint: "
            "Member must satisfy enum value set: [HASH, RANGE]",
        ),
        (
            "dynamodb",
            "PutItem",
            {"TableName": 1},
            "SerializationException",
            "NUMBER_VALUE cannot be converted to String",
        ),
        (
            "dynamodb",
            "PutItem",
            {"TableName": ["a"]},
            "SerializationException",
            "Start of list found where not expected",
        ),
        (
            "iam",
            "CreateUser",
            "Action=CreateUser",
            "ValidationError",
            "1 validation error detected: Value null at 'userName' failed to satisfy constraint: "
            "Member must not be null",
        ),
        (
            "rds",
            "DeleteDBInstance",
            "Action=DeleteDBInstance",
            "MissingParameter",
            "The request must contain the parameter DBInstanceIdentifier",
        ),
        (
            "ec2",
            "DeleteVpc",
            "Action=DeleteVpc",
            "MissingParameter",
            "The request must contain the parameter VpcId",
        ),
        (
            "logs",
            "CreateLogGroup",
            {"logGroupName": "a b"},
            "InvalidParameterException",
            "1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must "
            "satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+",
        ),
    ],
)
def test_words(service: str, operation: str, body: Any, code: str, message: str) -> None:
    """AWS's own codes and messages, by service."""
    error = _refused(service, operation, body)
    assert (error.code, error.message) == (code, message)


def test_members_of_lists_tell_all_their_rules() -> None:
    """A list of scalars is refused with everything its members must be."""
    error = _refused("kms", "UntagResource", {"KeyId": "k", "TagKeys": ["", "b"]})
    assert error.message == (
        "1 validation error detected: Value '[, b]' at 'tagKeys' failed to satisfy constraint: Member must satisfy "
        "constraint: [Member must have length greater than or equal to 1, Member must have length less than or equal "
        "to 128]"
    )


def test_secrets_are_not_repeated() -> None:
    """A sensitive value does not come back in the message."""
    error = _refused("secretsmanager", "CreateSecret", {"Name": "n", "SecretString": ""})
    assert "at 'secretString'" in error.message and "Value at" in error.message


def test_validate_without_a_wire() -> None:
    """Calls in process are held to the same constraints."""
    model = load("kms")
    made = codec(model, "CreateAlias", "json")
    made.validate({"AliasName": "alias/a", "TargetKeyId": "k"})
    with pytest.raises(AwsError):
        made.validate({"AliasName": "alias/a"})


def test_opaque_shapes_pass_as_they_are() -> None:
    """DynamoDB's items are its room's own business."""
    made = codec(load("dynamodb"), "PutItem", "json", frozenset({"AttributeValue"}))
    item = {"a": {"B": "AA==", "X": None}}
    members = made.parse(Request("POST", "/", "", {}, orjson.dumps({"TableName": "abc", "Item": item})), {})
    assert members == {"TableName": "abc", "Item": item}
    assert orjson.loads(made.serialize({"Attributes": item}, "id").body) == {"Attributes": item}


@pytest.mark.parametrize(
    ("pattern", "value", "good"),
    [
        ("[a-z]+", "abc", True),
        ("[a-z]+", "abc!", False),
        ("vpc-[0-9a-f]", "vpc-0123", True),
        ("^arn:.*", "arn:x", True),
        ("[\\w+=,.@-]+", "ü", False),
        ("[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*", "ü 1", True),
        ("[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*", "a\n", False),
        ("[\\u0020-\\uD7FF\\uE000-\\uFFFD\\uD800\\uDC00-\\uDBFF\\uDFFF\\t]*", "a😹", True),
        ("[\\u0020-\\uD7FF\\uE000-\\uFFFD\\uD800\\uDC00-\\uDBFF\\uDFFF\\t]*", "a\n", False),
        ("[\\w-_]*", "a-_", True),
        ("DRAFT", "DRAFTS", False),
        ("[\\p{Print}&&[^|]]+", "|", True),
    ],
)
def test_patterns(pattern: str, value: str, good: bool) -> None:
    """Java's dialect; what Python cannot say passes."""
    assert matches(pattern, value) is good
