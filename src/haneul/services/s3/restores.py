"""Restoring archived objects: RestoreObject, and the copy that comes after a while, is there for days, and goes again.

A restore takes as long as AWS says its tier takes, divided by the setting `restore_rate`.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from haneul import converge
from haneul.kit.instants import iso8601
from haneul.service import Call, Scope, Step, operation
from haneul.services.s3 import context, happenings, index, objects
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import errors, malformed_xml, not_implemented
from haneul.services.s3.guard import object_arn
from haneul.services.s3.state import Bucket, Object, find_bucket
from haneul.services.s3.versions import version_id
from haneul.state.store import Writer
from haneul.state.table import Table
from haneul.wire.errors import AwsError

DAY = 86_400
HOUR = 3600.0
DEV_RATE = 3600.0
TAKES = {
    "GLACIER": {"Expedited": 180.0, "Standard": 4 * HOUR, "Bulk": 8 * HOUR},
    "DEEP_ARCHIVE": {"Standard": 12 * HOUR, "Bulk": 48 * HOUR},
}
"""Storage class -> tier -> seconds that a restore takes."""
_TIERS = ("Bulk", "Standard", "Expedited")
"""From the slowest to the fastest."""


class Restore(msgspec.Struct):
    """A restore of one version: under way until `ripe`, then there for `days`. `owner` is the bucket's id, `seq` tells
    the version from a later one under the same id ("null")."""

    bucket: str
    key: str
    version: str
    owner: bytes
    seq: int
    tier: str
    days: int
    ripe: float


RESTORES = Table("s3.restore", Restore, key=("bucket", "key", "version"))


@operation(resource=object_arn, conditions=context.keys)
def restore_object(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RestoreObject: 202 when it begins, 200 when the copy is there and now stays longer (or less long).

    Raises InvalidObjectState for an object that isn't archived, RestoreAlreadyInProgress, MalformedXML.
    """
    wish = request.get("RestoreRequest") or {}
    if "SelectParameters" in wish or "OutputLocation" in wish or wish.get("Type") == "SELECT":
        raise not_implemented("Type", "Restores of type SELECT are not there.")
    tier = (wish.get("GlacierJobParameters") or {}).get("Tier") or wish.get("Tier") or "Standard"
    if tier not in _TIERS:
        raise malformed_xml()
    key = request["Key"]
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        found = objects.visible(tx, bucket, key, request.get("VersionId"), call.operation)
        _check(found, tier, wish)
        restored = found.entry.restored
        if restored is not None and restored[0]:
            _hurry(call, tx, bucket, key, found, tier, wish)
            call.status = 202
            return {}
        if "Days" not in wish:
            raise malformed_xml()
        if restored is not None and restored[1] > call.now():
            _prolong(call, tx, bucket, key, found, wish["Days"])
            return {}
        _begin(call, tx, bucket, key, found, tier, wish["Days"])
    call.status = 202
    return {}


def _check(found: Object, tier: str, wish: Mapping[str, Any]) -> None:
    takes = TAKES.get(found.entry.storage)
    if takes is None:
        raise errors.InvalidObjectState(
            "Restore is not allowed for the object's current storage class",
            StorageClass=found.entry.storage or "STANDARD",
        )
    if wish.get("Days", 1) < 1:
        raise errors.InvalidArgument("Days must be a positive integer", ArgumentName="Days", ArgumentValue=wish["Days"])
    if tier not in takes:
        raise errors.InvalidArgument("Retrieval option is not supported by this storage class", ArgumentName="Tier")


def _begin(call: Call, tx: Writer, bucket: Bucket, key: str, found: Object, tier: str, days: int) -> None:
    ripe = call.now() + _takes(call, found, tier)
    row = Restore(bucket.name, key, version_id(found.entry), bucket.id, found.entry.seq, tier, days, ripe)
    _set(tx, bucket, key, found, (True, 0))
    _keep(tx, bucket, row, ripe)
    _tell(call, tx, bucket, key, "Post", found)


