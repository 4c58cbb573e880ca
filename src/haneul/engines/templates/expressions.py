"""Expressions of Velocity templates: references, literals, operators."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any

from haneul.engines.templates.methods import TemplateError, call_method, shown, truncated

__all__ = ["Expressions", "Scope", "TemplateError", "Undefined", "is_true", "shown"]

Scope = MutableMapping[str, Any]
Value = Callable[[Scope], Any]
Step = Callable[[Any, Scope], Any]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_WORDS = {"eq": "==", "ne": "!=", "lt": "<", "gt": ">", "le": "<=", "ge": ">=", "and": "&&", "or": "||", "not": "!"}
_LEVELS = (("||",), ("&&",), ("==", "!="), ("<=", ">=", "<", ">"), ("+", "-"), ("*", "/", "%"))
MAX_RANGE = 10_000
MAX_DEPTH = 60


class _Undefined:
    """No such reference."""

    def __bool__(self) -> bool:
        return False


Undefined = _Undefined()


def is_true(value: Any) -> bool:
    """What #if takes for true: not null, not false, nothing empty."""
    return bool(value) if not isinstance(value, Mapping | Sequence) else len(value) > 0


class Expressions:
    """A cursor over a template's text that reads expressions and answers closures."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    # Characters

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def skip_blanks(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1

    def expect(self, mark: str) -> None:
        if not self.text.startswith(mark, self.at):
            raise TemplateError(f"expected {mark!r} at {self.text[self.at : self.at + 20]!r}")
        self.at += len(mark)

    def _name(self) -> str:
        found = _NAME.match(self.text, self.at)
        if found is None:
            raise TemplateError(f"expected a name at {self.text[self.at : self.at + 20]!r}")
        self.at = found.end()
        return found.group()

    # References

    def simple_name(self) -> str:
        """The name in "$name" or "${name}"."""
        self.expect("$")
        braces = self.text.startswith("{", self.at)
        self.at += braces
        name = self._name()
        if braces:
            self.expect("}")
        return name

    def reference(self) -> tuple[Value, bool] | None:
        """("$a.b(c)[0]" as a closure, whether it is quiet), or None when no reference begins here."""
        start = self.at
        at = start + 1
        quiet = self.text.startswith("!", at)
        at += quiet
        braces = self.text.startswith("{", at)
        at += braces
        found = _NAME.match(self.text, at)
        if found is None:
            return None
        name = found.group().rstrip("-")
        self.at = at + len(name)
        steps = self._steps()
        if braces:
            self.expect("}")
        return _chain(name, steps), quiet

    def _steps(self) -> list[Step]:
        steps: list[Step] = []
        while True:
            text = self.text
            if text.startswith(".", self.at) and _NAME.match(text, self.at + 1):
                self.at += 1
                member = self._name()
                if text.startswith("(", self.at):
                    steps.append(_method(member, self._arguments()))
                else:
                    trimmed = member.rstrip("-")
                    self.at -= len(member) - len(trimmed)
                    steps.append(_member(trimmed))
            elif text.startswith("[", self.at):
                self.at += 1
                index = self.expression()
                self.skip()
                self.expect("]")
                steps.append(_index(index))
            else:
                return steps

    def _arguments(self) -> list[Value]:
        self.expect("(")
        found: list[Value] = []
        self.skip()
        if self.text.startswith(")", self.at):
            self.at += 1
            return found
        while True:
            found.append(self.expression())
            self.skip()
            if self.text.startswith(",", self.at):
                self.at += 1
                continue
            self.expect(")")
            return found

    def target(self) -> Callable[[Scope, Any], None]:
        """What #set assigns to: a name, a member or an entry."""
        self.expect("$")
        quiet = self.text.startswith("!", self.at)
        self.at += quiet
        braces = self.text.startswith("{", self.at)
        self.at += braces
        name = self._name().rstrip("-")
        parts: list[Value] = []
        while self.text.startswith((".", "["), self.at):
            if self.text[self.at] == ".":
                self.at += 1
                parts.append(_constant(self._name()))
            else:
                self.at += 1
                parts.append(self.expression())
                self.skip()
                self.expect("]")
        if braces:
            self.expect("}")

        def assign(names: Scope, value: Any) -> None:
            if not parts:
                names[name] = value
                return
            spot = names.get(name)
            for part in parts[:-1]:
                spot = _entry(spot, part(names))
            key = parts[-1](names)
            if isinstance(spot, dict):
                spot[key] = value
            elif isinstance(spot, list):
                spot[int(key)] = value

        return assign

    # Operators

    def expression(self, level: int = 0) -> Value:
        if level == 0:
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise TemplateError("an expression is nested too deeply")
        try:
            if level == len(_LEVELS):
                return self._unary()
            left = self.expression(level + 1)
            while True:
                mark = self._operator(_LEVELS[level])
                if not mark:
                    return left
                left = _binary(mark, left, self.expression(level + 1))
        finally:
            if level == 0:
                self.depth -= 1

    def _operator(self, marks: tuple[str, ...]) -> str:
        self.skip()
        for mark in marks:
            if self.text.startswith(mark, self.at):
                self.at += len(mark)
                return mark
        found = _NAME.match(self.text, self.at)
        word = _WORDS.get(found.group(), "") if found is not None else ""
        if found is not None and word in marks:
            self.at = found.end()
            return word
        return ""

    def _unary(self) -> Value:
        self.skip()
        text = self.text
        if text.startswith("!", self.at) or re.match(r"not\b", text[self.at : self.at + 4]):
            self.at += 1 if text[self.at] == "!" else 3
            inner = self._unary()
            return lambda names: not is_true(inner(names))
        if text.startswith("-", self.at) and not _NUMBER.match(text, self.at):
            self.at += 1
            inner = self._unary()
            return lambda names: -inner(names)
        return self._primary()

    def _primary(self) -> Value:
        text = self.text
        if self.at >= len(text):
            raise TemplateError("an expression ends early")
        mark = text[self.at]
        if mark == "(":
            self.at += 1
            inner = self.expression()
            self.skip()
            self.expect(")")
            return inner
        if mark == "$":
            reference = self.reference()
            if reference is None:
                raise TemplateError("expected a reference")
            return reference[0]
        if mark in "'\"":
            return self._string(mark)
        if mark == "[":
            return self._list()
        if mark == "{":
            return self._map()
        found = _NUMBER.match(text, self.at)
        if found is not None:
            digits = found.group()
            if found.group(1) and text.startswith("..", found.start(1)):
                digits = digits[: digits.index(".")]
            self.at += len(digits)
            return _constant(float(digits) if "." in digits else int(digits))
        word = self._name()
        if word not in ("true", "false", "null"):
            raise TemplateError(f"{word!r} means nothing here")
        return _constant({"true": True, "false": False, "null": None}[word])

    def _string(self, quote: str) -> Value:
        pieces: list[str] = []
        self.at += 1
        while True:
            end = self.text.find(quote, self.at)
            if end < 0:
                raise TemplateError("a string has no end")
            pieces.append(self.text[self.at : end])
            self.at = end + 1
            if not self.text.startswith(quote, self.at):  # a doubled quote stands for itself
                break
            pieces.append(quote)
            self.at += 1
        body = "".join(pieces)
        if quote == "'" or ("$" not in body and "#" not in body):
            return _constant(body)
        from haneul.engines.templates.velocity import compile_template

        inner = compile_template(body)
        return inner.render

    def _list(self) -> Value:
        self.at += 1
        items: list[Value] = []
        self.skip()
        while not self.text.startswith("]", self.at):
            items.append(self.expression())
            self.skip()
            if self.text.startswith("..", self.at) and len(items) == 1:
                self.at += 2
                last = self.expression()
                self.skip()
                self.expect("]")
                return _range(items[0], last)
            if self.text.startswith(",", self.at):
                self.at += 1
                self.skip()
        self.at += 1
        return lambda names: [one(names) for one in items]

    def _map(self) -> Value:
        self.at += 1
        pairs: list[tuple[Value, Value]] = []
        self.skip()
        while not self.text.startswith("}", self.at):
            key = self.expression()
            self.skip()
            self.expect(":")
            pairs.append((key, self.expression()))
            self.skip()
            if self.text.startswith(",", self.at):
                self.at += 1
                self.skip()
        self.at += 1
        return lambda names: {key(names): value(names) for key, value in pairs}


