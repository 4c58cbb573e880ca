"""The parameters from before expressions: Expected, AttributeUpdates, KeyConditions, QueryFilter and ScanFilter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haneul.services.dynamodb.errors import invalid, invalid_parameter
from haneul.services.dynamodb.plane import numbers, values
from haneul.services.dynamodb.plane.conditions import Test
from haneul.services.dynamodb.plane.values import Item, Value

_SCALARS = ("S", "N", "B")
_SETS = ("SS", "NS", "BS")
_COUNTS = {
    "NULL": 0,
    "NOT_NULL": 0,
    "EQ": 1,
    "NE": 1,
    "LE": 1,
    "LT": 1,
    "GE": 1,
    "GT": 1,
    "CONTAINS": 1,
    "NOT_CONTAINS": 1,
    "BEGINS_WITH": 1,
    "BETWEEN": 2,
}
_TYPES = {
    "LE": _SCALARS,
    "LT": _SCALARS,
    "GE": _SCALARS,
    "GT": _SCALARS,
    "BETWEEN": _SCALARS,
    "IN": _SCALARS,
    "CONTAINS": _SCALARS,
    "NOT_CONTAINS": _SCALARS,
    "BEGINS_WITH": ("S", "B"),
}
_MISMATCH = "Type mismatch for attribute to update"


def check_mixture(request: Mapping[str, Any], expressions: Sequence[str], legacy: Sequence[str]) -> None:
    """Old parameters and expressions don't mix, and placeholders need an expression. Raises ValidationException."""
    present = [name for name in expressions if request.get(name) is not None]
    if present:
        old = [name for name in legacy if request.get(name) is not None]
        if old:
            raise invalid(
                "Can not use both expression and non-expression parameters in the same request: "
                f"Non-expression parameters: {{{', '.join(old)}}} Expression parameters: {{{', '.join(present)}}}"
            )
    if request.get("ExpressionAttributeNames") is not None and not present:
        raise invalid("ExpressionAttributeNames can only be specified when using expressions")
    if request.get("ExpressionAttributeValues") is not None:
        able = [name for name in expressions if name != "ProjectionExpression"]
        if able and not any(request.get(name) is not None for name in able):
            told = "ExpressionAttributeValues can only be specified when using expressions"
            raise invalid(told if len(able) == 1 else f"{told}: {' and '.join(able)} are null")


def check_condition(name: str, operator: str, arguments: Sequence[Value]) -> None:
    """Number and types of a comparison's arguments. Raises ValidationException."""
    for argument in arguments:
        values.check_value(argument)
    wanted = _COUNTS.get(operator)
    if (wanted is not None and len(arguments) != wanted) or (wanted is None and not arguments):
        raise invalid_parameter(f"Invalid number of argument(s) for the {operator} ComparisonOperator")
    kinds = [values.kind_of(argument) for argument in arguments]
    allowed = _TYPES.get(operator)
    if allowed is not None:
        for kind in kinds:
            if kind not in allowed:
                raise invalid_parameter(f"ComparisonOperator {operator} is not valid for {kind} AttributeValue type")
    if len(set(kinds)) > 1:
        raise invalid_parameter("AttributeValues inside AttributeValueList must be of same type")
    if operator == "BETWEEN":
        low, high = values.order(arguments[0]), values.order(arguments[1])
        assert low is not None and high is not None
        if low[1] > high[1]:
            raise invalid(
                "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
            )


def filters(conditions: Mapping[str, Any], operator: str | None) -> Test:
    """QueryFilter or ScanFilter as one test. Raises ValidationException."""
    tests = []
    for name, condition in conditions.items():
        arguments = condition.get("AttributeValueList") or []
        check_condition(name, condition["ComparisonOperator"], arguments)
        tests.append(_test(name, condition["ComparisonOperator"], arguments))
    return _combined(tests, operator)


def expected(conditions: Mapping[str, Any], operator: str | None) -> Test:
    """Expected as one test. Raises ValidationException."""
    tests = []
    for name, condition in conditions.items():
        comparison, arguments = _expectation(name, condition)
        tests.append(_test(name, comparison, arguments))
    return _combined(tests, operator)


