"""Mapping: templates with $input, $util, $context and $stageVariables, and parameters from here to there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from haneul.engines.templates import jsonpath
from haneul.engines.templates.mapping import UTIL, Input, Lenient, member, text_of
from haneul.engines.templates.velocity import TemplateError, compile_template
from haneul.services.apigateway.plane.exchange import Exchange
from haneul.services.apigateway.plane.refusals import configuration

_VARIABLE = re.compile(
    r"\$\{(context|stageVariables)\.([A-Za-z0-9_.\-]+)\}|\$(context|stageVariables)\.([A-Za-z0-9_.\-]+)"
)


def parameters(exchange: Exchange) -> dict[str, dict[str, str]]:
    """What $input.params() tells."""
    return {
        "path": dict(exchange.parameters),
        "querystring": {key: values[-1] for key, values in exchange.query.items()},
        "header": {key: values[-1] for key, values in exchange.headers.items()},
    }


def render(exchange: Exchange, template: str, body: bytes) -> str:
    """The template's text. Raises Refused for a template that fails."""
    names = {
        "input": Input(parameters(exchange), body),
        "util": UTIL,
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
        value = member(source, path.rstrip("."))
        return ("" if value is None else text_of(value)) + ("." if path.endswith(".") else "")

    return _VARIABLE.sub(fill, template)


def variables_in(exchange: Exchange, text: str) -> str:
    """A URI, ARN or the like with its ${stageVariables.x} filled in."""
    if "stageVariables" not in text:
        return text
    return re.sub(
        r"\$\{stageVariables\.([A-Za-z0-9_]+)\}", lambda found: exchange.variables.get(found.group(1), ""), text
    )


def source_value(exchange: Exchange, source: str, answer: tuple[Mapping[str, str], bytes] | None = None) -> str | None:
    """What a mapping expression stands for; None for nothing. `answer`: headers (lower case) and body of an
    integration."""
    if source.startswith("'"):
        return source[1:-1] if source.endswith("'") else source[1:]
    kind, _, rest = source.partition(".")
    if kind == "context":
        found = member(exchange.context(), rest)
        return None if found in (None, "") else text_of(found)
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
