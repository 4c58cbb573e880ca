"""Tags of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.ssm import names
from haneul.services.ssm.errors import errors
from haneul.services.ssm.state import PARAMETERS, Parameter
from haneul.state.store import Reader

MAX_TAGS = 50


def _find(tx: Reader, call: Call, request: Mapping[str, Any]) -> Parameter:
    if request["ResourceType"] != "Parameter":
        raise errors.InvalidResourceType("Only parameters are kept here.")
    parameter = names.find(tx, call.scope, request["ResourceId"])
    if parameter is None:
        raise errors.InvalidResourceId("")
    return parameter


@operation(resource=names.by_resource)
def add_tags_to_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """AddTagsToResource."""
    with call.write() as tx:
        parameter = _find(tx, call, request)
        tags = {**parameter.tags, **{tag["Key"]: tag["Value"] for tag in request["Tags"]}}
        if len(tags) > MAX_TAGS:
            raise errors.TooManyTagsError("")
        parameter.tags = tags
        PARAMETERS.put(tx, call.scope, parameter)
    return {}


@operation(resource=names.by_resource)
def remove_tags_from_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """RemoveTagsFromResource."""
    gone = set(request["TagKeys"])
    with call.write() as tx:
        parameter = _find(tx, call, request)
        parameter.tags = {key: value for key, value in parameter.tags.items() if key not in gone}
        PARAMETERS.put(tx, call.scope, parameter)
    return {}


@operation(resource=names.by_resource)
def list_tags_for_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListTagsForResource."""
    with call.read() as tx:
        parameter = _find(tx, call, request)
    return {"TagList": [{"Key": key, "Value": value} for key, value in parameter.tags.items()]}
