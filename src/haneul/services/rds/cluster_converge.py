"""Clusters on their way: storage first, then endpoints that follow the writer, backups, changes, and the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from haneul.converge import wake
from haneul.engines.postgres.port import Standby
from haneul.kit import tokens
from haneul.service import Call, Step
from haneul.services.rds import backups, cluster_changes, failover, names, running, secrets, settings
from haneul.services.rds.families import family
from haneul.services.rds.happenings import tell
from haneul.services.rds.parameters import find
from haneul.services.rds.plane import Plane, plane
from haneul.services.rds.state import (
    CLUSTER_PARAMETER_GROUPS,
    CLUSTER_SNAPSHOTS,
    CLUSTERS,
    ENDPOINTS,
    INSTANCES,
    Cluster,
    Instance,
)

HEALTH = 5.0
SILENT_FOR = 30.0
READER_HOST = "127.0.0.2"
"""The reader endpoint's address: a cluster has one port for both its endpoints, so they differ by address."""


def step_cluster(call: Call, row: Cluster) -> Step:
    """Bring a cluster one status further."""
    step = _STEPS.get(row.status)
    return Step(row) if step is None else step(call, plane(call.cloud), row)


def _create(call: Call, plane: Plane, row: Cluster) -> Step:
    """The storage, its master user and database; stopped again, for instances bring their own memory."""
    engine = plane.engine(row.engine)
    source = row.work.get("source", {"kind": "new"})
    standby: Standby | None = None
    if source["kind"] == "new":
        secrets.ensure(call, row)
        engine.ensure_created(row.volume, row.version)
    elif source["kind"] == "backup":
        engine.ensure_restored(row.volume, source["backup"], log_of=source.get("log_of"), until=source.get("until"))
    elif source["kind"] == "clone":
        engine.ensure_cloned(row.volume, source["server"])
    elif source["kind"] == "global":
        standby = cluster_changes.follow_global(call, plane, row, source["cluster"])
        if standby is None:
            return Step(row, 0.5)
    if standby is None:
        engine.ensure_running(row.volume, alone(call, row))
        if row.password:
            engine.ensure_login(row.volume, row.master, row.password, master=True)
        if row.shape.get("DatabaseName") and source["kind"] == "new":
            engine.ensure_database(row.volume, row.shape["DatabaseName"], row.master)
        if row.password:
            engine.login(row.volume, row.master, row.password, row.shape.get("DatabaseName") or "postgres")
    row.password = ""
    if standby is None:
        engine.ensure_stopped(row.volume)
        if "taking" not in row.work:
            row.work = {**row.work, "taking": f"auto-{tokens.random_hex(16)}"}
            return Step(row, 0.0)
        backups.take(call, plane, row, row.volume)
    row.work = {key: value for key, value in row.work.items() if key not in ("source", "manage", "taking")}
    if standby is not None:
        row.work["follows"] = standby.source
    _open(call, plane, row, [])
    with call.write() as tx:
        tell(tx, call, "db-cluster", row.id, "DB cluster created", "creation", event="RDS-EVENT-0170")
        for name in row.members:
            wake(tx, "rds.instance", call.scope, (name,), call.now() + 0.02)
    row.status = "available"
    return Step(row, HEALTH)


def alone(call: Call, row: Cluster) -> dict[str, str]:
    """Settings for the storage's server while no instance runs it."""
    with call.read() as tx:
        group = find(tx, call.scope, CLUSTER_PARAMETER_GROUPS, row.group)
    values = {name: value for name, (value, _) in group.values.items()} if group is not None else {}
    found = settings.effective(family(row.engine, row.version), values, 1 << 30, 2)
    found["archive"] = row.resource_id.lower()
    return found


def _rest(call: Call, plane: Plane, row: Cluster) -> Step:
    """An available cluster: endpoints lead to who writes and reads, commits wait for a reader, backups are taken."""
    rows = _members(call, row)
    engine = plane.engine(row.engine)
    if row.work.get("free"):
        _stand_alone(call, plane, row)
        return Step(row, 0.0)
    up = bool(rows) and engine.running(rows[0].server)
    if up and rows[0].status not in ("creating", "deleting"):
        _synchronize(call, plane, row, rows)
    _open(call, plane, row, rows)
    if row.pending and names.inside_weekly(row.shape["PreferredMaintenanceWindow"], call.now()):
        row.status = "modifying"
        row.work = {**row.work, "due": sorted(row.pending)}
        return Step(row, 0.0)
    if up and backups.due(row, call.now()) and "follows" not in row.work:
        row.status = "backing-up"
        row.work = {**row.work, "taking": f"auto-{tokens.random_hex(16)}"}
        return Step(row, 0.0)
    return Step(row, HEALTH)


