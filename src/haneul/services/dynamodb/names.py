"""Names and ARNs of tables, indexes and streams: checked, taken apart, found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope
from haneul.services.dynamodb import memory
from haneul.services.dynamodb.errors import errors, invalid
from haneul.services.dynamodb.schemas import Schema
from haneul.state.store import Reader

_NAME = re.compile(r"[a-zA-Z0-9_.-]+\Z")
_PLAIN = re.compile(r"[a-zA-Z0-9_.-]{3,255}\Z")
_ARN = re.compile(
    r"arn:aws[a-z-]*:dynamodb:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):table/(?P<table>[a-zA-Z0-9_.-]{3,255})"
    r"(?P<rest>/.*)?\Z"
)
NOT_FOUND = "Requested resource not found"


def table_arn(scope: Scope, name: str) -> str:
    return f"arn:aws:dynamodb:{scope.region}:{scope.account}:table/{name}"


def parse_arn(arn: str) -> tuple[Scope, str, str] | None:
    """(scope, table, what follows the table's name) of a table's, index's, stream's or backup's ARN."""
    match = _ARN.match(arn)
    if match is None:
        return None
    return Scope(match["account"], match["region"]), match["table"], match["rest"] or ""


def locate(call: Call, name: str, member: str = "tableName") -> tuple[Scope, str]:
    """Where the table of this name or ARN lives. Raises ValidationException for what is neither."""
    if _PLAIN.match(name):
        return call.scope, name
    if name.startswith("arn:"):
        found = parse_arn(name)
        if found is None or found[2]:
            raise invalid(f"Invalid table ARN: {name}" if found is None else f"Invalid TableArn: {name}")
        scope, table, _ = found
        if scope.region != call.scope.region:
            raise invalid(f"Invalid table ARN: the table must be in the region of the request: {name}")
        return scope, table
    raise name_error(name, member)


def name_error(name: str, member: str = "tableName") -> Exception:
    problems = []
    if not _NAME.match(name):
        problems.append("Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
    if len(name) < 3:
        problems.append("Member must have length greater than or equal to 3")
    if len(name) > 255:
        problems.append("Member must have length less than or equal to 255")
    told = "; ".join(f"Value '{name}' at '{member}' failed to satisfy constraint: {problem}" for problem in problems)
    count = len(problems)
    return invalid(f"{count} validation error{'s' if count != 1 else ''} detected: {told}")


def is_name(name: str) -> bool:
    return _PLAIN.match(name) is not None


def check_index_name(name: str) -> None:
    if not is_name(name):
        raise name_error(name, "indexName")


def resolve(call: Call, tx: Reader, name: str, member: str = "tableName") -> Schema:
    """The table that a data request names. Raises ResourceNotFoundException."""
    if _PLAIN.match(name):
        scope = call.scope
        table = name
    else:
        scope, table = locate(call, name, member)
    schema = memory.of(call.cloud).schema(tx, scope, table)
    if schema is None or (schema.row.status == "CREATING" and schema.row.building is not None):
        raise errors.ResourceNotFoundException(NOT_FOUND)
    return schema


def table_resource(call: Call, request: Mapping[str, Any]) -> str:
    """The ARN that decides about an operation on a table, or on one of its indexes."""
    name = request.get("TableName") or ""
    arn = name if name.startswith("arn:") else table_arn(call.scope, name)
    index = request.get("IndexName")
    return f"{arn}/index/{index}" if index else arn


def batch_resource(call: Call, request: Mapping[str, Any]) -> list[str]:
    """The ARNs of a batch's tables."""
    return [name if name.startswith("arn:") else table_arn(call.scope, name) for name in request["RequestItems"]]
