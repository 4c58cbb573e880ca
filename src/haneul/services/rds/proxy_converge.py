"""Proxies on their way: an address of their own on the engine's usual port, leading to whoever writes."""

from __future__ import annotations

from haneul.service import Call, Scope, Step
from haneul.services.rds.plane import Plane, plane
from haneul.services.rds.state import CLUSTERS, INSTANCES, PROXIES, Proxy

HEALTH = 5.0
_PORTS = {"POSTGRESQL": 5432, "MYSQL": 3306}


def address(call: Call, row: Proxy) -> str:
    """Where the proxy listens: 127.0.1.x on loopback, else the installation's own name with a port."""
    host = plane(call.cloud).host
    if host == "localhost":
        return f"127.0.1.{row.place}"
    return f"{host}:{row.port}" if row.port else host


def step_proxy(call: Call, row: Proxy) -> Step:
    here = plane(call.cloud)
    if row.status == "deleting":
        here.endpoints.ensure_closed(row.resource_id)
        return Step(None)
    host = here.host == "localhost"
    row.port = here.endpoints.ensure_open(
        row.resource_id,
        ports=[_PORTS[row.family] if host else row.port],
        targets=targets(here, call.scope, row),
        protocol="postgres" if row.family == "POSTGRESQL" else "mysql",
        force_tls=bool(row.shape.get("RequireTLS")),
        hosts=[f"127.0.1.{row.place}"] if host else None,
    )
    row.status = "available"
    return Step(row, HEALTH)


def targets(here: Plane, scope: Scope, row: Proxy) -> list[str]:
    """The socket of the server that takes writes for the proxy's target; none while there is no such server."""
    if row.target is None:
        return []
    kind, name = row.target
    with here.cloud.store.read() as tx:
        if kind == "TRACKED_CLUSTER":
            cluster = CLUSTERS.get(tx, scope, name)
            name = cluster.members[0] if cluster is not None and cluster.members else ""
        member = INSTANCES.get(tx, scope, name) if name else None
    if member is None or not here.engine(member.engine).running(member.server):
        return []
    return [here.engine(member.engine).socket(member.server)]


def follow(here: Plane, scope: Scope, name: str) -> None:
    """Lead the proxies of an instance or a cluster to its new writer, at once."""
    with here.cloud.store.read() as tx:
        rows = [row for row in PROXIES.scan(tx, scope) if row.target is not None and row.target[1] == name]
    for row in rows:
        here.endpoints.reroute(row.resource_id, targets(here, scope, row), drop=True)
