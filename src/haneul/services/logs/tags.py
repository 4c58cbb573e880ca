"""Tags of log groups and destinations, by ARN and (the older way) by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.logs import names
from haneul.services.logs.errors import errors
from haneul.services.logs.state import DESTINATIONS, GROUPS, Destination, Group
from haneul.state.store import Reader, Writer

MOST = 50


def _find(tx: Reader, call: Call, arn: str) -> Group | Destination:
    row: Group | Destination | None
    if ":destination:" in arn:
        row = DESTINATIONS.get(tx, call.scope, arn.rpartition(":")[2])
    else:
        row = GROUPS.get(tx, call.scope, names.name_of(arn))
    if row is None:
        raise errors.ResourceNotFoundException("The specified resource does not exist.")
    return row


def _put(tx: Writer, call: Call, row: Group | Destination, tags: dict[str, str]) -> None:
    if len(tags) > MOST:
        raise errors.TooManyTagsException("A resource can have at most 50 tags.")
    row.tags = tags
    if isinstance(row, Group):
        GROUPS.put(tx, call.scope, row)
    else:
        DESTINATIONS.put(tx, call.scope, row)


@operation(resource=names.by_arn)
def tag_resource(call: Call, request: Mapping[str, Any]) -> None:
    """TagResource."""
    with call.write() as tx:
        row = _find(tx, call, request["resourceArn"])
        _put(tx, call, row, {**row.tags, **request["tags"]})


@operation(resource=names.by_arn)
def untag_resource(call: Call, request: Mapping[str, Any]) -> None:
    """UntagResource."""
    gone = set(request["tagKeys"])
    with call.write() as tx:
        row = _find(tx, call, request["resourceArn"])
        _put(tx, call, row, {key: value for key, value in row.tags.items() if key not in gone})


@operation(resource=names.by_arn)
def list_tags_for_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListTagsForResource."""
    with call.read() as tx:
        return {"tags": _find(tx, call, request["resourceArn"]).tags}


@operation(resource=names.by_group)
def tag_log_group(call: Call, request: Mapping[str, Any]) -> None:
    """TagLogGroup."""
    with call.write() as tx:
        row = names.find(tx, call.scope, request["logGroupName"])
        _put(tx, call, row, {**row.tags, **request["tags"]})


@operation(resource=names.by_group)
def untag_log_group(call: Call, request: Mapping[str, Any]) -> None:
    """UntagLogGroup."""
    gone = set(request["tags"])
    with call.write() as tx:
        row = names.find(tx, call.scope, request["logGroupName"])
        _put(tx, call, row, {key: value for key, value in row.tags.items() if key not in gone})


@operation(resource=names.by_group)
def list_tags_log_group(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListTagsLogGroup."""
    with call.read() as tx:
        return {"tags": names.find(tx, call.scope, request["logGroupName"]).tags}
