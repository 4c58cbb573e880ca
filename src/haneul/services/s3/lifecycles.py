"""A bucket's lifecycle configuration: its rules, checked and stored; lifecycle_converge.py acts on them.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul import converge
from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.s3.buckets import bucket_of, change_setting
from haneul.services.s3.errors import errors, malformed_xml
from haneul.services.s3.guard import bucket_arn
from haneul.services.s3.lifecycle_converge import LIFECYCLES, Lifecycle
from haneul.services.s3.lifecycle_rules import DAY, filter_of
from haneul.services.s3.state import set_setting

MAX_RULES = 1000
MAX_ID = 255
_SIZES = "all_storage_classes_128K"
_ACTIONS = (
    "Expiration",
    "Transitions",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransitions",
    "AbortIncompleteMultipartUpload",
)
_RARE = ("STANDARD_IA", "ONEZONE_IA")
_RESTS = 30
_CLASSES = ("STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "GLACIER_IR", "DEEP_ARCHIVE")


@operation(resource=bucket_arn, action="s3:PutLifecycleConfiguration")
def put_bucket_lifecycle_configuration(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutBucketLifecycleConfiguration. Raises MalformedXML, InvalidArgument, InvalidRequest."""
    rules = (request.get("LifecycleConfiguration") or {}).get("Rules") or []
    if not 1 <= len(rules) <= MAX_RULES:
        raise malformed_xml()
    kept = []
    for rule in rules:
        _check(rule)
        kept.append({**rule, "ID": rule.get("ID") or tokens.uuid()})
    if len({rule["ID"] for rule in kept}) < len(kept):
        raise errors.InvalidArgument("Rule ID must be unique. Found same ID for more than one rule")
    sizes = request.get("TransitionDefaultMinimumObjectSize") or _SIZES
    if sizes not in (_SIZES, "varies_by_storage_class"):
        raise errors.InvalidRequest("Invalid TransitionDefaultMinimumObjectSize found")
    with call.write() as tx:
        bucket = set_setting(tx, bucket_of(tx, request), "lifecycle", {"rules": kept, "sizes": sizes})
        scope = Scope(bucket.owner, bucket.region)
        LIFECYCLES.put(tx, scope, Lifecycle(bucket.name, bucket.id))
        converge.wake(tx, "s3.lifecycle", scope, (bucket.name,), due=call.now())
    return {"TransitionDefaultMinimumObjectSize": sizes}


