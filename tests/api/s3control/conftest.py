"""Clients as they come, by the names that boto3 makes up: it puts an account or an access point before the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import boto3
import pytest

from tests.running import RunningCloud

ACCOUNT = "414141414141"
OTHER = "424242424242"


def named(port: int, service: str, key: str, secret: str = "test", **more: Any) -> Any:
    """A client of http://localhost that needs no resolver for the names before it."""
    made = boto3.client(
        service,
        endpoint_url=f"http://localhost:{port}",
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        **more,
    )

    def straight(request: Any, **more: Any) -> None:
        parts = urlsplit(request.url)
        request.headers["Host"] = parts.netloc
        request.url = urlunsplit(parts._replace(netloc=f"127.0.0.1:{port}"))

    made.meta.events.register(f"before-send.{made.meta.service_model.service_id.hyphenize()}", straight)
    return made


@pytest.fixture
def by_name(cloud: RunningCloud) -> Callable[..., Any]:
    """by_name("s3", account=OTHER): a client of the shared cloud, under the names of a virtual host."""
    return lambda service, account=ACCOUNT: named(cloud.port, service, account)


@pytest.fixture
def control(by_name: Callable[..., Any]) -> Any:
    return by_name("s3control")


@pytest.fixture
def s3(by_name: Callable[..., Any]) -> Any:
    return by_name("s3")


@pytest.fixture
def bucket(s3: Any, unique: Callable[[str], str]) -> str:
    name = unique("bucket")
    s3.create_bucket(Bucket=name)
    return name
