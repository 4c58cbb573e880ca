"""Conditions and filters: a parsed tree, bound to a request's placeholders, becomes one function of an item."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from haneul.services.dynamodb.errors import invalid
from haneul.services.dynamodb.plane import values
from haneul.services.dynamodb.plane.binding import Binding
from haneul.services.dynamodb.plane.syntax import (
    Between,
    Both,
    Call,
    Compare,
    Condition,
    In,
    Literal,
    Not,
    Operand,
    Path,
    Ref,
    parse_condition,
    path_text,
)
from haneul.services.dynamodb.plane.values import Item, Value

Test = Callable[[Item], bool]
Getter = Callable[[Item], "Value | None"]
_ARITY = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
    "size": 1,
}
_ORDERED = ("S", "N", "B")
parse = lru_cache(maxsize=4096)(parse_condition)


class Bound:
    """A condition ready to run: `test(item)`, and the paths it looks at."""

    __slots__ = ("paths", "test")

    def __init__(self, test: Test, paths: list[tuple[str | int, ...]]) -> None:
        self.test = test
        self.paths = paths

    @property
    def heads(self) -> set[str | int]:
        return {path[0] for path in self.paths}


def bind(text: str, binding: Binding, expression: str) -> Bound:
    """Parse (or remember) `text`, check it against the placeholders, and compile it. Raises ValidationException."""
    return bind_tree(parse(text, expression), binding, expression)


def bind_tree(tree: Condition, binding: Binding, expression: str) -> Bound:
    compiler = Compiler(binding, expression)
    compiler.check_functions(tree, top=True)
    return Bound(compiler.condition(tree), compiler.paths)


class Compiler:
    """One walk over a tree, with the errors AWS reports in the order it does."""

    def __init__(self, binding: Binding, expression: str) -> None:
        self.binding = binding
        self.expression = expression
        self.paths: list[tuple[str | int, ...]] = []

    def error(self, message: str) -> Exception:
        return invalid(f"Invalid {self.expression}: {message}" if self.expression else message)

    def check_functions(self, node: Condition | Operand, *, top: bool) -> None:
        """Unknown functions first, then those in the wrong place."""
        pending: list[tuple[Any, bool]] = [(node, top)]
        misused = None
        while pending:
            found, as_condition = pending.pop()
            match found:
                case Call(name, args):
                    if name not in _ARITY and name not in ("if_not_exists", "list_append"):
                        raise self.error(f"Invalid function name; function: {name}")
                    if name not in _ARITY or (name == "size") is as_condition:
                        misused = misused or name
                    pending += [(arg, False) for arg in args]
                case Both(_, conditions):
                    pending += [(part, True) for part in conditions]
                case Not(part):
                    pending.append((part, True))
                case Compare(_, left, right):
                    pending += [(left, False), (right, False)]
                case Between(value, low, high):
                    pending += [(value, False), (low, False), (high, False)]
                case In(value, choices):
                    pending += [(value, False), *[(choice, False) for choice in choices]]
                case _:
                    pass
        if misused:
            raise self.error(f"The function is not allowed to be used this way in an expression; function: {misused}")

    def condition(self, node: Condition) -> Test:
        match node:
            case Both(operator, parts):
                tests = [self.condition(part) for part in parts]
                if len(tests) == 2:
                    first, second = tests
                    if operator == "AND":
                        return lambda item: first(item) and second(item)
                    return lambda item: first(item) or second(item)
                if operator == "AND":
                    return lambda item: all(test(item) for test in tests)
                return lambda item: any(test(item) for test in tests)
            case Not(part):
                inner = self.condition(part)
                return lambda item: not inner(item)
            case Compare(operator, left, right):
                return self._compare(operator, left, right)
            case Between(value, low, high):
                return self._between(value, low, high)
            case In(value, choices):
                getter = self.operand(value)
                getters = [self.operand(choice) for choice in choices]
                return _membership(getter, getters)
            case Call():
                return self._function(node)
        raise AssertionError(node)

    def operand(self, node: Operand) -> Getter:
        match node:
            case Path():
                path = self.binding.resolve(node, self.expression)
                self.paths.append(path)
                return getter(path)
            case Ref(name):
                value = self.binding.value(name, self.expression)
                return lambda item: value
            case Literal(content):
                return lambda item: content
            case Call("size", args):
                self._check_arity(node)
                self._check_kind("size", self.static(args[0]), ("S", "B", "SS", "NS", "BS", "L", "M"))
                inner = self.operand(args[0])
                return _size(inner)
        raise self.error(f"The function is not allowed to be used this way in an expression; function: {node.name}")

    def static(self, node: Operand) -> Value | None:
        """The operand's value when the request itself gives it."""
        if isinstance(node, Ref):
            return self.binding.value(node.name, self.expression)
        if isinstance(node, Literal):
            return node.value
        if isinstance(node, Call) and node.name == "size":
            return {"N": "0"}
        return None

    def _check_kind(self, operator: str, value: Value | None, allowed: tuple[str, ...]) -> None:
        if value is not None and (kind := values.kind_of(value)) not in allowed:
            raise self.error(
                f"Incorrect operand type for operator or function; operator or function: {operator}, "
                f"operand type: {kind}"
            )

    def _check_distinct(self, operator: str, left: Operand, right: Operand) -> None:
        if isinstance(left, Path) and isinstance(right, Path):
            first = self.binding.resolve(left, self.expression)
            if first == self.binding.resolve(right, self.expression):
                raise self.error(
                    "The first operand must be distinct from the remaining operands for this operator or function; "
                    f"operator: {operator}, first operand: {path_text(first)}"
                )

    def _check_arity(self, call: Call) -> None:
        if len(call.args) != _ARITY[call.name]:
            raise self.error(
                "Incorrect number of operands for operator or function; "
                f"operator or function: {call.name}, number of operands: {len(call.args)}"
            )

    def _compare(self, operator: str, left: Operand, right: Operand) -> Test:
        a, b = self.operand(left), self.operand(right)
        self._check_distinct(operator, left, right)
        if operator in ("=", "<>"):
            return _equality(a, b, operator == "=")
        self._check_kind(operator, self.static(left), _ORDERED)
        self._check_kind(operator, self.static(right), _ORDERED)
        return _inequality(a, b, operator)

    def _between(self, node: Operand, low: Operand, high: Operand) -> Test:
        value, lower, upper = self.operand(node), self.operand(low), self.operand(high)
        bounds = self.static(low), self.static(high)
        for bound in (self.static(node), *bounds):
            self._check_kind("BETWEEN", bound, _ORDERED)
        if isinstance(low, Ref | Literal) and isinstance(high, Ref | Literal) and bounds[0] and bounds[1]:
            self._check_bounds(bounds[0], bounds[1])
        return _range(value, lower, upper)

    def _check_bounds(self, low: Value, high: Value) -> None:
        a, b = values.order(low), values.order(high)
        assert a is not None and b is not None
        told = (
            f"lower bound operand: AttributeValue: {{{a[0]}:{low[a[0]]}}}, "
            f"upper bound operand: AttributeValue: {{{b[0]}:{high[b[0]]}}}"
        )
        if a[0] != b[0]:
            raise self.error(f"The BETWEEN operator requires same data type for lower and upper bounds; {told}")
        if a[1] > b[1]:
            raise self.error(
                f"The BETWEEN operator requires upper bound to be greater than or equal to lower bound; {told}"
            )

    def _function(self, call: Call) -> Test:
        name = call.name
        self._check_arity(call)
        first = call.args[0]
        if name in ("attribute_exists", "attribute_not_exists"):
            if not isinstance(first, Path):
                self.operand(first)
                raise self.error(f"Operator or function requires a document path; operator or function: {name}")
            found = self.operand(first)
            if name == "attribute_exists":
                return lambda item: found(item) is not None
            return lambda item: found(item) is None
        second = call.args[1]
        a, b = self.operand(first), self.operand(second)
        self._check_distinct(name, first, second)
        if name == "attribute_type":
            return self._attribute_type(a, self.static(second))
        if name == "begins_with":
            self._check_kind(name, self.static(first), ("S", "B"))
            self._check_kind(name, self.static(second), ("S", "B"))
            return _binary(values.begins_with, a, b)
        return _binary(values.contains, a, b)

    def _attribute_type(self, get: Getter, wanted: Value | None) -> Test:
        if wanted is None or "S" not in wanted:
            kind = values.kind_of(wanted) if wanted else "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}"
            raise self.error(
                "Incorrect operand type for operator or function; operator or function: attribute_type, "
                f"operand type: {kind}"
            )
        kind = wanted["S"]
        if kind not in values.TYPES:
            raise self.error(
                f"Invalid attribute type name found; type: {kind}, valid types: {{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}"
            )

        def test(item: Item) -> bool:
            value = get(item)
            return value is not None and kind in value

        return test


