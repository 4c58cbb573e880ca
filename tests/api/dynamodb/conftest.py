"""DynamoDB's fixtures: a client, tables that nobody else has."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def dynamodb(client) -> Any:
    return client("dynamodb")


@pytest.fixture(scope="session")
def resource(cloud) -> Any:
    return boto3.resource(
        "dynamodb", endpoint_url=cloud.url, region_name="us-east-1", aws_access_key_id="000000000000",
        aws_secret_access_key="test",
    )  # fmt: skip


@pytest.fixture(scope="session")
def make_table(resource):
    """make_table(gsis=..., lsis=..., stream=...) -> boto3 Table with keys p (S) and, unless told, c (S)."""
    import itertools
    import uuid

    numbers = itertools.count()

    def make(sort: str | None = "S", hash_type: str = "S", attributes=None, **more: Any) -> Any:
        name = f"t-{uuid.uuid4().hex[:8]}-{next(numbers)}"
        keys = [{"AttributeName": "p", "KeyType": "HASH"}]
        types = {"p": hash_type, **(attributes or {})}
        if sort is not None:
            keys.append({"AttributeName": "c", "KeyType": "RANGE"})
            types["c"] = sort
        table = resource.create_table(
            TableName=name, BillingMode=more.pop("BillingMode", "PAY_PER_REQUEST"), KeySchema=keys,
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in types.items()], **more,
        )  # fmt: skip
        table.wait_until_exists()
        return table

    return make


@pytest.fixture(scope="session")
def table(make_table):
    """A shared table with string keys; tests use partition keys of their own."""
    return make_table()


@pytest.fixture
def key(unique):
    return unique("p")


def refused(code: str, call, match: str = "", **members: Any) -> dict[str, Any]:
    """The error's response, once its code and a phrase of its message are as expected."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert match.lower() in error["Message"].lower(), error["Message"]
    return caught.value.response
