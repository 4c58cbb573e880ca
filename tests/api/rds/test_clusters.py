"""Aurora clusters: one writes, others follow, and endpoints lead to the right ones."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.api.rds import waiting


def _code(caught: Any) -> str:
    return str(caught.value.response["Error"]["Code"])


def _join(rds: Any, name: str, cluster: str, **options: Any) -> None:
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBClusterIdentifier=cluster,
        Engine="aurora-postgresql",
        DBInstanceClass="db.r6g.large",
        **options,
    )


def _writer(rds: Any, name: str) -> str:
    members = rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]["DBClusterMembers"]
    return str(next(one["DBInstanceIdentifier"] for one in members if one["IsClusterWriter"]))


def _end(found: dict[str, Any], member: str = "Endpoint") -> dict[str, Any]:
    return {"Address": found[member], "Port": found["Port"]}


@pytest.fixture(scope="module")
def group(rds: Any) -> Iterator[dict[str, Any]]:
    """A cluster with a writer and two readers."""
    rds.create_db_cluster(
        DBClusterIdentifier="Aurora",
        Engine="aurora-postgresql",
        MasterUsername="master",
        MasterUserPassword="secret99",
        DatabaseName="app",
    )
    for number, name in enumerate(("au-a", "au-b", "au-c")):
        _join(rds, name, "aurora", PromotionTier=number)
    for name in ("au-a", "au-b", "au-c"):
        waiting.instance(rds, name)
    found = waiting.cluster(rds, "aurora")
    with waiting.connect(_end(found)) as link:
        link.execute("CREATE TABLE t (n int)")
        waiting.until(lambda: link.execute("SHOW synchronous_standby_names").fetchone()[0].count("-") >= 4)
    yield found
    for name in ("au-a", "au-b", "au-c"):
        rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    rds.delete_db_cluster(DBClusterIdentifier="aurora", SkipFinalSnapshot=True)
    for name in ("au-a", "au-b", "au-c"):
        waiting.gone(rds, name)


def test_endpoints_lead_to_who_writes_and_who_reads(rds: Any, group: Any) -> None:
    """The cluster endpoint takes writes, the reader endpoint serves them from followers."""
    with waiting.connect(_end(group)) as link:
        link.execute("INSERT INTO t VALUES (1)")
    with waiting.connect(_end(group, "ReaderEndpoint")) as link:
        assert link.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
        waiting.until(lambda: link.execute("SELECT count(*) FROM t").fetchone()[0] >= 1)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            link.execute("INSERT INTO t VALUES (2)")
    assert group["DBClusterArn"] == "arn:aws:rds:us-east-1:000000000000:cluster:aurora"
    assert [one["PromotionTier"] for one in group["DBClusterMembers"]] == [0, 1, 2]
    kinds = [one["EndpointType"] for one in rds.describe_db_cluster_endpoints(DBClusterIdentifier="aurora")[
        "DBClusterEndpoints"]]  # fmt: skip
    assert kinds == ["READER", "WRITER"]


def test_a_killed_writer_loses_no_acknowledged_row(rds: Any, group: Any) -> None:
    """Failover: another writes within seconds, and every commit that was answered is there."""
    former = _writer(rds, "aurora")
    acknowledged: list[int] = []
    gaps: list[float] = []
    stop = threading.Event()

    def load() -> None:
        number, last, link = 1000, time.monotonic(), waiting.connect(_end(group))
        while not stop.is_set():
            number += 1
            try:
                link.execute("INSERT INTO t VALUES (%s)", [number])
            except psycopg.Error:
                while not stop.is_set():
                    try:
                        link = waiting.connect(_end(group))
                        break
                    except psycopg.Error:
                        time.sleep(0.005)
                continue
            acknowledged.append(number)
            gaps.append(time.monotonic() - last)
            last = time.monotonic()

    thread = threading.Thread(target=load)
    thread.start()
    try:
        waiting.until(lambda: len(acknowledged) > 100)
        with waiting.connect(_end(group)) as link:
            backend = link.execute("SELECT pg_backend_pid()").fetchone()[0]
            with open(f"/proc/{backend}/stat") as file:
                os.kill(int(file.read().rpartition(")")[2].split()[1]), 9)
        waiting.until(lambda: _writer(rds, "aurora") != former)
        so_far = len(acknowledged)
        waiting.until(lambda: len(acknowledged) > so_far + 100)
    finally:
        stop.set()
        thread.join()
    with waiting.connect(_end(group)) as link:
        have = {row[0] for row in link.execute("SELECT n FROM t").fetchall()}
    assert not set(acknowledged) - have
    assert max(gaps) < 10
    waiting.instance(rds, former)


def test_a_failover_that_is_asked_for(rds: Any, group: Any) -> None:
    """FailoverDBCluster to a named reader; the former writer follows."""
    former = _writer(rds, "aurora")
    with waiting.connect(_end(group)) as link:
        waiting.until(lambda: link.execute("SELECT count(*) FROM pg_stat_replication").fetchone()[0] == 2)
    target = next(name for name in ("au-a", "au-b", "au-c") if name != former)
    rds.failover_db_cluster(DBClusterIdentifier="aurora", TargetDBInstanceIdentifier=target)
    waiting.until(lambda: _writer(rds, "aurora") == target)
    waiting.cluster(rds, "aurora")
    with waiting.connect(_end(group)) as link:
        link.execute("INSERT INTO t VALUES (3)")
        waiting.until(lambda: link.execute("SELECT count(*) FROM pg_stat_replication").fetchone()[0] == 2)
    for options, code in (
        ({"TargetDBInstanceIdentifier": "nobody"}, "DBInstanceNotFound"),
        ({"TargetDBInstanceIdentifier": target}, "InvalidDBInstanceState"),
    ):
        with pytest.raises(ClientError) as caught:
            rds.failover_db_cluster(DBClusterIdentifier="aurora", **options)
        assert _code(caught) == code


def test_custom_endpoints(rds: Any, group: Any, unique: Any) -> None:
    """Over chosen members."""
    name, reader = unique("ce"), next(one for one in ("au-a", "au-b", "au-c") if one != _writer(rds, "aurora"))
    rds.create_db_cluster_endpoint(
        DBClusterIdentifier="aurora", DBClusterEndpointIdentifier=name, EndpointType="ANY", StaticMembers=[reader]
    )

    def look() -> Any:
        found = rds.describe_db_cluster_endpoints(DBClusterEndpointIdentifier=name)["DBClusterEndpoints"][0]
        return found if found["Status"] == "available" else None

    found = waiting.until(look)
    with waiting.connect({"Address": found["Endpoint"], "Port": group["Port"]}) as link:
        assert link.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)
    rds.delete_db_cluster_endpoint(DBClusterEndpointIdentifier=name)
    with pytest.raises(rds.exceptions.DBClusterEndpointNotFoundFault):
        rds.describe_db_cluster_endpoints(DBClusterEndpointIdentifier=name)


def test_snapshots_and_clones(rds: Any, group: Any, unique: Any) -> None:
    """A snapshot restored and a clone go their own ways."""
    snap, copy, clone = unique("cs"), unique("res"), unique("clone")
    with waiting.connect(_end(group)) as link:
        rows = link.execute("SELECT count(*) FROM t").fetchone()[0]
    rds.create_db_cluster_snapshot(DBClusterSnapshotIdentifier=snap, DBClusterIdentifier="aurora")
    rds.get_waiter("db_cluster_snapshot_available").wait(
        DBClusterSnapshotIdentifier=snap, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    waiting.cluster(rds, "aurora")
    rds.restore_db_cluster_from_snapshot(DBClusterIdentifier=copy, SnapshotIdentifier=snap, Engine="aurora-postgresql")
    rds.restore_db_cluster_to_point_in_time(
        SourceDBClusterIdentifier="aurora",
        DBClusterIdentifier=clone,
        RestoreType="copy-on-write",
        UseLatestRestorableTime=True,
    )
    for name in (copy, clone):
        _join(rds, f"{name}-1", name)
    for name in (copy, clone):
        waiting.instance(rds, f"{name}-1")
        found = waiting.cluster(rds, name)
        with waiting.connect(_end(found)) as link:
            assert link.execute("SELECT count(*) FROM t").fetchone()[0] == rows
            link.execute("DELETE FROM t")
        rds.delete_db_instance(DBInstanceIdentifier=f"{name}-1", SkipFinalSnapshot=True)
    with waiting.connect(_end(group)) as link:
        assert link.execute("SELECT count(*) FROM t").fetchone()[0] == rows
    for name in (copy, clone):
        waiting.gone(rds, f"{name}-1")
        rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
    rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=snap)


def test_data_outlives_the_last_instance(rds: Any, unique: Any) -> None:
    """The volume is the cluster's: an instance added later finds it."""
    name = unique("vol")
    rds.create_db_cluster(
        DBClusterIdentifier=name, Engine="aurora-postgresql", MasterUsername="master", MasterUserPassword="secret99",
        DatabaseName="app",
    )  # fmt: skip
    _join(rds, f"{name}-1", name)
    waiting.instance(rds, f"{name}-1")
    found = waiting.cluster(rds, name)
    with waiting.connect(_end(found)) as link:
        link.execute("CREATE TABLE kept AS SELECT 7 AS seven")
    with pytest.raises(rds.exceptions.InvalidDBClusterStateFault):
        rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)
    rds.delete_db_instance(DBInstanceIdentifier=f"{name}-1", SkipFinalSnapshot=True)
    waiting.gone(rds, f"{name}-1")
    rds.modify_db_cluster(DBClusterIdentifier=name, MasterUserPassword="another-9", ApplyImmediately=True)
    waiting.cluster(rds, name)
    _join(rds, f"{name}-2", name)
    waiting.instance(rds, f"{name}-2")
    with waiting.connect(_end(found), password="another-9") as link:
        assert link.execute("SELECT seven FROM kept").fetchone() == (7,)
    rds.stop_db_cluster(DBClusterIdentifier=name)
    waiting.cluster(rds, name, "stopped")
    assert waiting.instance(rds, f"{name}-2", "stopped")
    rds.start_db_cluster(DBClusterIdentifier=name)
    waiting.cluster(rds, name)
    rds.delete_db_instance(DBInstanceIdentifier=f"{name}-2", SkipFinalSnapshot=True)
    waiting.gone(rds, f"{name}-2")
    rds.delete_db_cluster(DBClusterIdentifier=name, SkipFinalSnapshot=True)


