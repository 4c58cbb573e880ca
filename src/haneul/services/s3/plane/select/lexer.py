"""The words of a SELECT expression."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from haneul.services.s3.plane.select.problems import SelectError

MAX_LENGTH = 256 << 10
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<word>[A-Za-z_$][A-Za-z0-9_$]*)
    |(?P<text>'(?:[^']|'')*')
    |(?P<name>"(?:[^"]|"")*")
    |(?P<ion>`[^`]*`)
    |(?P<sign><=|>=|<>|!=|\|\||[=<>+\-*/%(),.\[\]])""",
    re.VERBOSE,
)


class Token(NamedTuple):
    """kind: word, name (a quoted identifier), text, number, ion, sign or end; `at` counts columns from 1."""

    kind: str
    value: str
    at: int

    @property
    def word(self) -> str:
        """A keyword in capitals; "" for anything else."""
        return self.value.upper() if self.kind == "word" else ""


def tokens(expression: str) -> list[Token]:
    """All tokens, and an `end`. Raises SelectError."""
    if len(expression.encode("utf-8", "surrogatepass")) > MAX_LENGTH:
        raise SelectError("ExpressionTooLong")
    found: list[Token] = []
    at = 0
    expression = expression.rstrip().removesuffix(";")
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None:
            code = "LexerInvalidLiteral" if expression[at] in "'\"`" else "LexerInvalidChar"
            raise SelectError(code)
        kind = str(match.lastgroup)
        value = match.group()
        if kind == "text":
            value = value[1:-1].replace("''", "'")
        elif kind == "name":
            value = value[1:-1].replace('""', '"')
        elif kind == "ion":
            value = value[1:-1]
        if kind != "space":
            found.append(Token(kind, value, at + 1))
        at = match.end()
    found.append(Token("end", "", len(expression) + 1))
    return found


def number(text: str) -> int | Decimal:
    """A number literal: whole numbers are whole, others decimal."""
    return int(text) if text.isdigit() else Decimal(text)
