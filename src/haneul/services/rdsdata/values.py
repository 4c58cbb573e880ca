"""Values between the Data API's fields and PostgreSQL's text."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from haneul.services.rdsdata.errors import errors

BOOL, BYTEA, INT8, INT2, INT4, TEXT, FLOAT4, FLOAT8, VARCHAR, NUMERIC, UUID = (
    16,
    17,
    20,
    21,
    23,
    25,
    700,
    701,
    1043,
    1700,
    2950,
)
DATE, TIME, TIMESTAMP, TIMESTAMPTZ, JSON, JSONB = 1082, 1083, 1114, 1184, 114, 3802
_HINTS = {"DATE": DATE, "TIME": TIME, "TIMESTAMP": TIMESTAMP, "DECIMAL": NUMERIC, "JSON": JSON, "UUID": UUID}
_INTEGERS = (INT2, INT4, INT8)
# Array type -> the type of its elements.
_ARRAYS = {1000: BOOL, 1005: INT2, 1007: INT4, 1016: INT8, 1009: TEXT, 1015: VARCHAR, 1021: FLOAT4, 1022: FLOAT8,
           1231: NUMERIC, 2951: UUID, 1182: DATE, 1115: TIMESTAMP, 1185: TIMESTAMPTZ, 199: JSON,
           3807: JSONB}  # fmt: skip
# Type -> java.sql.Types, as the metadata tells it.
JDBC = {BOOL: -7, INT2: 5, INT4: 4, INT8: -5, FLOAT4: 7, FLOAT8: 8, NUMERIC: 2, VARCHAR: 12, TEXT: 12, 1042: 1, 19: 12,
        BYTEA: -2, DATE: 91, TIME: 92, 1266: 92, TIMESTAMP: 93, TIMESTAMPTZ: 93, 26: -5}  # fmt: skip
_PATTERNS = {
    "DATE": r"\d{4}-\d{2}-\d{2}",
    "TIME": r"\d{2}:\d{2}:\d{2}(\.\d{1,6})?",
    "TIMESTAMP": r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}(\.\d{1,6})?",
}


def bind(parameter: Mapping[str, Any]) -> tuple[bytes | None, int]:
    """A parameter as PostgreSQL's text and type. Raises BadRequestException, ValidationException."""
    value, hint = parameter.get("value") or {}, parameter.get("typeHint")
    if len(value) != 1:
        raise errors.BadRequestException(f"Parameter {parameter.get('name')} must have exactly one value.")
    kind, content = next(iter(value.items()))
    if kind == "isNull":
        return None, 0 if hint is None else _HINTS[hint]
    if kind == "arrayValue":
        raise errors.BadRequestException("Array parameters are not supported.")
    if hint is not None:
        return _hinted(str(content), hint, kind)
    if kind == "booleanValue":
        return (b"t" if content else b"f"), BOOL
    if kind == "blobValue":
        return b"\\x" + bytes(content).hex().encode(), BYTEA
    types = {"longValue": INT8, "doubleValue": FLOAT8, "stringValue": VARCHAR}
    text = repr(float(content)) if kind == "doubleValue" else str(content)
    return text.encode(), types[kind]


def _hinted(content: str, hint: str, kind: str) -> tuple[bytes, int]:
    pattern = _PATTERNS.get(hint)
    if kind != "stringValue" or (pattern is not None and not re.fullmatch(pattern, content)):
        raise errors.BadRequestException(f"The value {content} doesn't fit the type hint {hint}.")
    return content.encode(), _HINTS[hint]


def field(raw: bytes | None, oid: int, decimal: str = "STRING", long: str = "LONG") -> dict[str, Any]:
    """PostgreSQL's text as a Field."""
    if raw is None:
        return {"isNull": True}
    if oid in _ARRAYS:
        return {"arrayValue": _array(raw.decode(), _ARRAYS[oid])}
    text = raw.decode(errors="replace")
    if oid == BOOL:
        return {"booleanValue": text == "t"}
    if oid in _INTEGERS or oid == 26:
        return {"stringValue": text} if long == "STRING" and oid == INT8 else {"longValue": int(text)}
    if oid in (FLOAT4, FLOAT8):
        return {"doubleValue": float(text)}
    if oid == NUMERIC and decimal == "DOUBLE_OR_LONG" and text != "NaN":
        return {"longValue": int(text)} if re.fullmatch(r"-?\d{1,18}", text) else {"doubleValue": float(text)}
    if oid == BYTEA:
        return {"blobValue": bytes.fromhex(text[2:])}
    if oid == TIMESTAMPTZ:
        text = text.removesuffix("+00")
    return {"stringValue": text}


def plain(raw: bytes | None, oid: int, decimal: str = "STRING", long: str = "LONG") -> Any:
    """PostgreSQL's text as a JSON value, for formatRecordsAs=JSON."""
    made = field(raw, oid, decimal, long)
    kind, content = next(iter(made.items()))
    if kind == "isNull":
        return None
    if kind == "blobValue":
        return base64.b64encode(content).decode()
    if kind == "arrayValue":
        return _plain_array(content)
    return content


def _plain_array(value: Mapping[str, Any]) -> list[Any]:
    kind, content = next(iter(value.items())) if value else ("", [])
    return [_plain_array(one) for one in content] if kind == "arrayValues" else list(content)


def _array(text: str, oid: int) -> dict[str, Any]:
    """PostgreSQL's array text ({1,2}, {{"a","b"},{c,NULL}}) as an ArrayValue."""
    parsed, _ = _elements(text, 0)
    return _typed(parsed, oid)


def _elements(text: str, position: int) -> tuple[list[Any], int]:
    """Parse from the opening brace on; the elements and where the array ends."""
    found: list[Any] = []
    position += 1
    while text[position] != "}":
        if text[position] == ",":
            position += 1
        elif text[position] == "{":
            inner, position = _elements(text, position)
            found.append(inner)
        elif text[position] == '"':
            match = re.compile(r'"((?:[^"\\]|\\.)*)"').match(text, position)
            assert match is not None
            found.append(re.sub(r"\\(.)", r"\1", match.group(1)))
            position = match.end()
        else:
            match = re.compile(r"[^,}]*").match(text, position)
            assert match is not None
            found.append(None if match.group() == "NULL" else match.group())
            position = match.end()
    return found, position + 1


def _typed(parsed: list[Any], oid: int) -> dict[str, Any]:
    if any(isinstance(one, list) for one in parsed):
        return {"arrayValues": [_typed(one, oid) for one in parsed]}
    if any(one is None for one in parsed):
        raise errors.UnsupportedResultException("The result contains an array with a null element.")
    if oid == BOOL:
        return {"booleanValues": [one == "t" for one in parsed]}
    if oid in _INTEGERS:
        return {"longValues": [int(one) for one in parsed]}
    if oid in (FLOAT4, FLOAT8):
        return {"doubleValues": [float(one) for one in parsed]}
    return {"stringValues": list(parsed)}
