"""What Storage Lens counts: bytes and objects by bucket, storage class, prefix and group.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage_lens_metrics_glossary.html
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from haneul.service import Call
from haneul.services.s3 import index, uploads
from haneul.services.s3.state import Bucket, Object
from haneul.services.s3control import storage_lens_groups
from haneul.services.s3control.lens_rows import Group
from haneul.services.s3control.walking import Seen, walk

Counts = dict[str, dict[str, int]]
"""Storage class -> metric -> value."""


_END = b"\xff"
"""Behind every key of UTF-8."""


class Prefixes(NamedTuple):
    """Which prefixes are worth a row: those that hold at least `least` (percent) of the bucket's bytes."""

    delimiter: str
    depth: int
    least: float


def new() -> Counts:
    return defaultdict(lambda: defaultdict(int))


def add(counts: Counts, more: Counts) -> None:
    for storage, metrics in more.items():
        for metric, value in metrics.items():
            counts[storage][metric] += value


def of_bucket(call: Call, bucket: Bucket, groups: Mapping[str, Group]) -> tuple[Counts, dict[str, Counts]]:
    """All of a bucket, and what of it is of each group (by ARN)."""
    counts = new()
    by_group: dict[str, Counts] = {}
    now = call.now()
    for seen in walk(call, bucket, True):
        _count(counts, seen)
        for arn, group in groups.items():
            if not seen.found.entry.marker and storage_lens_groups.matches(group.filter, seen.key, seen.found, now):
                _count(by_group.setdefault(arn, new()), seen)
    _count_uploads(call, bucket, counts)
    return counts, by_group


def of_prefixes(call: Call, bucket: Bucket, whole: Counts, wanted: Prefixes) -> Iterator[tuple[str, Counts]]:
    """The prefixes of a bucket that hold enough of it. Keys come in order, so few are open at a time."""
    total = sum(metrics["StorageBytes"] for metrics in whole.values())
    least = total * wanted.least / 100
    open_ones: list[tuple[str, Counts]] = []
    for seen in walk(call, bucket, True):
        while open_ones and not seen.key.startswith(open_ones[-1][0]):
            yield from _closed(open_ones.pop(), least)
        reached = len(open_ones[-1][0]) if open_ones else 0
        while len(open_ones) < wanted.depth:
            end = seen.key.find(wanted.delimiter, reached)
            if end < 0:
                break
            reached = end + len(wanted.delimiter)
            open_ones.append((seen.key[:reached], new()))
        for _, counts in open_ones:
            _count(counts, seen)
    while open_ones:
        yield from _closed(open_ones.pop(), least)


def _closed(one: tuple[str, Counts], least: float) -> Iterator[tuple[str, Counts]]:
    held = sum(metrics["StorageBytes"] for metrics in one[1].values())
    if held and held >= least:
        yield one


def _count(counts: Counts, seen: Seen) -> None:
    found: Object = seen.found
    entry = found.entry
    metrics = counts[entry.storage or "STANDARD"]
    if entry.marker:
        metrics["DeleteMarkerObjectCount"] += 1
        return
    kinds = ["", "CurrentVersion" if seen.is_current else "NonCurrentVersion", "Encrypted"]
    if found.replication == "REPLICA":
        kinds.append("Replicated")
    if found.lock is not None:
        kinds.append("ObjectLockEnabled")
    for kind in kinds:
        metrics[f"{kind}StorageBytes"] += entry.size
        metrics[f"{kind}ObjectCount"] += 1


def _count_uploads(call: Call, bucket: Bucket, counts: Counts) -> None:
    """Parts of uploads under way: bytes that are stored, objects that aren't yet."""
    with call.read() as tx:
        for upload in uploads.scan(tx, bucket, b"", _END):
            metrics = counts[upload.storage or "STANDARD"]
            size = sum(part.size for part in index.parts(tx, bucket, upload.id))
            metrics["StorageBytes"] += size
            metrics["IncompleteMultipartUploadStorageBytes"] += size
            metrics["IncompleteMultipartUploadObjectCount"] += 1