def _constant(value: Any) -> Value:
    return lambda names: value


def _chain(name: str, steps: list[Step]) -> Value:
    def value(names: Scope) -> Any:
        found = names.get(name, Undefined)
        for step in steps:
            if found is None or found is Undefined:
                return Undefined
            found = step(found, names)
        return found

    return value


def _member(name: str) -> Step:
    def step(value: Any, names: Scope) -> Any:
        if isinstance(value, Mapping):
            return value.get(name, Undefined)
        read = getattr(type(value), "read", None)
        if read is not None:  # one of our own objects, which says what it shows
            return read(value, name)
        return call_method(value, name, (), Undefined)

    return step


def _method(name: str, arguments: list[Value]) -> Step:
    def step(value: Any, names: Scope) -> Any:
        given = [one(names) for one in arguments]
        return call_method(value, name, tuple(None if one is Undefined else one for one in given), Undefined)

    return step


def _index(index: Value) -> Step:
    return lambda value, names: _entry(value, index(names))


def _entry(value: Any, key: Any) -> Any:
    if isinstance(value, Mapping):
        return value.get(key, Undefined)
    if isinstance(value, list | str) and isinstance(key, int) and -len(value) <= key < len(value):
        return value[key]
    return Undefined


def _range(first: Value, last: Value) -> Value:
    def value(names: Scope) -> list[int]:
        start, end = int(first(names)), int(last(names))
        if abs(end - start) > MAX_RANGE:
            raise TemplateError("a range is too long")
        return list(range(start, end + 1)) if start <= end else list(range(start, end - 1, -1))

    return value


