"""Wildcards match as the plainest matcher does, and no pattern can make them slow."""

from __future__ import annotations

import re
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from haneul.auth.patterns import Template, action_matcher, arn_glob, glob, resource_matcher

PATTERN = st.text("ab:*?", max_size=14)
TEXT = st.text("ab:", max_size=14)


def naive(pattern: str, text: str) -> bool:
    """Wildcard matching by its definition."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(naive(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and naive(pattern[1:], text[1:])


@settings(max_examples=500, deadline=None)
@given(PATTERN, TEXT)
def test_globs(pattern: str, text: str) -> None:
    """* is any run of characters and ? is one."""
    assert (re.fullmatch(glob(pattern), text, re.S) is not None) is naive(pattern, text)


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.text("ab*?", max_size=3), min_size=6, max_size=7),
    st.lists(st.text("ab", max_size=3), min_size=6, max_size=7),
)
def test_arns_part_by_part(pattern: list[str], arn: list[str]) -> None:
    """Each of the first five parts matches by itself, the rest as a whole."""
    expected = all(naive(one, other) for one, other in zip(pattern[:5], arn[:5], strict=True))
    expected = expected and naive(":".join(pattern[5:]), ":".join(arn[5:]))
    matched = re.fullmatch(arn_glob([(":".join(pattern), False)]), ":".join(arn), re.S)
    assert (matched is not None) is expected


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=8), st.text("ab*?", max_size=8))
def test_literal_pieces_stay_literal(value: str, pattern: str) -> None:
    """What a variable holds is never a wildcard."""
    template = Template("x/${k}/" + pattern)

    class Keys:
        def get(self, key: str) -> str:
            return value

    filled = template.fill(Keys())
    assert filled is not None
    made = arn_glob([("a:b:c:d:e:", False), *filled])
    assert re.fullmatch(made, f"a:b:c:d:e:x/{value}/{pattern}", re.S)
    if value not in ("*", "") and "*" in value:
        assert not re.fullmatch(made, f"a:b:c:d:e:x/{value.replace('*', 'zz')}/{pattern}", re.S)


def test_no_pattern_is_slow() -> None:
    """A policy of many stars over a long key takes no time: nobody can hang the gate by writing one."""
    started = time.perf_counter()
    hostile = "arn:aws:s3:::" + "*a" * 200 + "b"
    matches, _ = resource_matcher([hostile], True)
    assert not matches("arn:aws:s3:::" + "a" * 1000, None)  # type: ignore[arg-type]
    within, _ = resource_matcher(["arn:aws:" + "*a" * 100 + "b:::x"], True)
    assert not within("arn:aws:" + "a" * 1000 + ":::x", None)  # type: ignore[arg-type]
    assert not action_matcher(["s3:" + "*e" * 200 + "x"])("s3:" + "e" * 200)
    assert Template("${" + " " * 100_000 + "}").parts
    assert time.perf_counter() - started < 2
