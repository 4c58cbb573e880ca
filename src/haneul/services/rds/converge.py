"""Instances on their way: one step for every status. Each may be repeated, and interrupted, at any point."""

from __future__ import annotations

import logging
from collections.abc import Callable

from haneul.converge import wake
from haneul.engines.errors import EngineError
from haneul.engines.postgres.port import Standby
from haneul.kit import tokens
from haneul.service import Call, Step
from haneul.services.rds import backups, changing, members, names, running, secrets, usage
from haneul.services.rds.happenings import tell
from haneul.services.rds.plane import Plane, plane
from haneul.services.rds.state import INSTANCES, SNAPSHOTS, Instance

log = logging.getLogger("haneul.rds")
HEALTH = 10.0
"""Seconds between looks at an instance that is at rest."""
STOPPED_FOR = 7 * 86_400.0
"""AWS starts a stopped instance again after seven days."""


def step_instance(call: Call, row: Instance) -> Step:
    """Bring an instance one status further."""
    usage.count(call, row, runs=row.status not in ("creating", "stopped"))
    step = _STEPS.get(row.status)
    return Step(row) if step is None else step(call, plane(call.cloud), row)


def _create(call: Call, plane: Plane, row: Instance) -> Step:
    if row.cluster:
        return members.create(call, plane, row)
    engine = plane.engine(row.engine)
    source = row.work.get("source", {"kind": "new"})
    standby: Standby | None = None
    if source["kind"] == "new":
        secrets.ensure(call, row)
        engine.ensure_created(row.server, row.version)
    elif source["kind"] == "backup":
        engine.ensure_restored(row.server, source["backup"], log_of=source.get("log_of"), until=source.get("until"))
    elif source["kind"] == "replica":
        standby = running.replica_standby(call, row)
        if standby is None:
            row.status = "failed"
            return Step(row)
        engine.ensure_standby(row.server, standby)
    try:
        running.boot(call, plane, row, standby)
    except running.CannotStart as error:
        return _incompatible(call, row, error)
    if row.password:
        engine.ensure_login(row.server, row.master, row.password, master=True)
    if row.shape.get("DBName") and source["kind"] == "new":
        engine.ensure_database(row.server, row.shape["DBName"], row.master)
    if row.password:
        engine.login(row.server, row.master, row.password, row.shape.get("DBName") or "")
    running.open_endpoint(call, plane, row)
    row.password = ""
    row.work = {key: value for key, value in row.work.items() if key not in ("source", "manage")}
    with call.write() as tx:
        tell(tx, call, "db-instance", row.id, "DB instance created", "creation", event="RDS-EVENT-0005")
    if row.shape.get("MultiAZ"):
        changing.ensure_second(call, plane, row)
    return _settled(call, row)


def _settled(call: Call, row: Instance) -> Step:
    """At rest, after a first backup if backups are wanted and there is none."""
    if row.work.get("due"):
        row.status = "modifying"
        return Step(row, 0.0)
    wants = row.shape.get("BackupRetentionPeriod", 0) > 0 and not row.cluster and not row.source
    row.status = "backing-up" if wants and not row.latest_backup else "available"
    return Step(row, 0.0 if row.status == "backing-up" else HEALTH)


def _incompatible(call: Call, row: Instance, error: EngineError) -> Step:
    """The server did not start with these parameters: AWS' status for that, until they change and it is rebooted."""
    log.warning("instance %s did not start: %s", row.id, error)
    row.status = "incompatible-parameters"
    with call.write() as tx:
        message = f"Database instance put into incompatible-parameters state: {str(error)[-300:]}"
        tell(tx, call, "db-instance", row.id, message, "failure", event="RDS-EVENT-0035")
    return Step(row)


