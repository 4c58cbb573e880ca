"""Tags of alarms and dashboards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, operation
from haneul.services.cloudwatch.errors import errors
from haneul.services.cloudwatch.state import ALARMS, DASHBOARDS, Alarm, Dashboard
from haneul.state.store import Reader, Writer


def by_arn(call: Call, request: Mapping[str, Any]) -> str:
    return str(request["ResourceARN"])


def _find(tx: Reader, call: Call, arn: str) -> Alarm | Dashboard:
    row: Alarm | Dashboard | None = None
    if ":alarm:" in arn:
        row = ALARMS.get(tx, call.scope, arn.split(":alarm:", 1)[1])
    elif ":dashboard/" in arn:
        row = DASHBOARDS.get(tx, call.scope, arn.split(":dashboard/", 1)[1])
    if row is None:
        raise errors.ResourceNotFoundException("Unknown")
    return row


def _put(tx: Writer, call: Call, row: Alarm | Dashboard, tags: dict[str, str]) -> None:
    row.tags = tags
    if isinstance(row, Alarm):
        ALARMS.put(tx, call.scope, row)
    else:
        DASHBOARDS.put(tx, call.scope, row)


@operation(resource=by_arn)
def tag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """TagResource."""
    with call.write() as tx:
        row = _find(tx, call, request["ResourceARN"])
        _put(tx, call, row, {**row.tags, **{tag["Key"]: tag["Value"] for tag in request["Tags"]}})
    return {}


@operation(resource=by_arn)
def untag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UntagResource."""
    gone = set(request["TagKeys"])
    with call.write() as tx:
        row = _find(tx, call, request["ResourceARN"])
        _put(tx, call, row, {key: value for key, value in row.tags.items() if key not in gone})
    return {}


@operation(resource=by_arn)
def list_tags_for_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListTagsForResource."""
    with call.read() as tx:
        row = _find(tx, call, request["ResourceARN"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in row.tags.items()]}
