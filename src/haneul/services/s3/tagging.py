"""What may be a tag: of a header, of a TagSet; the operations are in tag_sets.py."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from haneul.services.s3.errors import errors, invalid_argument, malformed_xml

OBJECT_LIMIT = 10
BUCKET_LIMIT = 50
_LEGAL = re.compile(r"[\w\s+\-=._:/@]*")


def from_header(header: str | None) -> dict[str, str] | None:
    """The tags of an x-amz-tagging header (a query string); None without one. Raises InvalidArgument or InvalidTag."""
    if not header:
        return None
    try:
        pairs = parse_qsl(header, keep_blank_values=True, strict_parsing=False)
    except ValueError:
        pairs = []
    if not pairs or len({key for key, _ in pairs}) != len(pairs):
        raise invalid_argument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag "
            "name duplicates.",
            "x-amz-tagging",
            header,
        )
    tags = _checked(pairs, "Your TagKey cannot be prefixed with aws:")
    check_count(tags)
    return tags


def to_set(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as a TagSet, by key."""
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]


def from_set(tagging: Mapping[str, Any] | None) -> dict[str, str]:
    if tagging is None or tagging.get("TagSet") is None:
        raise malformed_xml()
    return _checked((tag.get("Key", ""), tag.get("Value", "")) for tag in tagging["TagSet"])


def _checked(
    pairs: Iterable[tuple[str, str]], reserved: str = "System tags cannot be added/updated by requester"
) -> dict[str, str]:
    tags: dict[str, str] = {}
    for key, value in pairs:
        if key in tags:
            raise errors.InvalidTag("Cannot provide multiple Tags with the same key", TagKey=key)
        if not 1 <= len(key) <= 128 or not _LEGAL.fullmatch(key):
            raise errors.InvalidTag("The TagKey you have provided is invalid", TagKey=key)
        if key.lower().startswith("aws:"):
            raise errors.InvalidTag(reserved, TagKey=key)
        if len(value) > 256 or not _LEGAL.fullmatch(value):
            raise errors.InvalidTag("The TagValue you have provided is invalid", TagKey=key, TagValue=value)
        tags[key] = value
    return tags


def check_count(tags: Mapping[str, str]) -> None:
    if len(tags) > OBJECT_LIMIT:
        raise errors.BadRequest(f"Object tags cannot be greater than {OBJECT_LIMIT}")
