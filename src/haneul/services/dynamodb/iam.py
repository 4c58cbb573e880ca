"""Condition keys of IAM decisions: leading keys, attributes, Select, ReturnValues and ReturnConsumedCapacity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call
from haneul.services.dynamodb import memory
from haneul.services.dynamodb.plane import conditions, projections, updates
from haneul.services.dynamodb.plane.binding import Binding
from haneul.wire.errors import AwsError

Keys = dict[str, "str | list[str]"]


def item_conditions(call: Call, request: Mapping[str, Any]) -> Keys:
    """The keys of an operation on one item. Cheap when IAM is off."""
    if not call.cloud.config.iam_enforced:
        return {}
    found: Keys = {}
    for member in ("ReturnValues", "ReturnConsumedCapacity", "Select"):
        if request.get(member):
            found[f"dynamodb:{member}"] = request[member]
    item = request.get("Item")
    key = item if item is not None else request.get("Key")
    name = request.get("TableName")
    if key is not None and name:
        found |= _leading(call, name, [key])
    attributes = set(item or ()) | _attributes(request)
    if key is not None:
        attributes |= set(key)
    if attributes:
        found["dynamodb:Attributes"] = sorted(attributes)
    return found


def batch_conditions(call: Call, request: Mapping[str, Any]) -> Keys:
    """The keys of BatchGetItem and BatchWriteItem."""
    if not call.cloud.config.iam_enforced:
        return {}
    found: Keys = {}
    attributes: set[str] = set()
    leading: list[str] = []
    for name, wanted in request["RequestItems"].items():
        if isinstance(wanted, list):
            keys = [(each.get("PutRequest") or {}).get("Item") or (each.get("DeleteRequest") or {}).get("Key") or {}
                    for each in wanted]  # fmt: skip
            attributes |= {attribute for key in keys for attribute in key}
        else:
            keys = wanted.get("Keys") or []
            attributes |= _attributes(wanted) | {attribute for key in keys for attribute in key}
        told = _leading(call, name, keys).get("dynamodb:LeadingKeys", [])
        leading += [told] if isinstance(told, str) else told
    if leading:
        found["dynamodb:LeadingKeys"] = leading
    if attributes:
        found["dynamodb:Attributes"] = sorted(attributes)
    return found


def query_conditions(call: Call, request: Mapping[str, Any]) -> Keys:
    """The keys of Query and Scan."""
    if not call.cloud.config.iam_enforced:
        return {}
    found: Keys = {}
    for member in ("ReturnConsumedCapacity", "Select"):
        if request.get(member):
            found[f"dynamodb:{member}"] = request[member]
    attributes = _attributes(request)
    if attributes:
        found["dynamodb:Attributes"] = sorted(attributes)
    return found | _query_key(call, request)


def _query_key(call: Call, request: Mapping[str, Any]) -> Keys:
    """The partition key value that a Query names."""
    from haneul.services.dynamodb.keyconditions import equalities

    try:
        told = equalities(request)
    except AwsError:
        return {}
    return _leading(call, request.get("TableName") or "", [told], request.get("IndexName"))


def _leading(call: Call, name: str, keys: list[Mapping[str, Any]], index: str | None = None) -> Keys:
    with call.read() as tx:
        schema = memory.of(call.cloud).schema(tx, call.scope, name.rpartition("/")[2])
    if schema is None:
        return {}
    attribute = schema.hash
    for each in schema.indexes:
        if each.name == index:
            attribute = each.hashes[0][0]
    values = [str(next(iter(key[attribute].values()))) for key in keys if key.get(attribute)]
    return {"dynamodb:LeadingKeys": values} if values else {}


def _attributes(request: Mapping[str, Any]) -> set[str]:
    """Top-level attributes that a request's expressions and old parameters name."""
    found = set(request.get("AttributesToGet") or ()) | set(request.get("AttributeUpdates") or ())
    found |= set(request.get("Expected") or ()) | set(request.get("QueryFilter") or ())
    found |= set(request.get("ScanFilter") or ())
    try:
        bound = Binding(request.get("ExpressionAttributeNames"), request.get("ExpressionAttributeValues"))
        if text := request.get("ProjectionExpression"):
            found |= {str(path[0]) for path in projections.bind(text, bound)}
        if text := request.get("UpdateExpression"):
            found |= {str(action.path[0]) for action in updates.bind(text, bound)}
        for member in ("ConditionExpression", "FilterExpression", "KeyConditionExpression"):
            if text := request.get(member):
                found |= {str(head) for head in conditions.bind(text, bound, member).heads}
    except AwsError:
        return found
    return found
