"""Starting, stopping and rebooting instances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call, operation
from haneul.services.rds import snapshots, tags, views
from haneul.services.rds.errors import errors, mixed
from haneul.services.rds.instances import find
from haneul.services.rds.state import INSTANCES, Instance
from haneul.state.store import Writer

_ARN = "arn:aws:rds:{region}:{account}:db:{DBInstanceIdentifier}"


@operation(resource=_ARN)
def start_db_instance(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """StartDBInstance: a stopped one."""
    with call.write() as tx:
        row = find(call, tx, request["DBInstanceIdentifier"])
        _not_of_cluster(row, "started", "StartDBCluster")
        if row.status != "stopped":
            raise errors.InvalidDBInstanceState(
                f"Instance {row.id} cannot be started as it is not in one of the following statuses: 'stopped, "
                "inaccessible-encryption-credentials-recoverable, incompatible-network (only valid for non-SqlServer "
                "instances)'."
            )
        return _begin(call, tx, row, "starting")


@operation(resource=_ARN)
def stop_db_instance(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """StopDBInstance: an available one, with a snapshot first if one is named."""
    with call.write() as tx:
        row = find(call, tx, request["DBInstanceIdentifier"])
        _not_of_cluster(row, "stopped", "StopDBCluster")
        if row.status != "available":
            raise errors.InvalidDBInstanceState(f"Instance {row.id} is not in available state.")
        if row.source or any(one.source == row.id for one in INSTANCES.scan(tx, call.scope)):
            raise errors.InvalidDBInstanceState(
                f"The instance {row.id} can't be stopped: it is a read replica or has read replicas."
            )
        if request.get("DBSnapshotIdentifier"):
            snapshot = snapshots.begin(call, tx, row, request["DBSnapshotIdentifier"], tags.read(None))
            row.work = {**row.work, "first": snapshot.id}
        return _begin(call, tx, row, "stopping")


@operation(resource=_ARN)
def reboot_db_instance(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RebootDBInstance: static parameters take effect; with ForceFailover the standby takes over."""
    with call.write() as tx:
        row = find(call, tx, request["DBInstanceIdentifier"])
        if row.status not in ("available", "incompatible-parameters"):
            raise errors.InvalidDBInstanceState(f"Instance {row.id} is not in available state.")
        if request.get("ForceFailover"):
            if not row.standby:
                raise mixed("ForceFailover can only be specified for a Multi-AZ instance.")
            row.work = {**row.work, "failover": True}
        return _begin(call, tx, row, "rebooting")


def _not_of_cluster(row: Instance, what: str, instead: str) -> None:
    if row.cluster:
        raise errors.InvalidDBInstanceState(
            f"The instance {row.id} can't be {what} individually: it belongs to a DB cluster. Use {instead} instead."
        )


def _begin(call: Call, tx: Writer, row: Instance, status: str) -> dict[str, Any]:
    row.status = status
    INSTANCES.put(tx, call.scope, row)
    wake(tx, "rds.instance", call.scope, (row.id,), call.now())
    return {"DBInstance": views.instance(call, tx, row)}
