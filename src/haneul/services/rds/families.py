"""Engines, their versions and parameter group families: what can be asked for, and what stands behind it."""

from __future__ import annotations

from dataclasses import dataclass

from haneul.services.rds.errors import invalid

AURORA = "aurora-postgresql"


@dataclass(frozen=True)
class Engine:
    """An engine as RDS names it. kind: "postgres" or "mysql", which engine of ours runs it."""

    name: str
    kind: str
    port: int
    license: str
    description: str
    clustered: bool = False


ENGINES = {
    engine.name: engine
    for engine in (
        Engine("postgres", "postgres", 5432, "postgresql-license", "PostgreSQL"),
        Engine(AURORA, "postgres", 5432, "postgresql-license", "Aurora (PostgreSQL)", clustered=True),
        Engine("mariadb", "mysql", 3306, "general-public-license", "MariaDB Community Edition"),
        Engine("mysql", "mysql", 3306, "general-public-license", "MySQL Community Edition (MariaDB here)"),
    )
}
# What AWS offers and nobody can run here.
_ELSEWHERE = ("aurora-mysql", "oracle-ee", "oracle-se2", "oracle-ee-cdb", "oracle-se2-cdb", "custom-oracle-ee",
              "sqlserver-ee", "sqlserver-se", "sqlserver-ex", "sqlserver-web", "db2-ae", "db2-se", "neptune",
              "docdb")  # fmt: skip


def engine(name: str) -> Engine:
    """Raises InvalidParameterValue, which says why for an engine that AWS has."""
    found = ENGINES.get(name)
    if found is None:
        if name in _ELSEWHERE:
            raise invalid(f"Engine {name} is not available here: this installation runs {', '.join(sorted(ENGINES))}")
        raise invalid("Invalid DB engine")
    return found


def family(engine_name: str, version: str) -> str:
    """The parameter group family: postgres18, aurora-postgresql16, mariadb10.11."""
    parts = version.split(".")
    if ENGINES[engine_name].kind == "postgres":
        return f"{engine_name}{parts[0]}"
    return f"{engine_name}{'.'.join(parts[:2])}"


def major(engine_name: str, version: str) -> str:
    parts = version.split(".")
    return parts[0] if ENGINES[engine_name].kind == "postgres" else ".".join(parts[:2])
