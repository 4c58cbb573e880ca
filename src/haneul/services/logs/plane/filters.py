"""Filter patterns, compiled once: terms, JSON selectors, space-delimited fields.

matches = compile_filter('{ $.status >= 400 && $.path = "/api/*" }')
matches('{"status": 404, "path": "/api/x"}')      # {"$.status": "404", "$.path": "/api/x"}: what it read
matches("plain text")                              # None: no match
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

Match = Callable[[str], "dict[str, str] | None"]
Test = Callable[[Any], bool]
_MISSING = object()
_TERM = re.compile(r'\s*([?-]?)(?:"((?:[^"\\]|\\.)*)"|%([^%]*)%|(\S+))')
_JSON_TOKEN = re.compile(
    r"""\s*(?:(?P<op>&&|\|\||\(|\)|!=|<=|>=|=|<|>)|(?P<word>(?:NOT\s+EXISTS|IS\s+NULL|IS\s+TRUE|IS\s+FALSE)\b)
    |(?P<path>\$(?:\.[^\s=!<>&|()]+|\[[^\]]+\])+)|"(?P<text>(?:[^"\\]|\\.)*)"|%(?P<regex>[^%]*)%|(?P<bare>[^\s&|()=!<>]+))""",
    re.VERBOSE,
)
_COLUMN = re.compile(r'\[[^\]]*\]|"(?:[^"\\]|\\.)*"|\S+')
_CACHE: dict[str, Match] = {}


class FilterError(Exception):
    """A pattern that isn't one."""


def compile_filter(pattern: str) -> Match:
    """The matcher of a pattern, kept for the next time. Raises FilterError."""
    found = _CACHE.get(pattern)
    if found is None:
        if len(_CACHE) >= 1000:
            _CACHE.clear()
        found = _CACHE[pattern] = _compile(pattern.strip())
    return found


def _compile(text: str) -> Match:
    if not text:
        return lambda message: {}
    if text.startswith("{"):
        if not text.endswith("}"):
            raise FilterError("Invalid filter pattern")
        return _json(text[1:-1])
    if text.startswith("["):
        if not text.endswith("]"):
            raise FilterError("Invalid filter pattern")
        return _columns(text[1:-1])
    return _terms(text)


# Terms


def _terms(text: str) -> Match:
    required: list[Callable[[str], bool]] = []
    optional: list[Callable[[str], bool]] = []
    position = 0
    while position < len(text):
        found = _TERM.match(text, position)
        if found is None:
            break
        position = found.end()
        sign, quoted, regex, bare = found.groups()
        if regex is not None:
            test = _searches(regex)
        else:
            test = _contains(_unescape(quoted) if quoted is not None else bare)
        if sign == "-":
            required.append(_none_of(test))
        elif sign == "?":
            optional.append(test)
        else:
            required.append(test)

    def match(message: str) -> dict[str, str] | None:
        if not all(test(message) for test in required):
            return None
        if optional and not required and not any(test(message) for test in optional):
            return None
        return {}

    return match


def _contains(term: str) -> Callable[[str], bool]:
    return lambda message: term in message


def _none_of(test: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda message: not test(message)


def _searches(regex: str) -> Callable[[str], bool]:
    try:
        matcher = re.compile(regex)
    except re.error:
        raise FilterError("Invalid regex in filter pattern") from None
    return lambda message: matcher.search(message) is not None


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


# Comparisons, for both JSON and columns


def _value_test(operator: str, kind: str, wanted: str) -> Test:
    """A test of one value against the right side of a comparison."""
    if kind == "regex":
        search = _searches(wanted)
        if operator == "!=":
            return lambda value: not search(_text(value))
        return lambda value: search(_text(value))
    number = _number(wanted) if kind == "bare" else None
    if operator in ("<", "<=", ">", ">="):
        if number is None:
            raise FilterError("Invalid filter pattern: a comparison needs a number")
        return _ordered(operator, number)
    if number is not None:
        equal: Test = lambda value: _number(_text(value)) == number
    elif "*" in wanted:
        glob = re.compile(".*".join(re.escape(part) for part in wanted.split("*")), re.DOTALL)
        equal = lambda value: glob.fullmatch(_text(value)) is not None
    else:
        equal = lambda value: _text(value) == wanted
    return equal if operator == "=" else (lambda value: not equal(value))


def _ordered(operator: str, number: float) -> Test:
    def test(value: Any) -> bool:
        held = _number(_text(value)) if not isinstance(value, bool) else None
        if held is None:
            return False
        if operator == "<":
            return held < number
        if operator == "<=":
            return held <= number
        return held > number if operator == ">" else held >= number

    return test


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value) if value is not None else "null"


# JSON


class _Tokens:
    def __init__(self, text: str) -> None:
        self.items: list[tuple[str, str]] = []
        position = 0
        text = text.strip()
        while position < len(text):
            found = _JSON_TOKEN.match(text, position)
            if found is None:
                raise FilterError(f"Invalid character in filter pattern at {position}")
            position = found.end()
            kind = str(found.lastgroup)
            self.items.append((kind, found.group(kind)))
        self.at = 0

    def peek(self) -> tuple[str, str]:
        return self.items[self.at] if self.at < len(self.items) else ("end", "")

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self.at += 1
        return token

    def expect(self, operator: str) -> None:
        if self.take() != ("op", operator):
            raise FilterError(f"Invalid filter pattern: {operator} expected")


