"""Metrics Insights: the SQL of metrics, `SELECT SUM(Errors) FROM "AWS/Lambda" WHERE ... GROUP BY FunctionName`."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from haneul.services.cloudwatch.maths.functions import MathError

FUNCTIONS = {"AVG": "Average", "COUNT": "SampleCount", "MAX": "Maximum", "MIN": "Minimum", "SUM": "Sum"}
MOST_SERIES = 500
_TOKEN = re.compile(r"\"[^\"]*\"|'[^']*'|!=|[=(),]|[^\s\"'!=(),]+|\S")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.:#/-]*")


class Selection(msgspec.Struct, kw_only=True):
    """A query as it is computed. `schema`: the names that a metric's dimensions must be, None: any; `conditions`:
    (dimension, whether its value must be equal, value); `descending`: None without ORDER BY."""

    function: str
    metric: str
    namespace: str
    schema: frozenset[str] | None = None
    conditions: list[tuple[str, bool, str]] = []
    groups: list[str] = []
    order: str = ""
    descending: bool | None = None
    limit: int = MOST_SERIES

    def takes(self, namespace: str, name: str, pairs: Iterable[tuple[str, str]]) -> bool:
        """Whether a metric is among those that are asked for."""
        held = dict(pairs)
        if namespace != self.namespace or name != self.metric:
            return False
        if self.schema is not None and held.keys() != self.schema:
            return False
        if any(group not in held for group in self.groups):
            return False
        return all(key in held and (held[key] == value) == equal for key, equal, value in self.conditions)


def is_query(expression: str) -> bool:
    return expression.lstrip()[:7].upper().rstrip() == "SELECT"


def parse(expression: str) -> Selection:
    """Raises MathError for what is no query."""
    return _Reader(_TOKEN.findall(expression)).selection()


class _Reader:
    """Reads a query's words from the left."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def selection(self) -> Selection:
        self._expect("SELECT")
        function = self._function()
        self._expect("(")
        metric = self._name()
        self._expect(")")
        self._expect("FROM")
        namespace, schema = self._source()
        found = Selection(function=function, metric=metric, namespace=namespace, schema=schema)
        if self._taken("WHERE"):
            found.conditions = [self._condition()]
            while self._taken("AND"):
                found.conditions.append(self._condition())
        if self._taken("GROUP"):
            self._expect("BY")
            found.groups = self._names()
        if self._taken("ORDER"):
            self._expect("BY")
            found.order = self._function()
            self._expect("(")
            self._expect(")")
            found.descending = self._taken("DESC")
            if not found.descending:
                self._taken("ASC")
        if self._taken("LIMIT"):
            found.limit = self._number()
        if self._at < len(self._tokens):
            raise self._wrong()
        return found

    def _source(self) -> tuple[str, frozenset[str] | None]:
        if self._taken("SCHEMA"):
            self._expect("(")
            namespace, *dimensions = self._names()
            self._expect(")")
            return namespace, frozenset(dimensions)
        return self._name(), None

    def _condition(self) -> tuple[str, bool, str]:
        key = self._name()
        equal = self._taken("=")
        if not equal:
            self._expect("!=")
        text = self._next()
        if text[:1] != "'":
            raise self._wrong()
        return key, equal, text[1:-1]

    def _names(self) -> list[str]:
        names = [self._name()]
        while self._taken(","):
            names.append(self._name())
        return names

    def _name(self) -> str:
        text = self._next()
        if len(text) > 1 and text[0] == '"':
            return text[1:-1]
        if not _WORD.fullmatch(text):
            raise self._wrong()
        return text

    def _function(self) -> str:
        text = self._next().upper()
        if text not in FUNCTIONS:
            raise self._wrong()
        return FUNCTIONS[text]

    def _number(self) -> int:
        text = self._next()
        if not text.isdecimal() or not 1 <= int(text) <= MOST_SERIES:
            raise self._wrong()
        return int(text)

    def _next(self) -> str:
        text = self._tokens[self._at] if self._at < len(self._tokens) else ""
        self._at += 1
        return text

    def _taken(self, word: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at].upper() == word:
            self._at += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._taken(word):
            self._at += 1
            raise self._wrong()

    def _wrong(self) -> MathError:
        text = self._tokens[self._at - 1] if self._at <= len(self._tokens) else "end of the query"
        return MathError(f"Error in expression: unexpected {text}")
