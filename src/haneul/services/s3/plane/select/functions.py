"""S3 Select's scalar functions.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-select-sql-reference-sql-functions.html
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from haneul.services.s3.plane.select import times, values
from haneul.services.s3.plane.select.problems import SelectError
from haneul.services.s3.plane.select.values import MISSING, Value


class Function(NamedTuple):
    """`least` and `most` arguments; a `strict` one is NULL when any argument is."""

    call: Callable[..., Value]
    least: int
    most: int
    strict: bool = True


def find(name: str, count: int, now: float) -> Function:
    """The function of that name for so many arguments. Raises SelectError."""
    if name == "UTCNOW":
        found: Function | None = Function(lambda: datetime.fromtimestamp(now, UTC), 0, 0)
    else:
        found = _FUNCTIONS.get(name)
    if found is None:
        raise SelectError("UnsupportedFunction")
    if not found.least <= count <= found.most:
        raise SelectError("EvaluatorInvalidArguments")
    return found


def _coalesce(*given: Value) -> Value:
    return next((value for value in given if not values.absent(value)), None)


def _null_if(first: Value, second: Value) -> Value:
    if first is MISSING and second is MISSING:
        return None
    return None if _equal(first, second) else first


_equal = values.comparison("=")


def _text(value: Value) -> str:
    if type(value) is not str:
        raise SelectError("IncorrectSqlFunctionArgumentType")
    return value


def _length(text: Value) -> int:
    return len(_text(text))


def _lower(text: Value) -> str:
    return _text(text).lower()


def _upper(text: Value) -> str:
    return _text(text).upper()


def _substring(text: Value, start: Value, length: Value = None) -> str:
    """From 1; what lies before the beginning counts towards the length."""
    begin = int(values.number(start)) - 1
    if length is None:
        return _text(text)[max(0, begin) :]
    count = int(values.number(length))
    if count < 0:
        raise SelectError("IllegalSqlFunctionArgument")
    return _text(text)[max(0, begin) : max(0, begin + count)]


def _trim(side: str, characters: Value, text: Value) -> str:
    stripped, unwanted = _text(text), _text(characters)
    if side != "TRAILING":
        stripped = stripped.lstrip(unwanted)
    if side != "LEADING":
        stripped = stripped.rstrip(unwanted)
    return stripped


def _to_timestamp(text: Value, pattern: Value = None) -> datetime:
    return values.moment(text) if pattern is None else times.read(_text(text), _text(pattern))


def _to_string(moment: Value, pattern: Value) -> str:
    return times.formatted(values.moment(moment), _text(pattern))


def _extract(part: str, moment: Value) -> int:
    return times.part(values.moment(moment), part)


def _date_add(part: str, amount: Value, moment: Value) -> datetime:
    return times.add(values.moment(moment), part, int(values.number(amount)))


def _date_diff(part: str, first: Value, second: Value) -> int:
    return times.difference(values.moment(first), values.moment(second), part)


_FUNCTIONS = {
    "COALESCE": Function(_coalesce, 1, 1000, strict=False),
    "NULLIF": Function(_null_if, 2, 2, strict=False),
    "CHAR_LENGTH": Function(_length, 1, 1),
    "CHARACTER_LENGTH": Function(_length, 1, 1),
    "LOWER": Function(_lower, 1, 1),
    "UPPER": Function(_upper, 1, 1),
    "SUBSTRING": Function(_substring, 2, 3),
    "TRIM": Function(_trim, 3, 3),
    "TO_TIMESTAMP": Function(_to_timestamp, 1, 2),
    "TO_STRING": Function(_to_string, 2, 2),
    "EXTRACT": Function(_extract, 2, 2),
    "DATE_ADD": Function(_date_add, 3, 3),
    "DATE_DIFF": Function(_date_diff, 3, 3),
}
