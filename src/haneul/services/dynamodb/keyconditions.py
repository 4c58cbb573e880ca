"""Key conditions: what a Query says of a table's or an index's keys, and the range of the store that means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from haneul.services.dynamodb.errors import Layered, errors, invalid, invalid_parameter
from haneul.services.dynamodb.plane import conditions, keys, legacy, values
from haneul.services.dynamodb.plane.binding import Binding
from haneul.services.dynamodb.plane.syntax import Between, Both, Call, Compare, Condition, In, Not, Operand, Path, Ref
from haneul.services.dynamodb.plane.values import Value
from haneul.services.dynamodb.schemas import IndexSchema, Schema
from haneul.wire.errors import AwsError

EXPRESSION = "KeyConditionExpression"
_OPERATORS = {"=": "EQ", "<": "LT", "<=": "LE", ">": "GT", ">=": "GE"}
_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_INDEXABLE = frozenset({"EQ", "LT", "LE", "GT", "GE", "BETWEEN", "BEGINS_WITH"})


class KeyCondition(NamedTuple):
    """A comparison of one key attribute: EQ, LT, LE, GT, GE, BETWEEN or BEGINS_WITH."""

    operator: str
    values: tuple[Value, ...]


KeyConditions = dict[str, KeyCondition]


def parsed(request: Mapping[str, Any], bound: Binding) -> Condition | None:
    """KeyConditionExpression as a tree, its placeholders bound: what AWS looks at before it asks what the tree says.
    Raises ValidationException."""
    text = request.get("KeyConditionExpression")
    if text is None:
        return None
    tree = conditions.parse(text, EXPRESSION)
    conditions.bind_tree(tree, bound, EXPRESSION)
    return tree


def key_conditions(request: Mapping[str, Any], bound: Binding, tree: Condition | None) -> KeyConditions:
    """KeyConditionExpression (as `parsed` gave it) or KeyConditions. Raises ValidationException."""
    if tree is not None:
        found: KeyConditions = {}
        _collect(tree, bound, found)
        return found
    old = request.get("KeyConditions")
    if old is None:
        raise invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
    told: KeyConditions = {}
    for name, condition in old.items():
        arguments = condition.get("AttributeValueList") or []
        legacy.check_condition(name, condition["ComparisonOperator"], arguments)
        told[name] = KeyCondition(condition["ComparisonOperator"], tuple(arguments))
    return told


def equalities(request: Mapping[str, Any]) -> dict[str, Value]:
    """Attributes that the request's key condition fixes to one value."""
    bound = Binding(request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues"))
    found = key_conditions(request, bound, parsed(request, bound))
    return {name: each.values[0] for name, each in found.items() if each.operator == "EQ"}


def _collect(node: Condition, bound: Binding, into: KeyConditions) -> None:
    match node:
        case Both("AND", parts):
            for part in parts:
                _collect(part, bound, into)
        case Both():
            raise invalid(f"Invalid operator used in {EXPRESSION}: OR")
        case Not():
            raise invalid(f"Invalid operator used in {EXPRESSION}: NOT")
        case In():
            raise invalid(f"Invalid operator used in {EXPRESSION}: IN")
        case Compare("<>", _, _):
            raise invalid(f"Invalid operator used in {EXPRESSION}: <>")
        case Compare(operator, left, right):
            _check_sides((left, right))
            if not isinstance(left, Path):
                left, right, operator = right, left, _MIRRORED[operator]
            _add(into, bound, left, _OPERATORS[operator], (right,))
        case Between(value, low, high):
            _check_sides((value, low, high))
            if not isinstance(value, Path):
                raise _not_first("BETWEEN")
            _add(into, bound, value, "BETWEEN", (low, high))
        case Call("begins_with", (first, second)):
            _check_sides((first, second))
            if not isinstance(first, Path):
                raise _not_first("begins_with")
            _add(into, bound, first, "BEGINS_WITH", (second,))
        case Call(name, _):
            raise invalid(f"Invalid operator used in {EXPRESSION}: {name}")


def _not_first(operator: str) -> Exception:
    return invalid(
        f"Invalid condition in {EXPRESSION}: {operator} operator must have the key attribute as its first operand"
    )


def _check_sides(operands: tuple[Operand, ...]) -> None:
    """One attribute at the most, and nothing but values beside it."""
    if any(isinstance(operand, Call) for operand in operands):
        raise invalid("KeyConditionExpressions cannot contain nested operations")
    paths = sum(isinstance(operand, Path) for operand in operands)
    if paths > 1:
        raise invalid(
            f"Invalid {EXPRESSION}: Invalid condition in {EXPRESSION}: Multiple attribute names used in one condition"
        )
    if not paths:
        raise invalid(f"Invalid condition in {EXPRESSION}: No key attribute specified")


def _add(into: KeyConditions, bound: Binding, path: Operand, operator: str, operands: tuple[Operand, ...]) -> None:
    assert isinstance(path, Path)
    parts = bound.resolve(path, EXPRESSION)
    if len(parts) > 1:
        raise invalid("KeyConditionExpressions cannot have conditions on nested attributes")
    name = str(parts[0])
    if name in into:
        raise invalid(f"Invalid {EXPRESSION}: KeyConditionExpressions must only contain one condition per key")
    found = []
    for operand in operands:
        assert isinstance(operand, Ref)
        found.append(bound.value(operand.name, EXPRESSION))
    into[name] = KeyCondition(operator, tuple(found))


class Span(NamedTuple):
    """A range of the store: [start, end), with the prefix in front."""

    start: bytes
    end: bytes


def span(found: KeyConditions, schema: Schema, index: IndexSchema | None) -> Span:
    """The range of the store that holds what the conditions admit. Raises ValidationException."""
    if index is None:
        hashes = [(schema.hash, schema.hash_type)]
        ranges = [(schema.range, schema.range_type)] if schema.range and schema.range_type else []
        prefix = schema.base
    else:
        hashes, ranges, prefix = index.hashes, index.ranges, index.prefix
    _check(found, hashes, ranges)
    parts = [_raw(name, kind, found[name].values[0], hashed=True) for name, kind in hashes]
    start = prefix + keys.partition(*parts)
    for name, kind in ranges:
        condition = found.get(name)
        if condition is None:
            break
        if condition.operator != "EQ":
            return _bounds(start, kind, condition.operator, [_raw(name, kind, v) for v in condition.values])
        start += keys.ordered(kind, _raw(name, kind, condition.values[0]))
    return Span(start, keys.successor(start))


def _bounds(start: bytes, kind: str, operator: str, raws: list[bytes]) -> Span:
    if operator == "BEGINS_WITH":
        opening = start + keys.opening(raws[0])
        return Span(opening, keys.successor(opening))
    first = start + keys.ordered(kind, raws[0])
    if operator == "LT":
        return Span(start, first)
    if operator == "LE":
        return Span(start, keys.successor(first))
    if operator == "GT":
        return Span(keys.successor(first), keys.successor(start))
    if operator == "GE":
        return Span(first, keys.successor(start))
    return Span(first, keys.successor(start + keys.ordered(kind, raws[1])))


def _check(found: KeyConditions, hashes: list[tuple[str, str]], ranges: list[tuple[str, str]]) -> None:
    simple = len(hashes) == 1 and len(ranges) <= 1
    if simple and len(found) not in (1, 2):
        if not found:
            raise invalid("Conditions can be of length 1 or 2 only")
        count = len(hashes) + len(ranges)
        raise invalid(
            f"The number of query conditions ({len(found)}) exceeds the number of key attributes defined in the schema "
            f"({count})"
        )
    if not ranges and len(hashes) == 1 and len(found) > 1:
        raise invalid("Query key condition not supported")
    for name, _ in hashes:
        if name not in found:
            raise _missed(name)
    taken = len(hashes)
    for number, (name, _) in enumerate(ranges):
        if name in found:
            taken += 1
            later = [other for other, _ in ranges[number + 1 :] if other in found]
            if later and found[name].operator != "EQ":
                raise invalid("Query key condition not supported")
        elif len(found) > taken:
            raise _missed(name)
    if len(found) > taken:
        raise invalid("Query key condition not supported")
    for name, kind in (*hashes, *ranges):
        condition = found.get(name)
        if condition is None:
            continue
        if condition.operator not in _INDEXABLE:
            raise invalid("Attempted conditional constraint is not an indexable operation")
        if any(kind not in value for value in condition.values):
            raise invalid_parameter("Condition parameter type does not match schema type")
        if condition.operator != "EQ" and any(name == hashed for hashed, _ in hashes):
            raise invalid("Query key condition not supported")


def _missed(name: str) -> Exception:
    return invalid(f"Query condition missed key schema element: {name}")


def _raw(name: str, kind: str, value: Value, hashed: bool = False) -> bytes:
    raw = keys.raw(kind, value[kind])
    if kind != "N":
        if not raw:
            raise errors.ValidationException(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
                f"empty {'string' if kind == 'S' else 'binary'} value. Key: {name}"
            )
        if hashed and len(raw) > 2048:
            raise invalid_parameter("Size of hashkey has exceeded the maximum size limit of2048 bytes")
        if not hashed and len(raw) > 1024:
            raise invalid_parameter("Aggregated size of all range keys has exceeded the size limit of 1024 bytes")
    return raw


_STARTING = "The provided starting key is invalid"


def start_key(key: Mapping[str, Any], schema: Schema, index: IndexSchema | None, wrong: str = "") -> bytes:
    """Where an ExclusiveStartKey lies, prefix included; `wrong` is what Scan says first. Raises ValidationException."""
    names = schema.key_names if index is None else index.key_names
    for value in key.values():
        try:
            values.check_value(value)
        except AwsError as error:
            if error.code != "ValidationException":
                raise
            raise invalid(f"{wrong}{error.older if wrong and isinstance(error, Layered) else error.message}") from None
    if len(key) != len(names) or any(name not in key for name in names):
        raise invalid(f"{wrong}The provided key element does not match the schema" if wrong else _STARTING)
    try:
        base = schema.key({name: key[name] for name in schema.key_names})
    except AwsError as error:
        raise invalid(f"The provided starting key is invalid: {error.message}") from None
    if index is None:
        return schema.base + base
    found = index.key(key, base)
    if found is None:
        raise invalid("The provided starting key is invalid: The provided key element does not match the schema")
    return index.prefix + found
