"""Fast snapshot restore. Volumes of this cloud's are whole from their first block on, so it changes nothing but what is
told, and the bill. It ends with its snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haneul.service import Call
from haneul.services.ec2 import listing
from haneul.services.ec2.account import hours
from haneul.services.ec2.errors import coded, invalid, missing
from haneul.services.ec2.operations import operation
from haneul.services.ec2.volumes import creation
from haneul.services.ec2.volumes.state import FAST_RESTORES, FastRestore
from haneul.services.ec2.vpc.places import zone_id, zone_named, zones_of
from haneul.wire.errors import AwsError

_FILTERS = {
    "availability-zone": "AvailabilityZone",
    "availability-zone-id": "AvailabilityZoneId",
    "owner-id": "OwnerId",
    "snapshot-id": "SnapshotId",
    "state": "State",
}
LIMIT = 10
"""Snapshots of one request."""


def _arns(call: Call, request: Mapping[str, Any]) -> list[str]:
    return [f"arn:aws:ec2:{call.region}::snapshot/{one}" for one in request.get("SourceSnapshotIds") or ()]


@operation(_arns)
def enable_fast_snapshot_restores(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """EnableFastSnapshotRestores, of each snapshot in each zone by itself."""
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    with call.write() as tx:
        for snapshot in _named(request):
            for zone in _zones(call, request):
                try:
                    owner, _ = creation.find(tx, call.scope, snapshot)
                except AwsError as error:
                    failed.append(_failure(snapshot, zone, error))
                    continue
                row = FAST_RESTORES.get(tx, call.scope, snapshot, zone)
                if row is None:
                    row = FastRestore(snapshot=snapshot, zone=zone, owner=owner.account, enabled=call.now())
                    FAST_RESTORES.put(tx, call.scope, row)
                    hours.begin(tx, call.scope, call.now())
                done.append({**_shown(row), "State": "enabling"})
    return {"Successful": done, "Unsuccessful": _gathered(failed)}


@operation(_arns)
def disable_fast_snapshot_restores(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DisableFastSnapshotRestores, of each snapshot in each zone by itself."""
    done: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    with call.write() as tx:
        for snapshot in _named(request):
            for zone in _zones(call, request):
                row = FAST_RESTORES.get(tx, call.scope, snapshot, zone)
                if row is None:
                    words = f"Fast snapshot restore is not enabled for snapshot {snapshot} in {zone}"
                    failed.append(_failure(snapshot, zone, coded("InvalidState", words)))
                    continue
                FAST_RESTORES.delete(tx, call.scope, snapshot, zone)
                done.append({**_shown(row), "State": "disabling", "DisablingTime": call.now()})
    return {"Successful": done, "Unsuccessful": _gathered(failed)}


@operation()
def describe_fast_snapshot_restores(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeFastSnapshotRestores: those that are enabled."""
    with call.read() as tx:
        items = [(f"{row.snapshot} {row.zone}", _shown(row)) for row in FAST_RESTORES.scan(tx, call.scope)]
    return listing.paged(request, "FastSnapshotRestores", items, _FILTERS, (0, 200))


def _named(request: Mapping[str, Any]) -> Sequence[str]:
    found = list(dict.fromkeys(request.get("SourceSnapshotIds") or ()))
    if not 1 <= len(found) <= LIMIT:
        raise invalid(f"SourceSnapshotIds names 1 to {LIMIT} snapshots.")
    return found


def _zones(call: Call, request: Mapping[str, Any]) -> list[str]:
    by_id = [zone_named(call.region, one) or one for one in request.get("AvailabilityZoneIds") or ()]
    zones = [*(request.get("AvailabilityZones") or ()), *by_id]
    if not zones:
        raise missing("AvailabilityZone")
    for zone in zones:
        if zone not in zones_of(call.region):
            raise invalid(f"Value ({zone}) for parameter availabilityZone is invalid.")
    return list(dict.fromkeys(zones))


def _shown(row: FastRestore) -> dict[str, Any]:
    return {
        "SnapshotId": row.snapshot,
        "AvailabilityZone": row.zone,
        "AvailabilityZoneId": zone_id(row.zone),
        "State": "enabled",
        "StateTransitionReason": "Client.UserInitiated",
        "OwnerId": row.owner,
        "EnablingTime": row.enabled,
        "OptimizingTime": row.enabled,
        "EnabledTime": row.enabled,
    }


def _failure(snapshot: str, zone: str, error: AwsError) -> dict[str, Any]:
    told = {"AvailabilityZone": zone, "Error": {"Code": error.code, "Message": error.message}}
    return {"SnapshotId": snapshot, "FastSnapshotRestoreStateErrors": [told]}


def _gathered(failed: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry a snapshot, with what went wrong in each zone."""
    found: dict[str, list[Any]] = {}
    for one in failed:
        found.setdefault(one["SnapshotId"], []).extend(one["FastSnapshotRestoreStateErrors"])
    return [{"SnapshotId": snapshot, "FastSnapshotRestoreStateErrors": told} for snapshot, told in found.items()]
