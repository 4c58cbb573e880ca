"""Subscriptions: subscribe, confirm, describe, list, configure, unsubscribe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.sns import settings
from haneul.services.sns.deliveries import ask_confirmation
from haneul.services.sns.errors import errors, invalid
from haneul.services.sns.state import ENDPOINTS, SUBSCRIPTIONS, Subscription, Topic
from haneul.services.sns.topics import PAGE, arn_of, by_topic, get, page_start
from haneul.state.store import Reader

PROTOCOLS = frozenset({"application", "email", "email-json", "firehose", "http", "https", "lambda", "sms", "sqs"})
_CONFIRMED = frozenset({"application", "firehose", "lambda", "sms", "sqs"})
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(r"\+?[0-9]+([./ ()-][0-9]+)*")


def subscription_arn(scope: Scope, subscription: Subscription) -> str:
    return f"{arn_of(scope, subscription.topic)}:{subscription.id}"


def by_subscription(call: Call, request: Mapping[str, Any]) -> str:
    return str(request["SubscriptionArn"]).rpartition(":")[0] or "*"


@operation(
    resource=by_topic,
    conditions=lambda call, request: {
        "sns:Protocol": request.get("Protocol") or "",
        "sns:Endpoint": request.get("Endpoint") or "",
    },
)
def subscribe(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """Subscribe. Web and mail endpoints must confirm first."""
    protocol, endpoint = request["Protocol"], request.get("Endpoint") or ""
    attributes = dict(request.get("Attributes") or {})
    with call.read() as tx:
        scope, topic = get(tx, call, request["TopicArn"])
        _check_endpoint(tx, call, topic, protocol, endpoint)
    for name, value in attributes.items():
        settings.check(name, value, attributes, subscribing=True)
    with call.write() as tx:
        known = next(
            (
                row
                for row in SUBSCRIPTIONS.scan(tx, scope, topic.name)
                if (row.protocol, row.endpoint) == (protocol, endpoint)
            ),
            None,
        )
        if known is not None:
            if any(known.attributes.get(name) != value for name, value in attributes.items()):
                raise invalid("Attributes Reason: Subscription already exists with different attributes")
            row = known
        else:
            row = Subscription(
                topic=topic.name,
                id=tokens.uuid(),
                protocol=protocol,
                endpoint=endpoint,
                owner=call.account,
                attributes=attributes,
                confirmed=protocol in _CONFIRMED,
                token=tokens.random_hex(128),
                created=call.now(),
            )
            SUBSCRIPTIONS.put(tx, scope, row)
        if not row.confirmed and protocol in ("http", "https"):
            ask_confirmation(tx, call, scope, row)
    if row.confirmed or _true(request.get("ReturnSubscriptionArn")):
        return {"SubscriptionArn": subscription_arn(scope, row)}
    return {"SubscriptionArn": "pending confirmation"}


def _true(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


def _check_endpoint(tx: Reader, call: Call, topic: Topic, protocol: str, endpoint: str) -> None:
    if protocol not in PROTOCOLS:
        raise invalid(f"Amazon SNS does not support this protocol string: {protocol}")
    if not endpoint:
        raise invalid("Endpoint")
    parts = endpoint.split(":")
    if protocol in ("http", "https"):
        if not endpoint.startswith(f"{protocol}://"):
            raise invalid("Endpoint must match the specified protocol")
    elif protocol in ("sqs", "lambda", "firehose"):
        if len(parts) < 6 or parts[0] != "arn" or parts[2] != protocol:
            words = {"sqs": "SQS endpoint ARN", "lambda": "Lambda endpoint ARN", "firehose": "Firehose endpoint ARN"}
            raise invalid(words[protocol])
        if protocol == "sqs" and endpoint.endswith(".fifo") and not topic.fifo:
            raise invalid(
                "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
            )
    elif protocol.startswith("email"):
        if not _EMAIL.fullmatch(endpoint):
            raise invalid("Email address")
    elif protocol == "sms":
        if not _PHONE.fullmatch(endpoint) or not 3 <= sum(character.isdigit() for character in endpoint) <= 15:
            raise errors.InvalidParameterException(f"Invalid SMS endpoint: {endpoint}")
    elif len(parts) != 6 or not parts[5].startswith("endpoint/"):
        raise invalid("Application endpoint arn invalid")
    else:
        _, platform, name, identity = parts[5].split("/", 3)
        if ENDPOINTS.get(tx, Scope(parts[4], parts[3]), f"{platform}/{name}", identity) is None:
            raise invalid(f"Endpoint Reason: Endpoint does not exist for endpoint arn{endpoint}")


@operation(resource=by_topic, anonymous=True)
def confirm_subscription(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ConfirmSubscription, with the token that the endpoint was sent."""
    with call.write() as tx:
        scope, topic = get(tx, call, request["TopicArn"])
        for row in SUBSCRIPTIONS.scan(tx, scope, topic.name):
            if row.token == request["Token"]:
                break
        else:
            raise invalid("Token")
        if not row.confirmed:
            row.confirmed = True
            row.authenticated = str(request.get("AuthenticateOnUnsubscribe", "")).lower() == "true"
            SUBSCRIPTIONS.put(tx, scope, row)
    return {"SubscriptionArn": subscription_arn(scope, row)}


