"""Attributes of subscriptions: what they may be, and filter policies compiled and kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul.kit.patterns import PatternError, Test, compile_pattern
from haneul.services.sns.errors import invalid

KNOWN = frozenset(
    {
        "DeliveryPolicy",
        "FilterPolicy",
        "FilterPolicyScope",
        "RawMessageDelivery",
        "RedrivePolicy",
        "ReplayPolicy",
        "SubscriptionRoleArn",
    }
)
MAX_KEYS, MAX_COMBINATIONS = 5, 150
_compiled: dict[tuple[str, str], Test | None] = {}


def check(name: str, value: str, current: Mapping[str, str], *, subscribing: bool) -> None:
    """Raise what AWS raises for an attribute that can't be so."""
    prefix = "Attributes Reason: " if subscribing else ""
    if name not in KNOWN:
        raise invalid("Attributes" if subscribing else "AttributeName")
    if name == "RawMessageDelivery" and value.lower() not in ("true", "false"):
        raise invalid(f"{prefix}RawMessageDelivery: Invalid value [{value}]. Must be true or false.")
    if name == "FilterPolicyScope" and value not in ("MessageAttributes", "MessageBody"):
        raise invalid(
            f"{prefix}FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
        )
    if name in ("FilterPolicy", "RedrivePolicy", "DeliveryPolicy", "ReplayPolicy") and value:
        try:
            document = json.loads(value)
        except ValueError:
            raise invalid(f"{prefix}{name}: failed to parse JSON.") from None
        if not isinstance(document, dict):
            raise invalid(f"{prefix}{name}: failed to parse JSON.")
        if name == "FilterPolicy":
            _check_filter(document, current.get("FilterPolicyScope", "MessageAttributes"), prefix)
        elif name == "RedrivePolicy":
            _check_redrive(document, prefix)


def _check_redrive(document: Mapping[str, Any], prefix: str) -> None:
    target = document.get("deadLetterTargetArn")
    if not isinstance(target, str):
        raise invalid(f"{prefix}RedrivePolicy: deadLetterTargetArn is required")
    if len(target.split(":")) != 6 or target.split(":")[2] != "sqs":
        raise invalid(f"{prefix}RedrivePolicy: deadLetterTargetArn is an invalid arn")


def _check_filter(document: Mapping[str, Any], scope: str, prefix: str) -> None:
    if not document:
        return
    if scope == "MessageAttributes":
        for name, wanted in document.items():
            if isinstance(wanted, dict):
                raise invalid(
                    f"{prefix}FilterPolicy: Filter policy scope MessageAttributes does not support nested filter policy"
                )
            if not isinstance(wanted, list):
                raise invalid(f'{prefix}FilterPolicy: "{name}" must be an object or an array')
    keys, combinations = _count(document)
    if keys > MAX_KEYS:
        raise invalid(f"{prefix}FilterPolicy: Filter policy can not have more than {MAX_KEYS} keys")
    if combinations > MAX_COMBINATIONS:
        raise invalid(f"{prefix}FilterPolicy: Filter policy is too complex")
    try:
        compile_pattern(document)
    except PatternError as error:
        raise invalid(f"{prefix}FilterPolicy: {error}") from None


def _count(document: Mapping[str, Any], depth: int = 1) -> tuple[int, int]:
    """Leaf keys, and the combinations that AWS counts: the values of each key times its depth, multiplied."""
    keys, product = 0, 1
    for name, wanted in document.items():
        if isinstance(wanted, dict):
            more, factor = _count(wanted, depth + 1)
            keys, product = keys + more, product * factor
        elif name == "$or" and isinstance(wanted, list):
            counts = [_count(choice, depth) for choice in wanted if isinstance(choice, dict)]
            keys += max((count[0] for count in counts), default=0)
            product *= max(1, sum(count[1] for count in counts))
        elif isinstance(wanted, list):
            keys += 1
            product *= max(1, len(wanted)) * depth
    return keys, product


def passes(attributes: Mapping[str, str], message: str, given: Mapping[str, Mapping[str, Any]]) -> bool:
    """A subscription's filter policy lets this message through."""
    text = attributes.get("FilterPolicy")
    if not text:
        return True
    scope = attributes.get("FilterPolicyScope", "MessageAttributes")
    key = (scope, text)
    if key not in _compiled:
        if len(_compiled) >= 4096:
            _compiled.clear()
        document = json.loads(text, parse_float=_five)
        _compiled[key] = compile_pattern(document) if document else None
    test = _compiled[key]
    if test is None:
        return True
    if scope == "MessageBody":
        try:
            body = json.loads(message, parse_float=_five)
        except ValueError:
            return False
        return isinstance(body, dict) and test(body)
    return test(_values(given))


def _five(text: str) -> float:
    """A number as SNS compares it: five digits behind the point."""
    return round(float(text), 5)


def _values(given: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Message attributes as the values that a filter policy sees; binary ones aren't seen."""
    values: dict[str, Any] = {}
    for name, attribute in given.items():
        kind, value = attribute["DataType"], attribute.get("StringValue")
        if value is None:
            continue
        if kind == "Number" or kind.startswith("Number."):
            values[name] = _five(value)
        elif kind == "String.Array":
            try:
                parsed = json.loads(value, parse_float=_five)
            except ValueError:
                parsed = value
            values[name] = parsed
        else:
            values[name] = value
    return values
