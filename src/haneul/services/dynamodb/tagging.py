"""Tags of tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope, operation
from haneul.services.dynamodb import definitions, memory
from haneul.services.dynamodb.errors import errors, invalid
from haneul.services.dynamodb.names import parse_arn
from haneul.services.dynamodb.state import TABLES, TableRow
from haneul.state.store import Reader


def _located(call: Call, arn: str) -> tuple[Scope, str]:
    found = parse_arn(arn)
    if found is None or found[2]:
        reason = "" if arn.startswith("arn:") else "ARNs must start with 'arn:': "
        raise invalid(f"Invalid TableArn: {reason}Invalid ResourceArn provided as input {arn}")
    return found[0], found[1]


def _row(tx: Reader, scope: Scope, name: str, arn: str) -> TableRow:
    row = TABLES.get(tx, scope, name)
    if row is None:
        raise errors.ResourceNotFoundException(f"Requested resource not found: ResourceArn: {arn} not found")
    return row


@operation(resource="{ResourceArn}")
def tag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """TagResource. Raises ResourceNotFoundException, ValidationException."""
    if not request["Tags"]:
        raise invalid("Atleast one Tag needs to be provided as Input.")
    scope, name = _located(call, request["ResourceArn"])
    added = definitions.tags(request["Tags"])
    with memory.of(call.cloud).changing(scope, name), call.write() as tx:
        row = _row(tx, scope, name, request["ResourceArn"])
        tags = {**row.tags, **added}
        if len(tags) > 50:
            raise invalid("One or more parameter values were invalid: Too many tags: a resource has at most 50")
        row.tags = tags
        TABLES.put(tx, scope, row)
    return {}


@operation(resource="{ResourceArn}")
def untag_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UntagResource. Raises ResourceNotFoundException, ValidationException."""
    if not request["TagKeys"]:
        raise invalid("Atleast one Tag Key needs to be provided as Input.")
    scope, name = _located(call, request["ResourceArn"])
    with memory.of(call.cloud).changing(scope, name), call.write() as tx:
        row = _row(tx, scope, name, request["ResourceArn"])
        row.tags = {key: value for key, value in row.tags.items() if key not in request["TagKeys"]}
        TABLES.put(tx, scope, row)
    return {}


@operation(resource="{ResourceArn}")
def list_tags_of_resource(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListTagsOfResource. Raises ResourceNotFoundException, ValidationException."""
    scope, name = _located(call, request["ResourceArn"])
    with call.read() as tx:
        row = _row(tx, scope, name, request["ResourceArn"])
    return {"Tags": [{"Key": key, "Value": value} for key, value in row.tags.items()]}
