"""A deployment's snapshot compiled once: a tree of path segments whose leaves are routes (HTTP), or routes by key
(WebSocket)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEFAULT = "$default"


class Route:
    """One route, ready to answer. `path` and `verb` are "" for $default and for WebSocket routes."""

    __slots__ = ("held", "id", "integration", "key", "path", "scratch", "verb")

    def __init__(self, identity: str, held: Mapping[str, Any], integrations: Mapping[str, Any]) -> None:
        self.id = identity
        self.held = held
        self.key: str = held["RouteKey"]
        verb, space, path = self.key.partition(" /")
        self.verb = verb if space else ""
        self.path = f"/{path}" if space else ""
        target = str(held.get("Target") or "").removeprefix("integrations/")
        self.integration: Mapping[str, Any] | None = integrations.get(target)
        self.scratch: dict[str, Any] = {}
        """What is made of the route when first needed: compiled validators."""


class Node:
    """What may follow a path so far."""

    __slots__ = ("greedy", "literals", "routes", "variable")

    def __init__(self) -> None:
        self.literals: dict[str, Node] = {}
        self.variable: Node | None = None
        self.greedy: Node | None = None
        self.routes: dict[str, Route] = {}

    def route(self, verb: str) -> Route | None:
        return self.routes.get(verb) or self.routes.get("ANY")


class Deployed:
    """One deployment of an API."""

    def __init__(self, identity: str, snapshot: Mapping[str, Any]) -> None:
        self.id = identity
        self.api: Mapping[str, Any] = snapshot.get("api") or {}
        self.models: Mapping[str, str] = snapshot.get("models") or {}
        self.authorizers: Mapping[str, Any] = {
            key: {"AuthorizerId": key, **held} for key, held in (snapshot.get("authorizers") or {}).items()
        }
        integrations = snapshot.get("integrations") or {}
        self.root = Node()
        self.by_key: dict[str, Route] = {}
        for key, held in (snapshot.get("routes") or {}).items():
            route = Route(key, held, integrations)
            self.by_key[route.key] = route
            if route.path:
                self._plant(route)
        self.default = self.by_key.get(DEFAULT)

    def _plant(self, route: Route) -> None:
        node = self.root
        for part in route.path[1:].split("/"):
            if part.startswith("{") and part.endswith("+}"):
                node.greedy = node.greedy or Node()
                node = node.greedy
            elif part.startswith("{") and part.endswith("}"):
                node.variable = node.variable or Node()
                node = node.variable
            else:
                node = node.literals.setdefault(part, Node())
        node.routes[route.verb] = route

    def find(self, verb: str, segments: list[str]) -> tuple[Route, dict[str, str]] | None:
        """The route for a path's decoded segments, and the values of its variables."""
        route = _walk(self.root, verb, segments, 0)
        if route is None:
            return None if self.default is None else (self.default, {})
        return route, _values(route, segments)


def _values(route: Route, segments: list[str]) -> dict[str, str]:
    found = {}
    for index, part in enumerate(route.path[1:].split("/")):
        if part.startswith("{") and part.endswith("+}"):
            found[part[1:-2]] = "/".join(segments[index:])
        elif part.startswith("{") and part.endswith("}"):
            found[part[1:-1]] = segments[index]
    return found


def _walk(node: Node, verb: str, segments: list[str], at: int) -> Route | None:
    """Literal before variable before greedy, with a step back where one leads nowhere."""
    if at == len(segments):
        return node.route(verb)
    part = segments[at]
    child = node.literals.get(part)
    if child is not None:
        found = _walk(child, verb, segments, at + 1)
        if found is not None:
            return found
    if node.variable is not None and part:
        found = _walk(node.variable, verb, segments, at + 1)
        if found is not None:
            return found
    if node.greedy is not None and any(segments[at:]):
        return node.greedy.route(verb)
    return None
