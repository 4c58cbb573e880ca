"""Numbers in a request's query and headers, as S3 checks them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.services.s3.errors import invalid_argument

MOST = 2147483647


def number(request: Mapping[str, Any], member: str, name: str, default: int, negative: str | None = None) -> int:
    """The member, which S3 calls `name` in its errors (of a negative one: `negative`). Raises InvalidArgument for what
    is no number from 0 up."""
    given = request.get(member)
    if given is None or given == "":
        return default
    try:
        value = int(given)
    except ValueError:
        value = MOST + 1
    if value > MOST or value < -MOST - 1:
        raise invalid_argument(f"Provided {name} not an integer or within integer range", name, given)
    if value < 0:
        name = negative or name
        raise invalid_argument(f"Argument {name} must be an integer between 0 and {MOST}", name, given)
    return value
