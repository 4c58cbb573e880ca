"""A cloud whose engines are the shipped doubles and whose clock runs faster, so that cooldowns, graces and timeouts of
minutes take seconds; an account of its own for each test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.autoscaling.waiting import Groups
from tests.api.ec2.waiting import pretending
from tests.running import RunningCloud

_accounts = itertools.count(520000000000)
RATE = 20


@pytest.fixture(scope="session")
def cloud() -> Iterator[RunningCloud]:
    running = pretending(RunningCloud("--log-level", "warning", "--clock-rate", str(RATE))).start()
    yield running
    running.close()


@pytest.fixture
def account() -> str:
    return str(next(_accounts))


@pytest.fixture
def aws(cloud: RunningCloud, account: str) -> Callable[..., Any]:
    """Any service as a new account sees it."""
    return lambda service: cloud.client(service, account=account)


@pytest.fixture
def ec2(aws):
    return aws("ec2")


@pytest.fixture
def asg(aws):
    return aws("autoscaling")


@pytest.fixture
def groups(aws) -> Groups:
    """Groups of the account, made and waited for."""
    return Groups(aws("autoscaling"), aws("ec2"))


def refusal(function: Callable[..., Any], **options: Any) -> tuple[str, str]:
    """The code and the message with which a call is refused."""
    with pytest.raises(ClientError) as error:
        function(**options)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]
