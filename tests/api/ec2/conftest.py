"""A cloud whose engines are the shipped doubles (no packet moves, nothing boots), and an account of its own for each
test, so that nobody sees anybody else's VPCs. What needs real guests is in tests/clients."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.api.ec2.waiting import pretending
from tests.running import RunningCloud

_accounts = itertools.count(510000000000)


def code_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


@pytest.fixture(scope="session")
def cloud() -> Iterator[RunningCloud]:
    running = pretending(RunningCloud("--log-level", "warning")).start()
    yield running
    running.close()


@pytest.fixture
def account() -> str:
    return str(next(_accounts))


@pytest.fixture
def ec2(cloud, account):
    """EC2 as a new account sees it."""
    return cloud.client("ec2", account=account)
