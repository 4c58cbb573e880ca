"""What a modification does to an instance: one function for each kind of change; and the second server of Multi-AZ."""

from __future__ import annotations

from typing import Any

from haneul.engines.postgres.port import Standby
from haneul.service import Call
from haneul.services.rds import backups, running, secrets
from haneul.services.rds.families import ENGINES, family, major
from haneul.services.rds.happenings import tell
from haneul.services.rds.plane import Plane
from haneul.services.rds.state import Instance
from haneul.services.rds.views import default_group

_STORED = ("AllocatedStorage", "Iops", "StorageType", "StorageThroughput", "LicenseModel", "CACertificateIdentifier")


def apply(call: Call, plane: Plane, row: Instance) -> bool:
    """Make the pending changes, one kind a step; whether there are more."""
    engine = plane.engine(row.engine)
    if row.work.get("promote"):
        promote(call, plane, row)
        return True
    due = row.work.get("due", [])
    if "EngineVersion" not in due:  # an upgrade has the server stopped, and may have been interrupted there
        running.boot(call, plane, row, running.replica_standby(call, row))
    pending = {key: value for key, value in row.pending.items() if key in due}
    done: dict[str, Any] = {}
    if "EngineVersion" in pending:
        _upgrade(call, plane, row, pending["EngineVersion"])
        done["EngineVersion"] = ""
    elif "MasterUserPassword" in pending:
        secrets.ensure(call, row)
        if row.password:
            engine.ensure_login(row.server, row.master, row.password, master=True)
            engine.login(row.server, row.master, row.password, row.shape.get("DBName") or "")
            row.password = ""
        _tell(call, row, "Reset master credentials", "configuration change", "RDS-EVENT-0016")
        done["MasterUserPassword"] = ""
    elif "DBInstanceClass" in pending:
        row.klass = pending["DBInstanceClass"]
        _restart(call, plane, row)
        _tell(
            call, row, "Finished applying modification to DB instance class", "configuration change", "RDS-EVENT-0014"
        )
        done["DBInstanceClass"] = ""
    elif "MultiAZ" in pending:
        row.shape = {**row.shape, "MultiAZ": pending["MultiAZ"]}
        _multi_az(call, plane, row)
        done["MultiAZ"] = ""
    elif "BackupRetentionPeriod" in pending:
        row.shape = {**row.shape, "BackupRetentionPeriod": pending["BackupRetentionPeriod"]}
        running.refresh(call, plane, row, running.replica_standby(call, row))
        if not row.shape["BackupRetentionPeriod"]:
            backups.forget(call, plane, row, keep=False)
            row.latest_backup = ""
        done["BackupRetentionPeriod"] = ""
    elif "Port" in pending:
        plane.endpoints.ensure_closed(row.resource_id)
        row.port, row.wanted_port = 0, pending["Port"]
        _restart(call, plane, row)
        running.open_endpoint(call, plane, row)
        done["Port"] = ""
    elif "IAMDatabaseAuthenticationEnabled" in pending:
        row.shape = {**row.shape, "IAMDatabaseAuthenticationEnabled": pending["IAMDatabaseAuthenticationEnabled"]}
        running.open_endpoint(call, plane, row)
        done["IAMDatabaseAuthenticationEnabled"] = ""
    else:
        stored = {key: pending[key] for key in _STORED if key in pending}
        row.shape = {**row.shape, **stored}
        row.pending = {key: value for key, value in row.pending.items() if key not in due}
        row.work = {key: value for key, value in row.work.items() if key != "due"}
        return False
    row.pending = {key: value for key, value in row.pending.items() if key not in done}
    return any(key in due for key in row.pending)


def _tell(call: Call, row: Instance, message: str, category: str, event: str) -> None:
    with call.write() as tx:
        tell(tx, call, "db-instance", row.id, message, category, event=event)


def _restart(call: Call, plane: Plane, row: Instance) -> None:
    plane.disown(row.server)
    plane.engine(row.engine).ensure_stopped(row.server)
    standby = running.replica_standby(call, row)
    running.boot(call, plane, row, standby)


