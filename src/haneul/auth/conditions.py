"""Condition blocks, compiled: every operator, with IfExists and ForAllValues/ForAnyValue, over a request's keys.

A key that the request doesn't have fails a positive operator and passes a negated one; IfExists passes.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from haneul.auth.patterns import Keys, Template, Value, _compiled, arn_glob, has_variables, string_pattern

_SECONDS = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
Check = Callable[[Keys], bool]
Test = Callable[[str, Keys], bool]
"""(a value of the request, keys) -> whether it matches one of the policy's values, negation apart."""

_NEGATED = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
    "notipaddress": "ipaddress",
    "arnnotequals": "arnlike",
    "arnnotlike": "arnlike",
}
_ORDER = ("LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
_NAMES = (
    *("StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"),
    *("StringLike", "StringNotLike", "Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "Null"),
    *("ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike"),
    *(f"{kind}{order}" for kind in ("Numeric", "Date") for order in ("Equals", "NotEquals", *_ORDER)),
)
OPERATORS = {name.lower(): name for name in _NAMES}
"""Lower-case name -> AWS's spelling, of every operator."""

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": lambda a, b: a == b,
    "lessthan": lambda a, b: a < b,
    "lessthanequals": lambda a, b: a <= b,
    "greaterthan": lambda a, b: a > b,
    "greaterthanequals": lambda a, b: a >= b,
}


def parse_operator(text: str) -> tuple[str, str, bool] | None:
    """("" or forallvalues or foranyvalue, operator's lower-case name, IfExists), None for what is no operator."""
    name = text.lower()
    quantifier = ""
    if ":" in name:
        quantifier, _, name = name.partition(":")
        if quantifier not in ("forallvalues", "foranyvalue"):
            return None
    optional = name.endswith("ifexists")
    if optional:
        name = name[:-8]
    if name not in OPERATORS or (name == "null" and (optional or quantifier)):
        return None
    return quantifier, name, optional


def compile_block(block: Mapping[str, Mapping[str, Any]], variables: bool) -> tuple[list[Check], frozenset[str]]:
    """The checks of a Condition block, all of which must pass, and the keys they read. Unknown operators never pass."""
    checks: list[Check] = []
    keys: set[str] = set()
    for operator, tests in block.items():
        parsed = parse_operator(operator)
        for key, values in tests.items():
            wanted = [_text(value) for value in (values if isinstance(values, list) else [values])]
            if parsed is None:
                checks.append(lambda context: False)
                continue
            name = key.lower()
            check, read = _compile_one(parsed, name, wanted, variables)
            checks.append(check)
            keys.add(name)
            keys |= read
    return checks, frozenset(keys)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _compile_one(
    parsed: tuple[str, str, bool], key: str, wanted: list[str], variables: bool
) -> tuple[Check, frozenset[str]]:
    quantifier, operator, optional = parsed
    if operator == "null":
        return _null(key, wanted), frozenset()
    negated = operator in _NEGATED
    test, read = _test(_NEGATED.get(operator, operator), wanted, variables)
    if quantifier == "forallvalues":
        return _for_all(key, test, negated), read
    if quantifier == "foranyvalue":
        return _for_any(key, test, negated, optional), read
    missing = negated or optional

    def check(context: Keys) -> bool:
        value = context.get(key)
        if value is None:
            return missing
        if isinstance(value, list):
            return any(test(one, context) for one in value) != negated
        return test(value, context) != negated

    return check, read


def _null(key: str, wanted: list[str]) -> Check:
    answers = {value.lower() == "true" for value in wanted}
    return lambda context: (context.get(key) in (None, [])) in answers


def _for_all(key: str, test: Test, negated: bool) -> Check:
    return lambda context: all(test(one, context) != negated for one in _several(context.get(key)))


def _for_any(key: str, test: Test, negated: bool, optional: bool) -> Check:
    def check(context: Keys) -> bool:
        value = context.get(key)
        if value is None:
            return optional
        return any(test(one, context) != negated for one in _several(value))

    return check


def _several(value: Value | None) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else value


def _test(operator: str, wanted: list[str], variables: bool) -> tuple[Test, frozenset[str]]:
    plain = [value for value in wanted if not (variables and has_variables(value))]
    templates = [Template(value) for value in wanted if variables and has_variables(value)]
    fixed = _fixed(operator, [[(value, False)] for value in plain])
    if not templates:
        return fixed, frozenset()
    read = frozenset().union(*(template.keys for template in templates))

    def test(value: str, context: Keys) -> bool:
        if fixed(value, context):
            return True
        for template in templates:
            filled = template.fill(context)
            if filled is not None and _fixed(operator, [filled])(value, context):
                return True
        return False

    return test, read


Pieces = Iterable[tuple[str, bool]]


def _fixed(operator: str, wanted: list[list[tuple[str, bool]]]) -> Test:
    """The test against values without variables; each is pieces of (text, literal)."""
    if operator in ("stringlike", "arnlike", "arnequals"):
        return _patterns(operator, wanted)
    texts = ["".join(text for text, _ in pieces) for pieces in wanted]
    if operator == "stringequals":
        exact = frozenset(texts)
        return lambda value, context: value in exact
    if operator == "stringequalsignorecase":
        folded = frozenset(text.casefold() for text in texts)
        return lambda value, context: value.casefold() in folded
    if operator == "bool":
        truths = frozenset(text.lower() for text in texts)
        return lambda value, context: value.lower() in truths
    if operator == "binaryequals":
        blobs = [blob for blob in map(_binary, texts) if blob is not None]
        return lambda value, context: _binary(value) in blobs
    if operator == "ipaddress":
        return _networks(texts)
    parse = _number if operator.startswith("numeric") else _instant
    compare = _COMPARISONS[operator.removeprefix("numeric").removeprefix("date")]
    bounds = [bound for bound in map(parse, texts) if bound is not None]

    def ordered(value: str, context: Keys) -> bool:
        number = parse(value)
        return number is not None and any(compare(number, bound) for bound in bounds)

    return ordered


def _patterns(operator: str, wanted: list[list[tuple[str, bool]]]) -> Test:
    if not wanted:
        return lambda value, context: False
    make = string_pattern if operator == "stringlike" else arn_pattern
    match = _compiled("|".join(f"(?:{make(pieces)})" for pieces in wanted), re.S).fullmatch
    if operator == "stringlike":
        return lambda value, context: match(value) is not None
    return lambda value, context: value.count(":") >= 5 and match(value) is not None


def arn_pattern(pieces: Pieces) -> str:
    """ARN operators look at each of the six parts by itself."""
    pieces = list(pieces)
    text = "".join(text for text, _ in pieces)
    if text == "*":
        return ".*"
    return arn_glob(pieces) if text.count(":") >= 5 else "(?!)"


def _networks(texts: list[str]) -> Test:
    networks = []
    for text in texts:
        try:
            networks.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            continue

    def within(value: str, context: Keys) -> bool:
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return False
        return any(address in network for network in networks)

    return within


def _binary(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _instant(text: str) -> float | None:
    """Epoch seconds of an ISO 8601 date, or of a number of seconds."""
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else moment.replace(tzinfo=UTC).timestamp()
