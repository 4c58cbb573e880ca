"""Event patterns, compiled once: what EventBridge's rules, SNS's filter policies and event source filters share.

    matches = compile_pattern({"detail": {"state": ["running", {"prefix": "stop"}]}})
    matches({"detail": {"state": "stopped"}})        # True

A pattern names fields; each has a list of conditions of which one must hold. An array in the event holds when one
of its elements does, and fields of one pattern object must hold in one and the same element. Raises PatternError.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Test = Callable[[Any], bool]
_MISSING = object()
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
NUMBER_LIMIT = 5e9


class PatternError(Exception):
    """A pattern that no service takes; the message says why, in the words of AWS's own parser."""


def compile_pattern(pattern: Any) -> Test:
    """A test of events (parsed JSON) for this pattern."""
    if not isinstance(pattern, Mapping):
        raise PatternError("Filter is not an object")
    if not pattern:
        raise PatternError("Empty patterns are not allowed")
    return _object(pattern, "")


def _object(pattern: Mapping[str, Any], path: str) -> Test:
    tests: list[Test] = []
    for name, wanted in pattern.items():
        where = f"{path}.{name}" if path else name
        if name == "$or" and isinstance(wanted, Sequence) and not isinstance(wanted, str) and _is_or(wanted):
            choices = [_object(choice, path) for choice in wanted]
            tests.append(lambda event, choices=choices: any(choice(event) for choice in choices))  # type: ignore[misc]
        elif isinstance(wanted, Mapping):
            if not wanted:
                raise PatternError("Empty objects are not allowed")
            tests.append(_nested(name, _object(wanted, where)))
        elif isinstance(wanted, list):
            tests.append(_leaf(name, wanted, where))
        else:
            raise PatternError(f'"{name}" must be an object or an array')
    if len(tests) == 1:
        return tests[0]
    return lambda event: all(test(event) for test in tests)


def _is_or(choices: Sequence[Any]) -> bool:
    return len(choices) >= 2 and all(isinstance(choice, Mapping) and choice for choice in choices)


def _nested(name: str, test: Test) -> Test:
    empty: dict[str, Any] = {}

    def nested(event: Any) -> bool:
        value = event.get(name, _MISSING) if isinstance(event, Mapping) else _MISSING
        if isinstance(value, Mapping):
            return test(value)
        if isinstance(value, list):
            return any(test(item) for item in _flat(value) if isinstance(item, Mapping))
        return test(empty)  # only {"exists": false} can hold below what isn't there

    return nested


def _flat(values: list[Any]) -> list[Any]:
    if not any(isinstance(value, list) for value in values):
        return values
    flat: list[Any] = []
    for value in values:
        flat += _flat(value) if isinstance(value, list) else [value]
    return flat


def _leaf(name: str, conditions: list[Any], path: str) -> Test:
    if not conditions:
        raise PatternError("Empty arrays are not allowed")
    exact: set[Any] = set()
    tests: list[Test] = []
    absent = present = False
    for condition in conditions:
        if isinstance(condition, list):
            raise PatternError("Match value must be String, number, true, false, or null")
        if not isinstance(condition, Mapping):
            exact.add(_key(condition))
            continue
        if len(condition) != 1:
            raise PatternError("Only one key allowed in match expression")
        kind, operand = next(iter(condition.items()))
        if kind == "exists":
            if not isinstance(operand, bool):
                raise PatternError("exists match pattern must be either true or false.")
            absent, present = absent or not operand, present or operand
        else:
            tests.append(_condition(kind, operand))

    def holds(value: Any) -> bool:
        return _key(value) in exact or any(test(value) for test in tests)

    def leaf(event: Any) -> bool:
        value = event.get(name, _MISSING) if isinstance(event, Mapping) else _MISSING
        if value is _MISSING:
            return absent
        if isinstance(value, list):
            items = [item for item in _flat(value) if not isinstance(item, Mapping)]
            if not items:
                return present and not value
            return present or any(holds(item) for item in items)
        if isinstance(value, Mapping):
            return False
        return present or holds(value)

    return leaf


def _key(value: Any) -> Any:
    """A value as something that compares as JSON does: true is not 1, and 1 is 1.0."""
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, int | float):
        return float(value) if isinstance(value, int) and abs(value) < 1 << 53 else value
    return value


def _condition(kind: str, operand: Any) -> Test:
    make = _KINDS.get(kind)
    if make is None:
        raise PatternError(f"Unrecognized match type {kind}")
    return make(operand)


def _text(test: Callable[[str], bool]) -> Test:
    return lambda value: isinstance(value, str) and test(value)


