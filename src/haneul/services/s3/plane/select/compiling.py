"""Trees become closures: row -> value. What a name means in a row is asked of the reader of records, once."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from haneul.services.s3.plane.select import functions, values
from haneul.services.s3.plane.select.problems import SelectError
from haneul.services.s3.plane.select.tree import Name, Node
from haneul.services.s3.plane.select.values import MISSING, Value

Row = Value
Evaluate = Callable[[Row], Value]
Resolve = Callable[[tuple[Name | int, ...]], Evaluate]
"""The getter of a path in a row. Raises SelectError where no row can have it."""


class Aggregate(Protocol):
    """Sums up a value of every row."""

    def add(self, row: Row) -> None: ...

    def result(self) -> Value: ...


class Compiler:
    """Compiles the expressions of one query; `aggregates` are those met on the way, to be fed every row."""

    def __init__(self, resolve: Resolve, now: float) -> None:
        self._resolve = resolve
        self._now = now
        self.aggregates: list[Aggregate] = []

    def compile(self, node: Node) -> Evaluate:
        args = node.args
        if node.kind == "literal":
            value = args[0]
            return lambda row: value
        if node.kind == "missing":
            return lambda row: MISSING
        if node.kind == "path":
            return self._resolve(args)
        if node.kind == "cast":
            return self._cast(*args)
        if node.kind == "case":
            return self._case(*args)
        if node.kind == "call":
            return self._call(*args)
        if node.kind == "aggregate":
            return self._aggregate(*args)
        return self._operation(*args)

    def _cast(self, node: Node, kind: str) -> Evaluate:
        inner = self.compile(node)
        cast = values.cast
        return lambda row: cast(inner(row), kind)

    def _case(self, pairs: tuple[tuple[Node, Node], ...], otherwise: Node) -> Evaluate:
        compiled = [(self.compile(condition), self.compile(value)) for condition, value in pairs]
        default = self.compile(otherwise)

        def chosen(row: Row) -> Value:
            for condition, value in compiled:
                if condition(row) is True:
                    return value(row)
            return default(row)

        return chosen

    def _call(self, name: str, nodes: tuple[Node, ...]) -> Evaluate:
        function = functions.find(name, len(nodes), self._now)
        given = [self.compile(node) for node in nodes]
        call = function.call
        if not function.strict:
            return lambda row: call(*[each(row) for each in given])

        def called(row: Row) -> Value:
            arguments = [each(row) for each in given]
            if any(value is None or value is MISSING for value in arguments):
                return None
            return call(*arguments)

        return called

    def _aggregate(self, name: str, node: Node | None) -> Evaluate:
        made = _AGGREGATES[name](None if node is None else self.compile(node))
        self.aggregates.append(made)
        return lambda row: made.result()

    def _operation(self, name: str, nodes: tuple[Node, ...]) -> Evaluate:
        if name == "LIKE":
            return self._like(*nodes)
        given = [self.compile(node) for node in nodes]
        if name in ("AND", "OR"):
            return _connected(given, name == "OR")
        if name == "IN":
            return _among(given[0], given[1:])
        one = given[0]
        if name == "NOT":
            return lambda row: _opposite(one(row))
        if name == "NEG":
            return lambda row: values.arithmetic("-", 0, one(row))
        if name == "IS NULL":
            return lambda row: values.absent(one(row))
        if name == "IS MISSING":
            return lambda row: one(row) is MISSING
        other = given[1]
        if name == "||":
            return lambda row: _concatenated(one(row), other(row))
        if name in ("+", "-", "*", "/", "%"):
            return lambda row: values.arithmetic(name, one(row), other(row))
        compare = values.comparison(name)
        return lambda row: compare(one(row), other(row))

    def _like(self, text: Node, pattern: Node, escape: Node) -> Evaluate:
        subject, wanted, escaping = self.compile(text), self.compile(pattern), self.compile(escape)
        fixed: re.Pattern[str] | None = None
        if pattern.kind == "literal" and escape.kind == "literal" and pattern.args[0] is not None:
            fixed = like(pattern.args[0], escape.args[0])

        def liked(row: Row) -> Value:
            value = subject(row)
            if values.absent(value):
                return None
            shape = fixed
            if shape is None:
                given = wanted(row)
                if values.absent(given):
                    return None
                shape = like(given, escaping(row))
            if type(value) is not str:
                raise SelectError("LikeInvalidInputs")
            return shape.fullmatch(value) is not None

        return liked


def like(pattern: Value, escape: Value) -> re.Pattern[str]:
    """LIKE's pattern as a regular expression without backtracking traps. Raises SelectError."""
    if type(pattern) is not str or not (escape is None or (type(escape) is str and len(escape) == 1)):
        raise SelectError("LikeInvalidInputs")
    shape: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == escape:
            literal = next(characters, None)
            if literal is None or literal not in ("%", "_", escape):
                raise SelectError("LikeInvalidInputs")
            shape.append(re.escape(literal))
        elif character == "%":
            if not shape or shape[-1] != ".*":
                shape.append(".*")
        else:
            shape.append("." if character == "_" else re.escape(character))
    return re.compile(_atomic(shape), re.DOTALL)


