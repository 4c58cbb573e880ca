"""Publishing: to a topic, to a device, to a phone; one message, or up to ten."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Awaitable, Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.sns import deliveries, messages, settings
from haneul.services.sns.deliveries import Undeliverable
from haneul.services.sns.errors import errors, invalid
from haneul.services.sns.messages import Note
from haneul.services.sns.platforms import endpoint_of
from haneul.services.sns.state import DUPLICATES, SUBSCRIPTIONS, TOPICS, Duplicate, Subscription, Topic
from haneul.services.sns.topics import arn_of, get
from haneul.wire.errors import AwsError

LIMIT = 262_144
DEDUPLICATION = 300.0
SEQUENCE_BASE = 10_000_000_000_000_000_000
_PHONE = re.compile(r"\+[1-9][0-9]{1,14}")
_BATCH_ID = re.compile(r"[\w-]{1,80}", re.ASCII)


def by_target(call: Call, request: Mapping[str, Any]) -> str:
    return str(request.get("TopicArn") or request.get("TargetArn") or "*")


@operation(resource=by_target)
def publish(call: Call, request: Mapping[str, Any]) -> dict[str, Any] | Awaitable[dict[str, Any]]:
    """Publish. Queues have the message when this is answered; other subscribers get it soon."""
    target = request.get("TopicArn") or request.get("TargetArn")
    if not target and not request.get("PhoneNumber"):
        raise invalid("TopicArn or TargetArn Reason: no value for required parameter")
    if not request.get("Message"):
        raise invalid("Empty message")
    if not target:
        return _to_phone(request)
    if ":endpoint/" in target:
        return _to_device(call, target, request)
    with call.read() as tx:
        scope, topic = get(tx, call, target)
    note = compose(call, scope, topic, request)
    if topic.fifo or not _signed(call, scope, topic):
        return send(call, scope, topic, [note])[0]
    return _publish_signed(call, scope, topic, note)


async def _publish_signed(call: Call, scope: Scope, topic: Topic, note: Note) -> dict[str, Any]:
    """Signing takes a millisecond: it is done in a thread, and what follows finds the signature made."""
    await asyncio.to_thread(messages.sign_ahead, call, note, "sqs")
    return send(call, scope, topic, [note])[0]


def _signed(call: Call, scope: Scope, topic: Topic) -> bool:
    """Some queue gets the whole message, signed."""
    with call.read() as tx:
        rows = SUBSCRIPTIONS.scan(tx, scope, topic.name)
        return any(row.protocol == "sqs" and row.confirmed and not messages.is_raw(row) for row in rows)


def _to_phone(request: Mapping[str, Any]) -> dict[str, Any]:
    number = request["PhoneNumber"]
    if not _PHONE.fullmatch(number):
        raise invalid(f"PhoneNumber Reason: {number} is not valid to publish to")
    return {"MessageId": tokens.uuid()}


def _to_device(call: Call, target: str, request: Mapping[str, Any]) -> dict[str, Any]:
    endpoint = endpoint_of(call, target)
    if endpoint is None:
        raise invalid("TargetArn Reason: No endpoint found for the target arn specified")
    if endpoint.attributes.get("Enabled", "true").lower() != "true":
        raise errors.EndpointDisabledException("Endpoint is disabled")
    _texts(request)
    return {"MessageId": tokens.uuid()}


@operation(resource=by_target, action="sns:Publish")
def publish_batch(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PublishBatch: each entry by itself succeeds or fails."""
    with call.read() as tx:
        scope, topic = get(tx, call, request["TopicArn"])
    entries = request.get("PublishBatchRequestEntries") or ()
    _check_batch(entries)
    notes: list[tuple[str, Note]] = []
    failed: list[dict[str, Any]] = []
    for entry in entries:
        if topic.fifo and not entry.get("MessageGroupId"):
            raise invalid("The MessageGroupId parameter is required for FIFO topics")
        try:
            if not entry.get("Message"):
                raise invalid("Empty message")
            notes.append((entry["Id"], compose(call, scope, topic, entry)))
        except AwsError as error:
            failed.append(
                {
                    "Id": entry["Id"],
                    "Code": error.code.removesuffix("Exception"),
                    "Message": error.message,
                    "SenderFault": True,
                }
            )
    answers = send(call, scope, topic, [note for _, note in notes])
    successful = [{"Id": identity, **answer} for (identity, _), answer in zip(notes, answers, strict=True)]
    return {"Successful": successful, "Failed": failed}


def _check_batch(entries: Any) -> None:
    if not entries:
        raise errors.EmptyBatchRequestException("The batch request doesn't contain any entries.")
    if len(entries) > 10:
        raise errors.TooManyEntriesInBatchRequestException("The batch request contains more entries than permissible.")
    names = [entry["Id"] for entry in entries]
    if len(set(names)) != len(names):
        raise errors.BatchEntryIdsNotDistinctException("Two or more batch entries in the request have the same Id.")
    if not all(_BATCH_ID.fullmatch(name) for name in names):
        raise errors.InvalidBatchEntryIdException(
            "The Id of a batch entry in a batch request doesn't abide by the specification."
        )
    if sum(len(entry.get("Message", "").encode()) for entry in entries) > LIMIT:
        raise errors.BatchRequestTooLongException("The length of all the messages put together is more than the limit.")


