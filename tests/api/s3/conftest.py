"""S3's fixtures: a client, buckets that nobody else has, and raw signed requests for what boto3 won't send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import requests
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError


@pytest.fixture
def s3(client: Callable[..., Any]) -> Any:
    return client("s3")


@pytest.fixture
def other(client: Callable[..., Any]) -> Any:
    """The client of another account."""
    return client("s3", account="222222222222")


@pytest.fixture
def bucket(s3: Any, unique: Callable[[str], str]) -> str:
    name = unique("bucket")
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def versioned(s3: Any, bucket: str) -> str:
    """A bucket that keeps versions."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return bucket


@pytest.fixture
def raw(cloud: Any) -> Callable[..., requests.Response]:
    """raw("PUT", "/bucket/key", data=b"", headers={...}): a signed request that no SDK has tidied up."""

    def send(
        method: str, path: str, *, data: bytes = b"", headers: dict[str, str] | None = None, signed: bool = True
    ) -> requests.Response:
        url = cloud.url + quote(path, safe="/?&=%+-._~")
        request = AWSRequest(method, url, headers=headers or {}, data=data)
        if signed:
            S3SigV4Auth(Credentials("000000000000", "test"), "s3", "us-east-1").add_auth(request)
        return requests.request(
            method, url, data=data, headers=dict(request.headers.items()), timeout=30, allow_redirects=False
        )

    return send


class Refusal:
    """What a refused call told: its code, status, message and error members."""

    def __init__(self, error: ClientError) -> None:
        self.code: str = error.response["Error"].get("Code", "")
        self.message: str = error.response["Error"].get("Message", "")
        self.status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
        self.headers: dict[str, str] = error.response["ResponseMetadata"]["HTTPHeaders"]
        self.members: dict[str, Any] = error.response["Error"]


def refused(call: Callable[..., Any], **members: Any) -> Refusal:
    """Call, and expect a refusal."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    return Refusal(caught.value)