def _equal(left: Any, right: Any) -> bool:
    left, right = (None if one is Undefined else one for one in (left, right))
    if left is None or right is None or type(left) is type(right):
        return bool(left == right)
    if isinstance(left, int | float) and isinstance(right, int | float) and not isinstance(left, bool):
        return left == right
    return shown(left) == shown(right)


def _binary(mark: str, left: Value, right: Value) -> Value:
    if mark == "&&":
        return lambda names: is_true(left(names)) and is_true(right(names))
    if mark == "||":
        return lambda names: is_true(left(names)) or is_true(right(names))
    if mark == "==":
        return lambda names: _equal(left(names), right(names))
    if mark == "!=":
        return lambda names: not _equal(left(names), right(names))
    if mark == "+":
        return lambda names: _sum(left(names), right(names))
    work = _ARITHMETIC[mark]

    def value(names: Scope) -> Any:
        one, other = left(names), right(names)
        if not isinstance(one, int | float) or not isinstance(other, int | float):
            if mark in ("<", ">", "<=", ">=") and isinstance(one, str) and isinstance(other, str):
                return work(one, other)
            return False if mark in ("<", ">", "<=", ">=") else None
        return work(one, other)

    return value


def _sum(left: Any, right: Any) -> Any:
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left + right
    return truncated(("" if not left and not isinstance(left, int) else shown(left)) + shown(right))


def _divided(left: Any, right: Any) -> Any:
    if not right:
        return None
    if isinstance(left, int) and isinstance(right, int):
        return int(left / right) if abs(left) < 1 << 50 else left // right
    return left / right


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "-": lambda one, other: one - other,
    "*": lambda one, other: one * other,
    "/": _divided,
    "%": lambda one, other: None if not other else one % other,
    "<": lambda one, other: one < other,
    ">": lambda one, other: one > other,
    "<=": lambda one, other: one <= other,
    ">=": lambda one, other: one >= other,
}
