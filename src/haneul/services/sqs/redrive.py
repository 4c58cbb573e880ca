"""Dead-letter queues: which queues send there, and the tasks that move messages back."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import orjson

from haneul import converge
from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.sqs import attributes as attrs
from haneul.services.sqs.broker import Live, broker
from haneul.services.sqs.errors import errors, invalid_value
from haneul.services.sqs.queues import by_url, open_token, url_of
from haneul.services.sqs.state import MOVES, QUEUES, Move, Queue
from haneul.state.store import Reader

ACTIVE = ("RUNNING", "CANCELLING")


def by_source(call: Call, request: Mapping[str, Any]) -> str:
    if "SourceArn" in request:
        return str(request["SourceArn"])
    _, arn = _open_handle(request["TaskHandle"])
    return arn


def sources(tx: Reader, scope: Scope, arn: str) -> list[Queue]:
    """The queues whose RedrivePolicy names this one."""
    found = []
    for row in QUEUES.scan(tx, scope):
        policy = row.attributes.get("RedrivePolicy")
        if policy and attrs.redrive(policy)[0] == arn:
            found.append(row)
    return found


@operation(resource=by_url)
def list_dead_letter_source_queues(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListDeadLetterSourceQueues."""
    limit = request.get("MaxResults")
    if limit is not None and not 1 <= limit <= 1000:
        raise invalid_value(limit, "MaxResults", "MaxResults must be an integer between 1 and 1000.")
    live = broker(call).find(call, request["QueueUrl"])
    position = open_token(request.get("NextToken")) or ""
    with call.read() as tx:
        names = [row.name for row in sources(tx, live.scope, live.arn) if row.name > position]
    result: dict[str, Any] = {}
    if limit and len(names) > limit:
        names = names[:limit]
        result["NextToken"] = tokens.seal_page(names[-1])
    return {**result, "queueUrls": [url_of(call, live.scope, name) for name in names]}


@operation(resource=by_source)
def start_message_move_task(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """StartMessageMoveTask: one at a time for a dead-letter queue."""
    source = _existing(call, request["SourceArn"], "SourceArn")
    rate = request.get("MaxNumberOfMessagesPerSecond")
    if rate is not None and not 1 <= rate <= 500:
        raise invalid_value(rate, "MaxNumberOfMessagesPerSecond", "Must be between 1 and 500, if provided.")
    destination = request.get("DestinationArn")
    if destination:
        target = _existing(call, destination, "DestinationArn")
        if target.number == source.number:
            raise errors.InvalidParameterValue("Source queue arn and destination queue arn cannot be the same.")
        if target.fifo != source.fifo:
            raise errors.InvalidParameterValue("Source and destination queues must be of the same type.")
    with broker(call).lock, call.write() as tx:
        if not sources(tx, source.scope, source.arn):
            raise errors.InvalidParameterValue("Source queue must be configured as a Dead Letter Queue.")
        if any(move.status in ACTIVE for move in MOVES.scan(tx, source.scope, source.row.name)):
            raise errors.InvalidParameterValue(
                "There is already a task running. Only one active task is allowed for a source queue arn "
                "at a given time."
            )
        move = Move(
            source=source.row.name,
            id=tokens.ordered_id(),
            source_arn=source.arn,
            destination_arn=destination,
            rate=rate,
            to_move=sum(source.counts(broker(call).now())),
            started=broker(call).now(),
        )
        _keep_ten(tx, source, move)
        converge.wake(tx, "sqs.move", source.scope, (move.source, move.id), call.now())
    return {"TaskHandle": handle_of(move)}


def _keep_ten(tx: Any, source: Live, move: Move) -> None:
    """AWS tells of the ten newest tasks: the others go."""
    known = [old.id for old in MOVES.scan(tx, source.scope, source.row.name)]
    for stale in known[:-9]:
        MOVES.delete(tx, source.scope, source.row.name, stale)
    MOVES.put(tx, source.scope, move)


def _existing(call: Call, arn: str, parameter: str) -> Live:
    live = broker(call).by_arn(arn)
    if live is None:
        raise errors.ResourceNotFoundException(
            f"The resource that you specified for the {parameter} parameter doesn't exist."
        )
    return live


def handle_of(move: Move) -> str:
    return base64.b64encode(orjson.dumps({"taskId": move.id, "sourceArn": move.source_arn})).decode()


def _open_handle(handle: str) -> tuple[str, str]:
    try:
        opened = orjson.loads(base64.b64decode(handle, validate=True))
        return str(opened["taskId"]), str(opened["sourceArn"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise errors.InvalidParameterValue("Value for parameter TaskHandle is invalid.") from None


@operation(resource=by_source)
def list_message_move_tasks(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListMessageMoveTasks: the newest first; one unless MaxResults says more."""
    source = _existing(call, request["SourceArn"], "SourceArn")
    limit = request.get("MaxResults") or 1
    if not 1 <= limit <= 10:
        raise invalid_value(limit, "MaxResults", "Must be between 1 and 10, if provided.")
    with call.read() as tx:
        moves = list(MOVES.scan(tx, source.scope, source.row.name, reverse=True, limit=limit))
    return {"Results": [_describe(move) for move in moves]}


def _describe(move: Move) -> dict[str, Any]:
    return {
        "TaskHandle": handle_of(move) if move.status == "RUNNING" else None,
        "Status": move.status,
        "SourceArn": move.source_arn,
        "DestinationArn": move.destination_arn,
        "MaxNumberOfMessagesPerSecond": move.rate,
        "ApproximateNumberOfMessagesMoved": move.moved,
        "ApproximateNumberOfMessagesToMove": move.to_move,
        "FailureReason": move.failure,
        "StartedTimestamp": move.started,
    }


@operation(resource=by_source)
def cancel_message_move_task(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CancelMessageMoveTask: what was moved stays moved."""
    identity, arn = _open_handle(request["TaskHandle"])
    source = broker(call).by_arn(arn)
    if source is None:
        raise errors.ResourceNotFoundException(
            "The resource that you specified for the SourceArn parameter doesn't exist."
        )
    with call.write() as tx:
        move = MOVES.get(tx, source.scope, source.row.name, identity)
        if move is None:
            raise errors.ResourceNotFoundException("Task does not exist.")
        if move.status != "RUNNING":
            raise errors.InvalidParameterValue("Only active tasks can be cancelled.")
        move.status = "CANCELLING"
        MOVES.put(tx, source.scope, move)
        converge.wake(tx, "sqs.move", source.scope, (move.source, move.id), call.now())
    return {"ApproximateNumberOfMessagesMoved": move.moved}
