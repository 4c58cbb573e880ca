"""What API Gateway's mapping templates see besides $context: $input and $util."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import orjson

from haneul.engines.templates import jsonpath
from haneul.engines.templates.velocity import TemplateError

_ESCAPES = {
    "\\": "\\\\", "'": "\\'", '"': '\\"', "/": "\\/", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f",
}  # fmt: skip


class Lenient(dict[str, Any]):
    """A map that shows nothing where it has nothing."""

    def get(self, key: Any, default: Any = None) -> Any:
        found = dict.get(self, key)
        if found is None:
            return ""
        return Lenient(found) if type(found) is dict and key not in ("requestOverride", "responseOverride") else found


class Input:
    """$input: the body, and the parameters by place ("path", "querystring", "header"), seen by a template."""

    __slots__ = ("_params_by_place", "_parsed", "_text")

    def __init__(self, params: Mapping[str, Mapping[str, str]], body: bytes) -> None:
        self._params_by_place = params
        self._text = body.decode("utf-8", "replace")
        self._parsed: Any = Input

    def read(self, name: str) -> Any:
        return self._text if name == "body" else None

    def invoke(self, name: str, arguments: tuple[Any, ...]) -> Any:
        if name == "path":
            found = self._find(arguments)
            return "" if found is None else found
        if name == "json":
            found = self._find(arguments)
            return '""' if found is None else orjson.dumps(found).decode()
        if name == "params":
            return self._params(arguments)
        return None

    def _find(self, arguments: tuple[Any, ...]) -> Any:
        if self._parsed is Input:
            try:
                self._parsed = orjson.loads(self._text) if self._text.strip() else {}
            except ValueError:
                self._parsed = self._text
        path = str(arguments[0]) if arguments else "$"
        if path == "$":
            return self._parsed
        try:
            return jsonpath.find(self._parsed, path)
        except jsonpath.BadPath:
            raise TemplateError(f"Invalid JSONPath: {path}") from None

    def _params(self, arguments: tuple[Any, ...]) -> Any:
        if not arguments:
            return dict(self._params_by_place)
        name = str(arguments[0])
        if name in self._params_by_place:
            return self._params_by_place[name]
        for found in self._params_by_place.values():
            if name in found:
                return found[name]
        header = self._params_by_place.get("header") or {}
        return next((value for key, value in header.items() if key.lower() == name.lower()), "")


class Util:
    """$util."""

    __slots__ = ()

    def read(self, name: str) -> Any:
        return None

    def invoke(self, name: str, arguments: tuple[Any, ...]) -> Any:
        value = arguments[0] if arguments else None
        text = "" if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()
        try:
            if name == "escapeJavaScript":
                return escaped(text)
            if name == "parseJson":
                return orjson.loads(text)
            if name == "urlEncode":
                return quote_plus(text)
            if name == "urlDecode":
                return unquote_plus(text)
            if name == "base64Encode":
                return base64.b64encode(text.encode()).decode()
            if name == "base64Decode":
                return base64.b64decode(text).decode("utf-8", "replace")
        except (ValueError, binascii.Error) as error:
            raise TemplateError(f"$util.{name}: {error}") from None
        return None


UTIL = Util()


def escaped(text: str) -> str:
    """As Java's StringEscapeUtils.escapeJavaScript writes it."""
    found = []
    for one in text:
        if one in _ESCAPES:
            found.append(_ESCAPES[one])
        elif " " <= one <= "~":
            found.append(one)
        else:
            found.extend(f"\\u{unit:04X}" for unit in _units(one))
    return "".join(found)


def _units(one: str) -> list[int]:
    data = one.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


def member(source: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(source, Mapping):
            return None
        source = source.get(part)
    return source


def text_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else json.dumps(value)