def compose(call: Call, scope: Scope, topic: Topic, request: Mapping[str, Any]) -> Note:
    """The message that a request describes. Raises InvalidParameter."""
    texts = _texts(request)
    attributes = _attributes(request.get("MessageAttributes") or {})
    if len(request["Message"].encode()) > LIMIT:
        raise invalid("Message too long")
    subject = request.get("Subject")
    if subject is not None and (not subject or len(subject) > 100 or "\n" in subject or not subject[0].isprintable()):
        raise invalid("Subject")
    group, deduplication = request.get("MessageGroupId"), request.get("MessageDeduplicationId")
    if topic.fifo:
        if not group:
            raise invalid("The MessageGroupId parameter is required for FIFO topics")
        if not deduplication:
            if topic.attributes.get("ContentBasedDeduplication", "").lower() != "true":
                raise invalid(
                    "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId "
                    "provided explicitly"
                )
            deduplication = hashlib.sha256(request["Message"].encode()).hexdigest()
    elif deduplication:
        raise invalid(
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid "
            "for this topic type"
        )
    return Note(
        id=tokens.uuid(),
        topic=arn_of(scope, topic.name),
        texts=texts,
        timestamp=call.now(),
        subject=subject,
        attributes=attributes,
        group=group,
        deduplication=deduplication,
        version=messages.signature_version(topic),
    )


def _texts(request: Mapping[str, Any]) -> dict[str, str]:
    structure = request.get("MessageStructure")
    if structure is None:
        return {"default": request["Message"]}
    if structure != "json":
        raise invalid("MessageStructure")
    try:
        parsed = json.loads(request["Message"])
    except ValueError:
        raise invalid("Message Structure - JSON message body failed to parse") from None
    if not isinstance(parsed, dict) or "default" not in parsed:
        raise invalid("Message Structure - No default entry in JSON message body")
    return {name: text for name, text in parsed.items() if isinstance(text, str)}


def _attributes(given: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Message attributes as they are kept. Raises ParameterValueInvalid."""
    kept: dict[str, dict[str, str]] = {}
    for name, attribute in given.items():
        kind = attribute.get("DataType") or ""
        if not kind:
            raise _bad(f"The message attribute '{name}' must contain message attribute type")
        base = kind.split(".", 1)[0]
        if base not in ("String", "Number", "Binary"):
            raise _bad(
                f"The message attribute '{name}' has an invalid message attribute type, "
                "the set of supported type prefixes is Binary, Number, and String."
            )
        value = attribute.get("BinaryValue" if base == "Binary" else "StringValue")
        if not value:
            raise _bad(
                f"The message attribute '{name}' must contain non-empty message attribute value for "
                f"message attribute type '{kind}'."
            )
        if base == "Number":
            try:
                float(value)
            except ValueError:
                raise _bad(f"Could not cast message attribute '{name}' value to number.") from None
        if base == "Binary":
            kept[name] = {"DataType": kind, "BinaryValue": base64.b64encode(value).decode()}
        else:
            kept[name] = {"DataType": kind, "StringValue": value}
    return kept


def _bad(message: str) -> AwsError:
    return errors.InvalidParameterValueException(message)


def send(call: Call, scope: Scope, topic: Topic, notes: list[Note]) -> list[dict[str, Any]]:
    """Hand messages to every subscriber who wants them; what is answered for each."""
    answers: list[dict[str, Any]] = []
    with call.write() as tx:
        subscriptions = [row for row in SUBSCRIPTIONS.scan(tx, scope, topic.name) if row.confirmed]
        fresh: list[Note] = []
        for note in notes:
            if topic.fifo and (known := _number(tx, call, scope, topic.name, note)) is not None:
                answers.append({"MessageId": known.message, "SequenceNumber": known.sequence})
                continue
            fresh.append(note)
            answer = {"MessageId": note.id}
            if note.sequence is not None:
                answer["SequenceNumber"] = note.sequence
            answers.append(answer)
        queues: list[tuple[Subscription, Note]] = []
        for note in fresh:
            for row in subscriptions:
                if not settings.passes(row.attributes, note.text("default"), note.attributes):
                    continue
                if row.protocol == "sqs":
                    queues.append((row, note))
                elif row.protocol in ("http", "https", "lambda", "firehose"):
                    deliveries.later(tx, call, scope, row, note)
    for row, note in queues:
        _hand_over(call, scope, row, note)
    return answers


def _hand_over(call: Call, scope: Scope, row: Subscription, note: Note) -> None:
    """Give a queue its message now; if it can't take it, it is buried or tried again later."""
    try:
        deliveries.to_queue(call, scope, row, note)
    except AwsError as error:
        if error.status < 500:
            try:
                deliveries.bury(call, scope, row, note, Undeliverable(error.code, error.message, final=True))
            except AwsError:
                pass
            return
        with call.write() as tx:
            deliveries.later(tx, call, scope, row, note, tries=1)


def _number(tx: Any, call: Call, scope: Scope, name: str, note: Note) -> Duplicate | None:
    """Give a FIFO message its sequence number, or tell the earlier one that it repeats."""
    topic = TOPICS.get(tx, scope, name)
    assert topic is not None
    key = hashlib.sha256((note.deduplication or "").encode()).hexdigest()
    if topic.attributes.get("FifoThroughputScope") == "MessageGroup":
        key = hashlib.sha256(f"{note.group}\n{note.deduplication}".encode()).hexdigest()
    known = DUPLICATES.get(tx, scope, name, key)
    if known is not None and known.until > call.now():
        return known
    topic.sequence += 1
    TOPICS.put(tx, scope, topic)
    note.sequence = str(SEQUENCE_BASE + topic.sequence)
    until = call.now() + DEDUPLICATION
    DUPLICATES.put(tx, scope, Duplicate(topic=name, key=key, message=note.id, sequence=note.sequence, until=until))
    if topic.sequence % 100 == 0:
        for stale in [row for row in DUPLICATES.scan(tx, scope, name) if row.until <= call.now()]:
            DUPLICATES.delete(tx, scope, name, stale.key)
    return None
