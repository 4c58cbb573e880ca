"""API destinations: web endpoints that rules can name as targets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from haneul.kit import tokens
from haneul.service import Call, Scope, operation
from haneul.services.events import names
from haneul.services.events.errors import errors, invalid
from haneul.services.events.state import CONNECTIONS, DESTINATIONS, Destination
from haneul.state.store import Reader

_URL = re.compile(r"https?://[^\s]+")


def arn_of(scope: Scope, row: Destination) -> str:
    return f"arn:aws:events:{scope.region}:{scope.account}:api-destination/{row.name}/{row.id}"


def by_destination(call: Call, request: Mapping[str, Any]) -> str:
    return f"arn:aws:events:{call.region}:{call.account}:api-destination/{request['Name']}/*"


def _find(tx: Reader, scope: Scope, name: str) -> Destination:
    row = DESTINATIONS.get(tx, scope, name)
    if row is None:
        raise errors.ResourceNotFoundException(
            f"Failed to describe the api-destination(s). An api-destination '{name}' does not exist."
        )
    return row


def _check_connection(tx: Reader, call: Call, arn: str) -> None:
    parts = arn.split(":", 5)
    name = parts[5].split("/")[1] if len(parts) == 6 and parts[5].startswith("connection/") else ""
    if not name or CONNECTIONS.get(tx, call.scope, name) is None:
        raise errors.ResourceNotFoundException(f"Connection '{name or arn}' does not exist.")


def _changed(call: Call, row: Destination) -> dict[str, Any]:
    return {
        "ApiDestinationArn": arn_of(call.scope, row),
        "ApiDestinationState": "ACTIVE",
        "CreationTime": row.created,
        "LastModifiedTime": row.modified,
    }


@operation(resource=by_destination)
def create_api_destination(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateApiDestination. Plain HTTP is taken too, for endpoints on this machine."""
    if not _URL.fullmatch(request["InvocationEndpoint"]):
        raise invalid("Parameter InvocationEndpoint is not valid.")
    with call.write() as tx:
        if DESTINATIONS.get(tx, call.scope, request["Name"]) is not None:
            raise errors.ResourceAlreadyExistsException(f"An api-destination '{request['Name']}' already exists.")
        _check_connection(tx, call, request["ConnectionArn"])
        row = Destination(
            name=request["Name"],
            id=tokens.uuid(),
            connection=request["ConnectionArn"],
            endpoint=request["InvocationEndpoint"],
            method=request["HttpMethod"],
            created=call.now(),
            modified=call.now(),
            description=request.get("Description"),
            rate=request.get("InvocationRateLimitPerSecond"),
        )
        DESTINATIONS.put(tx, call.scope, row)
    return _changed(call, row)


def _describe(call: Call, row: Destination) -> dict[str, Any]:
    return {
        **_changed(call, row),
        "Name": row.name,
        "ConnectionArn": row.connection,
        "InvocationEndpoint": row.endpoint,
        "HttpMethod": row.method,
        "InvocationRateLimitPerSecond": row.rate or 300,
    }


@operation(resource=by_destination)
def describe_api_destination(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DescribeApiDestination."""
    with call.read() as tx:
        row = _find(tx, call.scope, request["Name"])
    return {**_describe(call, row), "Description": row.description}


@operation()
def list_api_destinations(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListApiDestinations."""
    prefix, connection = request.get("NamePrefix") or "", request.get("ConnectionArn")
    with call.read() as tx:
        rows = [
            row
            for row in DESTINATIONS.scan(tx, call.scope)
            if row.name.startswith(prefix) and connection in (None, row.connection)
        ]
    chosen, more = names.page(rows, request, lambda row: row.name)
    return {"ApiDestinations": [_describe(call, row) for row in chosen], **more}


@operation(resource=by_destination)
def update_api_destination(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateApiDestination."""
    with call.write() as tx:
        row = _find(tx, call.scope, request["Name"])
        if connection := request.get("ConnectionArn"):
            _check_connection(tx, call, connection)
            row.connection = connection
        row.endpoint = request.get("InvocationEndpoint") or row.endpoint
        row.method = request.get("HttpMethod") or row.method
        row.rate = request.get("InvocationRateLimitPerSecond") or row.rate
        if "Description" in request:
            row.description = request["Description"]
        row.modified = call.now()
        DESTINATIONS.put(tx, call.scope, row)
    return _changed(call, row)


@operation(resource=by_destination)
def delete_api_destination(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """DeleteApiDestination."""
    with call.write() as tx:
        row = _find(tx, call.scope, request["Name"])
        DESTINATIONS.delete(tx, call.scope, row.name)
    return {}
