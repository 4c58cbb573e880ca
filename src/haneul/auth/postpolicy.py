"""The policy document of a browser form: until when it holds, and what the form's fields must be."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from haneul.wire.errors import AwsError

_UNCOVERED = frozenset({"x-amz-signature", "signature", "awsaccesskeyid", "file", "policy"})
_MATCHES = ("eq", "starts-with")


class Condition(NamedTuple):
    """One condition: "eq", "starts-with" or "content-length-range"; for the last, `low` and `high`."""

    kind: str
    field: str = ""
    value: str = ""
    low: int = 0
    high: int = 0


def check(policy: str, fields: Mapping[str, str], now: float) -> tuple[int, int] | None:
    """Check a form's fields (lower-case names, "bucket" among them) against its policy (base64 JSON).

    Returns the least and most bytes that the file may have, None when the policy doesn't say. Raises AwsError:
    InvalidPolicyDocument, or AccessDenied naming the condition that failed.
    """
    document = _document(policy)
    expiration = document.get("expiration")
    if expiration is None:
        raise _invalid("Policy missing expiration.")
    until = _instant(expiration)
    conditions = _conditions(document.get("conditions"))
    if until <= now:
        raise _denied("Policy expired.")
    limits = None
    covered = set()
    for condition in conditions:
        if condition.kind == "content-length-range":
            limits = condition.low, condition.high
            continue
        covered.add(condition.field)
        if not _holds(condition, fields.get(condition.field, "")):
            shown = json.dumps([condition.kind, f"${condition.field}", condition.value], ensure_ascii=False)
            raise _denied(f"Policy Condition failed: {shown}")
    extra = [name for name in fields if not (name in covered or name in _UNCOVERED or name.startswith("x-ignore-"))]
    if extra:
        raise _denied(f"Extra input fields: {', '.join(extra)}")
    return limits


def _holds(condition: Condition, value: str) -> bool:
    if condition.kind == "eq":
        return value == condition.value
    if condition.field == "content-type" and "," in value:
        return all(one.strip().startswith(condition.value) for one in value.split(","))
    return value.startswith(condition.value)


def _document(policy: str) -> dict[str, Any]:
    try:
        document = orjson.loads(base64.b64decode("".join(policy.split()), validate=True))
    except (binascii.Error, ValueError):
        raise _invalid("Invalid JSON.") from None
    if not isinstance(document, dict):
        raise _invalid("Invalid JSON.")
    return document


def _instant(text: Any) -> float:
    if isinstance(text, str):
        for form in ("%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%SZ"):
            try:
                return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()
            except ValueError:
                continue
    raise _invalid(f"Invalid 'expiration' value: '{text}'")


def _conditions(raw: Any) -> list[Condition]:
    if raw is None:
        raise _invalid("Policy missing conditions.")
    if not isinstance(raw, list):
        raise _invalid("Invalid 'conditions' value: must be a List.")
    return [_simple(one) if isinstance(one, dict) else _listed(one) for one in raw]


def _simple(raw: dict[str, Any]) -> Condition:
    if len(raw) != 1:
        raise _invalid("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
    ((field, value),) = raw.items()
    if not isinstance(value, str):
        raise _invalid("Invalid Simple-Condition: value must be a string.")
    return Condition("eq", field.lower(), value)


def _listed(raw: Any) -> Condition:
    if not isinstance(raw, list) or not raw or not isinstance(raw[0], str):
        raise _invalid("Invalid Condition: must be a List or an Object.")
    kind = raw[0].lower()
    if kind == "content-length-range":
        if len(raw) != 3:
            raise _invalid("Invalid Content-Length-Range Condition: must have exactly three elements.")
        low, high = _bytes(raw[1]), _bytes(raw[2])
        return Condition(kind, low=low, high=high)
    if kind not in _MATCHES:
        raise _invalid(f"Invalid Condition: unknown operation '{raw[0]}'.")
    if len(raw) != 3 or not all(isinstance(one, str) for one in raw):
        raise _invalid("Invalid Condition: must have exactly three string elements.")
    if not raw[1].startswith("$"):
        raise _invalid(f"Invalid Condition: the field name must start with '$', not '{raw[1]}'.")
    return Condition(kind, raw[1][1:].lower(), raw[2])


def _bytes(value: Any) -> int:
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise _invalid(f"Invalid Content-Length-Range Condition: '{value}' is not a number of bytes.")
    return int(text)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidPolicyDocument", f"Invalid Policy: {message}", 400)


def _denied(message: str) -> AwsError:
    return AwsError("AccessDenied", f"Invalid according to Policy: {message}", 403)
