"""Messages on their way to subscribers. Queues get theirs before Publish is answered; whatever is slower, or failed,
is a row with its own timer, tried again as the delivery policy says and then buried in the dead-letter queue."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from haneul import converge
from haneul.events.targets import queue_url
from haneul.kit import tokens
from haneul.service import Call, Scope
from haneul.services.sns import messages
from haneul.services.sns.messages import Note
from haneul.services.sns.state import DELIVERIES, TOPICS, Delivery, Subscription, Topic
from haneul.services.sns.topics import DEFAULT_DELIVERY, arn_of
from haneul.state import chunks
from haneul.state.store import Reader, Writer
from haneul.wire.errors import AwsError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
TIMEOUT = 15.0
_KEPT = b"sns/message/"
RETRIES_INSIDE = 3
"""How often a queue or function is tried again when the fault isn't the subscriber's own."""


class Undeliverable(Exception):
    """A delivery failed. `final`: trying again can't help."""

    def __init__(self, code: str, message: str, *, final: bool) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.final = final


def to_queue(call: Call, scope: Scope, subscription: Subscription, note: Note) -> Any:
    """Send to a queue, as the envelope or raw. Raises AwsError."""
    request: dict[str, Any] = {"QueueUrl": queue_url(subscription.endpoint)}
    if messages.is_raw(subscription):
        request["MessageBody"] = note.text("sqs")
        if note.attributes:
            request["MessageAttributes"] = _queue_attributes(note)
    else:
        request["MessageBody"] = messages.pretty(messages.envelope(call, scope, subscription, note))
    if note.group:
        request["MessageGroupId"] = note.group
    if subscription.endpoint.endswith(".fifo"):
        request["MessageDeduplicationId"] = note.deduplication or note.id
    return call.invoke("sqs", "SendMessage", request)


def _queue_attributes(note: Note) -> dict[str, dict[str, Any]]:
    import base64

    return {
        name: {"DataType": attribute["DataType"], "BinaryValue": base64.b64decode(attribute["BinaryValue"])}
        if "BinaryValue" in attribute
        else dict(attribute)
        for name, attribute in note.attributes.items()
    }


def later(tx: Writer, call: Call, scope: Scope, subscription: Subscription, note: Note, *, tries: int = 0) -> None:
    """Leave a message to the delivery's own timer. All subscribers of a message share what is stored of it."""
    key = _KEPT + note.id.encode()
    if chunks.get(tx, key) is None:
        chunks.put(tx, key, messages.encode(note))
    delivery = Delivery(message=note.id, subscription=subscription.id, topic=subscription.topic, tries=tries)
    DELIVERIES.put(tx, scope, delivery)
    converge.wake(tx, "sns.delivery", scope, (delivery.message, delivery.subscription), call.now())


def kept(tx: Reader, delivery: Delivery) -> Note | None:
    """The message of a delivery."""
    packed = chunks.get(tx, _KEPT + delivery.message.encode())
    return None if packed is None else messages.decode(packed)


def release(tx: Writer, scope: Scope, delivery: Delivery) -> None:
    """A delivery is done (its row is deleted next): the last one takes the message with it."""
    others = DELIVERIES.scan(tx, scope, delivery.message, limit=2)
    if all(other.subscription == delivery.subscription for other in others):
        chunks.delete(tx, _KEPT + delivery.message.encode())


def ask_confirmation(tx: Writer, call: Call, scope: Scope, subscription: Subscription) -> None:
    """Send a web endpoint the token with which it confirms."""
    arn = arn_of(scope, subscription.topic)
    text = (
        f"You have chosen to subscribe to the topic {arn}.\n"
        "To confirm the subscription, visit the SubscribeURL included in this message."
    )
    topic = TOPICS.get(tx, scope, subscription.topic)
    note = Note(
        id=tokens.uuid(),
        topic=arn,
        texts={"default": text},
        timestamp=call.now(),
        version=messages.signature_version(topic) if topic is not None else "1",
        kind="SubscriptionConfirmation",
        token=subscription.token,
    )
    later(tx, call, scope, subscription, note)


