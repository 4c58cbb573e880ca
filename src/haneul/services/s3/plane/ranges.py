"""HTTP byte ranges, as S3 reads them: one range or none at all. Source: RFC 9110, 14."""

from __future__ import annotations

import re

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*")


class Unsatisfiable(Exception):
    """No byte of the body lies in the range."""


def parse(header: str, size: int) -> tuple[int, int] | None:
    """(start, length) within a body of `size` bytes; None when the header is no single range and so is ignored.

    Raises Unsatisfiable.
    """
    match = _RANGE.fullmatch(header)
    if match is None:
        return None
    first, last = match.groups()
    if not first:
        if not last:
            return None
        wanted = int(last)
        if wanted == 0 or size == 0:
            raise Unsatisfiable
        length = min(wanted, size)
        return size - length, length
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    end = min(int(last), size - 1) if last else size - 1
    return start, end - start + 1