def _stand_alone(call: Call, plane: Plane, row: Cluster) -> None:
    """A follower in a global cluster that was taken out of it."""
    engine = plane.engine(row.engine)
    source = row.work["follows"]
    if not engine.running(row.volume):
        standby = Standby(source, running.slot(row.volume))
        engine.ensure_running(row.volume, alone(call, row), standby)
    engine.ensure_promoted(row.volume)
    if engine.running(source):
        engine.remove_slot(source, running.slot(row.volume))
    if not row.members:
        engine.ensure_stopped(row.volume)
    row.work = {key: value for key, value in row.work.items() if key not in ("follows", "free")}


def _members(call: Call, row: Cluster) -> list[Instance]:
    with call.read() as tx:
        found = [INSTANCES.get(tx, call.scope, name) for name in row.members]
    return [one for one in found if one is not None]


def _synchronize(call: Call, plane: Plane, row: Cluster, rows: list[Instance]) -> None:
    """Commits wait for one of the readers that keep up; a reader that fell off is not waited for."""
    engine = plane.engine(row.engine)
    if "follows" in row.work:
        return
    streaming = engine.execute(
        rows[0].server, "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'"
    )
    alive = {one.server for one in rows[1:] if engine.running(one.server)}
    wanted = sorted({str(name) for (name,) in streaming} & alive)
    if wanted != row.work.get("synchronous", []):
        row.work = {**row.work, "synchronous": wanted}
        with call.write() as tx:
            current = CLUSTERS.get(tx, call.scope, row.id)
            if current is not None:
                current.work = {**current.work, "synchronous": wanted}
                CLUSTERS.put(tx, call.scope, current)
        running.refresh(call, plane, rows[0])
    _heal(call, plane, row, alive - {str(name) for (name,) in streaming})
    if len(streaming) < len(alive):
        with call.write() as tx:
            wake(tx, "rds.cluster", call.scope, (row.id,), call.now() + 0.2)


def _heal(call: Call, plane: Plane, row: Cluster, silent: set[str]) -> None:
    """A reader that runs and hasn't followed for a while has parted from its writer: it is copied anew."""
    since = {server: row.work.get("silent", {}).get(server, call.now()) for server in silent}
    for server, first in since.items():
        if call.now() - first > SILENT_FOR:
            plane.disown(server)
            plane.engine(row.engine).ensure_removed(server)  # its instance's step makes it again
    row.work = {**row.work, "silent": since} if since else {k: v for k, v in row.work.items() if k != "silent"}


def _open(call: Call, plane: Plane, row: Cluster, rows: list[Instance]) -> None:
    """The cluster's, the readers' and the custom endpoints listen and lead to the right servers."""
    engine = plane.engine(row.engine)
    up = [one for one in rows if engine.running(one.server) and one.status not in ("creating", "deleting")]
    writer = [engine.socket(one.server) for one in up if one.id == row.members[0]]
    readers = [engine.socket(one.server) for one in up if one.id != row.members[0]]
    options: dict[str, Any] = {
        "iam": bool(row.shape.get("IAMDatabaseAuthenticationEnabled")),
        "force_tls": bool(up) and up[0].settings.get("rds.force_ssl") == "1",
    }
    row.port = plane.endpoints.ensure_open(
        row.resource_id, ports=[row.port, row.wanted_port], targets=writer, **options
    )
    hosts = [READER_HOST] if plane.host == "localhost" else None
    row.reader_port = plane.endpoints.ensure_open(
        f"{row.resource_id}/reader",
        ports=[row.port if hosts else row.reader_port],
        targets=readers or writer,
        rotate=True,
        hosts=hosts,
        **options,
    )
    _open_custom(call, plane, row, up, options)


def _open_custom(call: Call, plane: Plane, row: Cluster, up: list[Instance], options: dict[str, Any]) -> None:
    engine = plane.engine(row.engine)
    with call.read() as tx:
        own = [one for one in ENDPOINTS.scan(tx, call.scope) if one.cluster == row.id]
    for position, endpoint in enumerate(own):
        chosen = [
            one
            for one in up
            if (one.id in endpoint.static if endpoint.static else one.id not in endpoint.excluded)
            and (endpoint.kind == "ANY" or one.id != row.members[0])
        ]
        hosts = [f"127.0.0.{3 + position}"] if plane.host == "localhost" else None
        port = plane.endpoints.ensure_open(
            f"{row.resource_id}/{endpoint.resource_id}",
            ports=[endpoint.port or row.port],
            targets=[engine.socket(one.server) for one in chosen],
            rotate=True,
            hosts=hosts,
            **options,
        )
        if port != endpoint.port:
            with call.write() as tx:
                endpoint.port = port
                ENDPOINTS.put(tx, call.scope, endpoint)


def _back_up(call: Call, plane: Plane, row: Cluster) -> Step:
    if row.work.get("snapshot"):
        with call.read() as tx:
            snapshot = CLUSTER_SNAPSHOTS.get(tx, call.scope, row.work["snapshot"])
        if snapshot is not None and snapshot.status == "creating":
            return Step(row, 0.5)
        row.work = {key: value for key, value in row.work.items() if key != "snapshot"}
    elif "taking" in row.work:
        backups.take(call, plane, row, row.volume)
    row.status = "available"
    return Step(row, 0.0)


