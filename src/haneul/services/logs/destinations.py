"""Destinations: names for streams that other accounts may send to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.service import Call, Scope, operation
from haneul.services.logs import names
from haneul.services.logs.errors import errors
from haneul.services.logs.state import DESTINATIONS, Destination


def by_name(call: Call, request: Mapping[str, Any]) -> str:
    return f"arn:aws:logs:{call.region}:{call.account}:destination:{request['destinationName']}"


def _describe(scope: Scope, row: Destination) -> dict[str, Any]:
    return {
        "destinationName": row.name,
        "targetArn": row.target,
        "roleArn": row.role,
        "accessPolicy": row.policy,
        "arn": f"arn:aws:logs:{scope.region}:{scope.account}:destination:{row.name}",
        "creationTime": row.created,
    }


@operation(resource=by_name)
def put_destination(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PutDestination."""
    with call.write() as tx:
        known = DESTINATIONS.get(tx, call.scope, request["destinationName"])
        row = Destination(
            name=request["destinationName"],
            target=request["targetArn"],
            role=request["roleArn"],
            created=known.created if known else names.millis(call),
            policy=known.policy if known else None,
            tags=dict(request.get("tags") or (known.tags if known else {})),
        )
        DESTINATIONS.put(tx, call.scope, row)
    return {"destination": _describe(call.scope, row)}


@operation(resource=by_name)
def put_destination_policy(call: Call, request: Mapping[str, Any]) -> None:
    """PutDestinationPolicy."""
    with call.write() as tx:
        row = DESTINATIONS.get(tx, call.scope, request["destinationName"])
        if row is None:
            raise errors.ResourceNotFoundException("The specified destination does not exist.")
        row.policy = request["accessPolicy"]
        DESTINATIONS.put(tx, call.scope, row)


@operation()
def describe_destinations(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeDestinations."""
    prefix = request.get("DestinationNamePrefix") or ""
    with call.read() as tx:
        rows = [row for row in DESTINATIONS.scan(tx, call.scope) if row.name.startswith(prefix)]
    page, more = names.page(rows, request, lambda row: row.name, request.get("limit") or 50)
    return {"destinations": [_describe(call.scope, row) for row in page], **more}


@operation(resource=by_name)
def delete_destination(call: Call, request: Mapping[str, Any]) -> None:
    """DeleteDestination."""
    with call.write() as tx:
        if DESTINATIONS.get(tx, call.scope, request["destinationName"]) is None:
            raise errors.ResourceNotFoundException("The specified destination does not exist.")
        DESTINATIONS.delete(tx, call.scope, request["destinationName"])