def _json(text: str) -> Match:
    tokens = _Tokens(text)
    paths: list[str] = []
    test = _or(tokens, lambda: _selector(tokens, paths))
    if tokens.peek()[0] != "end":
        raise FilterError("Invalid filter pattern")
    unique = list(dict.fromkeys(paths))

    def match(message: str) -> dict[str, str] | None:
        try:
            document = json.loads(message)
        except ValueError:
            return None
        if not isinstance(document, dict | list) or not test(document):
            return None
        read: dict[str, str] = {}
        for path in unique:
            values = _find(document, path)
            if values:
                read[path] = _text(values[0])
        return read

    return match


def _or(tokens: _Tokens, leaf: Callable[[], Test]) -> Test:
    tests = [_and(tokens, leaf)]
    while tokens.peek() == ("op", "||"):
        tokens.take()
        tests.append(_and(tokens, leaf))
    return tests[0] if len(tests) == 1 else (lambda event: any(test(event) for test in tests))


def _and(tokens: _Tokens, leaf: Callable[[], Test]) -> Test:
    tests = [_atom(tokens, leaf)]
    while tokens.peek() == ("op", "&&"):
        tokens.take()
        tests.append(_atom(tokens, leaf))
    return tests[0] if len(tests) == 1 else (lambda event: all(test(event) for test in tests))


def _atom(tokens: _Tokens, leaf: Callable[[], Test]) -> Test:
    if tokens.peek() == ("op", "("):
        tokens.take()
        inner = _or(tokens, leaf)
        tokens.expect(")")
        return inner
    return leaf()


def _selector(tokens: _Tokens, paths: list[str]) -> Test:
    kind, path = tokens.take()
    if kind != "path":
        raise FilterError("Invalid filter pattern: a selector like $.name expected")
    paths.append(path)
    kind, operator = tokens.take()
    if kind == "word":
        return _existence(path, " ".join(operator.split()))
    if kind != "op" or operator in ("(", ")", "&&", "||"):
        raise FilterError("Invalid filter pattern: an operator expected")
    kind, wanted = tokens.take()
    if kind not in ("text", "bare", "regex"):
        raise FilterError("Invalid filter pattern: a value expected")
    test = _value_test(operator, kind, _unescape(wanted) if kind == "text" else wanted)
    return lambda event: any(test(value) for value in _find(event, path))


def _existence(path: str, word: str) -> Test:
    if word == "NOT EXISTS":
        return lambda event: not _find(event, path)
    wanted = {"IS NULL": None, "IS TRUE": True, "IS FALSE": False}[word]
    return lambda event: any(value is wanted for value in _find(event, path))


_STEP = re.compile(r"\.([^.\[]+)|\[\s*(?:'([^']*)'|\"([^\"]*)\"|(\d+|\*))\s*\]")


def _find(document: Any, path: str) -> list[Any]:
    """Every value that a selector names."""
    values = [document]
    for found in _STEP.finditer(path, 1):
        name = next(group for group in found.groups() if group is not None)
        following: list[Any] = []
        for value in values:
            if isinstance(value, dict) and name in value:
                following.append(value[name])
            elif isinstance(value, list):
                if name == "*":
                    following += value
                elif name.isdigit() and int(name) < len(value):
                    following.append(value[int(name)])
        values = following
    return values


# Columns


def _columns(text: str) -> Match:
    names: list[str] = []
    tests: list[tuple[int, Test]] = []
    rest = -1
    for at, column in enumerate(_split(text)):
        if column == "...":
            rest = at
            names.append("...")
            continue
        found = re.match(r"\s*([A-Za-z0-9_]+)", column)
        if found is None:
            raise FilterError("Invalid filter pattern: a column's name expected")
        names.append(found.group(1))
        if column[found.end() :].strip():
            tests.append((at, _column_test(column)))
    count = len(names)

    def match(message: str) -> dict[str, str] | None:
        parts = [part[1:-1] if part[0] in '["' and len(part) > 1 else part for part in _COLUMN.findall(message)]
        if rest >= 0:
            if len(parts) < count - 1:
                return None
            middle = len(parts) - (count - 1)
            held = [*parts[:rest], "", *parts[rest + middle :]]
            shown = dict(
                zip([f"${number}" for number in range(1, middle + 1)], parts[rest : rest + middle], strict=False)
            )
        else:
            if len(parts) != count:
                return None
            held, shown = parts, {}
        if not all(test(held[at]) for at, test in tests):
            return None
        shown |= {f"${name}": value for name, value in zip(names, held, strict=True) if name != "..."}
        return shown

    return match


def _split(text: str) -> list[str]:
    columns, depth, start, quoted = [], 0, 0, False
    for at, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif not quoted and character == "(":
            depth += 1
        elif not quoted and character == ")":
            depth -= 1
        elif not quoted and not depth and character == ",":
            columns.append(text[start:at].strip())
            start = at + 1
    columns.append(text[start:].strip())
    if any(not column for column in columns):
        raise FilterError("Invalid filter pattern: an empty column")
    return columns


def _column_test(column: str) -> Test:
    tokens = _Tokens(column)

    def leaf() -> Test:
        kind, _ = tokens.take()
        if kind != "bare":
            raise FilterError("Invalid filter pattern: a column's name expected")
        kind, operator = tokens.take()
        if kind != "op":
            raise FilterError("Invalid filter pattern: an operator expected")
        kind, wanted = tokens.take()
        if kind not in ("text", "bare", "regex"):
            raise FilterError("Invalid filter pattern: a value expected")
        return _value_test(operator, kind, _unescape(wanted) if kind == "text" else wanted)

    test = _or(tokens, leaf)
    if tokens.peek()[0] != "end":
        raise FilterError("Invalid filter pattern")
    return test
