"""Instances of Aurora clusters on their way: the first member writes, the others are its standbys."""

from __future__ import annotations

from haneul.converge import wake
from haneul.engines.errors import EngineError
from haneul.engines.postgres.port import Standby
from haneul.service import Call, Step
from haneul.services.rds import failover, running
from haneul.services.rds.happenings import tell
from haneul.services.rds.plane import Plane
from haneul.services.rds.state import CLUSTERS, INSTANCES, Cluster, Instance

HEALTH = 10.0
PATIENCE = 0.25
"""Seconds until a reader looks again for a writer that isn't there yet."""


def create(call: Call, plane: Plane, row: Instance) -> Step:
    """Bring a member up; `available` once its server answers and its endpoint leads there."""
    fresh = row.status == "creating"
    if not _up(call, plane, row):
        return Step(row, PATIENCE)
    running.open_endpoint(call, plane, row)
    with call.write() as tx:
        if fresh:
            tell(tx, call, "db-instance", row.id, "DB instance created", "creation", event="RDS-EVENT-0005")
        wake(tx, "rds.cluster", call.scope, (row.cluster,), call.now() + 0.05)
    row.status = "available"
    return Step(row, HEALTH)


def rest(call: Call, plane: Plane, row: Instance) -> Step:
    """An available member: its server runs in the role that the cluster gives it."""
    was_up = plane.engine(row.engine).running(row.server)
    if not _up(call, plane, row):
        return Step(row, PATIENCE)
    running.open_endpoint(call, plane, row)
    if not was_up:
        with call.write() as tx:
            tell(tx, call, "db-instance", row.id, "DB instance restarted", "availability", event="RDS-EVENT-0006")
            wake(tx, "rds.cluster", call.scope, (row.cluster,), call.now())
    if row.pending:
        with call.read() as tx:
            cluster = CLUSTERS.get(tx, call.scope, row.cluster)
        if cluster is not None and running.in_window(row, call.now()):
            row.status = "modifying"
            row.work = {**row.work, "due": sorted(row.pending)}
            return Step(row, 0.0)
    return Step(row, HEALTH)


def reboot(call: Call, plane: Plane, row: Instance) -> Step:
    """A restart in place: nobody takes over meanwhile."""
    engine = plane.engine(row.engine)
    if not row.work.get("rebooted"):
        plane.disown(row.server)
        engine.ensure_stopped(row.server)
        row.work = {**row.work, "rebooted": True}
    if not _up(call, plane, row):
        return Step(row, PATIENCE)
    running.open_endpoint(call, plane, row)
    row.work = {key: value for key, value in row.work.items() if key != "rebooted"}
    row.status = "available"
    with call.write() as tx:
        tell(tx, call, "db-instance", row.id, "DB instance restarted", "availability", event="RDS-EVENT-0006")
        wake(tx, "rds.cluster", call.scope, (row.cluster,), call.now())
    return Step(row, HEALTH)


def _up(call: Call, plane: Plane, row: Instance) -> bool:
    """Whether the member's server runs in its role; False when it has to wait for the writer."""
    with call.read() as tx:
        cluster = CLUSTERS.get(tx, call.scope, row.cluster)
        writer = INSTANCES.get(tx, call.scope, cluster.members[0]) if cluster is not None and cluster.members else None
    if cluster is None or writer is None or cluster.status == "creating":
        return False
    engine = plane.engine(row.engine)
    if writer.id == row.id:
        row.server = cluster.volume
        source = cluster.work.get("follows")
        standby = Standby(source, running.slot(row.server)) if source else None
        if standby is not None and not engine.running(source):
            return False
        if engine.running(row.server):
            running.refresh(call, plane, row, standby)
        else:
            running.boot(call, plane, row, standby)
        return True
    return _follow(call, plane, row, cluster, writer)


def _follow(call: Call, plane: Plane, row: Instance, cluster: Cluster, writer: Instance) -> bool:
    engine = plane.engine(row.engine)
    if row.server == cluster.volume or not engine.running(cluster.volume):
        return False
    standby = Standby(cluster.volume, running.slot(row.server))
    if engine.running(row.server):
        running.refresh(call, plane, row, standby)
        return True
    if engine.exists(row.server):
        engine.ensure_rejoined(row.server, standby)
    engine.ensure_standby(row.server, standby)
    running.boot(call, plane, row, standby)
    return True


def delete(call: Call, plane: Plane, row: Instance) -> Step:
    """A reader goes with its data; the last instance leaves the cluster's data behind, stopped."""
    engine = plane.engine(row.engine)
    with call.read() as tx:
        cluster = CLUSTERS.get(tx, call.scope, row.cluster)
        others = [INSTANCES.get(tx, call.scope, name) for name in cluster.members if name != row.id] if cluster else []
    left = [one for one in others if one is not None and one.status != "deleting"]
    if cluster is not None and cluster.members[:1] == [row.id] and left:
        target = failover.choose(plane, left)
        if target is None:
            return Step(row, PATIENCE)
        failover.switch(call, plane, cluster, row, target)
        return Step(row, 0.0)
    plane.disown(row.server)
    _forget(call, plane, row)
    last = cluster is None or cluster.volume == row.server
    if last:
        engine.ensure_stopped(row.server)
    else:
        assert cluster is not None
        engine.ensure_removed(row.server)
        if engine.running(cluster.volume):
            engine.remove_slot(cluster.volume, running.slot(row.server))
    with call.write() as tx:
        tell(tx, call, "db-instance", row.id, "DB instance deleted", "deletion", event="RDS-EVENT-0003")
    return Step(None)


def _forget(call: Call, plane: Plane, row: Instance) -> None:
    """The cluster no longer counts the member, and its writer no longer waits for it."""
    with call.write() as tx:
        cluster = CLUSTERS.get(tx, call.scope, row.cluster)
        if cluster is None:
            return
        synchronous = [one for one in cluster.work.get("synchronous", []) if one != row.server]
        cluster.members = [name for name in cluster.members if name != row.id]
        cluster.work = {**cluster.work, "synchronous": synchronous}
        CLUSTERS.put(tx, call.scope, cluster)
        wake(tx, "rds.cluster", call.scope, (cluster.id,), call.now())
        writer = INSTANCES.get(tx, call.scope, cluster.members[0]) if cluster.members else None
    if writer is not None and plane.engine(row.engine).running(writer.server):
        try:
            running.refresh(call, plane, writer)
        except EngineError:
            return  # its own step does it
