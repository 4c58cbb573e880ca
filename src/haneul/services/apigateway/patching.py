"""Patch operations: which paths of a thing may be changed, by which operations, and what the values mean.

    RULES = (Rule("/name", "replace"), Rule("/variables/{}", "add replace remove"), Rule("/types/[]", "add remove"))

A `{}` in a rule is any one segment and becomes a member's name; `[]` is an entry of a list, named in the path (or in
the value, when the path ends before it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from haneul.service import Call
from haneul.services.apigateway.errors import bad, errors, invalid
from haneul.wire.errors import AwsError

_VERBS = ("add", "remove", "move", "test", "replace", "copy")
_DECLARED = {
    "requestParameters": "Invalid parameter name specified",
    "responseParameters": "Invalid parameter name specified",
    "requestTemplates": "Content-Type specified was not found",
    "responseTemplates": "Content-Type specified was not found",
    "requestModels": "Content-Type specified was not found",
    "responseModels": "Content-Type specified was not found",
}
"""Maps whose members must be there to be replaced or removed, and what AWS says when they aren't."""
Convert = Callable[[str], Any]


class Rule(NamedTuple):
    """One path that may be patched."""

    path: str
    operations: str = "replace"
    convert: Convert = str
    named: bool = False
    """Entries of a list are told in the path alone."""


def boolean(text: str) -> bool:
    """AWS takes anything but "true" for false."""
    return text.lower() == "true"


def integer(text: str) -> int:
    return int(text)


def segments(path: str) -> list[str]:
    """The parts of a JSON pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in path.strip("/").split("/")] if path != "/" else []


def checked(call: Call, request: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The request's operations. Raises ValidationException for verbs that aren't any."""
    found: Sequence[Mapping[str, Any]] = request.get("patchOperations") or ()
    wrong = [(number, one.get("op")) for number, one in enumerate(found, 1) if one.get("op") not in _VERBS]
    if wrong:
        name = call.operation[:1].lower() + call.operation[1:]
        told = [
            f"Value '{verb}' at '{name}Input.patchOperations.{number}.member.op' failed to satisfy constraint: Member "
            f"must satisfy enum value set: [{', '.join(_VERBS)}]"
            for number, verb in wrong
        ]
        raise invalid(*told)
    return found


def apply(
    held: dict[str, Any], operations: Sequence[Mapping[str, Any]] | None, rules: Sequence[Rule], plain: bool = False
) -> None:
    """Change `held` as asked. plain: the nouns whose refusals AWS words shortly. Raises BadRequestException."""
    for operation in operations or ():
        verb, path = operation["op"], operation.get("path")
        parts = segments(path) if path else []
        rule = _rule(rules, parts, verb) if parts else None
        if rule is None:
            raise _refusal(rules, parts, verb, path, plain)
        _change(held, rule, parts, verb, operation)


def _refusal(rules: Sequence[Rule], parts: list[str], verb: str, path: str | None, plain: bool) -> AwsError:
    if plain:
        verbs = [one for one in ("add", "remove", "replace", "copy") if parts and _rule(rules, parts, one) is not None]
        if verbs:
            return bad(f"Invalid patch operation specified. Must be one of: [{', '.join(verbs)}]")
        return bad(f"Invalid patch path {path or 'null'}")
    allowed = [rule.path for rule in rules if verb in rule.operations.split()]
    if not allowed or any(_rule(rules, parts, one) is not None for one in ("add", "remove", "replace", "copy")):
        return bad(f"Invalid patch path  '{path}' specified for op '{verb}'. Please choose supported operations")
    shown = ", ".join(one.replace("/{}", "").replace("/[]", "") for one in allowed)
    return bad(f"Invalid patch path  '{path}' specified for op '{verb}'. Must be one of: [{shown}]")


def _rule(rules: Sequence[Rule], parts: list[str], verb: str) -> Rule | None:
    for rule in rules:
        wanted = rule.path.strip("/").split("/")
        if verb not in rule.operations.split():
            continue
        if wanted[-1] == "[]" and len(parts) == len(wanted) - 1 and not rule.named:
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
    if wanted[-1] == "{}" and name not in spot and verb in ("replace", "remove") and wanted[0] in _DECLARED:
        raise errors.NotFoundException(_DECLARED[wanted[0]])
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
