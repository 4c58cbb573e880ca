"""Manifests: the lists of objects that a batch job works on, read as its role; CSV or an inventory report of S3.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-create-job.html
"""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote_plus

import orjson

from haneul.service import Call
from haneul.services.s3control import reading
from haneul.services.s3control.job_requests import bucket_of
from haneul.services.s3control.state import Task
from haneul.wire.errors import AwsError

MAX_MANIFEST = 16 << 20
"""Bytes of an inventory report's manifest.json."""


class ManifestError(Exception):
    """Why a manifest can't be worked on: AWS's code and the reason."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def tasks(role: Call, manifest: Mapping[str, Any]) -> Iterator[Task]:
    """The tasks that a manifest lists. Raises ManifestError."""
    location, spec = manifest["Location"], manifest["Spec"]
    bucket, key = _place(location["ObjectArn"])
    answer = _get(role, bucket, key, location.get("ObjectVersionId"))
    if answer["ETag"].strip('"') != location["ETag"].strip('"'):
        raise ManifestError("InvalidManifest", "The manifest's ETag is not that of the object.")
    try:
        if spec["Format"] == "S3BatchOperations_CSV_20180820":
            yield from _rows(reading.pieces(role, answer), spec["Fields"])
        else:
            yield from _inventory(role, answer)
    except (ValueError, zlib.error, csv.Error, KeyError, TypeError, AttributeError) as error:
        raise ManifestError("InvalidManifest", f"The manifest can't be read: {error}"[:256]) from None


def _place(arn: str) -> tuple[str, str]:
    """(bucket, key) of an object's ARN; the bucket may be an access point's ARN."""
    if ":accesspoint/" in arn:
        bucket, _, key = arn.partition("/object/")
    else:
        bucket, _, key = arn.partition("/")
    return bucket_of(bucket), key


def _get(role: Call, bucket: str, key: str, version: str | None = None) -> Mapping[str, Any]:
    request = {"Bucket": bucket, "Key": key}
    if version:
        request["VersionId"] = version
    try:
        answer: Mapping[str, Any] = role.invoke("s3", "GetObject", request)
    except AwsError as error:
        raise ManifestError(
            "ManifestNotFound" if error.status == 404 else "ManifestAccessDenied",
            f"Reading the manifest is not possible: {error.code}: {error.message}"[:256],
        ) from None
    return answer


def _rows(content: Iterator[bytes], fields: Sequence[str]) -> Iterator[Task]:
    """The tasks of a CSV without a header; keys are URL-encoded."""
    at = {field: index for index, field in enumerate(fields) if field != "Ignore"}
    for number, row in enumerate(csv.reader(reading.lines(content)), 1):
        if len(row) != len(fields):
            raise ValueError(f"line {number} has {len(row)} fields instead of {len(fields)}")
        bucket, key = row[at["Bucket"]], unquote_plus(row[at["Key"]])
        if not bucket or not key:
            raise ValueError(f"line {number} names no object")
        yield Task(bucket, key, row[at["VersionId"]] if "VersionId" in at else "")


def _inventory(role: Call, answer: Mapping[str, Any]) -> Iterator[Task]:
    """The tasks of an inventory report: of its versions, where it tells them; delete markers are no objects."""
    content = bytearray()
    for piece in reading.pieces(role, answer):
        content += piece
        if len(content) > MAX_MANIFEST:
            raise ValueError("manifest.json is too large")
    manifest = orjson.loads(content)
    if manifest["fileFormat"] != "CSV":
        raise ValueError(f"reports of the format {manifest['fileFormat']} are not read")
    columns = [name.strip() for name in manifest["fileSchema"].split(",")]
    there = bucket_of(manifest["destinationBucket"])
    for file in manifest["files"]:
        packed = reading.pieces(role, _get(role, there, file["key"]))
        for row in csv.reader(reading.lines(reading.unpacked(packed))):
            told = dict(zip(columns, row, strict=True))
            if told.get("IsDeleteMarker") != "true":
                yield Task(told["Bucket"], unquote_plus(told["Key"]), told.get("VersionId", ""))
