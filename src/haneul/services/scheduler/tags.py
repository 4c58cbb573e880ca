"""Tags of schedule groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.scheduler.errors import errors
from haneul.services.scheduler.groups import find
from haneul.services.scheduler.state import GROUPS, Group
from haneul.state.store import Reader


def by_arn(call: Call, request: Mapping[str, Any]) -> str:
    return str(request["ResourceArn"])


def _find(tx: Reader, call: Call, arn: str) -> Group:
    kind, _, name = arn.split(":", 5)[5].partition("/")
    if kind != "schedule-group":
        raise errors.ResourceNotFoundException(f"Resource {arn} does not exist.")
    return find(tx, call.scope, name)


@operation(resource=by_arn)
def tag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """TagResource."""
    with call.write() as tx:
        group = _find(tx, call, request["ResourceArn"])
        group.tags = {**group.tags, **{tag["Key"]: tag["Value"] for tag in request["Tags"]}}
        GROUPS.put(tx, call.scope, group)
    return {}


@operation(resource=by_arn)
def untag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UntagResource."""
    gone = set(request["TagKeys"])
    with call.write() as tx:
        group = _find(tx, call, request["ResourceArn"])
        group.tags = {key: value for key, value in group.tags.items() if key not in gone}
        GROUPS.put(tx, call.scope, group)
    return {}


@operation(resource=by_arn)
def list_tags_for_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListTagsForResource."""
    with call.read() as tx:
        group = _find(tx, call, request["ResourceArn"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in group.tags.items()]}
