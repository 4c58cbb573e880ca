"""Single values as text (query strings, headers, labels, XML) in both directions, and what can be wrong with them."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from math import isfinite, isinf, isnan
from typing import Any
from urllib.parse import unquote_to_bytes

from haneul.wire import timestamps

Convert = Callable[[Any], Any]

INTEGERS = frozenset({"integer", "long", "short", "byte", "biginteger"})
FLOATS = frozenset({"float", "double", "bigdecimal"})


class Unreadable(ValueError):
    """A value that cannot be what the model says. `path` grows outwards while it is raised."""

    def __init__(self, reason: str, value: object = "", path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.value = value
        self.path = path

    def within(self, name: str) -> Unreadable:
        self.path = f"{name}.{self.path}" if self.path else name
        return self


def string(value: Any) -> str:
    if type(value) is str:
        return value
    raise Unreadable("expected a string", value)


def integer(value: Any) -> int:
    try:
        if "_" in value:
            raise ValueError
        number = int(value)
    except (ValueError, TypeError):
        raise Unreadable("expected an integer", value) from None
    if not -(1 << 63) <= number < 1 << 63:
        raise Unreadable("integer out of range", value)
    return number


def floating(value: Any) -> float:
    try:
        if "_" in value:
            raise ValueError
        return float(value)
    except (ValueError, TypeError):
        raise Unreadable("expected a number", value) from None


def boolean(value: Any) -> bool:
    if value == "true":
        return True
    if value == "false":
        return False
    lowered = value.strip().lower() if isinstance(value, str) else None
    if lowered in {"true", "1"}:
        return True
    if lowered in {"false", "0"}:
        return False
    raise Unreadable("expected true or false", value)


def timestamp(value: Any) -> float:
    try:
        return timestamps.parse(value)
    except (ValueError, OverflowError):
        raise Unreadable("expected a timestamp", value) from None


def blob(value: Any) -> bytes:
    """Base64 text; line breaks and a missing padding are forgiven."""
    try:
        text = value.encode("ascii")
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except ValueError:
            text = b"".join(text.split()).rstrip(b"=")
            return binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    except (AttributeError, ValueError):
        raise Unreadable("expected base64", value) from None


def reader(shape: Mapping[str, Any]) -> Convert:
    """Text -> value of a scalar shape. Raises Unreadable."""
    kind = shape["type"]
    if kind in INTEGERS:
        return integer
    if kind in FLOATS:
        return floating
    return {"boolean": boolean, "timestamp": timestamp, "blob": blob}.get(kind, string)


def base64_text(value: Any) -> str:
    if isinstance(value, str):
        value = value.encode()
    return binascii.b2a_base64(value, newline=False).decode("ascii")


def float_text(value: Any) -> str:
    """A number as AWS writes it in text: NaN, Infinity, 1.5, 10.0."""
    number = float(value)
    if isfinite(number):
        return repr(number) if not isinstance(value, int) else str(value)
    return special(number)


def special(number: float) -> str:
    """The JSON string for a float that JSON has no number for."""
    if isnan(number):
        return "NaN"
    assert isinf(number)
    return "Infinity" if number > 0 else "-Infinity"


def bool_text(value: Any) -> str:
    return "true" if value else "false"


def writer(shape: Mapping[str, Any], timestamp_format: str) -> Callable[[Any], str]:
    """Value -> text of a scalar shape; `timestamp_format` where the shape names none."""
    kind = shape["type"]
    if kind == "timestamp":
        return timestamps.WRITERS[shape.get("timestampFormat", timestamp_format)]
    if kind in FLOATS:
        return float_text
    return {"boolean": bool_text, "blob": base64_text}.get(kind, str)


def unquote(text: str) -> str:
    """Percent-decoding, once. Raises UnicodeDecodeError when the bytes aren't UTF-8."""
    return unquote_to_bytes(text).decode() if "%" in text or not text.isascii() else text


def form(text: str) -> list[tuple[str, str]]:
    """The pairs of a query string or a form body, in order; a name without "=" has the value ""."""
    pairs = []
    for piece in text.split("&"):
        if not piece:
            continue
        name, _, value = piece.partition("=")
        if "%" in piece or "+" in piece:
            name = unquote(name.replace("+", " "))
            value = unquote(value.replace("+", " "))
        pairs.append((name, value))
    return pairs
