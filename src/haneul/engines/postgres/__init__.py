"""PostgreSQL servers: the port, the real ones, and a fake for pure tests."""

from __future__ import annotations

from pathlib import Path

from haneul.engines.postgres.install import install as install
from haneul.engines.postgres.port import PostgresEngine as PostgresEngine


def open_engine(data: Path) -> PostgresEngine:
    """The engine with its files below `data`; nothing is started or looked for until it is needed."""
    from haneul.engines import fragile

    folder = data / "engines" / "postgres"
    if (folder / "fake").exists():
        from haneul.engines.postgres.fake import FakePostgres

        engine: PostgresEngine = fragile.wrapped(FakePostgres(folder), folder)
        return engine
    from haneul.engines.postgres.real import PostgresServers

    engine = fragile.wrapped(PostgresServers(folder), folder)
    return engine
