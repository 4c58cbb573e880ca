"""Queries of Insights: commands behind pipes, each taking a list of records to the next.

query = parse_query('fields @timestamp, @message | filter @message like /ERROR/ | stats count(*) by bin(5m)')
rows = query.run(records)                # newest first; [{"bin(5m)": ..., "count(*)": ...}]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from haneul.services.logs.insights.expressions import Parser, Record, Value, compile_regex, truth
from haneul.services.logs.insights.functions import AGGREGATES, number, percentile, text
from haneul.services.logs.insights.tokens import QueryError, Token

Row = dict[str, Any]
Command = Callable[[list[Row]], list[Row]]
DEFAULT_LIMIT = 10_000
_PERCENT = frozenset({"pct", "percentile"})


class Query:
    """A query ready to run. `matched` counts the records that passed its filters at the last run."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.shown: list[str] | None = None
        self.instants: set[str] = {"@timestamp", "@ingestionTime"}
        self.grouped = False
        self.sorted = False
        self.limit: int | None = None
        self.matched = 0

    def run(self, records: Iterable[Record], limit: int | None = None) -> list[Row]:
        """The rows that the query gives over records, which come the newest first."""
        rows: list[Row] = [dict(record) for record in records]
        self.matched = len(rows)
        for command in self.commands:
            rows = command(rows)
        if self.limit is None:
            rows = rows[: limit or DEFAULT_LIMIT]
        return rows

    def show(self, row: Row) -> list[tuple[str, str]]:
        """A row's columns as texts, in their order; those without a value are left out."""
        names = self.shown if self.shown is not None else ["@timestamp", "@message"]
        columns = [(name, self._text(name, row.get(name))) for name in names if row.get(name) is not None]
        if not self.grouped and "@ptr" in row and "@ptr" not in names:
            columns.append(("@ptr", str(row["@ptr"])))
        return columns

    def _text(self, name: str, value: Any) -> str:
        if name in self.instants and (moment := number(value)) is not None:
            return instant(moment)
        return text(value)


def instant(milliseconds: float) -> str:
    """2026-02-14 10:03:00.000"""
    import datetime

    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{int(milliseconds) % 1000:03d}"


def parse_query(source: str) -> Query:
    """A query from its text. Raises QueryError."""
    query = Query()
    parser = Parser(source)
    while True:
        _command(parser, query)
        if parser.peek().kind == "end":
            return query
        parser.expect("|")


def _command(parser: Parser, query: Query) -> None:
    token = parser.take()
    reader = _COMMANDS.get(token.text.lower()) if token.kind == "name" else None
    if reader is None:
        raise QueryError(
            f"unexpected symbol found {token.text or 'the end'} at line 1 and position {token.at}", token.at
        )
    reader(parser, query)


def _columns(parser: Parser) -> list[tuple[str, Value, bool]]:
    """(name, value, is an instant) of each item of a list like `a, b * 2 as c`."""
    columns = []
    while True:
        start = parser.at
        before = set(parser.instants)
        parser.instants.clear()
        value = parser.expression()
        timed = bool(parser.instants)
        parser.instants |= before
        name = parser.source(start)
        if parser.accept("as"):
            name = parser.name()
        columns.append((name, value, timed))
        if not parser.accept(","):
            return columns


def _fields(parser: Parser, query: Query) -> None:
    columns = _columns(parser)
    known = query.shown if query.shown is not None else []
    query.shown = [*known, *[name for name, _, _ in columns if name not in known]]
    query.instants |= {name for name, _, timed in columns if timed}

    def add(rows: list[Row]) -> list[Row]:
        for row in rows:
            for name, value, _ in columns:
                row[name] = value(row)
        return rows

    query.commands.append(add)


def _display(parser: Parser, query: Query) -> None:
    columns = _columns(parser)
    query.shown = [name for name, _, _ in columns]
    query.commands.append(lambda rows: rows)


def _filter(parser: Parser, query: Query) -> None:
    test = parser.expression()

    def keep(rows: list[Row]) -> list[Row]:
        kept = [row for row in rows if truth(test(row))]
        if not query.grouped:
            query.matched = len(kept)
        return kept

    query.commands.append(keep)


def _sort(parser: Parser, query: Query) -> None:
    keys: list[tuple[Value, bool]] = []
    while True:
        value = _sort_key(parser)
        descending = parser.accept("desc")
        if not descending:
            parser.accept("asc")
        keys.append((value, descending))
        if not parser.accept(","):
            break

    def order(rows: list[Row]) -> list[Row]:
        for value, descending in reversed(keys):
            rows.sort(key=lambda row: _rank(value(row)), reverse=descending)
        return rows

    query.sorted = True
    query.commands.append(order)


def _sort_key(parser: Parser) -> Value:
    """An expression, or the name of a column that an earlier command made: `sort count(*) desc`."""
    start = parser.at
    depth = 0
    while True:
        token = parser.peek()
        if token.kind == "end" or (not depth and (token.text in (",", "|") or token.text.lower() in ("asc", "desc"))):
            break
        depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "op" else 0
        parser.take()
    name = parser.source(start)
    end = parser.at
    parser.at = start
    try:
        value: Value | None = parser.expression()
    except QueryError:
        value = None
    parser.at = end
    return lambda row: row[name] if name in row else None if value is None else value(row)


def _rank(value: Any) -> tuple[int, float, str]:
    held = number(value)
    if held is not None:
        return (1, held, "")
    return (0, 0.0, "") if value is None else (2, 0.0, text(value))


def _limit(parser: Parser, query: Query) -> None:
    token = parser.take()
    if token.kind != "number":
        raise QueryError(f"a number expected at line 1 and position {token.at}", token.at)
    count = int(float(token.text))
    query.limit = count
    query.commands.append(lambda rows: rows[:count])


