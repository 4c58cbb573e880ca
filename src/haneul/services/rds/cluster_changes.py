"""What a modification does to a cluster, and how one cluster follows another in a global one."""

from __future__ import annotations

from haneul.converge import wake
from haneul.engines.postgres.port import Standby
from haneul.service import Call
from haneul.services.rds import backups, names, running, secrets
from haneul.services.rds.families import family, major
from haneul.services.rds.happenings import tell
from haneul.services.rds.plane import Plane
from haneul.services.rds.state import CLUSTERS, INSTANCES, Cluster, Instance


def apply(call: Call, plane: Plane, row: Cluster) -> float | None:
    """Make the pending changes that are due, one kind a step; seconds until the next, None when all are made."""
    due = [key for key in row.work.get("due", []) if key in row.pending]
    if not due:
        return None
    key = due[0]
    if key == "MasterUserPassword":
        _with_writer(call, plane, row, _password)
    elif key == "EngineVersion":
        waited = _upgrade(call, plane, row, row.pending[key])
        if waited is not None:
            return waited
    elif key == "Port":
        for suffix in ("", "/reader"):
            plane.endpoints.ensure_closed(f"{row.resource_id}{suffix}")
        row.port, row.reader_port, row.wanted_port = 0, 0, row.pending[key]
    else:
        row.shape = {**row.shape, key: row.pending[key]}
        with call.write() as tx:
            for name in row.members:
                wake(tx, "rds.instance", call.scope, (name,), call.now() + 0.1)
    row.pending = {name: value for name, value in row.pending.items() if name != key}
    return 0.0


def _with_writer(call: Call, plane: Plane, row: Cluster, change: object) -> None:
    """Do something to the data, whether an instance runs it or not."""
    from haneul.services.rds.cluster_converge import alone

    assert callable(change)
    engine = plane.engine(row.engine)
    up = engine.running(row.volume)
    if not up:
        engine.ensure_running(row.volume, alone(call, row))
    change(call, plane, row)
    if not up and not row.members:
        engine.ensure_stopped(row.volume)


def _password(call: Call, plane: Plane, row: Cluster) -> None:
    secrets.ensure(call, row)
    if row.password:
        plane.engine(row.engine).ensure_login(row.volume, row.master, row.password, master=True)
        row.password = ""
    with call.write() as tx:
        tell(tx, call, "db-cluster", row.id, "Reset master credentials", "configuration change", event="RDS-EVENT-0016")


def _upgrade(call: Call, plane: Plane, row: Cluster, version: str) -> float | None:
    """Every instance ends, the data is upgraded once, and the readers are copied anew from the writer."""
    engine = plane.engine(row.engine)
    with call.read() as tx:
        rows = [one for one in (INSTANCES.get(tx, call.scope, name) for name in row.members) if one is not None]
    busy = [one for one in rows if one.status not in ("available", "upgrading")]
    if busy:
        return 0.2
    if any(one.status != "upgrading" for one in rows):
        _mark(call, rows, "upgrading")
        return 0.0
    for one in reversed(rows):
        plane.disown(one.server)
        engine.ensure_stopped(one.server)
    for one in rows[1:]:
        engine.ensure_removed(one.server)
    if engine.version(row.volume) != version:
        engine.ensure_upgraded(row.volume, version)
    crossed = major(row.engine, version) != major(row.engine, row.version)
    former = f"default.{family(row.engine, row.version)}"
    current = f"default.{family(row.engine, version)}"
    row.group = current if row.group == former else row.group
    row.version = version
    row.work = {**row.work, "synchronous": []}
    if crossed:
        backups.forget(call, plane, row, keep=False)
        row.latest_backup = ""
    with call.write() as tx:
        CLUSTERS.put(tx, call.scope, row)
        for one in rows:
            one.status, one.version = "starting", version
            one.group = current if one.group == former else one.group
            INSTANCES.put(tx, call.scope, one)
            wake(tx, "rds.instance", call.scope, (one.id,), call.now() + 0.05)
        tell(tx, call, "db-cluster", row.id, f"Database cluster engine version upgraded to {version}", "maintenance",
             event="RDS-EVENT-0179")  # fmt: skip
    return None


def _mark(call: Call, rows: list[Instance], status: str) -> None:
    with call.write() as tx:
        for one in rows:
            one.status = status
            INSTANCES.put(tx, call.scope, one)


# Global clusters.


def follow_global(call: Call, plane: Plane, row: Cluster, source_arn: str) -> Standby | None:
    """A copy of the primary cluster's data that will follow it; None while that has no writer that runs."""
    scope, _, name = names.split_arn(source_arn)
    with call.read() as tx:
        source = CLUSTERS.get(tx, scope, name)
    engine = plane.engine(row.engine)
    if source is None or not engine.running(source.volume):
        return None
    standby = Standby(source.volume, running.slot(row.volume))
    engine.ensure_standby(row.volume, standby)
    row.master = source.master
    return standby


def leave_global(call: Call, plane: Plane, row: Cluster) -> None:
    """What the primary cluster kept for this follower is no longer needed."""
    source = row.work.get("follows")
    engine = plane.engine(row.engine)
    if source and engine.running(source):
        engine.ensure_stopped(row.volume)
        engine.remove_slot(source, running.slot(row.volume))
