"""Update expressions: parsed once, bound to a request, applied to an item.

All values are computed from the item as it was; then SET, ADD and DELETE act, then REMOVE from the back of
lists, so that every index means the place it had before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from haneul.services.dynamodb.errors import invalid
from haneul.services.dynamodb.plane import numbers, values
from haneul.services.dynamodb.plane.binding import Binding
from haneul.services.dynamodb.plane.conditions import getter
from haneul.services.dynamodb.plane.lexer import Tokens
from haneul.services.dynamodb.plane.projections import Parts, check_overlaps
from haneul.services.dynamodb.plane.syntax import Call, Literal, Operand, Path, Ref, parse_operand, parse_path
from haneul.services.dynamodb.plane.values import Item, Value

EXPRESSION = "UpdateExpression"
_SECTIONS = frozenset({"SET", "REMOVE", "ADD", "DELETE"})
_NAMES = {"S": "STRING", "N": "NUMBER", "B": "BINARY", "NULL": "NULL", "BOOL": "BOOLEAN", "L": "LIST", "M": "MAP"}
_FUNCTIONS = frozenset(
    {
        "if_not_exists",
        "list_append",
        "attribute_exists",
        "attribute_not_exists",
        "attribute_type",
        "begins_with",
        "contains",
        "size",
    }
)
"""All that expressions know; the conditions' are refused here for where they stand, not for their names."""
_MISSING = "The provided expression refers to an attribute that does not exist in the item"
_WRONG_TYPE = "An operand in the update expression has an incorrect data type"
_WRONG_PATH = "The document path provided in the update expression is invalid for update"
Compute = Callable[[Item], Value]


class Sum(NamedTuple):
    """left + right or left - right."""

    operator: str
    left: Operand
    right: Operand


class Clause(NamedTuple):
    """One action: SET path = value, REMOVE path, ADD path value, DELETE path value."""

    action: str
    path: Path
    value: Operand | Sum | None


class Action(NamedTuple):
    """A clause bound to a request. `static` is its value when it does not depend on the item."""

    action: str
    path: Parts
    compute: Compute | None
    static: Value | None
    kind: str | None


@lru_cache(maxsize=4096)
def parse(text: str) -> tuple[Clause, ...]:
    """The clauses of an update expression. Raises ValidationException."""
    tokens = Tokens(text, EXPRESSION)
    clauses: list[Clause] = []
    seen: set[str] = set()
    repeated = None
    while True:
        section = tokens.token.upper
        if tokens.token.kind != "name" or section not in _SECTIONS:
            raise tokens.syntax_error()
        tokens.advance()
        if section in seen:
            repeated = repeated or section
        seen.add(section)
        clauses.append(_clause(tokens, section))
        while tokens.accept(","):
            clauses.append(_clause(tokens, section))
        if tokens.token.kind == "end":
            break
    if repeated:
        raise tokens.error(f'The "{repeated}" section can only be used once in an update expression;')
    return tuple(clauses)


def _clause(tokens: Tokens, section: str) -> Clause:
    path = parse_path(tokens, _SECTIONS)
    if section == "REMOVE":
        return Clause(section, path, None)
    if section == "SET":
        tokens.expect("=")
        return Clause(section, path, _set_value(tokens))
    if tokens.token.kind != "ref":
        raise tokens.syntax_error()
    return Clause(section, path, Ref(tokens.advance().text))


def _set_value(tokens: Tokens) -> Operand | Sum:
    if tokens.accept("("):
        value = _sum(tokens)
        tokens.expect(")")
        if isinstance(value, Sum) or tokens.token.text not in ("+", "-"):
            return value
        left: Operand = value
    else:
        left = parse_operand(tokens, _SECTIONS)
    return _rest_of_sum(tokens, left)


def _sum(tokens: Tokens) -> Operand | Sum:
    return _rest_of_sum(tokens, _operand(tokens))


def _rest_of_sum(tokens: Tokens, left: Operand) -> Operand | Sum:
    if tokens.token.text in ("+", "-"):
        operator = tokens.advance().text
        tokens.count_operator()
        return Sum(operator, left, _operand(tokens))
    return left


def _operand(tokens: Tokens) -> Operand:
    if tokens.accept("("):
        operand = parse_operand(tokens, _SECTIONS)
        tokens.expect(")")
        return operand
    return parse_operand(tokens, _SECTIONS)


