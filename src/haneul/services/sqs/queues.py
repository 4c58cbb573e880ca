"""Queues: create, find, list, configure, purge, delete."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from haneul import converge
from haneul.converge.timers import settle
from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.sqs import attributes as attrs
from haneul.services.sqs.broker import Live, broker, locate
from haneul.services.sqs.errors import errors, invalid_value, no_queue
from haneul.services.sqs.plane import journal
from haneul.services.sqs.state import MOVES, QUEUES, Queue

SWEEP_EVERY = 3600.0


def by_name(call: Call, request: Mapping[str, Any]) -> str:
    account = request.get("QueueOwnerAWSAccountId") or call.account
    return f"arn:aws:sqs:{call.region}:{account}:{request['QueueName']}"


def by_url(call: Call, request: Mapping[str, Any]) -> str:
    scope, name = locate(call, request["QueueUrl"])
    return f"arn:aws:sqs:{scope.region}:{scope.account}:{name}"


def url_of(call: Call, scope: Scope, name: str) -> str:
    """A queue's URL at the address this caller uses."""
    if call.http is not None and (host := call.http.headers.get("host")):
        return f"{'https' if call.http.secure else 'http'}://{host}/{scope.account}/{name}"
    return f"{call.cloud.url}/{scope.account}/{name}"


