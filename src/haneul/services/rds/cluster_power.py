"""Starting, stopping, rebooting and failing over clusters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call, operation
from haneul.services.rds import views
from haneul.services.rds.clusters import find
from haneul.services.rds.errors import errors, invalid, no_instance
from haneul.services.rds.state import CLUSTERS, INSTANCES, Cluster
from haneul.state.store import Writer

_ARN = "arn:aws:rds:{region}:{account}:cluster:{DBClusterIdentifier}"


@operation(resource=_ARN)
def start_db_cluster(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """StartDBCluster: a stopped one."""
    with call.write() as tx:
        row = find(call, tx, request["DBClusterIdentifier"])
        if row.status != "stopped":
            raise errors.InvalidDBClusterStateFault(
                f"DbCluster {row.id} is in {row.status} state but expected it to be one of "
                "stopped,inaccessible-encryption-credentials-recoverable."
            )
        return _begin(call, tx, row, "starting")


@operation(resource=_ARN)
def stop_db_cluster(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """StopDBCluster: an available one with all of its instances."""
    with call.write() as tx:
        row = find(call, tx, request["DBClusterIdentifier"])
        _available(row)
        if row.global_id:
            raise errors.InvalidDBClusterStateFault(
                f"DbCluster {row.id} is part of a global cluster and can't be stopped."
            )
        return _begin(call, tx, row, "stopping")


@operation(resource=_ARN)
def reboot_db_cluster(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RebootDBCluster is for Multi-AZ DB clusters; of Aurora's, every instance is rebooted by itself."""
    with call.write() as tx:
        row = find(call, tx, request["DBClusterIdentifier"])
    raise errors.InvalidParameterCombination(
        f"The engine {row.engine} doesn't support RebootDBCluster: reboot the cluster's DB instances instead."
    )


@operation(resource=_ARN)
def failover_db_cluster(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """FailoverDBCluster: to a reader named, or the best one. Raises InvalidDBClusterStateFault without a reader."""
    with call.write() as tx:
        row = find(call, tx, request["DBClusterIdentifier"])
        _available(row)
        target = (request.get("TargetDBInstanceIdentifier") or "").lower()
        if target:
            if INSTANCES.get(tx, call.scope, target) is None:
                raise no_instance(target)
            if target not in row.members:
                raise invalid(f"The DB instance {target} is not a member of the DB cluster {row.id}.")
            if target == row.members[0]:
                raise errors.InvalidDBInstanceState(f"The DB instance {target} is already the writer of {row.id}.")
        if len(row.members) < 2:
            raise errors.InvalidDBClusterStateFault(
                f"Cannot failover DB Cluster {row.id}: it has no DB instance that can take over."
            )
        row.work = {**row.work, "target": target}
        return _begin(call, tx, row, "failing-over")


def _available(row: Cluster) -> None:
    if row.status != "available":
        raise errors.InvalidDBClusterStateFault(
            f"DbCluster {row.id} is in {row.status} state but expected it to be one of available."
        )


def _begin(call: Call, tx: Writer, row: Cluster, status: str) -> dict[str, Any]:
    row.status = status
    CLUSTERS.put(tx, call.scope, row)
    wake(tx, "rds.cluster", call.scope, (row.id,), call.now())
    return {"DBCluster": views.cluster(call, tx, row)}
