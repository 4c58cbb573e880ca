"""Records into bytes: CSV rows or JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import orjson

from haneul.services.s3.plane.select.values import MISSING, Value, text

Write = Callable[[Sequence[str], Sequence[Value]], bytes]
"""(names, values) of a record -> its bytes, with the delimiter."""


class CsvForm(NamedTuple):
    field: str = ","
    record: str = "\n"
    quote: str = '"'
    escape: str = '"'
    always: bool = False


def csv_writer(form: CsvForm) -> Write:
    """Fields are quoted where they must be, or always."""
    special = tuple(character for character in (form.field, form.record, form.quote, "\n", "\r") if character)

    def field(value: Value) -> str:
        if value is None or value is MISSING:
            shown = ""
        elif type(value) is str:
            shown = value
        elif isinstance(value, dict | list):
            shown = as_json(value).decode()
        else:
            shown = text(value)
        if form.quote and (form.always or any(each in shown for each in special)):
            escaped = shown.replace(form.escape, form.escape * 2) if form.escape != form.quote else shown
            return form.quote + escaped.replace(form.quote, form.escape + form.quote) + form.quote
        return shown

    others = tuple(each for each in special if each != form.field)

    def write(names: Sequence[str], values: Sequence[Value]) -> bytes:
        if not form.always and all(type(value) is str for value in values):
            joined = form.field.join(values)  # mostly, there is nothing to quote
            if joined.count(form.field) == len(values) - 1 and not any(each in joined for each in others):
                return (joined + form.record).encode()
        return (form.field.join([field(value) for value in values]) + form.record).encode()

    return write


def json_writer(record: str) -> Write:
    """An object a record; what is MISSING is left out."""
    delimiter = record.encode()

    def write(names: Sequence[str], values: Sequence[Value]) -> bytes:
        shown = {name: value for name, value in zip(names, values, strict=False) if value is not MISSING}
        return as_json(shown) + delimiter

    return write


def as_json(value: Value) -> bytes:
    return orjson.dumps(value, default=_other, option=orjson.OPT_PASSTHROUGH_DATETIME)


def _other(value: Value) -> object:
    if isinstance(value, Decimal):
        return orjson.Fragment(text(value))
    if isinstance(value, datetime):
        return text(value)
    if isinstance(value, int):  # beyond 64 bits
        return orjson.Fragment(str(value))
    raise TypeError
