"""PostgreSQL servers: the port, the real ones, and a fake for pure tests."""

from __future__ import annotations

from pathlib import Path

from haneul.engines.postgres.install import install as install
from haneul.engines.postgres.port import PostgresEngine as PostgresEngine


def open_engine(data: Path) -> PostgresEngine:
    """The engine with its files below `data`; nothing is started or looked for until it is needed."""
    from haneul.engines.postgres.real import PostgresServers

    return PostgresServers(data / "engines" / "postgres")
