"""Tags of pipes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.pipes.pipes import find
from haneul.services.pipes.state import PIPES, Pipe
from haneul.state.store import Reader


def by_arn(call: Call, request: Mapping[str, Any]) -> str:
    return str(request["resourceArn"])


def _find(tx: Reader, call: Call, arn: str) -> Pipe:
    return find(tx, call, arn.rpartition("/")[2])


@operation(resource=by_arn)
def tag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """TagResource."""
    with call.write() as tx:
        pipe = _find(tx, call, request["resourceArn"])
        pipe.tags = {**pipe.tags, **request["tags"]}
        PIPES.put(tx, call.scope, pipe)
    return {}


@operation(resource=by_arn)
def untag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UntagResource."""
    gone = set(request["tagKeys"])
    with call.write() as tx:
        pipe = _find(tx, call, request["resourceArn"])
        pipe.tags = {key: value for key, value in pipe.tags.items() if key not in gone}
        PIPES.put(tx, call.scope, pipe)
    return {}


@operation(resource=by_arn)
def list_tags_for_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListTagsForResource."""
    with call.read() as tx:
        return {"tags": _find(tx, call, request["resourceArn"]).tags}
