"""What lifecycle rules do: hourly, a bounded batch of keys at a time, versions expire and change their class."""

from __future__ import annotations

import msgspec

from haneul.service import Call, Step
from haneul.services.s3 import happenings, index, multipart, uploads
from haneul.services.s3.lifecycle_rules import Rule, filter_of, fits, is_due, past
from haneul.services.s3.plane import keys
from haneul.services.s3.state import Bucket, Entry, Object, find_bucket
from haneul.state.store import Writer
from haneul.state.table import Table

HOUR = 3600
BATCH = 200
"""Keys looked at in one transaction."""
_SMALL = 128 * 1024
_ARCHIVES = ("GLACIER", "DEEP_ARCHIVE")
_DOWN = {
    "STANDARD_IA": {"", "REDUCED_REDUNDANCY"},
    "INTELLIGENT_TIERING": {"", "REDUCED_REDUNDANCY", "STANDARD_IA"},
    "ONEZONE_IA": {"", "REDUCED_REDUNDANCY", "STANDARD_IA", "INTELLIGENT_TIERING"},
    "GLACIER_IR": {"", "REDUCED_REDUNDANCY", "STANDARD_IA", "INTELLIGENT_TIERING"},
    "GLACIER": {"", "REDUCED_REDUNDANCY", "STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR"},
}
_DOWN["DEEP_ARCHIVE"] = {*_DOWN["GLACIER"], "GLACIER"}
"""Storage class -> those from which a rule may move objects to it: never up again."""


class Lifecycle(msgspec.Struct):
    """A bucket with rules: `owner` is its id, `at` the last key looked at in the round under way."""

    bucket: str
    owner: bytes
    at: bytes = b""


LIFECYCLES = Table("s3.lifecycle", Lifecycle, key=("bucket",))


def tend(call: Call, row: Lifecycle) -> Step:
    """Look at the next batch of keys; an hour's rest after the last; an end when the configuration has gone."""
    with call.write() as tx:
        bucket = find_bucket(tx, row.bucket)
        if bucket is None or bucket.id != row.owner or "lifecycle" not in bucket.settings:
            return Step(None)
        rules = [rule for rule in bucket.settings["lifecycle"]["rules"] if rule["Status"] == "Enabled"]
        root = keys.current_root(bucket.id)
        start = row.at + b"\x00" if row.at else root
        batch = list(tx.scan(start, keys.after(root), limit=BATCH))
        for at, _ in batch:
            _tend_key(call, tx, bucket, keys.text(at[len(root) : -1]), rules)
        if len(batch) == BATCH:
            return Step(Lifecycle(row.bucket, row.owner, batch[-1][0]), 0.0)
        _abort(call, tx, bucket, rules)
    return Step(Lifecycle(row.bucket, row.owner), HOUR)


def _tend_key(call: Call, tx: Writer, bucket: Bucket, key: str, rules: list[Rule]) -> None:
    now = call.now()
    entry = index.current(tx, bucket, key)
    if entry is None:
        return
    behind = list(index.noncurrent(tx, bucket, key))
    since = entry.modified
    for newer, old in enumerate(behind):
        _tend_noncurrent(call, tx, bucket, key, index.of_entry(tx, bucket, key, old), rules, since, newer)
        since = old.modified
    found = index.of_entry(tx, bucket, key, entry)
    if entry.marker:
        alone = next(index.noncurrent(tx, bucket, key), None) is None
        if alone and any(_marker_due(rule, key, found, now) for rule in rules):
            _erase(call, tx, bucket, key, found, "LifecycleExpiration:Delete")
        return
    fitting = [rule for rule in rules if fits(rule, key, found)]
    if any(is_due(rule.get("Expiration") or {}, entry.modified, now) for rule in fitting):
        _expire(call, tx, bucket, key, found)
        return
    due = [
        each
        for rule in fitting
        for each in rule.get("Transitions") or ()
        if is_due(each, entry.modified, now) and _large_enough(bucket, rule, each, entry.size)
    ]
    _move(call, tx, bucket, key, found, due, "Days")


