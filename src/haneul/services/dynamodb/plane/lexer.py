"""Expressions as tokens, and AWS's way of saying where one of them went wrong."""

from __future__ import annotations

import re
from typing import NamedTuple

from haneul.services.dynamodb.errors import invalid
from haneul.wire.errors import AwsError

SIZE_LIMIT = 4096
OPERATOR_LIMIT = 300

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z][A-Za-z0-9_]*)|(?P<hash>#[A-Za-z0-9_]+)|(?P<ref>:[A-Za-z0-9_]+)|(?P<int>[0-9]+)"
    r"|(?P<op><=|>=|<>|[=<>(),.\[\]+-])|(?P<bad>\S))"
)


class Token(NamedTuple):
    """kind: name, hash (#n), ref (:v), int, op, bad, or end; upper: its text in upper case, for keywords."""

    kind: str
    text: str
    start: int
    end: int
    upper: str


class Tokens:
    """A cursor over an expression's tokens. `expression` is its parameter's name, for messages."""

    def __init__(self, text: str, expression: str) -> None:
        self.text = text
        self.expression = expression
        self.operators = 0
        self.depth = 0
        if not text.strip():
            raise self.error("The expression can not be empty;")
        size = len(text.encode())
        if size > SIZE_LIMIT:
            raise self.error(f"Expression size has exceeded the maximum allowed size; expression size: {size}")
        self._tokens: list[Token] = []
        position = 0
        while match := _TOKEN.match(text, position):
            position = match.end()
            kind = match.lastgroup or "bad"
            found = match.group(kind)
            self._tokens.append(Token(kind, found, position - len(found), position, found.upper()))
        self._tokens.append(Token("end", "<EOF>", len(text), len(text), "<EOF>"))
        self._at = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._at]

    @property
    def following(self) -> Token:
        return self._tokens[min(self._at + 1, len(self._tokens) - 1)]

    def advance(self) -> Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def accept(self, text: str) -> bool:
        """Step over the operator or keyword `text` (upper case) if it is next."""
        if self.token.upper == text and self.token.kind in ("op", "name"):
            self._at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise self.syntax_error()

    def count_operator(self) -> None:
        self.operators += 1
        if self.operators > OPERATOR_LIMIT:
            raise self.error(f"The expression contains too many operators; operator count: {self.operators}")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > 160:
            raise self.syntax_error()

    def error(self, message: str) -> AwsError:
        return invalid(f"Invalid {self.expression}: {message}")

    def syntax_error(self) -> AwsError:
        """A complaint about the current token, with its neighbours."""
        token = self.token
        before = self._tokens[self._at - 1] if self._at else token
        after = self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        near = self.text[before.start : after.end if after.kind != "end" else token.end]
        return self.error(f'Syntax error; token: "{token.text}", near: "{near.strip()}"')
