"""Tags of keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.kms.errors import errors
from haneul.services.kms.keys import change, check_tags, refuse_managed
from haneul.services.kms.lookup import by_key, find, page
from haneul.services.kms.state import PENDING_DELETION, Key


def _taggable(call: Call, request: Mapping[str, Any]) -> Key:
    key = find(call, request["KeyId"], aliases=False)
    refuse_managed(key)
    if key.state == PENDING_DELETION:
        raise errors.KMSInvalidStateException(f"{key.arn} is pending deletion.")
    return key


@operation(resource=by_key)
def tag_resource(call: Call, request: Mapping[str, Any]) -> None:
    """TagResource."""
    key = _taggable(call, request)
    tags = {**key.tags, **check_tags(request["Tags"])}
    if len(tags) > 50:
        raise errors.LimitExceededException("A key can have at most 50 tags.")
    change(call, key, tags=tags)


@operation(resource=by_key)
def untag_resource(call: Call, request: Mapping[str, Any]) -> None:
    """UntagResource."""
    key = _taggable(call, request)
    gone = set(request["TagKeys"])
    change(call, key, tags={name: value for name, value in key.tags.items() if name not in gone})


@operation(resource=by_key)
def list_resource_tags(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListResourceTags."""
    key = find(call, request["KeyId"], aliases=False)
    chosen, rest = page(list(key.tags.items()), request, default=50, most=50)
    return {"Tags": [{"TagKey": name, "TagValue": value} for name, value in chosen], **rest}
