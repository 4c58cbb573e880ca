"""Messages on their way out: receive at once, or wait for one; those received too often go to the dead-letter queue."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from typing import Any

from haneul.service import Call, operation
from haneul.services.sqs import attributes as attrs
from haneul.services.sqs import digests
from haneul.services.sqs.broker import DEDUPLICATION, Broker, Live, broker, receipt
from haneul.services.sqs.errors import errors, invalid_value
from haneul.services.sqs.plane import journal
from haneul.services.sqs.plane.index import Entry
from haneul.services.sqs.plane.journal import Attribute, Hidden, Message
from haneul.services.sqs.queues import by_url
from haneul.services.sqs.sending import SEQUENCE_BASE
from haneul.state.store import Writer

IN_FLIGHT = 120_000
_RANGES = (
    ("MaxNumberOfMessages", 1, 10, "Must be between 1 and 10, if provided."),
    ("WaitTimeSeconds", 0, 20, "Must be >= 0 and <= 20, if provided."),
    ("VisibilityTimeout", 0, 43_200, "Must be between 0 and 43200, if provided."),
)


@operation(resource=by_url)
def receive_message(call: Call, request: Mapping[str, Any]) -> dict[str, Any] | Awaitable[dict[str, Any]]:
    """ReceiveMessage: what is there now, else the first within the waiting time."""
    for name, low, high, reason in _RANGES:
        value = request.get(name)
        if value is not None and not low <= value <= high:
            raise invalid_value(value, name, reason)
    live = broker(call).find(call, request["QueueUrl"])
    if request.get("ReceiveRequestAttemptId") and not live.fifo:
        raise invalid_value(
            request["ReceiveRequestAttemptId"],
            "ReceiveRequestAttemptId",
            "The request includes a parameter that is not valid for this queue type.",
        )
    messages = receive(call, live, request)
    if messages:
        live.tally.received += len(messages)
        return {"Messages": messages}
    wait = request.get("WaitTimeSeconds")
    if wait is None:
        wait = live.setting("ReceiveMessageWaitTimeSeconds", 0)
    if wait:
        return _poll(call, request, wait)
    live.tally.empty += 1
    return {}


async def _poll(call: Call, request: Mapping[str, Any], wait: int) -> dict[str, Any]:
    """Wait for a message: woken by sends, by whatever becomes due, and by the end of the waiting time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + wait
    house = broker(call)
    http = call.http
    while True:
        live = house.find(call, request["QueueUrl"])
        waiter: asyncio.Future[None] = loop.create_future()
        if http is not None:
            if http.gone:
                return {}  # nobody is there to take a message: leave it to others
            http.on_gone = partial(_wake, waiter)
        live.waiters.append(waiter)
        messages: list[dict[str, Any]] = []
        try:
            # Looked for with the waiter in its place, so that no send falls between.
            messages = receive(call, live, request)
            left = end - loop.time()
            if messages:
                live.tally.received += len(messages)
            elif left <= 0:
                live.tally.empty += 1
            if messages or left <= 0:
                return {"Messages": messages} if messages else {}
            due = live.index.next_due()
            pause = left if due is None else min(left, max(0.001, (due - house.now()) / 1000))
            await asyncio.wait((waiter,), timeout=pause)
        finally:
            if not waiter.done():
                waiter.cancel()
                if waiter in live.waiters:
                    live.waiters.remove(waiter)
            elif messages or loop.time() >= end or (http is not None and http.gone):
                live.notify()  # woken for a message that somebody else may still take


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def receive(call: Call, live: Live, request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Take what may be taken now, as AWS answers it."""
    house = broker(call)
    now = house.now()
    with house.lock:
        index = live.index
        index.tick(now)
        if not index.entries and not live.unloaded:
            return []
        timeout = request.get("VisibilityTimeout")
        if timeout is None:
            timeout = live.setting("VisibilityTimeout", 30)
        attempt = request.get("ReceiveRequestAttemptId")
        if attempt and (again := _again(call, live, attempt, now, timeout)):
            return [_show(live, entry, message, request) for entry, message in again]
        if index.held >= IN_FLIGHT:
            if live.fifo:
                return []
            raise errors.OverLimit("Too many messages in flight.")
        taken = _take(call, house, live, request.get("MaxNumberOfMessages") or 1, now, timeout)
        if attempt and taken:
            _remember(live, attempt, taken, now)
        return [_show(live, entry, message, request) for entry, message in taken]


def _take(call: Call, house: Broker, live: Live, limit: int, now: int, timeout: int) -> list[tuple[Entry, Message]]:
    """Take up to `limit` messages and hide them. That they are hidden need not be on disk before the answer leaves
    (a crash may show a message again, as SQS itself may), except in FIFO queues; the messages themselves are."""
    index = live.index
    target = live.row.attributes.get("RedrivePolicy")
    dead, most = (None, 0)
    if target:
        arn, most = attrs.redrive(target)
        dead = house.by_arn(arn)
    oldest = now - live.setting("MessageRetentionPeriod", 345_600) * 1000
    taken: list[tuple[Entry, Message]] = []
    moved = 0
    with call.read() as reader:
        try:
            with call.cloud.store.write() as tx:
                while len(taken) < limit:
                    live.refill(tx, now)
                    entries = index.take(limit - len(taken))
                    if not entries:
                        break
                    for entry in entries:
                        message = journal.get(reader, live.number, entry.sequence)
                        if message is None:
                            message = journal.get(tx, live.number, entry.sequence)
                        if message is None or entry.sent <= oldest:
                            live.drop(tx, entry.sequence)
                        elif dead is not None and entry.count >= most:
                            bury(tx, house, live, dead, entry, message, now)
                            moved += 1
                        else:
                            entry.count += 1
                            entry.first = entry.first or now
                            entry.nonce = entry.nonce + 1
                            taken.append((entry, message))
                for entry, _ in taken:
                    hide(tx, live, entry, now + timeout * 1000, now)
        except BaseException:
            house.forget(live)
            raise
    if moved and dead is not None:
        dead.notify(moved)
    if (live.fifo or moved) and tx.ticket > call.ticket:
        call.ticket = tx.ticket
    return taken


def hide(tx: Writer, live: Live, entry: Entry, until: int, now: int) -> None:
    """Keep a message from everybody until then; at once visible when that is now."""
    if until <= now:
        live.index.show(entry, now)
    else:
        live.index.hold(entry, until)
    journal.hide(tx, live.number, entry.sequence, Hidden(until, entry.count, entry.first, entry.nonce))


def bury(tx: Writer, house: Broker, live: Live, dead: Live, entry: Entry, message: Message, now: int) -> None:
    """Move a message to its dead-letter queue, in the transaction of the receive that found it had failed too often."""
    live.drop(tx, entry.sequence)
    message.origin = live.arn
    message.due = now
    if dead.fifo:
        message.sent = now
    dead.put(tx, house.sequence(), message, now)


def _again(call: Call, live: Live, attempt: str, now: int, timeout: int) -> list[tuple[Entry, Message]]:
    """What the same attempt received before, if all of it is still in flight as it was."""
    found = live.attempts.get(attempt)
    if found is None or found[0] <= now:
        return []
    result: list[tuple[Entry, Message]] = []
    with call.write() as tx:
        for sequence, nonce in found[1]:
            entry = live.held(sequence)
            message = journal.get(tx, live.number, sequence)
            if entry is None or entry.nonce != nonce or message is None:
                return []
            result.append((entry, message))
        for entry, _ in result:
            hide(tx, live, entry, now + timeout * 1000, now)
    return result


def _remember(live: Live, attempt: str, taken: Sequence[tuple[Entry, Message]], now: int) -> None:
    attempts = live.attempts
    if len(attempts) >= 1000:
        for stale in [key for key, (until, _) in attempts.items() if until <= now] or [next(iter(attempts))]:
            del attempts[stale]
    attempts[attempt] = (now + DEDUPLICATION, [(entry.sequence, entry.nonce) for entry, _ in taken])


def _show(live: Live, entry: Entry, message: Message, request: Mapping[str, Any]) -> dict[str, Any]:
    """A message as this request asked to see it."""
    result: dict[str, Any] = {
        "MessageId": message.id,
        "ReceiptHandle": receipt(live, entry),
        "MD5OfBody": message.md5,
        "Body": message.body,
    }
    names = [*(request.get("AttributeNames") or ()), *(request.get("MessageSystemAttributeNames") or ())]
    if names:
        system = _system(live, entry, message)
        if "All" not in names:
            system = {name: value for name, value in system.items() if name in names}
        if system:
            result["Attributes"] = system
    if message.attributes and (wanted := request.get("MessageAttributeNames")):
        chosen = {name: value for name, value in message.attributes.items() if _wanted(name, wanted)}
        if chosen:
            whole = len(chosen) == len(message.attributes)
            result["MD5OfMessageAttributes"] = message.attributes_md5 if whole else digests.of_attributes(chosen)
            result["MessageAttributes"] = {name: _attribute(value) for name, value in chosen.items()}
    return result


def _system(live: Live, entry: Entry, message: Message) -> dict[str, str]:
    system = {
        "SenderId": message.sender,
        "ApproximateFirstReceiveTimestamp": str(entry.first),
        "ApproximateReceiveCount": str(entry.count),
        "SentTimestamp": str(message.sent),
    }
    if message.group:
        system["MessageGroupId"] = message.group
    if live.fifo:
        system["MessageDeduplicationId"] = message.deduplication
        system["SequenceNumber"] = str(SEQUENCE_BASE + entry.sequence)
    if message.trace:
        system["AWSTraceHeader"] = message.trace
    if message.origin:
        system["DeadLetterQueueSourceArn"] = message.origin
    return system


def _wanted(name: str, wanted: Sequence[str]) -> bool:
    for pattern in wanted:
        if pattern in ("All", ".*", name) or (pattern.endswith(".*") and name.startswith(pattern[:-2])):
            return True
    return False


def _attribute(attribute: Attribute) -> dict[str, Any]:
    if attribute.data is not None:
        return {"BinaryValue": attribute.data, "DataType": attribute.kind}
    return {"StringValue": attribute.text, "DataType": attribute.kind}
