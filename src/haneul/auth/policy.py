"""Policy documents, compiled once from their JSON text: statements that answer quickly whether they match a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import orjson

from haneul.auth.conditions import Check, compile_block
from haneul.auth.grantees import Grantees
from haneul.auth.patterns import Keys, Matcher, Template, action_matcher, always, has_variables, resource_matcher

MAX_TEXT = 256 << 10


class Statement:
    """One compiled statement.

    action(name in lower case) and resource(arn, keys) say whether it is about them, conditions whether it holds now;
    grantees is None in identity policies. `keys` are all condition keys that it may read.
    """

    __slots__ = ("action", "allow", "anywhere", "conditions", "grantees", "index", "keys", "resource", "sid")

    def __init__(self, raw: Mapping[str, Any], index: int, variables: bool) -> None:
        self.index = index
        self.sid = str(raw.get("Sid", ""))
        self.allow = raw.get("Effect") == "Allow"
        self.action = _actions(raw)
        self.resource, read = _resources(raw, variables)
        self.anywhere = self.resource is always
        self.grantees = Grantees.parse(raw)
        self.conditions: list[Check]
        self.conditions, asked = compile_block(raw.get("Condition") or {}, variables)
        self.keys = read | asked

    def holds(self, resource: str, keys: Keys) -> bool:
        """Whether the statement is about this resource and its conditions are met; the action was matched before."""
        if not self.resource(resource, keys):
            return False
        return not self.conditions or all(check(keys) for check in self.conditions)


class Policy:
    """One compiled document. A document that is no policy compiles to one that allows and denies nothing."""

    __slots__ = ("name", "statements")

    def __init__(self, text: str, name: str = "") -> None:
        self.name = name
        self.statements: tuple[Statement, ...] = _statements(text)

    def about(self, action: str) -> list[Statement]:
        """The statements about an action (lower case)."""
        return [statement for statement in self.statements if statement.action(action)]


@lru_cache(maxsize=1024)
def _statements(text: str) -> tuple[Statement, ...]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return ()
    if not isinstance(document, dict):
        return ()
    raws = document.get("Statement", [])
    variables = document.get("Version") == "2012-10-17"
    return tuple(
        Statement(raw, index, variables)
        for index, raw in enumerate(raws if isinstance(raws, list) else [raws])
        if isinstance(raw, dict) and raw.get("Effect") in ("Allow", "Deny")
    )


def compiled(text: str, name: str = "") -> Policy:
    """The compiled form of a document; statements are shared between equal texts."""
    return Policy(text, name)


def listed(value: Any) -> list[str]:
    """A policy element that may be one string or several."""
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _actions(raw: Mapping[str, Any]) -> Callable[[str], bool]:
    if "NotAction" in raw:
        excluded = action_matcher(listed(raw["NotAction"]))
        return lambda action: not excluded(action)
    return action_matcher(listed(raw.get("Action", [])))


def _resources(raw: Mapping[str, Any], variables: bool) -> tuple[Matcher, frozenset[str]]:
    if "NotResource" in raw:
        texts = listed(raw["NotResource"])
        excluded, keys = resource_matcher(texts, variables)
        templates = [Template(text) for text in texts if variables and has_variables(text)]
        # A statement whose variable can't be filled in is about nothing, also the other way round.
        return (
            lambda value, context: (
                not excluded(value, context) and all(template.fill(context) is not None for template in templates)
            )
        ), keys
    if "Resource" in raw:
        return resource_matcher(listed(raw["Resource"]), variables)
    # Trust policies have no Resource: they are about the role that they belong to.
    return always, frozenset()
