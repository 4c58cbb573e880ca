"""Inventory reports: lists of a bucket's objects, written to another bucket at midnight, daily or on Sundays.

    <prefix>/<bucket>/<id>/2026-03-01T00-00Z/manifest.json, manifest.checksum   data/<uuid>.csv.gz

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
"""

from __future__ import annotations

import gzip
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec
import orjson

from haneul import converge
from haneul.kit import tokens
from haneul.kit.instants import iso8601
from haneul.service import Call, Scope, Step
from haneul.services.s3 import index, lifecycle_rules
from haneul.services.s3.errors import errors, malformed_xml
from haneul.services.s3.plane import keys
from haneul.services.s3.state import CONFIGURATIONS, GLOBAL, PARTS, Bucket, Object, find_bucket
from haneul.services.s3.versions import version_id
from haneul.state.store import Reader, Writer
from haneul.state.table import Table

ROWS = 100_000
"""Rows in one file of a report."""
DAY = 86_400
_EXPIRES = "LifecycleExpirationDate"


class Inventory(msgspec.Struct):
    """A report that is due again and again: `owner` is the id of the bucket, `id` the configuration's."""

    bucket: str
    id: str
    owner: bytes


INVENTORIES = Table("s3.inventory", Inventory, key=("bucket", "id"))


def check(configuration: Mapping[str, Any]) -> None:
    """Raise unless an InventoryConfiguration says all it must."""
    there = (configuration.get("Destination") or {}).get("S3BucketDestination") or {}
    frequency = (configuration.get("Schedule") or {}).get("Frequency")
    if (
        frequency not in ("Daily", "Weekly")
        or configuration.get("IncludedObjectVersions") not in ("All", "Current")
        or there.get("Format") not in ("CSV", "ORC", "Parquet")
        or "IsEnabled" not in configuration
        or not set(configuration.get("OptionalFields") or ()) <= _FIELDS.keys()
    ):
        raise malformed_xml()
    if not (there.get("Bucket") or "").startswith("arn:aws"):
        raise errors.InvalidS3DestinationBucket("Invalid bucket ARN.")


def schedule(call: Call, tx: Writer, bucket: Bucket, configuration: Mapping[str, Any]) -> None:
    """Have reports written as configured, in the transaction that stores the configuration."""
    scope = Scope(bucket.owner, bucket.region)
    identity = configuration["Id"]
    INVENTORIES.put(tx, scope, Inventory(bucket.name, identity, bucket.id))
    due = _next(configuration["Schedule"]["Frequency"], call.now())
    converge.wake(tx, "s3.inventory", scope, (bucket.name, identity), due=due)