@operation(resource=bucket_arn, action="s3:GetLifecycleConfiguration")
def get_bucket_lifecycle_configuration(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketLifecycleConfiguration. Raises NoSuchLifecycleConfiguration."""
    with call.read() as tx:
        bucket = bucket_of(tx, request)
    found = bucket.settings.get("lifecycle")
    if found is None:
        raise errors.NoSuchLifecycleConfiguration("The lifecycle configuration does not exist", BucketName=bucket.name)
    return {"Rules": found["rules"], "TransitionDefaultMinimumObjectSize": found["sizes"]}


@operation(resource=bucket_arn, action="s3:PutLifecycleConfiguration")
def delete_bucket_lifecycle(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteBucketLifecycle. Deleting none is no error."""
    change_setting(call, request, "lifecycle", None)


@operation(resource=bucket_arn, action="s3:PutLifecycleConfiguration")
def put_bucket_lifecycle(call: Call, request: Mapping[str, Any]) -> None:
    """PutBucketLifecycle, deprecated: rules by prefix, with one transition each. On the wire it is its successor."""
    rules = [_plural(rule) for rule in (request.get("LifecycleConfiguration") or {}).get("Rules") or ()]
    put_bucket_lifecycle_configuration(call, {**request, "LifecycleConfiguration": {"Rules": rules}})


@operation(resource=bucket_arn, action="s3:GetLifecycleConfiguration")
def get_bucket_lifecycle(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetBucketLifecycle, deprecated: the first transition of each rule. Raises NoSuchLifecycleConfiguration."""
    rules = get_bucket_lifecycle_configuration(call, request)["Rules"]
    return {"Rules": [_singular(rule) for rule in rules]}


_SINGLE = {"Transition": "Transitions", "NoncurrentVersionTransition": "NoncurrentVersionTransitions"}
"""Member of a deprecated rule -> the list that took its place."""


def _plural(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {_SINGLE.get(name, name): [value] if name in _SINGLE else value for name, value in rule.items()}


def _singular(rule: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in rule.items() if name not in ("Filter", *_SINGLE.values())}
    told.setdefault("Prefix", (rule.get("Filter") or {}).get("Prefix") or "")
    return told | {single: rule[several][0] for single, several in _SINGLE.items() if rule.get(several)}


def _check(rule: Mapping[str, Any]) -> None:
    if rule.get("Status") not in ("Enabled", "Disabled") or ("Filter" in rule) == ("Prefix" in rule):
        raise malformed_xml()
    if len(rule.get("ID") or "") > MAX_ID:
        raise errors.InvalidArgument(f"ID length should not exceed allowed limit of {MAX_ID}")
    if not any(action in rule for action in _ACTIONS):
        raise errors.InvalidRequest("At least one action needs to be specified in a rule")
    _check_filter(rule.get("Filter") or {})
    if "Expiration" in rule:
        _check_expiration(rule["Expiration"] or {})
    for each in rule.get("Transitions") or ():
        _check_class(each)
        _check_when(each, "Transition", zero=True)
        _check_rest(each, "Days", "Transition")
    for each in rule.get("NoncurrentVersionTransitions") or ():
        _check_class(each)
        if each.get("NoncurrentDays") is None:
            raise malformed_xml()
        _check_rest(each, "NoncurrentDays", "NoncurrentVersionTransition")
    _check_order(rule)
    for name, member in (
        ("NoncurrentVersionExpiration", "NoncurrentDays"),
        ("AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
    ):
        if name in rule:
            days = (rule[name] or {}).get(member)
            if days is None:
                raise malformed_xml()
            if days <= 0:
                raise errors.InvalidArgument(f"'{member}' for {name} action must be a positive integer")
    newer = (rule.get("NoncurrentVersionExpiration") or {}).get("NewerNoncurrentVersions")
    if newer is not None and not 1 <= newer <= 100:
        raise errors.InvalidArgument("'NewerNoncurrentVersions' must be between 1 and 100")


def _check_rest(each: Mapping[str, Any], member: str, action: str) -> None:
    """Objects rest in their first class for 30 days before they may go to one of rare access."""
    days, storage = each.get(member), each["StorageClass"]
    if days is not None and days < _RESTS and storage in _RARE:
        raise errors.InvalidArgument(
            f"'{member}' in {action} action must be greater than or equal to {_RESTS} for storageClass '{storage}'"
        )


def _check_order(rule: Mapping[str, Any]) -> None:
    """A rule's actions go by days or by dates, to a class once, and expiration comes last."""
    moves, expiration = rule.get("Transitions") or [], rule.get("Expiration") or {}
    whose = (
        f"prefix '{rule['Prefix']}'" if "Prefix" in rule else f"filter '(prefix={filter_of(rule).get('Prefix', '')})'"
    )
    if len({each["StorageClass"] for each in moves}) < len(moves):
        raise errors.InvalidRequest(
            f"'StorageClass' must be different for 'Transition' actions in same 'Rule' with {whose}"
        )
    kinds = {kind for each in (*moves, expiration) for kind in ("Days", "Date") if kind in each}
    if len(kinds) > 1:
        raise errors.InvalidRequest(
            f"Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule for {whose}"
        )
    later = rule.get("NoncurrentVersionTransitions") or []
    end = rule.get("NoncurrentVersionExpiration") or {}
    for before, after, member, name, move in (
        (moves, expiration, "Days", "Expiration", "Transition"),
        (later, end, "NoncurrentDays", "NoncurrentVersionExpiration", "NoncurrentVersionTransition"),
    ):
        days = [each[member] for each in before if member in each]
        if days and member in after and after[member] <= max(days):
            raise errors.InvalidArgument(
                f"'{member}' in the {name} action for {whose} must be greater than '{member}' in the {move} action"
            )
    tagged = "Tags" in filter_of(rule) or "Tag" in filter_of(rule)
    for there, action in (
        ("AbortIncompleteMultipartUpload" in rule, "AbortIncompleteMultipartUpload"),
        ("ExpiredObjectDeleteMarker" in expiration, "ExpiredObjectDeleteMarker"),
    ):
        if there and tagged:
            raise errors.InvalidRequest(f"{action} cannot be specified with Tags.")


def _check_filter(chosen: Mapping[str, Any]) -> None:
    if len(chosen) > 1:
        raise malformed_xml()
    both = chosen.get("And")
    if both is not None:
        tags = both.get("Tags") or []
        if len(tags) + len(both.keys() - {"Tags"}) < 2:
            raise malformed_xml()
        if len({tag["Key"] for tag in tags}) < len(tags):
            raise errors.InvalidRequest("Duplicate Tag Keys are not allowed.")
    sizes = both or chosen
    more, less = sizes.get("ObjectSizeGreaterThan"), sizes.get("ObjectSizeLessThan")
    if more is not None and less is not None and more >= less:
        raise errors.InvalidRequest("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.")


def _check_expiration(expiration: Mapping[str, Any]) -> None:
    if len(expiration) != 1:
        raise malformed_xml()
    if "ExpiredObjectDeleteMarker" not in expiration:
        _check_when(expiration, "Expiration", zero=False)


def _check_class(each: Mapping[str, Any]) -> None:
    if each.get("StorageClass") not in _CLASSES:
        raise malformed_xml()


def _check_when(each: Mapping[str, Any], name: str, *, zero: bool) -> None:
    days, date = each.get("Days"), each.get("Date")
    if (days is None) == (date is None):
        raise malformed_xml()
    if days is not None and (days < 0 or (days == 0 and not zero)):
        wanted = "nonnegative" if zero else "positive"
        raise errors.InvalidArgument(f"'Days' for {name} action must be a {wanted} integer")
    if date is not None and date % DAY:
        raise errors.InvalidArgument("'Date' must be at midnight GMT")
