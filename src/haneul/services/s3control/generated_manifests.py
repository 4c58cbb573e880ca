"""Manifests that S3 makes itself: a bucket's objects by a filter, and, where wanted, the list as a file.

Of a bucket with versions, the current ones are listed; all of them when they are to be replicated.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import orjson

from haneul.kit import tokens
from haneul.service import Call
from haneul.services.s3 import guard, replicas
from haneul.services.s3.state import Bucket, Object, find_bucket
from haneul.services.s3.versions import version_id
from haneul.services.s3control.job_requests import bucket_of
from haneul.services.s3control.manifests import ManifestError
from haneul.services.s3control.state import Job, Task
from haneul.services.s3control.walking import walk

_CIPHERS = {"SSEKMS": "aws:kms", "DSSEKMS": "aws:kms:dsse", "SSEC": "SSE-C"}


def generate(call: Call, role: Call, job: Job) -> tuple[Iterator[Task], dict[str, Any] | None]:
    """The tasks, and what GeneratedManifestDescriptor tells. Raises ManifestError, AwsError."""
    assert job.generator is not None
    wish = job.generator["S3JobManifestGenerator"]
    name = bucket_of(wish["SourceBucket"])
    with call.read() as tx:
        bucket = find_bucket(tx, name)
        if bucket is None or bucket.owner != wish.get("ExpectedBucketOwner", bucket.owner):
            raise ManifestError("ManifestGenerationFailed", "The source bucket is not there.")
        if not guard.may(role, tx, bucket, "s3:PutInventoryConfiguration"):
            raise ManifestError("ManifestGenerationFailed", "The role may not list the source bucket's objects.")
    found = _tasks(call, bucket, wish.get("Filter") or {}, "S3ReplicateObject" in job.operation)
    if not wish["EnableManifestOutput"]:
        return found, None
    listed = list(found)
    return iter(listed), _write(role, job, bucket, listed, wish["ManifestOutputLocation"])


def _tasks(call: Call, bucket: Bucket, wanted: Mapping[str, Any], all_versions: bool) -> Iterator[Task]:
    for key, found, _ in walk(call, bucket, all_versions):
        if not found.entry.marker and _fits_name(wanted, key) and _fits(wanted, bucket, key, found):
            yield Task(bucket.name, key, version_id(found.entry) if bucket.versioning else "")


def _fits_name(wanted: Mapping[str, Any], key: str) -> bool:
    names = wanted.get("KeyNameConstraint") or {}
    prefixes, suffixes = names.get("MatchAnyPrefix"), names.get("MatchAnySuffix")
    parts = names.get("MatchAnySubstring")
    return (
        (not prefixes or key.startswith(tuple(prefixes)))
        and (not suffixes or key.endswith(tuple(suffixes)))
        and (not parts or any(part in key for part in parts))
    )


def _fits(wanted: Mapping[str, Any], bucket: Bucket, key: str, found: Object) -> bool:
    entry = found.entry
    after, before = wanted.get("CreatedAfter"), wanted.get("CreatedBefore")
    larger, smaller = wanted.get("ObjectSizeGreaterThanBytes"), wanted.get("ObjectSizeLessThanBytes")
    classes = wanted.get("MatchAnyStorageClass")
    statuses = wanted.get("ObjectReplicationStatuses")
    eligible = wanted.get("EligibleForReplication")
    return (
        (after is None or entry.modified > after)
        and (before is None or entry.modified < before)
        and (larger is None or entry.size > larger)
        and (smaller is None or entry.size < smaller)
        and (not classes or (entry.storage or "STANDARD") in classes)
        and (not statuses or _status(found) in statuses)
        and (eligible is None or eligible == _is_eligible(bucket, key, found))
        and _fits_encryption(wanted.get("MatchAnyObjectEncryption"), found)
    )


def _status(found: Object) -> str:
    return found.replication or "NONE"


def _is_eligible(bucket: Bucket, key: str, found: Object) -> bool:
    return (
        "replication" in bucket.settings
        and found.replication != replicas.REPLICA
        and bool(replicas.rules_for(bucket, key, found))
    )


def _fits_encryption(wanted: list[Mapping[str, Any]] | None, found: Object) -> bool:
    if not wanted:
        return True
    cipher = found.cipher
    for one in wanted:
        name, details = next(((name, value or {}) for name, value in one.items() if value is not None), ("", {}))
        if name == "SSES3" and (cipher is None or cipher.kind == "AES256"):
            return True
        if cipher is None or _CIPHERS.get(name) != cipher.kind:
            continue
        key, by_bucket = details.get("KmsKeyArn"), details.get("BucketKeyEnabled")
        if key in (None, cipher.key_id) and by_bucket in (None, cipher.bucket_key):
            return True
    return False


def _write(role: Call, job: Job, bucket: Bucket, listed: list[Task], there: Mapping[str, Any]) -> dict[str, Any]:
    """The list as an inventory report has it: rows, and a manifest.json that names them."""
    name, prefix = bucket_of(there["Bucket"]), there.get("ManifestPrefix")
    stem = f"{prefix}/job-{job.id}" if prefix else f"job-{job.id}"
    columns = ["Bucket", "Key", "VersionId"] if bucket.versioning else ["Bucket", "Key"]
    rows = [[task.bucket, quote(task.key, safe="/"), task.version][: len(columns)] for task in listed]
    text = "".join(",".join(f'"{value}"' for value in row) + "\n" for row in rows)
    packed = gzip.compress(text.encode(), mtime=0)
    key = f"{stem}/{tokens.uuid()}.csv.gz"
    _put(role, name, key, packed, there)
    manifest = orjson.dumps(
        {
            "sourceBucket": bucket.name,
            "destinationBucket": there["Bucket"],
            "version": "2021-11-30",
            "creationTimestamp": str(int(role.now() * 1000)),
            "fileFormat": "CSV",
            "fileSchema": ", ".join(columns),
            "files": [{"key": key, "size": len(packed), "MD5checksum": hashlib.md5(packed).hexdigest()}],
        }
    )
    told = _put(role, name, f"{stem}/manifest.json", manifest, there)
    location = {"ObjectArn": f"{there['Bucket']}/{stem}/manifest.json", "ETag": told["ETag"].strip('"')}
    if told.get("VersionId"):
        location["ObjectVersionId"] = told["VersionId"]
    return {"Format": there["ManifestFormat"], "Location": location}


def _put(role: Call, bucket: str, key: str, content: bytes, there: Mapping[str, Any]) -> Mapping[str, Any]:
    request: dict[str, Any] = {"Bucket": bucket, "Key": key, "Body": content}
    if "ExpectedManifestBucketOwner" in there:
        request["ExpectedBucketOwner"] = there["ExpectedManifestBucketOwner"]
    secret = (there.get("ManifestEncryption") or {}).get("SSEKMS")
    request["ServerSideEncryption"] = "AES256" if secret is None else "aws:kms"
    if secret is not None:
        request["SSEKMSKeyId"] = secret["KeyId"]
    told: Mapping[str, Any] = role.invoke("s3", "PutObject", request)
    return told
