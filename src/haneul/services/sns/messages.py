"""A published message, and the forms in which protocols get it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from haneul.kit.instants import iso8601
from haneul.service import Call, Scope
from haneul.services.sns.signing import signer
from haneul.services.sns.state import Subscription, Topic
from haneul.services.sns.topics import arn_of

VERSION = "2010-03-31"


class Note(msgspec.Struct, kw_only=True):
    """A published message. `texts`: the message of each protocol, and "default"; binary attribute values are base64."""

    id: str
    topic: str
    texts: dict[str, str]
    timestamp: float
    subject: str | None = None
    attributes: dict[str, dict[str, str]] = {}
    group: str | None = None
    deduplication: str | None = None
    sequence: str | None = None
    signature: str = ""
    version: str = "1"
    kind: str = "Notification"
    token: str = ""

    def text(self, protocol: str) -> str:
        return self.texts.get(protocol, self.texts.get("default", ""))


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Note).decode


def base_url(call: Call) -> str:
    return call.cloud.url


def fields(call: Call, note: Note, protocol: str) -> dict[str, Any]:
    """What is signed: the message's own members, in the order in which AWS writes them."""
    members: dict[str, Any] = {"Type": note.kind, "MessageId": note.id}
    if note.kind != "Notification":
        members["Token"] = note.token
    if note.sequence is not None:
        members["SequenceNumber"] = note.sequence
    members["TopicArn"] = note.topic
    if note.subject is not None:
        members["Subject"] = note.subject
    members["Message"] = note.text(protocol)
    if note.kind != "Notification":
        members["SubscribeURL"] = (
            f"{base_url(call)}/?Action=ConfirmSubscription&TopicArn={note.topic}&Token={note.token}&Version={VERSION}"
        )
    members["Timestamp"] = iso8601(note.timestamp)
    return members


def envelope(call: Call, scope: Scope, subscription: Subscription, note: Note) -> dict[str, Any]:
    """The whole message as JSON subscribers get it, signed."""
    members = fields(call, note, subscription.protocol)
    members["SignatureVersion"] = note.version
    made = signer(call).load()
    members["Signature"] = made.sign(members, note.version)
    members["SigningCertURL"] = base_url(call) + made.path
    if note.kind == "Notification":
        arn = f"{arn_of(scope, subscription.topic)}:{subscription.id}"
        members["UnsubscribeURL"] = f"{base_url(call)}/?Action=Unsubscribe&SubscriptionArn={arn}&Version={VERSION}"
        if note.attributes:
            members["MessageAttributes"] = shown(note.attributes)
    return members


def sign_ahead(call: Call, note: Note, protocol: str) -> None:
    """Make a message's signature before it is needed."""
    signer(call).load().sign({**fields(call, note, protocol), "SignatureVersion": note.version}, note.version)


def shown(attributes: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    return {
        name: {"Type": attribute["DataType"], "Value": attribute.get("StringValue", attribute.get("BinaryValue", ""))}
        for name, attribute in attributes.items()
    }


def pretty(members: Mapping[str, Any]) -> str:
    """JSON as SNS writes it: one member a line, nested objects on a line of their own."""
    return json.dumps(members, indent=2, separators=(",", " : "), ensure_ascii=False)


def lambda_event(call: Call, scope: Scope, subscription: Subscription, note: Note) -> dict[str, Any]:
    """The event that functions get."""
    members = envelope(call, scope, subscription, note)
    record = {
        "Type": "Notification",
        "MessageId": note.id,
        "TopicArn": note.topic,
        "Subject": note.subject,
        "Message": members["Message"],
        "Timestamp": members["Timestamp"],
        "SignatureVersion": note.version,
        "Signature": members["Signature"],
        "SigningCertUrl": members["SigningCertURL"],
        "UnsubscribeUrl": members["UnsubscribeURL"],
        "MessageAttributes": members.get("MessageAttributes", {}),
    }
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": f"{arn_of(scope, subscription.topic)}:{subscription.id}",
                "Sns": record,
            }
        ]
    }


def is_raw(subscription: Subscription) -> bool:
    return subscription.attributes.get("RawMessageDelivery", "").lower() == "true"


def signature_version(topic: Topic) -> str:
    return topic.attributes.get("SignatureVersion", "1")