def _dedup(parser: Parser, query: Query) -> None:
    names = [parser.name()]
    while parser.accept(","):
        names.append(parser.name())

    def first(rows: list[Row]) -> list[Row]:
        seen: set[tuple[str, ...]] = set()
        kept = []
        for row in rows:
            key = tuple(text(row.get(name)) for name in names)
            if key not in seen:
                seen.add(key)
                kept.append(row)
        return kept

    query.commands.append(first)


def _parse(parser: Parser, query: Query) -> None:
    """parse [field] "glob * of *" as a, b   or   parse [field] /(?<a>regex)/"""
    field = "@message"
    if parser.peek().kind == "name":
        field = parser.name()
    token = parser.take()
    if token.kind == "regex":
        matcher = compile_regex(token.text, token.at)
        names = list(matcher.groupindex)
    elif token.kind == "text":
        matcher, names = _glob(parser, token)
    else:
        raise QueryError(f"a text or a regular expression expected at position {token.at}", token.at)

    def extract(rows: list[Row]) -> list[Row]:
        for row in rows:
            found = matcher.search(text(row.get(field)))
            if found is not None:
                for name, value in zip(
                    names, found.groups() if token.kind == "text" else _named(found, names), strict=False
                ):
                    if value is not None:
                        row[name] = value
        return rows

    query.commands.append(extract)
    if query.shown is None:
        query.shown = ["@timestamp", "@message"]
    query.shown = [*query.shown, *[name for name in names if name not in query.shown]]


def _named(found: re.Match[str], names: list[str]) -> list[str | None]:
    return [found.group(name) for name in names]


def _glob(parser: Parser, token: Token) -> tuple[re.Pattern[str], list[str]]:
    parts = token.text.split("*")
    pieces = [re.escape(parts[0])]
    for at, part in enumerate(parts[1:]):
        last = at == len(parts) - 2
        pieces.append("(.*)" if last and not part else "(.*?)")
        pieces.append(re.escape(part))
    parser.expect("as")
    names = [parser.name()]
    while parser.accept(","):
        names.append(parser.name())
    if len(names) != len(parts) - 1:
        raise QueryError("parse needs as many names as there are stars", token.at)
    return re.compile("".join(pieces), re.DOTALL), names


Aggregate = Callable[[list[Row]], Any]


def _stats(parser: Parser, query: Query) -> None:
    aggregates: list[tuple[str, Aggregate]] = []
    while True:
        start = parser.at
        aggregate = _aggregate_sum(parser)
        name = parser.source(start)
        if parser.accept("as"):
            name = parser.name()
        aggregates.append((name, aggregate))
        if not parser.accept(","):
            break
    keys: list[tuple[str, Value, bool]] = _columns(parser) if parser.accept("by") else []
    query.shown = [*[name for name, _, _ in keys], *[name for name, _ in aggregates]]
    query.instants |= {name for name, _, timed in keys if timed}
    query.grouped = True

    def group(rows: list[Row]) -> list[Row]:
        groups: dict[tuple[str, ...], tuple[Row, list[Row]]] = {}
        for row in rows:
            values = {name: value(row) for name, value, _ in keys}
            if any(value is None for value in values.values()):
                continue
            place = groups.setdefault(tuple(text(value) for value in values.values()), (values, []))
            place[1].append(row)
        if not keys:
            groups = {(): ({}, rows)}
        return [
            {**values, **{name: aggregate(held) for name, aggregate in aggregates}} for values, held in groups.values()
        ]

    query.commands.append(group)


def _aggregate_sum(parser: Parser) -> Aggregate:
    """Aggregates, and arithmetic between them and numbers."""
    left = _aggregate(parser)
    while parser.peek().kind == "op" and parser.peek().text in "+-*/":
        operator = parser.take().text
        right = _aggregate(parser)
        left = _combined(operator, left, right)
    return left


def _combined(operator: str, left: Aggregate, right: Aggregate) -> Aggregate:
    def compute(rows: list[Row]) -> Any:
        a, b = number(left(rows)), number(right(rows))
        if a is None or b is None or (operator == "/" and b == 0):
            return None
        return {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else 0.0}[operator]

    return compute


def _aggregate(parser: Parser) -> Aggregate:
    token = parser.take()
    if token.kind == "number":
        constant = float(token.text)
        return lambda rows: constant
    if token.kind == "op" and token.text == "(":
        inner = _aggregate_sum(parser)
        parser.expect(")")
        return inner
    name = token.text.lower()
    parser.expect("(")
    if name == "count" and (parser.accept("*") or parser.peek().text == ")"):
        parser.expect(")")
        return len
    value = parser.expression()
    if name in _PERCENT:
        parser.expect(",")
        percent = float(parser.take().text)
        parser.expect(")")
        return lambda rows: percentile([value(row) for row in rows], percent)
    parser.expect(")")
    if name in ("earliest", "latest"):
        choose = min if name == "earliest" else max
        return lambda rows: _at_edge(rows, value, choose)
    function = AGGREGATES.get(name)
    if function is None:
        raise QueryError(f"unknown function {token.text} at line 1 and position {token.at}", token.at)
    return lambda rows: function([value(row) for row in rows])


def _at_edge(rows: list[Row], value: Value, choose: Callable[..., Any]) -> Any:
    held = [row for row in rows if value(row) is not None]
    return value(choose(held, key=lambda row: number(row.get("@timestamp")) or 0.0)) if held else None


_COMMANDS: dict[str, Callable[[Parser, Query], None]] = {
    "dedup": _dedup,
    "display": _display,
    "fields": _fields,
    "filter": _filter,
    "limit": _limit,
    "head": _limit,
    "parse": _parse,
    "sort": _sort,
    "stats": _stats,
    "where": _filter,
}
