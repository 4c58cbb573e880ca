"""Expressions of Insights, compiled to functions of a record: precedence climbing over the tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from haneul.services.logs.insights.functions import FUNCTIONS, TIMES, number, period, text
from haneul.services.logs.insights.tokens import QueryError, Token, tokenize

Record = Mapping[str, Any]
Value = Callable[[Record], Any]
_RELATIONS = frozenset({"=", "==", "!=", "<", "<=", ">", ">=", "=~", "like", "in", "not"})
_ADD, _MULTIPLY = frozenset("+-"), frozenset("*/%")


class Parser:
    """Reads expressions from tokens; `at` is where it stands."""

    def __init__(self, written: str) -> None:
        self.written = written
        self.tokens = tokenize(written)
        self.at = 0
        self.instants: set[str] = set()
        """Texts of expressions whose values are instants."""

    def peek(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Token:
        token = self.tokens[self.at]
        if token.kind != "end":
            self.at += 1
        return token

    def accept(self, *words: str) -> bool:
        token = self.peek()
        if token.kind in ("name", "op") and token.text.lower() in words:
            self.take()
            return True
        return False

    def expect(self, word: str) -> None:
        if not self.accept(word):
            token = self.peek()
            shown = token.text or "the end"
            raise QueryError(f"unexpected symbol found {shown} at line 1 and position {token.at}", token.at)

    def name(self) -> str:
        token = self.take()
        if token.kind != "name":
            raise QueryError(f"a field's name expected at line 1 and position {token.at}", token.at)
        return token.text

    def source(self, start: int) -> str:
        """What was read since `start`, as it was written: the name of a column without an alias."""
        return self.written[self.tokens[start].at : self.peek().at].strip()

    # from the loosest to the tightest

    def expression(self) -> Value:
        left = self._and()
        while self.accept("or"):
            right = self._and()
            left = _either(left, right)
        return left

    def _and(self) -> Value:
        left = self._not()
        while self.accept("and"):
            right = self._not()
            left = _both(left, right)
        return left

    def _not(self) -> Value:
        if self.accept("not"):
            inner = self._not()
            return lambda record: not truth(inner(record))
        return self._relation()

    def _relation(self) -> Value:
        left = self._sum()
        token = self.peek()
        word = token.text.lower()
        if token.kind not in ("op", "name") or word not in _RELATIONS:
            return left
        self.take()
        negated = word == "not"
        if negated:
            word = self.take().text.lower()
        if word in ("like", "=~"):
            test = self._like(left)
        elif word == "in":
            test = self._in(left)
        elif not negated:
            return _compare(word, left, self._sum())
        else:
            raise QueryError(f"unexpected symbol found {word} at line 1 and position {token.at}", token.at)
        return (lambda record: not test(record)) if negated else test

    def _like(self, left: Value) -> Value:
        token = self.take()
        if token.kind == "text":
            part = token.text
            return lambda record: part in text(left(record))
        if token.kind != "regex":
            raise QueryError(f"a text or a regular expression expected at position {token.at}", token.at)
        matcher = compile_regex(token.text, token.at)
        return lambda record: matcher.search(text(left(record))) is not None

    def _in(self, left: Value) -> Value:
        self.expect("[")
        options = [self.expression()]
        while self.accept(","):
            options.append(self.expression())
        self.expect("]")
        return lambda record: any(_same(left(record), option(record)) for option in options)

    def _sum(self) -> Value:
        left = self._product()
        while self.peek().kind == "op" and self.peek().text in _ADD:
            left = _arithmetic(self.take().text, left, self._product())
        return left

    def _product(self) -> Value:
        left = self._power()
        while self.peek().kind == "op" and self.peek().text in _MULTIPLY:
            left = _arithmetic(self.take().text, left, self._power())
        return left

    def _power(self) -> Value:
        base = self._unary()
        if self.peek().kind == "op" and self.peek().text == "^":
            self.take()
            return _arithmetic("^", base, self._power())
        return base

    def _unary(self) -> Value:
        if self.accept("-"):
            inner = self._unary()
            return _arithmetic("-", lambda record: 0.0, inner)
        return self._atom()

    def _atom(self) -> Value:
        token = self.take()
        if token.kind == "number":
            constant: Any = float(token.text)
            return lambda record: constant
        if token.kind == "text":
            word = token.text
            return lambda record: word
        if token.kind == "period":
            span = float(period(token.text))
            return lambda record: span
        if token.kind == "op" and token.text == "(":
            inner = self.expression()
            self.expect(")")
            return inner
        if token.kind == "name":
            if self.peek() == ("op", "(", self.peek().at):
                return self._call(token)
            return _field(token.text)
        raise QueryError(
            f"unexpected symbol found {token.text or 'the end'} at line 1 and position {token.at}", token.at
        )

    def _call(self, token: Token) -> Value:
        self.expect("(")
        arguments: list[Value] = []
        if not self.accept(")"):
            arguments.append(self.expression())
            while self.accept(","):
                arguments.append(self.expression())
            self.expect(")")
        name = token.text.lower()
        if name in TIMES:
            self.instants.add(name)
        if name == "bin":
            return _bin(arguments, token)
        function = FUNCTIONS.get(name)
        if function is None:
            raise QueryError(f"unknown function {token.text} at line 1 and position {token.at}", token.at)

        def call(record: Record) -> Any:
            try:
                return function(*[argument(record) for argument in arguments])
            except (TypeError, ValueError):
                return None

        return call


def _bin(arguments: list[Value], token: Token) -> Value:
    if len(arguments) != 1:
        raise QueryError("bin takes one period", token.at)
    width = number(arguments[0]({})) or 60_000.0

    def bucket(record: Record) -> Any:
        moment = number(record.get("@timestamp"))
        return None if moment is None else moment // width * width

    return bucket


def _field(name: str) -> Value:
    return lambda record: record.get(name)


def truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    held = number(value)
    return held != 0 if held is not None else bool(value)


def _either(left: Value, right: Value) -> Value:
    return lambda record: truth(left(record)) or truth(right(record))


def _both(left: Value, right: Value) -> Value:
    return lambda record: truth(left(record)) and truth(right(record))


def _same(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return False
    a, b = number(one), number(other)
    return a == b if a is not None and b is not None else text(one) == text(other)


def _compare(operator: str, left: Value, right: Value) -> Value:
    if operator in ("=", "=="):
        return lambda record: _same(left(record), right(record))
    if operator == "!=":
        return lambda record: not _same(left(record), right(record))

    def ordered(record: Record) -> bool:
        one, other = left(record), right(record)
        if one is None or other is None:
            return False
        a: Any
        b: Any
        a, b = number(one), number(other)
        if a is None or b is None:
            a, b = text(one), text(other)
        if operator == "<":
            return bool(a < b)
        if operator == "<=":
            return bool(a <= b)
        return bool(a > b) if operator == ">" else bool(a >= b)

    return ordered


def _arithmetic(operator: str, left: Value, right: Value) -> Value:
    def compute(record: Record) -> Any:
        a, b = number(left(record)), number(right(record))
        if a is None or b is None:
            return None
        try:
            if operator == "+":
                return a + b
            if operator == "-":
                return a - b
            if operator == "*":
                return a * b
            if operator == "/":
                return a / b
            return a % b if operator == "%" else float(a**b)
        except (ZeroDivisionError, OverflowError, ValueError, TypeError):
            return None

    return compute


def compile_regex(pattern: str, at: int) -> re.Pattern[str]:
    """A regular expression as Insights writes it: (?<name>...) names a group."""
    try:
        return re.compile(re.sub(r"\(\?<([A-Za-z_]\w*)>", r"(?P<\1>", pattern))
    except re.error as error:
        raise QueryError(f"invalid regular expression: {error}", at) from None
