"""Other engines and versions: MariaDB where it can be had, and an upgrade over major versions of PostgreSQL."""

from __future__ import annotations

import datetime
import os
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.api.rds import waiting


def test_a_major_upgrade_keeps_the_data(rds: Any, unique: Any) -> None:
    """EngineVersion is a real choice, and pg_upgrade a real upgrade; a step back is refused."""
    name = unique("up")
    old = waiting.new(rds, name, EngineVersion="16")
    assert old["EngineVersion"].startswith("16.")
    with waiting.connect(old["Endpoint"]) as link:
        link.execute("CREATE TABLE t AS SELECT generate_series(1, 50) AS i")
    with pytest.raises(ClientError, match="AllowMajorVersionUpgrade"):
        rds.modify_db_instance(DBInstanceIdentifier=name, EngineVersion="18", ApplyImmediately=True)
    rds.modify_db_instance(
        DBInstanceIdentifier=name, EngineVersion="18", AllowMajorVersionUpgrade=True, ApplyImmediately=True
    )
    new = waiting.instance(rds, name)
    assert new["EngineVersion"].startswith("18.")
    assert new["DBParameterGroups"][0]["DBParameterGroupName"] == "default.postgres18"
    with waiting.connect(new["Endpoint"]) as link:
        assert link.execute("SELECT count(*), current_setting('server_version') FROM t").fetchone()[0] == 50
    with pytest.raises(ClientError, match="Cannot upgrade postgres"):
        rds.modify_db_instance(DBInstanceIdentifier=name, EngineVersion="16", ApplyImmediately=True)
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    waiting.gone(rds, name)


def test_without_mariadb_the_refusal_names_the_command(rds: Any) -> None:
    """A missing engine is a clear error; where MariaDB is installed there is nothing to refuse."""
    if rds.describe_db_engine_versions(Engine="mariadb")["DBEngineVersions"]:
        pytest.skip("MariaDB is on this machine")
    for engine in ("mariadb", "mysql"):
        with pytest.raises(ClientError) as caught:
            rds.create_db_instance(
                DBInstanceIdentifier="maria", Engine=engine, DBInstanceClass="db.t3.micro", AllocatedStorage=20,
                MasterUsername="master", MasterUserPassword="secret99",
            )  # fmt: skip
        assert caught.value.response["Error"]["Code"] == "InvalidParameterCombination"
        assert "haneul engines install mysql" in caught.value.response["Error"]["Message"]


@pytest.mark.slow
def test_mariadb_lives_like_postgresql(fresh_cloud: Any) -> None:
    """TLS, a second restored, a replica promoted: with PyMySQL. Fetches Debian's packages, so only with a budget."""
    if "HANEUL_BUDGET" not in os.environ:
        pytest.skip("set HANEUL_BUDGET to fetch and run MariaDB")
    pymysql = pytest.importorskip("pymysql")
    from haneul.engines import mysql
    from haneul.engines.errors import EngineError

    cloud = fresh_cloud()
    try:
        mysql.install(cloud.data)
    except EngineError as error:
        pytest.skip(f"MariaDB can't be fetched here: {error}")
    rds = cloud.client("rds")

    def connect(found: dict[str, Any]) -> Any:
        link = pymysql.connect(
            host="127.0.0.1", port=found["Endpoint"]["Port"], user="master", password="secret99", database="app",
            autocommit=True, ssl_ca=str(cloud.data / "ca" / "ca.pem"), ssl_verify_identity=True,
        )  # fmt: skip
        return link.cursor()

    def rows(found: dict[str, Any]) -> int:
        cursor = connect(found)
        cursor.execute("SELECT count(*) FROM t")
        return int(cursor.fetchone()[0])

    db = waiting.new(rds, "maria", Engine="mariadb")
    cursor = connect(db)
    cursor.execute("SELECT version()")
    assert cursor.fetchone()[0].startswith(db["EngineVersion"])
    cursor.execute("CREATE TABLE t (i int)")
    cursor.execute("INSERT INTO t VALUES (1), (2)")
    rds.create_db_instance_read_replica(DBInstanceIdentifier="maria-r", SourceDBInstanceIdentifier="maria")
    replica = waiting.instance(rds, "maria-r")
    cursor.execute("INSERT INTO t VALUES (3)")
    waiting.until(lambda: rows(replica) == 3)
    with pytest.raises(pymysql.err.OperationalError, match="read-only"):
        connect(replica).execute("INSERT INTO t VALUES (4)")
    rds.promote_read_replica(DBInstanceIdentifier="maria-r")
    connect(waiting.instance(rds, "maria-r")).execute("INSERT INTO t VALUES (4)")
    moment = datetime.datetime.now(datetime.UTC)
    time.sleep(2.1)
    cursor.execute("DELETE FROM t")
    rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier="maria", TargetDBInstanceIdentifier="maria-p", RestoreTime=moment
    )
    assert rows(waiting.instance(rds, "maria-p")) == 3