def _next(frequency: str, now: float) -> float:
    """The next midnight, or the next one that begins a Sunday."""
    day = int(now // DAY) + 1
    if frequency == "Weekly":
        day += (3 - day) % 7  # day 0 was a Thursday
    return float(day * DAY)


def report(call: Call, row: Inventory) -> Step:
    """Write the report that is due and wait for the next; an end when the configuration has gone."""
    with call.read() as tx:
        bucket = find_bucket(tx, row.bucket)
        found = CONFIGURATIONS.get(tx, GLOBAL, row.bucket, "inventory", row.id)
        if bucket is None or bucket.id != row.owner or found is None:
            return Step(None)
        configuration: Mapping[str, Any] = found.value
        there = configuration["Destination"]["S3BucketDestination"]
        destination = find_bucket(tx, there["Bucket"].rpartition(":")[2])
    now = call.now()
    if (
        configuration["IsEnabled"]
        and there["Format"] == "CSV"
        and destination is not None
        and destination.owner == bucket.owner
    ):
        _write(call, bucket, configuration, destination, now)
    return Step(row, _next(configuration["Schedule"]["Frequency"], now) - now)


def _write(call: Call, bucket: Bucket, configuration: Mapping[str, Any], destination: Bucket, now: float) -> None:
    there = configuration["Destination"]["S3BucketDestination"]
    stem = "/".join(filter(None, (there.get("Prefix", "").strip("/"), bucket.name, configuration["Id"])))
    columns = _columns(configuration)
    files = []
    for content in _files(call, bucket, configuration, columns):
        key = f"{stem}/data/{tokens.uuid()}.csv.gz"
        _put(call, destination, key, content, there)
        files.append({"key": key, "size": len(content), "MD5checksum": hashlib.md5(content).hexdigest()})
    manifest = {
        "sourceBucket": bucket.name,
        "destinationBucket": destination.arn,
        "version": "2016-11-30",
        "creationTimestamp": str(int(now * 1000)),
        "fileFormat": "CSV",
        "fileSchema": ", ".join(columns),
        "files": files,
    }
    content = orjson.dumps(manifest, option=orjson.OPT_INDENT_2)
    folder = f"{stem}/{datetime.fromtimestamp(now, UTC):%Y-%m-%dT%H-%MZ}"
    _put(call, destination, f"{folder}/manifest.json", content, there)
    _put(call, destination, f"{folder}/manifest.checksum", hashlib.md5(content).hexdigest().encode(), there)


def _put(call: Call, destination: Bucket, key: str, content: bytes, there: Mapping[str, Any]) -> None:
    request: dict[str, Any] = {"Bucket": destination.name, "Key": key, "Body": content}
    encryption = there.get("Encryption") or {}
    if "SSES3" in encryption:
        request["ServerSideEncryption"] = "AES256"
    elif "SSEKMS" in encryption:
        request |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": encryption["SSEKMS"]["KeyId"]}
    call.invoke("s3", "PutObject", request)


def _columns(configuration: Mapping[str, Any]) -> list[str]:
    columns = ["Bucket", "Key"]
    if configuration["IncludedObjectVersions"] == "All":
        columns += ["VersionId", "IsLatest", "IsDeleteMarker"]
    wanted = configuration.get("OptionalFields") or ()
    return columns + [field for field in _FIELDS if field in wanted]


def _files(call: Call, bucket: Bucket, configuration: Mapping[str, Any], columns: list[str]) -> Iterator[bytes]:
    """The rows as compressed files; one, if empty, for a bucket without objects."""
    packed = io.BytesIO()
    writer = gzip.GzipFile(fileobj=packed, mode="wb", mtime=0)
    count = 0
    with call.read() as tx:
        for row in _rows(tx, bucket, configuration, columns):
            writer.write(row)
            count += 1
            if count % ROWS == 0:
                writer.close()
                yield packed.getvalue()
                packed = io.BytesIO()
                writer = gzip.GzipFile(fileobj=packed, mode="wb", mtime=0)
    writer.close()
    if count % ROWS or not count:
        yield packed.getvalue()


def _rows(tx: Reader, bucket: Bucket, configuration: Mapping[str, Any], columns: list[str]) -> Iterator[bytes]:
    prefix = (configuration.get("Filter") or {}).get("Prefix", "")
    everything = configuration["IncludedObjectVersions"] == "All"
    root = keys.current_root(bucket.id)
    start = root + keys.name(prefix)
    fields = [_FIELDS[column] for column in columns if column in _FIELDS]
    expires = columns.index(_EXPIRES) if _EXPIRES in columns and "lifecycle" in bucket.settings else None
    for at, raw in tx.scan(start, keys.after(start)):
        key = keys.text(at[len(root) : -1])
        current = index.unpack(raw)
        for entry in (current, *(index.noncurrent(tx, bucket, key) if everything else ())):
            if entry.marker and not everything:
                continue
            found = index.of_entry(tx, bucket, key, entry)
            row = [bucket.name, quote(key, safe="/")]
            if everything:
                identity = version_id(entry) if bucket.versioning else ""
                row += [identity, _flag(entry is current), _flag(entry.marker)]
            row += ["" if entry.marker and field is not _modified else field(found) for field in fields]
            if expires is not None and entry is current and not entry.marker:
                row[expires] = _expiry(bucket, key, found)
            yield (",".join('"' + value.replace('"', '""') + '"' for value in row) + "\n").encode()


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _modified(found: Object) -> str:
    return iso8601(found.entry.modified)


def _encryption(found: Object) -> str:
    if found.cipher is None:
        return "SSE-S3"
    return {"aws:kms": "SSE-KMS", "aws:kms:dsse": "DSSE-KMS", "SSE-C": "SSE-C"}.get(found.cipher.kind, "SSE-S3")


def _until(found: Object) -> str:
    return iso8601(found.lock.until) if found.lock is not None and found.lock.until else ""


def _expiry(bucket: Bucket, key: str, found: Object) -> str:
    due = lifecycle_rules.expiry(bucket, key, found)
    return "" if due is None else iso8601(due[0])


def _hold_duration(found: Object) -> str:
    lock = found.lock
    if lock is None or not lock.event:
        return ""
    return f"{lock.years} years" if lock.years else f"{lock.days} days"


_FIELDS: dict[str, Callable[[Object], str]] = {
    "Size": lambda found: str(found.entry.size),
    "LastModifiedDate": _modified,
    "ETag": lambda found: found.entry.etag,
    "StorageClass": lambda found: found.entry.storage or "STANDARD",
    "IsMultipartUploaded": lambda found: _flag(found.entry.where == PARTS),
    "ReplicationStatus": lambda found: found.replication,
    "EncryptionStatus": _encryption,
    "ObjectLockRetainUntilDate": _until,
    "ObjectLockMode": lambda found: "" if found.lock is None else found.lock.mode,
    "ObjectLockLegalHoldStatus": lambda found: "" if found.lock is None else ("On" if found.lock.hold else "Off"),
    "IntelligentTieringAccessTier": lambda found: "FREQUENT" if found.entry.storage == "INTELLIGENT_TIERING" else "",
    "BucketKeyStatus": lambda found: "ENABLED" if found.cipher is not None and found.cipher.bucket_key else "DISABLED",
    "ChecksumAlgorithm": lambda found: found.entry.algorithm,
    "ObjectAccessControlList": lambda found: "",
    "ObjectOwner": lambda found: found.entry.owner,
    _EXPIRES: lambda found: "",  # filled in where the bucket has rules
    "ObjectLockEventHoldStatus": lambda found: "" if found.lock is None else ("On" if found.lock.event else "Off"),
    "ObjectLockEventHoldDuration": _hold_duration,
    "IntelligentTieringReferenceDate": lambda found: "",
}