def test_a_global_cluster_follows_into_another_region(rds: Any, client: Any, group: Any, unique: Any) -> None:
    """A secondary cluster reads what the primary wrote; taken out, it stands alone."""
    name, second = unique("glob"), unique("second")
    west = client("rds", region="eu-west-1")
    rds.create_global_cluster(GlobalClusterIdentifier=name, SourceDBClusterIdentifier=group["DBClusterArn"])
    west.create_db_cluster(DBClusterIdentifier=second, Engine="aurora-postgresql", GlobalClusterIdentifier=name)
    waiting.cluster(west, second)
    _join(west, f"{second}-1", second)
    waiting.instance(west, f"{second}-1")
    far = waiting.cluster(west, second)
    with waiting.connect(_end(group)) as link:
        link.execute("INSERT INTO t VALUES (77)")
    with waiting.connect(_end(far)) as link:
        waiting.until(lambda: link.execute("SELECT count(*) FROM t WHERE n = 77").fetchone()[0])
    members = rds.describe_global_clusters(GlobalClusterIdentifier=name)["GlobalClusters"][0]["GlobalClusterMembers"]
    assert [one["IsWriter"] for one in members] == [True, False]
    west.remove_from_global_cluster(GlobalClusterIdentifier=name, DbClusterIdentifier=far["DBClusterArn"])

    def writes() -> bool:
        try:
            with waiting.connect(_end(far)) as link:
                link.execute("INSERT INTO t VALUES (78)")
            return True
        except psycopg.Error:
            return False

    waiting.until(writes)
    west.delete_db_instance(DBInstanceIdentifier=f"{second}-1", SkipFinalSnapshot=True)
    waiting.gone(west, f"{second}-1")
    west.delete_db_cluster(DBClusterIdentifier=second, SkipFinalSnapshot=True)
    rds.remove_from_global_cluster(GlobalClusterIdentifier=name, DbClusterIdentifier=group["DBClusterArn"])
    rds.delete_global_cluster(GlobalClusterIdentifier=name)


