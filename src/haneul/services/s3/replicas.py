"""Replicas under way: one row for each version to be copied, written with the version, settled when it is there.

The row's step copies the body as it lies (sealed or not), then commits the version under the id it has at its source.
A replica is never replicated again, so buckets may replicate to each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from haneul import converge
from haneul.auth.principals import Principal
from haneul.kit import tokens
from haneul.service import Call, Scope, Step
from haneul.services.s3 import guard, happenings, index, ownership
from haneul.services.s3.plane import keys
from haneul.services.s3.replications import destination
from haneul.services.s3.state import BLOB, CHUNKS, PARTS, Bucket, Object, Part, find_bucket
from haneul.state.store import Reader, Writer
from haneul.state.table import Table
from haneul.wire.errors import AwsError

PENDING, COMPLETED, FAILED, REPLICA = "PENDING", "COMPLETED", "FAILED", "REPLICA"


class Replica(msgspec.Struct):
    """A version of `bucket` (by its name and id) that is to be copied; `asked` tells one wish for it from the next."""

    id: str
    bucket: str
    owner: bytes
    key: str
    seq: int
    asked: str


REPLICAS = Table("s3.replica", Replica, key=("id",))


def mark(bucket: Bucket, key: str, made: Object) -> bool:
    """Whether a version that is about to be written is to be replicated; an object is then PENDING."""
    if (
        "replication" not in bucket.settings
        or bucket.versioning != "Enabled"
        or made.replication == REPLICA
        or not rules_for(bucket, key, made)
    ):
        return False
    if not made.entry.marker:
        made.replication = PENDING
    return True


def ask(call: Call, tx: Writer, bucket: Bucket, key: str, made: Object) -> None:
    """Have a marked version copied, once this transaction is on disk."""
    digest = hashlib.blake2b(bucket.id + keys.name(key), digest_size=12).hexdigest()
    row = Replica(f"{digest}-{made.entry.seq:x}", bucket.name, bucket.id, key, made.entry.seq, tokens.ordered_id())
    scope = Scope(bucket.owner, bucket.region)
    REPLICAS.put(tx, scope, row)
    converge.wake(tx, "s3.replica", scope, (row.id,), due=call.now())


def rules_for(bucket: Bucket, key: str, made: Object) -> list[Mapping[str, Any]]:
    """The rules that an object or delete marker is under, the foremost one for each destination."""
    found: dict[str, Mapping[str, Any]] = {}
    rules = bucket.settings["replication"]["Rules"]
    for rule in sorted(rules, key=lambda rule: -int(rule.get("Priority", 0))):
        if rule["Status"] == "Enabled" and _covers(rule, key, made):
            found.setdefault(destination(rule["Destination"]), rule)
    return list(found.values())


def _covers(rule: Mapping[str, Any], key: str, made: Object) -> bool:
    wanted = rule.get("Filter")
    tags: list[Mapping[str, str]] = []
    if wanted is None:
        prefix = rule.get("Prefix", "")
    else:
        both = wanted.get("And") or {}
        prefix = both.get("Prefix", wanted.get("Prefix", ""))
        tags = both.get("Tags") or ([wanted["Tag"]] if "Tag" in wanted else [])
    if not key.startswith(prefix):
        return False
    if made.entry.marker:
        chosen = rule.get("DeleteMarkerReplication")
        return wanted is None if chosen is None else chosen["Status"] == "Enabled"
    if made.cipher is not None and made.cipher.kind.startswith("aws:kms"):
        criteria = rule.get("SourceSelectionCriteria") or {}
        if (criteria.get("SseKmsEncryptedObjects") or {}).get("Status") != "Enabled":
            return False
    known = made.tags or {}
    return all(known.get(tag["Key"]) == tag["Value"] for tag in tags)


def replicate(call: Call, row: Replica) -> Step:
    """Copy a version to all its destinations and tell its source how that went."""
    slot = keys.slot(row.seq, False)
    with call.read() as tx:
        bucket = find_bucket(tx, row.bucket)
        found = None if bucket is None or bucket.id != row.owner else index.load(tx, bucket, row.key, slot)
    if bucket is None or found is None or "replication" not in bucket.settings:
        return Step(None)
    role = _role(call, bucket)
    done = [_copy(call, role, bucket, row.key, found, rule) for rule in rules_for(bucket, row.key, found)]
    if found.entry.marker or not done:
        return Step(None)
    with call.write() as tx:
        current = index.load(tx, bucket, row.key, slot)
        if current is not None:
            status = COMPLETED if all(done) else FAILED
            index.update(tx, bucket, row.key, msgspec.structs.replace(current, replication=status))
    return Step(None)


def _role(call: Call, bucket: Bucket) -> Call:
    """A call of the role that the configuration names: it is who must be allowed to write there."""
    arn: str = bucket.settings["replication"]["Role"]
    account = arn.split(":")[4]
    name = arn.rpartition("/")[2]
    asked = call.cloud.call_as("s3", Scope(account, bucket.region))
    try:
        identity = asked.invoke("iam", "GetRole", {"RoleName": name})["Role"]["RoleId"]
    except AwsError:
        identity = ""  # where policies are enforced, nobody
    session = "s3-replication"
    principal = Principal(
        account=account,
        arn=f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        kind="role",
        user_id=f"{identity}:{session}",
        role_arn=arn,
    )
    return call.cloud.call_as("s3", Scope(account, bucket.region), principal)


def _copy(call: Call, role: Call, bucket: Bucket, key: str, found: Object, rule: Mapping[str, Any]) -> bool:
    """Bring a version to one destination; False when it can't be had there."""
    target = rule["Destination"]
    slot = keys.slot(found.entry.seq, False)
    with call.read() as tx:
        there = find_bucket(tx, destination(target))
        if there is None or there.versioning != "Enabled" or not _allowed(role, tx, there, key, found):
            return False
        known = index.load(tx, there, key, slot)
        chunks = index.body_chunks(tx, bucket, key, found) if found.entry.where == CHUNKS else None
        parts = list(index.parts(tx, bucket, found.upload)) if found.entry.where == PARTS else []
    if known is not None:
        return _refresh(call, there, key, known, found)
    made = _drafted(bucket, there, found, target)
    copied = _copy_files(call, made, parts)
    with call.write() as tx:
        there = find_bucket(tx, there.name)
        if there is None or there.versioning != "Enabled":
            return False
        for part in copied:
            index.put_part(tx, there, made.upload, part)
        if index.insert_replica(tx, there, key, made, chunks):
            happenings.stored(call, made.entry, 1)
            event = "ObjectRemoved:DeleteMarkerCreated" if made.entry.marker else "ObjectCreated:Put"
            happenings.publish(call, tx, there, key, event, made.entry)
    return True


