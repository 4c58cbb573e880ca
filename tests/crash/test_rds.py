"""The process killed after every engine call of a database's life: the end is the same, and nothing is left over."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from tests.api.rds import waiting
from tests.running import RunningCloud

MOST = 60
"""More engine calls than any of the stories below takes."""
MEMBERS = {
    "Engine": "postgres",
    "DBInstanceClass": "db.t3.micro",
    "AllocatedStorage": 20,
    "MasterUsername": "master",
    "MasterUserPassword": "secret99",
    "DBName": "app",
}
CLUSTER = {"Engine": "aurora-postgresql", "MasterUsername": "master", "MasterUserPassword": "secret99"}
MEMBER = {"Engine": "aurora-postgresql", "DBInstanceClass": "db.r6g.large", "DBClusterIdentifier": "c"}


class Story:
    """A cloud that dies at the n-th engine call after `arm(n)`, and is started again by whoever needs it."""

    def __init__(self, fake: bool) -> None:
        self.cloud = RunningCloud("--log-level", "error")
        self.folder = self.cloud.data / "engines" / "postgres"
        self.folder.mkdir(parents=True)
        if fake:
            (self.folder / "fake").touch()
        self.cloud.start()

    @property
    def rds(self) -> Any:
        if self.cloud.process is not None and self.cloud.process.poll() is not None:
            self.cloud.start()
        return self.cloud.client("rds")

    def arm(self, number: int) -> None:
        """The flag is read when the engine is opened: the cloud starts with it."""
        self.cloud.stop()
        (self.folder / "kill-after").write_text(str(number))
        self.cloud.start()

    def armed(self) -> bool:
        return (self.folder / "kill-after").exists()

    def tell(self, act: Callable[[Any], Any], end: Callable[[Any], Any]) -> None:
        """Do something, across deaths, until the end is reached."""
        deadline = time.monotonic() + 150
        done = False
        while time.monotonic() < deadline:
            try:
                if not done:
                    done = self._try(act)
                if end(self.rds):
                    return
            except (botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectionClosedError,
                    botocore.exceptions.ReadTimeoutError, botocore.exceptions.HTTPClientError):  # fmt: skip
                pass
            time.sleep(0.02)
        rows = self.rds.describe_db_instances()["DBInstances"]
        state = [(one["DBInstanceIdentifier"], one["DBInstanceStatus"], one["PendingModifiedValues"]) for one in rows]
        raise AssertionError(f"the end was not reached: {state}, {self.left()}:\n{self.cloud.log()[-3000:]}")

    def _try(self, act: Callable[[Any], Any]) -> bool:
        """Act; False when the cluster is still busy with what came before, so that it is to be tried again."""
        try:
            act(self.rds)
        except botocore.exceptions.ClientError as error:
            if "InvalidDBClusterState" in str(error):
                return False
            if not any(word in str(error) for word in ("AlreadyExists", "InvalidDBInstanceState", "NotFound")):
                raise  # the others say that it was done before the death
        return True

    def left(self) -> dict[str, list[str]]:
        return {
            name: sorted(path.name for path in (self.folder / name).iterdir())
            for name in ("servers", "backups", "archives")
            if (self.folder / name).is_dir()
        }


@pytest.fixture
def story() -> Iterator[Callable[[bool], Story]]:
    made: list[Story] = []

    def make(fake: bool) -> Story:
        made.append(Story(fake))
        return made[-1]

    yield make
    for one in made:
        one.cloud.close()


def _available(name: str) -> Callable[[Any], bool]:
    def look(rds: Any) -> bool:
        found = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
        return bool(found[0]["DBInstanceStatus"] == "available")

    return look


def _gone(rds: Any) -> bool:
    return not rds.describe_db_instances()["DBInstances"]


def _nothing(rds: Any) -> bool:
    return not rds.describe_db_clusters()["DBClusters"] and _gone(rds)


def _settled_snapshot(rds: Any) -> bool:
    found = rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    return bool(found) and found[0]["Status"] == "available"


def _delete_all(rds: Any) -> None:
    for one in rds.describe_db_instances()["DBInstances"]:
        if one["DBInstanceStatus"] != "deleting":
            rds.delete_db_instance(DBInstanceIdentifier=one["DBInstanceIdentifier"], SkipFinalSnapshot=True)


def _life(one: Story, number: int) -> bool:
    """Create, snapshot, modify, restore, replicate, delete; whether the death came within it."""
    one.tell(lambda rds: rds.create_db_instance(DBInstanceIdentifier="a", **MEMBERS), _available("a"))
    one.tell(lambda rds: rds.create_db_snapshot(DBInstanceIdentifier="a", DBSnapshotIdentifier="s"), _settled_snapshot)
    one.tell(lambda rds: None, _available("a"))
    one.tell(
        lambda rds: rds.modify_db_instance(
            DBInstanceIdentifier="a",
            MasterUserPassword="changed-9",
            DBInstanceClass="db.t3.small",
            ApplyImmediately=True,
        ),
        lambda rds: (
            _available("a")(rds)
            and rds.describe_db_instances(DBInstanceIdentifier="a")["DBInstances"][0]["DBInstanceClass"]
            == "db.t3.small"
        ),
    )
    one.tell(
        lambda rds: rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="b", DBSnapshotIdentifier="s"),
        _available("b"),
    )
    one.tell(
        lambda rds: rds.create_db_instance_read_replica(DBInstanceIdentifier="r", SourceDBInstanceIdentifier="a"),
        _available("r"),
    )
    one.tell(_delete_all, _gone)
    one.tell(lambda rds: rds.delete_db_snapshot(DBSnapshotIdentifier="s"), lambda rds: not one.left()["backups"])
    return not one.armed()


def _calls(folder: Path) -> int:
    return int((folder / "kill-after").read_text())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_life_with_a_death_at_every_engine_call(story: Any) -> None:
    """On the shipped double, so that every moment is reached; HANEUL_BUDGET raises how many (each takes seconds)."""
    budget = int(os.environ.get("HANEUL_BUDGET", "6"))
    step = max(1, MOST // budget)
    for number in range(1, MOST + 1, step):
        one = story(True)
        one.arm(number)
        died = _life(one, number)
        assert one.left() == {"servers": [], "backups": [], "archives": []}, number
        one.cloud.close()
        if not died:
            break


def test_a_real_server_survives_a_death_while_it_is_made(story: Any) -> None:
    """The same on PostgreSQL itself, killed in the middle of creating: the password works, and one server is there."""
    for number in (1, 3):
        one = story(False)
        one.arm(number)
        one.tell(lambda rds: rds.create_db_instance(DBInstanceIdentifier="a", **MEMBERS), _available("a"))
        assert not one.armed()
        endpoint = one.rds.describe_db_instances(DBInstanceIdentifier="a")["DBInstances"][0]["Endpoint"]
        waiting.connect(endpoint).close()
        assert len(one.left()["servers"]) == 1
        one.tell(_delete_all, _gone)
        assert one.left() == {"servers": [], "backups": [], "archives": []}
        one.cloud.close()


def test_a_cluster_with_deaths_in_its_life(story: Any) -> None:
    """Writer and reader, failover, the end; on the double."""
    for number in (2, 9, 16):
        one = story(True)
        one.arm(number)
        one.tell(
            lambda rds: rds.create_db_cluster(DBClusterIdentifier="c", **CLUSTER),
            lambda rds: rds.describe_db_clusters(DBClusterIdentifier="c")["DBClusters"][0]["Status"] == "available",
        )
        for name in ("w", "x"):
            one.tell(
                lambda rds, name=name: rds.create_db_instance(DBInstanceIdentifier=name, **MEMBER), _available(name)
            )
        one.tell(
            lambda rds: rds.failover_db_cluster(DBClusterIdentifier="c", TargetDBInstanceIdentifier="x"),
            lambda rds: (
                rds.describe_db_clusters()["DBClusters"][0]["DBClusterMembers"][0]["DBInstanceIdentifier"] == "x"
            ),
        )
        one.tell(lambda rds: None, _available("w"))
        one.tell(_delete_all, _gone)
        one.tell(lambda rds: rds.delete_db_cluster(DBClusterIdentifier="c", SkipFinalSnapshot=True), _nothing)
        assert one.left() == {"servers": [], "backups": [], "archives": []}, number
        one.cloud.close()


def test_the_double_keeps_what_it_is_told(tmp_path: Path) -> None:
    """The fake's own promise: what it did is on disk, what ran is not."""
    from haneul.engines.postgres.fake import FakePostgres

    FakePostgres(tmp_path).ensure_created("a", "18.4")
    again = FakePostgres(tmp_path)
    assert again.names() == ["a"] and not again.running("a")
    assert json.loads((tmp_path / "servers" / "a").read_text())["version"] == "18.4"
