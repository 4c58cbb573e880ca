"""Saved queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.logs import names
from haneul.services.logs.errors import errors
from haneul.services.logs.state import DEFINITIONS, Definition


@operation()
def put_query_definition(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutQueryDefinition: a new one, or a known one changed."""
    identity = request.get("queryDefinitionId")
    with call.write() as tx:
        if identity and DEFINITIONS.get(tx, call.scope, identity) is None:
            raise errors.ResourceNotFoundException("The specified query definition does not exist.")
        row = Definition(
            id=identity or tokens.uuid(),
            name=request["name"],
            text=request["queryString"],
            modified=names.millis(call),
            groups=list(request.get("logGroupNames") or ()),
            language=request.get("queryLanguage") or "CWLI",
        )
        DEFINITIONS.put(tx, call.scope, row)
    return {"queryDefinitionId": row.id}


@operation()
def describe_query_definitions(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeQueryDefinitions, by prefix of the name."""
    prefix = request.get("queryDefinitionNamePrefix") or ""
    with call.read() as tx:
        rows = [row for row in DEFINITIONS.scan(tx, call.scope) if row.name.startswith(prefix)]
    page, more = names.page(rows, request, lambda row: row.id, request.get("maxResults") or 1000)
    described = [
        {
            "queryLanguage": row.language,
            "queryDefinitionId": row.id,
            "name": row.name,
            "queryString": row.text,
            "lastModified": row.modified,
            "logGroupNames": row.groups,
        }
        for row in page
    ]
    return {"queryDefinitions": described, **more}


@operation()
def delete_query_definition(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteQueryDefinition."""
    with call.write() as tx:
        if DEFINITIONS.get(tx, call.scope, request["queryDefinitionId"]) is None:
            raise errors.ResourceNotFoundException("The specified query definition does not exist.")
        DEFINITIONS.delete(tx, call.scope, request["queryDefinitionId"])
    return {"success": True}
