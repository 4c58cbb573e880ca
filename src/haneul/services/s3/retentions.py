"""Retention and legal holds of versions, and a bucket's default retention: the operations of Object Lock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.service import Call, operation
from haneul.services.s3 import context, event_holds, index, locks, objects
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import errors, malformed_xml
from haneul.services.s3.guard import bucket_arn, object_arn
from haneul.services.s3.state import Bucket, Lock, save_bucket, set_setting
from haneul.state.store import Writer

_HOLDS = {True: "ON", False: "OFF"}
_MAX_YEARS = 100


@operation(resource=bucket_arn, action="s3:PutBucketObjectLockConfiguration")
def put_object_lock_configuration(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutObjectLockConfiguration. Raises MalformedXML, InvalidBucketState without versioning."""
    if "ObjectLockConfiguration" not in request:
        raise errors.MissingRequestBodyError("Request Body is empty")
    configuration = request["ObjectLockConfiguration"] or {}
    if configuration.get("ObjectLockEnabled") != "Enabled":
        raise malformed_xml()
    rule = configuration.get("Rule")
    if rule is not None:
        _check_default(rule.get("DefaultRetention") or {})
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        if bucket.versioning != "Enabled":
            raise errors.InvalidBucketState(
                "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
            )
        bucket = save_bucket(tx, bucket, object_lock=True)
        set_setting(tx, bucket, "object_lock", configuration)
    return {}


@operation(resource=bucket_arn, action="s3:GetBucketObjectLockConfiguration")
def get_object_lock_configuration(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetObjectLockConfiguration. Raises ObjectLockConfigurationNotFoundError."""
    with call.read() as tx:
        bucket = bucket_of(tx, request)
    configuration = bucket.settings.get("object_lock")
    if configuration is None:
        raise errors.ObjectLockConfigurationNotFoundError(
            "Object Lock configuration does not exist for this bucket", BucketName=bucket.name
        )
    return {"ObjectLockConfiguration": configuration}


@operation(resource=object_arn, conditions=context.keys)
def put_object_retention(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutObjectRetention. Raises InvalidRequest without Object Lock, AccessDenied where the lock can't be loosened."""
    retention = request.get("Retention") or {}
    mode, until, event = (retention.get(member) for member in ("Mode", "RetainUntilDate", "EventHold"))
    if mode not in (None, locks.GOVERNANCE, locks.COMPLIANCE) or event not in (None, "ON", "OFF"):
        raise malformed_xml()
    if event is None and (mode is None) != (until is None):
        raise malformed_xml()
    if until is not None:
        locks.check_date(call, until)
    key = request["Key"]
    with call.write() as tx:
        bucket = _lockable(tx, request)
        found = objects.visible(tx, bucket, key, request.get("VersionId"), call.operation)
        lock = found.lock or Lock()
        changed = _retained(call, lock, retention)
        if lock.retains(call.now()) and _is_looser(lock, changed, released=event == "OFF"):
            locks.check_bypass(call, tx, bucket, key, lock, bool(request.get("BypassGovernanceRetention")))
        index.update(tx, bucket, key, msgspec.structs.replace(found, lock=changed))
    return {}


def _retained(call: Call, lock: Lock, retention: Mapping[str, Any]) -> Lock:
    """The lock as the request wants it. An event hold stays unless it is spoken of, or everything is taken away."""
    mode, until, event = (retention.get(member) for member in ("Mode", "RetainUntilDate", "EventHold"))
    if event == "OFF":
        left = event_holds.released(lock, call.now()) if lock.event else lock
        return Lock(mode or left.mode, max(until or 0.0, left.until), lock.hold)
    if event == "ON":
        mode = mode or lock.mode
        if not mode:
            raise malformed_xml()
        days, years = event_holds.of_document(retention.get("EventHoldDuration"))
        return Lock(mode, until or lock.until, lock.hold, True, days, years)
    if mode is None:
        return Lock("", 0.0, lock.hold)
    return Lock(mode, until or 0.0, lock.hold, lock.event, lock.days, lock.years)


def _is_looser(lock: Lock, changed: Lock, *, released: bool) -> bool:
    """Whether a change takes something away from what retains the version. Releasing an event hold does not."""
    return (
        not changed.mode
        or changed.until < lock.until
        or (lock.mode == locks.COMPLIANCE and changed.mode != locks.COMPLIANCE)
        or (
            lock.event
            and not released
            and (not changed.event or event_holds.seconds(changed) < event_holds.seconds(lock))
        )
    )


@operation(resource=object_arn, conditions=context.keys)
def get_object_retention(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetObjectRetention. Raises NoSuchObjectLockConfiguration where there is none."""
    lock = _lock(call, request)
    if not lock.mode:
        raise _none()
    told: dict[str, Any] = {"Mode": lock.mode, "RetainUntilDate": lock.until or None}
    if lock.event:
        told |= {"EventHold": "ON", "EventHoldDuration": event_holds.duration(lock)}
    return {"Retention": told}


@operation(resource=object_arn, conditions=context.keys)
def put_object_legal_hold(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutObjectLegalHold: ON or OFF, whatever the retention."""
    status = (request.get("LegalHold") or {}).get("Status")
    if status not in _HOLDS.values():
        raise malformed_xml()
    key = request["Key"]
    with call.write() as tx:
        bucket = _lockable(tx, request)
        found = objects.visible(tx, bucket, key, request.get("VersionId"), call.operation)
        lock = found.lock or Lock()
        changed = msgspec.structs.replace(lock, hold=status == "ON")
        index.update(tx, bucket, key, msgspec.structs.replace(found, lock=changed))
    return {}


@operation(resource=object_arn, conditions=context.keys)
def get_object_legal_hold(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetObjectLegalHold. Raises NoSuchObjectLockConfiguration where none was ever set."""
    return {"LegalHold": {"Status": _HOLDS[_lock(call, request).hold]}}


def _check_default(retention: Mapping[str, Any]) -> None:
    days, years = retention.get("Days"), retention.get("Years")
    if retention.get("Mode") not in (locks.GOVERNANCE, locks.COMPLIANCE):
        raise malformed_xml()
    if "DefaultEventHold" in retention:
        event_holds.of_document(retention["DefaultEventHold"])
        if days is None and years is None:
            return
    if (days is None) == (years is None):
        raise malformed_xml()
    if (days is not None and days <= 0) or (years is not None and years <= 0):
        raise errors.InvalidArgument("Default retention period must be a positive integer value.")
    if (days or 0) > _MAX_YEARS * 365 or (years or 0) > _MAX_YEARS:
        raise errors.InvalidArgument("Default retention period too large")


def _lockable(tx: Writer, request: Mapping[str, Any]) -> Bucket:
    bucket = bucket_of(tx, request)
    if not bucket.object_lock:
        raise locks.missing()
    return bucket


def _lock(call: Call, request: Mapping[str, Any]) -> Lock:
    with call.read() as tx:
        bucket = bucket_of(tx, request)
        if not bucket.object_lock:
            raise locks.missing()
        found = objects.visible(tx, bucket, request["Key"], request.get("VersionId"), call.operation)
    if found.lock is None:
        raise _none()
    return found.lock


def _none() -> Exception:
    return errors.NoSuchObjectLockConfiguration("The specified object does not have a ObjectLock configuration")
