"""An account of its own for each test, so that nobody sees anybody else's VPCs."""

from __future__ import annotations

import itertools

import pytest
from botocore.exceptions import ClientError

_accounts = itertools.count(510000000000)


def code_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


@pytest.fixture
def account() -> str:
    return str(next(_accounts))


@pytest.fixture
def ec2(cloud, account):
    """EC2 as a new account sees it."""
    return cloud.client("ec2", account=account)
