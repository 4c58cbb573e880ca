"""Who writes: promotion when a writer's server ends, and when somebody asks for it."""

from __future__ import annotations

import logging

from haneul.converge import wake
from haneul.engines.errors import EngineError
from haneul.service import Call, Scope
from haneul.services.rds import proxy_converge, running
from haneul.services.rds.happenings import tell
from haneul.services.rds.plane import Plane
from haneul.services.rds.state import CLUSTERS, INSTANCES, Cluster, Instance

log = logging.getLogger("haneul.rds")


def on_end(plane: Plane, scope: Scope, cluster_id: str, instance_id: str, server: str) -> None:
    """A server ended that was not asked to: a reader is no longer waited for, a writer's best reader takes over.

    Runs in a thread of its own, at once. Promotes before it writes down who is the writer, and leads clients there only
    after: so whatever the moment of a crash, no commit that anybody was told of is on the losing side.
    """
    call = plane.cloud.call_as("rds", scope)
    if not cluster_id:
        _of_instance(call, plane, instance_id, server)
        return
    with call.read() as tx:
        cluster = CLUSTERS.get(tx, scope, cluster_id)
        members = [INSTANCES.get(tx, scope, name) for name in cluster.members] if cluster is not None else []
    rows = [row for row in members if row is not None]
    if cluster is None or not rows or cluster.status in ("stopping", "deleting"):
        return
    if rows[0].server != server:
        _forget_reader(call, plane, cluster, rows[0], server)
        return
    best = choose(plane, rows[1:])
    if best is None:
        return  # nobody can take over: the instance's own step starts the server again
    plane.engine(cluster.engine).ensure_promoted(best.server)
    _change_writer(call, cluster_id, best.id, server)
    lead(call, plane, cluster_id, drop=True)
    log.warning("cluster %s: %s writes now", cluster_id, best.id)


def choose(plane: Plane, readers: list[Instance]) -> Instance | None:
    """The reader that has received the most of the writer's log, and of those the one of the best tier."""
    found: list[tuple[int, int, str, Instance]] = []
    for row in readers:
        engine = plane.engine(row.engine)
        if row.status in ("creating", "deleting", "stopped") or not engine.running(row.server):
            continue
        try:
            rows = engine.execute(row.server, "SELECT pg_wal_lsn_diff(pg_last_wal_receive_lsn(), '0/0')")
        except EngineError:
            continue
        found.append((-int(rows[0][0] or 0), row.shape.get("PromotionTier", 1), row.id, row))
    return min(found)[3] if found else None


def _change_writer(call: Call, cluster_id: str, writer_id: str, former_server: str) -> None:
    """Write down who writes from now on, on disk before anybody is led there."""
    with call.write() as tx:
        cluster = CLUSTERS.get(tx, call.scope, cluster_id)
        writer = INSTANCES.get(tx, call.scope, writer_id)
        assert cluster is not None
        assert writer is not None
        cluster.members = [writer_id, *(name for name in cluster.members if name != writer_id)]
        cluster.volume = writer.server
        cluster.work = {**cluster.work, "synchronous": []}
        CLUSTERS.put(tx, call.scope, cluster)
        tell(tx, call, "db-cluster", cluster_id, f"Started cross AZ failover to DB instance: {writer_id}", "failover",
             event="RDS-EVENT-0073")  # fmt: skip
        tell(tx, call, "db-cluster", cluster_id, f"Completed failover to DB instance: {writer_id}", "failover",
             event="RDS-EVENT-0071")  # fmt: skip
        for name in cluster.members:
            wake(tx, "rds.instance", call.scope, (name,), call.now())
        wake(tx, "rds.cluster", call.scope, (cluster_id,), call.now() + 0.05)
    call.cloud.store.wait(tx.ticket)


def switch(call: Call, plane: Plane, cluster: Cluster, writer: Instance, target: Instance) -> None:
    """A planned change of writers: the former one ends cleanly, so the other has all of its log; then as above."""
    engine = plane.engine(cluster.engine)
    plane.disown(writer.server)
    engine.ensure_stopped(writer.server)
    engine.ensure_promoted(target.server)
    _change_writer(call, cluster.id, target.id, writer.server)
    lead(call, plane, cluster.id, drop=True)


def lead(call: Call, plane: Plane, cluster_id: str, *, drop: bool) -> None:
    """Point the cluster's endpoints at who writes and who reads now."""
    with call.read() as tx:
        cluster = CLUSTERS.get(tx, call.scope, cluster_id)
        members = [INSTANCES.get(tx, call.scope, name) for name in cluster.members] if cluster is not None else []
    rows = [row for row in members if row is not None]
    if cluster is None or not rows:
        return
    engine = plane.engine(cluster.engine)
    writer = engine.socket(rows[0].server)
    readers = [engine.socket(row.server) for row in rows[1:] if engine.running(row.server)]
    plane.endpoints.reroute(cluster.resource_id, [writer], drop=drop)
    plane.endpoints.reroute(f"{cluster.resource_id}/reader", readers or [writer], drop=drop)
    proxy_converge.follow(plane, call.scope, cluster_id)


def _forget_reader(call: Call, plane: Plane, cluster: Cluster, writer: Instance, server: str) -> None:
    """Commits must not wait for a reader that is gone."""
    if server not in cluster.work.get("synchronous", []):
        return
    with call.write() as tx:
        current = CLUSTERS.get(tx, call.scope, cluster.id)
        if current is None:
            return
        left = [one for one in current.work.get("synchronous", []) if one != server]
        current.work = {**current.work, "synchronous": left}
        CLUSTERS.put(tx, call.scope, current)
    running.refresh(call, plane, writer)
    lead(call, plane, cluster.id, drop=False)


def _of_instance(call: Call, plane: Plane, instance_id: str, server: str) -> None:
    """Multi-AZ: the standby takes over from a primary that ended; a standby that ended is no longer waited for."""
    with call.read() as tx:
        row = INSTANCES.get(tx, call.scope, instance_id)
    if row is None or not row.standby or row.status not in ("available", "backing-up"):
        return
    engine = plane.engine(row.engine)
    if server == row.standby:
        row.work = {**row.work, "synchronous": []}
        running.refresh(call, plane, row)
    elif engine.running(row.standby):
        engine.ensure_promoted(row.standby)
        row.server, row.standby = row.standby, row.server
        row.work = {**row.work, "synchronous": [], "rejoin": True}
    else:
        return
    with call.write() as tx:
        INSTANCES.put(tx, call.scope, row)
        if server != row.standby or "rejoin" in row.work:
            tell(tx, call, "db-instance", row.id, "Multi-AZ instance failover completed", "failover",
                 event="RDS-EVENT-0049")  # fmt: skip
    call.cloud.store.wait(tx.ticket)
    plane.endpoints.reroute(row.resource_id, [engine.socket(row.server)], drop=True)
    proxy_converge.follow(plane, call.scope, row.id)
