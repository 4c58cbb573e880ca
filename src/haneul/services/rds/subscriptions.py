"""Event subscriptions: what happens is told to an SNS topic."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import Any

from haneul.events import Event
from haneul.service import Call, Scope, operation
from haneul.services.rds import happenings, listing, names, tags
from haneul.services.rds.errors import errors, invalid, mixed
from haneul.services.rds.state import SUBSCRIPTIONS, Subscription
from haneul.state.store import Reader
from haneul.wire.errors import AwsError

LIMIT = 20
_ARN = "arn:aws:rds:{region}:{account}:es:{SubscriptionName}"


@operation(resource=_ARN)
def create_event_subscription(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateEventSubscription. Raises SubscriptionAlreadyExist, SNSInvalidTopic, SourceNotFound."""
    row = Subscription(
        name=names.identifier(request["SubscriptionName"], "SubscriptionName", 255),
        topic=_topic(request["SnsTopicArn"]),
        created=call.now(),
        source_type=request.get("SourceType", ""),
        sources=[one.lower() for one in request.get("SourceIds") or ()],
        categories=list(request.get("EventCategories") or ()),
        enabled=request.get("Enabled", True),
        tags=tags.read(request.get("Tags")),
    )
    _check(row)
    with call.write() as tx:
        if SUBSCRIPTIONS.get(tx, call.scope, row.name) is not None:
            raise errors.SubscriptionAlreadyExist(f"Subscription {row.name} already exists.")
        if sum(1 for _ in SUBSCRIPTIONS.scan(tx, call.scope, limit=LIMIT)) >= LIMIT:
            raise errors.EventSubscriptionQuotaExceeded(f"The quota of {LIMIT} event subscriptions was exceeded.")
        SUBSCRIPTIONS.put(tx, call.scope, row)
    return {"EventSubscription": describe(call.scope, row)}


def _topic(arn: str) -> str:
    if arn.count(":") != 5 or not arn.startswith("arn:aws:sns:"):
        raise errors.SNSInvalidTopic(f"Invalid SNS topic: {arn}")
    return arn


def _check(row: Subscription) -> None:
    if row.sources and not row.source_type:
        raise mixed("SourceType must be provided when SourceIds are provided.")
    if row.source_type:
        known = happenings.categories(row.source_type)
        if known is None:
            raise invalid(f"Invalid source type: {row.source_type}")
        for category in row.categories:
            if category not in known:
                raise errors.SubscriptionCategoryNotFound(
                    f"The category {category} doesn't exist for source type {row.source_type}."
                )


def _find(call: Call, tx: Reader, name: str) -> Subscription:
    row = SUBSCRIPTIONS.get(tx, call.scope, name.lower())
    if row is None:
        raise errors.SubscriptionNotFound(f"Subscription {name} does not exist.")
    return row


@operation(resource="arn:aws:rds:{region}:{account}:es:*")
def describe_event_subscriptions(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeEventSubscriptions."""
    listing.filters(request, ())
    with call.read() as tx:
        name = request.get("SubscriptionName")
        rows = [_find(call, tx, name)] if name else list(SUBSCRIPTIONS.scan(tx, call.scope))
    return listing.page(
        request, "EventSubscriptionsList", rows, lambda row: row.name, lambda row: describe(call.scope, row)
    )


@operation(resource=_ARN)
def modify_event_subscription(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ModifyEventSubscription."""
    with call.write() as tx:
        row = _find(call, tx, request["SubscriptionName"])
        if "SnsTopicArn" in request:
            row.topic = _topic(request["SnsTopicArn"])
        if "SourceType" in request:
            row.source_type = request["SourceType"]
        if "EventCategories" in request:
            row.categories = list(request["EventCategories"])
        row.enabled = request.get("Enabled", row.enabled)
        _check(row)
        SUBSCRIPTIONS.put(tx, call.scope, row)
    return {"EventSubscription": describe(call.scope, row)}


@operation(resource=_ARN)
def add_source_identifier_to_subscription(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """AddSourceIdentifierToSubscription."""
    with call.write() as tx:
        row = _find(call, tx, request["SubscriptionName"])
        row.sources = sorted({*row.sources, request["SourceIdentifier"].lower()})
        _check(row)
        SUBSCRIPTIONS.put(tx, call.scope, row)
    return {"EventSubscription": describe(call.scope, row)}


@operation(resource=_ARN)
def remove_source_identifier_from_subscription(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RemoveSourceIdentifierFromSubscription."""
    name = request["SourceIdentifier"].lower()
    with call.write() as tx:
        row = _find(call, tx, request["SubscriptionName"])
        if name not in row.sources:
            raise errors.SourceNotFound(f"The source {name} is not part of the subscription {row.name}.")
        row.sources = [one for one in row.sources if one != name]
        SUBSCRIPTIONS.put(tx, call.scope, row)
    return {"EventSubscription": describe(call.scope, row)}


@operation(resource=_ARN)
def delete_event_subscription(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteEventSubscription."""
    with call.write() as tx:
        row = _find(call, tx, request["SubscriptionName"])
        SUBSCRIPTIONS.delete(tx, call.scope, row.name)
    return {"EventSubscription": describe(call.scope, row) | {"Status": "deleting"}}


def forward(call: Call, event: Event) -> None:
    """Tell the topics that subscribed to this event (topic "rds.event")."""
    detail = event.detail
    kind = str(detail["SourceType"]).replace("_", "-").lower()
    with call.read() as tx:
        rows = [row for row in SUBSCRIPTIONS.scan(tx, event.scope) if row.enabled and _wants(row, kind, detail)]
    if "sns" not in call.cloud.services:
        return
    for row in rows:
        moment = datetime.datetime.fromtimestamp(detail["Date"], datetime.UTC)
        message = {
            "Event Source": kind,
            "Event Time": f"{moment:%Y-%m-%d %H:%M:%S.%f}"[:-3],
            "Source ID": detail["SourceIdentifier"],
            "Source ARN": detail["SourceArn"],
            "Event ID": detail["EventID"],
            "Event Message": detail["Message"],
        }
        try:
            call.invoke(
                "sns",
                "Publish",
                {"TopicArn": row.topic, "Subject": "RDS Notification Message", "Message": json.dumps(message)},
            )
        except AwsError:
            continue  # the topic is gone or closed: AWS marks the subscription, nobody waits for it


def _wants(row: Subscription, kind: str, detail: Mapping[str, Any]) -> bool:
    return (
        row.source_type in ("", kind)
        and (not row.sources or detail["SourceIdentifier"] in row.sources)
        and (not row.categories or bool(set(row.categories) & set(detail["EventCategories"])))
    )


def describe(scope: Scope, row: Subscription) -> dict[str, Any]:
    moment = datetime.datetime.fromtimestamp(row.created, datetime.UTC)
    return {
        "CustomerAwsId": scope.account,
        "CustSubscriptionId": row.name,
        "SnsTopicArn": row.topic,
        "Status": "active",
        "SubscriptionCreationTime": f"{moment:%a %b %d %H:%M:%S UTC %Y}",
        "SourceType": row.source_type or None,
        "SourceIdsList": row.sources,
        "EventCategoriesList": row.categories,
        "Enabled": row.enabled,
        "EventSubscriptionArn": names.arn(scope, "es", row.name),
    }