def _rest(call: Call, plane: Plane, row: Instance) -> Step:
    """An available instance: its server runs, its endpoint leads there, what is due is done."""
    if row.cluster:
        return members.rest(call, plane, row)
    engine = plane.engine(row.engine)
    standby = running.replica_standby(call, row)
    if not engine.running(row.server):
        with call.write() as tx:
            tell(tx, call, "db-instance", row.id, "DB instance restarted", "availability", event="RDS-EVENT-0006")
        try:
            running.boot(call, plane, row, standby)
        except running.CannotStart as error:
            return _incompatible(call, row, error)
    else:
        running.refresh(call, plane, row, standby)
    if row.standby:
        changing.ensure_second(call, plane, row)
    running.open_endpoint(call, plane, row)
    window = names.inside_weekly(row.shape["PreferredMaintenanceWindow"], call.now())
    if row.pending and window:
        row.status = "modifying"
        row.work = {**row.work, "due": sorted(row.pending)}
        return Step(row, 0.0)
    if backups.due(row, call.now()):
        row.status = "backing-up"
        return Step(row, 0.0)
    return Step(row, HEALTH)


def _back_up(call: Call, plane: Plane, row: Instance) -> Step:
    """The daily automated snapshot, which is also the base of point-in-time restores; or waiting for a manual one."""
    if row.work.get("snapshot"):
        with call.read() as tx:
            snapshot = SNAPSHOTS.get(tx, call.scope, row.work["snapshot"])
        if snapshot is not None and snapshot.status == "creating":
            return Step(row, 1.0)
        row.work = {key: value for key, value in row.work.items() if key != "snapshot"}
    elif row.shape.get("BackupRetentionPeriod", 0) > 0 and not row.source:
        if "taking" not in row.work:  # written down first, so that a crash leaves no backup that nobody knows
            row.work = {**row.work, "taking": f"auto-{tokens.random_hex(16)}"}
            return Step(row, 0.0)
        backups.take(call, plane, row, row.server)
    row.status = "available"
    return Step(row, HEALTH)


def _start(call: Call, plane: Plane, row: Instance) -> Step:
    if row.cluster:
        return members.create(call, plane, row)
    try:
        running.boot(call, plane, row, running.replica_standby(call, row))
    except running.CannotStart as error:
        return _incompatible(call, row, error)
    running.open_endpoint(call, plane, row)
    if row.standby:
        changing.ensure_second(call, plane, row)
    with call.write() as tx:
        tell(tx, call, "db-instance", row.id, "DB instance started", "notification", event="RDS-EVENT-0088")
    return _settled(call, row)


def _stop(call: Call, plane: Plane, row: Instance) -> Step:
    engine = plane.engine(row.engine)
    plane.endpoints.ensure_closed(row.resource_id)
    if row.work.get("first"):  # the snapshot that was asked for
        with call.read() as tx:
            snapshot = SNAPSHOTS.get(tx, call.scope, row.work["first"])
        if snapshot is not None and snapshot.status == "creating":
            return Step(row, 0.1)
        row.work = {key: value for key, value in row.work.items() if key != "first"}
    if row.shape.get("BackupRetentionPeriod", 0) > 0 and engine.running(row.server) and row.latest_backup:
        backups.mark(call, plane, row, row.server)
    for server in (row.server, row.standby):
        if server:
            plane.disown(server)
            engine.ensure_stopped(server)
    with call.write() as tx:
        tell(tx, call, "db-instance", row.id, "DB instance stopped", "notification", event="RDS-EVENT-0087")
    row.status = "stopped"
    row.work = {**row.work, "stopped_at": call.now()}
    return Step(row, None if row.cluster else STOPPED_FOR)


def _stopped(call: Call, plane: Plane, row: Instance) -> Step:
    left = row.work.get("stopped_at", 0.0) + STOPPED_FOR - call.now()
    if left > 0 or row.cluster:
        return Step(row, None if row.cluster else left)
    row.status = "starting"
    return Step(row, 0.0)


