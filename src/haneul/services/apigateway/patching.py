"""Patch operations: which paths of a thing may be changed, by which operations, and what the values mean.

    RULES = (Rule("/name", "replace"), Rule("/variables/{}", "add replace remove"), Rule("/types/[]", "add remove"))

A `{}` in a rule is any one segment and becomes a member's name; `[]` is an entry of a list, named in the path (or in
the value, when the path ends before it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from haneul.services.apigateway.errors import bad

Convert = Callable[[str], Any]


class Rule(NamedTuple):
    """One path that may be patched."""

    path: str
    operations: str = "replace"
    convert: Convert = str


def boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


def integer(text: str) -> int:
    return int(text)


def segments(path: str) -> list[str]:
    """The parts of a JSON pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in path.strip("/").split("/")] if path != "/" else []


def apply(held: dict[str, Any], operations: Sequence[Mapping[str, Any]] | None, rules: Sequence[Rule]) -> None:
    """Change `held` as asked. Raises BadRequestException."""
    for operation in operations or ():
        verb, path = operation.get("op"), operation.get("path")
        if not verb or not path:
            raise bad("Invalid patch operation specified: op and path are required")
        if verb not in ("add", "remove", "replace", "copy"):
            raise bad(
                f"Invalid patch operation specified. Must be one of: [add, remove, replace, copy], but was '{verb}'"
            )
        parts = segments(path)
        rule = _rule(rules, parts, verb)
        if rule is None:
            allowed = sorted({rule.path for rule in rules if verb in rule.operations.split()})
            if allowed and any(_rule(rules, parts, other) for other in ("add", "remove", "replace", "copy")):
                raise bad(f"Invalid patch path  '{path}' specified for op '{verb}'. Please choose supported operations")
            raise bad(
                f"Invalid patch path  '{path}' specified for op '{verb}'. Must be one of: "
                f"[{', '.join(one.replace('/{}', '').replace('/[]', '') for one in allowed)}]"
            )
        _change(held, rule, parts, verb, operation)


def _rule(rules: Sequence[Rule], parts: list[str], verb: str) -> Rule | None:
    for rule in rules:
        wanted = rule.path.strip("/").split("/")
        if verb not in rule.operations.split():
            continue
        if wanted[-1] == "[]" and len(parts) == len(wanted) - 1:
            wanted = wanted[:-1]
        if len(wanted) == len(parts) and all(
            one in ("{}", "[]") or one == part for one, part in zip(wanted, parts, strict=True)
        ):
            return rule
    return None


def _change(held: dict[str, Any], rule: Rule, parts: list[str], verb: str, operation: Mapping[str, Any]) -> None:
    wanted = rule.path.strip("/").split("/")
    is_list = wanted[-1] == "[]"
    value: Any = operation.get("value")
    if verb == "copy":
        value = _read(held, segments(operation.get("from") or ""))
        if value is None:
            raise bad(f"Invalid copy source specified: {operation.get('from')}")
    elif verb != "remove" and not is_list:
        value = _converted(rule, value, operation)
    spot = held
    last = len(wanted) - 2 if is_list else len(parts) - 1
    for part in parts[:last]:
        inner = spot.get(part)
        if not isinstance(inner, dict):
            if verb == "remove":
                raise bad(f"Cannot remove path {operation['path']} because it doesn't exist")
            inner = spot[part] = {}
        spot = inner
    name = parts[last]
    if is_list:
        _change_list(spot, name, parts[last + 1] if len(parts) > last + 1 else None, verb, value)
    elif verb == "remove":
        spot.pop(name, None)
    else:
        spot[name] = dict(value) if isinstance(value, dict) else value


def _change_list(spot: dict[str, Any], name: str, entry: str | None, verb: str, value: Any) -> None:
    have = list(spot.get(name) or ())
    if verb == "remove":
        gone = entry if entry is not None else value
        have = [one for index, one in enumerate(have) if one != gone and str(index) != gone] if gone else []
    elif verb == "replace" and entry is not None and value:
        spots = [index for index, one in enumerate(have) if one == entry or str(index) == entry]
        if spots:
            have[spots[0]] = value
        else:
            have = [value]
    elif verb == "replace":
        have = [one.strip() for one in str(value or entry or "").split(",") if one.strip()]
    else:
        for one in (value or entry or "").split(","):
            if one and one not in have:
                have.append(one)
    spot[name] = have


def _converted(rule: Rule, value: Any, operation: Mapping[str, Any]) -> Any:
    if value is None:
        if rule.convert not in (boolean, integer, float):
            return rule.convert("")
        raise bad(f"Invalid patch value '' specified for op '{operation['op']}' with path '{operation['path']}'")
    try:
        return rule.convert(value)
    except ValueError:
        wanted = {boolean: "a Boolean", integer: "an integer", float: "a number"}.get(rule.convert, "valid")
        raise bad(
            f"Invalid patch value specified for op '{operation['op']}' with path '{operation['path']}'. "
            f"Must be {wanted}"
        ) from None


def _read(held: Mapping[str, Any], parts: list[str]) -> Any:
    found: Any = held
    for part in parts:
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found
