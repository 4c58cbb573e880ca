"""Patterns: every operator on what it takes and what it doesn't, and what no service takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haneul.kit.patterns import PatternError, compile_pattern


@pytest.mark.parametrize(
    ("condition", "holds", "fails"),
    [
        ("a", ["a", ["b", "a"]], ["b", None, 1, {"a": "a"}]),
        (1, [1, 1.0], ["1", True, 2]),
        (True, [True], [1, "true"]),
        (None, [None], ["", 0]),
        ({"prefix": "ab"}, ["abc"], ["ba", 1]),
        ({"prefix": {"equals-ignore-case": "AB"}}, ["abc"], ["ba"]),
        ({"suffix": ".png"}, ["x.png"], ["x.jpg"]),
        ({"anything-but": "a"}, ["b", 1], ["a"]),
        ({"anything-but": ["a", 1]}, ["b", 2], ["a", 1]),
        ({"anything-but": {"prefix": "a"}}, ["b"], ["ab"]),
        ({"anything-but": {"wildcard": "*/x"}}, ["y/z"], ["y/x"]),
        ({"numeric": [">", 0, "<=", 5]}, [1, 5, 0.5], [0, 6, "3", True]),
        ({"numeric": ["=", 5]}, [5, 5.0], [4]),
        ({"exists": True}, ["a", None, []], [{}]),
        ({"equals-ignore-case": "aB"}, ["Ab"], ["a"]),
        ({"wildcard": "a*c*e"}, ["ace", "abbcde"], ["ac", "xace"]),
        ({"wildcard": "a\\*b"}, ["a*b"], ["axb"]),
        ({"cidr": "10.0.0.0/8"}, ["10.1.2.3"], ["11.0.0.1", "x", 1]),
        ({"cidr": "2001:db8::/32"}, ["2001:db8::1"], ["2001:db9::1"]),
    ],
)
def test_operators(condition, holds, fails) -> None:
    """Each operator by the examples of AWS's documentation."""
    matches = compile_pattern({"x": [condition]})
    for value in holds:
        assert matches({"x": value}), value
    for value in fails:
        assert not matches({"x": value}), value


def test_absence_nesting_and_choice() -> None:
    """What isn't there, what lies deeper, and what may be one or the other."""
    absent = compile_pattern({"a": {"b": [{"exists": False}]}})
    assert absent({})
    assert absent({"a": {}})
    assert not absent({"a": {"b": 1}})
    choice = compile_pattern({"s": ["x"], "$or": [{"a": [1]}, {"b": [{"prefix": "y"}]}]})
    assert choice({"s": "x", "b": "yes"})
    assert not choice({"s": "x", "b": "no"})
    one = compile_pattern({"list": {"name": ["a"], "size": [1]}})
    assert one({"list": [{"name": "b", "size": 2}, {"name": "a", "size": 1}]})
    assert not one({"list": [{"name": "a", "size": 2}, {"name": "b", "size": 1}]})


@pytest.mark.parametrize(
    "pattern",
    [
        {}, [], "x", {"a": "b"}, {"a": []}, {"a": {}}, {"a": [["b"]]}, {"a": [{"nope": 1}]}, {"a": [{"prefix": 1}]},
        {"a": [{"numeric": ["<"]}]}, {"a": [{"numeric": [">", 5, "<", 1]}]}, {"a": [{"exists": "x"}]},
        {"a": [{"prefix": "a", "suffix": "b"}]}, {"a": [{"wildcard": "a**b"}]}, {"a": [{"cidr": "x"}]},
        {"a": [{"anything-but": []}]},
    ],
)  # fmt: skip
def test_what_no_service_takes(pattern) -> None:
    """A pattern that can't be is refused when it is put, not when an event comes."""
    with pytest.raises(PatternError):
        compile_pattern(pattern)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=10,
)


@given(VALUES, st.text(max_size=3))
def test_anything_but_is_the_opposite_on_single_values(event, text) -> None:
    """For a value that is no list, a text matches or anything but it does, never both."""
    value = {"a": event}
    if isinstance(event, list | dict):
        compile_pattern({"a": [text]})(value)
        return
    same, other = compile_pattern({"a": [text]}), compile_pattern({"a": [{"anything-but": text}]})
    assert same(value) != other(value)