def test_refusals(rds: Any, group: Any) -> None:
    """AWS's codes for clusters."""
    good = {
        "DBClusterIdentifier": "never",
        "Engine": "aurora-postgresql",
        "MasterUsername": "master",
        "MasterUserPassword": "secret99",
    }
    for changed, code in (
        ({"DBClusterIdentifier": "aurora"}, "DBClusterAlreadyExistsFault"),
        ({"Engine": "aurora-mysql"}, "InvalidParameterValue"),
        ({"MasterUserPassword": "short"}, "InvalidParameterValue"),
        ({"BackupRetentionPeriod": 0}, "InvalidParameterValue"),
        ({"DBClusterParameterGroupName": "nope"}, "DBClusterParameterGroupNotFound"),
        ({"EngineMode": "serverless"}, "InvalidParameterCombination"),
        ({"ServerlessV2ScalingConfiguration": {"MinCapacity": 8, "MaxCapacity": 4}}, "InvalidParameterCombination"),
    ):
        with pytest.raises(ClientError) as caught:
            rds.create_db_cluster(**{**good, **changed})
        assert _code(caught) == code, changed
    for changed, code in (
        ({"DBClusterIdentifier": "nobody"}, "DBClusterNotFoundFault"),
        ({"MasterUsername": "x"}, "InvalidParameterCombination"),
        ({"DBInstanceClass": "db.serverless"}, "InvalidParameterCombination"),
    ):
        members = {"DBInstanceIdentifier": "never", "DBClusterIdentifier": "aurora", "Engine": "aurora-postgresql",
                   "DBInstanceClass": "db.r6g.large", **changed}  # fmt: skip
        with pytest.raises(ClientError) as caught:
            rds.create_db_instance(**members)
        assert _code(caught) == code, changed
