"""Subscription filters: who gets matching events as they come, and the batches on their way."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any

from haneul import converge
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.logs import names
from haneul.services.logs.errors import errors, invalid
from haneul.services.logs.filters import check_pattern
from haneul.services.logs.plane.filters import compile_filter
from haneul.services.logs.plane.journal import Event
from haneul.services.logs.state import DELIVERIES, SUBSCRIPTIONS, Delivery, Group, Stream, SubscriptionFilter
from haneul.state import chunks
from haneul.state.store import Writer

FILTERS_A_GROUP = 2
_SERVICES = frozenset({"lambda", "kinesis", "firehose", "logs"})
_KEY = b"logs/batch/"


@operation(resource=names.by_group)
def put_subscription_filter(call: Call, request: Mapping[str, Any]) -> None:
    """PutSubscriptionFilter: at most two of a group."""
    check_pattern(request["filterPattern"])
    destination = request["destinationArn"]
    parts = destination.split(":")
    if len(parts) < 6 or parts[2] not in _SERVICES:
        raise invalid("destinationArn is not a valid ARN of a Lambda function, a stream or a destination.")
    with call.write() as tx:
        group = names.find(tx, call.scope, request["logGroupName"])
        known = [row.name for row in SUBSCRIPTIONS.scan(tx, call.scope, group.name)]
        if request["filterName"] not in known and len(known) >= FILTERS_A_GROUP:
            raise errors.LimitExceededException("Resource limit exceeded.")
        row = SubscriptionFilter(
            group=group.name,
            name=request["filterName"],
            pattern=request["filterPattern"],
            destination=destination,
            created=names.millis(call),
            role=request.get("roleArn"),
            distribution=request.get("distribution") or "ByLogStream",
        )
        SUBSCRIPTIONS.put(tx, call.scope, row)


@operation(resource=names.by_group)
def describe_subscription_filters(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeSubscriptionFilters."""
    prefix = request.get("filterNamePrefix") or ""
    with call.read() as tx:
        group = names.find(tx, call.scope, request["logGroupName"])
        rows = [row for row in SUBSCRIPTIONS.scan(tx, call.scope, group.name) if row.name.startswith(prefix)]
    page, more = names.page(rows, request, lambda row: row.name, request.get("limit") or 50)
    described = [
        {
            "filterName": row.name,
            "logGroupName": row.group,
            "filterPattern": row.pattern,
            "destinationArn": row.destination,
            "roleArn": row.role,
            "distribution": row.distribution,
            "applyOnTransformedLogs": False,
            "creationTime": row.created,
        }
        for row in page
    ]
    return {"subscriptionFilters": described, **more}


@operation(resource=names.by_group)
def delete_subscription_filter(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteSubscriptionFilter."""
    with call.write() as tx:
        group = names.find(tx, call.scope, request["logGroupName"])
        if SUBSCRIPTIONS.get(tx, call.scope, group.name, request["filterName"]) is None:
            raise errors.ResourceNotFoundException("The specified subscription filter does not exist.")
        SUBSCRIPTIONS.delete(tx, call.scope, group.name, request["filterName"])


def forward(
    tx: Writer, call: Call, group: Group, stream: Stream, chosen: SubscriptionFilter, events: Sequence[Event]
) -> None:
    """Leave the events that a subscriber wants to a delivery, in the transaction that stores them."""
    match = compile_filter(chosen.pattern)
    wanted = [event for event in events if match(event.message) is not None]
    if not wanted:
        return
    batch = {
        "messageType": "DATA_MESSAGE",
        "owner": call.account,
        "logGroup": group.name,
        "logStream": stream.name,
        "subscriptionFilters": [chosen.name],
        "logEvents": [{"id": event.id, "timestamp": event.time, "message": event.message} for event in wanted],
    }
    delivery = Delivery(
        id=tokens.ordered_id(),
        destination=chosen.destination,
        key=stream.name if chosen.distribution == "ByLogStream" else tokens.random_hex(16),
    )
    chunks.put(tx, _KEY + delivery.id.encode(), gzip.compress(json.dumps(batch).encode(), 1))
    DELIVERIES.put(tx, call.scope, delivery)
    converge.wake(tx, "logs.delivery", call.scope, (delivery.id,), call.now())


def send(call: Call, delivery: Delivery, batch: bytes) -> None:
    """Hand a batch over. Raises AwsError."""
    arn = delivery.destination
    kind = arn.split(":")[2]
    if kind == "logs":
        from haneul.services.logs.state import DESTINATIONS

        with call.read() as tx:
            destination = DESTINATIONS.get(tx, call.scope, arn.rpartition(":")[2])
        if destination is None:
            raise errors.ResourceNotFoundException("The specified destination does not exist.")
        arn = destination.target
        kind = arn.split(":")[2]
    if kind == "lambda":
        payload = json.dumps({"awslogs": {"data": base64.b64encode(batch).decode()}}).encode()
        call.invoke("lambda", "Invoke", {"FunctionName": arn, "InvocationType": "Event", "Payload": payload})
    elif kind == "kinesis":
        name = arn.rpartition("/")[2]
        call.invoke("kinesis", "PutRecord", {"StreamName": name, "Data": batch, "PartitionKey": delivery.key})
    else:
        name = arn.rpartition("/")[2]
        call.invoke("firehose", "PutRecord", {"DeliveryStreamName": name, "Record": {"Data": batch}})


def batch_key(delivery: Delivery) -> bytes:
    return _KEY + delivery.id.encode()
