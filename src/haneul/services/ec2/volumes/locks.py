"""Locks of snapshots: until they expire nobody deletes them; those of compliance nobody lifts either.

Source: EBS user guide, "Amazon EBS snapshot lock".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from haneul.service import Call
from haneul.services.ec2 import listing
from haneul.services.ec2.errors import coded, invalid, mixed
from haneul.services.ec2.operations import operation
from haneul.services.ec2.volumes.state import SNAPSHOT, Snapshot

ARN = "arn:aws:ec2:{region}::snapshot/{SnapshotId}"
DAY, HOUR = 86_400.0, 3600.0
_DAYS = (1, 36_500)
_COOLOFF = (1, 72)
_FILTERS = {"lock-state": "LockState"}


@operation(ARN)
def lock_snapshot(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """LockSnapshot, or a longer or stricter lock for one that has one. Raises InvalidParameterValue,
    InvalidParameterCombination, SnapshotLock.CannotModify for compliance locks made shorter or weaker."""
    mode = request["LockMode"]
    if mode not in ("compliance", "governance"):
        raise invalid(f"Value ({mode}) for parameter LockMode is invalid. Valid values are compliance, governance.")
    now = call.now()
    expires = _expiry(request, now)
    cooloff = request.get("CoolOffPeriod")
    if cooloff is not None and (mode == "governance" or not _COOLOFF[0] <= cooloff <= _COOLOFF[1]):
        raise invalid("CoolOffPeriod is 1 to 72 hours, and of compliance locks only.")
    with call.write() as tx:
        row = SNAPSHOT.get(tx, call.scope, request["SnapshotId"])
        if _settled(row, now) and (mode != "compliance" or expires < row.lock["expires"]):
            raise coded("SnapshotLock.CannotModify", f"The lock of snapshot '{row.id}' can only be extended.")
        row.lock = {
            "mode": mode,
            "created": row.lock.get("created", now) if locked(row, now) else now,
            # It counts from the end of the snapshot: one that is pending is locked as soon as it is there.
            "start": row.completed or now,
            "expires": expires,
            "days": int((expires - now) / DAY + 0.999),
        }
        if cooloff is not None:
            row.lock |= {"hours": cooloff, "cooloff": now + cooloff * HOUR}
        SNAPSHOT.table.put(tx, call.scope, row)
    return _shown(row, now)


@operation(ARN)
def unlock_snapshot(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UnlockSnapshot: of governance, and of compliance while it cools off. Raises SnapshotLock.CannotUnlock,
    SnapshotLock.NotFound."""
    with call.write() as tx:
        row = SNAPSHOT.get(tx, call.scope, request["SnapshotId"])
        if not row.lock:
            raise coded("SnapshotLock.NotFound", f"The snapshot '{row.id}' is not locked.")
        if _settled(row, call.now()):
            raise coded("SnapshotLock.CannotUnlock", f"The snapshot '{row.id}' is locked in compliance mode.")
        row.lock = {}
        SNAPSHOT.table.put(tx, call.scope, row)
    return {"SnapshotId": row.id}


@operation()
def describe_locked_snapshots(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeLockedSnapshots, those whose lock has expired too."""
    named = request.get("SnapshotIds") or ()
    now = call.now()
    with call.read() as tx:
        SNAPSHOT.get_all(tx, call.scope, named)
        items = [
            (row.id, {**_shown(row, now), "OwnerId": call.account})
            for row in SNAPSHOT.table.scan(tx, call.scope)
            if row.lock and (not named or row.id in named)
        ]
    return listing.paged(request, "Snapshots", items, _FILTERS)


def locked(row: Snapshot, now: float) -> bool:
    """Whether it can't be deleted now."""
    return bool(row.lock) and row.lock["expires"] > now


def _settled(row: Snapshot, now: float) -> bool:
    """Whether its lock is one of compliance that has cooled off."""
    return locked(row, now) and row.lock["mode"] == "compliance" and row.lock.get("cooloff", 0.0) <= now


def _expiry(request: Mapping[str, Any], now: float) -> float:
    days, date = request.get("LockDuration"), request.get("ExpirationDate")
    if (days is None) == (date is None):
        raise mixed("Specify either LockDuration or ExpirationDate.")
    if date is None:
        assert days is not None
        if not _DAYS[0] <= days <= _DAYS[1]:
            raise invalid(f"Value ({days}) for parameter LockDuration is invalid. It must be 1 to {_DAYS[1]} days.")
        return float(now + days * DAY)
    moment = date.timestamp() if isinstance(date, datetime) else float(date)
    if moment < now + DAY:
        raise invalid("ExpirationDate must be at least one day from now.")
    return moment


def _shown(row: Snapshot, now: float) -> dict[str, Any]:
    lock = row.lock
    cooling = lock.get("cooloff", 0.0) > now
    state = "expired" if lock["expires"] <= now else f"{lock['mode']}-cooloff" if cooling else lock["mode"]
    shown = {
        "SnapshotId": row.id,
        "LockState": state,
        "LockDuration": lock["days"],
        "LockCreatedOn": lock["created"],
        "LockDurationStartTime": lock["start"],
        "LockExpiresOn": lock["expires"],
        "CoolOffPeriod": lock.get("hours"),
        "CoolOffPeriodExpiresOn": lock.get("cooloff"),
    }
    return {name: value for name, value in shown.items() if value is not None}
