"""Projections: which parts of an item are wanted, as paths that must not overlap."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from haneul.services.dynamodb.errors import invalid
from haneul.services.dynamodb.plane.binding import Binding
from haneul.services.dynamodb.plane.lexer import Tokens
from haneul.services.dynamodb.plane.syntax import Path, parse_path, path_text
from haneul.services.dynamodb.plane.values import Item, Value

Parts = tuple[str | int, ...]
Tree = dict[str | int, Any]
_NO_KEYWORDS: frozenset[str] = frozenset()


@lru_cache(maxsize=4096)
def parse(text: str, expression: str = "ProjectionExpression") -> tuple[Path, ...]:
    tokens = Tokens(text, expression)
    paths = [parse_path(tokens, _NO_KEYWORDS)]
    while tokens.accept(","):
        paths.append(parse_path(tokens, _NO_KEYWORDS))
    if tokens.token.kind != "end":
        raise tokens.syntax_error()
    return tuple(paths)


def bind(text: str, binding: Binding, expression: str = "ProjectionExpression") -> list[Parts]:
    """The paths of a projection expression, resolved. Raises ValidationException."""
    paths = [binding.resolve(path, expression) for path in parse(text, expression)]
    check_overlaps(paths, expression)
    return paths


def check_overlaps(paths: list[Parts], expression: str) -> None:
    """No path may be another's beginning, or take for a list what another takes for a map."""
    if len(paths) < 2:
        return
    if all(len(path) == 1 for path in paths) and len(set(paths)) == len(paths):
        return
    conflict = None
    for number, later in enumerate(paths):
        for earlier in paths[:number]:
            clash = _clash(earlier, later)
            paths_told = f"path one: {path_text(earlier)}, path two: {path_text(later)}"
            told = f"must remove or rewrite one of these paths; {paths_told}"
            if clash == "overlap":
                raise invalid(f"Invalid {expression}: Two document paths overlap with each other; {told}")
            if clash and conflict is None:
                conflict = f"Invalid {expression}: Two document paths conflict with each other; {told}"
    if conflict:
        raise invalid(conflict)


def _clash(one: Parts, two: Parts) -> str | None:
    for a, b in zip(one, two, strict=False):
        if type(a) is not type(b):
            return "conflict"
        if a != b:
            return None
    return "overlap"


def tree(paths: Iterable[Parts]) -> Tree:
    """Paths as a tree: name or index -> subtree, {} for all that is there."""
    root: Tree = {}
    for path in paths:
        node = root
        for part in path:
            node = node.setdefault(part, {})
    return root


def project(item: Item, wanted: Tree) -> Item:
    """The wanted parts of the item, in its own nesting; lists close up around what was left out."""
    result: Item = {}
    for name, subtree in wanted.items():
        value = item.get(name)  # type: ignore[arg-type]
        if value is not None:
            part = value if not subtree else _part(value, subtree)
            if part is not None:
                result[name] = part  # type: ignore[index]
    return result


def _part(value: Value, wanted: Tree) -> Value | None:
    if type(next(iter(wanted))) is int:
        elements = value.get("L")
        if elements is None:
            return None
        found = []
        for index in sorted(wanted):
            if index < len(elements):  # type: ignore[operator]
                subtree = wanted[index]
                element = elements[index] if not subtree else _part(elements[index], subtree)
                if element is not None:
                    found.append(element)
        return {"L": found} if found else None
    members = value.get("M")
    if members is None:
        return None
    kept = project(members, wanted)
    return {"M": kept} if kept else None
