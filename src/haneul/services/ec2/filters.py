"""Filters of every Describe: a name leads to members of the answer, values may hold wildcards.

    FILTERS = {"cidr": "CidrBlock", "cidr-block-association.state": "CidrBlockAssociationSet.CidrBlockState.State"}

A path walks through lists by itself. `tag:<key>` and `tag-key` are known to all of them. What the answer doesn't
show is a function of the rendered answer instead. Source: EC2's API reference, "Filter".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from haneul.services.ec2.errors import errors, invalid

Path = str | Callable[[Mapping[str, Any]], Any]
Filters = Mapping[str, Path]
VALUES = 200
"""The most values that one request's filters may have."""


class Filter:
    """A request's filters, ready: every one of them must match, any of its values will do; none matches nothing."""

    def __init__(self, asked: Sequence[Mapping[str, Any]] | None, known: Filters) -> None:
        """Raises InvalidParameterValue for a name that isn't known, FilterLimitExceeded."""
        self._tests: list[tuple[Path, list[re.Pattern[str]]]] = []
        total = 0
        for one in asked or ():
            name, values = one.get("Name") or "", one.get("Values") or []
            total += len(values)
            path = _path(name, known)
            if path is None:
                raise invalid(f"The filter '{name}' is invalid")
            self._tests.append((path, [pattern(value) for value in values]))
        if total > VALUES:
            raise errors.FilterLimitExceeded(
                f"The maximum number of filter values specified on a single call is {VALUES}"
            )

    def __bool__(self) -> bool:
        return bool(self._tests)

    def matches(self, item: Mapping[str, Any]) -> bool:
        """Whether a resource, as the answer shows it, passes."""
        return all(
            any(one.fullmatch(value) for value in texts(item, path) for one in patterns)
            for path, patterns in self._tests
        )


def _path(name: str, known: Filters) -> Path | None:
    if name.startswith("tag:") and len(name) > 4:
        key = name[4:]
        return lambda item: [tag["Value"] for tag in _tags(item) if tag["Key"] == key]
    if name == "tag-key":
        return lambda item: [tag["Key"] for tag in _tags(item)]
    if name == "tag-value":
        return lambda item: [tag["Value"] for tag in _tags(item)]
    return known.get(name)


def _tags(item: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    return item.get("Tags") or item.get("TagSet") or ()


def texts(item: Mapping[str, Any], path: Path) -> Iterator[str]:
    """What stands at a path, as filters write it: true and false, numbers, times in ISO 8601."""
    found = path(item) if callable(path) else _walk(item, path.split("."))
    for value in found if isinstance(found, (list, tuple, set, Iterator)) else (found,):
        if value is None:
            continue
        if isinstance(value, bool):
            yield "true" if value else "false"
        elif isinstance(value, datetime):
            yield value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        elif isinstance(value, float):
            yield datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        else:
            yield str(value)


def _walk(value: Any, steps: Sequence[str]) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for one in value:
            yield from _walk(one, steps)
    elif not steps:
        yield value
    elif isinstance(value, Mapping) and steps[0] in value:
        yield from _walk(value[steps[0]], steps[1:])


@lru_cache(maxsize=1024)
def pattern(value: str) -> re.Pattern[str]:
    r"""A filter's value: * for any characters, ? for one, \ before one that is meant as it is."""
    out = []
    escaped = False
    for char in value:
        if escaped:
            out.append(re.escape(char))
            escaped = False
        elif char == "\\":
            escaped = True
        else:
            out.append(".*" if char == "*" else "." if char == "?" else re.escape(char))
    if escaped:
        out.append(re.escape("\\"))
    return re.compile("".join(out), re.DOTALL)
