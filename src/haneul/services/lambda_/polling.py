"""Mappings at work: a task on the event loop for each that is enabled reads its source and calls its function."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from haneul.events.targets import Manner, deliver, queue_url
from haneul.kit.patterns import compile_pattern
from haneul.service import Call, Scope, Step
from haneul.services.lambda_.invoking import find, work_of
from haneul.services.lambda_.mappings import kind_of
from haneul.services.lambda_.names import parse
from haneul.services.lambda_.running import House
from haneul.services.lambda_.state import CHECKPOINTS, MAPPINGS, Checkpoint
from haneul.services.lambda_.state import Mapping as Source
from haneul.wire.errors import AwsError

if TYPE_CHECKING:
    from haneul.cloud import Cloud

log = logging.getLogger("haneul.lambda")
LOOK, POLL, PAUSE, WAIT = 30.0, 0.25, 2.0, 10
MAX_BATCH = 6 << 20


def step_mapping(call: Call, row: Source) -> Step:
    """Come to the wanted state; while enabled, see now and then that the task is there."""
    if row.desired == "Deleted":
        return Step(None)
    if row.state != row.desired:
        row = msgspec.structs.replace(row, state=row.desired)
        return Step(row, 0.0 if row.desired == "Enabled" else None)
    if row.state != "Enabled":
        return Step(row)
    plane: House = call.cloud.planes["lambda"]
    cloud, scope, identity = call.cloud, call.scope, row.id
    cloud.loop.call_soon_threadsafe(lambda: plane.spawn(("mapping", identity), _run(cloud, scope, identity)))
    return Step(row, LOOK)


async def _run(cloud: Cloud, scope: Scope, identity: str) -> None:
    while True:
        call = cloud.call_as("lambda", scope)
        with cloud.store.read() as tx:
            row = MAPPINGS.get(tx, scope, identity)
        if row is None or row.desired != "Enabled":
            return
        try:
            pause = await (_from_queue(call, row) if kind_of(row) == "sqs" else _from_stream(call, row))
        except AwsError as error:
            log.info("mapping %s: %s", identity, error)
            pause = PAUSE
        except Exception:
            log.exception("mapping %s failed", identity)
            pause = PAUSE
        if call.usage:
            cloud.performer.count_usage(call, "Invoke")
        if pause:
            await asyncio.sleep(pause)


async def _done(call: Call, service: str, operation: str, request: Mapping[str, Any]) -> Any:
    answer = call.invoke(service, operation, request)
    return await answer if inspect.isawaitable(answer) else answer


async def _perform(call: Call, row: Source, records: list[dict[str, Any]]) -> tuple[bool, Any]:
    """Whether the function took the records, and its answer."""
    name = parse(call, row.config["FunctionArn"])
    with call.read() as tx:
        function, version, _ = find(tx, name)
    payload = json.dumps({"Records": records}, separators=(",", ":")).encode()
    plane: House = call.cloud.planes["lambda"]
    outcome = await plane.perform(call, name, function, version, work_of(call, name, payload))
    try:
        return outcome.error is None, json.loads(outcome.payload)
    except ValueError:
        return outcome.error is None, None


def _failures(row: Source, answer: Any) -> list[str] | None:
    """The identifiers that the function says have failed; None when all have."""
    if "ReportBatchItemFailures" not in (row.config.get("FunctionResponseTypes") or ()) or not isinstance(answer, dict):
        return []
    items = answer.get("batchItemFailures") or []
    try:
        found = [item["itemIdentifier"] for item in items]
    except (TypeError, KeyError):
        return None
    return found if all(isinstance(one, str) and one for one in found) else None


def _passes(row: Source, record: dict[str, Any]) -> bool:
    filters = (row.config.get("FilterCriteria") or {}).get("Filters") or ()
    if not filters:
        return True
    seen = dict(record)
    try:
        if "body" in seen:
            seen["body"] = json.loads(seen["body"])
        elif "kinesis" in seen:
            seen["data"] = json.loads(base64.b64decode(seen["kinesis"]["data"]))
    except ValueError:
        pass
    return any(compile_pattern(json.loads(chosen["Pattern"]))(seen) for chosen in filters)


# Queues


def _message(message: Mapping[str, Any], arn: str) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for name, value in (message.get("MessageAttributes") or {}).items():
        held: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
        if "StringValue" in value:
            held["stringValue"] = value["StringValue"]
        if "BinaryValue" in value:
            held["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
        attributes[name] = held
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes") or {}),
        "messageAttributes": attributes,
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": arn.split(":")[3],
    }
    if message.get("MD5OfMessageAttributes"):
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record


async def _from_queue(call: Call, row: Source) -> float:
    """A batch from the queue; what the function took is deleted, the rest comes back by its visibility time-out."""
    arn, size = row.config["EventSourceArn"], row.config["BatchSize"]
    window = row.config.get("MaximumBatchingWindowInSeconds") or 0
    messages: list[Mapping[str, Any]] = []
    until = 0.0
    while len(messages) < size:
        left = WAIT if not messages else max(0, int(until - call.now()))
        request = {
            "QueueUrl": queue_url(arn),
            "MaxNumberOfMessages": min(10, size - len(messages)),
            "WaitTimeSeconds": min(20, left),
            "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        }
        found = (await _done(call, "sqs", "ReceiveMessage", request)).get("Messages") or []
        if found and not messages:
            until = call.now() + window
        messages.extend(found)
        if not messages or call.now() >= until or (not found and left == 0):
            break
    if not messages:
        return 0.0
    with call.cloud.store.read() as tx:
        current = MAPPINGS.get(tx, call.scope, row.id)
    if current is None or current.desired != "Enabled":
        await _release(call, arn, messages)
        return 0.0
    wanted = [message for message in messages if _passes(row, _message(message, arn))]
    gone = [message for message in messages if message not in wanted]
    if wanted:
        try:
            took, answer = await _perform(call, row, [_message(message, arn) for message in wanted])
        except AwsError:
            await _delete(call, arn, gone)
            raise
        failed = _failures(row, answer) if took else None
        known = {message["MessageId"] for message in wanted}
        if failed is not None and set(failed) <= known:
            gone += [message for message in wanted if message["MessageId"] not in failed]
    await _delete(call, arn, gone)
    return 0.0


async def _release(call: Call, arn: str, messages: list[Mapping[str, Any]]) -> None:
    for message in messages:
        request = {"QueueUrl": queue_url(arn), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
        await _done(call, "sqs", "ChangeMessageVisibility", request)


async def _delete(call: Call, arn: str, messages: list[Mapping[str, Any]]) -> None:
    for start in range(0, len(messages), 10):
        entries = [
            {"Id": str(at), "ReceiptHandle": message["ReceiptHandle"]}
            for at, message in enumerate(messages[start : start + 10])
        ]
        await _done(call, "sqs", "DeleteMessageBatch", {"QueueUrl": queue_url(arn), "Entries": entries})


# Streams


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


async def _from_stream(call: Call, row: Source) -> float:
    """A batch of each shard, from its checkpoint on; a batch that fails is tried again, and in the end passed over."""
    arn = row.config["EventSourceArn"]
    stream = (await _done(call, "dynamodbstreams", "DescribeStream", {"StreamArn": arn}))["StreamDescription"]
    busy = False
    for shard in stream.get("Shards") or ():
        with call.cloud.store.read() as tx:
            mark = CHECKPOINTS.get(tx, call.scope, row.id, shard["ShardId"])
        batch = await _records(call, row, shard["ShardId"], mark)
        if batch:
            busy = True
            await _feed(call, row, batch)
            _keep(call, row, shard["ShardId"], batch[-1]["dynamodb"]["SequenceNumber"])
    return 0.0 if busy else POLL


async def _records(call: Call, row: Source, shard: str, mark: Checkpoint | None) -> list[dict[str, Any]]:
    arn = row.config["EventSourceArn"]
    where: dict[str, Any] = {"ShardIteratorType": row.config.get("StartingPosition") or "TRIM_HORIZON"}
    if mark is not None and mark.sequence.isdigit():
        where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": mark.sequence}
    elif mark is not None or where["ShardIteratorType"] not in ("TRIM_HORIZON", "LATEST"):
        where = {"ShardIteratorType": "TRIM_HORIZON"}
    request = {"StreamArn": arn, "ShardId": shard, **where}
    iterator = (await _done(call, "dynamodbstreams", "GetShardIterator", request)).get("ShardIterator")
    size = min(1000, row.config["BatchSize"])
    tries = 0
    while iterator:
        answer = await _done(call, "dynamodbstreams", "GetRecords", {"ShardIterator": iterator, "Limit": size})
        found = [_plain(record) | {"eventSourceARN": arn} for record in answer.get("Records") or ()]
        # From LATEST on, the iterator itself holds the place until there is a record to keep a checkpoint of.
        if found or where["ShardIteratorType"] != "LATEST":
            return found
        iterator = answer.get("NextShardIterator")
        tries += 1
        if tries % 8 == 0:
            with call.cloud.store.read() as tx:
                current = MAPPINGS.get(tx, call.scope, row.id)
            if current is None or current.desired != "Enabled":
                return []
        await asyncio.sleep(POLL)
    return []


def _keep(call: Call, row: Source, shard: str, sequence: str) -> None:
    with call.cloud.store.write() as tx:
        if MAPPINGS.get(tx, call.scope, row.id) is not None:
            CHECKPOINTS.put(tx, call.scope, Checkpoint(mapping=row.id, shard=shard, sequence=sequence))


async def _feed(call: Call, row: Source, batch: list[dict[str, Any]]) -> None:
    records = [record for record in batch if _passes(row, record)]
    tries = 0
    while records:
        with call.cloud.store.read() as tx:
            current = MAPPINGS.get(tx, call.scope, row.id)
        if current is None or current.desired != "Enabled":
            raise asyncio.CancelledError
        try:
            took, answer = await _perform(call, row, records)
        except AwsError as error:
            if error.code == "ResourceNotFoundException":
                raise
            await asyncio.sleep(1.0)
            continue
        failed = _failures(row, answer) if took else None
        if failed == []:
            return
        if failed:
            at = [n for n, record in enumerate(records) if record["dynamodb"]["SequenceNumber"] in failed]
            if at:
                records = records[at[0] :]
        tries += 1
        limit = row.config.get("MaximumRetryAttempts", -1)
        if 0 <= limit < tries:
            if row.config.get("BisectBatchOnFunctionError") and len(records) > 1:
                half = len(records) // 2
                await _feed(call, row, records[:half])
                await _feed(call, row, records[half:])
                return
            await _give_up(call, row, records, tries)
            return
        await asyncio.sleep(min(30.0, 0.2 * 2 ** min(tries, 8)))


async def _give_up(call: Call, row: Source, records: list[dict[str, Any]], tries: int) -> None:
    target = ((row.config.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
    if not target:
        return
    first, last = records[0]["dynamodb"]["SequenceNumber"], records[-1]["dynamodb"]["SequenceNumber"]
    told = {
        "requestContext": {
            "functionArn": row.config["FunctionArn"],
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": tries,
        },
        "version": "1.0",
        "DDBStreamBatchInfo": {
            "startSequenceNumber": first,
            "endSequenceNumber": last,
            "batchSize": len(records),
            "streamArn": row.config["EventSourceArn"],
        },
    }
    answer = deliver(call, target, json.dumps(told), Manner(source="lambda"))
    if inspect.isawaitable(answer):
        await answer
