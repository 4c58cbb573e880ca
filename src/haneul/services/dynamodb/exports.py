"""Exports: a table as it was at one time, or what changed in it between two, as compressed DynamoDB JSON with its
manifests in a bucket of S3."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from haneul import converge
from haneul.kit import tokens
from haneul.kit.instants import iso8601
from haneul.service import Call, Scope, Step, operation
from haneul.services.dynamodb import building, definitions, recovery
from haneul.services.dynamodb.errors import errors, invalid
from haneul.services.dynamodb.exportfilters import ExportFilter
from haneul.services.dynamodb.names import parse_arn
from haneul.services.dynamodb.plane import values
from haneul.services.dynamodb.schemas import Schema
from haneul.services.dynamodb.state import TABLES, TRANSFERS, TableRow, Transfer
from haneul.state.store import Reader
from haneul.wire.errors import AwsError

FILE_BYTES = 8 * 1024 * 1024
SHORTEST, LONGEST = 15 * 60.0, 24 * 3600.0
_OUTSIDE = "The specified time is outside the point in time recovery window"
FAILURES = {"NoSuchBucket": "S3NoSuchBucket", "AccessDenied": "S3AccessDenied", "NoSuchKey": "S3NoSuchKey"}


def _located(arn: str) -> tuple[Scope, str]:
    found = parse_arn(arn)
    if found is None or found[2]:
        raise invalid(f"Invalid TableArn: {arn}")
    return found[0], found[1]


@operation(resource="{TableArn}")
def export_table_to_point_in_time(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ExportTableToPointInTime. Raises ExportConflictException, InvalidExportTimeException,
    PointInTimeRecoveryUnavailableException, TableNotFoundException."""
    if request.get("ExportType") == "INCREMENTAL_EXPORT":
        definitions.unsupported(request, "FilterSpecification")
    if request.get("ExportFormat") == "ION":
        raise AwsError("NotImplemented", "Only exports as DYNAMODB_JSON are implemented.", 501)
    scope, name = _located(request["TableArn"])
    now = call.now()
    told = {**request, "ExportTime": request.get("ExportTime", now)}
    with call.write() as tx:
        again = repeated(tx, scope, "EXPORT", request)
        if again is not None:
            return {"ExportDescription": _describe(again)}
        row = TABLES.get(tx, scope, name)
        if row is None:
            raise errors.TableNotFoundException(f"Table not found: {request['TableArn']}")
        if row.pitr_since is None:
            raise errors.PointInTimeRecoveryUnavailableException(
                f"Point in time recovery is not enabled for table '{name}'"
            )
        if request.get("FilterSpecification"):
            ExportFilter(request["FilterSpecification"], Schema(scope, row, b""))  # wrong ones are refused at once
        if request.get("ExportType") == "INCREMENTAL_EXPORT":
            del told["ExportTime"]
            told["Window"] = _window(request, row, now)
        elif not int(recovery.earliest(row, now)) <= told["ExportTime"] <= now:
            raise errors.InvalidExportTimeException(_OUTSIDE)
        made = Transfer(
            arn=f"{request['TableArn']}/export/{int(now * 1000):014d}-{tokens.random_hex(8)}",
            table_arn=request["TableArn"],
            kind="EXPORT",
            status="IN_PROGRESS",
            request=told,
            started=now,
            table_id=row.id,
        )
        TRANSFERS.put(tx, scope, made)
        converge.wake(tx, "dynamodb.transfer", scope, (made.arn,), now)
    return {"ExportDescription": _describe(made)}


def _window(request: Mapping[str, Any], row: TableRow, now: float) -> list[Any]:
    """From when until when an incremental export tells of changes, and its view."""
    told = request.get("IncrementalExportSpecification")
    if not told or told.get("ExportFromTime") is None:
        raise invalid("ExportFromTime must be specified in IncrementalExportSpecification for an INCREMENTAL_EXPORT")
    start, end = told["ExportFromTime"], told.get("ExportToTime") or now
    if start < int(recovery.earliest(row, now)) or end > now:
        raise errors.InvalidExportTimeException(_OUTSIDE)
    if end - start < SHORTEST:
        raise invalid("Difference between export from time and export to time is less than 15 minutes")
    if end - start > LONGEST:
        raise invalid("Difference between export from time and export to time is greater than 24 hours")
    return [start, end, told.get("ExportViewType", "NEW_AND_OLD_IMAGES")]


