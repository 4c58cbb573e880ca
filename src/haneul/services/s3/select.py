"""SelectObjectContent: SQL over one object, answered as it is found.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_SelectObjectContent.html
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.s3 import bodies, context, encryption, objects
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import errors
from haneul.services.s3.guard import object_arn
from haneul.services.s3.plane.reading import Held
from haneul.services.s3.plane.select import grammar, outputs, query
from haneul.services.s3.plane.select.problems import SelectError
from haneul.services.s3.plane.select.records import Csv, Json, Progress, Span
from haneul.wire.errors import AwsError

_MISSING = "The SelectRequest entity is missing a required parameter. Check the service documentation and try again."
_RANGED = (
    "Scan range queries are not supported on this type of object. Supported objects are uncompressed CSV and JSON "
    "objects, and Parquet objects."
)
_SCAN = "The value of a parameter in ScanRange element is invalid. Check the service API documentation and try again."


@operation(resource=object_arn, action="s3:GetObject", conditions=context.keys)
async def select_object_content(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """SelectObjectContent over CSV and JSON, plain or compressed. Parquet is answered with NotImplemented.

    What is wrong with the expression, or with the data up to the first record, is an error of the request; later it is
    one of the stream.
    """
    form, compression = _input(request)
    write = _output(request)
    span = _span(request, form, compression)
    with call.read() as tx:
        bucket = bucket_of(tx, request)
        found = objects.visible(tx, bucket, request["Key"], None, call.operation)
        secret = encryption.read_key(call, found.cipher, request)
        objects.check_readable(call, found)
        size = found.entry.size
        cuts = bodies.cuts(tx, bucket, request["Key"], found, start=0, length=size, key=secret) if size else []
        held = Held(cuts, call.cloud.blobs.ranges)
    if span is not None and size and span.start >= size:
        raise _invalid("InvalidScanRange", _SCAN)
    try:
        parsed = grammar.parse(request["Expression"])
        progress = Progress()
        now = call.now()
        ready = span if span is None or span.start >= 0 else Span(max(0, size + span.start), None)
        found_records = await asyncio.to_thread(
            query.run, parsed, form, ready, compression, write, held.chunks, progress, now
        )
        first = await asyncio.to_thread(next, found_records, None)
    except SelectError as error:
        raise _invalid(error.code, error.message) from None
    wanted = bool((request.get("RequestProgress") or {}).get("Enabled"))
    return {"Payload": _events(call, found_records, first, progress, wanted)}


async def _events(
    call: Call, found: Iterator[bytes], first: bytes | None, progress: Progress, wanted: bool
) -> AsyncIterator[dict[str, Any]]:
    """Records as they come, progress when it is wanted, and how much there was of everything."""
    returned = 0
    piece = first
    while piece is not None:
        for start in range(0, len(piece), 1 << 20):
            payload = piece[start : start + (1 << 20)]
            returned += len(payload)
            yield {"Records": {"Payload": payload}}
        if wanted:
            yield {"Progress": {"Details": _details(progress, returned)}}
        elif not piece:
            yield {"Cont": {}}
        try:
            piece = await asyncio.to_thread(next, found, None)
        except SelectError as error:
            raise _invalid(error.code, error.message) from None
    call.meter("Select-Scanned-Bytes", progress.scanned)
    call.meter("Select-Returned-Bytes", returned)
    yield {"Stats": {"Details": _details(progress, returned)}}
    yield {"End": {}}


def _details(progress: Progress, returned: int) -> dict[str, int]:
    return {"BytesScanned": progress.scanned, "BytesProcessed": progress.processed, "BytesReturned": returned}


def _input(request: Mapping[str, Any]) -> tuple[Csv | Json, str]:
    """How the object is written, and compressed. Raises AwsError."""
    if request["ExpressionType"].upper() != "SQL":
        raise _invalid("InvalidExpressionType", "The ExpressionType is invalid. Only SQL expressions are supported.")
    given = request["InputSerialization"]
    kinds = [kind for kind in ("CSV", "JSON", "Parquet") if given.get(kind) is not None]
    if not kinds:
        raise _invalid("MissingRequiredParameter", _MISSING)
    if len(kinds) > 1:
        said = "The SelectRequest entity can only contain one of CSV or JSON. Check the service documentation and try "
        said += "again."
        raise _invalid("ObjectSerializationConflict", said)
    compression = (given.get("CompressionType") or "NONE").upper()
    if compression not in ("NONE", "GZIP", "BZIP2"):
        said = "The file is not in a supported compression format. Only GZIP and BZIP2 are supported."
        raise _invalid("InvalidCompressionFormat", said)
    if kinds == ["Parquet"]:
        raise errors.NotImplemented("Parquet objects can't be queried here.")
    if kinds == ["JSON"]:
        kind = (given["JSON"].get("Type") or "").upper()
        if kind not in ("LINES", "DOCUMENT"):
            raise _invalid("InvalidJsonType", "The JsonType is invalid. Only DOCUMENT and LINES are supported.")
        return Json(kind == "DOCUMENT"), compression
    return _csv(given["CSV"]), compression


def _csv(given: Mapping[str, Any]) -> Csv:
    header = (given.get("FileHeaderInfo") or "NONE").upper()
    if header not in ("NONE", "USE", "IGNORE"):
        said = "The FileHeaderInfo is invalid. Only NONE, USE, and IGNORE are supported."
        raise _invalid("InvalidFileHeaderInfo", said)
    quote = given.get("QuoteCharacter", '"')
    form = Csv(
        header,
        given.get("FieldDelimiter") or ",",
        given.get("RecordDelimiter") or "\n",
        quote,
        given.get("QuoteEscapeCharacter") or quote,
        given.get("Comments", "#"),
        bool(given.get("AllowQuotedRecordDelimiter")),
    )
    for member, value, most in (
        ("FieldDelimiter", form.field, 1),
        ("RecordDelimiter", form.record, 2),
        ("QuoteCharacter", form.quote, 1),
        ("QuoteEscapeCharacter", form.escape, 1),
        ("Comments", form.comment, 1),
    ):
        if len(value) > most or (member == "FieldDelimiter" and value in "\r\n"):
            raise _invalid("InvalidRequestParameter", f"The value of the parameter {member} in CSV is not valid.")
    return form


def _output(request: Mapping[str, Any]) -> outputs.Write:
    given = request["OutputSerialization"]
    csv, json = given.get("CSV"), given.get("JSON")
    if (csv is None) == (json is None):
        raise _invalid("MissingRequiredParameter", _MISSING)
    if json is not None:
        return outputs.json_writer(json.get("RecordDelimiter") or "\n")
    fields = (csv.get("QuoteFields") or "ASNEEDED").upper()
    if fields not in ("ALWAYS", "ASNEEDED"):
        raise _invalid("InvalidQuoteFields", "The QuoteFields is invalid. Only ALWAYS and ASNEEDED are supported.")
    quote = csv.get("QuoteCharacter", '"')
    return outputs.csv_writer(
        outputs.CsvForm(
            csv.get("FieldDelimiter") or ",",
            csv.get("RecordDelimiter") or "\n",
            quote,
            csv.get("QuoteEscapeCharacter") or quote,
            fields == "ALWAYS",
        )
    )


def _span(request: Mapping[str, Any], form: Csv | Json, compression: str) -> Span | None:
    """Which records to read; a negative start counts from the end, where only the end was given."""
    given = request.get("ScanRange")
    if given is None:
        return None
    start, end = given.get("Start"), given.get("End")
    if start is None and end is None:
        raise _invalid("InvalidScanRange", _SCAN)
    if (start or 0) < 0 or (end or 0) < 0 or (start is not None and end is not None and start > end):
        raise _invalid("InvalidScanRange", _SCAN)
    if (
        compression != "NONE"
        or (isinstance(form, Json) and form.document)
        or (isinstance(form, Csv) and form.quoted_records)
    ):
        raise _invalid("UnsupportedScanRangeInput", _RANGED)
    return Span(-(end or 0), None) if start is None else Span(start, end)


def _invalid(code: str, message: str) -> AwsError:
    return AwsError(code, message, 400)
