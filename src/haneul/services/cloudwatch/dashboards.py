"""Dashboards, as they were put."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.cloudwatch.errors import errors, invalid
from haneul.services.cloudwatch.state import DASHBOARDS, Dashboard
from haneul.state import chunks

PAGE = 1000


def arn_of(account: str, name: str) -> str:
    return f"arn:aws:cloudwatch::{account}:dashboard/{name}"


def by_dashboard(call: Call, request: Mapping[str, Any]) -> str:
    return arn_of(call.account, request["DashboardName"])


def _key(scope: Scope, name: str) -> bytes:
    return f"cw/dashboard/{scope.account}/{scope.region}/{name}/".encode()


@operation(resource=by_dashboard)
def put_dashboard(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutDashboard."""
    name, body = request["DashboardName"], request["DashboardBody"]
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        problem = {"Message": "The field DashboardBody must be a valid JSON object"}
        raise errors.DashboardInvalidInputError(problem["Message"], dashboardValidationMessages=[problem])
    tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()}
    with call.write() as tx:
        row = Dashboard(name=name, modified=call.now(), size=len(body.encode()), tags=tags)
        DASHBOARDS.put(tx, call.scope, row)
        chunks.put(tx, _key(call.scope, name), body.encode())
    messages = []
    if "widgets" not in document:
        messages = [{"DataPath": "/widgets", "Message": "The dashboard has no widgets"}]
    return {"DashboardValidationMessages": messages}


@operation(resource=by_dashboard)
def get_dashboard(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """GetDashboard."""
    name = request["DashboardName"]
    with call.read() as tx:
        body = chunks.get(tx, _key(call.scope, name)) if DASHBOARDS.get(tx, call.scope, name) is not None else None
    if body is None:
        raise errors.DashboardNotFoundError(f"Dashboard {name} does not exist")
    return {"DashboardArn": arn_of(call.account, name), "DashboardBody": body.decode(), "DashboardName": name}


@operation()
def list_dashboards(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListDashboards, by prefix."""
    prefix = request.get("DashboardNamePrefix") or ""
    after = ""
    if token := request.get("NextToken"):
        position = tokens.open_page(token)
        if not position or not isinstance(position[0], str):
            raise invalid("The token is invalid.")
        after = position[0]
    with call.read() as tx:
        rows = [row for row in DASHBOARDS.scan(tx, call.scope) if row.name.startswith(prefix) and row.name > after]
    more = {"NextToken": tokens.seal_page(rows[PAGE - 1].name)} if len(rows) > PAGE else {}
    entries = [
        {
            "DashboardName": row.name,
            "DashboardArn": arn_of(call.account, row.name),
            "LastModified": row.modified,
            "Size": row.size,
        }
        for row in rows[:PAGE]
    ]
    return {"DashboardEntries": entries, **more}


@operation(resource=lambda call, request: [arn_of(call.account, name) for name in request["DashboardNames"]])
def delete_dashboards(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteDashboards: all of them or none."""
    if not request["DashboardNames"]:
        raise invalid("DashboardNames must contain at least one dashboard name.")
    with call.write() as tx:
        for name in request["DashboardNames"]:
            if DASHBOARDS.get(tx, call.scope, name) is None:
                raise errors.DashboardNotFoundError(f"Dashboard {name} does not exist")
        for name in request["DashboardNames"]:
            DASHBOARDS.delete(tx, call.scope, name)
            chunks.delete(tx, _key(call.scope, name))
    return {}
