"""SELECT statements: the key conditions found in WHERE decide between one item, a query and a scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from haneul.kit import tokens
from haneul.service import Call
from haneul.services.dynamodb import keyconditions, throttle
from haneul.services.dynamodb.capacity import Bill, meter_read, read_units
from haneul.services.dynamodb.errors import invalid, invalid_parameter
from haneul.services.dynamodb.keyconditions import KeyCondition, KeyConditions, Span
from haneul.services.dynamodb.names import resolve
from haneul.services.dynamodb.plane import conditions, projections, records
from haneul.services.dynamodb.plane.binding import Unbound
from haneul.services.dynamodb.plane.partiql import Statement
from haneul.services.dynamodb.plane.syntax import Between, Both, Compare, Condition, In, Literal, Path
from haneul.services.dynamodb.plane.syntax import Call as Function
from haneul.services.dynamodb.plane.values import Item, Value
from haneul.services.dynamodb.queries import Reading
from haneul.services.dynamodb.schemas import NO_INDEX, IndexSchema, Schema
from haneul.state.store import Reader

_OPERATORS = {"=": "EQ", "<": "LT", "<=": "LE", ">": "GT", ">=": "GE"}
_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def conjuncts(where: Condition | None) -> list[Condition]:
    """The conditions that must all hold."""
    if where is None:
        return []
    if isinstance(where, Both) and where.operator == "AND":
        return [part for each in where.conditions for part in conjuncts(each)]
    return [where]


def join(parts: Sequence[Condition]) -> Condition | None:
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else Both("AND", tuple(parts))


def _key_condition(part: Condition) -> tuple[str, KeyCondition] | None:
    """A conjunct as a comparison of a top-level attribute with a value, if it is one."""
    if isinstance(part, Compare) and part.operator in _OPERATORS:
        left, right, operator = part.left, part.right, part.operator
        if isinstance(left, Literal):
            left, right, operator = right, left, _MIRRORED[operator]
        if isinstance(left, Path) and len(left.parts) == 1 and isinstance(right, Literal):
            return str(left.parts[0]), KeyCondition(_OPERATORS[operator], (right.value,))
    if isinstance(part, Between) and isinstance(part.low, Literal) and isinstance(part.high, Literal):
        if isinstance(part.value, Path) and len(part.value.parts) == 1:
            return str(part.value.parts[0]), KeyCondition("BETWEEN", (part.low.value, part.high.value))
        return None
    if isinstance(part, Function) and part.name == "begins_with" and len(part.args) == 2:
        first, second = part.args
        if isinstance(first, Path) and len(first.parts) == 1 and isinstance(second, Literal):
            return str(first.parts[0]), KeyCondition("BEGINS_WITH", (second.value,))
    return None


def key_equalities(schema: Schema, parts: Sequence[Condition]) -> tuple[Item, list[Condition]]:
    """(the primary key that the conjuncts fix, the other conjuncts)."""
    key: Item = {}
    rest = []
    for part in parts:
        found = _key_condition(part)
        if found is not None and found[1].operator == "EQ" and found[0] in schema.key_names and found[0] not in key:
            key[found[0]] = found[1].values[0]
        else:
            rest.append(part)
    return key, rest


def one(
    call: Call, statement: Statement, consistent: bool, within: str, tx: Reader | None = None
) -> tuple[Item | None, Bill]:
    """The one item a SELECT of a batch or transaction names. Raises ValidationException."""
    if tx is None:
        with call.read() as own:
            return one(call, statement, consistent, within, own)
    schema = resolve(call, tx, statement.table)
    key, rest = key_equalities(schema, conjuncts(statement.where))
    if len(key) != len(schema.key_names) or statement.index_name is not None:
        raise invalid(f"Select statements within {within} must specify the primary key in the where clause.")
    place = schema.key(key)
    value = tx.get(schema.base + place)
    bill = Bill(schema.name)
    bill.table = read_units(0 if value is None else records.size(value), consistent)
    meter_read(call, bill.total)
    if value is None:
        return None, bill
    item: Item = orjson.loads(records.json_of(tx, schema.pieces, place, value))
    tree = join(rest)
    if tree is not None and not conditions.bind_tree(tree, Unbound(), "").test(item):
        return None, bill
    if statement.paths is not None:
        item = projections.project(item, projections.tree(statement.paths))
    return item, bill


def select(call: Call, statement: Statement, request: Mapping[str, Any]) -> dict[str, Any]:
    """A SELECT on its own: a page of what it finds. Raises ResourceNotFoundException, ValidationException."""
    limit = request.get("Limit")
    consistent = bool(request.get("ConsistentRead"))
    token = request.get("NextToken")
    if statement.where is not None:  # what is wrong with it in itself comes before the table
        conditions.bind_tree(statement.where, Unbound(), "")
    with call.read() as tx:
        schema = resolve(call, tx, statement.table)
        index = None
        if statement.index_name is not None:
            if all(each.name != statement.index_name for each in schema.indexes):
                raise invalid(NO_INDEX)
            index = schema.index(statement.index_name)
            if consistent and not index.local:
                raise invalid("Strongly consistent read is not supported on Global Secondary Indexes")
        throttle.admit(call, schema, "read", statement.index_name)
        spans, rest, reverse = _plan(schema, index, statement)
        reading = _reading(statement, rest, consistent)
        if index is not None:
            _check_projected(index, reading)
        reading.settle(schema)
        at, after = _opened(token)
        while at < len(spans):
            span = spans[at]
            if after is not None:
                span = Span(span.start, after) if reverse else Span(after + b"\x00", span.end)
                after = None
            left = None if limit is None else limit - reading.scanned
            part = _reading(statement, rest, consistent)
            part.settle(schema)
            part.pages(tx, schema, span, {"Limit": left, "ScanIndexForward": not reverse})
            _merge(reading, part)
            if part.last is not None:
                after = keyconditions.start_key(_last_key(part, schema), schema, index)
                break
            at += 1
    output = reading.answer(call, schema, request)
    del output["Count"], output["ScannedCount"]
    if after is not None:
        output["NextToken"] = tokens.seal_page(at, after.hex())
    return output


def _check_projected(index: IndexSchema, reading: Reading) -> None:
    """An index filters by what it holds; a local one fetches the columns that it doesn't hold, a global one can't."""
    if index.all:
        return
    missing = [str(path[0]) for path in reading.filter_paths if path[0] not in index.projected]
    if missing:
        raise invalid_parameter(
            f"Secondary index {index.name} does not project one or more filter attributes: "
            f"[{', '.join(dict.fromkeys(missing))}]"
        )
    missing = [str(path[0]) for path in reading.paths or () if path[0] not in index.projected]
    if missing and not index.local:
        raise invalid_parameter(
            f"Global secondary index {index.name} does not project [{', '.join(dict.fromkeys(missing))}]"
        )


def _last_key(part: Reading, schema: Schema) -> dict[str, Value]:
    assert part.last is not None
    names = schema.key_names if part.index is None else part.index.key_names
    return {name: part.last[name] for name in names}


def _opened(token: str | None) -> tuple[int, bytes | None]:
    if token is None:
        return 0, None
    opened = tokens.open_page(token)
    if opened is None or len(opened) != 2:
        raise invalid("Invalid NextToken")
    try:
        return int(opened[0]), bytes.fromhex(str(opened[1]))
    except ValueError:
        raise invalid("Invalid NextToken") from None


def _merge(into: Reading, part: Reading) -> None:
    into.items += part.items
    into.count += part.count
    into.scanned += part.scanned
    into.bytes += part.bytes
    into.fetched += part.fetched
    into.last = part.last


def _reading(statement: Statement, rest: Sequence[Condition], consistent: bool) -> Reading:
    request: dict[str, Any] = {"ConsistentRead": consistent}
    if statement.index_name is not None:
        request["IndexName"] = statement.index_name
    reading = Reading(request, Unbound(), "QueryFilter")
    tree = join(rest)
    if tree is not None:
        bound = conditions.bind_tree(tree, Unbound(), "")
        reading.test, reading.filter_paths = bound.test, bound.paths
    if statement.paths is not None:
        reading.paths = list(statement.paths)
        reading.select = "SPECIFIC_ATTRIBUTES"
    return reading


def _plan(schema: Schema, index: IndexSchema | None, statement: Statement) -> tuple[list[Span], list[Condition], bool]:
    """(spans to read one after the other, what is left to filter by, backwards)."""
    hashes = [schema.hash] if index is None else [name for name, _ in index.hashes]
    ranges = ([schema.range] if schema.range else []) if index is None else [name for name, _ in index.ranges]
    parts = conjuncts(statement.where)
    found: KeyConditions = {}
    rest: list[Condition] = []
    choices: list[Value] = []
    for part in parts:
        condition = _key_condition(part)
        if condition is not None and condition[0] not in found and _usable(condition, hashes, ranges):
            found[condition[0]] = condition[1]
        elif isinstance(part, In) and _is_choice(part, hashes) and not choices:
            choices = [choice.value for choice in part.choices if isinstance(choice, Literal)]
        else:
            rest.append(part)
    reverse = _reverse(statement, hashes, ranges, found, bool(choices))
    if choices and hashes[0] not in found:
        spans = []
        for choice in choices:
            each = {**found, hashes[0]: KeyCondition("EQ", (choice,))}
            spans.append(keyconditions.span(_leading(each, hashes, ranges, rest), schema, index))
        return spans, _dedupe(rest), reverse
    if all(name in found for name in hashes):
        return [keyconditions.span(_leading(found, hashes, ranges, rest), schema, index)], _dedupe(rest), reverse
    prefix = schema.base if index is None else index.prefix
    return [Span(prefix, prefix + b"\xff" * 9)], parts, reverse


def _dedupe(parts: list[Condition]) -> list[Condition]:
    return [part for number, part in enumerate(parts) if part not in parts[:number]]


def _usable(condition: tuple[str, KeyCondition], hashes: list[str], ranges: list[str]) -> bool:
    name, told = condition
    return name in ranges or (name in hashes and told.operator == "EQ")


def _is_choice(part: In, hashes: list[str]) -> bool:
    return (
        len(hashes) == 1
        and isinstance(part.value, Path)
        and part.value.parts == (hashes[0],)
        and all(isinstance(choice, Literal) for choice in part.choices)
    )


def _leading(found: KeyConditions, hashes: list[str], ranges: list[str], rest: list[Condition]) -> KeyConditions:
    """The conditions a range of the store can express; the others join the filter."""
    kept = {name: found[name] for name in hashes}
    for number, name in enumerate(ranges):
        condition = found.get(name)
        if condition is None or (number and kept.get(ranges[number - 1], KeyCondition("", ())).operator != "EQ"):
            rest += [_as_tree(other, found[other]) for other in ranges[number:] if other in found and other not in kept]
            break
        kept[name] = condition
    return kept


def _as_tree(name: str, condition: KeyCondition) -> Condition:
    path = Path((name,))
    literals = [Literal(value) for value in condition.values]
    if condition.operator == "BETWEEN":
        return Between(path, literals[0], literals[1])
    if condition.operator == "BEGINS_WITH":
        return Function("begins_with", (path, literals[0]))
    symbol = next(symbol for symbol, operator in _OPERATORS.items() if operator == condition.operator)
    return Compare(symbol, path, literals[0])


def _reverse(statement: Statement, hashes: list[str], ranges: list[str], found: KeyConditions, choices: bool) -> bool:
    if not statement.order:
        return False
    if statement.where is None:
        raise invalid("Must have WHERE clause in the statement when using ORDER BY clause.")
    if not choices and not all(name in found for name in hashes):
        raise invalid(
            "Must have at least one non-optional hash key condition in WHERE clause when using ORDER BY clause."
        )
    for name, _ in statement.order:
        if name not in hashes and name not in ranges:
            raise invalid(f"Variable reference {name} in ORDER BY clause must be part of the primary key")
    return any(descending for name, descending in statement.order if name in ranges) or (
        len(statement.order) == 1 and statement.order[0][1]
    )
