"""One database instance for the tests that only look at it or change it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.api.rds import waiting


@pytest.fixture(scope="module")
def rds(client: Callable[..., Any]) -> Any:
    return client("rds")


@pytest.fixture(scope="module")
def db(rds: Any, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """An available instance of this module's own, with a database `app`."""
    name = f"db-{request.module.__name__.rpartition('_')[2]}"
    found = waiting.new(rds, name, Tags=[{"Key": "team", "Value": "red"}])
    yield found
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    waiting.gone(rds, name)