def bind(text: str, binding: Binding) -> list[Action]:
    """The actions of an update expression. Raises ValidationException."""
    return bind_clauses(parse(text), binding)


def bind_clauses(clauses: tuple[Clause, ...], binding: Binding) -> list[Action]:
    _check_functions(clauses)
    actions = [_bind_clause(clause, binding) for clause in clauses]
    check_overlaps([action.path for action in actions], EXPRESSION)
    for clause, action in zip(clauses, actions, strict=True):
        _check_types(clause, action, binding)
    return actions


def _error(message: str) -> Exception:
    return invalid(f"Invalid {EXPRESSION}: {message}")


def _check_functions(clauses: tuple[Clause, ...]) -> None:
    """Unknown functions, then those used where they may not be."""
    pending: list[tuple[Any, bool]] = [(clause.value, True) for clause in clauses]
    misused = None
    while pending:
        node, outermost = pending.pop()
        if isinstance(node, Sum):
            pending += [(node.left, True), (node.right, True)]
        elif isinstance(node, Call):
            if node.name not in _FUNCTIONS:
                raise _error(f"Invalid function name; function: {node.name}")
            if node.name != "if_not_exists" and not (outermost and node.name == "list_append"):
                misused = node.name
            pending += [(arg, False) for arg in node.args]
    if misused:
        raise _error(f"The function is not allowed to be used this way in an expression; function: {misused}")


def _bind_clause(clause: Clause, binding: Binding) -> Action:
    path = binding.resolve(clause.path, EXPRESSION)
    if clause.value is None:
        return Action(clause.action, path, None, None, None)
    if isinstance(clause.value, Ref | Literal):
        literal = clause.value
        value = binding.value(literal.name, EXPRESSION) if isinstance(literal, Ref) else literal.value
        return Action(clause.action, path, lambda item: value, value, values.kind_of(value))
    compute = _sum_of(clause.value, binding) if isinstance(clause.value, Sum) else _value_of(clause.value, binding)
    return Action(clause.action, path, compute, None, _static_kind(clause.value, binding))


def _value_of(node: Operand, binding: Binding) -> Compute:
    match node:
        case Ref(name):
            value = binding.value(name, EXPRESSION)
            return lambda item: value
        case Literal(content):
            return lambda item: content
        case Path():
            find = getter(binding.resolve(node, EXPRESSION))

            def read(item: Item) -> Value:
                found = find(item)
                if found is None:
                    raise invalid(_MISSING)
                return found

            return read
        case Call("if_not_exists", args):
            return _if_not_exists(args, binding)
        case Call(_, args):
            return _list_append(args, binding)
    raise AssertionError(node)


def _if_not_exists(args: tuple[Operand, ...], binding: Binding) -> Compute:
    fallbacks = [_value_of(arg, binding) for arg in args]
    if len(args) != 2 or not isinstance(args[0], Path):
        return fallbacks[-1]  # _check_types says what is wrong
    find = getter(binding.resolve(args[0], EXPRESSION))
    fallback = fallbacks[1]

    def compute(item: Item) -> Value:
        found = find(item)
        return fallback(item) if found is None else found

    return compute


def _list_append(args: tuple[Operand, ...], binding: Binding) -> Compute:
    parts = [_value_of(arg, binding) for arg in args]

    def compute(item: Item) -> Value:
        lists = [part(item).get("L") for part in parts]
        if any(found is None for found in lists):
            raise invalid(_WRONG_TYPE)
        return {"L": [element for found in lists for element in found or ()]}

    return compute


def _sum_of(node: Sum, binding: Binding) -> Compute:
    left, right = _value_of(node.left, binding), _value_of(node.right, binding)
    function = numbers.add if node.operator == "+" else numbers.subtract

    def compute(item: Item) -> Value:
        a, b = left(item).get("N"), right(item).get("N")
        if a is None or b is None:
            raise invalid(_WRONG_TYPE)
        return {"N": function(a, b)}

    return compute


def _static_kind(node: Operand | Sum, binding: Binding) -> str | None:
    """The type a value will have whatever the item holds, as far as the expression tells."""
    if isinstance(node, Sum):
        return "N"
    if isinstance(node, Call):
        return "L" if node.name == "list_append" else None
    if isinstance(node, Ref):
        return values.kind_of(binding.value(node.name, EXPRESSION))
    return values.kind_of(node.value) if isinstance(node, Literal) else None