def _tend_noncurrent(
    call: Call, tx: Writer, bucket: Bucket, key: str, found: Object, rules: list[Rule], since: int, newer: int
) -> None:
    now = call.now()
    fitting = [rule for rule in rules if fits(rule, key, found)]
    for rule in fitting:
        if _noncurrent_due(rule.get("NoncurrentVersionExpiration"), since, newer, now) and not _locked(found, now):
            _erase(call, tx, bucket, key, found, "LifecycleExpiration:Delete")
            return
    due = [
        each
        for rule in fitting
        for each in rule.get("NoncurrentVersionTransitions") or ()
        if _noncurrent_due(each, since, newer, now) and _large_enough(bucket, rule, each, found.entry.size)
    ]
    if not found.entry.marker:
        _move(call, tx, bucket, key, found, due, "NoncurrentDays")


def _expire(call: Call, tx: Writer, bucket: Bucket, key: str, found: Object) -> None:
    """A current version goes: behind a delete marker where there are versions, else for good."""
    if not bucket.versioning:
        _erase(call, tx, bucket, key, found, "LifecycleExpiration:Delete")
        uploads.note_deletion(tx, bucket, key)
        return
    if bucket.versioning == "Suspended" and found.entry.null and _locked(found, call.now()):
        return
    now = call.now()
    marker = Object(Entry(int(now * 1_000_000), int(now), 0, "", marker=True))
    gone = index.insert(tx, bucket, key, marker, blobs=call.cloud.blobs)
    if gone is not None:
        happenings.stored(call, gone, -1)
    happenings.publish(call, tx, bucket, key, "LifecycleExpiration:DeleteMarkerCreated", marker.entry)


def _erase(call: Call, tx: Writer, bucket: Bucket, key: str, found: Object, event: str) -> None:
    index.remove(tx, bucket, key, found, blobs=call.cloud.blobs)
    happenings.stored(call, found.entry, -1)
    happenings.publish(call, tx, bucket, key, event, found.entry)


def _large_enough(bucket: Bucket, rule: Rule, transition: Rule, size: int) -> bool:
    """Small objects stay where they are, unless the rule speaks of sizes or the bucket lets archives take them."""
    if size >= _SMALL or not filter_of(rule).keys().isdisjoint(("ObjectSizeGreaterThan", "ObjectSizeLessThan")):
        return True
    by_class = bucket.settings["lifecycle"].get("sizes") == "varies_by_storage_class"
    return by_class and transition["StorageClass"] in _ARCHIVES


def _move(call: Call, tx: Writer, bucket: Bucket, key: str, found: Object, due: list[Rule], days: str) -> None:
    """Change a version's storage class to the last that is due and lies below its own."""
    now = found.entry.storage
    possible = [each for each in due if now in _DOWN[each["StorageClass"]]]
    if not possible:
        return
    storage = max(possible, key=lambda each: each.get(days) or 0)["StorageClass"]
    happenings.stored(call, found.entry, -1)
    changed = msgspec.structs.replace(found.entry, storage=storage, restored=None)
    happenings.stored(call, changed, 1)
    index.update(tx, bucket, key, msgspec.structs.replace(found, entry=changed))
    told = {"transitionEventData": {"destinationStorageClass": storage}}
    bridged = {"requester": "s3.amazonaws.com", "destination-storage-class": storage}
    happenings.publish(call, tx, bucket, key, "LifecycleTransition", changed, lifecycleEventData=told, bridged=bridged)


def _abort(call: Call, tx: Writer, bucket: Bucket, rules: list[Rule]) -> None:
    for rule in rules:
        days = (rule.get("AbortIncompleteMultipartUpload") or {}).get("DaysAfterInitiation")
        if days is None:
            continue
        start = keys.name(filter_of(rule).get("Prefix") or "")
        end = keys.after(start) if start else b"\xff"
        old = [u for u in uploads.scan(tx, bucket, start, end) if past(u.initiated, days, call.now())]
        for upload in old[:BATCH]:
            multipart.abort(call, tx, bucket, upload)


def _noncurrent_due(action: Rule | None, since: float, newer: int, now: float) -> bool:
    if not action:
        return False
    return newer >= (action.get("NewerNoncurrentVersions") or 0) and past(since, action.get("NoncurrentDays") or 0, now)


def _marker_due(rule: Rule, key: str, found: Object, now: float) -> bool:
    expiration = rule.get("Expiration") or {}
    wanted = expiration.get("ExpiredObjectDeleteMarker") or is_due(expiration, found.entry.modified, now)
    return bool(wanted) and fits(rule, key, found)


def _locked(found: Object, now: float) -> bool:
    return found.lock is not None and (found.lock.hold or found.lock.retains(now))
