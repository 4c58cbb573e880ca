"""Words of a query: names, numbers, texts, regular expressions, operators."""

from __future__ import annotations

import re
from typing import NamedTuple


class QueryError(Exception):
    """A query that isn't one; `at` is the character where it stops making sense."""

    def __init__(self, message: str, at: int = 0) -> None:
        super().__init__(message)
        self.at = at


class Token(NamedTuple):
    """kind: name, number, text, regex, op or end."""

    kind: str
    text: str
    at: int


_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    |(?P<number>\d+(?:\.\d+)?(?![A-Za-z_0-9]))
    |(?P<period>\d+(?:ms|mo|[smhdwqy])\b)
    |(?P<name>@?[A-Za-z_][A-Za-z0-9_@]*(?:\.[A-Za-z0-9_@*-]+)*)
    |(?P<quoted>`[^`]*`)
    |"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'
    |(?P<op>=~|!=|<=|>=|==|[-+*/%^=<>(),|\[\]])""",
    re.VERBOSE,
)
_REGEX_AFTER = frozenset({"like", "=~", "parse", "in", "not"})


def tokenize(text: str) -> list[Token]:
    """All tokens of a query. Raises QueryError."""
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        if text[position] == "/" and tokens and _takes_regex(tokens):
            end = _regex_end(text, position)
            tokens.append(Token("regex", text[position + 1 : end], position))
            position = end + 1
            continue
        found = _TOKEN.match(text, position)
        if found is None:
            raise QueryError(f"unexpected symbol found {text[position]} at line 1 and position {position}", position)
        kind = str(found.lastgroup)
        if kind in ("double", "single"):
            tokens.append(Token("text", re.sub(r"\\(.)", _escape, found.group(kind)), position))
        elif kind == "quoted":
            tokens.append(Token("name", found.group(kind)[1:-1], position))
        elif kind != "space":
            tokens.append(Token(kind, found.group(kind), position))
        position = found.end()
    tokens.append(Token("end", "", len(text)))
    return tokens


def _escape(found: re.Match[str]) -> str:
    return {"n": "\n", "t": "\t", "r": "\r"}.get(found.group(1), found.group(1))


def _takes_regex(tokens: list[Token]) -> bool:
    """A slash begins a regular expression after `like`, `=~` and in `parse field /.../`."""
    last = tokens[-1]
    if last.text.lower() in _REGEX_AFTER:
        return True
    return last.kind == "name" and len(tokens) >= 2 and tokens[-2].text.lower() == "parse"


def _regex_end(text: str, start: int) -> int:
    position = start + 1
    while position < len(text) and text[position] != "/":
        position += 2 if text[position] == "\\" else 1
    if position >= len(text):
        raise QueryError("a regular expression has no end", start)
    return position