def _modify(call: Call, plane: Plane, row: Cluster) -> Step:
    again = cluster_changes.apply(call, plane, row)
    if again is not None:
        return Step(row, again)
    row.status = "available"
    row.work = {key: value for key, value in row.work.items() if key != "due"}
    return Step(row, 0.0)


def _fail_over(call: Call, plane: Plane, row: Cluster) -> Step:
    """FailoverDBCluster: to the instance named, or to the one that is furthest."""
    rows = _members(call, row)
    target_id = row.work.get("target", "")
    row.status = "available"
    row.work = {key: value for key, value in row.work.items() if key != "target"}
    if not rows or rows[0].id == target_id:
        return Step(row, 0.0)
    target = next((one for one in rows[1:] if one.id == target_id), None)
    if target is None and not target_id:
        target = failover.choose(plane, rows[1:])
    if target is None or not plane.engine(row.engine).running(target.server):
        return Step(row, 0.0)
    failover.switch(call, plane, row, rows[0], target)
    return _after_switch(call, row)


def _after_switch(call: Call, row: Cluster) -> Step:
    """The switch wrote the row itself: this step ends with what it wrote, in the new status."""
    with call.write() as tx:
        current = CLUSTERS.get(tx, call.scope, row.id)
        if current is not None:
            current.status = "available"
            current.work = {key: value for key, value in current.work.items() if key != "target"}
            CLUSTERS.put(tx, call.scope, current)
    return Step(row, 0.0)


def _stop(call: Call, plane: Plane, row: Cluster) -> Step:
    """Every instance stops, the readers first; the data rests."""
    rows = _members(call, row)
    if row.work.get("synchronous"):
        row.work = {**row.work, "synchronous": []}
        with call.write() as tx:
            current = CLUSTERS.get(tx, call.scope, row.id)
            if current is not None:
                current.work = {**current.work, "synchronous": []}
                CLUSTERS.put(tx, call.scope, current)
        if rows and plane.engine(row.engine).running(rows[0].server):
            running.refresh(call, plane, rows[0])
    waiting = [one for one in rows if one.status != "stopped"]
    if waiting:
        with call.write() as tx:
            for one in [one for one in waiting if len(waiting) == 1 or one.id != row.members[0]]:
                if one.status != "stopping":
                    one.status = "stopping"
                    INSTANCES.put(tx, call.scope, one)
                    wake(tx, "rds.instance", call.scope, (one.id,), call.now())
        return Step(row, 0.1)
    for suffix in ("", "/reader"):
        plane.endpoints.ensure_closed(f"{row.resource_id}{suffix}")
    row.status = "stopped"
    return Step(row)


def _start(call: Call, plane: Plane, row: Cluster) -> Step:
    rows = _members(call, row)
    waiting = [one for one in rows if one.status != "available"]
    with call.write() as tx:
        for one in waiting:
            if one.status == "stopped":
                one.status = "starting"
                INSTANCES.put(tx, call.scope, one)
                wake(tx, "rds.instance", call.scope, (one.id,), call.now())
    if waiting:
        return Step(row, 0.1)
    row.status = "available"
    return Step(row, 0.0)


def _delete(call: Call, plane: Plane, row: Cluster) -> Step:
    if row.members and _members(call, row):
        return Step(row, 0.1)
    final = row.work.get("final")
    if final:
        with call.read() as tx:
            snapshot = CLUSTER_SNAPSHOTS.get(tx, call.scope, final)
        if snapshot is not None and snapshot.status == "creating":
            return Step(row, 0.1)
    with call.read() as tx:
        own = [one for one in ENDPOINTS.scan(tx, call.scope) if one.cluster == row.id]
    for suffix in ("", "/reader", *(f"/{one.resource_id}" for one in own)):
        plane.endpoints.ensure_closed(f"{row.resource_id}{suffix}")
    cluster_changes.leave_global(call, plane, row)
    plane.disown(row.volume)
    plane.engine(row.engine).ensure_removed(row.volume)
    backups.forget(call, plane, row, keep=bool(row.work.get("keep_backups")))
    secrets.remove(call, row)
    with call.write() as tx:
        for one in own:
            ENDPOINTS.delete(tx, call.scope, one.id)
        tell(tx, call, "db-cluster", row.id, "DB cluster deleted", "deletion", event="RDS-EVENT-0171")
    return Step(None)


_STEPS: dict[str, Callable[[Call, Plane, Cluster], Step]] = {
    "creating": _create,
    "available": _rest,
    "backing-up": _back_up,
    "modifying": _modify,
    "failing-over": _fail_over,
    "stopping": _stop,
    "starting": _start,
    "deleting": _delete,
}
