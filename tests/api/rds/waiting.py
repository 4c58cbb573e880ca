"""Waiting for rows to come to rest, and connecting to what they name."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import psycopg

LIMIT = 60.0


def until(look: Callable[[], Any], limit: float = LIMIT) -> Any:
    """Poll `look` until it gives something true; what it gave."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.03)
    raise AssertionError("it did not come to that within the limit")


def instance(rds: Any, name: str, status: str = "available") -> dict[str, Any]:
    def look() -> Any:
        found = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        assert found["DBInstanceStatus"] != "failed"
        return found if found["DBInstanceStatus"] == status else None

    return dict(until(look))


def cluster(rds: Any, name: str, status: str = "available") -> dict[str, Any]:
    def look() -> Any:
        found = rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
        return found if found["Status"] == status else None

    return dict(until(look))


def gone(rds: Any, name: str) -> None:
    def look() -> bool:
        try:
            rds.describe_db_instances(DBInstanceIdentifier=name)
        except rds.exceptions.DBInstanceNotFoundFault:
            return True
        return False

    until(look)


def connect(endpoint: dict[str, Any], password: str = "secret99", dbname: str = "app", **options: Any) -> Any:
    options = {"user": "master", "connect_timeout": 10, **options}
    return psycopg.connect(
        host=endpoint["Address"], port=endpoint["Port"], password=password, dbname=dbname, autocommit=True, **options
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def new(rds: Any, name: str, **options: Any) -> dict[str, Any]:
    """Create a small PostgreSQL instance and wait for it."""
    members = {
        "DBInstanceIdentifier": name,
        "Engine": "postgres",
        "DBInstanceClass": "db.t3.micro",
        "AllocatedStorage": 20,
        "MasterUsername": "master",
        "MasterUserPassword": "secret99",
        "DBName": "app",
        "Port": free_port(),  # suites share this machine: 5432 may be another's while a cloud restarts
        **options,
    }
    rds.create_db_instance(**members)
    return instance(rds, name)
