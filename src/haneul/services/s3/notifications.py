"""Notification configurations: which happenings of a bucket's objects go to which queue, topic, function or bus.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.s3 import deliveries, destinations
from haneul.services.s3.buckets import bucket_of
from haneul.services.s3.errors import errors, invalid_argument, malformed_xml
from haneul.services.s3.guard import bucket_arn
from haneul.services.s3.state import Bucket, set_setting
from haneul.state.store import Writer
from haneul.wire import model as models
from haneul.wire.errors import AwsError

MAX_CONFIGURATIONS = 100
MAX_VALUE = 1024


class Kind(NamedTuple):
    """A kind of destination: its list in the configuration, its ARN's member and service, and what S3 says of it."""

    list: str
    member: str
    service: str
    missing: str
    denied: str


_DENIED = "Permissions on the destination %s do not allow S3 to publish notifications from this bucket"
KINDS = (
    Kind("QueueConfigurations", "QueueArn", "sqs", "The destination queue does not exist", _DENIED % "queue"),
    Kind("TopicConfigurations", "TopicArn", "sns", "The destination topic does not exist", _DENIED % "topic"),
    Kind(
        "LambdaFunctionConfigurations",
        "LambdaFunctionArn",
        "lambda",
        "The destination Lambda does not exist",
        "Not authorized to invoke function",
    ),
)
_SINGLE = (
    ("QueueConfiguration", "Queue"),
    ("TopicConfiguration", "Topic"),
    ("CloudFunctionConfiguration", "CloudFunction"),
)
"""The members of the deprecated operations, kind by kind."""


@operation(resource=bucket_arn, action="s3:PutBucketNotification")
async def put_bucket_notification_configuration(call: Call, request: Mapping[str, Any]) -> None:
    """PutBucketNotificationConfiguration: replaces all of it; every destination is tried first with a test event.

    Raises InvalidArgument (events, filters, overlaps, destinations), MalformedXML.
    """
    with call.read() as tx:
        bucket = bucket_of(tx, request)
    given = request.get("NotificationConfiguration")
    if given is None:
        raise malformed_xml()
    configuration = _checked(bucket, given)
    if not request.get("SkipDestinationValidation"):
        await _try(call, bucket, configuration)

    def store(tx: Writer) -> None:
        set_setting(tx, bucket_of(tx, request), "notification", configuration or None)

    await call.transact(store)


