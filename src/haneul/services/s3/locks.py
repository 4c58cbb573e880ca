"""What Object Lock forbids, and what new versions are born with; the operations are in retentions.py.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.s3 import event_holds, guard
from haneul.services.s3.errors import errors, invalid_argument
from haneul.services.s3.state import Bucket, Lock, Object
from haneul.state.store import Writer

GOVERNANCE, COMPLIANCE = "GOVERNANCE", "COMPLIANCE"
DAY = 86_400
_ASKED = frozenset({"ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus", *event_holds.MEMBERS})


def check_delete(call: Call, tx: Writer, bucket: Bucket, key: str, version: Object, bypass: bool) -> None:
    """Raise AccessDenied when the version may not be deleted now. Called before every removal of a version."""
    lock = version.lock
    if lock is None:
        return
    if lock.hold:
        raise protected()
    if lock.retains(call.now()):
        check_bypass(call, tx, bucket, key, lock, bypass)


def lock_for(call: Call, bucket: Bucket, request: Mapping[str, Any]) -> Lock | None:
    """The lock a new version is born with: from the request's headers, else from the bucket's default retention.

    Raises InvalidRequest where the bucket has no Object Lock but the request asks for one.
    """
    if _ASKED.isdisjoint(request):
        return _default(call, bucket) if bucket.object_lock else None
    event, days, years = event_holds.of_headers(request)
    mode, until = request.get("ObjectLockMode"), request.get("ObjectLockRetainUntilDate")
    hold = request.get("ObjectLockLegalHoldStatus")
    if not bucket.object_lock:
        raise missing()
    if (mode is None) != (until is None) and not (mode is not None and event):
        raise invalid_argument(
            "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
            "x-amz-object-lock-mode" if until is None else "x-amz-object-lock-retain-until-date",
            None,
        )
    if mode not in (None, GOVERNANCE, COMPLIANCE):
        raise invalid_argument("Unknown wormMode directive.", "x-amz-object-lock-mode", mode)
    if hold not in (None, "ON", "OFF"):
        raise invalid_argument("Legal Hold must be either of 'ON' or 'OFF'", "x-amz-object-lock-legal-hold", hold)
    if until is not None:
        check_date(call, until)
    default = None if mode is not None else _default(call, bucket)
    if event and mode is None and default is None:
        raise invalid_argument("An event hold must be supplied with a mode", "x-amz-object-lock-mode", None)
    if default is not None:
        if event:
            return Lock(default.mode, default.until, hold == "ON", True, days, years)
        return Lock(default.mode, default.until, hold == "ON", default.event, default.days, default.years)
    return Lock(mode or "", until or 0.0, hold == "ON", event, days, years)


def describe(version: Object) -> dict[str, Any]:
    """The ObjectLock* members of GetObject and HeadObject."""
    lock = version.lock
    if lock is None:
        return {}
    told: dict[str, Any] = {}
    if lock.mode:
        told["ObjectLockMode"] = lock.mode
        told["ObjectLockRetainUntilDate"] = lock.until or None
    if lock.event:
        told["ObjectLockEventHold"] = "ON"
        told["ObjectLockEventHoldDurationDays"] = lock.days or None
        told["ObjectLockEventHoldDurationYears"] = lock.years or None
    if lock.hold:
        told["ObjectLockLegalHoldStatus"] = "ON"
    return told


def _default(call: Call, bucket: Bucket) -> Lock | None:
    rule = (bucket.settings.get("object_lock") or {}).get("Rule")
    if rule is None:
        return None
    retention = rule["DefaultRetention"]
    days = retention["Days"] if "Days" in retention else retention.get("Years", 0) * 365
    until = call.now() + days * DAY if days else 0.0
    held = retention.get("DefaultEventHold")
    if held:
        return Lock(retention["Mode"], until, False, True, held.get("Days", 0), held.get("Years", 0))
    return Lock(retention["Mode"], until)


def check_date(call: Call, until: float) -> None:
    if until <= call.now():
        raise errors.InvalidArgument("The retain until date must be in the future!")


def check_bypass(call: Call, tx: Writer, bucket: Bucket, key: str, lock: Lock, bypass: bool) -> None:
    """A governance lock gives way to who may bypass it and says so; a compliance lock to nobody."""
    if lock.mode == GOVERNANCE and bypass and guard.may(call, tx, bucket, "s3:BypassGovernanceRetention", key):
        return
    raise protected()


def missing() -> Exception:
    return errors.InvalidRequest("Bucket is missing Object Lock Configuration")


def protected() -> Exception:
    return errors.AccessDenied("Access Denied because object protected by object lock.")
