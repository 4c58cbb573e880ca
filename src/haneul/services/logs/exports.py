"""Exports of a group's events to a bucket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from haneul import converge
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.logs import names
from haneul.services.logs.errors import errors, invalid
from haneul.services.logs.state import EXPORTS, Export
from haneul.wire.errors import AwsError

PREFIX = "exportedlogs"


class Payload:
    """A payload that is there already, as S3 takes it."""

    def __init__(self, data: bytes) -> None:
        self.buffered: bytes | None = data
        self.length: int | None = len(data)
        self.trailers: dict[str, str] = {}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.buffered or b""

    async def read(self, limit: int) -> bytes:
        return self.buffered or b""


def put_object(call: Call, bucket: str, key: str, data: bytes) -> None:
    call.invoke("s3", "PutObject", {"Bucket": bucket, "Key": key, "Body": Payload(data)})


@operation(resource=names.by_group)
async def create_export_task(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateExportTask: one at a time, once an object could be put into the bucket."""
    if request["from"] > request["to"]:
        raise invalid("The specified time range is not valid. From time must be less than to time.")
    with call.read() as tx:
        names.find(tx, call.scope, request["logGroupName"])
    await asyncio.to_thread(_try_bucket, call, request)
    with call.write() as tx:
        group = names.find(tx, call.scope, request["logGroupName"])
        if any(row.status in ("PENDING", "RUNNING") for row in EXPORTS.scan(tx, call.scope)):
            raise errors.LimitExceededException("Resource limit exceeded.")
        row = Export(
            id=tokens.uuid(),
            group=group.name,
            start=request["from"],
            end=request["to"],
            bucket=request["destination"],
            prefix=request.get("destinationPrefix") or PREFIX,
            created=names.millis(call),
            name=request.get("taskName"),
            streams=request.get("logStreamNamePrefix"),
        )
        EXPORTS.put(tx, call.scope, row)
        converge.wake(tx, "logs.export", call.scope, (row.id,), call.now())
    return {"taskId": row.id}


def _try_bucket(call: Call, request: Mapping[str, Any]) -> None:
    """Leave in the bucket the object that says that logs may be written. Raises InvalidParameterException."""
    prefix = request.get("destinationPrefix")
    key = f"{prefix}/aws-logs-write-test" if prefix else "aws-logs-write-test"
    try:
        put_object(call, request["destination"], key, b"Permission Check Successful")
    except AwsError as error:
        if error.code in ("NoSuchBucket", "InvalidBucketName"):
            raise invalid("The given bucket does not exist. Please make sure the bucket is valid.") from None
        raise invalid(
            "PutObject call on the given bucket failed. Please check if CloudWatch Logs has been granted permission "
            "to perform this operation."
        ) from None


@operation()
def describe_export_tasks(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeExportTasks, by id or status."""
    identity, status = request.get("taskId"), request.get("statusCode")
    with call.read() as tx:
        rows = [
            row for row in EXPORTS.scan(tx, call.scope) if identity in (None, row.id) and status in (None, row.status)
        ]
    if identity is not None and not rows:
        raise errors.ResourceNotFoundException("The specified export task does not exist.")
    page, more = names.page(rows, request, lambda row: row.id, request.get("limit") or 50)
    described = [
        {
            "taskId": row.id,
            "taskName": row.name,
            "logGroupName": row.group,
            "from": row.start,
            "to": row.end,
            "destination": row.bucket,
            "destinationPrefix": row.prefix,
            "status": {"code": row.status, "message": row.message or None},
            "executionInfo": {"creationTime": row.created, "completionTime": row.finished},
        }
        for row in page
    ]
    return {"exportTasks": described, **more}


@operation()
def cancel_export_task(call: Call, request: Mapping[str, Any]) -> None:
    """CancelExportTask, if it isn't done."""
    with call.write() as tx:
        row = EXPORTS.get(tx, call.scope, request["taskId"])
        if row is None:
            raise errors.ResourceNotFoundException("The specified export task does not exist.")
        if row.status not in ("PENDING", "RUNNING"):
            raise errors.InvalidOperationException("The specified export task has already finished")
        row.status = "CANCELLED"
        row.finished = names.millis(call)
        EXPORTS.put(tx, call.scope, row)
