"""The models' regular expressions, which are Java's, made Python's. What Python cannot say passes unchecked."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

_POSIX = {
    "ASCII": "\\x00-\\x7f",
    "Alnum": "A-Za-z0-9",
    "Alpha": "A-Za-z",
    "Blank": " \\t",
    "Cntrl": "\\x00-\\x1f\\x7f",
    "Digit": "0-9",
    "Graph": "!-~",
    "Lower": "a-z",
    "Print": " -~",
    "Punct": "!-/:-@\\[-`{-~",
    "Space": "\\s",
    "Upper": "A-Z",
    "XDigit": "0-9A-Fa-f",
}
_ANCHORED = re.compile(r"(?<!\\)(?<!\[)\^|(?<!\\)\$|\\A|\\z")
_CLASS = re.compile(r"\[(?:\\.|[^\]\\])*\]")
_WORDS = re.compile(r"[\w|]+", re.ASCII)
_SURROGATES = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_TOKEN = re.compile(r"\\[pP](?:\{(\w+)\}|(\w))|\\.|&&|\[\^?\]?|.", re.DOTALL)


def matches(source: str, value: str) -> bool:
    """Whether AWS would find that `value` satisfies the model's pattern."""
    match = _compiled(source)
    return match is None or match(value) is not None


@cache
def _compiled(source: str) -> Callable[[str], Any] | None:
    text = _python(source)
    if text is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = re.compile(text, re.ASCII)
    except (re.error, OverflowError):
        return None
    return compiled.fullmatch if _whole(source) else compiled.search


def _whole(source: str) -> bool:
    """Whether a pattern means the whole value. One with anchors says so itself; one without means it when it spans
    anything, but a lone class ("vpc-[0-9a-f]") is only looked for."""
    if _ANCHORED.search(_CLASS.sub("[", source)) is not None:
        return False
    outside = _CLASS.sub("", source)
    return any(character in outside for character in "+*{?") or _WORDS.fullmatch(source) is not None


def _python(source: str) -> str | None:
    """Java's regular expression in Python's dialect; None when it says what Python can't."""
    source = _SURROGATES.sub(_astral, source)
    out = []
    inside = False
    after_class = False  # after \w and the like inside a class, a "-" is itself in Java
    for token in _TOKEN.finditer(source):
        text = token.group()
        name = token.group(1) or token.group(2)
        if name is not None:
            category = _category(name, text[1] == "P")
            if category is None:
                return None
            out.append(category if inside else f"[{category}]")
        elif text == "&&" and inside:
            return None
        elif text == "\\z":
            out.append("\\Z")
        elif text[0] == "[":
            if inside:  # Java nests classes; a union is the same without the brackets, and the models escape theirs
                return None
            inside = True
            out.append(text.replace("]", "\\]"))
        elif text == "-" and after_class:
            out.append("\\-")
        else:
            inside = inside and text != "]"
            out.append(text)
        after_class = inside and (name is not None or text in {"\\w", "\\d", "\\s"})
    return "".join(out)


def _astral(match: re.Match[str]) -> str:
    high, low = int(match.group(1), 16), int(match.group(2), 16)
    return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"


@cache
def _category(name: str, negated: bool) -> str | None:
    """The characters of a Unicode category (or POSIX class) as the inside of a character class."""
    name = name.removeprefix("Is") if name not in _POSIX else name
    if name in _POSIX:
        return None if negated else _POSIX[name]
    if not re.fullmatch(r"[CLMNPSZ][a-z]?", name):
        return None
    parts: list[str] = []
    start = None
    for code in range(0x10001):
        inside = code < 0x10000 and unicodedata.category(chr(code)).startswith(name) != negated
        if inside and start is None:
            start = code
        elif not inside and start is not None:
            parts.append(f"\\u{start:04x}" if start == code - 1 else f"\\u{start:04x}-\\u{code - 1:04x}")
            start = None
    return "".join(parts) + ("\\U00010000-\\U0010ffff" if name[0] in "LNS" or negated else "")