def _hurry(call: Call, tx: Writer, bucket: Bucket, key: str, found: Object, tier: str, wish: Mapping[str, Any]) -> None:
    """A faster tier may take over a restore under way. Raises RestoreAlreadyInProgress for anything else."""
    row = RESTORES.get(tx, Scope(bucket.owner, bucket.region), bucket.name, key, version_id(found.entry))
    if row is None or "Days" in wish or _TIERS.index(tier) <= _TIERS.index(row.tier):
        raise errors.RestoreAlreadyInProgress("Object restore is already in progress")
    row.tier = tier
    row.ripe = min(row.ripe, call.now() + _takes(call, found, tier))
    _keep(tx, bucket, row, row.ripe)


def _prolong(call: Call, tx: Writer, bucket: Bucket, key: str, found: Object, days: int) -> None:
    """The copy is there: its days are counted from now."""
    until = _until(call.now(), days)
    version = version_id(found.entry)
    row = Restore(bucket.name, key, version, bucket.id, found.entry.seq, "Standard", days, call.now())
    _set(tx, bucket, key, found, (False, until))
    _keep(tx, bucket, row, until)


def _keep(tx: Writer, bucket: Bucket, row: Restore, due: float) -> None:
    scope = Scope(bucket.owner, bucket.region)
    RESTORES.put(tx, scope, row)
    converge.wake(tx, "s3.restore", scope, (row.bucket, row.key, row.version), due=due)


def _takes(call: Call, found: Object, tier: str) -> float:
    config = call.cloud.config
    rate = config.restore_rate or (1.0 if config.mode == "cloud" else DEV_RATE)
    return TAKES[found.entry.storage][tier] / rate


def _until(now: float, days: int) -> int:
    """When a copy goes: at the midnight after its days."""
    return (int(now) + days * DAY) // DAY * DAY + DAY


def _set(tx: Writer, bucket: Bucket, key: str, found: Object, restored: tuple[bool, int] | None) -> None:
    entry = msgspec.structs.replace(found.entry, restored=restored)
    index.update(tx, bucket, key, msgspec.structs.replace(found, entry=entry))


def _tell(call: Call, tx: Writer, bucket: Bucket, key: str, what: str, found: Object, until: int = 0) -> None:
    """Publish ObjectRestore:Post, :Completed or :Delete."""
    storage = found.entry.storage
    more: dict[str, Any] = {}
    bridged: dict[str, Any] = {} if what == "Delete" else {"source-storage-class": storage}
    if what == "Completed":
        when = iso8601(until)
        told = {"lifecycleRestorationExpiryTime": when, "lifecycleRestoreStorageClass": storage}
        more["glacierEventData"] = {"restoreEventData": told}
        bridged["restore-expiry-time"] = when
    if what != "Post":
        bridged["requester"] = "s3.amazonaws.com"
    happenings.publish(call, tx, bucket, key, f"ObjectRestore:{what}", found.entry, bridged=bridged, **more)


# converge


def step(call: Call, row: Restore) -> Step:
    """A ripe restore is there; after its days it goes; what happened to the version meanwhile ends it."""
    now = call.now()
    with call.write() as tx:
        bucket = find_bucket(tx, row.bucket)
        if bucket is None or bucket.id != row.owner:
            return Step(None)
        try:
            found = index.version(tx, bucket, row.key, row.version)
        except AwsError:
            return Step(None)
        restored = found.entry.restored
        if found.entry.seq != row.seq or found.entry.storage not in TAKES or restored is None:
            return Step(None)
        if restored[0]:
            if now < row.ripe:
                return Step(row, row.ripe - now)
            until = _until(now, row.days)
            _set(tx, bucket, row.key, found, (False, until))
            _tell(call, tx, bucket, row.key, "Completed", found, until)
            return Step(row, until - now)
        if now < restored[1]:
            return Step(row, restored[1] - now)
        _set(tx, bucket, row.key, found, None)
        _tell(call, tx, bucket, row.key, "Delete", found)
    return Step(None)
