"""The daily export of Storage Lens: what was counted, as CSV, written to a bucket of the account at midnight UTC.

    <prefix>/StorageLens/<account>/<id>/V_1/manifests/dt=2026-03-01/manifest.json   reports/dt=2026-03-01/<uuid>.csv

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage_lens_view_metrics_export.html
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import orjson

from haneul.kit import tokens
from haneul.service import Call, Step
from haneul.services.s3.state import BUCKETS, GLOBAL, Bucket, find_bucket
from haneul.services.s3control import lens_metrics
from haneul.services.s3control.lens_metrics import Counts, Prefixes
from haneul.services.s3control.lens_rows import GROUPS, Group, Lens, group_arn

DAY = 86_400
_COLUMNS = (
    *("version_number", "configuration_id", "report_date", "aws_account_number", "aws_region", "storage_class"),
    *("record_type", "record_value", "bucket_name", "metric_name", "metric_value"),
)
Record = tuple[str, str, str, str, Counts]
"""Region, record type, record value, bucket's name, and what was counted."""


def destination(configuration: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Where a configuration has its metrics written; None when nowhere."""
    found: Mapping[str, Any] | None = (configuration.get("DataExport") or {}).get("S3BucketDestination")
    return found


def next_midnight(now: float) -> float:
    return float((int(now // DAY) + 1) * DAY)


def export(call: Call, lens: Lens) -> Step:
    """Write the export of the day that has ended and wait for the next midnight."""
    there = destination(lens.configuration)
    if there is None:
        return Step(lens)
    now = call.now()
    with call.read() as tx:
        bucket = find_bucket(tx, there["Arn"].removeprefix("arn:aws:s3:::"))
    if lens.configuration["IsEnabled"] and bucket is not None and bucket.owner == call.account:
        _write(call, lens, bucket, there, datetime.fromtimestamp(now - DAY / 2, UTC).strftime("%Y-%m-%d"))
    return Step(lens, next_midnight(call.now()) - call.now())


def _write(call: Call, lens: Lens, bucket: Bucket, there: Mapping[str, Any], day: str) -> None:
    content = _csv(call, lens, day)
    prefix = f"{there['Prefix'].strip('/')}/" if there.get("Prefix") else ""
    stem = f"{prefix}StorageLens/{call.account}/{lens.id}/V_1"
    key = f"{stem}/reports/dt={day}/{tokens.uuid()}.csv"
    _put(call, bucket, key, content, there)
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    manifest = {
        "sourceAccountId": call.account,
        "configId": lens.id,
        "destinationBucket": bucket.arn,
        "reportVersion": "V_1",
        "reportDate": day,
        "reportFormat": "CSV",
        "reportSchema": ",".join(_COLUMNS),
        "reportFiles": [{"key": key, "size": len(content), "md5Checksum": digest}],
    }
    _put(call, bucket, f"{stem}/manifests/dt={day}/manifest.json", orjson.dumps(manifest), there)


def _put(call: Call, bucket: Bucket, key: str, content: bytes, there: Mapping[str, Any]) -> None:
    request: dict[str, Any] = {"Bucket": bucket.name, "Key": key, "Body": content}
    encryption = there.get("Encryption") or {}
    if encryption.get("SSEKMS") is not None:
        request |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": encryption["SSEKMS"]["KeyId"]}
    elif encryption.get("SSES3") is not None:
        request["ServerSideEncryption"] = "AES256"
    call.invoke("s3", "PutObject", request)


def _csv(call: Call, lens: Lens, day: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for region, kind, value, name, counts in _records(call, lens):
        for storage, metrics in sorted(counts.items()):
            for metric, amount in sorted(metrics.items()):
                writer.writerow(
                    [
                        "V_1",
                        lens.id,
                        day,
                        call.account,
                        region,
                        storage,
                        kind,
                        quote(value, safe="/"),
                        name,
                        metric,
                        amount,
                    ]
                )
    return text.getvalue().encode()


def _records(call: Call, lens: Lens) -> Iterator[Record]:
    """Of every bucket, its prefixes and groups; then of the account, region by region."""
    groups, prefixes = _groups(call, lens), _prefixes(lens)
    accounts: dict[str, Counts] = {}
    by_group: dict[tuple[str, str], Counts] = {}
    for bucket in _buckets(call, lens):
        counts, grouped = lens_metrics.of_bucket(call, bucket, groups)
        yield bucket.region, "BUCKET", bucket.name, bucket.name, counts
        lens_metrics.add(accounts.setdefault(bucket.region, lens_metrics.new()), counts)
        for arn, some in grouped.items():
            yield bucket.region, "STORAGE_LENS_GROUP_BUCKET", arn, bucket.name, some
            lens_metrics.add(by_group.setdefault((bucket.region, arn), lens_metrics.new()), some)
        if prefixes is not None:
            for prefix, some in lens_metrics.of_prefixes(call, bucket, counts, prefixes):
                yield bucket.region, "PREFIX", prefix, bucket.name, some
    for region, counts in accounts.items():
        yield region, "ACCOUNT", call.account, "", counts
    for (region, arn), counts in by_group.items():
        yield region, "STORAGE_LENS_GROUP_ACCOUNT", arn, "", counts


def _buckets(call: Call, lens: Lens) -> list[Bucket]:
    """The account's buckets that the configuration means."""
    include, exclude = lens.configuration.get("Include") or {}, lens.configuration.get("Exclude") or {}
    with call.read() as tx:
        names = [bucket.name for bucket in BUCKETS.scan(tx, GLOBAL) if bucket.owner == call.account]
        found = [bucket for bucket in (find_bucket(tx, name) for name in names) if bucket is not None]
    return [
        bucket
        for bucket in found
        if (not include.get("Buckets") or bucket.arn in include["Buckets"])
        and (not include.get("Regions") or bucket.region in include["Regions"])
        and bucket.arn not in (exclude.get("Buckets") or ())
        and bucket.region not in (exclude.get("Regions") or ())
    ]


def _groups(call: Call, lens: Lens) -> dict[str, Group]:
    level = lens.configuration["AccountLevel"].get("StorageLensGroupLevel")
    if level is None:
        return {}
    chosen = level.get("SelectionCriteria") or {}
    with call.read() as tx:
        found = {group_arn(call.scope, group.name): group for group in GROUPS.scan(tx, call.scope)}
    return {
        arn: group
        for arn, group in found.items()
        if (not chosen.get("Include") or arn in chosen["Include"]) and arn not in (chosen.get("Exclude") or ())
    }


def _prefixes(lens: Lens) -> Prefixes | None:
    level = lens.configuration["AccountLevel"]["BucketLevel"].get("PrefixLevel")
    metrics = (level or {}).get("StorageMetrics") or {}
    if not metrics.get("IsEnabled"):
        return None
    chosen = metrics.get("SelectionCriteria") or {}
    return Prefixes(
        chosen.get("Delimiter") or "/", chosen.get("MaxDepth", 5), chosen.get("MinStorageBytesPercentage", 1.0)
    )
