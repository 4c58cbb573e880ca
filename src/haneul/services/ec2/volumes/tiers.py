"""Storage tiers of snapshots: archived ones make no volumes until they are restored, for some days or for good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.ec2 import listing, tagging
from haneul.services.ec2.errors import coded, invalid, missing, mixed
from haneul.services.ec2.operations import operation
from haneul.services.ec2.volumes.state import SNAPSHOT, Snapshot

ARN = "arn:aws:ec2:{region}::snapshot/{SnapshotId}"
DAY = 86_400.0
LONGEST = 180
"""Days of a temporary restore at most."""
_FILTERS = {
    "last-tiering-operation": "LastTieringOperationStatus",
    "snapshot-id": "SnapshotId",
    "volume-id": "VolumeId",
}


@operation(ARN)
def modify_snapshot_tier(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifySnapshotTier: to the archive, which here is done at once. Raises InvalidSnapshot.NotFound,
    IncorrectState, InvalidParameterValue."""
    wanted = request.get("StorageTier") or "archive"
    if wanted != "archive":
        raise invalid(f"Value ({wanted}) for parameter StorageTier is invalid. Valid values are: archive.")
    with call.write() as tx:
        row = SNAPSHOT.get(tx, call.scope, request["SnapshotId"])
        if row.state != "completed":
            raise coded("IncorrectState", f"The snapshot '{row.id}' is not 'completed'")
        if archived(row, call.now()):
            raise coded("IncorrectState", f"The snapshot '{row.id}' is already in the archive tier")
        row.tier = {"tier": "archive", "status": "archival-completed", "started": call.now(), "completed": call.now()}
        SNAPSHOT.table.put(tx, call.scope, row)
    return {"SnapshotId": row.id, "TieringStartTime": row.tier["started"]}


@operation(ARN)
def restore_snapshot_tier(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RestoreSnapshotTier: for TemporaryRestoreDays, or for good. Raises IncorrectState when it isn't archived,
    MissingParameter, InvalidParameterCombination, InvalidParameterValue."""
    days, for_good = request.get("TemporaryRestoreDays"), bool(request.get("PermanentRestore"))
    if days is None and not for_good:
        raise missing("TemporaryRestoreDays or PermanentRestore")
    if days is not None and for_good:
        raise mixed("The parameter TemporaryRestoreDays cannot be used with the parameter PermanentRestore")
    if days is not None and not 1 <= days <= LONGEST:
        raise invalid(f"Value ({days}) for parameter TemporaryRestoreDays is invalid. It must be 1 to {LONGEST}.")
    with call.write() as tx:
        row = SNAPSHOT.get(tx, call.scope, request["SnapshotId"])
        if row.tier.get("tier") != "archive":
            raise coded("IncorrectState", f"The snapshot '{row.id}' is not in the archive tier")
        now = call.now()
        if days is None:
            row.tier = {"tier": "standard", "status": "permanent-restore-completed", "started": now}
        else:
            until = now + days * DAY
            row.tier = {**row.tier, "status": "temporary-restore-completed", "started": now, "until": until}
        SNAPSHOT.table.put(tx, call.scope, row)
    answer = {"SnapshotId": row.id, "RestoreStartTime": now, "IsPermanentRestore": for_good}
    return answer if for_good else {**answer, "RestoreDuration": days}


@operation()
def describe_snapshot_tier_status(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeSnapshotTierStatus of the account's snapshots."""
    with call.read() as tx:
        items = [(row.id, _status(call, row)) for row in SNAPSHOT.table.scan(tx, call.scope) if row.state != "deleting"]
    return listing.paged(request, "SnapshotTierStatuses", items, _FILTERS)


def archived(row: Snapshot, now: float) -> bool:
    """Whether no volume can be made of it now."""
    return row.tier.get("tier") == "archive" and row.tier.get("until", 0.0) <= now


def _status(call: Call, row: Snapshot) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "SnapshotId": row.id,
        "VolumeId": row.volume,
        "Status": row.state,
        "OwnerId": call.account,
        "StorageTier": row.tier.get("tier", "standard"),
        "Tags": tagging.render(row.tags),
    }
    if row.tier:
        shown |= {
            "LastTieringOperationStatus": row.tier["status"],
            "LastTieringStartTime": row.tier["started"],
            "LastTieringProgress": 100,
            "ArchivalCompleteTime": row.tier.get("completed"),
            "RestoreExpiryTime": row.tier.get("until"),
        }
    return {name: value for name, value in shown.items() if value is not None}