def _check_types(clause: Clause, action: Action, binding: Binding) -> None:
    if clause.action in ("ADD", "DELETE"):
        kind = action.kind or ""
        if kind in _NAMES and not (clause.action == "ADD" and kind == "N"):
            raise _error(
                "Incorrect operand type for operator or function; "
                f"operator: {clause.action}, operand type: {_NAMES[kind]}"
            )
    elif clause.value is not None:
        _check_operand(clause.value, binding)


def _check_operand(node: Operand | Sum, binding: Binding) -> None:
    if isinstance(node, Sum):
        for part in (node.left, node.right):
            _check_operand(part, binding)
            _check_kind(node.operator, "N", part, binding)
    elif isinstance(node, Call):
        if len(node.args) != 2:
            raise _error(
                "Incorrect number of operands for operator or function; "
                f"operator or function: {node.name}, number of operands: {len(node.args)}"
            )
        if node.name == "if_not_exists" and not isinstance(node.args[0], Path):
            raise _error(f"Operator or function requires a document path; operator or function: {node.name}")
        for arg in node.args:
            _check_operand(arg, binding)
            if node.name == "list_append":
                _check_kind(node.name, "L", arg, binding)


def _check_kind(operator: str, wanted: str, node: Operand, binding: Binding) -> None:
    kind = _static_kind(node, binding)
    if kind is not None and kind != wanted:
        raise _error(
            f"Incorrect operand type for operator or function; operator or function: {operator}, operand type: {kind}"
        )


def apply(actions: list[Action], old: Item, new: Item) -> None:
    """Change `new` (an equal copy of `old`, nothing shared) as the actions say. Raises ValidationException."""
    settings: list[tuple[Parts, Value]] = []
    removals: list[Parts] = []
    for action in actions:
        if action.compute is None:
            removals.append(action.path)
            continue
        operand = action.compute(old)
        if action.action == "SET":
            settings.append((action.path, operand))
            continue
        result = _combine(action, getter(action.path)(old), operand)
        if result is not None:
            settings.append((action.path, result))
        else:
            removals.append(action.path)
    settings.sort(key=lambda setting: _sort_key(setting[0]))
    for path, value in settings:
        _set(new, path, value)
    for path in sorted(removals, key=_sort_key, reverse=True):
        _remove(new, path)


def _sort_key(path: Parts) -> tuple[tuple[bool, Any], ...]:
    return tuple([(type(part) is int, part) for part in path])


def _combine(action: Action, existing: Value | None, operand: Value) -> Value | None:
    """What ADD or DELETE makes of the value that is there; None to take the attribute away."""
    kind = values.kind_of(operand)
    if existing is not None and kind not in existing:
        raise invalid(_WRONG_TYPE)
    if kind == "N":
        return {"N": numbers.add(existing["N"], operand["N"])} if existing else operand
    members = operand[kind]
    if action.action == "ADD":
        if existing is None:
            return operand
        present = set(existing[kind])
        return {kind: existing[kind] + [member for member in members if member not in present]}
    if existing is None:
        return None
    gone = set(members)
    left = [member for member in existing[kind] if member not in gone]
    return {kind: left} if left else None


def _parent(item: Item, path: Parts) -> Any:
    """The map or list that holds the last part of `path`; None when it isn't there."""
    node: Any = item
    for part in path[:-1]:
        if type(part) is int:
            if type(node) is not list or part >= len(node):
                return None
            value = node[part]
        else:
            if type(node) is not dict:
                return None
            value = node.get(part)
        if value is None:
            return None
        node = value["M"] if "M" in value else value.get("L")
    wanted = list if type(path[-1]) is int else dict
    return node if type(node) is wanted else None


def _set(item: Item, path: Parts, value: Value) -> None:
    if len(path) == 1:
        item[path[0]] = value  # type: ignore[index]
        return
    parent = _parent(item, path)
    if parent is None:
        raise invalid(_WRONG_PATH)
    last = path[-1]
    if type(parent) is list and last >= len(parent):  # type: ignore[operator]
        parent.append(value)
    else:
        parent[last] = value


def _remove(item: Item, path: Parts) -> None:
    if len(path) == 1:
        item.pop(path[0], None)  # type: ignore[arg-type]
        return
    parent = _parent(item, path)
    if parent is None:
        raise invalid(_WRONG_PATH)
    last = path[-1]
    if type(parent) is dict:
        parent.pop(last, None)
    elif last < len(parent):  # type: ignore[operator]
        del parent[last]
