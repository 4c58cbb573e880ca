"""Rules of composite alarms: ALARM("a") AND (NOT OK("b") OR TRUE). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Rule = Callable[[Mapping[str, str]], bool]
_TOKEN = re.compile(
    r'\s*(?:(?P<word>AND|OR|NOT|TRUE|FALSE|ALARM|OK|INSUFFICIENT_DATA)\b|(?P<op>[(),])|"(?P<quoted>[^"]*)"|(?P<bare>[^\s(),"]+))'
)
_STATES = frozenset({"ALARM", "OK", "INSUFFICIENT_DATA"})


class RuleError(Exception):
    """A rule that isn't one."""


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        position = 0
        text = text.strip()
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                raise RuleError(f"unexpected {text[position]!r}")
            kind = str(found.lastgroup)
            self.tokens.append((kind, found.group(kind)))
            position = found.end()
        self.tokens.append(("end", ""))
        self.at = 0
        self.names: set[str] = set()

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at]

    def take(self) -> tuple[str, str]:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def expect(self, text: str) -> None:
        if self.take() != ("op", text):
            raise RuleError(f"{text} expected")

    def either(self) -> Rule:
        left = self.both()
        while self.peek() == ("word", "OR"):
            self.take()
            left = _or(left, self.both())
        return left

    def both(self) -> Rule:
        left = self.one()
        while self.peek() == ("word", "AND"):
            self.take()
            left = _and(left, self.one())
        return left

    def one(self) -> Rule:
        kind, text = self.take()
        if (kind, text) == ("word", "NOT"):
            inner = self.one()
            return lambda states: not inner(states)
        if (kind, text) == ("op", "("):
            inner = self.either()
            self.expect(")")
            return inner
        if kind == "word" and text in ("TRUE", "FALSE"):
            held = text == "TRUE"
            return lambda states: held
        if kind == "word" and text in _STATES:
            self.expect("(")
            kind, name = self.take()
            if kind not in ("quoted", "bare"):
                raise RuleError("an alarm's name expected")
            self.expect(")")
            if name.startswith("arn:"):
                name = name.split(":", 6)[6]
            self.names.add(name)
            return lambda states: states.get(name) == text
        raise RuleError(f"unexpected {text or 'end'!r}")


def _or(left: Rule, right: Rule) -> Rule:
    return lambda states: left(states) or right(states)


def _and(left: Rule, right: Rule) -> Rule:
    return lambda states: left(states) and right(states)


def compile_rule(text: str) -> Rule:
    """A test of the states of alarms by name. Raises RuleError."""
    return _parse(text)[0]


def names_in(text: str) -> set[str]:
    """The alarms that a rule mentions. Raises RuleError."""
    return _parse(text)[1]


def _parse(text: str) -> tuple[Rule, set[str]]:
    reader = _Reader(text)
    rule = reader.either()
    if reader.peek()[0] != "end":
        raise RuleError(f"unexpected {reader.peek()[1]!r}")
    return rule, reader.names
