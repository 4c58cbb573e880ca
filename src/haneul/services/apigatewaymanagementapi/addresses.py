"""The same operations at a WebSocket API's own address: https://{api}.execute-api.../{stage}/@connections/{id}."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from haneul.engines.integrations.sockets import MAX_MESSAGE, sockets_of
from haneul.service import Call
from haneul.wire import model as models
from haneul.wire.compile import codec, error_response
from haneul.wire.errors import AwsError
from haneul.wire.message import Request, Response

_MODEL = "apigatewaymanagementapi"
_OWN = re.compile(r"/_aws/execute-api/([^/]+)(/.+)")
_PATH = re.compile(r"(?:/([^/]+))?/(?:@|%40)connections/([^/]+)", re.I)
_OPERATIONS = {"POST": "PostToConnection", "GET": "GetConnection", "DELETE": "DeleteConnection"}


def answer(call: Call, request: Request, target: Any) -> Any:
    """A request to a connection below an API's address; None for any other."""
    labels, path = target.host.labels, request.path
    own = _OWN.fullmatch(path)
    if own is not None:
        api, path = own.group(1), own.group(2)
    elif "execute-api" in labels and labels.index("execute-api"):
        api = labels[labels.index("execute-api") - 1]
    else:
        api = ""
    found = _PATH.fullmatch(path)
    operation = _OPERATIONS.get(request.method)
    if found is None or operation is None:
        return None
    if api and (not found.group(1) or _is_elsewhere(call, api, unquote(found.group(1)), unquote(found.group(2)))):
        return _failed(call, request, AwsError("GoneException", "", 410))
    return _perform(call, request, operation, {"ConnectionId": unquote(found.group(2))})


def _is_elsewhere(call: Call, api: str, stage: str, identity: str) -> bool:
    """Whether a connection with this id belongs to another API or stage."""
    found = sockets_of(call.cloud).get(identity)
    return found is not None and (found.api, found.stage) != (api, stage)


async def _perform(call: Call, request: Request, operation: str, members: Mapping[str, Any]) -> Response:
    """The operation, as whoever signed the request."""
    try:
        principal = call.cloud.verifier.verify(request, "execute-api").principal
        if request.stream is not None:
            request.body = await request.stream.read(MAX_MESSAGE + 1)
            request.stream = None
        asked = {**members, "Data": request.body} if operation == "PostToConnection" else members
        account = principal.account or call.cloud.config.account
        inner = call.cloud.call_as(_MODEL, call.scope._replace(account=account, region=call.region), principal)
        inner.acts_as = principal
        output = inner.invoke(_MODEL, operation, asked)
        output = await output if inspect.isawaitable(output) else output
    except AwsError as error:
        if error.code == "EntityTooLarge":
            error = AwsError("PayloadTooLargeException", "Message too long", 413)
        return _failed(call, request, error)
    return codec(models.load(_MODEL), operation, "rest-json", frozenset()).serialize(output or {}, call.request_id)


def _failed(call: Call, request: Request, error: AwsError) -> Response:
    return error_response(models.load(_MODEL), "rest-json", error, call.request_id, request.path)
