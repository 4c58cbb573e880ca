"""DynamoDB Streams: what changed in a table, in order, for a day."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Mapping
from typing import Any

import orjson

from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.dynamodb import memory, trail
from haneul.services.dynamodb.errors import errors, invalid
from haneul.services.dynamodb.names import parse_arn, table_arn
from haneul.services.dynamodb.plane import logs
from haneul.services.dynamodb.state import STREAMS, StreamRow
from haneul.services.dynamodb.streamrows import LIFE, last_number
from haneul.state.store import Reader
from haneul.wire.errors import Errors

stream_errors = Errors("dynamodbstreams", ValidationException=400)
ITERATOR_LIFE = 900.0
SETTLED = 0.5
RECORDS_LIMIT = 1000
ANSWER_LIMIT = 1024 * 1024
_ZERO = 10**20
"""Sequence numbers have 21 digits; they are this and the record's number."""


def arn_of(scope: Scope, stream: StreamRow) -> str:
    return f"{table_arn(scope, stream.table)}/stream/{stream.label}"


def _find(tx: Reader, arn: str) -> tuple[Scope, StreamRow]:
    """The stream of this ARN. Raises ResourceNotFoundException, ValidationException."""
    found = parse_arn(arn)
    if found is None or not found[2].startswith("/stream/"):
        raise invalid(f"Invalid StreamArn: {arn}")
    scope, table, rest = found
    stream = STREAMS.get(tx, scope, table, rest.removeprefix("/stream/"))
    if stream is None:
        raise errors.ResourceNotFoundException(f"Requested resource not found: Stream: {arn} not found")
    return scope, stream


