"""What a target gets: the event, a part of it, a constant, or a template filled in. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

_STEP = re.compile(r"\.?([A-Za-z0-9_\-$@]+)|\[\s*(\d+|\*|'[^']*'|\"[^\"]*\")\s*\]")
_PLACE = re.compile(r"<([^<>\s]+)>")
_MISSING = object()


def path_value(event: Any, path: str) -> Any:
    """What a JSON path finds in an event; None when nothing is there."""
    if path == "$":
        return event
    position, value = 1, event
    while position < len(path):
        found = _STEP.match(path, position)
        if found is None:
            return None
        position = found.end()
        value = _step(value, found.group(1) or found.group(2))
        if value is _MISSING:
            return None
    return value


def _step(value: Any, name: str) -> Any:
    if name == "*":
        return value if isinstance(value, list) else _MISSING
    if name[:1] in "'\"":
        name = name[1:-1]
    if isinstance(value, list):
        if name.isdigit():
            return value[int(name)] if int(name) < len(value) else _MISSING
        parts = [part for part in (_step(item, name) for item in value) if part is not _MISSING]
        return parts or _MISSING
    if isinstance(value, Mapping):
        return value.get(name, _MISSING)
    return _MISSING


def target_input(target: Mapping[str, Any], event: Mapping[str, Any], rule: str, now: str) -> str:
    """The text that the target gets."""
    if target.get("Input") is not None:
        return str(target["Input"])
    if target.get("InputPath"):
        return _dump(path_value(event, target["InputPath"]))
    transformer = target.get("InputTransformer")
    if transformer:
        return fill(transformer["InputTemplate"], transformer.get("InputPathsMap") or {}, event, rule, now)
    return _dump(event)


def _dump(value: Any) -> str:
    return orjson.dumps(value).decode()


def fill(template: str, paths: Mapping[str, str], event: Mapping[str, Any], rule: str, now: str) -> str:
    """A template with its placeholders replaced: as JSON outside of quotes, as bare text inside; all bare in a template
    that is no JSON."""
    plain = template.lstrip()[:1] not in ("{", "[", '"', "<")
    values: dict[str, Any] = {name: path_value(event, path) for name, path in paths.items()}
    values["aws.events.rule-arn"] = rule
    values["aws.events.rule-name"] = rule.rpartition("/")[2]
    values["aws.events.event.ingestion-time"] = now
    values["aws.events.event.json"] = event
    values["aws.events.event"] = {name: value for name, value in event.items() if name != "detail"}
    pieces: list[str] = []
    position, quoted = 0, False
    for found in _PLACE.finditer(template):
        literal = template[position : found.start()]
        quoted = _still_quoted(literal, quoted)
        pieces.append(literal)
        name = found.group(1)
        if name not in values:
            pieces.append(found.group(0))
        elif plain or (template.lstrip()[:1] == "<" and not _is_whole(template)):
            pieces.append(_bare(values[name]))
        else:
            pieces.append(_shown(values[name], quoted))
        position = found.end()
    pieces.append(template[position:])
    filled = "".join(pieces)
    try:
        return _dump(json.loads(filled))
    except ValueError:
        return filled


def _is_whole(template: str) -> bool:
    """The template is one placeholder and nothing else."""
    return _PLACE.fullmatch(template.strip()) is not None


def _bare(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else _dump(value)


def _still_quoted(text: str, quoted: bool) -> bool:
    escaped = False
    for character in text:
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
    return quoted


def _shown(value: Any, quoted: bool) -> str:
    if not quoted:
        return _dump(value) if value is not None else '""'
    if value is None:
        return ""
    if isinstance(value, str):
        return _dump(value)[1:-1]
    return _dump(_dump(value))[1:-1] if isinstance(value, dict | list) else _dump(value)