def _expectation(name: str, condition: Mapping[str, Any]) -> tuple[str, list[Value]]:
    comparison = condition.get("ComparisonOperator")
    listed, value, exists = condition.get("AttributeValueList"), condition.get("Value"), condition.get("Exists")
    if listed is not None and value is not None:
        raise invalid_parameter(f"Value and AttributeValueList cannot be used together for Attribute: {name}")
    if comparison is not None:
        if exists is not None:
            raise invalid_parameter(f"Exists and ComparisonOperator cannot be used together for Attribute: {name}")
        if comparison not in ("NULL", "NOT_NULL") and listed is None and value is None:
            raise invalid_parameter(
                f"Value or AttributeValueList must be used with ComparisonOperator: {comparison} for Attribute: {name}"
            )
        arguments = list(listed) if listed is not None else [value] if value is not None else []
        check_condition(name, comparison, arguments)
        return comparison, arguments
    if listed is not None:
        raise invalid_parameter(f"AttributeValueList can only be used with a ComparisonOperator for Attribute: {name}")
    if exists is False:
        if value is not None:
            raise invalid_parameter(f"Value cannot be used when Exists is false for Attribute: {name}")
        return "NULL", []
    if value is None:
        told = "null" if exists is None else "true"
        raise invalid_parameter(f"Value must be provided when Exists is {told} for Attribute: {name}")
    values.check_value(value)
    return "EQ", [value]


def _combined(tests: list[Test], operator: str | None) -> Test:
    if operator == "OR":
        return lambda item: any(test(item) for test in tests)
    if len(tests) == 1:
        return tests[0]
    return lambda item: all(test(item) for test in tests)


def _test(name: str, operator: str, arguments: Sequence[Value]) -> Test:
    def test(item: Item) -> bool:
        return _holds(item.get(name), operator, arguments)

    return test


def _holds(value: Value | None, operator: str, arguments: Sequence[Value]) -> bool:
    if operator == "NULL":
        return value is None
    if operator == "NOT_NULL":
        return value is not None
    first = arguments[0]
    if value is None:
        return operator == "NE"
    if operator == "EQ":
        return values.equal(value, first)
    if operator == "NE":
        return not values.equal(value, first)
    if operator == "IN":
        return any(values.equal(value, argument) for argument in arguments)
    if operator == "CONTAINS":
        return values.contains(value, first)
    if operator == "NOT_CONTAINS":
        return not values.contains(value, first)
    if operator == "BEGINS_WITH":
        return values.begins_with(value, first)
    return _compares(value, operator, arguments)


def _compares(value: Value, operator: str, arguments: Sequence[Value]) -> bool:
    mine, first = values.order(value), values.order(arguments[0])
    if mine is None or first is None or mine[0] != first[0]:
        return False
    if operator == "LT":
        return bool(mine[1] < first[1])
    if operator == "LE":
        return bool(mine[1] <= first[1])
    if operator == "GT":
        return bool(mine[1] > first[1])
    if operator == "GE":
        return bool(mine[1] >= first[1])
    last = values.order(arguments[1])
    return last is not None and bool(first[1] <= mine[1] <= last[1])


def check_updates(updates: Mapping[str, Any]) -> None:
    """Validate AttributeUpdates. Raises ValidationException."""
    for name, update in updates.items():
        value, action = update.get("Value"), update.get("Action", "PUT")
        if len(name.encode()) > values.NAME_LIMIT:
            raise invalid_parameter(f"Attribute name is too large, must be less than {values.NAME_LIMIT + 1} bytes")
        if value is not None:
            values.check_value(value)
        elif action != "DELETE":
            raise invalid_parameter("Only DELETE action is allowed when no attribute value is specified")
        if value is None:
            continue
        kind = values.kind_of(value)
        if action == "DELETE" and kind not in _SETS:
            raise invalid_parameter(f"DELETE action with value is not supported for the type {kind}")
        if action == "ADD" and kind not in (*_SETS, "N", "L"):
            raise invalid_parameter(f"ADD action is not supported for the type {kind}")


def apply(updates: Mapping[str, Any], item: Item) -> None:
    """Change the item as validated AttributeUpdates say. Raises ValidationException."""
    for name, update in updates.items():
        value, action = update.get("Value"), update.get("Action", "PUT")
        if value is None:
            item.pop(name, None)
        elif action == "PUT":
            item[name] = value
        else:
            _combine(item, name, action, value)


def _combine(item: Item, name: str, action: str, value: Value) -> None:
    kind = values.kind_of(value)
    existing = item.get(name)
    if existing is not None and kind not in existing:
        raise invalid(_MISMATCH)
    if action == "DELETE":
        if existing is None:
            return
        gone = set(value[kind])
        left = [member for member in existing[kind] if member not in gone]
        if left:
            item[name] = {kind: left}
        else:
            del item[name]
    elif existing is None:
        item[name] = value
    elif kind == "N":
        item[name] = {"N": numbers.add(existing["N"], value["N"])}
    elif kind == "L":
        item[name] = {"L": existing["L"] + value["L"]}
    else:
        present = set(existing[kind])
        item[name] = {kind: existing[kind] + [member for member in value[kind] if member not in present]}
