"""Tags as S3 Control's requests carry them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from haneul.service import Call
from haneul.services.s3 import tagging
from haneul.services.s3control.errors import errors


def given_tags(request: Mapping[str, Any]) -> dict[str, str]:
    """The request's Tags. Raises InvalidTag, TooManyTags."""
    given = request.get("Tags") or []
    if len(given) > tagging.BUCKET_LIMIT:
        raise errors.TooManyTags(f"The number of tags exceeds the limit of {tagging.BUCKET_LIMIT} tags.")
    return tagging.from_set({"TagSet": given})


def and_tagging(own: str, tag: str = "s3:TagResource") -> Callable[[Call, Mapping[str, Any]], str | list[str]]:
    """The actions of an operation that may give what it makes tags: tagging is a right of its own."""
    return lambda call, request: [own, tag] if request.get("Tags") else own
