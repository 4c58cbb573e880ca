"""Contributor insights of tables and indexes: kept and told; CloudWatch shows nothing of them here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.dynamodb import memory
from haneul.services.dynamodb.errors import errors, invalid
from haneul.services.dynamodb.names import locate, table_resource
from haneul.services.dynamodb.state import TABLES, Index, TableRow
from haneul.services.dynamodb.tables import find

_DEFAULT = "ACCESSED_AND_THROTTLED_KEYS"


def _place(row: TableRow, index_name: str | None) -> TableRow | Index:
    """What keeps the mode: the table, or one of its indexes. Raises ResourceNotFoundException."""
    if index_name is None:
        return row
    for index in row.indexes:
        if index.name == index_name and not index.local:
            return index
    raise errors.ResourceNotFoundException(f"Requested resource not found: Index: {index_name} not found")


def _told(name: str, index_name: str | None, mode: str | None) -> dict[str, Any]:
    return {
        "TableName": name,
        "IndexName": index_name,
        "ContributorInsightsStatus": "DISABLED" if mode is None else "ENABLED",
        "ContributorInsightsMode": mode,
    }


@operation(resource=table_resource)
def update_contributor_insights(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateContributorInsights. Raises ResourceNotFoundException."""
    scope, name = locate(call, request["TableName"])
    enable = request["ContributorInsightsAction"] == "ENABLE"
    mode = request.get("ContributorInsightsMode", _DEFAULT) if enable else None
    with memory.of(call.cloud).changing(scope, name), call.write() as tx:
        row = find(tx, scope, name)
        _place(row, request.get("IndexName")).insights = mode
        row.insights_changed = call.now()
        TABLES.put(tx, scope, row)
    told = _told(name, request.get("IndexName"), mode)
    return {**told, "ContributorInsightsStatus": "ENABLING" if enable else "DISABLING"}


@operation(resource=table_resource)
def describe_contributor_insights(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeContributorInsights. Raises ResourceNotFoundException."""
    scope, name = locate(call, request["TableName"])
    index_name = request.get("IndexName")
    with call.read() as tx:
        row = find(tx, scope, name)
    told = _told(name, index_name, _place(row, index_name).insights)
    told["LastUpdateDateTime"] = row.insights_changed
    if told["ContributorInsightsMode"] is not None:
        subject = f"{name}-{index_name}" if index_name else name
        kinds = ["PKT", "SKT"] if row.range or index_name else ["PKT"]
        if told["ContributorInsightsMode"] == _DEFAULT:
            kinds += ["PKC", "SKC"] if row.range or index_name else ["PKC"]
        made = int((row.insights_changed or 0.0) * 1000)
        told["ContributorInsightsRuleList"] = [
            f"DynamoDBContributorInsights-{kind}-{subject}-{made}" for kind in sorted(kinds)
        ]
    return told


@operation(resource="*")
def list_contributor_insights(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListContributorInsights: tables and indexes that have or had them. Raises ResourceNotFoundException."""
    limit = min(request.get("MaxResults") or 100, 100)
    start = 0
    if request.get("NextToken"):
        opened = tokens.open_page(request["NextToken"])
        if opened is None:
            raise invalid("Invalid NextToken")
        start = int(opened[0])
    with call.read() as tx:
        if request.get("TableName"):
            scope, name = locate(call, request["TableName"])
            rows = [find(tx, scope, name)]
        else:
            rows = list(TABLES.scan(tx, call.scope))
    found = []
    for row in rows:
        if row.insights is not None:
            found.append(_told(row.name, None, row.insights))
        found += [_told(row.name, index.name, index.insights) for index in row.indexes if index.insights is not None]
    output: dict[str, Any] = {"ContributorInsightsSummaries": found[start : start + limit]}
    if len(found) > start + limit:
        output["NextToken"] = tokens.seal_page(start + limit)
    return output
