"""Bringing an instance's server up as its groups say, and opening its endpoint."""

from __future__ import annotations

from typing import Any

from haneul.engines.errors import EngineError
from haneul.engines.postgres.port import Standby
from haneul.service import Call, Scope
from haneul.services.rds import classes, names, settings
from haneul.services.rds.families import ENGINES, family
from haneul.services.rds.parameters import find
from haneul.services.rds.plane import Plane
from haneul.services.rds.state import (
    CLUSTER_PARAMETER_GROUPS,
    CLUSTERS,
    INSTANCES,
    PARAMETER_GROUPS,
    Cluster,
    Instance,
)
from haneul.services.rds.views import wanted_settings
from haneul.state.store import Reader


class CannotStart(EngineError):
    """The server does not start as its groups want it."""


def slot(server: str) -> str:
    """The replication slot of a server that follows another one."""
    return server.replace("-", "_")


def source_of(tx: Reader, scope: Scope, row: Instance) -> tuple[Scope, Instance | None]:
    """The instance that a read replica follows, in whatever region it is."""
    if row.source.startswith("arn:"):
        scope, _, name = names.split_arn(row.source)
        return scope, INSTANCES.get(tx, scope, name)
    return scope, INSTANCES.get(tx, scope, row.source)


def group_values(call: Call, tx: Reader, row: Instance) -> dict[str, str]:
    """What the instance's groups say now: its cluster's group, and its own over it."""
    values: dict[str, str] = {}
    if row.cluster:
        cluster = CLUSTERS.get(tx, call.scope, row.cluster)
        if cluster is not None:
            values = wanted_settings(row, find(tx, call.scope, CLUSTER_PARAMETER_GROUPS, cluster.group))
    return values | wanted_settings(row, find(tx, call.scope, PARAMETER_GROUPS, row.group))


def capacity(cluster: Cluster | None) -> float:
    """The most capacity units that a serverless instance may have."""
    scaling = cluster.shape.get("ServerlessV2ScalingConfiguration") if cluster is not None else None
    return float(scaling.get("MaxCapacity", 1.0)) if scaling else 1.0


def work_out(call: Call, tx: Reader, row: Instance, values: dict[str, str]) -> dict[str, str]:
    """The server's settings from the groups' values, the class' memory, and what the cloud itself needs."""
    cluster = CLUSTERS.get(tx, call.scope, row.cluster) if row.cluster else None
    memory = classes.memory(row.klass, capacity(cluster))
    cpus = classes.catalogue().get(row.klass, (2, 0))[0]
    found = settings.effective(family(row.engine, row.version), values, memory, cpus)
    shape = cluster.shape if cluster is not None else row.shape
    if shape.get("BackupRetentionPeriod", 0) > 0:
        found["archive"] = (cluster or row).resource_id.lower()
    names_of = row.work.get("synchronous", [])
    if cluster is not None:
        names_of = cluster.work.get("synchronous", []) if cluster.members[:1] == [row.id] else []
    found["synchronous_standby_names"] = synchronous(names_of)
    return found


def synchronous(servers: list[str]) -> str:
    """A commit waits for one of these standbys."""
    return f"ANY 1 ({','.join(f'{chr(34)}{name}{chr(34)}' for name in servers)})" if servers else ""


def boot(call: Call, plane: Plane, row: Instance, standby: Standby | None = None) -> None:
    """Start the server with everything that its groups say, static and dynamic; nothing when it runs already."""
    engine = plane.engine(row.engine)
    if not engine.running(row.server):
        with call.read() as tx:
            values = group_values(call, tx, row)
            row.settings = work_out(call, tx, row, values)
        row.work = {**row.work, "booted": True, "group_values": values}
        row.group_changed = False
    try:
        engine.ensure_running(row.server, row.settings, standby)
    except EngineError as error:
        if plane.closing:
            raise
        raise CannotStart(str(error)) from error
    plane.own(row.server, call.scope, row.id, row.cluster)


def refresh(call: Call, plane: Plane, row: Instance, standby: Standby | None = None) -> None:
    """Give the running server those changes of its groups that don't wait for a restart."""
    with call.read() as tx:
        wanted = group_values(call, tx, row)
        applied: dict[str, str] = dict(row.work.get("group_values", {}))
        if not row.group_changed:
            applied = _reloaded(call, tx, row, wanted, applied)
        row.settings = work_out(call, tx, row, applied)
    row.work = {**row.work, "group_values": applied}
    plane.engine(row.engine).ensure_running(row.server, row.settings, standby)
    plane.own(row.server, call.scope, row.id, row.cluster)


def _reloaded(call: Call, tx: Reader, row: Instance, wanted: dict[str, str], applied: dict[str, str]) -> dict[str, str]:
    known = settings.catalogue(family(row.engine, row.version)) or {}
    methods = _methods(call, tx, row)
    for name in wanted.keys() | applied.keys():
        parameter = known.get(name)
        if wanted.get(name) == applied.get(name) or parameter is None or parameter.static:
            continue
        if methods.get(name, "immediate") == "pending-reboot":
            continue
        if name in wanted:
            applied[name] = wanted[name]
        else:
            del applied[name]
    return applied


def _methods(call: Call, tx: Reader, row: Instance) -> dict[str, str]:
    found: dict[str, str] = {}
    cluster = CLUSTERS.get(tx, call.scope, row.cluster) if row.cluster else None
    groups: list[Any] = [find(tx, call.scope, CLUSTER_PARAMETER_GROUPS, cluster.group)] if cluster else []
    for group in [*groups, find(tx, call.scope, PARAMETER_GROUPS, row.group)]:
        if group is not None:
            found |= {name: method for name, (_, method) in group.values.items()}
    return found


def open_endpoint(call: Call, plane: Plane, row: Instance) -> None:
    """The instance's own endpoint leads to its server; its port is kept in the row."""
    shape: dict[str, Any] = row.shape
    if row.cluster:
        with call.read() as tx:
            cluster = CLUSTERS.get(tx, call.scope, row.cluster)
        shape = cluster.shape if cluster is not None else shape
    kind = ENGINES[row.engine].kind
    row.port = plane.endpoints.ensure_open(
        row.resource_id,
        ports=[row.port, row.wanted_port],
        targets=[plane.engine(row.engine).socket(row.server)],
        protocol=kind,
        iam=kind == "postgres" and bool(shape.get("IAMDatabaseAuthenticationEnabled")),
        force_tls=row.settings.get("rds.force_ssl") == "1",
    )


def replica_standby(call: Call, row: Instance) -> Standby | None:
    """How a read replica's server follows its source; None for one that follows nobody."""
    if not row.source:
        return None
    with call.read() as tx:
        _, source = source_of(tx, call.scope, row)
    return Standby(source.server, slot(row.server)) if source is not None else None


def in_window(row: Instance, now: float) -> bool:
    """Whether it is the instance's maintenance window."""
    return names.inside_weekly(row.shape["PreferredMaintenanceWindow"], now)