def repeated(tx: Reader, scope: Scope, kind: str, request: Mapping[str, Any]) -> Transfer | None:
    """The transfer that this ClientToken began. Raises ExportConflictException, ImportConflictException."""
    token = request.get("ClientToken")
    if token is None:
        return None
    for row in TRANSFERS.scan(tx, scope):
        if row.kind == kind and row.request.get("ClientToken") == token:
            if any(row.request.get(member) != value for member, value in request.items()):
                conflict = errors.ExportConflictException if kind == "EXPORT" else errors.ImportConflictException
                raise conflict("Request parameters do not match the request that used this ClientToken before")
            return row
    return None


@operation(resource="{ExportArn}")
def describe_export(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeExport. Raises ExportNotFoundException."""
    row = find(call, request["ExportArn"], "EXPORT")
    if row is None:
        raise errors.ExportNotFoundException(f"Export not found: {request['ExportArn']}")
    return {"ExportDescription": _describe(row)}


def find(call: Call, arn: str, kind: str) -> Transfer | None:
    found = parse_arn(arn)
    if found is None:
        return None
    with call.read() as tx:
        row = TRANSFERS.get(tx, found[0], arn)
    return row if row is not None and row.kind == kind else None


@operation(resource="*")
def list_exports(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListExports."""
    page, token = listed(call, "EXPORT", request, request.get("MaxResults") or 25)
    told = [{"ExportArn": r.arn, "ExportStatus": r.status, "ExportType": _type(r)} for r in page]
    return {"ExportSummaries": told, "NextToken": token}


def listed(call: Call, kind: str, request: Mapping[str, Any], limit: int) -> tuple[list[Transfer], str | None]:
    """A page of transfers, newest first, and the token of the next one."""
    start = 0
    if request.get("NextToken"):
        opened = tokens.open_page(request["NextToken"])
        if opened is None:
            raise invalid("Invalid NextToken")
        start = int(opened[0])
    wanted = request.get("TableArn")
    with call.read() as tx:
        rows = [r for r in TRANSFERS.scan(tx, call.scope) if r.kind == kind and wanted in (None, r.table_arn)]
    rows.sort(key=lambda row: row.started, reverse=True)
    more = len(rows) > start + limit
    return rows[start : start + limit], tokens.seal_page(start + limit) if more else None


def _type(row: Transfer) -> str:
    return str(row.request.get("ExportType", "FULL_EXPORT"))


def _describe(row: Transfer) -> dict[str, Any]:
    done = row.status == "COMPLETED"
    kept = ("ExportTime", "FilterSpecification", "ClientToken")
    where = ("S3Bucket", "S3BucketOwner", "S3Prefix", "S3SseKmsKeyId")
    window = row.request.get("Window")
    names = ("ExportFromTime", "ExportToTime", "ExportViewType")
    return {
        **{member: row.request.get(member) for member in (*kept, *where)},
        "IncrementalExportSpecification": None if window is None else dict(zip(names, window, strict=True)),
        "ExportArn": row.arn,
        "ExportStatus": row.status,
        "StartTime": row.started,
        "EndTime": row.ended,
        "ExportManifest": row.manifest,
        "TableArn": row.table_arn,
        "TableId": row.table_id,
        "S3SseAlgorithm": row.request.get("S3SseAlgorithm", "AES256"),
        "FailureCode": row.code,
        "FailureMessage": row.message,
        "ExportFormat": "DYNAMODB_JSON",
        "ExportType": _type(row),
        "BilledSizeBytes": row.size if done else None,
        "ItemCount": row.items if done else None,
    }


def run(call: Call, row: Transfer) -> Step:
    """Write the files, then the manifests; killed on the way, it begins again under the same names."""
    located = _located(row.table_arn)
    with call.read() as tx:
        table = TABLES.get(tx, *located)
    try:
        if table is None or table.id != row.table_id:
            raise AwsError("TableNotFound", "The table was deleted before its export was complete.", 400)
        _write(call, row, table)
    except AwsError as error:
        row.status, row.ended = "FAILED", call.now()
        row.code, row.message = FAILURES.get(error.code, error.code), error.message
        return Step(row)
    return Step(row)


def _write(call: Call, row: Transfer, table: TableRow) -> None:
    prefix = (row.request.get("S3Prefix") or "").strip("/")
    root = f"{prefix}/AWSDynamoDB/" if prefix else "AWSDynamoDB/"
    root += row.arn.rpartition("/")[2]
    _put(call, row, f"{root}/_started", b"")
    row.items = row.size = 0
    files = []
    for number, (data, count) in enumerate(_files(call, row, table)):
        stem = hashlib.sha256(f"{row.arn}/{number}".encode()).hexdigest()[:26]
        # What changed lies with what changed before it; a whole table lies by itself.
        folder = root if "Window" not in row.request else root.rpartition("/")[0]
        key = f"{folder}/data/{stem}.json.gz"
        etag = _put(call, row, key, data)
        checksum = base64.b64encode(hashlib.md5(data).digest()).decode()
        files.append({"itemCount": count, "md5Checksum": checksum, "etag": etag.strip('"'), "dataFileS3Key": key})
    row.ended = call.now()
    lines = b"".join(orjson.dumps(each) + b"\n" for each in files)
    _manifest(call, row, f"{root}/manifest-files", lines)
    _manifest(call, row, f"{root}/manifest-summary", orjson.dumps(_summary(row, f"{root}/manifest-files.json")))
    row.manifest = f"{root}/manifest-summary.json"
    row.status = "COMPLETED"


def _summary(row: Transfer, files: str) -> dict[str, Any]:
    assert row.ended is not None
    window = row.request.get("Window")
    if window is None:
        when = {"exportTime": iso8601(row.request["ExportTime"])}
    else:
        when = {"exportFromTime": iso8601(window[0]), "exportToTime": iso8601(window[1]), "outputView": window[2]}
    return {
        "version": "2020-06-30" if window is None else "2023-08-01",
        "exportArn": row.arn,
        "startTime": iso8601(row.started),
        "endTime": iso8601(row.ended),
        "tableArn": row.table_arn,
        "tableId": row.table_id,
        **when,
        "s3Bucket": row.request["S3Bucket"],
        "s3Prefix": row.request.get("S3Prefix"),
        "s3SseAlgorithm": row.request.get("S3SseAlgorithm", "AES256"),
        "s3SseKmsKeyId": row.request.get("S3SseKmsKeyId"),
        "manifestFilesS3Key": files,
        "billedSizeBytes": row.size,
        "itemCount": row.items,
        "outputFormat": "DYNAMODB_JSON",
        "exportType": _type(row),
    }


def _files(call: Call, row: Transfer, table: TableRow) -> Iterator[tuple[bytes, int]]:
    """The items as compressed files, with how many each holds."""
    lines: list[bytes] = []
    held = 0
    with call.cloud.store.read() as view:
        for told, size in _told(view, row, table):
            line = orjson.dumps(told) + b"\n"
            lines.append(line)
            held += len(line)
            row.items += 1
            row.size += size
            if held >= FILE_BYTES:
                yield gzip.compress(b"".join(lines), 6), len(lines)
                lines, held = [], 0
        if lines:
            yield gzip.compress(b"".join(lines), 6), len(lines)


def _told(view: Reader, row: Transfer, table: TableRow) -> Iterator[tuple[dict[str, Any], int]]:
    """What the export's lines say, and the size of the items in each."""
    window = row.request.get("Window")
    if window is None:
        source = building.items(view, table.data)
        wanted = row.request.get("FilterSpecification")
        kept = ExportFilter(wanted, Schema(_located(row.table_arn)[0], table, b"")) if wanted else None
        for _, item, size in building.as_of(view, table.data, float(row.request["ExportTime"]), source):
            exported = item if kept is None else kept(item)
            if exported is not None:
                yield {"Item": exported}, size
        return
    names = [table.hash] + ([table.range] if table.range else [])
    for number, before, after in building.changed(view, table.data, window[0], window[1]):
        image = after if after is not None else before
        if image is None:
            continue  # it came and went
        told: dict[str, Any] = {
            "Metadata": {"WriteTimestampMicros": {"N": str(number)}},
            "Keys": {name: image[name] for name in names},
        }
        if before is not None and window[2] == "NEW_AND_OLD_IMAGES":
            told["OldImage"] = before
        if after is not None:
            told["NewImage"] = after
        yield told, sum(values.item_size(told[member]) for member in ("OldImage", "NewImage") if member in told)


def _manifest(call: Call, row: Transfer, stem: str, data: bytes) -> None:
    _put(call, row, f"{stem}.json", data)
    _put(call, row, f"{stem}.md5", base64.b64encode(hashlib.md5(data).digest()))


def _put(call: Call, row: Transfer, key: str, data: bytes) -> str:
    told: dict[str, Any] = {"Bucket": row.request["S3Bucket"], "Key": key, "Body": data}
    if row.request.get("S3BucketOwner"):
        told["ExpectedBucketOwner"] = row.request["S3BucketOwner"]
    if row.request.get("S3SseAlgorithm") == "KMS":
        told |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": row.request.get("S3SseKmsKeyId")}
    return str(call.invoke("s3", "PutObject", {k: v for k, v in told.items() if v is not None})["ETag"])
