"""Tags of functions and event source mappings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.lambda_ import names
from haneul.services.lambda_.errors import invalid, not_found
from haneul.services.lambda_.names import parse
from haneul.services.lambda_.state import FUNCTIONS, MAPPINGS, Function
from haneul.services.lambda_.state import Mapping as Source
from haneul.state.store import Reader, Writer


def _find(call: Call, tx: Reader, arn: str) -> Function | Source:
    if ":event-source-mapping:" in arn:
        row = MAPPINGS.get(tx, call.scope, arn.rpartition(":")[2])
        if row is None:
            raise not_found("The resource you requested does not exist.")
        return row
    name = parse(call, arn)
    if name.qualifier:
        raise invalid("Tags on function aliases and versions are not supported. Please specify a function ARN.")
    return names.function(tx, name)


def _put(call: Call, tx: Writer, row: Function | Source) -> None:
    if isinstance(row, Function):
        FUNCTIONS.put(tx, call.scope, row)
    else:
        MAPPINGS.put(tx, call.scope, row)


@operation(resource="{Resource}")
def list_tags(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.read() as tx:
        return {"Tags": dict(_find(call, tx, request["Resource"]).tags)}


@operation(resource="{Resource}")
def tag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = _find(call, tx, request["Resource"])
        row.tags = dict(row.tags) | dict(request["Tags"])
        if len(row.tags) > 50:
            raise invalid("Number of tags exceeds resource tag limit.")
        _put(call, tx, row)
    return {}


@operation(resource="{Resource}")
def untag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    with call.write() as tx:
        row = _find(call, tx, request["Resource"])
        row.tags = {key: value for key, value in row.tags.items() if key not in request["TagKeys"]}
        _put(call, tx, row)
    return {}
