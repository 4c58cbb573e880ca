"""Happenings on their way out: S3's event records and EventBridge's, and their handing over.

Each destination is served by itself: one that can't be reached just now is tried again later, one that is gone is
given up, and neither keeps the others waiting.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

import base64
import hashlib
import inspect
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

import msgspec
import orjson

from haneul import converge
from haneul.events import Event
from haneul.kit.instants import iso8601
from haneul.service import Call, Step
from haneul.services.s3 import destinations
from haneul.services.s3.state import Bucket, find_bucket
from haneul.state.table import Table
from haneul.wire.errors import AwsError
from haneul.wire.rest import host_id

log = logging.getLogger("haneul.s3")
EMPTY_MD5 = "d41d8cd98f00b204e9800998ecf8427e"
PAUSES = (1, 5, 30, 120, 600, 1800, 3600, 3600)
"""Seconds between the tries of what could not be delivered."""
_SUBJECT = "Amazon S3 Notification"
_REASONS = {
    "Put": "PutObject",
    "Post": "POST Object",
    "Copy": "CopyObject",
    "CompleteMultipartUpload": "CompleteMultipartUpload",
}
_KINDS = {
    "ObjectTagging:Put": "Object Tags Added",
    "ObjectTagging:Delete": "Object Tags Deleted",
    "ObjectAcl:Put": "Object ACL Updated",
    "ObjectRestore:Post": "Object Restore Initiated",
    "ObjectRestore:Completed": "Object Restore Completed",
    "ObjectRestore:Delete": "Object Restore Expired",
    "LifecycleTransition": "Object Storage Class Changed",
    "IntelligentTiering": "Object Access Tier Changed",
}
"""Event -> detail-type on EventBridge, beside Object Created and Object Deleted."""


class Delivery(msgspec.Struct):
    """A message that its destination could not take yet."""

    id: str
    service: str
    arn: str
    text: str
    tries: int = 0


DELIVERIES = Table("s3.delivery", Delivery, key=("id",))


async def deliver(call: Call, event: Event) -> None:
    """Tell every destination that the bucket's configuration names for this happening."""
    detail = event.detail
    with call.read() as tx:
        bucket = find_bucket(tx, detail["bucket"])
    configuration = None if bucket is None else bucket.settings.get("notification")
    if bucket is None or not configuration or detail.get("silent"):
        return
    for service, arn, identity in _wanted(configuration, f"s3:{detail['event']}", detail["key"]):
        record = {"Records": [_record(bucket, detail, identity)]}
        if await _is_allowed(call, bucket, service, arn):
            await _attempt(call, service, arn, orjson.dumps(record).decode(), f"{event.id}-{identity}")
    if "EventBridgeConfiguration" in configuration:
        entry = _bridged(bucket, detail)
        if entry is not None:
            await _attempt(call, "events", "", orjson.dumps(entry).decode(), f"{event.id}-bus")


def _wanted(configuration: Mapping[str, Any], event: str, key: str) -> list[tuple[str, str, str]]:
    """(service, arn, configuration id) of those who asked for `event` at `key`."""
    found = []
    for member, arn, service in (
        ("QueueConfigurations", "QueueArn", "sqs"),
        ("TopicConfigurations", "TopicArn", "sns"),
        ("LambdaFunctionConfigurations", "LambdaFunctionArn", "lambda"),
    ):
        for one in configuration.get(member) or ():
            prefix, suffix = affixes(one)
            if key.startswith(prefix) and key.endswith(suffix) and any(covers(asked, event) for asked in one["Events"]):
                found.append((service, one[arn], one["Id"]))
    return found


def covers(asked: str, event: str) -> bool:
    """Whether a configuration's event ("s3:ObjectCreated:*") means `event`."""
    return asked == event or (asked.endswith("*") and event.startswith(asked[:-1]))


def affixes(configuration: Mapping[str, Any]) -> tuple[str, str]:
    """(prefix, suffix) that a configuration's filter asks of keys."""
    rules = ((configuration.get("Filter") or {}).get("Key") or {}).get("FilterRules") or ()
    found = {rule["Name"]: rule["Value"] for rule in rules}
    return found.get("Prefix", ""), found.get("Suffix", "")


async def _is_allowed(call: Call, bucket: Bucket, service: str, arn: str) -> bool:
    """Whether the destination still takes what this bucket tells."""
    try:
        allowed = await destinations.allow(call, bucket, service, arn)
    except AwsError:
        allowed = False
    if not allowed:
        log.warning("s3 may not notify %s of %s any more", arn, bucket.name)
    return allowed


async def _attempt(call: Call, service: str, arn: str, text: str, identity: str) -> None:
    try:
        await send(call, service, arn, text)
    except AwsError as error:
        if not _passing(error):
            log.warning("s3 could not notify %s: %s %s", arn or service, error.code, error.message)
            return
        with call.write() as tx:
            DELIVERIES.put(tx, call.scope, Delivery(identity, service, arn, text))
            converge.wake(tx, "s3.delivery", call.scope, (identity,), due=call.now() + PAUSES[0])


def try_again(call: Call, delivery: Delivery) -> Step:
    """One more try; given up after the last pause or when the destination is gone. (Runs in a worker thread, where
    `invoke` has no awaitables.)"""
    try:
        call.invoke(*_request(call, delivery.service, delivery.arn, delivery.text))
    except AwsError as error:
        if _passing(error) and delivery.tries + 1 < len(PAUSES):
            delivery.tries += 1
            return Step(delivery, PAUSES[delivery.tries])
        log.warning("s3 gave up notifying %s: %s", delivery.arn or delivery.service, error.code)
    return Step(None)