def _open(tx: Reader, arn: str) -> tuple[Scope, Subscription | None]:
    """The subscription behind an ARN. Raises InvalidParameter for what is no ARN of one."""
    parts = arn.split(":")
    if len(parts) < 6:
        raise invalid(f"SubscriptionArn Reason: An ARN must have at least 6 elements, not {len(parts)}")
    if len(parts) != 7 or parts[2] != "sns":
        raise invalid("SubscriptionArn")
    scope = Scope(parts[4], parts[3])
    return scope, SUBSCRIPTIONS.get(tx, scope, parts[5], parts[6])


@operation(resource=by_subscription)
def get_subscription_attributes(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetSubscriptionAttributes."""
    with call.read() as tx:
        scope, row = _open(tx, request["SubscriptionArn"])
        if row is None:
            raise errors.NotFoundException("Subscription does not exist")
    attributes = {
        "SubscriptionPrincipal": f"arn:aws:iam::{row.owner}:root",
        "Owner": row.owner,
        "RawMessageDelivery": "false",
        "TopicArn": arn_of(scope, row.topic),
        "Endpoint": row.endpoint,
        "Protocol": row.protocol,
        "PendingConfirmation": "false" if row.confirmed else "true",
        "ConfirmationWasAuthenticated": "true" if row.confirmed and row.authenticated else "false",
        "SubscriptionArn": subscription_arn(scope, row),
        **row.attributes,
    }
    if "FilterPolicy" in attributes:
        attributes.setdefault("FilterPolicyScope", "MessageAttributes")
    attributes["RawMessageDelivery"] = attributes["RawMessageDelivery"].lower()
    return {"Attributes": attributes}


@operation(resource=by_subscription)
def set_subscription_attributes(call: Call, request: Mapping[str, Any]) -> None:
    """SetSubscriptionAttributes. An empty value takes the attribute away."""
    name, value = request["AttributeName"], request.get("AttributeValue") or ""
    with call.write() as tx:
        scope, row = _open(tx, request["SubscriptionArn"])
        if row is None:
            raise errors.NotFoundException("Subscription does not exist")
        settings.check(name, value, row.attributes, subscribing=False)
        if name == "FilterPolicyScope" and (text := row.attributes.get("FilterPolicy")):
            settings.check("FilterPolicy", text, {"FilterPolicyScope": value}, subscribing=False)
        attributes = {**row.attributes, name: value}
        if not value or (name in ("FilterPolicy", "RedrivePolicy") and value == "{}"):
            del attributes[name]
        row.attributes = attributes
        SUBSCRIPTIONS.put(tx, scope, row)


def _entry(scope: Scope, row: Subscription) -> dict[str, Any]:
    return {
        "SubscriptionArn": subscription_arn(scope, row) if row.confirmed else "PendingConfirmation",
        "Owner": row.owner,
        "Protocol": row.protocol,
        "Endpoint": row.endpoint,
        "TopicArn": arn_of(scope, row.topic),
    }


@operation()
def list_subscriptions(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListSubscriptions: a hundred at a time."""
    topic, _, identity = page_start(request).partition("/")
    after = (topic, identity) if topic else None
    with call.read() as tx:
        rows = list(SUBSCRIPTIONS.scan(tx, call.scope, after_key=after, limit=PAGE + 1))
    return _page(call.scope, rows)


def _page(scope: Scope, rows: list[Subscription]) -> dict[str, Any]:
    result: dict[str, Any] = {"Subscriptions": [_entry(scope, row) for row in rows[:PAGE]]}
    if len(rows) > PAGE:
        result["NextToken"] = tokens.seal_page(f"{rows[PAGE - 1].topic}/{rows[PAGE - 1].id}")
    return result


@operation(resource=by_topic)
def list_subscriptions_by_topic(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListSubscriptionsByTopic."""
    after = page_start(request).rpartition("/")[2]
    with call.read() as tx:
        scope, topic = get(tx, call, request["TopicArn"])
        rows = list(SUBSCRIPTIONS.scan(tx, scope, topic.name, after_key=(after,) if after else None, limit=PAGE + 1))
    return _page(scope, rows)


@operation(resource=by_subscription, anonymous=True)
def unsubscribe(call: Call, request: Mapping[str, Any]) -> None:
    """Unsubscribe. What is gone is no error."""
    with call.write() as tx:
        scope, row = _open(tx, request["SubscriptionArn"])
        if row is None:
            return
        SUBSCRIPTIONS.delete(tx, scope, row.topic, row.id)
