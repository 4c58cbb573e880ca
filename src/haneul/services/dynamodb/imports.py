"""Imports: a new table filled from DynamoDB JSON or CSV in a bucket of S3."""

from __future__ import annotations

import asyncio
import csv
import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from haneul import converge
from haneul.kit import tokens
from haneul.service import Call, Step, operation
from haneul.services.dynamodb import building, definitions, exports, memory, purge, tables
from haneul.services.dynamodb.errors import errors
from haneul.services.dynamodb.items import check_item, put_key
from haneul.services.dynamodb.names import table_arn
from haneul.services.dynamodb.plane.values import Item
from haneul.services.dynamodb.schemas import Schema
from haneul.services.dynamodb.state import TABLES, TRANSFERS, Transfer
from haneul.wire.errors import AwsError

LINE_LIMIT = 4 * 1024 * 1024
PIECE = 256 * 1024
_SOME_FAILED = "Some of the items failed validation checks. Please check CloudWatch error logs for more details."


@operation(resource=lambda call, request: table_arn(call.scope, request["TableCreationParameters"]["TableName"]))
def import_table(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ImportTable. Raises ImportConflictException, ResourceInUseException, ValidationException."""
    if request["InputFormat"] == "ION" or request.get("InputCompressionType") == "ZSTD":
        raise AwsError("NotImplemented", "ION and ZSTD are not implemented.", 501)
    told = request["TableCreationParameters"]
    name = told["TableName"]
    definitions.check_table_name(name)
    definitions.unsupported(told, "VectorIndexes")
    now = call.now()
    with memory.of(call.cloud).changing(call.scope, name), call.write() as tx:
        again = exports.repeated(tx, call.scope, "IMPORT", request)
        if again is not None:
            return {"ImportTableDescription": _describe(again)}
        row = tables.new_row(call, name, told)
        if TABLES.get(tx, call.scope, name) is not None:
            raise errors.ResourceInUseException(f"Table already exists: {name}")
        arn = table_arn(call.scope, name)
        made = Transfer(
            arn=f"{arn}/import/{int(now * 1000):014d}-{tokens.random_hex(8)}",
            table_arn=arn,
            kind="IMPORT",
            status="IN_PROGRESS",
            request=dict(request),
            started=now,
            table_id=row.id,
        )
        row.status, row.building = "CREATING", {"import": made.arn}
        TABLES.put(tx, call.scope, row)
        TRANSFERS.put(tx, call.scope, made)
        converge.wake(tx, "dynamodb.transfer", call.scope, (made.arn,), now)
    return {"ImportTableDescription": _describe(made)}


@operation(resource="{ImportArn}")
def describe_import(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeImport. Raises ImportNotFoundException."""
    row = exports.find(call, request["ImportArn"], "IMPORT")
    if row is None:
        raise errors.ImportNotFoundException(f"Import not found: {request['ImportArn']}")
    return {"ImportTableDescription": _describe(row)}


@operation(resource="*")
def list_imports(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListImports."""
    page, token = exports.listed(call, "IMPORT", request, request.get("PageSize") or 25)
    shown = ("ImportArn", "ImportStatus", "TableArn", "S3BucketSource", "InputFormat", "StartTime", "EndTime")
    told = [{member: each[member] for member in shown} for each in map(_describe, page)]
    return {"ImportSummaryList": told, "NextToken": token}


def _describe(row: Transfer) -> dict[str, Any]:
    kept = ("ClientToken", "S3BucketSource", "InputFormat", "InputFormatOptions", "TableCreationParameters")
    return {
        **{member: row.request.get(member) for member in kept},
        "ImportArn": row.arn,
        "ImportStatus": row.status,
        "TableArn": row.table_arn,
        "TableId": row.table_id,
        "ErrorCount": row.failed,
        "InputCompressionType": row.request.get("InputCompressionType", "NONE"),
        "StartTime": row.started,
        "EndTime": row.ended,
        "ProcessedSizeBytes": row.size,
        "ProcessedItemCount": row.items,
        "ImportedItemCount": row.imported,
        "FailureCode": row.code,
        "FailureMessage": row.message,
    }


def run(call: Call, row: Transfer) -> Step:
    """Fill the table and make it active; killed on the way, it begins again: what is there is put once more."""
    name = row.request["TableCreationParameters"]["TableName"]
    with call.read() as tx:
        table = TABLES.get(tx, call.scope, name)
    row.items = row.imported = row.failed = row.size = 0
    row.status = "COMPLETED"
    if table is None or table.id != row.table_id:
        row.status, row.code, row.message = "FAILED", "TableDeleted", "The table was deleted during its import"
    else:
        try:
            _fill(call, row, Schema(call.scope, table, b""))
        except AwsError as error:
            row.status = "FAILED"
            row.code, row.message = exports.FAILURES.get(error.code, error.code), error.message
        except (zlib.error, UnicodeDecodeError, csv.Error) as error:
            row.status, row.code, row.message = "FAILED", "InvalidInput", f"A file cannot be read: {error}"
        if row.code == "S3NoSuchBucket":
            _forget(call, name)
        else:
            building.settle(call, name)
    row.ended = call.now()
    return Step(row)


def _forget(call: Call, name: str) -> None:
    """There was nothing to fill the table from: it isn't made."""
    with memory.of(call.cloud).changing(call.scope, name), call.write() as tx:
        table = TABLES.get(tx, call.scope, name)
        if table is not None:
            purge.remove_table(call, tx, call.scope, table)


def _fill(call: Call, row: Transfer, schema: Schema) -> None:
    batch: list[building.Found] = []
    held = 0
    for key in _keys(call, row):
        for item in _parsed(call, row, schema, key):
            row.items += 1
            try:
                if not isinstance(item, dict):
                    raise AwsError("ValidationException", "not an item", 400)
                size = check_item(item)
                batch.append((put_key(schema, item), item, size))
            except AwsError:
                row.failed += 1
                row.status, row.code, row.message = "FAILED", "ItemValidationError", _SOME_FAILED
                continue
            row.imported += 1
            held += size
            if len(batch) >= building.CHUNK or held >= building.CHUNK_BYTES:
                building.put(call, schema, batch)
                batch, held = [], 0
    building.put(call, schema, batch)


def _source(row: Transfer) -> dict[str, Any]:
    told = row.request["S3BucketSource"]
    wanted = {"Bucket": told["S3Bucket"]}
    if told.get("S3BucketOwner"):
        wanted["ExpectedBucketOwner"] = told["S3BucketOwner"]
    return wanted


def _keys(call: Call, row: Transfer) -> Iterator[str]:
    """The files: all objects below the prefix, but for folders and an export's own manifests."""
    request = {**_source(row), "Prefix": row.request["S3BucketSource"].get("S3KeyPrefix") or ""}
    while True:
        page = _awaited(call, call.invoke("s3", "ListObjectsV2", request))
        for each in page.get("Contents") or ():
            name = each["Key"].rpartition("/")[2]
            if name and name != "_started" and not name.startswith("manifest-"):
                yield each["Key"]
        if not page.get("NextContinuationToken"):
            return
        request["ContinuationToken"] = page["NextContinuationToken"]


def _awaited(call: Call, told: Any) -> Any:
    """A step works in a thread: what is asynchronous is awaited on the cloud's loop."""
    if not hasattr(told, "__await__"):
        return told

    async def wait() -> Any:
        return await told

    return asyncio.run_coroutine_threadsafe(wait(), call.cloud.loop).result()


def _pieces(call: Call, row: Transfer, key: str) -> Iterator[bytes]:
    body = _awaited(call, call.invoke("s3", "GetObject", {**_source(row), "Key": key}))["Body"]
    if isinstance(body, bytes):
        yield body
    elif isinstance(body, list | tuple):
        for piece in body:
            if isinstance(piece, bytes):
                yield piece
                continue
            with open(piece.path, "rb") as file:
                file.seek(piece.offset)
                left = piece.length
                while left > 0 and (data := file.read(min(left, PIECE))):
                    left -= len(data)
                    yield data
    else:
        pieces = body.__aiter__()
        while True:
            try:
                yield _awaited(call, pieces.__anext__())
            except StopAsyncIteration:
                return


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What gzip packed, in bounded pieces; a file may be several of gzip's members."""
    unpacker = zlib.decompressobj(wbits=31)
    begun = False
    for piece in pieces:
        left = piece
        while left:
            if unpacker.eof:
                unpacker = zlib.decompressobj(wbits=31)
            begun = True
            yield unpacker.decompress(left, PIECE)
            left = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    while data := unpacker.decompress(b"", PIECE):
        yield data
    if begun and not unpacker.eof:
        raise zlib.error("it ends too early")


def _lines(call: Call, row: Transfer, key: str) -> Iterator[str]:
    """The lines of a file, unpacked; none is longer than an item could need."""
    pieces = _counted(row, _pieces(call, row, key))
    if row.request.get("InputCompressionType") == "GZIP":
        pieces = _unpacked(pieces)
    rest = b""
    for data in pieces:
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            yield line.decode() + "\n"
        if len(rest) > LINE_LIMIT:
            raise AwsError("InvalidInput", f"A line of {key} is too long.", 400)
    if rest:
        yield rest.decode()


def _counted(row: Transfer, pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        row.size += len(piece)
        yield piece


def _parsed(call: Call, row: Transfer, schema: Schema, key: str) -> Iterator[Item | None]:
    lines = _lines(call, row, key)
    if row.request["InputFormat"] == "CSV":
        yield from _rows(row, schema, lines)
        return
    for line in lines:
        if not line.strip():
            continue
        for told in _documents(line):
            yield told.get("Item") if isinstance(told, dict) else None


def _documents(line: str) -> Iterator[Any]:
    """The JSON documents of a line: nearly always one, but nothing has to stand between them. None: not JSON."""
    try:
        yield orjson.loads(line)
        return
    except orjson.JSONDecodeError:
        pass
    decoder, at = json.JSONDecoder(), 0
    line = line.strip()
    while at < len(line):
        try:
            told, at = decoder.raw_decode(line, at)
        except (ValueError, RecursionError):
            yield None
            return
        yield told
        while at < len(line) and line[at].isspace():
            at += 1


def _rows(row: Transfer, schema: Schema, lines: Iterator[str]) -> Iterator[Item | None]:
    """Key attributes have the types of their definitions, all others are strings."""
    options = (row.request.get("InputFormatOptions") or {}).get("Csv") or {}
    header: list[str] | None = options.get("HeaderList")
    for cells in csv.reader(lines, delimiter=options.get("Delimiter") or ","):
        if header is None:
            header = cells
        elif cells:
            typed = zip(header, cells, strict=False)
            yield (
                {name: {schema.row.attributes.get(name, "S"): cell} for name, cell in typed}
                if len(cells) <= len(header)
                else None
            )
