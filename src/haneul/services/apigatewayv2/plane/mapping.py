"""Parameter mapping of HTTP APIs: what is appended, overwritten and removed on the way there and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from haneul.engines.integrations.upstream import Answered
from haneul.engines.templates import jsonpath
from haneul.services.apigatewayv2.plane.exchange import Exchange

_WHOLE = re.compile(r"\$((?:request|response|context|stageVariables)(?:[.\[].*)?)", re.S)
_INSIDE = re.compile(r"\$\{((?:request|response|context|stageVariables)(?:\.[^{}]*)?)\}")
Pairs = list[tuple[str, str]]


def value_of(exchange: Exchange, expression: str, answer: Answered | None = None) -> str | None:
    """What an expression stands for: `$request.header.x`, or text with `${request.header.x}` in it."""
    whole = _WHOLE.fullmatch(expression)
    if whole is not None and "${" not in expression:
        return source(exchange, whole.group(1), answer)
    if "${" not in expression:
        return expression
    return _INSIDE.sub(lambda found: source(exchange, found.group(1), answer) or "", expression)


def source(exchange: Exchange, path: str, answer: Answered | None = None) -> str | None:
    """What `request.header.x` and the like stand for."""
    kind, _, rest = path.partition(".")
    if kind == "context":
        found: Any = exchange.log_context()
        for part in rest.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return None if found in (None, "", {}) else _text(found)
    if kind == "stageVariables":
        return exchange.variables.get(rest)
    where, _, name = rest.partition(".")
    if kind == "response":
        if answer is None:
            return None
        return answer.headers.get(name.lower()) if where == "header" else _of_body(answer.body, name)
    if where == "header":
        return exchange.request.headers.get(name.lower())
    if where == "querystring":
        return ",".join(exchange.values(name)) or None
    if where == "path":
        return exchange.parameters.get(name) if name else exchange.path
    return _of_body(exchange.request.body, name) if where == "body" else None


def _of_body(body: bytes, path: str) -> str | None:
    if not path:
        return body.decode("utf-8", "replace")
    try:
        found = jsonpath.find(orjson.loads(body), f"$.{path}")
    except (ValueError, jsonpath.BadPath):
        return None
    return None if found is None else _text(found)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


class Outgoing:
    """Headers, query and path of the request that goes out, as the mapping changes them."""

    def __init__(self, exchange: Exchange, mapped: Mapping[str, str], headers: Pairs) -> None:
        self.headers = headers
        self.query: Pairs = list(exchange.query)
        self.path: str | None = None
        for target, expression in mapped.items():
            how, _, what = target.partition(":")
            value = None if how == "remove" else value_of(exchange, expression)
            where, _, name = what.partition(".")
            if what == "path":
                self.path = value
            elif where == "header":
                self.headers = _changed(self.headers, how, name, value, lambda one: one.lower())
            elif where == "querystring":
                self.query = _changed(self.query, how, name, value, lambda one: one)


def _changed(pairs: Pairs, how: str, name: str, value: str | None, same: Any) -> Pairs:
    if how == "remove":
        return [pair for pair in pairs if same(pair[0]) != same(name)]
    if value is None:
        return pairs
    if how == "overwrite":
        pairs = [pair for pair in pairs if same(pair[0]) != same(name)]
    return [*pairs, (name, value)]


def answered(exchange: Exchange, mapped: Mapping[str, Mapping[str, str]], answer: Answered) -> Answered:
    """An integration's answer with what the mapping of its status changes."""
    rules = mapped.get(str(answer.status))
    if not rules:
        return answer
    status, pairs = answer.status, answer.pairs
    for target, expression in rules.items():
        how, _, what = target.partition(":")
        value = None if how == "remove" else value_of(exchange, expression, answer)
        if what == "statuscode":
            if value is not None and re.fullmatch(r"[2-5]\d\d", value):
                status = int(value)
        else:
            pairs = _changed(pairs, how, what.partition(".")[2], value, lambda one: one.lower())
    return Answered(status, answer.headers, answer.body, pairs)
