"""Tags of queues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.sqs.broker import broker
from haneul.services.sqs.errors import errors, missing
from haneul.services.sqs.queues import by_url, update

LIMIT = 50


@operation(resource=by_url)
def tag_queue(call: Call, request: Mapping[str, Any]) -> None:
    """TagQueue."""
    live = broker(call).find(call, request["QueueUrl"])
    if not request["Tags"]:
        raise missing("Tags")
    tags = {**live.row.tags, **request["Tags"]}
    if len(tags) > LIMIT:
        raise errors.InvalidParameterValue(f"Too many tags added for queue {live.row.name}.")
    update(call, live, tags=tags)


@operation(resource=by_url)
def untag_queue(call: Call, request: Mapping[str, Any]) -> None:
    """UntagQueue."""
    live = broker(call).find(call, request["QueueUrl"])
    gone = set(request["TagKeys"])
    if not gone:
        raise errors.InvalidParameterValue("Tag keys must be between 1 and 128 characters in length.")
    update(call, live, tags={key: value for key, value in live.row.tags.items() if key not in gone})


@operation(resource=by_url)
def list_queue_tags(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListQueueTags."""
    live = broker(call).find(call, request["QueueUrl"])
    return {"Tags": live.row.tags} if live.row.tags else {}
