"""An instance's life: snapshots, restores, replicas, changes, stops, failovers, restarts, the end."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.api.rds import waiting


def _code(caught: Any) -> str:
    return str(caught.value.response["Error"]["Code"])


def _delete(rds: Any, name: str) -> None:
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    waiting.gone(rds, name)


def _rows(endpoint: dict[str, Any], **options: Any) -> int:
    with waiting.connect(endpoint, **options) as link:
        return int(link.execute("SELECT count(*) FROM t").fetchone()[0])


@pytest.fixture(scope="module", autouse=True)
def table(db: Any) -> Iterator[None]:
    with waiting.connect(db["Endpoint"]) as link:
        link.execute("CREATE TABLE t (i int)")
        link.execute("INSERT INTO t SELECT generate_series(1, 100)")
    yield


def test_a_snapshot_holds_its_moment_and_is_restored(rds: Any, db: Any, unique: Any, client: Any) -> None:
    """Create, wait with AWS's own waiter, copy, share, restore, delete."""
    name, snap, copy, restored = db["DBInstanceIdentifier"], unique("snap"), unique("copy"), unique("res")
    made = rds.create_db_snapshot(DBSnapshotIdentifier=snap, DBInstanceIdentifier=name)["DBSnapshot"]
    assert made["Status"] == "creating" and made["SnapshotType"] == "manual"
    with pytest.raises(rds.exceptions.DBSnapshotAlreadyExistsFault):
        rds.create_db_snapshot(DBSnapshotIdentifier=snap, DBInstanceIdentifier=name)
    rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier=snap, WaiterConfig={"Delay": 1})
    waiting.instance(rds, name)
    with waiting.connect(db["Endpoint"]) as link:
        link.execute("INSERT INTO t VALUES (-1)")
    rds.copy_db_snapshot(SourceDBSnapshotIdentifier=snap, TargetDBSnapshotIdentifier=copy)
    rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier=copy, WaiterConfig={"Delay": 1})
    rds.delete_db_snapshot(DBSnapshotIdentifier=snap)
    rds.modify_db_snapshot_attribute(DBSnapshotIdentifier=copy, AttributeName="restore", ValuesToAdd=["333333333333"])
    other = client("rds", account="333333333333")
    arn = rds.describe_db_snapshots(DBSnapshotIdentifier=copy)["DBSnapshots"][0]["DBSnapshotArn"]
    shared = other.describe_db_snapshots(SnapshotType="shared")["DBSnapshots"]
    assert [one["DBSnapshotIdentifier"] for one in shared] == [arn]
    rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier=restored, DBSnapshotIdentifier=copy)
    found = waiting.instance(rds, restored)
    assert found["Endpoint"]["Port"] != db["Endpoint"]["Port"]
    assert _rows(found["Endpoint"]) == 100
    _delete(rds, restored)
    rds.delete_db_snapshot(DBSnapshotIdentifier=copy)
    with pytest.raises(rds.exceptions.DBSnapshotNotFoundFault):
        rds.describe_db_snapshots(DBSnapshotIdentifier=copy)


def test_a_second_comes_back_exactly(rds: Any, db: Any, unique: Any) -> None:
    """Point-in-time restore: what was committed before, nothing of what came after."""
    target = unique("pit")
    with waiting.connect(db["Endpoint"]) as link:
        link.execute("INSERT INTO t SELECT generate_series(1, 500)")
        before, moment = link.execute("SELECT count(*), now() FROM t").fetchone()
        time.sleep(1.1)
        link.execute("DELETE FROM t")
        link.execute("INSERT INTO t SELECT generate_series(1, 100)")
    rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier=db["DBInstanceIdentifier"], TargetDBInstanceIdentifier=target, RestoreTime=moment
    )
    assert _rows(waiting.instance(rds, target)["Endpoint"]) == before
    _delete(rds, target)
    with pytest.raises(ClientError) as caught:
        rds.restore_db_instance_to_point_in_time(
            SourceDBInstanceIdentifier=db["DBInstanceIdentifier"], TargetDBInstanceIdentifier=target
        )
    assert _code(caught) == "InvalidParameterCombination"