def _affix(kind: str, operand: Any) -> Test:
    if isinstance(operand, Mapping):
        if list(operand) != ["equals-ignore-case"] or not isinstance(operand["equals-ignore-case"], str):
            raise PatternError(f"Unsupported {kind} pattern: {next(iter(operand), '')}")
        folded = operand["equals-ignore-case"].lower()
        if kind == "prefix":
            return _text(lambda value: value.lower().startswith(folded))
        return _text(lambda value: value.lower().endswith(folded))
    if not isinstance(operand, str):
        raise PatternError(f"{kind} match pattern must be a string")
    if kind == "prefix":
        return _text(lambda value: value.startswith(operand))
    return _text(lambda value: value.endswith(operand))


def _ignore_case(operand: Any) -> Test:
    if not isinstance(operand, str):
        raise PatternError("equals-ignore-case match pattern must be a string")
    folded = operand.lower()
    return _text(lambda value: value.lower() == folded)


def _wildcard(operand: Any) -> Test:
    if not isinstance(operand, str):
        raise PatternError("wildcard match pattern must be a string")
    if "**" in operand:
        raise PatternError(f"Consecutive wildcard characters at pos {operand.index('**')}")
    parts, position = [], 0
    while position < len(operand):
        character = operand[position]
        if character == "\\":
            position += 1
            if position == len(operand) or operand[position] not in "*\\":
                raise PatternError(f"Invalid escape character at pos {position - 1}")
            parts.append(re.escape(operand[position]))
        else:
            parts.append(".*" if character == "*" else re.escape(character))
        position += 1
    matcher = re.compile("".join(parts), re.DOTALL)
    return _text(lambda value: matcher.fullmatch(value) is not None)


def _cidr(operand: Any) -> Test:
    try:
        network = ipaddress.ip_network(operand, strict=False)
    except ValueError:
        raise PatternError(f"Malformed CIDR, one '/' required: {operand}") from None

    def inside(value: str) -> bool:
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return _text(inside)


def _numeric(operand: Any) -> Test:
    if not isinstance(operand, list) or not operand:
        raise PatternError(
            "Invalid member in numeric match: ]" if operand == [] else "Value of numeric must be an array."
        )
    if len(operand) not in (2, 4):
        raise PatternError("Value of numeric must be numeric.")
    checks: list[tuple[Callable[[float, float], bool], float]] = []
    for position in range(0, len(operand), 2):
        sign, bound = operand[position], operand[position + 1]
        if sign not in _COMPARE:
            raise PatternError(f"Unrecognized numeric range operator: {sign}")
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            raise PatternError(f"Value of {sign} must be numeric.")
        if abs(bound) > NUMBER_LIMIT:
            raise PatternError("Value must be between -5.0E9 and 5.0E9")
        checks.append((_COMPARE[sign], float(bound)))
    if len(checks) == 2:
        if operand[0] not in (">", ">="):
            raise PatternError("Too many elements in numeric expression")
        if operand[2] not in ("<", "<="):
            raise PatternError(f"Bad numeric range operator: {operand[2]}")
        if operand[1] >= operand[3]:
            raise PatternError("Bottom must be less than top")

    def within(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return all(check(value, bound) for check, bound in checks)

    return within


def _anything_but(operand: Any) -> Test:
    if isinstance(operand, Mapping):
        if len(operand) != 1 or next(iter(operand)) not in ("prefix", "suffix", "equals-ignore-case", "wildcard"):
            raise PatternError(f"Unsupported anything-but pattern: {next(iter(operand), '')}")
        kind, inner = next(iter(operand.items()))
        options = inner if isinstance(inner, list) else [inner]
        if not options or not all(isinstance(option, str) for option in options):
            raise PatternError("Inside anything but/ignore case/prefix/suffix/wildcard list, only strings are allowed")
        if kind in ("prefix", "suffix") and "" in options:
            raise PatternError(f"Null {kind} not allowed")
        tests = [_condition(kind, option) for option in options]
        return lambda value: not any(test(value) for test in tests)
    values = operand if isinstance(operand, list) else [operand]
    if not values:
        raise PatternError("Empty arrays are not allowed")
    if any(isinstance(value, Mapping | list) for value in values):
        raise PatternError("Inside anything but list, start|null|boolean is not supported.")
    known = {_key(value) for value in values}
    return lambda value: _key(value) not in known


_KINDS: dict[str, Callable[[Any], Test]] = {
    "prefix": lambda operand: _affix("prefix", operand),
    "suffix": lambda operand: _affix("suffix", operand),
    "equals-ignore-case": _ignore_case,
    "wildcard": _wildcard,
    "cidr": _cidr,
    "numeric": _numeric,
    "anything-but": _anything_but,
}