def _atomic(shape: list[str]) -> str:
    """Between two `%` the first place that fits will do: atomic groups keep the search from going back."""
    pieces: list[list[str]] = [[]]
    for part in shape:
        if part == ".*":
            pieces.append([])
        else:
            pieces[-1].append(part)
    texts = ["".join(piece) for piece in pieces]
    if len(texts) == 1:
        return texts[0]
    middle = "".join(f"(?>.*?{text})" for text in texts[1:-1] if text)
    return f"{texts[0]}{middle}.*{texts[-1]}"


def _connected(given: list[Evaluate], decisive: bool) -> Evaluate:
    """AND and OR of three values: the decisive one ends it, an unknown one leaves it open."""

    def connected(row: Row) -> Value:
        known = True
        for each in given:
            value = each(row)
            if value is decisive:
                return decisive
            if type(value) is not bool:
                if not values.absent(value):
                    raise SelectError("InvalidDataType")
                known = False
        return (not decisive) if known else None

    return connected


def _among(subject: Evaluate, members: list[Evaluate]) -> Evaluate:
    equal = values.comparison("=")

    def among(row: Row) -> Value:
        value = subject(row)
        unknown = False
        for member in members:
            same = equal(value, member(row))
            if same:
                return True
            unknown |= same is None
        return None if unknown else False

    return among


def _opposite(value: Value) -> Value:
    if values.absent(value):
        return None
    if type(value) is not bool:
        raise SelectError("InvalidDataType")
    return not value


def _concatenated(one: Value, other: Value) -> Value:
    if values.absent(one) or values.absent(other):
        return None
    return values.text(one) + values.text(other)


class _Count:
    def __init__(self, value: Evaluate | None) -> None:
        self._value = value
        self._count = 0

    def add(self, row: Row) -> None:
        if self._value is None or not values.absent(self._value(row)):
            self._count += 1

    def result(self) -> Value:
        return self._count


class _Sum:
    def __init__(self, value: Evaluate | None) -> None:
        self._value = value
        self.count = 0
        self.total: Value = None

    def add(self, row: Row) -> None:
        assert self._value is not None
        value = self._value(row)
        if not values.absent(value):
            self.count += 1
            self.total = values.number(value) if self.total is None else values.arithmetic("+", self.total, value)

    def result(self) -> Value:
        return self.total


class _Average(_Sum):
    def result(self) -> Value:
        if self.total is None:
            return None
        if type(self.total) is float:
            return self.total / self.count
        mean = Decimal(self.total) / self.count
        return mean if mean != mean.to_integral_value() else mean.to_integral_value()


class _Extreme:
    """MIN and MAX: text that spells numbers is compared as numbers."""

    better = ""

    def __init__(self, value: Evaluate | None) -> None:
        self._value = value
        self._best: Value = None
        self._compare = values.comparison(self.better)

    def add(self, row: Row) -> None:
        assert self._value is not None
        value = self._value(row)
        if values.absent(value):
            return
        number = values.numeric(value)
        value = value if number is None else number
        if self._best is None or self._compare(value, self._best):
            self._best = value

    def result(self) -> Value:
        return self._best


class _Least(_Extreme):
    better = "<"


class _Greatest(_Extreme):
    better = ">"


_AGGREGATES: dict[str, Callable[[Evaluate | None], Aggregate]] = {
    "COUNT": _Count,
    "SUM": _Sum,
    "AVG": _Average,
    "MIN": _Least,
    "MAX": _Greatest,
}