@operation(resource=by_name)
def create_queue(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateQueue. The same again is no error; other attributes are: QueueNameExists."""
    name, wanted = request["QueueName"], dict(request.get("Attributes") or {})
    fifo = wanted.get("FifoQueue", "").lower() == "true"
    attrs.check_name(name, fifo)
    attrs.check(wanted, fifo)
    check_redrive(call, wanted, fifo, by_name(call, request))
    with broker(call).lock, call.write() as tx:
        row = QUEUES.get(tx, call.scope, name)
        if row is not None:
            _check_same(row, wanted)
        else:
            now = call.now()
            row = Queue(
                name=name,
                number=broker(call).number(tx),
                created=int(now),
                modified=int(now),
                fifo=fifo,
                attributes=attrs.merged({}, wanted),
                tags=dict(request.get("tags") or {}),
            )
            QUEUES.put(tx, call.scope, row)
            converge.wake(tx, "sqs.sweep", call.scope, (name,), now + SWEEP_EVERY)
    return {"QueueUrl": url_of(call, call.scope, name)}


def _check_same(row: Queue, wanted: Mapping[str, str]) -> None:
    current = attrs.complete(row.attributes, row.fifo)
    for attribute, value in attrs.merged({}, wanted).items():
        if current.get(attribute) != value:
            raise errors.QueueNameExists(
                f"A queue already exists with the same name and a different value for attribute {attribute}"
            )


def check_redrive(call: Call, wanted: Mapping[str, str], fifo: bool, source: str) -> None:
    """A dead-letter queue must exist, be of the same kind, and allow it."""
    text = wanted.get("RedrivePolicy")
    if not text:
        return
    target, _ = attrs.redrive(text)
    dead = broker(call).by_arn(target)
    if dead is None:
        if len(target.split(":")) != 6 or target.split(":")[2] != "sqs":
            raise invalid_value(text, "RedrivePolicy", "Invalid value for deadLetterTargetArn.")
        raise invalid_value(text, "RedrivePolicy", "Dead letter target does not exist.")
    if dead.fifo != fifo:
        raise invalid_value(text, "RedrivePolicy", "Dead-letter queue must be same type of queue as the source.")
    if allows := dead.row.attributes.get("RedriveAllowPolicy"):
        permission, sources = attrs.redrive_allow(allows)
        if permission == "denyAll" or (permission == "byQueue" and source not in sources):
            raise invalid_value(text, "RedrivePolicy", "Dead-letter queue does not allow redrive from this queue.")


@operation(resource=by_name)
def get_queue_url(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetQueueUrl. Raises QueueDoesNotExist."""
    scope = Scope(request.get("QueueOwnerAWSAccountId") or call.account, call.region)
    if broker(call).get(scope, request["QueueName"]) is None:
        raise no_queue()
    return {"QueueUrl": url_of(call, scope, request["QueueName"])}


@operation()
def list_queues(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListQueues, in the order of names; pages only when MaxResults asks for them."""
    limit = request.get("MaxResults")
    if limit is not None and not 1 <= limit <= 1000:
        raise invalid_value(limit, "MaxResults", "MaxResults must be an integer between 1 and 1000.")
    prefix = request.get("QueueNamePrefix") or ""
    names: list[str] = []
    position = open_token(request.get("NextToken"))
    with call.read() as tx:
        rows = QUEUES.scan(
            tx, call.scope, after_key=(position,) if position else None, from_key=None if position else (prefix,)
        )
        for row in rows:
            if not row.name.startswith(prefix):
                if row.name > prefix:
                    break
                continue
            names.append(row.name)
            if len(names) > (limit or 1000):
                break
    result: dict[str, Any] = {}
    if len(names) > (limit or 1000):
        names.pop()
        if limit:
            result["NextToken"] = tokens.seal_page(names[-1])
    if names:
        result["QueueUrls"] = [url_of(call, call.scope, name) for name in names]
    return result


def open_token(token: str | None) -> str | None:
    if not token:
        return None
    position = tokens.open_page(token)
    if not position or not isinstance(position[0], str):
        raise errors.InvalidParameterValue("Invalid or expired NextToken value.")
    return position[0]


@operation(resource=by_url)
def get_queue_attributes(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetQueueAttributes. Raises InvalidAttributeName for one that no queue has."""
    live = broker(call).find(call, request["QueueUrl"])
    names = request.get("AttributeNames") or ()
    for name in names:
        if name not in attrs.KNOWN:
            raise errors.InvalidAttributeName(f"Unknown Attribute {name}.")
    if not names:
        return {}
    everything = _describe(call, live)
    if "All" in names:
        return {"Attributes": everything}
    chosen = {name: everything[name] for name in names if name in everything}
    return {"Attributes": chosen} if chosen else {}


def _describe(call: Call, live: Live) -> dict[str, str]:
    house = broker(call)
    now = house.now()
    with house.lock:
        if live.expired(now):
            with house.change(call, live) as tx:
                live.sweep(tx, now)
        visible, held, delayed = live.counts(now)
    return {
        "QueueArn": live.arn,
        "ApproximateNumberOfMessages": str(visible),
        "ApproximateNumberOfMessagesNotVisible": str(held),
        "ApproximateNumberOfMessagesDelayed": str(delayed),
        "CreatedTimestamp": str(live.row.created),
        "LastModifiedTimestamp": str(live.row.modified),
        **attrs.complete(live.row.attributes, live.fifo),
    }


@operation(resource=by_url)
def set_queue_attributes(call: Call, request: Mapping[str, Any]) -> None:
    """SetQueueAttributes. The kind of a queue can't change."""
    live = broker(call).find(call, request["QueueUrl"])
    wanted = dict(request["Attributes"])
    if "FifoQueue" in wanted and (wanted["FifoQueue"].lower() == "true") != live.fifo:
        raise errors.InvalidAttributeName(
            "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported."
        )
    wanted.pop("FifoQueue", None)
    attrs.check(wanted, live.fifo)
    if live.fifo and wanted.get("FifoThroughputLimit") == "perMessageGroupId":
        scope = wanted.get("DeduplicationScope", live.row.attributes.get("DeduplicationScope", "queue"))
        if scope != "messageGroup":
            raise errors.InvalidAttributeValue(
                "The perMessageGroupId value for FifoThroughputLimit is allowed only when DeduplicationScope is "
                "messageGroup."
            )
    check_redrive(call, wanted, live.fifo, live.arn)
    update(call, live, attributes=attrs.merged(live.row.attributes, wanted))


def update(call: Call, live: Live, **changes: Any) -> None:
    """Write a queue's row with changes."""
    with broker(call).change(call, live) as tx:
        row = msgspec.structs.replace(live.row, modified=int(call.now()), **changes)
        QUEUES.put(tx, live.scope, row)
        live.row = row
    live.notify(len(live.waiters))


@operation(resource=by_url)
def purge_queue(call: Call, request: Mapping[str, Any]) -> None:
    """PurgeQueue, once in a minute."""
    live = broker(call).find(call, request["QueueUrl"])
    now = call.now()
    if now - live.row.purged < 60:
        raise errors.PurgeQueueInProgress(
            f"Only one PurgeQueue operation on {live.row.name} is allowed every 60 seconds."
        )
    with broker(call).change(call, live) as tx:
        journal.clear(tx, live.number)
        live.row = msgspec.structs.replace(live.row, purged=now)
        QUEUES.put(tx, live.scope, live.row)
        live.load(tx, broker(call).now())


@operation(resource=by_url)
def delete_queue(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteQueue, with its messages and move tasks."""
    live = broker(call).find(call, request["QueueUrl"])
    with broker(call).change(call, live) as tx:
        QUEUES.delete(tx, live.scope, live.row.name)
        journal.forget(tx, live.number)
        for move in list(MOVES.scan(tx, live.scope, live.row.name)):
            settle(tx, "sqs.move", live.scope, (move.source, move.id))
        MOVES.delete_all(tx, live.scope, live.row.name)
        settle(tx, "sqs.sweep", live.scope, (live.row.name,))
        broker(call).forget(live)
