"""Completion reports: what came of every task (or of those that failed), as CSV, and a manifest that names the files.

    <prefix>/job-<id>/manifest.json, manifest.json.md5   results/<digest>.csv

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-examples-reports.html
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_plus

import orjson

from haneul.kit.instants import iso8601
from haneul.service import Call
from haneul.services.s3control.job_requests import bucket_of
from haneul.services.s3control.state import RESULT_PAGES, TASK_PAGES, Job, Result, Task

ROWS = 50_000
"""Rows in one file."""
_SCHEMA = "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage"


def write(call: Call, role: Call, job: Job) -> None:
    """Write the report that the job asked for, as its role; repeating it writes the same. Raises AwsError."""
    if not job.report["Enabled"] or not job.succeeded + job.failed:
        return
    bucket, prefix = bucket_of(job.report["Bucket"]), job.report.get("Prefix")
    stem = f"{prefix}/job-{job.id}" if prefix else f"job-{job.id}"
    owner = job.report.get("ExpectedBucketOwner")
    written = []
    kinds = ["failed"] if job.report["ReportScope"] == "FailedTasksOnly" else ["succeeded", "failed"]
    for kind in kinds:
        for content in _files(call, job, kind):
            key = f"{stem}/results/{hashlib.sha1(content, usedforsecurity=False).hexdigest()}.csv"
            _put(role, bucket, key, content, owner)
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
            written.append({"TaskExecutionStatus": kind, "Bucket": bucket, "MD5Checksum": digest, "Key": key})
    manifest = orjson.dumps(
        {
            "Format": job.report["Format"],
            "ReportCreationDate": iso8601(call.now()),
            "Results": written,
            "ReportSchema": _SCHEMA,
        }
    )
    _put(role, bucket, f"{stem}/manifest.json", manifest, owner)
    digest = hashlib.md5(manifest, usedforsecurity=False).hexdigest()
    _put(role, bucket, f"{stem}/manifest.json.md5", digest.encode(), owner)


def _put(role: Call, bucket: str, key: str, content: bytes, owner: str | None) -> None:
    request: dict[str, Any] = {"Bucket": bucket, "Key": key, "Body": content, "ServerSideEncryption": "AES256"}
    if owner is not None:
        request["ExpectedBucketOwner"] = owner
    role.invoke("s3", "PutObject", request)


def _files(call: Call, job: Job, kind: str) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    count = 0
    for task, result in _outcomes(call, job):
        if (kind == "failed") != bool(result.code):
            continue
        key = quote_plus(task.key, safe="/")
        # In this order, as the files of AWS have it, whatever the schema says of the two.
        writer.writerow([task.bucket, key, task.version, kind, result.status, result.code, result.message])
        count += 1
        if count % ROWS == 0:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    if count % ROWS:
        yield text.getvalue().encode()


def _outcomes(call: Call, job: Job) -> Iterator[tuple[Task, Result]]:
    for number in range(job.page):
        with call.read() as tx:
            asked = TASK_PAGES.get(tx, call.scope, job.id, number)
            done = RESULT_PAGES.get(tx, call.scope, job.id, number)
        if asked is not None and done is not None:
            yield from zip(asked.tasks, done.results, strict=True)
