"""A deployment's snapshot compiled once: a tree of path segments whose leaves are methods."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


class Method:
    """One method of one resource, ready to answer."""

    __slots__ = ("held", "integration", "path", "resource", "scratch", "verb")

    def __init__(self, resource: str, path: str, verb: str, held: Mapping[str, Any]) -> None:
        self.resource = resource
        self.path = path
        self.verb = verb
        self.held = held
        self.integration: Mapping[str, Any] = held.get("methodIntegration") or {}
        self.scratch: dict[Any, Any] = {}
        """What is made of the method when first needed: compiled patterns and validators."""


class Node:
    """What may follow a path so far."""

    __slots__ = ("greedy", "greedy_name", "literals", "methods", "variable", "variable_name")

    def __init__(self) -> None:
        self.literals: dict[str, Node] = {}
        self.variable: Node | None = None
        self.variable_name = ""
        self.greedy: Node | None = None
        self.greedy_name = ""
        self.methods: dict[str, Method] = {}

    def method(self, verb: str) -> Method | None:
        return self.methods.get(verb) or self.methods.get("ANY")


class Deployed:
    """One deployment of an API."""

    def __init__(self, identity: str, snapshot: Mapping[str, Any]) -> None:
        self.id = identity
        self.api: Mapping[str, Any] = snapshot.get("api") or {}
        self.models: Mapping[str, Any] = snapshot.get("models") or {}
        self.validators: Mapping[str, Any] = snapshot.get("validators") or {}
        self.authorizers: Mapping[str, Any] = snapshot.get("authorizers") or {}
        self.responses: Mapping[str, Any] = snapshot.get("responses") or {}
        self.root = Node()
        self.scratch: dict[Any, Any] = {}
        self.binary = [_media(kind) for kind in self.api.get("binaryMediaTypes") or ()]
        for key, held in (snapshot.get("resources") or {}).items():
            self._plant(key, held)

    def _plant(self, key: str, held: Mapping[str, Any]) -> None:
        node = self.root
        for part in held["path"].strip("/").split("/") if held["path"] != "/" else ():
            if part.startswith("{") and part.endswith("+}"):
                node.greedy = node.greedy or Node()
                node.greedy_name = part[1:-2]
                node = node.greedy
            elif part.startswith("{") and part.endswith("}"):
                node.variable = node.variable or Node()
                node.variable_name = part[1:-1]
                node = node.variable
            else:
                node = node.literals.setdefault(part, Node())
        for verb, method in held["methods"].items():
            node.methods[verb] = Method(key, held["path"], verb, method)

    def find(self, verb: str, segments: list[str]) -> tuple[Method, dict[str, str]] | None:
        """The method for a path's decoded segments, and the values of its variables."""
        return _walk(self.root, verb, segments, 0)

    def is_binary(self, kind: str) -> bool:
        """Whether the API takes this media type for binary."""
        plain = kind.partition(";")[0].strip().lower()
        return any(one.fullmatch(plain) for one in self.binary)


def _media(kind: str) -> re.Pattern[str]:
    return re.compile(re.escape(kind.lower()).replace(r"\*", ".*"))


def _walk(node: Node, verb: str, segments: list[str], at: int) -> tuple[Method, dict[str, str]] | None:
    """Literal before variable before greedy, with a step back where one leads nowhere."""
    if at == len(segments):
        method = node.method(verb)
        return None if method is None else (method, {})
    part = segments[at]
    child = node.literals.get(part)
    if child is not None:
        found = _walk(child, verb, segments, at + 1)
        if found is not None:
            return found
    if node.variable is not None and part:
        found = _walk(node.variable, verb, segments, at + 1)
        if found is not None:
            found[1][node.variable_name] = part
            return found
    if node.greedy is not None:
        method = node.greedy.method(verb)
        if method is not None:
            return method, {node.greedy_name: "/".join(segments[at:])}
    return None
