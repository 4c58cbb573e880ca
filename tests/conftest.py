"""Fixtures that every suite shares: a running cloud, clients for it, and names that nobody else has."""

from __future__ import annotations

import itertools
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.running import RunningCloud

os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
for _name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
    os.environ.pop(_name, None)

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cloud() -> Iterator[RunningCloud]:
    """One cloud in mode dev for the whole session (one per worker under xdist); on a PostgreSQL of its own, instead
    of RocksDB, when HANEUL_TEST_STORE is "postgres"."""
    if os.environ.get("HANEUL_TEST_STORE") == "postgres":
        with postgres_server() as url:
            running = RunningCloud("--log-level", "warning", "--store", url).start()
            yield running
            running.close()
        return
    running = RunningCloud("--log-level", "warning").start()
    yield running
    running.close()


@contextmanager
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server for one session: its URL."""
    from tests.postgres_server import PostgresServer

    server = PostgresServer().start()
    try:
        yield server.url
    finally:
        server.close()


@pytest.fixture(scope="session")
def client(cloud: RunningCloud) -> Callable[..., Any]:
    """client("s3"), client("s3", account="111111111111", region="eu-west-1"): boto3 clients of the shared cloud."""
    known: dict[Any, Any] = {}

    def make(service: str, **options: Any) -> Any:
        key = (service, repr(sorted(options.items())))
        if key not in known:
            known[key] = cloud.client(service, **options)
        return known[key]

    return make


@pytest.fixture
def fresh_cloud() -> Iterator[Callable[..., RunningCloud]]:
    """fresh_cloud("--mode", "cloud"): a cloud of the test's own, stopped and deleted afterwards."""
    made: list[RunningCloud] = []

    def make(*flags: str, **options: Any) -> RunningCloud:
        running = RunningCloud("--log-level", "warning", *flags, **options).start()
        made.append(running)
        return running

    yield make
    for running in made:
        running.close()


@pytest.fixture
def unique() -> Callable[[str], str]:
    """unique("bucket") -> "bucket-3f2a91-7": a name that no other test has."""
    return lambda prefix: f"{prefix}-{uuid.uuid4().hex[:6]}-{next(_numbers)}"
