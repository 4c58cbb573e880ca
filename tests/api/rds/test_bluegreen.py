"""Blue/green: green follows, then takes over name and endpoint with every commit."""

from __future__ import annotations

import threading
import time
from typing import Any

import psycopg
import pytest

from tests.api.rds import waiting


def test_a_switchover_keeps_every_commit(rds: Any, unique: Any) -> None:
    """A client that goes on writing at the same endpoint finds all that it was told, on the green server."""
    name = unique("blue")
    blue = waiting.new(rds, name)
    with waiting.connect(blue["Endpoint"]) as link:
        link.execute("CREATE TABLE t (n int)")
    made = rds.create_blue_green_deployment(
        BlueGreenDeploymentName=unique("bg"), Source=blue["DBInstanceArn"], TargetDBInstanceClass="db.t3.small"
    )["BlueGreenDeployment"]
    ident = made["BlueGreenDeploymentIdentifier"]
    assert ident.startswith("bgd-") and made["Status"] == "PROVISIONING"

    def status() -> str:
        found = rds.describe_blue_green_deployments(BlueGreenDeploymentIdentifier=ident)["BlueGreenDeployments"][0]
        return str(found["Status"])

    with pytest.raises(rds.exceptions.InvalidBlueGreenDeploymentStateFault):
        rds.switchover_blue_green_deployment(BlueGreenDeploymentIdentifier=ident)
    waiting.until(lambda: status() == "AVAILABLE")
    told: list[int] = []
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            try:
                with waiting.connect(blue["Endpoint"]) as link:
                    while not stop.is_set():
                        number += 1
                        link.execute("INSERT INTO t VALUES (%s)", [number])
                        told.append(number)
            except psycopg.Error:
                time.sleep(0.01)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        waiting.until(lambda: len(told) > 50)
        rds.switchover_blue_green_deployment(BlueGreenDeploymentIdentifier=ident)
        waiting.until(lambda: status() == "SWITCHOVER_COMPLETED")
        so_far = len(told)
        waiting.until(lambda: len(told) > so_far + 50)
    finally:
        stop.set()
        thread.join()
    green = waiting.instance(rds, name)
    assert green["DBInstanceClass"] == "db.t3.small" and green["DbiResourceId"] != blue["DbiResourceId"]
    assert green["Endpoint"]["Port"] == blue["Endpoint"]["Port"]
    with waiting.connect(green["Endpoint"]) as link:
        have = {row[0] for row in link.execute("SELECT n FROM t").fetchall()}
    assert not set(told) - have
    rds.delete_blue_green_deployment(BlueGreenDeploymentIdentifier=ident)
    with pytest.raises(rds.exceptions.BlueGreenDeploymentNotFoundFault):
        rds.describe_blue_green_deployments(BlueGreenDeploymentIdentifier=ident)
    for one in (name, f"{name}-old1"):
        waiting.instance(rds, one)
        rds.delete_db_instance(DBInstanceIdentifier=one, SkipFinalSnapshot=True)
    for one in (name, f"{name}-old1"):
        waiting.gone(rds, one)
