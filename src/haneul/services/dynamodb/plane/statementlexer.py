"""PartiQL's text as tokens, each with its place: AWS names places in what it says of functions."""

from __future__ import annotations

import re
from typing import NamedTuple

from haneul.services.dynamodb.errors import invalid
from haneul.wire.errors import AwsError

_TOKEN = re.compile(
    r"(?:\s|--[^\n]*|/\*(?:[^*]|\*(?!/))*\*/)*(?:(?P<end>\Z)"
    r"|(?P<string>'(?:[^']|'')*')|(?P<quoted>\"(?:[^\"]|\"\")*\")"
    r"|(?P<number>[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_$][A-Za-z0-9_$]*)|(?P<op><<|>>|<=|>=|<>|!=|[=<>(){}\[\],.:;?*+-])|(?P<bad>\S))"
)
_INT = 2**31


class Token(NamedTuple):
    kind: str
    text: str
    upper: str
    start: int


def error(message: str) -> AwsError:
    return invalid(f"Statement wasn't well formed, can't be processed: {message}")


def leftover() -> AwsError:
    return error("Unexpected token after expression")


def tokens(text: str) -> list[Token]:
    """The statement's tokens; the last one is of kind "end". Raises ValidationException."""
    if not text.strip():
        raise error("Statement is empty")
    found: list[Token] = []
    position = 0
    while match := _TOKEN.match(text, position):
        position = match.end()
        kind = match.lastgroup or "bad"
        word = match.group(kind)
        if kind == "bad" or (kind == "number" and not _readable(word)):
            raise error("")
        found.append(Token(kind, word, word.upper() if kind in ("name", "op") else word, match.start(kind)))
        if kind == "end":
            break
    return found


def _readable(number: str) -> bool:
    """Whether a number's exponent, and what it leaves of its scale, are of 32 bits."""
    mantissa, _, exponent = number.lower().partition("e")
    if len(exponent) > 12:
        return False
    shift = int(exponent or 0)
    scale = len(mantissa.partition(".")[2]) - shift
    return -_INT <= shift < _INT and -_INT <= scale < _INT


def place(text: str, token: Token) -> str:
    """Where a token is, as line:column:length."""
    line = text.count("\n", 0, token.start) + 1
    column = token.start - (text.rfind("\n", 0, token.start) + 1) + 1
    return f"{line}:{column}:{len(token.text)}"
