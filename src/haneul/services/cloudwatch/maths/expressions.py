"""Expressions of metric maths: parsed by precedence climbing, computed over scalars, series and lists of series.

A series is a mapping of epoch seconds to values. Raises MathError with AWS's kind of words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from haneul.services.cloudwatch.maths.functions import FUNCTIONS, OPERATORS, MathError, Series, Value, combine

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|"(?P<double>[^"]*)"|'(?P<single>[^']*)'
    |(?P<op>&&|\|\||==|!=|<=|>=|<|>|[-+*/^(),\[\]]))""",
    re.VERBOSE,
)
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("OR", "||"),
    ("AND", "&&"),
    ("==", "!=", "<", "<=", ">", ">="),
    ("+", "-"),
    ("*", "/"),
)


class Context(NamedTuple):
    """What an expression may see: other queries' values, the period, the span of time, and how a SEARCH is answered."""

    values: Callable[[str], Value]
    metrics: Callable[[], list[Series]]
    period: int
    start: int
    end: int
    search: Callable[[list[Any]], list[Series]]


class Parsed:
    """An expression ready to be computed; `names` are the ids that it mentions."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokenize(text)
        self._at = 0
        self.names: set[str] = set()
        self.all_metrics = False
        self._compute = self._level(0)
        if self._peek()[0] != "end":
            raise MathError(f"Error in expression: unexpected {self._peek()[1]!r}")

    def compute(self, context: Context) -> Value:
        return self._compute(context)

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at]

    def _take(self) -> tuple[str, str]:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _expect(self, text: str) -> None:
        if self._take() != ("op", text):
            raise MathError(f"Error in expression: {text} expected")

    def _level(self, level: int) -> Callable[[Context], Value]:
        if level == len(_LEVELS):
            return self._power()
        left = self._level(level + 1)
        while self._peek()[0] in ("op", "name") and self._peek()[1].upper() in _LEVELS[level]:
            operator = self._take()[1].upper()
            left = _binary(operator, left, self._level(level + 1))
        return left

    def _power(self) -> Callable[[Context], Value]:
        base = self._unary()
        if self._peek() == ("op", "^"):
            self._take()
            return _binary("^", base, self._power())
        return base

    def _unary(self) -> Callable[[Context], Value]:
        if self._peek() == ("op", "-"):
            self._take()
            inner = self._unary()
            return lambda context: combine(OPERATORS["*"], inner(context), -1.0)
        return self._atom()

    def _atom(self) -> Callable[[Context], Value]:
        kind, text = self._take()
        if kind == "number":
            constant = float(text)
            return lambda context: constant
        if kind == "text":
            return lambda context: text
        if (kind, text) == ("op", "("):
            inner = self._level(0)
            self._expect(")")
            return inner
        if (kind, text) == ("op", "["):
            items = self._list("]")
            return lambda context: _flat([item(context) for item in items])
        if kind == "name":
            if self._peek() == ("op", "("):
                self._take()
                return self._call(text.upper(), self._list(")"))
            if text.upper() in ("REPEAT", "LINEAR", "ASC", "DESC"):
                return lambda context: text.upper()
            self.names.add(text)
            return lambda context: context.values(text)
        raise MathError(f"Error in expression: unexpected {text or 'end'!r}")

    def _list(self, closing: str) -> list[Callable[[Context], Value]]:
        items: list[Callable[[Context], Value]] = []
        if self._peek() == ("op", closing):
            self._take()
            return items
        while True:
            items.append(self._level(0))
            token = self._take()
            if token == ("op", closing):
                return items
            if token != ("op", ","):
                raise MathError(f"Error in expression: {closing} expected")

    def _call(self, name: str, arguments: list[Callable[[Context], Value]]) -> Callable[[Context], Value]:
        if name == "METRICS":
            self.all_metrics = True
            return lambda context: context.metrics()
        if name == "SEARCH":
            return lambda context: context.search([argument(context) for argument in arguments])
        function = FUNCTIONS.get(name)
        if function is None:
            raise MathError(f"Error in expression: unknown function {name}")
        return lambda context: function([argument(context) for argument in arguments], context)


def _binary(
    operator: str, left: Callable[[Context], Value], right: Callable[[Context], Value]
) -> Callable[[Context], Value]:
    function = OPERATORS[operator]
    return lambda context: combine(function, left(context), right(context))


def _flat(items: list[Any]) -> Value:
    flat: list[Any] = []
    for item in items:
        flat += item if isinstance(item, list) else [item]
    return flat


def _tokenize(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    text = text.strip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise MathError(f"Error in expression: unexpected {text[position]!r}")
        kind = str(found.lastgroup)
        tokens.append(("text" if kind in ("double", "single") else kind, found.group(kind)))
        position = found.end()
    tokens.append(("end", ""))
    return tokens
