"""The ARN that a decision is about: an operation's template over the call's scope and the request's members."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from haneul.service import Call, Resource

Filling = Callable[["Call", Mapping[str, Any]], str]
_NAME = re.compile(r"\{(\w+)\}")
_templates: dict[str, Filling] = {}


def resource_of(resource: Resource, call: Call, request: Mapping[str, Any]) -> str | list[str]:
    """The resource of a call; a member that the request doesn't have is "*"."""
    if not isinstance(resource, str):
        return resource(call, request)
    fill = _templates.get(resource)
    if fill is None:
        fill = _templates[resource] = _compile(resource)
    return fill(call, request)


def _compile(template: str) -> Filling:
    parts = _NAME.split(template)
    if len(parts) == 1:
        return lambda call, request: template
    literals, names = parts[::2], parts[1::2]
    pattern = "%s".join(literal.replace("%", "%%") for literal in literals)
    members = [(name, name not in ("account", "region", "partition")) for name in names]

    def fill(call: Call, request: Mapping[str, Any]) -> str:
        return pattern % tuple([request.get(name, "*") if given else _scope(call, name) for name, given in members])

    return fill


def _scope(call: Call, name: str) -> str:
    if name == "account":
        return call.scope.account
    return call.region if name == "region" else "aws"