def _upgrade(call: Call, plane: Plane, row: Instance, version: str) -> None:
    """A later version: in place, the former data kept until the new one is whole. The old backups can't follow."""
    engine = plane.engine(row.engine)
    plane.disown(row.server)
    if row.standby:
        plane.disown(row.standby)
        engine.ensure_removed(row.standby)
    engine.ensure_stopped(row.server)
    if engine.version(row.server) != version:
        engine.ensure_upgraded(row.server, version)
    crossed = major(row.engine, version) != major(row.engine, row.version)
    was_default = row.group == default_group(row.engine, row.version)
    row.version = version
    if row.work.get("new_group"):
        row.group = row.work["new_group"]
    elif crossed and was_default:
        row.group = f"default.{family(row.engine, version)}"
    if crossed and not row.cluster:
        backups.forget(call, plane, row, keep=False)
        row.latest_backup = ""
    running.boot(call, plane, row, running.replica_standby(call, row))
    if row.standby:
        row.standby = ""
        _multi_az(call, plane, row)
    _tell(call, row, f"DB instance engine version was upgraded to {version}", "maintenance", "RDS-EVENT-0047")


def promote(call: Call, plane: Plane, row: Instance) -> None:
    """A read replica becomes an instance of its own."""
    engine = plane.engine(row.engine)
    standby = running.replica_standby(call, row)
    if standby is None:
        running.boot(call, plane, row, None)
    else:
        engine.ensure_running(row.server, row.settings, standby)
        if ENGINES[row.engine].kind == "postgres":
            row.work = {**row.work, "synchronous": []}
        engine.ensure_promoted(row.server)
        if engine.running(standby.source):
            engine.remove_slot(standby.source, standby.slot)
    row.source = ""
    running.refresh(call, plane, row)
    row.work = {key: value for key, value in row.work.items() if key != "promote"}
    _tell(
        call,
        row,
        "Promoted Read Replica instance to a stand-alone database instance.",
        "read replica",
        "RDS-EVENT-0045",
    )


# Multi-AZ: a synchronous standby in a process group of its own.


def _multi_az(call: Call, plane: Plane, row: Instance) -> None:
    if row.shape["MultiAZ"]:
        ensure_second(call, plane, row)
        return
    if row.standby:
        row.work = {**row.work, "synchronous": []}
        running.refresh(call, plane, row)
        plane.disown(row.standby)
        plane.engine(row.engine).ensure_removed(row.standby)
        plane.engine(row.engine).remove_slot(row.server, running.slot(row.standby))
        row.standby = ""


def ensure_second(call: Call, plane: Plane, row: Instance) -> None:
    """The standby exists, follows, and commits wait for it."""
    engine = plane.engine(row.engine)
    base = row.resource_id.lower()
    row.standby = row.standby or (f"{base}-2" if row.server != f"{base}-2" else base)
    standby = Standby(row.server, running.slot(row.standby))
    if row.work.get("rejoin"):
        engine.ensure_rejoined(row.standby, standby)
        row.work = {key: value for key, value in row.work.items() if key != "rejoin"}
    engine.ensure_standby(row.standby, standby)
    engine.ensure_running(row.standby, {**row.settings, "archive": "", "synchronous_standby_names": ""}, standby)
    plane.own(row.standby, call.scope, row.id)
    if row.work.get("synchronous") != [row.standby]:
        row.work = {**row.work, "synchronous": [row.standby]}
        running.refresh(call, plane, row)


def swap(call: Call, plane: Plane, row: Instance) -> None:
    """Fail over, first half: the standby becomes the primary. Nobody is led there before the row says so on disk."""
    engine = plane.engine(row.engine)
    former = row.server
    plane.disown(former)
    engine.ensure_stopped(former)
    if not engine.running(row.standby):  # the cloud ended in between
        engine.ensure_running(row.standby, row.settings, Standby(former, running.slot(row.standby)))
    engine.ensure_promoted(row.standby)
    row.server, row.standby = row.standby, former
    row.work = {**row.work, "synchronous": [], "rejoin": True}


def lead(call: Call, plane: Plane, row: Instance) -> None:
    """Fail over, second half: clients go to the new primary, and the former one follows it."""
    engine = plane.engine(row.engine)
    running.boot(call, plane, row)
    running.refresh(call, plane, row)
    plane.endpoints.reroute(row.resource_id, [engine.socket(row.server)], drop=True)
    ensure_second(call, plane, row)
    _tell(call, row, "Multi-AZ instance failover completed", "failover", "RDS-EVENT-0049")