@operation(resource=bucket_arn, action="s3:GetBucketNotification")
def get_bucket_notification_configuration(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketNotificationConfiguration: empty when there is none."""
    with call.read() as tx:
        bucket = bucket_of(tx, request)
    return dict(bucket.settings.get("notification") or {})


@operation(resource=bucket_arn, action="s3:PutBucketNotification")
async def put_bucket_notification(call: Call, request: Mapping[str, Any]) -> None:
    """PutBucketNotification, deprecated: one destination of a kind. On the wire it is the same as its successor."""
    given: Mapping[str, Any] = request.get("NotificationConfiguration") or {}
    lists: dict[str, Any] = {}
    for kind, (single, member) in zip(KINDS, _SINGLE, strict=True):
        if one := given.get(single):
            events = list(one.get("Events") or filter(None, (one.get("Event"),)))
            lists[kind.list] = [{"Id": one.get("Id"), kind.member: one.get(member), "Events": events}]
    await put_bucket_notification_configuration(call, {**request, "NotificationConfiguration": lists})


@operation(resource=bucket_arn, action="s3:GetBucketNotification")
def get_bucket_notification(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketNotification, deprecated: the first destination of each kind."""
    found = get_bucket_notification_configuration(call, request)
    return {
        single: {"Id": one["Id"], "Event": one["Events"][0], "Events": one["Events"], member: one[kind.member]}
        for kind, (single, member) in zip(KINDS, _SINGLE, strict=True)
        for one in (found.get(kind.list) or ())[:1]
    }


def each(configuration: Mapping[str, Any]) -> Iterator[tuple[Kind, Mapping[str, Any]]]:
    """All configurations of destinations, with their kinds."""
    for kind in KINDS:
        for one in configuration.get(kind.list) or ():
            yield kind, one


def _checked(bucket: Bucket, given: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as it is kept: with ids, and rules named as S3 gives them back."""
    kept: dict[str, Any] = {}
    for kind in KINDS:
        made = [_one(bucket, kind, one) for one in given.get(kind.list) or ()]
        if made:
            kept[kind.list] = made
    if given.get("EventBridgeConfiguration") is not None:
        kept["EventBridgeConfiguration"] = {}
    everything = [one for _, one in each(kept)]
    if len(everything) > MAX_CONFIGURATIONS:
        raise errors.InvalidArgument(f"A bucket can have up to {MAX_CONFIGURATIONS} notification configurations.")
    if len({one["Id"] for one in everything}) < len(everything):
        raise errors.InvalidArgument("Same ID used for multiple configurations. IDs must be unique")
    for first, second in combinations(everything, 2):
        _check_overlap(first, second)
    return kept


def _one(bucket: Bucket, kind: Kind, one: Mapping[str, Any]) -> dict[str, Any]:
    arn = one.get(kind.member)
    events = one.get("Events")
    if not arn or not events:
        raise malformed_xml()
    parts = arn.split(":")
    if len(parts) < 6 or parts[0] != "arn" or parts[2] != kind.service or not parts[5]:
        raise invalid_argument("The ARN is not well formed", kind.member.removesuffix("Arn"), arn)
    for event in events:
        if event not in _events():
            raise invalid_argument("A specified event is not supported for notifications.", "Event", event)
    if parts[3] != bucket.region:
        raise _unreachable(
            {arn: "The notification destination service region is not valid for the bucket location constraint"}
        )
    if kind.service in ("sqs", "sns") and arn.endswith(".fifo"):
        noun = "queue" if kind.service == "sqs" else "topic"
        raise _unreachable({arn: f"FIFO {noun}s are not supported as notification destinations"})
    made: dict[str, Any] = {"Id": one.get("Id") or tokens.uuid(), kind.member: arn, "Events": list(events)}
    rules = ((one.get("Filter") or {}).get("Key") or {}).get("FilterRules")
    if rules:
        made["Filter"] = {"Key": {"FilterRules": _rules(rules)}}
    return made


def _rules(rules: list[Mapping[str, Any]]) -> list[dict[str, str]]:
    kept: dict[str, str] = {}
    for rule in rules:
        name = (rule.get("Name") or "").lower()
        if name not in ("prefix", "suffix"):
            raise invalid_argument(
                "filter rule name must be either prefix or suffix", "FilterRule.Name", rule.get("Name")
            )
        if name in kept:
            raise errors.InvalidArgument(f"Cannot specify more than one {name} rule in a filter.")
        value = rule.get("Value") or ""
        if len(value.encode()) > MAX_VALUE:
            raise invalid_argument(
                "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation",
                "FilterRule.Value",
                value,
            )
        kept[name] = value
    return [{"Name": name.capitalize(), "Value": value} for name, value in kept.items()]


def _events() -> frozenset[str]:
    return frozenset(models.load("s3").shapes["Event"]["enum"])


def _check_overlap(first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
    """Raise when two configurations would tell of the same object: S3 tells of it once or not at all."""
    if not any(deliveries.covers(a, b) or deliveries.covers(b, a) for a in first["Events"] for b in second["Events"]):
        return
    one, other = deliveries.affixes(first), deliveries.affixes(second)
    if not (one[0].startswith(other[0]) or other[0].startswith(one[0])):
        return
    if not (one[1].endswith(other[1]) or other[1].endswith(one[1])):
        return
    if "Filter" in first or "Filter" in second:
        raise errors.InvalidArgument(
            "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are "
            "overlapping for the same event type."
        )
    raise errors.InvalidArgument(
        "Configurations overlap. Configurations on the same bucket cannot share a common event type."
    )


async def _try(call: Call, bucket: Bucket, configuration: Mapping[str, Any]) -> None:
    """Send each destination a test event (of a function: look whether it is there). Raises InvalidArgument."""
    text = deliveries.test_event(call, bucket)
    failed: dict[str, str] = {}
    tried: set[str] = set()
    for kind, one in each(configuration):
        arn = one[kind.member]
        if arn in tried:
            continue
        tried.add(arn)
        try:
            if kind.service == "lambda":
                answer = call.invoke("lambda", "GetFunction", {"FunctionName": arn})
                if inspect.isawaitable(answer):
                    await answer
            if not await destinations.allow(call, bucket, kind.service, arn):
                raise errors.AccessDenied("Access Denied")
            if kind.service != "lambda":
                await deliveries.send(call, kind.service, arn, text)
        except AwsError as error:
            denied = error.status == 403 or "AccessDenied" in error.code
            failed[arn] = kind.denied if denied else kind.missing
    if failed:
        raise _unreachable(failed)


def _unreachable(failed: Mapping[str, str]) -> AwsError:
    members: dict[str, str] = {}
    for number, (arn, reason) in enumerate(failed.items(), 1):
        members |= {f"ArgumentName{number}": arn, f"ArgumentValue{number}": reason}
    return errors.InvalidArgument("Unable to validate the following destination configurations", **members)