@operation(resource="*")
def list_streams(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListStreams. Raises ValidationException."""
    limit = request.get("Limit", 100)
    table = request.get("TableName")
    if table is not None and table.startswith("arn:"):
        table = (parse_arn(table) or (None, table, ""))[1]
    start: tuple[str, ...] | None = None
    if request.get("ExclusiveStartStreamArn"):
        found = parse_arn(request["ExclusiveStartStreamArn"])
        if found is None:
            raise invalid(f"Invalid StreamArn: {request['ExclusiveStartStreamArn']}")
        label = found[2].removeprefix("/stream/")
        start = (label,) if table is not None else (found[1], label)
    with call.read() as tx:
        key = (table,) if table is not None else ()
        rows = list(STREAMS.scan(tx, call.scope, *key, after_key=start, limit=limit + 1))
    output: dict[str, Any] = {
        "Streams": [
            {"StreamArn": arn_of(call.scope, row), "TableName": row.table, "StreamLabel": row.label}
            for row in rows[:limit]
        ]
    }
    if len(rows) > limit:
        output["LastEvaluatedStreamArn"] = arn_of(call.scope, rows[limit - 1])
    return output


@operation(resource="{StreamArn}")
def describe_stream(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeStream. Raises ResourceNotFoundException, ValidationException."""
    with call.read() as tx:
        scope, stream = _find(tx, request["StreamArn"])
    shard: dict[str, Any] = {
        "ShardId": stream.shard,
        "SequenceNumberRange": {"StartingSequenceNumber": sequence(stream.first)},
    }
    if stream.last is not None:
        shard["SequenceNumberRange"]["EndingSequenceNumber"] = sequence(stream.last)
    after = request.get("ExclusiveStartShardId")
    wanted = request.get("ShardFilter") or {}
    hidden = (after is not None and after >= stream.shard) or wanted.get("ShardId") is not None
    return {
        "StreamDescription": {
            "StreamArn": arn_of(scope, stream),
            "StreamLabel": stream.label,
            "StreamStatus": "ENABLED" if stream.disabled is None else "DISABLED",
            "StreamViewType": stream.view,
            "CreationRequestDateTime": stream.created,
            "TableName": stream.table,
            "KeySchema": stream.keys,
            "Shards": [] if hidden else [shard],
        }
    }


def sequence(number: int) -> str:
    return str(_ZERO + number)


@operation(resource="{StreamArn}")
def get_shard_iterator(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetShardIterator. Raises ResourceNotFoundException, TrimmedDataAccessException, ValidationException."""
    kind = request["ShardIteratorType"]
    told = request.get("SequenceNumber")
    with call.read() as tx:
        scope, stream = _find(tx, request["StreamArn"])
        if request["ShardId"] != stream.shard:
            raise errors.ResourceNotFoundException(
                f"Requested resource not found: Shard: {request['ShardId']} in Stream: {request['StreamArn']} not found"
            )
        if kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
            position = _position(stream, kind, told, call.now())
        elif told is not None:
            raise invalid(f"SequenceNumber must not be specified when ShardIteratorType is {kind}")
        elif kind == "LATEST":
            position = max(last_number(tx, stream) + 1, stream.first)
        else:
            position = 0
    return {"ShardIterator": _iterator(arn_of(scope, stream), position, call.now())}


def _position(stream: StreamRow, kind: str, told: str | None, now: float) -> int:
    if told is None:
        raise invalid(
            "One or more parameter values were invalid: SequenceNumber must be specified when ShardIteratorType is "
            f"{kind}"
        )
    if not told.isdigit() or int(told) < _ZERO:
        raise invalid(f"Invalid SequenceNumber: {told}")
    number = int(told) - _ZERO
    if number < int((now - LIFE) * 1_000_000):
        raise stream_errors.TrimmedDataAccessException(
            "The operation attempted to read past the oldest stream record in a shard. "
            f"SequenceNumber: {told} is older than the trim horizon"
        )
    return number + (kind == "AFTER_SEQUENCE_NUMBER")


def _iterator(arn: str, position: int, now: float) -> str:
    return f"{arn}|1|{tokens.seal_page(position, int(now))}"


@operation(resource=lambda call, request: str(request["ShardIterator"]).partition("|")[0])
def get_records(call: Call, request: Mapping[str, Any]) -> dict[str, Any] | Awaitable[dict[str, Any]]:
    """GetRecords. Raises ExpiredIteratorException, ResourceNotFoundException, ValidationException."""
    arn, _, sealed = request["ShardIterator"].rpartition("|1|")
    opened = tokens.open_page(sealed) if arn else None
    if opened is None or len(opened) != 2 or not all(isinstance(part, int) for part in opened):
        raise invalid("Invalid ShardIterator")
    position, made = int(opened[0]), int(opened[1])
    now = call.now()
    if now - made > ITERATOR_LIFE:
        raise stream_errors.ExpiredIteratorException("Iterator expired. It was made more than 15 minutes ago.")
    limit = request.get("Limit", RECORDS_LIMIT)
    if limit > RECORDS_LIMIT:
        raise invalid(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
            f"Member must have value less than or equal to {RECORDS_LIMIT}"
        )
    if not memory.of(call.cloud).several:
        return _read(call, arn, position, limit, None)
    # Where transactions run side by side, one under way may still put a record before the newest ones.
    settled = int((now - SETTLED) * 1_000_000)
    with call.read() as tx:
        last = last_number(tx, _find(tx, arn)[1])
    if last >= max(position, settled):
        return _settled(call, arn, position, limit)
    return _read(call, arn, position, limit, settled)


async def _settled(call: Call, arn: str, position: int, limit: int) -> dict[str, Any]:
    """The records up to now, once nothing can come between them any more."""
    end = int(call.now() * 1_000_000)
    await asyncio.sleep(SETTLED)
    return await asyncio.get_running_loop().run_in_executor(None, _read, call, arn, position, limit, end)


def _read(call: Call, arn: str, position: int, limit: int, end: int | None) -> dict[str, Any]:
    """The records from `position` on, before `end`."""
    records: list[dict[str, Any]] = []
    now = call.now()
    with call.read() as tx:
        scope, stream = _find(tx, arn)
        prefix = trail.stream_prefix(stream.data)
        first = logs.position(prefix, max(position, int((now - LIFE) * 1_000_000)))
        last = prefix + b"\xff" * 9 if end is None else logs.position(prefix, end)
        size = 0
        for number, entry in logs.entries(tx.scan(first, last)):
            records.append(_record(scope, stream, number, entry))
            position = number + 1
            size += len(entry)
            if len(records) >= limit or size >= ANSWER_LIMIT:
                break
    output: dict[str, Any] = {"Records": records}
    if stream.last is None or (position <= stream.last and records):
        output["NextShardIterator"] = _iterator(arn, position, now)
    return output


def _record(scope: Scope, stream: StreamRow, number: int, entry: bytes) -> dict[str, Any]:
    told = orjson.loads(entry)
    image: dict[str, Any] = {
        "ApproximateCreationDateTime": told["t"],
        "Keys": told["k"],
        "SequenceNumber": sequence(number),
        "SizeBytes": told["s"],
        "StreamViewType": stream.view,
    }
    if "N" in told:
        image["NewImage"] = told["N"]
    if "O" in told:
        image["OldImage"] = told["O"]
    record: dict[str, Any] = {
        "eventID": hashlib.md5(f"{stream.data}{number}".encode()).hexdigest(),
        "eventName": told["n"],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": scope.region,
        "dynamodb": image,
    }
    if told.get("u"):
        record["userIdentity"] = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}
    return record
