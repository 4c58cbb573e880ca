"""Named parameters and values of the Data API, without a server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haneul.services.rdsdata import markers, values
from haneul.wire.errors import AwsError


@pytest.mark.parametrize(
    ("sql", "expected", "order"),
    [
        ("SELECT :a, :b, :a", "SELECT $1, $2, $1", ["a", "b"]),
        ("SELECT ':a', \":b\", a::text", "SELECT ':a', \":b\", a::text", []),
        ("SELECT 'it''s :a', :a", "SELECT 'it''s :a', $1", ["a"]),
        ("SELECT 1 -- :a\n, :b", "SELECT 1 -- :a\n, $1", ["b"]),
        ("SELECT /* :a */ :b", "SELECT /* :a */ $1", ["b"]),
        ("SELECT $x$ :a $x$, :b", "SELECT $x$ :a $x$, $1", ["b"]),
    ],
)
def test_markers(sql: str, expected: str, order: list[str]) -> None:
    """Only real parameters are numbered."""
    assert markers.number(sql, {"a", "b"}) == (expected, order)


def test_a_parameter_that_was_not_given() -> None:
    """Is an error, never an injection."""
    with pytest.raises(AwsError, match="Cannot find parameter: b"):
        markers.number("SELECT :b", {"a"})


@given(st.lists(st.text("abc \\\"{},'NUL").filter(lambda one: one != ""), max_size=5))
def test_arrays_come_back(words: list[str]) -> None:
    """PostgreSQL's array text, quoted as PostgreSQL quotes it, is read back exactly."""
    quoted = ",".join('"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in words)
    assert values.field(f"{{{quoted}}}".encode(), 1009) == {"arrayValue": {"stringValues": words}}


def test_nested_arrays() -> None:
    """arrayValues within arrayValues."""
    assert values.field(b"{{1,2},{3,4}}", 1007) == {
        "arrayValue": {"arrayValues": [{"longValues": [1, 2]}, {"longValues": [3, 4]}]}
    }
