"""Conditions: what the compiler makes of an expression is what a plain reading of it says."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from haneul.services.dynamodb.plane import conditions
from haneul.services.dynamodb.plane.binding import Binding

Value = dict[str, Any]
Item = dict[str, Value]
Model = Callable[[Item], bool]
Leaf = tuple[str, list[Value], Callable[..., bool]]

ORDERED = st.one_of(
    st.integers(-3, 3).map(lambda n: {"N": str(n)}),
    st.sampled_from(["", "a", "ab", "b", "é"]).map(lambda s: {"S": s}),
)
VALUES = st.one_of(
    ORDERED,
    st.booleans().map(lambda b: {"BOOL": b}),
    st.just({"NULL": True}),
    st.lists(ORDERED, max_size=3).map(lambda each: {"L": each}),
    st.sets(st.sampled_from("abc"), min_size=1).map(lambda s: {"SS": sorted(s)}),
)
NAMES = st.sampled_from(["aa", "bb", "cc"])
ITEMS = st.dictionaries(NAMES, VALUES)
OPERATORS = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def plain(value: Value) -> Any:
    ((kind, content),) = value.items()
    if kind == "N":
        return Decimal(content)
    if kind == "S":
        return content.encode()
    return frozenset(content) if kind == "SS" else content


def kind(value: Value) -> str:
    return next(iter(value))


def compare(sign: str, left: Value | None, right: Value) -> bool:
    """Values of different types are unequal and have no order; what is missing is unequal to everything."""
    if left is None or kind(left) != kind(right):
        return sign == "<>"
    return bool(OPERATORS[sign](plain(left), plain(right)))


def contains(left: Value | None, right: Value) -> bool:
    if left is None:
        return False
    if kind(left) == "S":
        return kind(right) == "S" and right["S"] in left["S"]
    if kind(left) == "SS":
        return kind(right) == "S" and right["S"] in left["SS"]
    return kind(left) == "L" and any(kind(each) == kind(right) and plain(each) == plain(right) for each in left["L"])


def length(value: Value | None) -> int | None:
    if value is None or kind(value) not in ("S", "L", "SS"):
        return None
    return len(plain(value))


class Built:
    """An expression, the values it needs, and what it means."""

    def __init__(self, text: str, values: dict[str, Value], model: Model) -> None:
        self.text, self.values, self.model = text, values, model


@st.composite
def leaves(draw: Any, numbers: Any) -> Built:
    name = draw(NAMES)
    key = f":v{next(numbers)}"
    form = draw(
        st.sampled_from(["compare", "exists", "missing", "type", "begins", "contains", "in", "between", "size"])
    )
    if form == "exists":
        return Built(f"attribute_exists({name})", {}, lambda item: name in item)
    if form == "missing":
        return Built(f"attribute_not_exists({name})", {}, lambda item: name not in item)
    if form == "type":
        wanted = draw(st.sampled_from(["S", "N", "L", "SS", "BOOL", "NULL", "M"]))
        return Built(
            f"attribute_type({name}, {key})", {key: {"S": wanted}}, lambda i: name in i and kind(i[name]) == wanted
        )
    if form == "begins":
        start = draw(st.sampled_from(["", "a", "ab", "b"]))
        return Built(
            f"begins_with({name}, {key})",
            {key: {"S": start}},
            lambda i: "S" in i.get(name, {}) and i[name]["S"].startswith(start),
        )
    if form == "contains":
        value = draw(ORDERED)
        return Built(f"contains({name}, {key})", {key: value}, lambda i: contains(i.get(name), value))
    if form == "in":
        one, two = draw(VALUES), draw(VALUES)
        return Built(
            f"{name} IN ({key}, {key}x)", {key: one, f"{key}x": two},
            lambda i: compare("=", i.get(name), one) or compare("=", i.get(name), two),
        )  # fmt: skip
    if form == "between":
        low, high = sorted(draw(st.lists(st.integers(-3, 3), min_size=2, max_size=2)))
        return Built(
            f"{name} BETWEEN {key} AND {key}x", {key: {"N": str(low)}, f"{key}x": {"N": str(high)}},
            lambda i: "N" in i.get(name, {}) and low <= int(i[name]["N"]) <= high,
        )  # fmt: skip
    if form == "size":
        count = draw(st.integers(0, 3))
        return Built(f"size({name}) = {key}", {key: {"N": str(count)}}, lambda i: length(i.get(name)) == count)
    sign = draw(st.sampled_from(sorted(OPERATORS)))
    value = draw(VALUES if sign in ("=", "<>") else ORDERED)
    return Built(f"{name} {sign} {key}", {key: value}, lambda i: compare(sign, i.get(name), value))


@st.composite
def expressions(draw: Any, depth: int = 3, numbers: Any = None) -> Built:
    numbers = iter(range(1000)) if numbers is None else numbers
    form = draw(st.sampled_from(["leaf", "and", "or", "not"])) if depth else "leaf"
    if form == "leaf":
        return draw(leaves(numbers))
    left = draw(expressions(depth=depth - 1, numbers=numbers))
    if form == "not":
        return Built(f"NOT ({left.text})", left.values, lambda item: not left.model(item))
    right = draw(expressions(depth=depth - 1, numbers=numbers))
    values = {**left.values, **right.values}
    if form == "and":
        return Built(f"({left.text}) AND ({right.text})", values, lambda i: left.model(i) and right.model(i))
    return Built(f"({left.text}) OR ({right.text})", values, lambda i: left.model(i) or right.model(i))


@given(expressions(), st.lists(ITEMS, min_size=1, max_size=4))
def test_conditions_mean_what_they_say(built: Built, items: list[Item]) -> None:
    """Every operator and function, nested, on items of every kind, against the model above."""
    binding = Binding(None, built.values or None)
    bound = conditions.bind(built.text, binding, "ConditionExpression")
    binding.finish()
    for item in items:
        assert bound.test(item) == built.model(item), (built.text, built.values, item)


@given(st.lists(st.tuples(st.sampled_from(["AND", "OR"]), st.booleans(), st.booleans()), min_size=1, max_size=6))
def test_not_binds_before_and_before_or(parts: list[tuple[str, bool, bool]]) -> None:
    """Precedence without parentheses is Python's own."""
    names = {True: "attribute_exists(aa)", False: "attribute_exists(zz)"}
    text = "attribute_exists(aa)" + "".join(f" {op} {'NOT ' if no else ''}{names[on]}" for op, on, no in parts)
    python = "True" + "".join(f" {op.lower()} {'not ' if no else ''}{on}" for op, on, no in parts)
    bound = conditions.bind(text, Binding(None, None), "ConditionExpression")
    assert bound.test({"aa": {"N": "1"}}) == eval(python)
