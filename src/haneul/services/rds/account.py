"""The account's limits, and maintenance that waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.converge import wake
from haneul.service import Call, operation
from haneul.services.rds import creation, listing, names, options, parameters, snapshots, subnets, subscriptions
from haneul.services.rds.errors import errors, invalid
from haneul.services.rds.state import (
    CLUSTERS,
    INSTANCES,
    OPTION_GROUPS,
    PARAMETER_GROUPS,
    SNAPSHOTS,
    SUBNET_GROUPS,
    SUBSCRIPTIONS,
    Instance,
)


@operation()
def describe_account_attributes(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeAccountAttributes: what is used of each quota."""
    with call.read() as tx:
        rows = list(INSTANCES.scan(tx, call.scope))
        used = {
            "DBInstances": (len(rows), creation.LIMIT),
            "ReservedDBInstances": (0, 40),
            "AllocatedStorage": (sum(row.shape.get("AllocatedStorage", 0) for row in rows), creation.TOTAL_STORAGE),
            "DBParameterGroups": (sum(1 for _ in PARAMETER_GROUPS.scan(tx, call.scope)), parameters.LIMIT),
            "ManualSnapshots": (
                sum(1 for row in SNAPSHOTS.scan(tx, call.scope) if row.kind == "manual"),
                snapshots.LIMIT,
            ),
            "EventSubscriptions": (sum(1 for _ in SUBSCRIPTIONS.scan(tx, call.scope)), subscriptions.LIMIT),
            "DBSubnetGroups": (sum(1 for _ in SUBNET_GROUPS.scan(tx, call.scope)), subnets.LIMIT),
            "OptionGroups": (sum(1 for _ in OPTION_GROUPS.scan(tx, call.scope)), options.LIMIT),
            "DBClusters": (sum(1 for _ in CLUSTERS.scan(tx, call.scope)), 40),
        }
    return {
        "AccountQuotas": [
            {"AccountQuotaName": name, "Used": amount, "Max": limit} for name, (amount, limit) in used.items()
        ]
    }


@operation(resource="arn:aws:rds:{region}:{account}:db:*")
def describe_pending_maintenance_actions(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribePendingMaintenanceActions: modifications that wait for the maintenance window."""
    listing.filters(request, ("db-instance-id", "db-cluster-id"))
    with call.read() as tx:
        rows = [row for row in INSTANCES.scan(tx, call.scope) if _waits(row)]
    wanted = request.get("ResourceIdentifier")
    found = [row for row in rows if wanted in (None, names.arn(call.scope, "db", row.id))]
    return listing.page(
        request,
        "PendingMaintenanceActions",
        found,
        lambda row: row.id,
        lambda row: {
            "ResourceIdentifier": names.arn(call.scope, "db", row.id),
            "PendingMaintenanceActionDetails": [_action(row)],
        },
    )


def _waits(row: Instance) -> bool:
    return "EngineVersion" in row.pending


def _action(row: Instance) -> dict[str, Any]:
    return {
        "Action": "db-upgrade",
        "OptInStatus": "next-maintenance",
        "Description": f"Upgrade to {row.engine} {row.pending['EngineVersion']}",
    }


@operation(resource="{ResourceIdentifier}")
def apply_pending_maintenance_action(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ApplyPendingMaintenanceAction: now, in the next window, or take it back."""
    arn, opt = request["ResourceIdentifier"], request["OptInType"]
    scope, kind, name = names.split_arn(arn)
    if opt not in ("immediate", "next-maintenance", "undo-opt-in"):
        raise invalid(f"Invalid opt-in type: {opt}")
    with call.write() as tx:
        row = INSTANCES.get(tx, scope, name) if kind == "db" and scope == call.scope else None
        if row is None or not _waits(row):
            raise errors.ResourceNotFoundFault(f"No pending maintenance action {request['ApplyAction']} for {arn}")
        shown = {"ResourceIdentifier": arn, "PendingMaintenanceActionDetails": [_action(row)]}
        if opt == "immediate":
            row.status = "modifying"
            row.work = {**row.work, "due": ["EngineVersion"]}
            INSTANCES.put(tx, scope, row)
            wake(tx, "rds.instance", scope, (row.id,), call.now())
    return {"ResourcePendingMaintenanceActions": shown}
