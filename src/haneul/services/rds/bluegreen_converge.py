"""Blue/green deployments on their way. Clients wait at the endpoint while green catches up; no commit is lost."""

from __future__ import annotations

import logging

from haneul.converge import wake
from haneul.engines.errors import EngineError
from haneul.service import Call, Step
from haneul.services.rds import names, running
from haneul.services.rds.happenings import tell
from haneul.services.rds.plane import Plane, plane
from haneul.services.rds.state import BLUE_GREENS, INSTANCES, BlueGreen, Instance

log = logging.getLogger("haneul.rds")


def step_blue_green(call: Call, row: BlueGreen) -> Step:
    with call.read() as tx:
        blue = INSTANCES.get(tx, call.scope, row.blue)
        green = INSTANCES.get(tx, call.scope, row.green)
    if row.status == "PROVISIONING":
        if green is None or green.status == "failed":
            row.status, row.details = "INVALID_CONFIGURATION", "The green environment could not be created."
            return Step(row)
        if green.status != "available":
            return Step(row, 0.3)
        row.status = "AVAILABLE"
        return Step(row)
    if row.status != "SWITCHOVER_IN_PROGRESS":
        return Step(row)
    if blue is None or green is None or call.now() > row.until:
        return _failed(call, plane(call.cloud), row, blue, "The switchover timed out.")
    if blue.status != "available" or green.status != "available":
        return Step(row, 0.2)
    return _switch(call, plane(call.cloud), row, blue, green)


def _switch(call: Call, here: Plane, row: BlueGreen, blue: Instance, green: Instance) -> Step:
    engine = here.engine(blue.engine)
    try:
        if not (engine.running(blue.server) and engine.running(green.server)):
            return Step(row, 0.2)
        # Nobody writes any more: connections end, and new ones wait at the endpoint.
        here.endpoints.reroute(blue.resource_id, [], drop=True)
        engine.execute(blue.server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = "
                       "'client backend' AND usename <> 'rdsadmin'")  # fmt: skip
        last = engine.execute(blue.server, "SELECT pg_current_wal_lsn()::text")[0][0]
        behind = engine.execute(
            green.server,
            "SELECT pg_is_in_recovery() AND coalesce(pg_wal_lsn_diff(%s, pg_last_wal_replay_lsn()) > 0, true)",
            (last,),
        )[0][0]
        if behind:
            return Step(row, 0.05)
        engine.ensure_promoted(green.server)
        engine.remove_slot(blue.server, running.slot(green.server))
    except EngineError as error:
        return _failed(call, here, row, blue, str(error)[:200])
    for one in (blue, green):
        here.endpoints.ensure_closed(one.resource_id)
    _exchange(call, row, blue, green)
    return Step(row)


def _exchange(call: Call, row: BlueGreen, blue: Instance, green: Instance) -> None:
    """Names and ports change places in one transaction; the instances' own steps open the endpoints again."""
    with call.write() as tx:
        for one in (blue, green):
            INSTANCES.delete(tx, call.scope, one.id)
        name = blue.id
        blue.id, green.id = f"{name}-old1", name
        blue.port, green.port = green.port, blue.port
        blue.wanted_port, green.wanted_port = green.wanted_port, blue.wanted_port
        green.source = ""
        for replica in INSTANCES.scan(tx, call.scope):
            if replica.source == name:
                replica.source = blue.id
                INSTANCES.put(tx, call.scope, replica)
        row.status, row.details = "SWITCHOVER_COMPLETED", ""
        row.blue, row.green = blue.id, green.id
        row.source, row.target = (names.arn(call.scope, "db", one.id) for one in (blue, green))
        BLUE_GREENS.put(tx, call.scope, row)
        for one in (green, blue):
            INSTANCES.put(tx, call.scope, one)
            wake(tx, "rds.instance", call.scope, (one.id,), call.now())
        message = "Switchover from the blue to the green environment completed"
        tell(tx, call, "db-instance", name, message, "notification", event="RDS-EVENT-0248")


def _failed(call: Call, here: Plane, row: BlueGreen, blue: Instance | None, why: str) -> Step:
    """Blue goes on as if nothing had been asked."""
    log.warning("switchover of %s failed: %s", row.name, why)
    if blue is not None:
        here.endpoints.reroute(blue.resource_id, [here.engine(blue.engine).socket(blue.server)], drop=False)
    row.status, row.details = "SWITCHOVER_FAILED", why
    return Step(row)
