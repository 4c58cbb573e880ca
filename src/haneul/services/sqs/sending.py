"""Messages on their way in: one, or up to ten of which some may fail."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.sqs import digests
from haneul.services.sqs.broker import Live, broker
from haneul.services.sqs.errors import ALLOWED_CHARACTERS, errors, invalid_value, missing
from haneul.services.sqs.plane import journal
from haneul.services.sqs.plane.journal import Attribute, Message
from haneul.services.sqs.queues import by_url
from haneul.state.store import Writer
from haneul.wire.errors import AwsError

MESSAGE_LIMIT = 1_048_576
SEQUENCE_BASE = 17_000_000_000_000_000_000
"""Added to a sequence, so that sequence numbers have the twenty digits that AWS's have."""
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_BATCH_ID = re.compile(r"[\w-]{1,80}", re.ASCII)
_GROUP = re.compile(r"[a-zA-Z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_ATTRIBUTE_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,256}")
Answer = TypeVar("Answer")


@operation(resource=by_url)
def send_message(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """SendMessage: on disk when it is answered."""
    house = broker(call)
    live = house.find(call, request["QueueUrl"])
    now = house.now()
    message, size = compose(call, live, request, now)
    if size > (limit := live.setting("MaximumMessageSize", MESSAGE_LIMIT)):
        raise too_long(limit)
    with house.change(call, live) as tx:
        result = _store(tx, call, live, message, now)
    live.tally.count_sent(size)
    live.notify()
    return result


@operation(resource=by_url, action="sqs:SendMessage")
def send_message_batch(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """SendMessageBatch: each entry by itself succeeds or fails."""
    house = broker(call)
    live = house.find(call, request["QueueUrl"])
    entries = check_batch(request, "SendMessageBatchRequestEntry")
    if live.fifo:
        _check_order(live, entries)
    now = house.now()
    limit = live.setting("MaximumMessageSize", MESSAGE_LIMIT)
    composed: list[tuple[Mapping[str, Any], Message | AwsError]] = []
    total = 0
    for entry in entries:
        try:
            message, size = compose(call, live, entry, now)
            live.tally.count_sent(size)
            total += size
            composed.append((entry, message if size <= limit else too_long(limit)))
        except AwsError as error:
            if error.code in ("QueueDoesNotExist", "InvalidMessageContents"):
                raise
            composed.append((entry, error))
    if total > MESSAGE_LIMIT:
        raise errors.BatchRequestTooLong(
            f"Batch requests cannot be longer than {MESSAGE_LIMIT} bytes. You have sent {total} bytes."
        )
    successful: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    with house.change(call, live) as tx:
        for entry, made in composed:
            if isinstance(made, AwsError):
                failed.append(failure(entry["Id"], made))
            else:
                successful.append({"Id": entry["Id"], **_store(tx, call, live, made, now)})
    live.notify(len(successful))
    return batch_result(successful, failed)


def _check_order(live: Live, entries: Sequence[Mapping[str, Any]]) -> None:
    """What a FIFO queue needs of each message; one without it fails the whole batch."""
    named = live.row.attributes.get("ContentBasedDeduplication") == "true"
    for entry in entries:
        if not entry.get("MessageGroupId"):
            raise missing("MessageGroupId")
        if not named and not entry.get("MessageDeduplicationId"):
            raise _no_deduplication()


def _no_deduplication() -> AwsError:
    return errors.InvalidParameterValue(
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
    )


def batch_result(successful: list[dict[str, Any]], failed: list[dict[str, Any]]) -> dict[str, Any]:
    """AWS leaves an empty list out."""
    return {**({"Successful": successful} if successful else {}), **({"Failed": failed} if failed else {})}


def too_long(limit: int) -> AwsError:
    return errors.InvalidParameterValue(
        f"One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."
    )


def failure(identity: str, error: AwsError) -> dict[str, Any]:
    return {"Id": identity, "SenderFault": True, "Code": error.code, "Message": error.message}


def check_batch(request: Mapping[str, Any], what: str) -> Sequence[Mapping[str, Any]]:
    """The entries of a batch. Raises what is wrong with the batch as a whole."""
    entries: Sequence[Mapping[str, Any]] = request.get("Entries") or ()
    if not entries:
        raise errors.EmptyBatchRequest(f"There should be at least one {what} in the request.")
    if len(entries) > 10:
        raise errors.TooManyEntriesInBatchRequest(
            f"Maximum number of entries per request are 10. You have sent {len(entries)}."
        )
    seen: set[str] = set()
    for entry in entries:
        identity = entry["Id"]
        if not _BATCH_ID.fullmatch(identity):
            raise errors.InvalidBatchEntryId(
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
                "It can be at most 80 letters long."
            )
        if identity in seen:
            raise errors.BatchEntryIdsNotDistinct(f"Id {identity} repeated.")
        seen.add(identity)
    return entries


def run_batch(entries: Sequence[Mapping[str, Any]], act: Callable[[Mapping[str, Any]], Any]) -> dict[str, Any]:
    """`act` on each entry; its errors become failures."""
    successful: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for entry in entries:
        try:
            act(entry)
            successful.append({"Id": entry["Id"]})
        except AwsError as error:
            failed.append(failure(entry["Id"], error))
    return batch_result(successful, failed)


def compose(call: Call, live: Live, request: Mapping[str, Any], now: int) -> tuple[Message, int]:
    """The message that a request describes, and its size in bytes."""
    body = request.get("MessageBody") or ""
    if not body:
        raise missing("MessageBody")
    check_characters(body)
    attributes: dict[str, Attribute] = {}
    size = len(body.encode("utf-8", "surrogatepass"))
    if given := request.get("MessageAttributes"):
        attributes, extra = check_attributes(given)
        size += extra
    delay = request.get("DelaySeconds")
    if delay is not None and not 0 <= delay <= 900:
        raise invalid_value(delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.")
    group, deduplication = request.get("MessageGroupId"), request.get("MessageDeduplicationId")
    if live.fifo:
        if delay:
            raise invalid_value(
                delay, "DelaySeconds", "The request include parameter that is not valid for this queue type."
            )
        if not group:
            raise missing("MessageGroupId")
        deduplication = _deduplication(live, deduplication, body)
        delay = None
    elif deduplication is not None:
        raise invalid_value(
            deduplication,
            "MessageDeduplicationId",
            "The request includes a parameter that is not valid for this queue type.",
        )
    _check_id(group, "MessageGroupId")
    _check_id(deduplication, "MessageDeduplicationId")
    if delay is None:
        delay = live.setting("DelaySeconds", 0)
    message = Message(
        id=tokens.uuid(),
        sender=call.principal.user_id or call.principal.account or "anonymous",
        body=body,
        md5=digests.of_body(body),
        sent=now,
        due=now + delay * 1000,
        group=group or "",
        deduplication=deduplication or "",
    )
    if attributes:
        message.attributes = attributes
        message.attributes_md5 = digests.of_attributes(attributes)
    if system := request.get("MessageSystemAttributes"):
        message.trace = _trace(system)
    return message, size


def _check_id(value: str | None, parameter: str) -> None:
    if value is not None and not _GROUP.fullmatch(value):
        raise invalid_value(
            value,
            parameter,
            f"{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length.",
        )


def _deduplication(live: Live, given: str | None, body: str) -> str:
    if given:
        return given
    if live.row.attributes.get("ContentBasedDeduplication") != "true":
        raise _no_deduplication()
    return hashlib.sha256(body.encode()).hexdigest()


def check_characters(text: str) -> None:
    if text.isascii() and text.isprintable():
        return
    if found := _FORBIDDEN.search(text):
        raise errors.InvalidMessageContents(
            f"Invalid binary character '#x{ord(found.group()):X}' was found in the message body, "
            f"the set of allowed characters is {ALLOWED_CHARACTERS}"
        )


def _trace(system: Mapping[str, Any]) -> str:
    for name, attribute in system.items():
        if name != "AWSTraceHeader":
            raise errors.InvalidParameterValue(
                f"Message system attribute name '{name}' is invalid. Valid values: AWSTraceHeader."
            )
        if attribute.get("DataType") != "String":
            raise errors.InvalidParameterValue(
                "The message system attribute 'AWSTraceHeader' has an invalid message system attribute type. "
                "Valid values: String."
            )
    return str(system["AWSTraceHeader"].get("StringValue") or "")


def check_attributes(given: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Attribute], int]:
    """Message attributes as they are kept, and their size. Raises InvalidParameterValue."""
    if len(given) > 10:
        raise errors.InvalidParameterValue(
            f"Number of message attributes [{len(given)}] exceeds the allowed maximum [10]."
        )
    attributes: dict[str, Attribute] = {}
    size = 0
    for name, value in given.items():
        attribute = attributes[name] = _check_attribute(name, value)
        size += len(name.encode()) + len(attribute.kind.encode()) + len(attribute.raw)
    return attributes, size


def _check_attribute(name: str, given: Mapping[str, Any]) -> Attribute:
    if not _ATTRIBUTE_NAME.fullmatch(name) or name.lower().startswith(("aws.", "amazon.")):
        raise errors.InvalidParameterValue(
            f"Message (user) attribute name '{name}' is invalid: it can contain A-Z, a-z, 0-9, underscore (_), hyphen "
            "(-) and period (.), must not start with AWS. or Amazon., and be at most 256 characters long."
        )
    kind = given.get("DataType") or ""
    if not kind:
        raise errors.InvalidParameterValue(f"The message attribute '{name}' must contain message attribute type.")
    base = kind.split(".", 1)[0]
    if base not in ("String", "Number", "Binary") or len(kind) > 256:
        raise errors.InvalidParameterValue(
            f"The message attribute '{name}' has an invalid message attribute type, "
            "the set of supported type prefixes is Binary, Number, and String."
        )
    if base == "Binary":
        value = given.get("BinaryValue")
    else:
        value = given.get("StringValue")
    if not value:
        raise errors.InvalidParameterValue(
            f"The message attribute '{name}' must contain a non-empty message attribute value for "
            f"message attribute type '{base}'."
        )
    if isinstance(value, str):
        if _FORBIDDEN.search(value):
            raise errors.InvalidMessageContents(
                f"Invalid characters found in the message attribute '{name}'. "
                f"The set of allowed characters is {ALLOWED_CHARACTERS}"
            )
        if base == "Number":
            _check_number(name, value)
        return Attribute(kind, value)
    return Attribute(kind, data=value)


def _check_number(name: str, value: str) -> None:
    try:
        float(value)
    except ValueError:
        raise errors.InvalidParameterValue(
            f"Can't cast the value of message (user) attribute '{name}' to a number."
        ) from None


def _store(tx: Writer, call: Call, live: Live, message: Message, now: int) -> dict[str, Any]:
    """Put a message into its queue, unless it is a duplicate; what is answered for it."""
    result: dict[str, Any] = {"MessageId": message.id, "MD5OfMessageBody": message.md5}
    if message.attributes_md5:
        result["MD5OfMessageAttributes"] = message.attributes_md5
    if message.trace:
        result["MD5OfMessageSystemAttributes"] = digests.of_trace(message.trace)
    if not live.fifo:
        live.put(tx, broker(call).sequence(), message, now)
        return result
    key = deduplication_key(live, message)
    earlier = journal.get_duplicate(tx, key)
    if earlier is not None and earlier.until > now:
        result["MessageId"] = earlier.message
        result["SequenceNumber"] = str(SEQUENCE_BASE + earlier.sequence)
        return result
    sequence = broker(call).sequence()
    live.put(tx, sequence, message, now)
    live.remember(tx, key, sequence, message.id, now)
    result["SequenceNumber"] = str(SEQUENCE_BASE + sequence)
    return result


def deduplication_key(live: Live, message: Message) -> bytes:
    if live.row.attributes.get("DeduplicationScope") == "messageGroup":
        return journal.duplicate_key(live.number, f"{message.group}\n{message.deduplication}")
    return journal.duplicate_key(live.number, message.deduplication)
