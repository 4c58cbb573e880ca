"""Reading policy documents for what they mention: condition keys, and where their statements stand in the text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

_VARIABLE = re.compile(r"\$\{\s*([^${}*?,\s][^${},]*?)\s*(?:,[^}]*)?\}")
_SPACE = re.compile(r"[ \t\r\n,:]*")
_DECODER = json.JSONDecoder()


class Span(NamedTuple):
    """Where a statement stands, as the simulator tells it: lines and columns from 1."""

    start: tuple[int, int]
    end: tuple[int, int]


def names(document: str) -> list[str]:
    """The context keys that a policy mentions, as variables and in its conditions, each once."""
    try:
        policy = json.loads(document)
    except ValueError:
        return []
    statements = policy.get("Statement", []) if isinstance(policy, dict) else []
    found: dict[str, str] = {}
    for statement in statements if isinstance(statements, list) else [statements]:
        if not isinstance(statement, dict):
            continue
        _add_variables(found, statement.get("Resource"))
        _add_variables(found, statement.get("NotResource"))
        condition = statement.get("Condition")
        for block in condition.values() if isinstance(condition, dict) else ():
            for key, values in block.items() if isinstance(block, dict) else ():
                found.setdefault(key.lower(), key)
                _add_variables(found, values)
    return list(found.values())


def all_names(documents: Iterable[str]) -> list[str]:
    found: dict[str, str] = {}
    for document in documents:
        for name in names(document):
            found.setdefault(name.lower(), name)
    return list(found.values())


def spans(document: str) -> list[Span]:
    """The places of the statements, in order."""
    found = []
    for start, end in _statements(document):
        found.append(Span(_place(document, start), _place(document, end)))
    return found


def _add_variables(found: dict[str, str], value: Any) -> None:
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, str):
            for name in _VARIABLE.findall(text):
                found.setdefault(name.lower(), name)


def _place(document: str, index: int) -> tuple[int, int]:
    """AWS counts columns from the character behind, so the first one is 2."""
    line_start = document.rfind("\n", 0, index) + 1
    return document.count("\n", 0, index) + 1, index - line_start + 2


def _statements(document: str) -> list[tuple[int, int]]:
    at = document.find("{") + 1
    while True:
        at = _skip(document, at)
        if at >= len(document) or document[at] == "}":
            return []
        key, at = _DECODER.raw_decode(document, at)
        at = _skip(document, at)
        value, end = _DECODER.raw_decode(document, at)
        if key == "Statement":
            return [(at, end - 1)] if isinstance(value, dict) else _items(document, at + 1)
        at = end


def _items(document: str, at: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    while True:
        at = _skip(document, at)
        if at >= len(document) or document[at] == "]":
            return found
        _, end = _DECODER.raw_decode(document, at)
        found.append((at, end - 1))
        at = end


def _skip(document: str, at: int) -> int:
    space = _SPACE.match(document, at)
    return at if space is None else space.end()