def _passing(error: AwsError) -> bool:
    """Whether trying again may help."""
    return error.status == 429 or (error.status >= 500 and error.status != 501) or "Throttl" in error.code


async def send(call: Call, service: str, arn: str, text: str) -> None:
    """Hand a message to a queue, a topic, a function or the account's bus. Raises AwsError."""
    answer = call.invoke(*_request(call, service, arn, text))
    if inspect.isawaitable(answer):
        await answer


def _request(call: Call, service: str, arn: str, text: str) -> tuple[str, str, dict[str, Any]]:
    if service == "sqs":
        _, _, _, region, account, name = arn.split(":", 5)
        url = f"http://sqs.{region}.localhost/{account}/{name}"
        return "sqs", "SendMessage", {"QueueUrl": url, "MessageBody": text}
    if service == "sns":
        return "sns", "Publish", {"TopicArn": arn, "Subject": _SUBJECT, "Message": text}
    if service == "lambda":
        return "lambda", "Invoke", {"FunctionName": arn, "InvocationType": "Event", "Payload": text.encode()}
    return "events", "PutEvents", {"Entries": [orjson.loads(text)]}


def test_event(call: Call, bucket: Bucket) -> str:
    """What a destination is told when it is configured."""
    return orjson.dumps(
        {
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": iso8601(call.now()),
            "Bucket": bucket.name,
            "RequestId": call.request_id,
            "HostId": host_id(call.request_id),
        }
    ).decode()


def _record(bucket: Bucket, detail: Mapping[str, Any], identity: str) -> dict[str, Any]:
    event = detail["event"]
    what: dict[str, Any] = {"key": quote_plus(detail["key"], safe="/*")}
    removed = event.startswith(("ObjectRemoved", "LifecycleExpiration"))
    if not removed:
        what["size"] = detail["size"]
    if event.endswith("DeleteMarkerCreated"):
        what["eTag"] = EMPTY_MD5
    elif not removed:
        what["eTag"] = detail["etag"]
    if detail["version"] is not None:
        what["versionId"] = detail["version"]
    what["sequencer"] = detail["sequencer"]
    record: dict[str, Any] = {
        "eventVersion": _version(event),
        "eventSource": "aws:s3",
        "awsRegion": bucket.region,
        "eventTime": iso8601(detail["time"]),
        "eventName": event,
        "userIdentity": {"principalId": _principal(detail)},
        "requestParameters": {"sourceIPAddress": detail["source_ip"]},
        "responseElements": {
            "x-amz-request-id": detail["request_id"],
            "x-amz-id-2": host_id(detail["request_id"]),
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": identity,
            "bucket": {
                "name": bucket.name,
                "ownerIdentity": {"principalId": _customer(bucket.owner)},
                "arn": bucket.arn,
            },
            "object": what,
        },
    }
    for name in ("glacierEventData", "replicationEventData", "lifecycleEventData", "intelligentTieringEventData"):
        if name in detail:
            record[name] = detail[name]
    return record


def _version(event: str) -> str:
    family = event.partition(":")[0]
    if family in ("ObjectCreated", "ObjectRemoved", "ObjectRestore"):
        return "2.1"
    return "2.2" if family == "Replication" else "2.3"


def _bridged(bucket: Bucket, detail: Mapping[str, Any]) -> dict[str, Any] | None:
    """The entry for EventBridge; None for what S3 doesn't tell it."""
    family, _, how = detail["event"].partition(":")
    kind = _KINDS.get(detail["event"])
    what: dict[str, Any] = {"key": detail["key"]}
    more: dict[str, Any] = {}
    if family == "ObjectCreated":
        kind = "Object Created"
        more["reason"] = _REASONS.get(how, "PutObject")
        what["size"] = detail["size"]
    elif family in ("ObjectRemoved", "LifecycleExpiration"):
        kind = "Object Deleted"
        more["reason"] = "DeleteObject" if family == "ObjectRemoved" else "Lifecycle Expiration"
        marked = how == "DeleteMarkerCreated"
        more["deletion-type"] = "Delete Marker Created" if marked else "Permanently Deleted"
    elif family in ("ObjectRestore", "LifecycleTransition"):
        what["size"] = detail["size"]
    if kind is None:
        return None
    if kind != "Object Deleted":
        what["etag"] = detail["etag"]
    elif how == "DeleteMarkerCreated":
        what["etag"] = EMPTY_MD5
    if detail["version"] is not None:
        what["version-id"] = detail["version"]
    if kind in ("Object Created", "Object Deleted"):
        what["sequencer"] = detail["sequencer"]
    told = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": what,
        "request-id": detail["request_id"],
        "requester": detail["account"] or "anonymous",
        "source-ip-address": detail["source_ip"],
        **more,
        **(detail.get("bridged") or {}),
    }
    return {
        "Source": "aws.s3",
        "DetailType": kind,
        "Time": detail["time"],
        "Resources": [bucket.arn],
        "Detail": orjson.dumps(told).decode(),
    }


def _principal(detail: Mapping[str, Any]) -> str:
    if not detail["account"]:
        return "Anonymous"
    return f"AWS:{detail.get('user') or detail['account']}"


def _customer(account: str) -> str:
    """The old kind of customer id, by which records name a bucket's owner."""
    return "A" + base64.b32encode(hashlib.sha256(account.encode()).digest()).decode()[:13]