def test_a_replica_follows_and_is_promoted(rds: Any, db: Any, unique: Any) -> None:
    """Reads what the source wrote, refuses writes; promoted it takes them."""
    name, source = unique("rep"), db["DBInstanceIdentifier"]
    rds.create_db_instance_read_replica(DBInstanceIdentifier=name, SourceDBInstanceIdentifier=source)
    replica = waiting.instance(rds, name)
    assert replica["ReadReplicaSourceDBInstanceIdentifier"] == source
    assert (
        name
        in rds.describe_db_instances(DBInstanceIdentifier=source)["DBInstances"][0]["ReadReplicaDBInstanceIdentifiers"]
    )
    with waiting.connect(db["Endpoint"]) as link:
        link.execute("INSERT INTO t VALUES (-7)")
    with waiting.connect(replica["Endpoint"]) as link:
        waiting.until(lambda: link.execute("SELECT count(*) FROM t WHERE i = -7").fetchone()[0] == 1)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            link.execute("INSERT INTO t VALUES (0)")
    rds.promote_read_replica(DBInstanceIdentifier=name)
    promoted = waiting.instance(rds, name)
    assert "ReadReplicaSourceDBInstanceIdentifier" not in promoted
    with waiting.connect(promoted["Endpoint"]) as link:
        link.execute("INSERT INTO t VALUES (0)")
    _delete(rds, name)


def test_modifications_at_once_and_in_the_window(rds: Any, db: Any) -> None:
    """Password and storage now; the class waits, and shows as pending."""
    name = db["DBInstanceIdentifier"]
    rds.modify_db_instance(DBInstanceIdentifier=name, DBInstanceClass="db.t3.small")
    found = waiting.instance(rds, name)
    assert found["PendingModifiedValues"] == {"DBInstanceClass": "db.t3.small"}
    assert found["DBInstanceClass"] == "db.t3.micro"
    answer = rds.modify_db_instance(
        DBInstanceIdentifier=name, AllocatedStorage=30, MasterUserPassword="changed-99", ApplyImmediately=True
    )["DBInstance"]
    assert answer["PendingModifiedValues"]["MasterUserPassword"] == "****"
    found = waiting.instance(rds, name)
    assert found["AllocatedStorage"] == 30 and found["DBInstanceClass"] == "db.t3.small"
    assert found["PendingModifiedValues"] == {}
    with pytest.raises(psycopg.OperationalError):
        waiting.connect(found["Endpoint"])
    assert _rows(found["Endpoint"], password="changed-99")
    with pytest.raises(ClientError) as caught:
        rds.modify_db_instance(DBInstanceIdentifier=name, AllocatedStorage=20, ApplyImmediately=True)
    assert _code(caught) == "InvalidParameterCombination"
    rds.modify_db_instance(DBInstanceIdentifier=name, MasterUserPassword="secret99")
    waiting.instance(rds, name)
    assert _rows(found["Endpoint"])


def test_stop_start_and_states_that_forbid(rds: Any, db: Any) -> None:
    """A stopped instance refuses connections and modifications; started it has its data."""
    name = db["DBInstanceIdentifier"]
    rows = _rows(db["Endpoint"])
    with pytest.raises(ClientError) as caught:
        rds.start_db_instance(DBInstanceIdentifier=name)
    assert _code(caught) == "InvalidDBInstanceState"
    rds.stop_db_instance(DBInstanceIdentifier=name, DBSnapshotIdentifier="before-the-stop")
    waiting.instance(rds, name, "stopped")
    snapshot = rds.describe_db_snapshots(DBSnapshotIdentifier="before-the-stop")["DBSnapshots"][0]
    assert snapshot["Status"] == "available"
    rds.delete_db_snapshot(DBSnapshotIdentifier="before-the-stop")
    with pytest.raises(psycopg.OperationalError):
        waiting.connect(db["Endpoint"])
    for operation, members in (
        ("modify_db_instance", {"AllocatedStorage": 40}),
        ("reboot_db_instance", {}),
        ("stop_db_instance", {}),
    ):
        with pytest.raises(ClientError) as caught:
            getattr(rds, operation)(DBInstanceIdentifier=name, **members)
        assert _code(caught) == "InvalidDBInstanceState"
    rds.start_db_instance(DBInstanceIdentifier=name)
    found = waiting.instance(rds, name)
    assert found["Endpoint"]["Address"] == db["Endpoint"]["Address"]  # another cloud may have taken its port meanwhile
    assert _rows(found["Endpoint"]) == rows


