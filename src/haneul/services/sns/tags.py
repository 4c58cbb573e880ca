"""Tags of topics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope, operation
from haneul.services.sns.errors import errors
from haneul.services.sns.state import TOPICS, Topic
from haneul.services.sns.topics import by_topic, check_tags, locate
from haneul.state.store import Reader


def _get(tx: Reader, arn: str) -> tuple[Scope, Topic]:
    scope, name = locate(arn)
    topic = TOPICS.get(tx, scope, name)
    if topic is None:
        raise errors.ResourceNotFoundException("Resource does not exist")
    return scope, topic


@operation(resource=by_topic)
def tag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """TagResource."""
    tags = check_tags(request["Tags"])
    with call.write() as tx:
        scope, topic = _get(tx, request["ResourceArn"])
        merged = {**topic.tags, **tags}
        if len(merged) > 50:
            raise errors.TagLimitExceededException("Could not complete request: tag quota of per resource exceeded")
        topic.tags = merged
        TOPICS.put(tx, scope, topic)
    return {}


@operation(resource=by_topic)
def untag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UntagResource."""
    gone = set(request["TagKeys"])
    with call.write() as tx:
        scope, topic = _get(tx, request["ResourceArn"])
        topic.tags = {key: value for key, value in topic.tags.items() if key not in gone}
        TOPICS.put(tx, scope, topic)
    return {}


@operation(resource=by_topic)
def list_tags_for_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListTagsForResource."""
    with call.read() as tx:
        _, topic = _get(tx, request["ResourceArn"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in topic.tags.items()]}
