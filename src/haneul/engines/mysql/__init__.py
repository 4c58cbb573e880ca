"""MariaDB servers, which speak MySQL's protocol: the same port as PostgreSQL's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from haneul.engines.mysql.install import install as install

if TYPE_CHECKING:
    from haneul.engines.mysql.real import MariaServers


def open_engine(data: Path) -> MariaServers:
    """The engine with its files below `data`; nothing is started or looked for until it is needed."""
    from haneul.engines.mysql.real import MariaServers

    return MariaServers(data / "engines" / "mysql")
