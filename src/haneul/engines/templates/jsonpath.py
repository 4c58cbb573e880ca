"""JSONPath, as far as API Gateway's templates and mappings use it: members, indexes, wildcards, slices, descent,
simple filters."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_TOKEN = re.compile(
    r"\.\.(?P<deep>[\w\-]+|\*)|\.(?P<name>[\w\-$@]+|\*)|\[\s*(?P<index>-?\d+)\s*\]|"
    r"\[\s*'(?P<single>[^']*)'\s*\]|\[\s*\"(?P<double>[^\"]*)\"\s*\]|\[\s*(?P<all>\*)\s*\]|"
    r"\[\s*(?P<start>-?\d*):(?P<end>-?\d*)\s*\]|"
    r"\[\?\(\s*@\.(?P<field>[\w.\-]+)\s*(?:(?P<mark>==|!=|<=|>=|<|>)\s*(?P<value>'[^']*'|\"[^\"]*\"|[\w.\-]+))?\s*\)\]"
)
MAX_FOUND = 10_000


class BadPath(Exception):
    """The path is no JSONPath that we know."""


@lru_cache(1024)
def _tokens(path: str) -> tuple[dict[str, str], ...]:
    at = 1 if path.startswith("$") else 0
    text = path if at else "$." + path
    at = 1
    found = []
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise BadPath(path)
        found.append({key: value for key, value in token.groupdict().items() if value is not None})
        at = token.end()
    return tuple(found)


def find(value: Any, path: str) -> Any:
    """What the path leads to; None for nothing, a list where it may lead to several. Raises BadPath."""
    spots, many = [value], False
    for token in _tokens(path.strip()):
        many = many or not ({"name", "index", "single", "double"} & set(token)) or token.get("name") == "*"
        spots = [one for spot in spots for one in _step(spot, token)][:MAX_FOUND]
    if many:
        return spots
    return spots[0] if spots else None


def _step(spot: Any, token: dict[str, str]) -> list[Any]:
    name = token.get("name", token.get("single", token.get("double")))
    if name == "*" or "all" in token:
        return list(spot.values()) if isinstance(spot, dict) else list(spot) if isinstance(spot, list) else []
    if name is not None:
        if isinstance(spot, dict):
            return [spot[name]] if name in spot else []
        if isinstance(spot, list) and name in ("length()", "size()"):
            return [len(spot)]
        return []
    if "index" in token:
        index = int(token["index"])
        return [spot[index]] if isinstance(spot, list) and -len(spot) <= index < len(spot) else []
    if "deep" in token:
        return list(_descend(spot, token["deep"]))
    if not isinstance(spot, list):
        return []
    if "field" in token:
        return [one for one in spot if _holds(one, token)]
    start, end = (int(token[key]) if token.get(key) else None for key in ("start", "end"))
    return spot[start:end]


def _descend(spot: Any, name: str) -> Any:
    stack, seen = [spot], 0
    while stack and seen < MAX_FOUND:
        one = stack.pop()
        seen += 1
        if isinstance(one, dict):
            for key, value in one.items():
                if name in ("*", key):
                    yield value
            stack.extend(reversed(list(one.values())))
        elif isinstance(one, list):
            stack.extend(reversed(one))


def _holds(one: Any, token: dict[str, str]) -> bool:
    for part in token["field"].split("."):
        if not isinstance(one, dict) or part not in one:
            return False
        one = one[part]
    if "mark" not in token:
        return True
    text = token["value"]
    wanted: Any = text[1:-1] if text[0] in "'\"" else {"true": True, "false": False, "null": None}.get(text, text)
    if isinstance(one, int | float) and not isinstance(one, bool) and text[0] not in "'\"":
        wanted = float(text)
    mark = token["mark"]
    if mark in ("==", "!="):
        return bool(one == wanted) == (mark == "==")
    if type(one) is not type(wanted) and not isinstance(one, int | float):
        return False
    return bool({"<": one < wanted, ">": one > wanted, "<=": one <= wanted, ">=": one >= wanted}[mark])