def _reboot(call: Call, plane: Plane, row: Instance) -> Step:
    if row.cluster:
        return members.reboot(call, plane, row)
    engine = plane.engine(row.engine)
    if row.work.get("failover") and row.standby:
        changing.swap(call, plane, row)
        row.work = {key: value for key, value in row.work.items() if key != "failover"} | {"lead": True}
        return Step(row, 0.0)
    if row.work.get("lead"):
        changing.lead(call, plane, row)
        row.work = {key: value for key, value in row.work.items() if key != "lead"}
    else:
        plane.disown(row.server)
        engine.ensure_stopped(row.server)
        try:
            running.boot(call, plane, row, running.replica_standby(call, row))
        except running.CannotStart as error:
            return _incompatible(call, row, error)
    running.open_endpoint(call, plane, row)
    with call.write() as tx:
        tell(tx, call, "db-instance", row.id, "DB instance restarted", "availability", event="RDS-EVENT-0006")
    return _settled(call, row)


def _modify(call: Call, plane: Plane, row: Instance) -> Step:
    if row.cluster:
        return _modify_member(row)
    try:
        again = changing.apply(call, plane, row)
    except running.CannotStart as error:
        return _incompatible(call, row, error)
    if again:
        return Step(row, 0.0)
    row.work = {key: value for key, value in row.work.items() if key != "due"}
    return _settled(call, row)


def _modify_member(row: Instance) -> Step:
    """Of an Aurora instance only the class is its own: it takes a restart."""
    due = row.work.get("due", [])
    row.work = {key: value for key, value in row.work.items() if key != "due"}
    changed = {key: value for key, value in row.pending.items() if key in due}
    row.pending = {key: value for key, value in row.pending.items() if key not in due}
    row.klass = changed.pop("DBInstanceClass", row.klass)
    row.shape = {**row.shape, **changed}
    row.status = "rebooting" if "DBInstanceClass" in due else "available"
    return Step(row, 0.0)


def _delete(call: Call, plane: Plane, row: Instance) -> Step:
    """The final snapshot first; then everything that is the instance's goes, the row last."""
    final = row.work.get("final")
    if final:
        with call.read() as tx:
            snapshot = SNAPSHOTS.get(tx, call.scope, final)
        if snapshot is not None and snapshot.status == "creating":
            return Step(row, 0.1)
    plane.endpoints.ensure_closed(row.resource_id)
    engine = plane.engine(row.engine)
    if row.cluster:
        return members.delete(call, plane, row)
    if row.work.get("keep_backups") and engine.running(row.server) and row.latest_backup:
        backups.mark(call, plane, row, row.server)
    if engine.running(row.server) and not _free_replicas(call, row):
        return Step(row, 0.1)
    _leave_source(call, plane, row)
    for server in (row.standby, row.server):
        if server:
            plane.disown(server)
            engine.ensure_removed(server)
    backups.forget(call, plane, row, keep=bool(row.work.get("keep_backups")))
    secrets.remove(call, row)
    with call.write() as tx:
        tell(tx, call, "db-instance", row.id, "DB instance deleted", "deletion", event="RDS-EVENT-0003")
    return Step(None)


def _free_replicas(call: Call, row: Instance) -> bool:
    """Replicas of a deleted source stand alone from now on, by their own steps; whether all do."""
    with call.write() as tx:
        following = [one for one in INSTANCES.scan(tx, call.scope) if one.source == row.id]
        waited = [one for one in following if one.status not in ("deleting", "failed", "incompatible-parameters")]
        for replica in waited:
            if not replica.work.get("promote"):
                replica.status = "modifying"
                replica.work = {**replica.work, "promote": True}
                INSTANCES.put(tx, call.scope, replica)
                wake(tx, "rds.instance", call.scope, (replica.id,), call.now())
    return not waited


def _leave_source(call: Call, plane: Plane, row: Instance) -> None:
    standby = running.replica_standby(call, row)
    if standby is not None and plane.engine(row.engine).running(standby.source):
        plane.engine(row.engine).ensure_stopped(row.server)
        plane.engine(row.engine).remove_slot(standby.source, standby.slot)


_STEPS: dict[str, Callable[[Call, Plane, Instance], Step]] = {
    "creating": _create,
    "available": _rest,
    "backing-up": _back_up,
    "starting": _start,
    "stopping": _stop,
    "stopped": _stopped,
    "rebooting": _reboot,
    "modifying": _modify,
    "renaming": _modify,
    "upgrading": _modify,
    "resetting-master-credentials": _modify,
    "deleting": _delete,
}
