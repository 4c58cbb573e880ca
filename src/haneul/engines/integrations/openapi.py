"""OpenAPI documents, JSON or YAML, as plain data: bounded, and without what lets a small document grow."""

from __future__ import annotations

import re
from typing import Any

import orjson

from haneul.engines.errors import EngineError

MAX_DOCUMENT = 6 << 20


class Unreadable(EngineError):
    """The text is no document that we read; the message is AWS's."""


def parse(body: bytes) -> dict[str, Any]:
    """The document. Raises Unreadable."""
    if len(body) > MAX_DOCUMENT:
        raise Unreadable("Maximum upload size exceeded")
    found: Any
    try:
        found = orjson.loads(body)
    except ValueError:
        found = _yaml(body)
    if not isinstance(found, dict):
        raise Unreadable("Invalid OpenAPI input.")
    return found


def _yaml(body: bytes) -> Any:
    import yaml

    try:
        text = body.decode()
        if re.search(r"^[^#\n]*[:\-]\s+[&*]\w", text, re.M):  # anchors can blow a small document up
            raise Unreadable("Unable to parse API definition because of a malformed YAML: aliases are not supported")
        return yaml.load(text, Loader=_loader())  # noqa: S506 - a safe loader without dates
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise Unreadable("Unable to parse API definition because of a malformed integration or document") from None


def _loader() -> Any:
    """PyYAML's safe loader that leaves dates as text, as JSON would have them."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        pass

    Loader.yaml_implicit_resolvers = {
        key: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
        for key, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return Loader
