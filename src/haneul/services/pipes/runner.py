"""Pipes at work: a task on the event loop for each that runs. A row's timer starts it again after a restart."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from haneul.events.targets import queue_url
from haneul.service import Call, Scope
from haneul.services.pipes import records
from haneul.services.pipes.delivery import Failed, carry
from haneul.services.pipes.state import CHECKPOINTS, PIPES, Checkpoint, Pipe
from haneul.wire.errors import AwsError

if TYPE_CHECKING:
    from haneul.cloud import Cloud

log = logging.getLogger("haneul.pipes")
POLL, PAUSE = 0.5, 2.0
WAIT = 10
TRIES = 5
"""How often a stream's batch is tried when the pipe doesn't say."""


class Runners:
    """The tasks of the pipes that run."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._tasks: dict[tuple[Scope, str], asyncio.Task[None]] = {}

    def ensure(self, scope: Scope, name: str) -> None:
        """See that a pipe's task is there (from any thread)."""
        self._cloud.loop.call_soon_threadsafe(self._start, scope, name)

    def _start(self, scope: Scope, name: str) -> None:
        task = self._tasks.get((scope, name))
        if task is None or task.done():
            self._tasks[scope, name] = self._cloud.loop.create_task(self._run(scope, name))

    async def _run(self, scope: Scope, name: str) -> None:
        call = self._cloud.call_as("pipes", scope)
        while True:
            with self._cloud.store.read() as tx:
                pipe = PIPES.get(tx, scope, name)
            if pipe is None or pipe.state != "RUNNING":
                return
            try:
                pause = await _turn(call, pipe)
            except asyncio.CancelledError:
                raise
            except (AwsError, Failed) as error:
                log.info("pipe %s: %s", name, error)
                pause = PAUSE
            except Exception:
                log.exception("pipe %s failed", name)
                pause = PAUSE
            if pause:
                await asyncio.sleep(pause)

    def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()


def open_runners(cloud: Cloud) -> Runners:
    return Runners(cloud)


def runners(call: Call) -> Runners:
    found: Runners = call.cloud.planes["pipes"]
    return found


async def _turn(call: Call, pipe: Pipe) -> float:
    """One look at the source; seconds until the next."""
    kind = pipe.settings["Source"].split(":")[2]
    if kind == "sqs":
        return await _from_queue(call, pipe)
    return await _from_stream(call, pipe, "dynamodbstreams" if kind == "dynamodb" else "kinesis")


async def _invoke(call: Call, service: str, operation: str, request: Mapping[str, Any]) -> Any:
    answer = call.invoke(service, operation, request)
    return await answer if inspect.isawaitable(answer) else answer


async def _from_queue(call: Call, pipe: Pipe) -> float:
    """Messages are deleted once the target has taken them (or no filter wants them)."""
    arn = pipe.settings["Source"]
    given = (pipe.settings.get("SourceParameters") or {}).get("SqsQueueParameters") or {}
    request = {
        "QueueUrl": queue_url(arn),
        "MaxNumberOfMessages": min(10, given.get("BatchSize") or 10),
        "WaitTimeSeconds": WAIT,
        "MessageSystemAttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    }
    answer = await _invoke(call, "sqs", "ReceiveMessage", request)
    messages = answer.get("Messages") or []
    if not messages:
        return 0.0
    with call.cloud.store.read() as tx:
        current = PIPES.get(tx, call.scope, pipe.name)
    if current is None or current.state != "RUNNING":
        await _give_back(call, arn, messages)
        return 0.0
    await carry(call, current, [records.of_queue(message, arn) for message in messages])
    entries = [{"Id": str(at), "ReceiptHandle": message["ReceiptHandle"]} for at, message in enumerate(messages)]
    await _invoke(call, "sqs", "DeleteMessageBatch", {"QueueUrl": queue_url(arn), "Entries": entries})
    return 0.0


async def _give_back(call: Call, arn: str, messages: list[Mapping[str, Any]]) -> None:
    """The pipe was stopped while it waited: its messages are everybody's again."""
    entries = [
        {"Id": str(at), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
        for at, message in enumerate(messages)
    ]
    request = {"QueueUrl": queue_url(arn), "Entries": entries}
    await _invoke(call, "sqs", "ChangeMessageVisibilityBatch", request)


async def _from_stream(call: Call, pipe: Pipe, service: str) -> float:
    """Each shard from its checkpoint on; a batch that fails too often is passed over."""
    arn = pipe.settings["Source"]
    parameters = pipe.settings.get("SourceParameters") or {}
    given = parameters.get("DynamoDBStreamParameters") or parameters.get("KinesisStreamParameters") or {}
    found = False
    for shard in await _shards(call, service, arn):
        with call.cloud.store.read() as tx:
            checkpoint = CHECKPOINTS.get(tx, call.scope, pipe.name, shard)
        batch = await _records(call, service, arn, shard, checkpoint, given)
        if not batch:
            continue
        found = True
        if service == "kinesis":
            shaped = [records.of_stream(record, arn, shard) for record in batch]
        else:
            shaped = [records.of_table(record, arn) for record in batch]
        await _carry_patiently(call, pipe, shaped, given)
        sequence = batch[-1]["SequenceNumber"] if service == "kinesis" else batch[-1]["dynamodb"]["SequenceNumber"]
        with call.cloud.store.write() as tx:
            CHECKPOINTS.put(tx, call.scope, Checkpoint(pipe=pipe.name, shard=shard, sequence=sequence))
    return 0.0 if found else POLL


async def _carry_patiently(call: Call, pipe: Pipe, shaped: list[dict[str, Any]], given: Mapping[str, Any]) -> None:
    tries = given.get("MaximumRetryAttempts", TRIES)
    for attempt in range(max(0, tries) + 1 if tries >= 0 else 10_000):
        try:
            await carry(call, pipe, shaped)
            return
        except Failed as error:
            log.info("pipe %s, try %d: %s", pipe.name, attempt + 1, error)
            await asyncio.sleep(min(30.0, 0.5 * 2**attempt))


async def _shards(call: Call, service: str, arn: str) -> list[str]:
    if service == "kinesis":
        answer = await _invoke(call, service, "ListShards", {"StreamARN": arn})
        return [shard["ShardId"] for shard in answer.get("Shards") or ()]
    answer = await _invoke(call, service, "DescribeStream", {"StreamArn": arn})
    return [shard["ShardId"] for shard in answer["StreamDescription"].get("Shards") or ()]


async def _records(
    call: Call, service: str, arn: str, shard: str, checkpoint: Checkpoint | None, given: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    stream = {"StreamARN": arn} if service == "kinesis" else {"StreamArn": arn}
    where: dict[str, Any] = {"ShardIteratorType": given.get("StartingPosition") or "TRIM_HORIZON"}
    if checkpoint is not None:
        where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER"}
        where["StartingSequenceNumber" if service == "kinesis" else "SequenceNumber"] = checkpoint.sequence
    iterator = await _invoke(call, service, "GetShardIterator", {**stream, "ShardId": shard, **where})
    limit = min(1000, given.get("BatchSize") or 100)
    request = {"ShardIterator": iterator["ShardIterator"], "Limit": limit}
    answer = await _invoke(call, service, "GetRecords", request)
    return list(answer.get("Records") or ())
