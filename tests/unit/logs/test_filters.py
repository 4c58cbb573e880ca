"""Filter patterns: each form by the examples of AWS's guide."""

from __future__ import annotations

import pytest

from haneul.services.logs.plane.filters import FilterError, compile_filter

JSON = '{"status": 404, "path": "/api/x", "user": {"name": null}, "list": [{"n": 1}, {"n": 2}], "ok": true}'
LINE = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /i.gif HTTP/1.0" 404 2326'


@pytest.mark.parametrize(
    ("pattern", "message", "matches"),
    [
        ("", "anything", True),
        ("ERROR", "an ERROR here", True),
        ("ERROR Exception", "ERROR only", False),
        ("?ERROR ?WARN", "a WARN", True),
        ("?ERROR ?WARN", "INFO", False),
        ("ERROR -Timeout", "ERROR Timeout", False),
        ('"INTERNAL SERVER ERROR"', "500 INTERNAL SERVER ERROR", True),
        ("%AUTHORIZED%", "UNAUTHORIZED", True),
        ("{ $.status >= 400 }", JSON, True),
        ("{ $.status = 4* }", JSON, True),
        ('{ $.path = "/api/*" && $.status != 200 }', JSON, True),
        ('{ ($.path = "/x") || ($.status = 404) }', JSON, True),
        ("{ $.user.name IS NULL }", JSON, True),
        ("{ $.ok IS TRUE }", JSON, True),
        ("{ $.nope NOT EXISTS }", JSON, True),
        ("{ $.list[1].n = 2 }", JSON, True),
        ("{ $.list[*].n = 3 }", JSON, False),
        ("{ $.path = %^/api/[a-z]$% }", JSON, True),
        ("{ $.status = 404 }", "no json", False),
        ("[ip, id, user, time, request, status, bytes]", LINE, True),
        ("[ip, id, user, time, request, status=4*, bytes>3000]", LINE, False),
        ("[..., status=404, bytes]", LINE, True),
        ("[ip=%127%, ...]", LINE, True),
        ("[a, b]", LINE, False),
        ("[ip, id, user, time, request, s = 400 || s = 404, bytes]", LINE, True),
    ],
)
def test_patterns(pattern, message, matches) -> None:
    """What matches and what doesn't."""
    assert (compile_filter(pattern)(message) is not None) == matches


@pytest.mark.parametrize("pattern", ["{ $.x", "{ x = 1 }", "{ $.x > y }", "[a, , b]", "[a", "{ $.a = 1 &&"])
def test_what_is_none(pattern) -> None:
    """A pattern that can't be is refused when it is put."""
    with pytest.raises(FilterError):
        compile_filter(pattern)