def test_a_killed_server_is_noticed_and_repaired(rds: Any, db: Any) -> None:
    """kill -9 of the postmaster: the same endpoint answers again, with the data."""
    db = waiting.instance(rds, db["DBInstanceIdentifier"])
    with waiting.connect(db["Endpoint"]) as link:
        backend = link.execute("SELECT pg_backend_pid()").fetchone()[0]
        with open(f"/proc/{backend}/stat") as file:
            postmaster = int(file.read().rpartition(")")[2].split()[1])
        os.kill(postmaster, 9)

    def look() -> int:
        try:
            return _rows(db["Endpoint"])
        except psycopg.Error:
            return 0

    assert waiting.until(look)


def test_multi_az_fails_over_without_losing_a_commit(rds: Any, db: Any) -> None:
    """A synchronous standby takes over, asked to or not."""
    name = db["DBInstanceIdentifier"]
    rds.modify_db_instance(DBInstanceIdentifier=name, MultiAZ=True, ApplyImmediately=True)
    found = waiting.instance(rds, name)
    assert found["MultiAZ"] and found["SecondaryAvailabilityZone"] != found["AvailabilityZone"]
    with waiting.connect(found["Endpoint"]) as link:
        assert link.execute("SHOW synchronous_standby_names").fetchone()[0].startswith("ANY 1")
        link.execute("INSERT INTO t VALUES (-42)")
    rds.reboot_db_instance(DBInstanceIdentifier=name, ForceFailover=True)
    waiting.instance(rds, name)
    with waiting.connect(found["Endpoint"]) as link:
        assert link.execute("SELECT count(*) FROM t WHERE i = -42").fetchone() == (1,)
        link.execute("INSERT INTO t VALUES (-43)")
    rds.modify_db_instance(DBInstanceIdentifier=name, MultiAZ=False, ApplyImmediately=True)
    assert not waiting.instance(rds, name)["MultiAZ"]


def test_the_end_leaves_a_final_snapshot_and_nothing_else(rds: Any, cloud: Any, unique: Any) -> None:
    """Deletion protection holds; a final snapshot has to be agreed on; afterwards no data is left."""
    name, final = unique("gone"), unique("final")
    waiting.new(rds, name, DeletionProtection=True)
    for options, words in (
        ({"SkipFinalSnapshot": True}, "Cannot delete protected DB Instance"),
        ({}, "Cannot delete protected"),
    ):
        with pytest.raises(ClientError, match=words):
            rds.delete_db_instance(DBInstanceIdentifier=name, **options)
    resource = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["DbiResourceId"].lower()
    rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False)
    waiting.instance(rds, name)
    with pytest.raises(ClientError, match="FinalDBSnapshotIdentifier is required"):
        rds.delete_db_instance(DBInstanceIdentifier=name)
    rds.delete_db_instance(DBInstanceIdentifier=name, FinalDBSnapshotIdentifier=final)
    waiting.gone(rds, name)
    assert rds.describe_db_snapshots(DBSnapshotIdentifier=final)["DBSnapshots"][0]["Status"] == "available"
    assert not [one for one in rds.describe_db_snapshots()["DBSnapshots"] if one["SnapshotType"] == "automated"
                and one["DBInstanceIdentifier"] == name]  # fmt: skip
    assert not list((cloud.data / "engines" / "postgres").glob(f"*/{resource}*"))
    rds.delete_db_snapshot(DBSnapshotIdentifier=final)


def test_databases_come_back_with_the_cloud(fresh_cloud: Any) -> None:
    """Stopped and started, or killed: the same endpoint, the same data, no process left in between."""
    cloud = fresh_cloud()
    rds = cloud.client("rds")
    found = waiting.new(rds, "back")
    with waiting.connect(found["Endpoint"]) as link:
        link.execute("CREATE TABLE t AS SELECT generate_series(1, 10) AS i")
    for how in (cloud.stop, cloud.kill):
        how()
        waiting.until(lambda: not _servers(cloud.data))
        cloud.start()

        def look() -> int:
            try:
                return _rows(found["Endpoint"])
            except psycopg.Error:
                return 0

        assert waiting.until(look) == 10


def _servers(data: Any) -> list[int]:
    """Processes that work in the data folder."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if os.readlink(f"/proc/{entry}/cwd").startswith(str(data)):
                    found.append(int(entry))
            except OSError:
                continue
    return found
