"""Values of a query: NULL is None, MISSING its own; CSV fields are text that acts as a number where one is needed."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, DecimalException
from typing import Any

from haneul.services.s3.plane.select import times
from haneul.services.s3.plane.select.problems import SelectError

Value = Any


class Missing:
    """A field that a record doesn't have."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()
_RAISED = (DecimalException, ValueError, TypeError, OverflowError)


def absent(value: Value) -> bool:
    """NULL or MISSING."""
    return value is None or value is MISSING


def numeric(value: Value) -> int | float | Decimal | None:
    """The number that a value is or spells; None when it doesn't."""
    kind = type(value)
    if kind is int or kind is float or kind is Decimal:
        number: int | float | Decimal = value
        return number
    if kind is str:
        try:
            return _spelled(value)
        except (ValueError, DecimalException):
            return None
    return None


def _spelled(text: str) -> int | Decimal:
    """The number that a text spells, as SQL does: no underscores, no infinities. Raises ValueError or its kin."""
    if not text.isascii() or "_" in text:
        raise ValueError
    try:
        return int(text)
    except ValueError:
        decimal = Decimal(text.strip())
    if not decimal.is_finite():
        raise ValueError
    return decimal


def number(value: Value) -> int | float | Decimal:
    """The number that a value is or spells. Raises SelectError."""
    found = numeric(value)
    if found is None:
        raise SelectError("InvalidDataType" if type(value) is not str else "CastFailed")
    return found


def pair(left: Value, right: Value) -> tuple[Any, Any] | None:
    """Both values as ones that compare; None where they don't."""
    a, b = type(left), type(right)
    if a is b and a is not dict:
        return left, right
    if a is bool or b is bool:
        if a is str and left.lower() in ("true", "false"):
            return left.lower() == "true", right
        if b is str and right.lower() in ("true", "false"):
            return left, right.lower() == "true"
        return None
    if a is datetime or b is datetime:
        try:
            return (left if a is datetime else times.parse(left)), (right if b is datetime else times.parse(right))
        except (SelectError, AttributeError):
            return None
    one, other = numeric(left), numeric(right)
    if one is None or other is None:
        return (left, right) if a is b else None
    if type(one) is float or type(other) is float:
        return float(one), float(other)
    return one, other


def comparison(name: str) -> Callable[[Value, Value], bool | None]:
    """= <> < <= > >=: None where either side is NULL or MISSING; what doesn't compare is unequal."""
    compare = {
        "=": operator.eq,
        "<>": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
    }[name]
    unequal = name == "<>"

    def compared(left: Value, right: Value) -> bool | None:
        if left is None or right is None or left is MISSING or right is MISSING:
            return None
        both = pair(left, right)
        if both is None:
            return unequal
        try:
            return bool(compare(*both))
        except TypeError:
            return unequal

    return compared


def arithmetic(name: str, left: Value, right: Value) -> Value:
    """+ - * / %: whole numbers stay whole. Raises SelectError."""
    if absent(left) or absent(right):
        return None
    one, other = number(left), number(right)
    if type(one) is float or type(other) is float:
        one, other = float(one), float(other)
    try:
        if name == "+":
            return one + other  # type: ignore[operator]
        if name == "-":
            return one - other  # type: ignore[operator]
        if name == "*":
            return one * other  # type: ignore[operator]
        if other == 0:
            raise SelectError("DivideByZero")
        if type(one) is int and type(other) is int:
            quotient = abs(one) // abs(other)
            quotient = quotient if (one < 0) == (other < 0) else -quotient
            return quotient if name == "/" else one - quotient * other
        return one / other if name == "/" else one % other  # type: ignore[operator]
    except _RAISED:
        raise SelectError(
            "IntegerOverflow", "An integer overflow or underflow occurred in the SQL expression."
        ) from None


def cast(value: Value, kind: str) -> Value:
    """CAST. Raises SelectError CastFailed."""
    if absent(value):
        return value
    try:
        return _CASTS[kind](value)
    except _RAISED:
        raise SelectError("CastFailed") from None


def _boolean(value: Value) -> bool:
    if type(value) is bool:
        return value
    if type(value) is str:
        return {"true": True, "false": False}[value.strip().lower()] if value.strip().lower() in _BOOLS else _bad()
    return bool(number(value))


_BOOLS = ("true", "false")


def _bad() -> bool:
    raise ValueError


def _whole(value: Value) -> int:
    if type(value) is str:
        return int(_spelled(value))
    if type(value) is bool or isinstance(value, int | float | Decimal):
        return int(value)
    raise ValueError


def _float(value: Value) -> float:
    if type(value) is str:
        return float(_spelled(value))
    if isinstance(value, int | float | Decimal):
        return float(value)
    raise ValueError


def _decimal(value: Value) -> Decimal:
    if type(value) is str:
        return Decimal(_spelled(value))
    if isinstance(value, int | float | Decimal):
        return Decimal(str(value)) if type(value) is float else Decimal(value)
    raise ValueError


def _moment(value: Value) -> datetime:
    if type(value) is datetime:
        return value
    if type(value) is str:
        return times.parse(value)
    raise ValueError


def text(value: Value) -> str:
    """A scalar as text."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind is Decimal:
        return format(value, "f") if -30 < value.adjusted() < 30 else str(value)
    if kind is datetime:
        return times.text(value)
    return str(value)


_CASTS: dict[str, Callable[[Value], Value]] = {
    "bool": _boolean,
    "int": _whole,
    "float": _float,
    "decimal": _decimal,
    "string": text,
    "timestamp": _moment,
}


def moment(value: Value) -> datetime:
    """A timestamp, or text that is one. Raises SelectError."""
    if type(value) is datetime:
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    if type(value) is str:
        return times.parse(value)
    raise SelectError("IncorrectSqlFunctionArgumentType")
