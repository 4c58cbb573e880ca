"""Patterns of policies: * and ? wildcards, ARNs matched part by part, and ${variables} filled in from the request."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Protocol

Value = str | list[str]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LITERALS = {"*": "*", "?": "?", "$": "$"}
_ARN_COLONS = 5
_WITHIN = "[^:]"
"""What a wildcard matches within a part of an ARN."""


class Keys(Protocol):
    """The condition keys of a request, by lower-case name."""

    def get(self, key: str) -> Value | None: ...


Matcher = Callable[[str, Keys], bool]
"""(value, keys) -> whether the value matches the pattern that this was made from."""


class Template:
    """A text with variables. `keys` are those it reads, lower-case."""

    __slots__ = ("keys", "parts")

    def __init__(self, text: str) -> None:
        # Literal text as str; a variable as (key, default or None); ${*} and the like as ("", the character).
        self.parts: list[str | tuple[str, str | None]] = []
        at = 0
        for found in _VARIABLE.finditer(text):
            if found.start() > at:
                self.parts.append(text[at : found.start()])
            self.parts.append(_variable(found[1]))
            at = found.end()
        if at < len(text):
            self.parts.append(text[at:])
        self.keys = frozenset(part[0] for part in self.parts if isinstance(part, tuple) and part[0])

    def fill(self, keys: Keys) -> list[tuple[str, bool]] | None:
        """(text, whether it is literal) pieces, None when a variable has no single value."""
        filled = []
        for part in self.parts:
            if isinstance(part, str):
                filled.append((part, False))
                continue
            key, default = part
            value = keys.get(key) if key else default
            if isinstance(value, list):
                value = value[0] if len(value) == 1 else None
            elif value is None:
                value = default
            if value is None:
                return None
            filled.append((value, True))
        return filled


def _variable(inner: str) -> tuple[str, str | None]:
    if inner in _LITERALS:
        return "", _LITERALS[inner]
    key, comma, default = inner.partition(",")
    default = default.strip()
    if comma and len(default) >= 2 and default[0] == default[-1] == "'" and "'" not in default[1:-1]:
        return key.strip().lower(), default[1:-1]
    return inner.strip().lower(), None


def has_variables(text: str) -> bool:
    return "${" in text


def glob(text: str) -> str:
    """The regular expression of a pattern in which * is any run of characters and ? any one."""
    return _render([(character, ".") for character in text])


def _render(characters: Iterable[tuple[str, str]]) -> str:
    """The regular expression of (character, class) pairs: * and ? match by their class, "" is a literal character.

    A run that another run follows takes the leftmost fit and is never tried again (an atomic group), which finds the
    same matches and keeps the time linear: a pattern of many stars can't be made to hang us.
    """
    out: list[str] = []
    run = ""  # the class of the star that waits for what comes behind it
    chunk: list[str] = []
    for character, kind in characters:
        if character == "*" and kind:
            if run and chunk:
                out.append(f"(?>{run}*?{''.join(chunk)})")
            elif not run:
                out.extend(chunk)
            # Of two stars side by side with different reach the wider one takes it all.
            run, chunk = (kind if chunk or run in ("", kind) else "."), []
        else:
            chunk.append(kind if character == "?" and kind else re.escape(character))
            if character == ":" and run == _WITHIN:  # the part ends here, and with it the run's reach
                out.append(f"{run}*{''.join(chunk)}")
                run, chunk = "", []
    out.append(f"{run}*{''.join(chunk)}" if run else "".join(chunk))
    return "".join(out)


@lru_cache(maxsize=4096)
def _compiled(pattern: str, flags: int) -> re.Pattern[str]:
    return re.compile(pattern, flags)


def arn_glob(pieces: Iterable[tuple[str, bool]]) -> str:
    """The regular expression of an ARN pattern: wildcards stay within the first five parts, unless a * ends it all."""
    pieces = list(pieces)
    size = sum(len(text) for text, _ in pieces)
    characters: list[tuple[str, str]] = []
    colons = 0
    for text, literal in pieces:
        for character in text:
            colons += character == ":"
            ends = character == "*" and len(characters) == size - 1
            characters.append((character, "" if literal else "." if colons >= _ARN_COLONS or ends else _WITHIN))
    return _render(characters)


def string_pattern(pieces: Iterable[tuple[str, bool]]) -> str:
    return _render([(character, "" if literal else ".") for text, literal in pieces for character in text])


def never(value: str, keys: Keys) -> bool:
    return False


def always(value: str, keys: Keys) -> bool:
    return True


def resource_matcher(texts: Iterable[str], variables: bool) -> tuple[Matcher, frozenset[str]]:
    """Whether a resource ARN matches one of the patterns; and the keys that their variables read."""
    exact: set[str] = set()
    wild: list[str] = []
    templates: list[Template] = []
    for text in texts:
        if text == "*":
            return always, frozenset()
        if variables and has_variables(text):
            templates.append(Template(text))
        elif "*" in text or "?" in text:
            wild.append(arn_glob([(text, False)]))
        else:
            exact.add(text)
    match = re.compile("|".join(f"(?:{one})" for one in wild), re.S).fullmatch if wild else None
    if templates:
        keys = frozenset().union(*(template.keys for template in templates))

        def with_variables(value: str, context: Keys) -> bool:
            if value in exact or (match is not None and match(value) is not None):
                return True
            for template in templates:
                filled = template.fill(context)
                if filled is not None and _compiled(arn_glob(filled), re.S).fullmatch(value):
                    return True
            return False

        return with_variables, keys
    if match is None:
        return (lambda value, context: value in exact), frozenset()
    if not exact:
        return (lambda value, context: match(value) is not None), frozenset()
    return (lambda value, context: value in exact or match(value) is not None), frozenset()


def action_matcher(texts: Iterable[str]) -> Callable[[str], bool]:
    """Whether a lower-case action ("s3:getobject") matches one of the patterns."""
    exact: set[str] = set()
    wild: list[str] = []
    for text in map(str.lower, texts):
        if text == "*":
            return lambda action: True
        if "*" in text or "?" in text:
            wild.append(glob(text))
        else:
            exact.add(text)
    if not wild:
        return lambda action: action in exact
    match = re.compile("|".join(f"(?:{one})" for one in wild), re.S).fullmatch
    return lambda action: action in exact or match(action) is not None
