"""Insights: each command and the words of its expressions, over a handful of records."""

from __future__ import annotations

import pytest

from haneul.services.logs.insights.query import parse_query
from haneul.services.logs.insights.tokens import QueryError

START = 1_700_000_000_000
RECORDS = [
    {"@timestamp": START + n * 60_000, "@message": f"GET /a{n % 2} took {n}ms", "@ptr": str(n), "n": n, "s": f"S{n}"}
    for n in range(6)
][::-1]


def run(text: str) -> list[dict[str, str]]:
    query = parse_query(text)
    return [dict(query.show(row)) for row in query.run(RECORDS)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fields n | limit 1", [{"n": "5", "@ptr": "5"}]),
        ("filter n > 3 | display n", [{"n": "5", "@ptr": "5"}, {"n": "4", "@ptr": "4"}]),
        ("filter n in [1, 2] and @message like /a1/ | display n", [{"n": "1", "@ptr": "1"}]),
        ("filter not (n >= 1) | display s", [{"s": "S0", "@ptr": "0"}]),
        ("filter n not in [0,1,2,3,4] | display n", [{"n": "5", "@ptr": "5"}]),
        ('filter s =~ /^S[01]$/ | sort n asc | display s', [{"s": "S0", "@ptr": "0"}, {"s": "S1", "@ptr": "1"}]),
        ("stats count(*)", [{"count(*)": "6"}]),
        ("stats sum(n) as total, avg(n), min(n), max(n)",
         [{"total": "15", "avg(n)": "2.5", "min(n)": "0", "max(n)": "5"}]),
        ("stats count(*) as c by bin(5m)", [{"bin(5m)": "2023-11-14 22:15:00.000", "c": "4"},
                                             {"bin(5m)": "2023-11-14 22:10:00.000", "c": "2"}]),
        ("stats pct(n, 50) as p, count_distinct(s) as d, latest(s) as l", [{"p": "2.5", "d": "6", "l": "S5"}]),
        ("stats sum(n) / count(*) as mean", [{"mean": "2.5"}]),
        ('parse @message "GET * took *ms" as path, ms | stats max(ms) as m by path | sort path',
         [{"path": "/a0", "m": "4"}, {"path": "/a1", "m": "5"}]),
        (r"parse @message /took (?<ms>\d+)ms/ | filter ms = 3 | display ms", [{"ms": "3", "@ptr": "3"}]),
        ("filter n < 2 | fields n * 2 + 1 as x, strlen(s), upper(s), concat(s, '!') | sort n",
         [{"x": "1", "strlen(s)": "2", "upper(s)": "S0", "concat(s, '!')": "S0!", "@ptr": "0"},
          {"x": "3", "strlen(s)": "2", "upper(s)": "S1", "concat(s, '!')": "S1!", "@ptr": "1"}]),
        ("parse @message 'GET * ' as path | dedup path | display path",
         [{"path": "/a1", "@ptr": "5"}, {"path": "/a0", "@ptr": "4"}]),
        ("stats count(*) as c by n % 2 as odd | sort odd", [{"odd": "0", "c": "3"}, {"odd": "1", "c": "3"}]),
    ],
)  # fmt: skip
def test_queries(text, expected) -> None:
    """Rows as GetQueryResults tells them."""
    assert run(text) == expected


@pytest.mark.parametrize(
    "text", ["", "nonsense", "fields", "filter (n", "stats nope(n)", "limit x", "fields a | | b", "filter n like 3"]
)
def test_what_is_none(text) -> None:
    """A query that can't be is told at once, with the place."""
    with pytest.raises(QueryError):
        parse_query(text)
