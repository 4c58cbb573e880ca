"""Named parameters (:name) as PostgreSQL's own ($1), past strings, comments, casts and dollar quotes."""

from __future__ import annotations

import re
from collections.abc import Collection

from haneul.services.rdsdata.errors import errors

_TOKEN = re.compile(
    r"""(?P<skip>'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | ::)
        | :(?P<name>[A-Za-z_][A-Za-z0-9_]*)""",
    re.VERBOSE | re.DOTALL,
)


def number(sql: str, given: Collection[str]) -> tuple[str, list[str]]:
    """The statement with $n for each name, and the names in that order. Raises BadRequestException."""
    order: list[str] = []

    def replace(match: re.Match[str]) -> str:
        name = match.group("name")
        if name is None:
            return match.group()
        if name not in given:
            raise errors.BadRequestException(f"Cannot find parameter: {name}")
        if name not in order:
            order.append(name)
        return f"${order.index(name) + 1}"

    return _TOKEN.sub(replace, sql), order