def deliver(call: Call, scope: Scope, subscription: Subscription, note: Note) -> None:
    """Hand a message over, from a worker thread. Raises Undeliverable."""
    protocol = subscription.protocol
    if protocol in ("http", "https"):
        _to_web(call, scope, subscription, note)
        return
    try:
        if protocol == "sqs":
            to_queue(call, scope, subscription, note)
        elif protocol == "lambda":
            event = messages.lambda_event(call, scope, subscription, note)
            call.invoke(
                "lambda",
                "Invoke",
                {
                    "FunctionName": subscription.endpoint,
                    "InvocationType": "Event",
                    "Payload": json.dumps(event).encode(),
                },
            )
        elif protocol == "firehose":
            raw = messages.is_raw(subscription)
            text = note.text("firehose") if raw else json.dumps(messages.envelope(call, scope, subscription, note))
            name = subscription.endpoint.rpartition("/")[2]
            call.invoke("firehose", "PutRecord", {"DeliveryStreamName": name, "Record": {"Data": text.encode()}})
    except AwsError as error:
        raise Undeliverable(error.code, error.message, final=error.status < 500 or error.status == 501) from None


def _to_web(call: Call, scope: Scope, subscription: Subscription, note: Note) -> None:
    parts = urlsplit(subscription.endpoint)
    if parts.hostname not in LOOPBACK:
        raise Undeliverable("EndpointNotReachable", "Only endpoints on this machine are called.", final=True)
    arn = f"{arn_of(scope, subscription.topic)}:{subscription.id}"
    raw = messages.is_raw(subscription) and note.kind == "Notification"
    headers = {
        "x-amz-sns-message-type": note.kind,
        "x-amz-sns-message-id": note.id,
        "x-amz-sns-topic-arn": note.topic,
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
    }
    if note.kind == "Notification":
        headers["x-amz-sns-subscription-arn"] = arn
    if raw:
        headers["x-amz-sns-rawdelivery"] = "true"
        body = note.text(parts.scheme)
    else:
        body = messages.pretty(messages.envelope(call, scope, subscription, note))
    if custom := _policy(subscription).get("requestPolicy", {}).get("headerContentType"):
        headers["Content-Type"] = str(custom)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body.encode(), headers)
        answer = connection.getresponse()
        answer.read(65_536)
    except (OSError, http.client.HTTPException) as error:
        raise Undeliverable("EndpointNotReachable", str(error), final=False) from None
    finally:
        connection.close()
    if 200 <= answer.status < 300:
        return
    final = 400 <= answer.status < 500 and answer.status != 429
    raise Undeliverable(str(answer.status), f"The endpoint answered {answer.status}.", final=final)


def _policy(subscription: Subscription) -> Mapping[str, Any]:
    text = subscription.attributes.get("DeliveryPolicy")
    found: Mapping[str, Any] = json.loads(text) if text else {}
    return found


def pause_before(topic: Topic | None, subscription: Subscription, tries: int) -> float | None:
    """Seconds until the next try after `tries` of them; None when it is given up."""
    if subscription.protocol not in ("http", "https"):
        return 1.0 if tries <= RETRIES_INSIDE else None
    policy: dict[str, Any] = dict(DEFAULT_DELIVERY["http"]["defaultHealthyRetryPolicy"])  # type: ignore[call-overload]
    if topic is not None and (text := topic.attributes.get("DeliveryPolicy")):
        policy |= json.loads(text).get("http", {}).get("defaultHealthyRetryPolicy", {})
    policy |= _policy(subscription).get("healthyRetryPolicy", {})
    if tries > policy["numRetries"]:
        return None
    if tries <= policy["numNoDelayRetries"]:
        return 0.0
    low, high = float(policy["minDelayTarget"]), float(policy["maxDelayTarget"])
    steps = max(1, policy["numRetries"] - policy["numNoDelayRetries"])
    pause: float = min(high, low + (high - low) * (tries - 1) / steps)
    return pause


def bury(call: Call, scope: Scope, subscription: Subscription, note: Note, failure: Undeliverable) -> None:
    """Send what can't be delivered to the subscription's dead-letter queue, if it has one."""
    text = subscription.attributes.get("RedrivePolicy")
    if not text or note.kind != "Notification":
        return
    target = json.loads(text)["deadLetterTargetArn"]
    if messages.is_raw(subscription):
        body = note.text(subscription.protocol)
    else:
        body = messages.pretty(messages.envelope(call, scope, subscription, note))
    attributes = {
        "RequestID": {"DataType": "String", "StringValue": tokens.uuid()},
        "ErrorCode": {"DataType": "String", "StringValue": failure.code or "Unknown"},
        "ErrorMessage": {"DataType": "String", "StringValue": failure.message or "Unknown"},
    }
    request: dict[str, Any] = {"QueueUrl": queue_url(target), "MessageBody": body, "MessageAttributes": attributes}
    if target.endswith(".fifo"):
        request["MessageGroupId"] = note.group or note.id
        request["MessageDeduplicationId"] = note.deduplication or note.id
    call.invoke("sqs", "SendMessage", request)
