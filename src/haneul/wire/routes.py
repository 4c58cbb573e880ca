"""Which operation a REST request means: strictly by method, path, literal query keys and required members.

A sub-resource that the model knows is never overlooked: `DELETE /b?analytics&id=1` is
DeleteBucketAnalyticsConfiguration or nothing, not DeleteBucket.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from haneul.wire import scalars
from haneul.wire.errors import AwsError
from haneul.wire.model import Model, OperationModel
from haneul.wire.quirks import quirks

MAX_CACHED = 4096
Labels = dict[str, str]


class Candidate(NamedTuple):
    """One operation behind a method and a path template."""

    operation: str
    labels: tuple[str, ...]
    literals: frozenset[tuple[str, str | None]]
    """Query keys the template holds, with their values where it gives any."""
    required: frozenset[str]
    """Query keys of members that are required."""
    headers: frozenset[str]
    """Headers of members that are required."""
    optional: frozenset[str]
    """Query keys of its other members."""
    weak: bool
    """Deprecated or demoted: it gives way to another."""


class Choice:
    """The candidates of one method and path template, and what of a request tells them apart."""

    def __init__(self) -> None:
        self.candidates: list[Candidate] = []
        self.headers: tuple[str, ...] = ()
        self.known: dict[str, tuple[str | None, str] | None] = {}

    def settle(self) -> None:
        self.candidates.sort(key=lambda candidate: (candidate.weak, candidate.operation))
        self.headers = tuple(sorted({header for candidate in self.candidates for header in candidate.headers}))


class _Node:
    __slots__ = ("choices", "greedy", "label", "literals")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.label: _Node | None = None
        self.greedy: dict[tuple[str, ...], dict[str, Choice]] = {}
        """Literal segments after a greedy label -> method -> choice."""
        self.choices: dict[str, Choice] = {}


class Router:
    """The routes of one service, for rest-json and rest-xml."""

    def __init__(self, model: Model) -> None:
        self._root = _Node()
        demoted = quirks(model.name, model.protocol).demoted
        choices: set[Choice] = set()
        significant: set[str] = set()
        for operation in model.operations.values():
            path, _, query = operation.uri.partition("?")
            candidate = _candidate(model, operation, path, query, operation.deprecated or operation.name in demoted)
            choice = self._choice(operation.method, path)
            choice.candidates.append(candidate)
            choices.add(choice)
            significant.update(key for key, _ in candidate.literals)
            significant.update(candidate.required)
        for choice in choices:
            choice.settle()
        self._significant = frozenset(significant)
        """Query keys that tell operations apart, anywhere in the service."""
        self._valued = {
            key: frozenset(
                v for c in choices for a in c.candidates for k, v in a.literals if k == key and v is not None
            )
            for c in choices
            for a in c.candidates
            for key, value in a.literals
            if value is not None
        }
        self._cache: dict[tuple[Any, ...], Candidate | None] = {}
        self._buckets = model.name == "s3"

    def _choice(self, method: str, path: str) -> Choice:
        node = self._root
        segments = path.strip("/").split("/") if path.strip("/") else []
        for at, segment in enumerate(segments):
            if segment.startswith("{") and segment.endswith("+}"):
                return node.greedy.setdefault(tuple(segments[at + 1 :]), {}).setdefault(method, Choice())
            if segment.startswith("{") and segment.endswith("}"):
                if node.label is None:
                    node.label = _Node()
                node = node.label
            else:
                node = node.literals.setdefault(segment, _Node())
        return node.choices.setdefault(method, Choice())

    def match(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> tuple[str, Labels] | None:
        """(operation, its labels decoded once), or None when no operation is meant. Raises AwsError InvalidURI when
        the path isn't UTF-8."""
        found = self._bucket(method, path) if self._buckets else self._find(method, path)
        if found is None:
            return None
        choice, raw = found
        candidate = self._pick(choice, query, headers)
        if candidate is None:
            return None
        try:
            return candidate.operation, {
                name: scalars.unquote(value) for name, value in zip(candidate.labels, raw, strict=True)
            }
        except UnicodeDecodeError:
            raise AwsError("InvalidURI", "Couldn't parse the specified URI.", 400) from None

    # Paths

    def _bucket(self, method: str, path: str) -> tuple[Choice, tuple[str, ...]] | None:
        """S3's three depths: the service, a bucket, an object, whose key may hold anything."""
        bucket, _, key = path[1:].partition("/")
        if not bucket:
            choice = self._root.choices.get(method) if not key else None
            return None if choice is None else (choice, ())
        node = self._root.label
        if bucket == "WriteGetObjectResponse" and method == "POST" and not key:
            node = self._root.literals[bucket]
            return node.choices[method], ()
        if node is None:
            return None
        if key:
            choice = node.greedy[()].get(method)
            return None if choice is None else (choice, (bucket, key))
        choice = node.choices.get(method)
        return None if choice is None else (choice, (bucket,))

    def _find(self, method: str, path: str) -> tuple[Choice, tuple[str, ...]] | None:
        segments = path.lstrip("/").split("/") if path.strip("/") else []
        return self._descend(self._root, method, segments, 0, ())

    def _descend(
        self, node: _Node, method: str, segments: list[str], at: int, raw: tuple[str, ...]
    ) -> tuple[Choice, tuple[str, ...]] | None:
        if at == len(segments) or (at == len(segments) - 1 and not segments[at]):
            choice = node.choices.get(method)
            return None if choice is None else (choice, raw)
        segment = segments[at]
        child = node.literals.get(segment)
        if child is not None:
            found = self._descend(child, method, segments, at + 1, raw)
            if found is not None:
                return found
        if node.label is not None and segment:
            found = self._descend(node.label, method, segments, at + 1, (*raw, segment))
            if found is not None:
                return found
        for suffix, methods in sorted(node.greedy.items(), key=lambda item: -len(item[0])) if node.greedy else ():
            end = len(segments) - len(suffix)
            choice = methods.get(method)
            if choice is not None and end > at and tuple(segments[end:]) == suffix:
                return choice, (*raw, "/".join(segments[at:end]))
        return None

    # Queries and headers

    def _pick(self, choice: Choice, query: str, headers: Mapping[str, str]) -> Candidate | None:
        keys = self._relevant(query) if query else ()
        present = tuple(name for name in choice.headers if name in headers) if choice.headers else ()
        key = (id(choice), keys, present)
        cached = self._cache.get(key, ...)
        if cached is not ...:
            return cached
        candidate = self._decide(choice, dict(keys), frozenset(present))
        if len(self._cache) >= MAX_CACHED:
            self._cache.clear()
        self._cache[key] = candidate
        return candidate

    def _relevant(self, query: str) -> tuple[tuple[str, str | None], ...]:
        """The query's keys that tell operations apart, with their values where those do."""
        found: dict[str, str | None] = {}
        for piece in query.split("&"):
            name, _, value = piece.partition("=")
            if "%" in name:
                try:
                    name = scalars.unquote(name)
                except UnicodeDecodeError:
                    continue
            if name in self._significant:
                values = self._valued.get(name)
                if values is None:
                    found[name] = None
                elif value in values:
                    found[name] = value
            elif name == "x-id":
                found[name] = value
        return tuple(sorted(found.items()))

    def _decide(self, choice: Choice, keys: dict[str, str | None], headers: frozenset[str]) -> Candidate | None:
        named = keys.pop("x-id", None)
        best: tuple[Any, ...] | None = None
        winner = None
        for order, candidate in enumerate(choice.candidates):
            literals = {key for key, _ in candidate.literals}
            if any(key not in keys or (value is not None and keys[key] != value) for key, value in candidate.literals):
                continue
            unclaimed = frozenset(keys) - literals - candidate.required - candidate.optional
            score = (
                len(unclaimed) + len(headers - candidate.headers),
                len(candidate.required - frozenset(keys)) + len(candidate.headers - headers),
                candidate.operation != named,
                -len(literals),
                order,
            )
            if best is None or score < best:
                best, winner = score, candidate
        if winner is None:
            return None
        literals = {key for key, _ in winner.literals}
        if not literals and frozenset(keys) - winner.required - winner.optional:
            return None  # a sub-resource was named, and nothing here answers to it
        if self._buckets and winner.required and not literals and not winner.required & frozenset(keys):
            return None  # POST of an object: only what names an upload completes one
        return winner


def _candidate(model: Model, operation: OperationModel, path: str, query: str, weak: bool) -> Candidate:
    labels = tuple(part[1:-1].rstrip("+") for part in path.split("/") if part.startswith("{") and part.endswith("}"))
    literals = set()
    for piece in query.split("&") if query else ():
        key, equals, value = piece.partition("=")
        literals.add((key, value if equals and value else None))
    required: set[str] = set()
    headers: set[str] = set()
    optional: set[str] = set()
    if operation.input is not None:
        shape = model.resolve(operation.input)
        for name, ref in shape["members"].items():
            member = model.resolve(ref)
            wire = member.get("locationName", name)
            needed = name in shape.get("required", ())
            if member.get("location") == "querystring":
                (required if needed else optional).add(wire)
            elif member.get("location") == "header" and needed:
                headers.add(wire.lower())
    return Candidate(
        operation.name, labels, frozenset(literals), frozenset(required), frozenset(headers), frozenset(optional), weak
    )


@cache
def router(model: Model) -> Router:
    """The service's router; the same one for the same model."""
    return Router(model)
