"""Connections: write to one, look at one, close one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haneul.engines.integrations.sockets import MAX_MESSAGE, Socket, sockets_of
from haneul.service import Call, operation
from haneul.wire.errors import Errors

errors = Errors("apigatewaymanagementapi")
_VERBS = {"PostToConnection": "POST", "GetConnection": "GET", "DeleteConnection": "DELETE"}


def resource(call: Call, request: Mapping[str, Any]) -> str:
    """The connection's ARN; of an id that nobody has, one that only a right to all of them covers."""
    found = sockets_of(call.cloud).get(request["ConnectionId"])
    head = f"arn:aws:execute-api:{call.region}:{call.account}"
    where = f"{found.api}/{found.stage}" if found is not None else "*/*"
    return f"{head}:{where}/{_VERBS.get(call.operation, 'POST')}/@connections/{request['ConnectionId']}"


def _socket(call: Call, request: Mapping[str, Any]) -> Socket:
    """The open connection. Raises GoneException; ForbiddenException for another account's."""
    found = sockets_of(call.cloud).get(request["ConnectionId"])
    if found is None or not found.is_open:
        raise errors.GoneException("")
    if found.scope != call.scope:
        raise errors.ForbiddenException("Forbidden")
    return found


@operation(resource=resource)
async def post_to_connection(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    """PostToConnection. Raises GoneException, PayloadTooLargeException, ForbiddenException."""
    data: bytes = request["Data"]
    if len(data) > MAX_MESSAGE:
        raise errors.PayloadTooLargeException("Message too long")
    try:
        data.decode()
        is_text = True
    except UnicodeDecodeError:
        is_text = False
    if not _socket(call, request).send(data, is_text):
        raise errors.GoneException("")
    call.meter("ApiGatewayMessage", float(max(1, -(-len(data) // (32 << 10)))))
    return {}


@operation(resource=resource)
async def get_connection(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    found = _socket(call, request)
    return {
        "ConnectedAt": found.connected,
        "Identity": {"SourceIp": found.client, "UserAgent": found.agent},
        "LastActiveAt": found.active,
    }


@operation(resource=resource)
async def delete_connection(call: Call, request: Mapping[str, Any]) -> dict[str, Any]:
    _socket(call, request).close(1000, "Connection Closed Normally")
    return {}
