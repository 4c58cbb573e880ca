"""Mapping: templates with $input, $util, $context and $stageVariables, and parameters from here to there."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import orjson

from haneul.engines.templates.velocity import TemplateError, compile_template
from haneul.services.apigateway.plane import jsonpath
from haneul.services.apigateway.plane.exchange import Exchange
from haneul.services.apigateway.plane.refusals import configuration

_ESCAPES = {
    "\\": "\\\\", "'": "\\'", '"': '\\"', "/": "\\/", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f",
}  # fmt: skip
_VARIABLE = re.compile(
    r"\$\{(context|stageVariables)\.([A-Za-z0-9_.\-]+)\}|\$(context|stageVariables)\.([A-Za-z0-9_.\-]+)"
)


class Lenient(dict[str, Any]):
    """A map that shows nothing where it has nothing."""

    def get(self, key: Any, default: Any = None) -> Any:
        found = dict.get(self, key)
        if found is None:
            return ""
        return Lenient(found) if type(found) is dict and key not in ("requestOverride", "responseOverride") else found


class Input:
    """$input: the body and parameters, seen by a template."""

    __slots__ = ("_exchange", "_parsed", "_text")

    def __init__(self, exchange: Exchange, body: bytes) -> None:
        self._exchange = exchange
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
        exchange = self._exchange
        path = exchange.parameters
        query = {key: values[-1] for key, values in exchange.query.items()}
        header = {key: values[-1] for key, values in exchange.headers.items()}
        if not arguments:
            return {"path": dict(path), "querystring": query, "header": header}
        name = str(arguments[0])
        if name in ("path", "querystring", "header"):
            return {"path": dict(path), "querystring": query, "header": header}[name]
        for found in (path, query, header):
            if name in found:
                return found[name]
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


_UTIL = Util()


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


def render(exchange: Exchange, template: str, body: bytes) -> str:
    """The template's text. Raises Refused for a template that fails."""
    names = {
        "input": Input(exchange, body),
        "util": _UTIL,
        "context": Lenient(exchange.context()),
        "stageVariables": Lenient(exchange.variables),
    }
    try:
        return compile_template(template).render(names)
    except TemplateError as error:
        exchange.log(f"Execution failed due to configuration error: Unable to transform: {error}")
        raise configuration() from error


def gateway_template(exchange: Exchange, template: str) -> str:
    """A gateway response's template, in which only variables are replaced."""
    context = exchange.context()

    def fill(found: re.Match[str]) -> str:
        kind, path = found.group(1) or found.group(3), found.group(2) or found.group(4)
        source: Any = context if kind == "context" else exchange.variables
        value = _member(source, path.rstrip("."))
        return ("" if value is None else _text(value)) + ("." if path.endswith(".") else "")

    return _VARIABLE.sub(fill, template)


def variables_in(exchange: Exchange, text: str) -> str:
    """A URI, ARN or the like with its ${stageVariables.x} filled in."""
    if "stageVariables" not in text:
        return text
    return re.sub(
        r"\$\{stageVariables\.([A-Za-z0-9_]+)\}", lambda found: exchange.variables.get(found.group(1), ""), text
    )


def _member(source: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(source, Mapping):
            return None
        source = source.get(part)
    return source


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else json.dumps(value)


def source_value(exchange: Exchange, source: str, answer: tuple[Mapping[str, str], bytes] | None = None) -> str | None:
    """What a mapping expression stands for; None for nothing. `answer`: headers (lower case) and body of an
    integration."""
    if source.startswith("'"):
        return source[1:-1] if source.endswith("'") else source[1:]
    kind, _, rest = source.partition(".")
    if kind == "context":
        found = _member(exchange.context(), rest)
        return None if found in (None, "") else _text(found)
    if kind == "stageVariables":
        return exchange.variables.get(rest)
    if source.startswith(("method.request.body", "integration.response.body", "integration.request.body")):
        body = answer[1] if answer is not None else exchange.body
        return _of_body(body, source.split("body", 1)[1])
    where, _, name = source.split(".", 2)[2].partition(".") if source.count(".") >= 3 else ("", "", "")
    if kind == "integration":
        return answer[0].get(name.lower()) if answer is not None and where in ("header", "multivalueheader") else None
    if kind not in ("method", "gatewayresponse") and not source.startswith("method.request"):
        return None
    return _of_request(exchange, where, name)


def _of_request(exchange: Exchange, where: str, name: str) -> str | None:
    if where == "path":
        return exchange.parameters.get(name)
    if where == "querystring":
        values = exchange.query.get(name)
        return values[-1] if values else None
    if where == "multivaluequerystring":
        values = exchange.query.get(name)
        return ",".join(values) if values else None
    return exchange.request.headers.get(name.lower())


def _of_body(body: bytes, path: str) -> str | None:
    if not path:
        return body.decode("utf-8", "replace")
    try:
        found = jsonpath.find(orjson.loads(body), "$" + path)
    except (ValueError, jsonpath.BadPath):
        return None
    return None if found is None else found if isinstance(found, str) else orjson.dumps(found).decode()
