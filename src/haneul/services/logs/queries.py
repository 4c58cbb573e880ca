"""Queries of Insights: start, results, stop, describe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from haneul import converge
from haneul.kit import tokens
from haneul.service import Call, operation
from haneul.services.logs import names
from haneul.services.logs.errors import errors, invalid
from haneul.services.logs.insights.query import parse_query
from haneul.services.logs.insights.tokens import QueryError
from haneul.services.logs.state import GROUPS, QUERIES, Query
from haneul.state import chunks

KEPT = 7 * 86_400_000
MOST_GROUPS = 50
_RESULTS = b"logs/results/"


def results_key(query: Query) -> bytes:
    return _RESULTS + query.id.encode()


@operation(resource=names.by_group)
def start_query(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """StartQuery over one group or several."""
    if request.get("queryLanguage") not in (None, "CWLI"):
        raise invalid("Only the query language CWLI is spoken here.")
    chosen = [request["logGroupName"]] if request.get("logGroupName") else list(request.get("logGroupNames") or ())
    chosen += [names.name_of(identifier) for identifier in request.get("logGroupIdentifiers") or ()]
    if not chosen:
        raise invalid("Exactly one of logGroupName, logGroupNames or logGroupIdentifiers must be specified.")
    if len(chosen) > MOST_GROUPS:
        raise invalid(f"A query can have at most {MOST_GROUPS} log groups.")
    if request["startTime"] > request["endTime"]:
        raise invalid("End time should not be less than start time")
    try:
        parse_query(request["queryString"])
    except QueryError as error:
        raise errors.MalformedQueryException(
            str(error),
            queryCompileError={
                "location": {"startCharOffset": error.at, "endCharOffset": error.at},
                "message": str(error),
            },
        ) from None
    with call.write() as tx:
        for name in chosen:
            if GROUPS.get(tx, call.scope, name) is None:
                raise errors.ResourceNotFoundException(
                    f"Log group '{name}' does not exist for account ID '{call.account}'"
                )
        query = Query(
            id=tokens.uuid(),
            text=request["queryString"],
            groups=chosen,
            start=_millis(request["startTime"]),
            end=_millis(request["endTime"]),
            created=names.millis(call),
            limit=request.get("limit"),
        )
        QUERIES.put(tx, call.scope, query)
        converge.wake(tx, "logs.query", call.scope, (query.id,), call.now())
    return {"queryId": query.id}


def _millis(given: float) -> int:
    """AWS takes seconds here, and milliseconds too."""
    return int(given) if given > 100_000_000_000 else int(given * 1000)


def _of_query(call: Call, request: Mapping[str, Any]) -> list[str]:
    """The groups that the query is about; any when there is no such query."""
    with call.read() as tx:
        query = QUERIES.get(tx, call.scope, request.get("queryId") or "")
    return [f"{names.group_arn(call.scope, name)}:*" for name in (query.groups if query is not None else ["*"])]


@operation(resource=_of_query)
def get_query_results(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetQueryResults, once the query is done; its status until then."""
    with call.read() as tx:
        query = QUERIES.get(tx, call.scope, request["queryId"])
        if query is None:
            raise errors.ResourceNotFoundException(f"Query {request['queryId']} does not exist.")
        packed = chunks.get(tx, results_key(query)) if query.status == "Complete" else None
    rows: list[list[list[str]]] = orjson.loads(packed) if packed else []
    return {
        "queryLanguage": "CWLI",
        "results": [[{"field": field, "value": value} for field, value in row] for row in rows],
        "statistics": {"recordsMatched": 0.0, "recordsScanned": 0.0, "bytesScanned": 0.0, **query.statistics},
        "status": query.status,
    }


@operation()
def stop_query(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """StopQuery, if it isn't done."""
    with call.write() as tx:
        query = QUERIES.get(tx, call.scope, request["queryId"])
        if query is None:
            raise errors.ResourceNotFoundException(f"Query {request['queryId']} does not exist.")
        if query.status not in ("Scheduled", "Running"):
            raise invalid("Query is not in a state that can be stopped.")
        query.status = "Cancelled"
        QUERIES.put(tx, call.scope, query)
    return {"success": True}


@operation()
def describe_queries(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeQueries: the newest first."""
    group, status = request.get("logGroupName"), request.get("status")
    with call.read() as tx:
        rows = [
            query
            for query in QUERIES.scan(tx, call.scope)
            if (not group or group in query.groups) and status in (None, query.status)
        ]
    rows.sort(key=lambda query: query.created, reverse=True)
    described = [
        {
            "queryLanguage": "CWLI",
            "queryId": query.id,
            "queryString": query.text,
            "status": query.status,
            "createTime": query.created,
            "logGroupName": query.groups[0],
        }
        for query in rows[: request.get("maxResults") or 1000]
    ]
    return {"queries": described}


@operation()
def list_log_groups_for_query(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListLogGroupsForQuery: the groups that a query read."""
    with call.read() as tx:
        query = QUERIES.get(tx, call.scope, request["queryId"])
    if query is None:
        raise errors.ResourceNotFoundException(f"Query {request['queryId']} does not exist.")
    return {"logGroupIdentifiers": query.groups}