def _allowed(role: Call, tx: Reader, there: Bucket, key: str, found: Object) -> bool:
    action = "s3:ReplicateDelete" if found.entry.marker else "s3:ReplicateObject"
    wish = {"Bucket": there.name, "Key": key}
    said = guard.guard_of(role, tx, there, wish)
    return role.cloud.gate.allows(role, action, f"{there.arn}/{key}", said, wish)


def _refresh(call: Call, there: Bucket, key: str, known: Object, found: Object) -> bool:
    """The version is there: its tags and lock follow those of the source."""
    if known.replication != REPLICA and not known.entry.marker:
        return False
    if known.tags != found.tags or (there.object_lock and known.lock != found.lock):
        lock = found.lock if there.object_lock else known.lock
        with call.write() as tx:
            current = index.load(tx, there, key, keys.slot(known.entry.seq, False))
            if current is not None:
                index.update(tx, there, key, msgspec.structs.replace(current, tags=found.tags, lock=lock))
    return True


def _drafted(bucket: Bucket, there: Bucket, found: Object, target: Mapping[str, Any]) -> Object:
    """The replica as it will be, but for its files."""
    storage = target.get("StorageClass")
    entry = msgspec.structs.replace(found.entry, restored=None)
    if storage is not None and not entry.marker:
        entry.storage = "" if storage == "STANDARD" else storage
    given_away = "AccessControlTranslation" in target or ownership.of(there) == ownership.ENFORCED
    source = found.entry.owner or bucket.owner
    entry.owner = "" if given_away or source == there.owner else source
    return msgspec.structs.replace(
        found,
        entry=entry,
        grants=None if given_away else found.grants,
        lock=found.lock if there.object_lock else None,
        replication=REPLICA,
        upload=tokens.random_hex(32) if found.upload else "",
    )


def _copy_files(call: Call, made: Object, parts: list[Part]) -> list[Part]:
    """Give the replica files of its own; what is copied of a failed one is collected by the scrubber."""
    blobs = call.cloud.blobs
    if made.entry.where == BLOB:
        held = blobs.ranges(made.blob, 0, 1)
        made.blob = blobs.join([made.blob])
        del held
    return [msgspec.structs.replace(part, blob=blobs.join([part.blob])) if part.blob else part for part in parts]