def getter(path: tuple[str | int, ...]) -> Getter:
    """A function that finds what is at `path` in an item, or None."""
    head = path[0]
    if len(path) == 1:
        return lambda item: item.get(head)  # type: ignore[arg-type]
    rest = path[1:]

    def find(item: Item) -> Value | None:
        value: Any = item.get(head)  # type: ignore[arg-type]
        for part in rest:
            if value is None:
                return None
            if type(part) is int:
                elements = value.get("L")
                value = elements[part] if elements is not None and part < len(elements) else None
            else:
                members = value.get("M")
                value = members.get(part) if members is not None else None
        return value  # type: ignore[no-any-return]

    return find


def _size(get: Getter) -> Getter:
    def size(item: Item) -> Value | None:
        value = get(item)
        length = None if value is None else values.length(value)
        return None if length is None else {"N": str(length)}

    return size


def _equality(a: Getter, b: Getter, wanted: bool) -> Test:
    equal = values.equal

    def test(item: Item) -> bool:
        left, right = a(item), b(item)
        if left is None or right is None:
            return not wanted
        return equal(left, right) is wanted

    return test


def _inequality(a: Getter, b: Getter, operator: str) -> Test:
    def test(item: Item) -> bool:
        left, right = a(item), b(item)
        if left is None or right is None:
            return False
        first, second = values.order(left), values.order(right)
        if first is None or second is None or first[0] != second[0]:
            return False
        if operator == "<":
            return bool(first[1] < second[1])
        if operator == "<=":
            return bool(first[1] <= second[1])
        if operator == ">":
            return bool(first[1] > second[1])
        return bool(first[1] >= second[1])

    return test


def _range(value: Getter, low: Getter, high: Getter) -> Test:
    def test(item: Item) -> bool:
        bounds = []
        for get in (value, low, high):
            found = get(item)
            key = None if found is None else values.order(found)
            if key is None:
                return False
            bounds.append(key)
        kind = bounds[0][0]
        return kind == bounds[1][0] == bounds[2][0] and bool(bounds[1][1] <= bounds[0][1] <= bounds[2][1])

    return test


def _membership(get: Getter, choices: list[Getter]) -> Test:
    def test(item: Item) -> bool:
        value = get(item)
        if value is None:
            return False
        for choice in choices:
            other = choice(item)
            if other is not None and values.equal(value, other):
                return True
        return False

    return test


def _binary(function: Callable[[Value, Value], bool], a: Getter, b: Getter) -> Test:
    def test(item: Item) -> bool:
        left, right = a(item), b(item)
        return left is not None and right is not None and function(left, right)

    return test
