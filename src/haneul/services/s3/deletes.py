"""Deleting objects, one or a thousand: a version for good, or the current one behind a delete marker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.s3 import conditions, context, happenings, index, locks, replicas, uploads, writes
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import errors, malformed_xml, no_such_version
from haneul.services.s3.guard import bucket_arn, may, object_arn
from haneul.services.s3.state import Bucket, Entry, Object
from haneul.services.s3.versions import slot_of, version_id
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

MAX_OBJECTS = 1000
_BATCH = 50
_LISTED_CONDITIONS = {"ETag": "IfMatch", "Size": "IfMatchSize", "LastModifiedTime": "IfMatchLastModifiedTime"}
"""DeleteObjects' conditions by DeleteObject's names."""
_CONDITIONS = frozenset({"IfMatch", "IfMatchSize", "IfMatchLastModifiedTime"})


@operation(
    resource=object_arn,
    action=lambda call, request: _actions(request),
    conditions=context.keys,
)
def delete_object(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteObject. What isn't there is deleted already. Raises PreconditionFailed, AccessDenied (Object Lock)."""
    writes.check_key(request["Key"])
    with call.write() as tx:
        bucket = bucket_of(tx, request)
        marker, version = delete(call, tx, bucket, request, bypass=_bypass(bucket, request))
    return {"DeleteMarker": marker or None, "VersionId": version}


@operation(resource=bucket_arn, action=lambda call, request: [])  # every key is decided by itself
async def delete_objects(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteObjects: each by itself, its failure told beside the others' success."""
    wanted = (request.get("Delete") or {}).get("Objects") or []
    if not 1 <= len(wanted) <= MAX_OBJECTS:
        raise malformed_xml()
    with call.read() as tx:
        bypass = _bypass(bucket_of(tx, request), request)
    quiet = bool(request["Delete"].get("Quiet"))
    deleted: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]

        def work(tx: Writer, batch: list[Mapping[str, Any]] = batch) -> list[tuple[bool, dict[str, Any]]]:
            bucket = bucket_of(tx, request)
            return [_delete_listed(call, tx, bucket, each, bypass) for each in batch]

        for done, told in await call.transact(work):
            (deleted if done else failed).append(told)
        await asyncio.sleep(0)  # others want the loop too
    return {"Deleted": [] if quiet else deleted, "Errors": failed}


def _actions(request: Mapping[str, Any]) -> str | list[str]:
    action = "s3:DeleteObjectVersion" if "VersionId" in request else "s3:DeleteObject"
    return [action, "s3:GetObject"] if request.get("IfMatch") not in (None, "*") else action


def _bypass(bucket: Bucket, request: Mapping[str, Any]) -> bool:
    """Whether governance retention is to be passed over. Raises InvalidArgument where there can be none."""
    bypass = request.get("BypassGovernanceRetention")
    if bypass is not None and not bucket.object_lock:
        raise errors.InvalidArgument(
            "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.",
            ArgumentName="x-amz-bypass-governance-retention",
        )
    return bool(bypass)


def _delete_listed(
    call: Call, tx: Writer, bucket: Bucket, each: Mapping[str, Any], bypass: bool
) -> tuple[bool, dict[str, Any]]:
    key = each["Key"]
    asked = each.get("VersionId") or None
    wish: dict[str, Any] = {"Key": key}
    if asked is not None:
        wish["VersionId"] = asked
    for member, condition in _LISTED_CONDITIONS.items():
        if each.get(member):
            wish[condition] = each[member]
    try:
        writes.check_key(key)
        needed = _actions(wish)
        if not all(may(call, tx, bucket, each, key) for each in ([needed] if isinstance(needed, str) else needed)):
            raise errors.AccessDenied("Access Denied")
        marker, version = delete(call, tx, bucket, wish, bypass=bypass)
    except AwsError as error:
        if error.code == "InvalidArgument":  # here, an id that never was is merely one that isn't there
            error = no_such_version(key, asked or "")
        return False, {"Key": key, "VersionId": asked, "Code": error.code, "Message": error.message}
    told: dict[str, Any] = {"Key": key}
    if asked is not None:
        told["VersionId"] = asked
    if marker:
        told["DeleteMarker"] = True
        told["DeleteMarkerVersionId"] = version
    return True, told


def delete(
    call: Call, tx: Writer, bucket: Bucket, request: Mapping[str, Any], *, bypass: bool
) -> tuple[bool, str | None]:
    """Delete the request's Key, or its VersionId for good: (a delete marker came or went, its or the version's id)."""
    key = request["Key"]
    asked = request.get("VersionId")
    if not _CONDITIONS.isdisjoint(request):
        conditions.check_delete(request, index.current(tx, bucket, key))
    if asked is not None:
        return _delete_version(call, tx, bucket, key, asked, bypass)
    if not bucket.versioning:
        found = index.newest(tx, bucket, key)
        if found is not None:
            _remove(call, tx, bucket, key, found)
            uploads.note_deletion(tx, bucket, key)
        return False, None
    now = call.now()
    marker = Object(Entry(int(now * 1_000_000), int(now), 0, "", marker=True))
    gone = index.insert(tx, bucket, key, marker, blobs=call.cloud.blobs)
    if gone is not None:
        happenings.stored(call, gone, -1)
    if replicas.mark(bucket, key, marker):
        replicas.ask(call, tx, bucket, key, marker)
    happenings.publish(call, tx, bucket, key, "ObjectRemoved:DeleteMarkerCreated", marker.entry)
    return True, version_id(marker.entry)


def _delete_version(
    call: Call, tx: Writer, bucket: Bucket, key: str, asked: str, bypass: bool
) -> tuple[bool, str | None]:
    found = index.load(tx, bucket, key, slot_of(asked))
    if found is None:
        return False, asked
    if not found.entry.marker:
        locks.check_delete(call, tx, bucket, key, found, bypass)
    _remove(call, tx, bucket, key, found)
    return found.entry.marker, asked


def _remove(call: Call, tx: Writer, bucket: Bucket, key: str, found: Object) -> None:
    index.remove(tx, bucket, key, found, blobs=call.cloud.blobs)
    happenings.stored(call, found.entry, -1)
    happenings.publish(call, tx, bucket, key, "ObjectRemoved:Delete", found.entry)
