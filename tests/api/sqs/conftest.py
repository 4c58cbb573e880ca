"""Queues that go away after their test."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


def code_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


@pytest.fixture
def sqs(client):
    return client("sqs")


@pytest.fixture
def make(sqs, unique):
    urls = []

    def create(suffix: str = "", **attributes: str) -> str:
        urls.append(sqs.create_queue(QueueName=unique("q") + suffix, Attributes=attributes)["QueueUrl"])
        return urls[-1]

    yield create
    for url in urls:
        try:
            sqs.delete_queue(QueueUrl=url)
        except ClientError:
            pass
